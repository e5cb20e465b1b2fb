"""The longer answers: status, causes, explanations, plans."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from p2c.showing import age, say, table, words
from shared.counting import counted
from shared.operations.dry_run import Summary
from shared.operations.examine import Examined, FieldChange
from shared.operations.explain import Explanation
from shared.operations.failures import Cause
from shared.operations.preflight.checks import Check, CheckResult
from shared.operations.reconcile import Drifted
from shared.operations.status import Status
from shared.records import Values
from shared.state.failures import Failure
from shared.state.links import Link
from shared.state.runs import Run
from shared.sync.parts import Limits
from shared.visible import in_markdown

_SHOWN = 20
_LONGEST = 60
# Reads for the hundred records of a message: the records, their lookups, their rows in the target.
_READS_A_BATCH = 3
_WINDOW_REQUESTS = 6000
# Accounts, as docs/performance.md has it.
_MEASURED_RATE = 50.0
_WRITTEN = ("created", "updated")


def status(told: Status) -> None:
    """The state of everything."""
    rows = []
    for of in told.flows:
        state = of.state
        running = "blocked" if state.blocked else "paused" if state.paused else "late" if of.is_late else "runs"
        queues = f"{state.queued} / {state.held} / {state.poison}"
        waiting = f"{state.waiting} ({age(state.waiting_s)})" if state.waiting else ""
        rows.append(
            (of.flow, running, of.last_pull, age(state.checkpoint_age_s), queues, of.links, waiting,
             state.failures_open or "", of.applied)
        )  # fmt: skip
    columns = ["flow", "state", "last pull (UTC)", "behind", "queue / hold / poison", "records", "waiting", "failures"]
    table([*columns, "last hour"], rows)
    for of in told.flows:
        if of.state.blocked:
            said = f". It said: {of.said}" if of.said else ""
            say(f"{of.flow} is blocked: {of.state.blocked}{said}", style="red")
        if of.state.poison:
            since = "" if of.state.poison_s is None else f", the next one since {age(of.state.poison_s)}"
            say(
                f"the poison queue of {of.flow} holds {counted(of.state.poison, 'message')}{since}: check whether "
                f"the function {of.flow}_poison runs and why it fails (docs/runbook.md#poison-stays)",
                style="red",
            )
    for gate in told.gates:
        if gate.closed:
            said = f" It said: {gate.said}" if gate.said else ""
            say(
                f"{gate.system.label} has not been reachable since {words(gate.closed_since)}: {gate.reason}.{said}",
                style="red",
            )


def checks(found: Sequence[Check], blocked: Mapping[str, str], released: Sequence[str]) -> None:
    """What preflight has found: first what is wrong, then what must be checked by hand, then the flows that were
    blocked, with the reason, and released."""
    for verdict, style in ((CheckResult.WRONG, "red"), (CheckResult.BY_HAND, "yellow")):
        for check in found:
            if check.verdict is verdict:
                said = f": {check.found}" if check.found else ""
                say(f"{verdict}: {check.area}: {check.what}{said}", style=style)
                say(f"  what helps: {check.remedy}")
    for check in found:
        if check.verdict is CheckResult.WELL and check.found:
            say(f"{check.area}: {check.what}: {check.found}")
    count = Counter(check.verdict for check in found)
    say(", ".join(f"{count[verdict]} {verdict}" for verdict in CheckResult))
    for flow, reason in blocked.items():
        say(f"{flow} is blocked now: {reason}", style="red")
    for flow in released:
        say(f"{flow} is released: its columns match the mapping", style="green")


class DriftReport:
    """What a comparison finds, as it is found; only the first entries are kept, unless `keeps_all`."""

    def __init__(self, flow: str, *, keeps_all: bool) -> None:
        self._flow = flow
        self._keeps_all = keeps_all
        self.kept: list[Drifted] = []
        self.count = 0

    def of(self, drifted: Iterable[Drifted]) -> Iterator[Drifted]:
        """The same, noted on their way."""
        for each in drifted:
            self.count += 1
            if self._keeps_all or self.count <= _SHOWN:
                self.kept.append(each)
            yield each

    def show(self, compared: int) -> None:
        """In words."""
        for each in self.kept:
            say(f"{each.drift}: {each.key} ({each.id or 'the row of no record'})", style="bold")
            if each.changes:
                _changes(each.changes)
        if self.count > len(self.kept):
            say(f"{self.count - len(self.kept)} more; --json has them all.")
        say(f"{self._flow}: compared: {compared}, drifted: {self.count}.")
        if any(each.id is None for each in self.kept):
            say("  what helps with a row of no record: end it by hand, or remove its mark; --repair does not touch it")


def causes(found: Sequence[Cause]) -> None:
    """Failures by cause."""
    if not found:
        say("No failures.")
        return
    for of in found:
        say(f"{of.count} x {of.cause} ({of.flow})", style="bold")
        say(f"  since {words(of.first_seen)}, last {words(of.last_seen)} UTC")
        if of.values:
            say(f"  {_counted(of.values)}")
        say(f"  for example {of.example.id}: {of.example.message}")
        say(f"  what helps: {of.example.remedy}")


def _counted(values: Mapping[str, int]) -> str:
    """The most frequent values, each with its count."""
    told = [f"{short(value)} {count}" for value, count in list(values.items())[:_SHOWN]]
    more = len(values) - len(told)
    return ", ".join(told) + (f", and {more} more; --json has them" if more else "")


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A failure with the key of its record in the target, and the addresses of both; `rival` holds the addresses of the
    record that already has this key."""

    failure: Failure
    target_key: str | None
    where: Sequence[str]
    rival: Sequence[str] = ()


def failures(found: Sequence[FailedRecord]) -> None:
    """Failures record by record."""
    if not found:
        say("No failures.")
    for each in found:
        of = each.failure
        say(f"{of.flow} {of.number} ({of.id})", style="bold")
        say(f"  {of.message}")
        told = f"since {words(of.first_seen)} UTC, tried {counted(of.tries, 'time')} since"
        told += f", next at {words(of.next_try)}" if of.next_try else ""
        told += f", its key in the target: {each.target_key}" if each.target_key else ""
        say(f"  {told}")
        if of.dismissed:
            say(f"  dismissed: {of.dismissed}")
        for address in each.where:
            say(f"  {address}")
        for address in each.rival:
            say(f"  the other record: {address}")


def link(of: Link, cells: Mapping[str, object] | None = None) -> None:
    """What is stored about a record's link; if its row cannot be read, the raw content of that row."""
    if of.damage is not None:
        say(f"{of.damage}", style="red")
        say(f"  what helps: {of.damage.remedy}")
        table(
            [f"the content of the row of {of.id}", "value"],
            ((name, short(cell)) for name, cell in (cells or {}).items()),
        )
        return
    rows: list[tuple[str, object]] = [
        ("state", of.state), ("rule", of.rule), ("route", of.route), ("key in the target", of.target_key),
        ("id in the target", of.target_id), ("key that it owns", of.held_key), ("dirty", of.dirty),
        ("claimed", of.claim_kind), ("waits for", ", ".join(of.waits)),
        ("has left", ", ".join(f"{left.route} {left.key}" for left in of.former)),
    ]  # fmt: skip
    table(["", of.id], [*rows, *((f"applied {name}", value) for name, value in of.applied.items())])


def explanation(told: Explanation, addresses: Sequence[str], rival: Sequence[str]) -> None:
    """One record, and the addresses of the record that already has its key."""
    examined = told.examined
    say(f"{told.flow} {examined.id}", style="bold")
    for address in addresses:
        say(f"  {address}")
    for sentence in told.sentences:
        say(f"  {sentence}")
    for address in rival:
        say(f"  the other record: {address}")
    if examined.changes:
        _changes(examined.changes)
    if told.action:
        say(f"  What helps: {told.action}", style="green")
    if examined.row is not None:
        table([f"what {told.source} holds now", "value"], _flat(examined.row.values))
    if examined.link.applied:
        table([f"what the sync keeps equal in {told.target}", "as last written"], _flat(examined.link.applied))


def _flat(values: Values, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Values by name; those of nested rows by the name of the list and the position in it."""
    for name, value in values.items():
        nested = enumerate(value, 1) if isinstance(value, list) else [("", value)]
        for place, of in nested:
            if isinstance(of, dict):
                yield from _flat(of, f"{prefix}{name} {place} ".replace("  ", " "))
            elif of is not None:
                yield f"{prefix}{name}", short(of)


def plan(flow: str, summary: Summary, examined: Sequence[Examined], estimate: "Estimate") -> None:
    """A dry run."""
    say(f"{flow}: {counted(summary.records, 'record')}: {words(summary.outcomes)}; {summary.adopted} of them adopted")
    say(f"  {estimate.sentence}")
    for line in _remarks(summary):
        say(f"  {line}")
    for each in [of for of in examined if of.writes or of.failure][:_SHOWN]:
        say(f"{each.kind} {each.key or ''} ({each.id}){_after(each)}", style="bold")
        if each.failure:
            say(f"  {each.failure.cause}: {each.failure.message}")
            say(f"  what helps: {each.failure.remedy}")
        if each.changes:
            _changes(each.changes)
    hidden = sum(1 for of in examined if of.writes or of.failure) - _SHOWN
    if hidden > 0:
        say(f"{hidden} more; --markdown FILE or --json has them all.")


def plan_markdown(flow: str, summary: Summary, examined: Sequence[Examined], estimate: "Estimate") -> str:
    """A dry run as a document for a review."""
    lines = [
        f"# Plan: {flow}",
        "",
        f"{counted(summary.records, 'record')}: {words(summary.outcomes)}.",
        "",
        estimate.sentence,
        "",
    ]
    lines += [line for remark in _remarks(summary) for line in (in_markdown(f"{remark}."), "")]
    for each in examined:
        if each.writes or each.failure:
            lines += [
                f"## {each.kind}: {in_markdown(each.key or each.id)}",
                "",
                in_markdown(f"{each.id}{_after(each)}"),
                "",
            ]
            if each.failure:
                why = f"{each.failure.cause}: {each.failure.message}. What helps: {each.failure.remedy}"
                lines += [in_markdown(why), ""]
            if each.changes:
                lines += ["| field | old | new |", "|---|---|---|"]
                lines += [f"| {in_markdown(_field(of))} | {_cell(of.old)} | {_cell(of.new)} |" for of in each.changes]
                lines.append("")
    return "\n".join(lines) + "\n"


_REMARKS = {
    "state_left_out": "states that are left out because they have no code in the value map `states`",
    "state_as_text": "states that are sent as written because their country has no list in `states`",
}


def _remarks(summary: Summary) -> list[str]:
    """What the target does not get, or gets as written, with the count of each value."""
    return [
        f"{sum(values.values())} {_REMARKS.get(cause, cause)}: {_counted(values)}"
        for cause, values in summary.remarks.items()
    ]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would cost: requests, their share of the 6,000 that a system accepts from one user in five minutes,
    and seconds at the rate of earlier runs, or else at the rate measured between simulators."""

    reads: int
    writes: int
    window_percent: float
    seconds: float
    rate: float
    rate_is_own: bool

    @property
    def sentence(self) -> str:
        """In words."""
        whence = "the rate of the last runs" if self.rate_is_own else "measured between simulators with 150 ms latency"
        return (
            f"About {counted(self.reads, 'read')} and {counted(self.writes, 'write')}: {self.window_percent:.1f} % of "
            "the 6,000 requests that a system accepts from one user in five minutes; "
            f"{age(self.seconds)} at {self.rate:.0f} records a second ({whence})."
        )


def estimate(limits: Limits, summary: Summary, runs: Sequence[Run]) -> Estimate:
    """What the run of a plan would cost. `runs` are earlier runs of the flow."""
    batches = -(-summary.records // limits.hints_per_message)
    reads = batches * _READS_A_BATCH
    written = [run for run in runs if run.kind == "apply" and any(run.counts.get(name) for name in _WRITTEN)]
    seconds = sum(run.seconds for run in written)
    own = sum(run.counts.get(name, 0) for run in written for name in _WRITTEN) / seconds if seconds else 0.0
    rate = own or _MEASURED_RATE
    percent = 100 * max(reads, summary.writes) / _WINDOW_REQUESTS
    return Estimate(reads, summary.writes, percent, summary.writes / rate, rate, rate_is_own=own > 0)


def _after(each: Examined) -> str:
    """Which records the same run would write first, or which row it would end."""
    first = [f"{parent.flow} {parent.id}" for parent in each.parents]
    first += [f"the end of {each.leaves}"] if each.leaves else []
    return f", after {', '.join(first)}" if first else ""


def _changes(changes: Sequence[FieldChange]) -> None:
    table(["field", "old", "new"], ((_field(of), short(of.old), short(of.new)) for of in changes))


def _field(change: FieldChange) -> str:
    return change.field if change.line is None else f"line {change.line}: {change.field}"


def short(value: object) -> str:
    """A value for people, shortened if it is long."""
    text = words(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def _cell(value: object) -> str:
    return in_markdown(words(value))
