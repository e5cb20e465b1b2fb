"""Values that the sync has written, put back: what the target held before, as far as the history knows it."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.operations.audit_log import AuditLog, Refused
from shared.operations.examine import Examining
from shared.records import Json, TargetRow, Write
from shared.state.history import Entry, Histories
from shared.state.links import Link
from shared.sync.apply.claim import claim_ends_in
from shared.sync.apply.outcome import Kind
from shared.sync.flow import Flow, Route

# How far back the write of a run is looked for.
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Undone:
    """A field that would be put back: as it is `there` now, which is what the sync has written, and as it was
    `before`."""

    field: str
    there: Json
    before: Json


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What would be put back of one record. `left` are fields that others have changed since: they stay."""

    id: str
    key: str
    entry: Entry
    undone: tuple[Undone, ...]
    left: tuple[str, ...]
    row: TargetRow
    route: Route


@dataclass(frozen=True, slots=True)
class Undoing:
    """Puts values of one flow back, as a person in the target would: the sync writes a field again when it changes in
    the source, or when a comparison repairs it."""

    flow: Flow
    examining: Examining

    def records_of(self, run: str) -> list[str]:
        """The records that a run has done something with. Every entry of the flow's history is read."""
        return Histories(self.examining.state.links.table).records_of(self.flow.name, run)

    def plan(self, id: str, run: str | None = None) -> UndoPlan:
        """What would be put back of the last write of a record, or of its write by a run. Raises Refused if there is
        none, or it cannot be undone, and SystemTrouble."""
        link = self.examining.state.links.load(self.flow.name, [id])[id]
        key, route = self._require_undoable(link)
        entry = self._entry(id, run)
        row = route.target.find([key]).get(key)
        if row is None:
            raise Refused(f"{key} is not in {route.entity} any more: there is nothing to put back")
        fields = [name for name in entry.values if not name.startswith("line ")]
        still = [name for name in fields if route.rules.agree(name, entry.values[name][1], row.values.get(name))]
        undone = tuple(Undone(name, row.values.get(name), entry.values[name][0]) for name in still)
        return UndoPlan(id, key, entry, undone, tuple(name for name in fields if name not in still), row, route)

    def undo(self, plan: UndoPlan, audit_log: AuditLog) -> int:
        """Put the values back; how many. Raises Refused if the target refuses them, and SystemTrouble."""
        if not plan.undone:
            return 0
        names = ", ".join(each.field for each in plan.undone)
        audit_log.note("undo", self.flow.name, plan.id, f"run {plan.entry.run}: {names}")
        values = dict(self._values(plan))
        write = Write(plan.id, plan.key, values, create=False, target_id=plan.row.id, before=plan.row)
        not_after = self.examining.clock.monotonic() + self.examining.limits.run_budget_s
        refused = plan.route.target.write([write], not_after=not_after)[plan.id]
        if refused is not None:
            raise Refused(f"{self.flow.target_system.label} has not taken the values back: {refused}")
        return len(plan.undone)

    @staticmethod
    def _values(plan: UndoPlan) -> Iterator[tuple[str, Json]]:
        for each in plan.undone:
            blank = each.before is None
            yield each.field, plan.route.rules.empty(each.field) if blank else each.before

    def _require_undoable(self, link: Link) -> tuple[str, Route]:
        if link.damage is not None or link.target_key is None:
            raise Refused(f"{link.id} of {link.flow} is not linked: its state is {link.state}")
        route = self.flow.route(link.route)
        if route.document is not None or route.detail is not None:
            whose = f"a record of {self.flow.name} is more than one row in {self.flow.target_system.label}"
            raise Refused(f"{whose}: correct {link.target_key} there")
        held = claim_ends_in(link, self.examining.limits)
        if held > 0:
            raise Refused(f"a worker is processing {link.id}; try again in {held:.0f} s")
        return link.target_key, route

    def _entry(self, id: str, run: str | None) -> Entry:
        entries = Histories(self.examining.state.links.table).latest(self.flow.name, id, _LOOKED_AT)
        writes = [entry for entry in entries if entry.outcome == Kind.UPDATED and run in (None, entry.run)]
        if not writes:
            whose = f" by run {run}" if run else ""
            raise Refused(f"the history has no change of {id}{whose}; what was created is ended in the target by hand")
        if not writes[0].values:
            raise Refused(f"the history has no values of {id}: they are kept only with HISTORY_VALUES_DAYS")
        return writes[0]
