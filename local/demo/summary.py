"""The tables at the end of the first sync: what the flow did, what was not written and why, and the comparison."""

from collections import defaultdict
from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from local.demo.comparison import Comparison
from local.demo.report import FlowResult, Result, Trial
from local.demo.systems import SYSTEM_NAMES
from shared.state.failures import Failure

_ENTRIES_SHOWN = 8
_EXAMPLES_SHOWN = 2
_LONGEST_VALUE = 60


def pictures(result: Result) -> Iterator[RenderableType]:
    """Everything that is shown of a result, from top to bottom."""
    yield _flows(result)
    for name, flow in result.flows.items():
        if flow.account.filtered or flow.account.failures or flow.account.waiting:
            yield _left_out(name, flow)
    yield _comparisons(result)
    for name, flow in result.flows.items():
        yield from _findings(name, flow.comparison)
        yield from _unaccounted(name, flow)
    if result.trial is not None:
        yield closing_line(result.trial)
    yield _verdict(result)


def closing_line(trial: Trial) -> Text:
    """What the comparison of both systems says after the functions were killed."""
    well = not (trial.lost or trial.doubled or trial.stale)
    touched = " and ".join(f"{count} {name}" for name, count in trial.touched.items())
    text = f"Killed amid {touched}: lost {trial.lost}, doubled {trial.doubled}, stale {trial.stale}."
    return Text(text, style="bold green" if well else "bold red")


def _flows(result: Result) -> Table:
    table = Table(title="What each flow did", title_justify="left", title_style="bold")
    table.add_column("flow")
    for name in result.flows:
        table.add_column(name, justify="right")
    columns = [_figures(flow) for flow in result.flows.values()]
    for label in columns[0]:
        values = [column[label] for column in columns]
        table.add_row(label, *values, style="dim" if set(values) == {"0"} else "")
    return table


def _figures(flow: FlowResult) -> dict[str, str]:
    outcomes = flow.outcomes
    figures = {
        "direction": flow.direction,
        "read": str(flow.read),
        **{name: str(outcomes[name]) for name in ("created", "updated", "unchanged", "skipped", "deleted")},
        "filtered": str(sum(flow.account.filtered.values())),
        "waiting": str(flow.account.waiting),
        "rejected": str(len(flow.account.failures)),
        "seconds": f"{flow.glance.seconds:.1f}",
        "records/s": f"{flow.records_per_s:.1f}",
    }
    asked = {
        f"requests to {SYSTEM_NAMES[system]}": f"{count.read} read + {count.write} write"
        for system, count in flow.requests.items()
    }
    return figures | asked


def _left_out(name: str, flow: FlowResult) -> Table:
    table = Table(title=f"{name}: not written, and why", title_justify="left", title_style="bold")
    table.add_column("outcome", no_wrap=True)
    table.add_column("records", justify="right")
    table.add_column("reason, and what to do")
    for rule, count in flow.account.filtered.items():
        table.add_row("filtered", str(count), rule)
    if flow.account.waiting:
        table.add_row("waiting", str(flow.account.waiting), "for a record that is not there yet")
    by_cause: dict[str, list[Failure]] = defaultdict(list)
    for failure in flow.account.failures:
        by_cause[failure.cause].append(failure)
    for cause, failures in sorted(by_cause.items(), key=lambda entry: -len(entry[1])):
        table.add_row("rejected", str(len(failures)), _reason(cause, failures))
    return table


def _reason(cause: str, failures: list[Failure]) -> Text:
    """A cause with a few examples, each with what to do about it."""
    examples = list({failure.remedy: failure for failure in failures}.values())[:_EXAMPLES_SHOWN]
    text = Text(cause, style="bold")
    for failure in examples:
        text.append(f"\n{failure.message}\n", style="not bold").append(f"-> {failure.remedy}", style="not bold")
    return text


def _comparisons(result: Result) -> Table:
    title = "Both systems compared, row by row, field by field"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("flow")
    for column in ("expected", "present", "missing", "extra", "doubled", "different fields"):
        table.add_column(column, justify="right")
    for name, flow in result.flows.items():
        of = flow.comparison
        counts = (of.expected, of.present, len(of.missing), len(of.extra), len(of.doubled), len(of.different))
        table.add_row(name, *map(str, counts), style="green" if of.clean else "red")
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
        yield Text(f"  {name}  {entry}", style="red")
    if len(entries) > _ENTRIES_SHOWN:
        yield Text(f"  {name}  and {len(entries) - _ENTRIES_SHOWN} more: --report lists them all", style="red")


def _verdict(result: Result) -> Text:
    memory = f"the function host took {result.peak_memory_mb:.0f} MB at most"
    if result.good:
        return Text(f"In step. Every record is accounted for; {memory}.", style="bold green")
    if not result.in_step:
        return Text(f"Not in step; {memory}.", style="bold red")
    return Text(f"Quiet, but not as it should be: see above; {memory}.", style="bold red")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
