"""What the mapping makes of each record of a sample, before anything is played."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.counting import counted
from shared.errors import SchemaDrift
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected
from shared.records import SourceRow, Values, fold
from tests.simulation.oracle import ENTITIES
from tests.simulation.sample import Sample, SampleUnusable
from tests.simulation.script import FLOWS
from tests.simulation.settings import Mappers

WRITTEN, FILTERED, REJECTED, WAITING = "written", "filtered", "rejected", "waiting"
_ONLY_ROUTES = {"accounts": "customer", "products": "product", "quotations": "quotation"}
# Values of a cause that are told.
_VALUES_TOLD = 5
End = tuple[str, str]
Record = tuple[str, str]


@dataclass(slots=True)
class Share:
    """How the records of one flow end: counts by end and its reason, the first record of each, and of a cause the
    values that have it. `helps` is what helps with a cause, as its first record has it."""

    flow: str
    records: int = 0
    ends: Counter[End] = field(default_factory=Counter)
    examples: dict[End, str] = field(default_factory=dict)
    values: dict[End, Counter[str]] = field(default_factory=dict)
    helps: dict[End, str] = field(default_factory=dict)

    @property
    def is_judged(self) -> bool:
        """Whether something of the flow may reach its target, so that its histories have something to judge: a record
        is written, or waits for another one. A flow of which the sample has no records plays with made-up ones."""
        return not self.records or any(kind in (WRITTEN, WAITING) for kind, _ in self.ends)

    def note(self, id: str, end: End, value: str, helps: str = "") -> None:
        """Count one record."""
        self.records += 1
        self.ends[end] += 1
        self.examples.setdefault(end, id)
        if value:
            self.values.setdefault(end, Counter())[value] += 1
        if helps:
            self.helps.setdefault(end, helps)

    def lines(self) -> Iterator[str]:
        """In words, with the share of each end in percent."""
        totals = {kind: sum(count for (end, _), count in self.ends.items() if end == kind) for kind in _KINDS}
        told = ", ".join(f"{count} {kind} ({self._percent(count)})" for kind, count in totals.items() if count)
        yield f"{self.flow}: {counted(self.records, 'record')}{': ' if told else ''}{told}"
        for end, count in self.ends.most_common():
            kind, reason = end
            if reason:
                values = self.values.get(end, Counter()).most_common(_VALUES_TOLD)
                named = f": {', '.join(f'{value!r} {times}' for value, times in values)}" if values else ""
                yield f"  {kind}: {reason}: {count} ({self._percent(count)}), such as {self.examples[end]}{named}"
            if end in self.helps:
                yield f"    what helps: {self.helps[end]}"
        if not self.is_judged:
            yield f"  Nothing of {self.flow} can be judged: no record of the sample reaches its target."

    def _percent(self, count: int) -> str:
        return f"{100 * count / self.records:.0f} %"


_KINDS = (WRITTEN, FILTERED, REJECTED, WAITING)


def census(sample: Sample, mappers: Mappers, references: Mapping[str, Sequence[Values]], now: datetime) -> list[Share]:
    """What becomes of a completed sample in empty targets, flow by flow. Raises SampleUnusable for a record whose
    columns have other types than the mapping knows."""
    return _Census(mappers, {name: tuple(rows) for name, rows in references.items()}, now).of(sample)


class _Census:
    def __init__(self, mappers: Mappers, references: Mapping[str, tuple[Values, ...]], now: datetime) -> None:
        self._mappers = mappers
        self._references = references
        self._now = now
        self._keys: dict[tuple[Record, str], str] = {}
        self._owners: dict[tuple[str, str], Record] = {}
        self._ends: dict[Record, End] = {}

    def of(self, sample: Sample) -> list[Share]:
        shares = []
        for flow in FLOWS:
            share = Share(flow)
            for row in sample.records.get(flow, ()):
                end, value, helps = self._end(flow, row)
                self._ends[flow, row.id] = end
                share.note(row.id, end, value, helps)
            shares.append(share)
        return shares

    def _end(self, flow: str, row: SourceRow) -> tuple[End, str, str]:
        """How a record ends, with the value that a cause names, and what helps."""
        mapper = self._mappers.of(flow)
        parents = mapper.parents(row)
        keys = {
            parent: self._keys[(parent.flow, parent.id), parent.route]
            for parent in parents
            if ((parent.flow, parent.id), parent.route) in self._keys
        }
        try:
            verdict = mapper.evaluate(row, Known(self._now, references=self._references, keys=keys))
        except SchemaDrift as drift:
            raise SampleUnusable(f"the sample, {flow} {row.id}: {drift}") from drift
        match verdict:
            case Filtered(rule):
                return (FILTERED, rule), "", ""
            case Rejected(cause=cause, value=value, remedy=remedy):
                return (REJECTED, cause), value, remedy
            case Mapped() as mapped:
                missing = [parent for parent in mapped.parents if parent not in keys]
                return (self._waits(missing[0]) if missing else self._written((flow, row.id), mapped)), "", ""
        raise AssertionError(verdict)

    def _written(self, record: Record, mapped: Mapped) -> End:
        route = mapped.route or _ONLY_ROUTES[record[0]]
        place = ENTITIES[record[0], route], fold(mapped.key)
        if self._owners.setdefault(place, record) != record:
            return REJECTED, "key_taken"
        self._keys[record, route] = mapped.key
        return WRITTEN, ""

    def _waits(self, parent: Parent) -> End:
        end = self._ends.get((parent.flow, parent.id))
        if end is None:
            return WAITING, f"for one of {parent.flow} that is not in the sample"
        kind, reason = end
        if kind == FILTERED:
            return FILTERED, f"its parent in {parent.flow} is filtered by {reason}"
        if kind == WRITTEN:
            return WAITING, f"for one of {parent.flow} that is no customer yet"
        return WAITING, f"for one of {parent.flow} that is {kind}"
