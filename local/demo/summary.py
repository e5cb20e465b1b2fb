"""The tables at the end of the first sync: what the flow did, what was not written and why, and the comparison."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from local.demo.additions import Additions
from local.demo.comparison import Comparison
from local.demo.progress_reader import ENDED
from local.demo.report import FlowResult, Result, Trial, listed
from local.demo.systems import SYSTEM_NAMES
from shared.counting import counted
from shared.flows.registry import FLOWS
from shared.state.failures import Failure
from shared.sync.apply.filters import in_words
from shared.sync.apply.outcome import Kind
from shared.visible import visible

# The other columns are outcomes, shown if a flow has any.
_ALWAYS = ("read", "seconds")
_ENTRIES_SHOWN = 8
_EXAMPLES_SHOWN = 2
_LONGEST_VALUE = 60


def pictures(result: Result) -> Iterator[RenderableType]:
    """Everything that is shown of a result, from top to bottom."""
    yield _flows(result)
    yield _asked(result)
    yield Text()
    left_out = _left_out(result)
    if left_out.row_count:
        yield left_out
        yield Text()
    yield _comparisons(result)
    if any(rule.startswith(ENDED) for flow in result.flows.values() for rule in flow.account.filtered):
        yield Text("not expected: what has ended, such as a quote that was won; it became an order", style="dim")
    if any(flow.additions.fields for flow in result.flows.values()):
        yield Text()
        yield _fields_of_the_document(result)
    yield from findings(result)
    if result.trial is not None:
        yield closing_line(result.trial)
    yield _verdict(result)


def findings(result: Result) -> Iterator[Text]:
    """By name, what the comparison of both systems has found to be wrong."""
    for name, flow in result.flows.items():
        yield from _findings(name, flow.comparison)
        yield from _unaccounted(name, flow)


def closing_line(trial: Trial) -> Text:
    """What the comparison of both systems says after the functions were killed."""
    found = {"lost": trial.lost, "extra": trial.extra, "doubled": trial.doubled, "stale": trial.stale}
    outcome = ", ".join(f"{name} {count}" for name, count in found.items())
    idle = ", ".join(name for name, count in trial.in_hand.items() if not count)
    untested = f" Nothing of {idle} was in their hands then: that was not tried." if idle else ""
    text = f"Functions killed while {listed(trial.touched)} changed: {outcome}.{untested}"
    return Text(text, style="bold red" if any(found.values()) else "bold green")


def _table(title: str, *columns: str, names: int = 1) -> Table:
    """A table whose first columns hold names and the others numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < names else "right", no_wrap=True)
    return table


def _flows(result: Result) -> Table:
    figures = {name: _figures(flow) for name, flow in result.flows.items()}
    labels = [
        label
        for label in next(iter(figures.values()), {})
        if label in _ALWAYS or any(figure[label] != "0" for figure in figures.values())
    ]
    table = _table("What each flow did", "flow", *labels)
    for name, each in figures.items():
        table.add_row(name, *(each[label] for label in labels))
    return table


def _figures(flow: FlowResult) -> dict[str, str]:
    counts = flow.glance.counts
    return {
        "read": str(flow.read),
        **{outcome.value: str(counts.get(outcome, 0)) for outcome in Kind},
        "seconds": f"{flow.glance.seconds:.1f}",
    }


def _asked(result: Result) -> Text:
    told = (
        f"{SYSTEM_NAMES[name]} {counted(count.read, 'read')}, {counted(count.write, 'write')}"
        for name, count in result.requests.items()
    )
    looks = "every look at a record is counted, by its outcome"
    if any(flow.glance.counts.get(Kind.SKIPPED) for flow in result.flows.values()):
        looks += "; skipped: applied before, and not read"
    return Text(f"{looks}; requests answered: {'; '.join(told)}", style="dim")


def _left_out(result: Result) -> Table:
    table = _table("Not written, and why", "flow", "records", "why -> what helps", names=3)
    table.columns[-1].no_wrap = False
    for name, flow in result.flows.items():
        for outcome, count, why in _reasons(name, flow):
            table.add_row(name, f"{count} {outcome}", why)
    return table


def _reasons(name: str, flow: FlowResult) -> Iterator[tuple[str, int, Text]]:
    for rule, count in flow.account.filtered.items():
        outcome = "ended" if rule.startswith(ENDED) else "filtered"
        yield outcome, count, _rule(name, rule.removeprefix(ENDED), flow.additions)
    for parent, count in flow.account.waits_for.items():
        text = f"for {parent} -> check these; they continue automatically when those are linked"
        yield "waiting", count, Text(visible(text))
    by_cause: dict[str, list[Failure]] = defaultdict(list)
    for failure in flow.account.failures:
        by_cause[failure.cause].append(failure)
    for cause, failures in sorted(by_cause.items(), key=lambda entry: -len(entry[1])):
        yield "rejected", len(failures), _cause(cause, failures)


def _rule(flow: str, rule: str, additions: Additions) -> Text:
    """A filter rule in the words of `p2c explain`."""
    words = additions.filters.get(rule) or in_words(rule, FLOWS[flow], FLOWS)
    return Text(visible(rule), style="bold").append(visible(f": {words.meaning} -> {words.remedy}"), style="not bold")


def _cause(cause: str, failures: list[Failure]) -> Text:
    """A cause with a few examples, each with what to do about it."""
    examples = list({failure.remedy: failure for failure in failures}.values())[:_EXAMPLES_SHOWN]
    text = Text(visible(cause), style="bold")
    for failure in examples:
        text.append(f"\n{visible(failure.message)} -> {visible(failure.remedy)}", style="not bold")
    return text


def _comparisons(result: Result) -> Table:
    columns = ("expected", "present", "missing", "extra", "doubled", "different fields")
    table = _table("Both systems compared, row by row, field by field", "flow", *columns)
    for name, flow in result.flows.items():
        of = flow.comparison
        counts = (of.expected, of.present, len(of.missing), len(of.extra), len(of.doubled), len(of.different))
        table.add_row(name, *map(str, counts), style="green" if of.clean else "red")
    return table


def _fields_of_the_document(result: Result) -> Table:
    """What the map document adds: where each field comes from, and in how many rows both systems have it."""
    table = _table("Fields of the map document", "flow", "field", "from", "filled", "different", names=3)
    for name, flow in result.flows.items():
        wrong = Counter(each.field for each in flow.comparison.different)
        for each in flow.additions.fields:
            counts = (flow.filled.get(each.field, 0), wrong[each.field])
            origin = f"{', '.join(each.columns)}: {each.rule}" if each.columns else each.rule
            table.add_row(
                name, each.field, visible(origin), *map(str, counts), style="red" if wrong[each.field] else "green"
            )
    table.columns[2].no_wrap = False
    return table


def _findings(name: str, of: Comparison) -> Iterator[Text]:
    entries = [f"missing: {key}" for key in of.missing]
    entries += [f"extra: {key}" for key in of.extra]
    entries += [f"doubled: {key}" for key in of.doubled]
    entries += [f"{d.key}: {d.field} is {_short(d.found)}, should be {_short(d.expected)}" for d in of.different]
    yield from _listed(name, entries)


def _unaccounted(name: str, flow: FlowResult) -> Iterator[Text]:
    yield from _listed(name, [f"nothing is known of record {id}" for id in flow.account.unaccounted])


def _listed(name: str, entries: list[str]) -> Iterator[Text]:
    for entry in entries[:_ENTRIES_SHOWN]:
        yield Text(visible(f"  {name}  {entry}"), style="red")
    if len(entries) > _ENTRIES_SHOWN:
        yield Text(f"  {name}  and {len(entries) - _ENTRIES_SHOWN} more: --report lists them all", style="red")


def _verdict(result: Result) -> Text:
    memory = f"the functions host used {result.peak_memory_mb:.0f} MB at most"
    if result.good:
        return Text(f"In step. Every record is accounted for; {memory}.", style="bold green")
    if not result.in_step:
        return Text(f"Not in step; {memory}.", style="bold red")
    return Text(f"Every record is decided, but both systems differ: see above; {memory}.", style="bold red")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
