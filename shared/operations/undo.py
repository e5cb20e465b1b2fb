"""Values that the sync has written, put back: what the target held before, as far as the history knows it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from shared.counting import counted
from shared.errors import StorageTrouble
from shared.operations.audit_log import AuditLog, Refused
from shared.operations.examine import Examining
from shared.operations.undo_lines import LineUndo, is_of_line, line_changes, undo_line
from shared.records import Json, LineWrite, TargetRow, Values, Write
from shared.state.history import PUT_BACK, Entry, Histories, history_row
from shared.state.links import Link
from shared.state.storage.tables import Insert
from shared.sync.apply.claim import claim_ends_in
from shared.sync.apply.filters import in_words
from shared.sync.apply.outcome import Kind
from shared.sync.flow import Flow, Route
from shared.sync.hints import Why

# How far back the write of a run is looked for.
_LOOKED_AT = 1000


@dataclass(frozen=True, slots=True)
class Undone:
    """A field that would be put back, that of a line with its number: as it is `there` now, which is what the sync has
    written, and as it was `before`."""

    field: str
    there: Json
    before: Json


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What would be put back of one record, `lines` of its document. `left` are fields that others have changed since:
    they stay. `already` are fields and lines that are as they were before the write. `same` are fields of the record
    of which the write was the same again (of a line only what differs is written): what was there before is not known,
    since a write whose answer got lost has no entry."""

    id: str
    key: str
    entry: Entry
    undone: tuple[Undone, ...]
    left: tuple[str, ...]
    row: TargetRow
    route: Route
    values: Values
    lines: tuple[LineWrite, ...] = ()
    already: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Undoing:
    """Puts values of one flow back, as a person in the target would: the sync writes a field again when it changes in
    the source, or when a comparison repairs it, unless a policy keeps what others have changed."""

    flow: Flow
    examining: Examining
    new_id: Callable[[], str]

    def records_of(self, run: str) -> list[str]:
        """The records that a run has done something with. Every entry of the flow's history is read."""
        return Histories(self.examining.state.links.table).records_of(self.flow.name, run)

    def plan(self, id: str, run: str | None = None) -> UndoPlan:
        """What would be put back of the last write of a record, or of its write by a run. Raises Refused if there is
        none, or it cannot be undone, and SystemTrouble."""
        link = self.examining.state.links.load(self.flow.name, [id])[id]
        key, route = self._require_undoable(link)
        entry = self._entry(id, key, run)
        row = route.target.find([key]).get(key)
        if row is None:
            raise Refused(f"{key} is not in {route.entity} any more: there is nothing to put back")
        fields = [name for name in entry.values if not is_of_line(name)]
        before = dict(_values(route, entry, fields))
        unchanged = [name for name in fields if route.rules.agree(name, before[name], row.values.get(name))]
        # A write in full may have written the same again.
        same = [name for name in unchanged if route.rules.agree(name, before[name], entry.values[name][1])]
        already = [name for name in unchanged if name not in same]
        differs = [name for name in fields if name not in unchanged]
        still = [name for name in differs if route.rules.agree(name, entry.values[name][1], row.values.get(name))]
        lines = list(_lines(entry, route, row))
        undone = [Undone(name, row.values.get(name), entry.values[name][0]) for name in still]
        undone += [Undone(name, there, before) for each in lines for name, (there, before) in each.undone.items()]
        left = [name for name in differs if name not in still] + [name for each in lines for name in each.left]
        already += [name for each in lines for name in each.already]
        plan = UndoPlan(
            id,
            key,
            entry,
            tuple(undone),
            tuple(left),
            row,
            route,
            {name: before[name] for name in still},
            tuple(each.write for each in lines if each.write is not None),
            tuple(already),
            tuple(same),
        )
        self._require_allowed(plan)
        return plan

    def undo(self, plan: UndoPlan, audit_log: AuditLog) -> int:
        """Put the values back, and tell it in the history of the record; how many. Raises Refused if the target refuses
        them, SystemTrouble and StorageTrouble."""
        if not plan.undone:
            return 0
        names = ", ".join(each.field for each in plan.undone)
        act = self.new_id()
        audit_log.note("undo", self.flow.name, plan.id, f"run {plan.entry.run}: {names}", run=act)
        write = Write(
            plan.id, plan.key, plan.values, create=False, target_id=plan.row.id, before=plan.row, lines=plan.lines
        )
        not_after = self.examining.clock.monotonic() + self.examining.limits.run_budget_s
        refused = plan.route.target.write([write], not_after=not_after)[plan.id]
        if refused is not None:
            raise Refused(f"{self.flow.target_system.label} has not taken the values back: {refused}")
        try:
            self._tell(plan, act)
        except StorageTrouble as trouble:
            done = f"{counted(len(plan.undone), 'value')} of {plan.key} put back, but the history does not tell it"
            raise StorageTrouble(f"{done} (the audit does): {trouble}", refused=trouble.refused) from trouble
        return len(plan.undone)

    def _tell(self, plan: UndoPlan, act: str) -> None:
        row = history_row(
            self.flow.name,
            plan.id,
            time=self.examining.clock.now(),
            claim=act,
            run=act,
            outcome=PUT_BACK,
            fields=",".join(each.field for each in plan.undone),
            sent_by=act,
            why=Why.ACT,
            values={each.field: (each.there, each.before) for each in plan.undone},
        )
        self.examining.state.links.table.transact([Insert(row)])

    def _require_allowed(self, plan: UndoPlan) -> None:
        """Raises Refused if the target lets nobody change this row now, by the name of what forbids it."""
        row, route = plan.row, plan.route
        closed = route.left_out(row) if route.left_out is not None else None
        if closed is not None:
            words = in_words(closed.rule, self.flow, self.examining.flows)
            raise Refused(f"{plan.key} cannot be put back ({closed.rule}): {words.meaning}")
        if route.document is None or not plan.undone:
            return
        refusal = route.document.refusal(row, [each.field for each in plan.undone])
        if refusal is not None:
            raise Refused(
                f"{plan.key} cannot be put back ({refusal.cause}): {refusal.message}; what helps: {refusal.remedy}"
            )

    def _require_undoable(self, link: Link) -> tuple[str, Route]:
        if link.damage is not None or link.target_key is None:
            raise Refused(f"{link.id} of {link.flow} is not linked: its state is {link.state}")
        route = self.flow.route(link.route)
        target = self.flow.target_system.label
        if route.detail is not None:
            whose = f"a record of {self.flow.name} has rows in several tables of {target}"
            raise Refused(f"{whose}: correct {link.target_key} there")
        if route.once:
            raise Refused(
                f"{link.target_key} is written once, and belongs to the users of {target} since: correct it there"
            )
        held = claim_ends_in(link, self.examining.limits)
        if held > 0:
            raise Refused(f"a worker is processing {link.target_key} ({link.id}); try again in {held:.0f} s")
        return link.target_key, route

    def _entry(self, id: str, key: str, run: str | None) -> Entry:
        entries = Histories(self.examining.state.links.table).latest(self.flow.name, id, _LOOKED_AT)
        writes = [entry for entry in entries if entry.outcome == Kind.UPDATED and run in (None, entry.run)]
        if not writes:
            whose = f" by run {run}" if run else ""
            raise Refused(
                f"the history has no change of {key} ({id}){whose}; what was created is ended in the target by hand"
            )
        if not writes[0].values:
            raise Refused(
                f"the history has no values of {key} ({id}): they are kept with HISTORY_VALUES_DAYS, or where a "
                "policy has looked; correct the record in the target by hand"
            )
        return writes[0]


def _values(route: Route, entry: Entry, fields: Iterable[str]) -> Iterator[tuple[str, Json]]:
    for name in fields:
        before = entry.values[name][0]
        yield name, route.rules.empty(name) if before is None else before


def _lines(entry: Entry, route: Route, row: TargetRow) -> Iterator[LineUndo]:
    if route.document is None:
        return
    for change in line_changes(entry.values):
        yield undo_line(change, row.lines.get(change.number), route.document)
