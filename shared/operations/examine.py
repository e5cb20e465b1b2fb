"""What apply would do with records now. It reads storage and both systems as apply does, and writes nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.clock import Clock
from shared.mapping.verdicts import Mapped, MappedLine, Parent, Remark
from shared.operations.key_look import look_at_keys
from shared.records import Json, LineAction, SourceRow, Values, Write
from shared.state.failures import Failure
from shared.state.links import Link
from shared.sync.apply.batch import Batch, OnItsWay
from shared.sync.apply.claim import is_clean
from shared.sync.apply.judge import PARENT_FILTERED
from shared.sync.apply.outcome import Kind
from shared.sync.apply.parents import LinksOfParents, parent_links
from shared.sync.apply.plan import plan_taken_over
from shared.sync.apply.planning import Planning
from shared.sync.apply.record import Concluded, Judged, Planned, Record
from shared.sync.flow import Flow, Route
from shared.sync.hints import Hint
from shared.sync.limits import Limits
from shared.sync.state import State


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of the target that would change. `line` is the number of a document's line, None for its header."""

    field: str
    old: Json
    new: Json
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """One record as it is now, and what apply would do with it.

    `link` is what is stored, `row` what the source holds now (None: nothing). `kind` is the outcome: CREATED and
    UPDATED with their `changes` if something would be written. `adopts` says that a target row exists which is not
    linked yet, `listed` that a failure of the record is on the list, open or dismissed. `reason` is the rule or cause,
    `failure` why it would be rejected. `parents` are the records that it would wait for; of a record that would be
    written, those that the same run would write before it. `leaves` is the key of the row that it would end before it
    gets another one. `remarks` are the values that the target does not get. `lines` are those of a
    document as the mapping makes them, by number. `kept` are the fields in which the target's own value stays, with
    it.
    """

    link: Link
    row: SourceRow | None
    kind: Kind
    key: str | None = None
    route: str | None = None
    changes: tuple[FieldChange, ...] = ()
    adopts: bool = False
    listed: bool = False
    leaves: str | None = None
    reason: str = ""
    failure: Failure | None = None
    parents: tuple[Parent, ...] = ()
    remarks: tuple[Remark, ...] = ()
    lines: Mapping[int, MappedLine] = field(default_factory=dict)
    kept: Values = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id of the record in the source."""
        return self.link.id

    @property
    def writes(self) -> bool:
        """Whether something would be sent to the target."""
        return bool(self.changes)

    @property
    def depends(self) -> bool:
        """Whether it is its parents that keep it from the target: it waits for them, or is filtered with one."""
        is_filtered = self.kind is Kind.FILTERED and self.reason.startswith(PARENT_FILTERED)
        return bool(self.parents) and (self.kind is Kind.WAITING or is_filtered)


@dataclass(frozen=True, slots=True)
class Foresight:
    """What a dry run assumes to be done already; by default nothing. `links_of` loads the links of parents as they
    would be, `promised` are the records that would have a key by then, by collection and folded key, and `foreseen` the
    parents that count as linked."""

    links_of: LinksOfParents
    promised: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    foreseen: set[Parent] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Examining:
    """Examines records of any flow, each as if it were the next to be written, unless a foresight says more."""

    flows: Mapping[str, Flow]
    state: State
    clock: Clock
    limits: Limits

    def examine(
        self, flow: Flow, ids: Sequence[str], *, trust: bool = True, foresight: Foresight | None = None
    ) -> list[Examined]:
        """Every record, in the order of `ids`: the stages of apply up to the write, with keys looked at instead of
        taken. Without `trust`, the applied content does not count, and the target's own rows are compared. Raises
        SystemTrouble and StorageTrouble."""
        # A plan takes the looks that a record would wait for as made.
        is_answered = foresight is not None
        foresight = foresight or Foresight(parent_links(self.state, flow))
        loaded = self._loaded(flow, ids, trust=trust, is_answered=is_answered)
        batch, planning = Batch(loaded), self._planning(flow, foresight.links_of)
        judged = planning.judged(batch, loaded)
        for ownership, planned in planning.planned(batch, judged):
            owning = batch.take(look_at_keys(ownership, foresight.promised, planned))
            batch.take(plan_taken_over(ownership.route, owning))
        contents = {each.id: each.content for each in judged}
        now = self.clock.now()
        return [
            _planned(flow, each, foresight)
            if isinstance(each, Planned)
            else _decided(flow, _concluded(each), contents.get(each.id), now)
            for each in batch.latest()
        ]

    def judged(self, flow: Flow, id: str) -> Judged | None:
        """A record with the content that its source would have in the target; None if it would have an outcome without
        that. Raises SystemTrouble and StorageTrouble."""
        loaded = self._loaded(flow, [id], trust=True)
        return next(iter(self._planning(flow, parent_links(self.state, flow)).judged(Batch(loaded), loaded)), None)

    def _loaded(self, flow: Flow, ids: Sequence[str], *, trust: bool, is_answered: bool = False) -> list[Record]:
        wanted, state = list(dict.fromkeys(ids)), self.state
        links, failures = state.links.load(flow.name, wanted), state.failures.load(flow.name, wanted)
        return [
            Record.of(
                Hint(id, answered=is_answered),
                links[id],
                trusted=trust and is_clean(links[id]),
                failure=failures.get(id),
            )
            for id in wanted
        ]

    def _planning(self, flow: Flow, links_of: LinksOfParents) -> Planning:
        return Planning(
            flow=flow,
            flows=self.flows,
            state=self.state,
            clock=self.clock,
            limits=self.limits,
            links_of=links_of,
            looks_only=True,
        )


def _concluded(latest: OnItsWay) -> Concluded:
    assert isinstance(latest, Concluded), f"no stage says what becomes of {latest.id}"
    return latest


def _decided(flow: Flow, of: Concluded, content: Mapped | None, now: datetime) -> Examined:
    record, outcome = of.record, of.outcome
    why, number = outcome.rejection, flow.number_of(record.row)
    return Examined(
        record.found,
        record.row,
        outcome.kind,
        key=content.key if content else record.found.target_key,
        route=content.route if content else record.found.route,
        listed=record.failure is not None,
        reason=outcome.reason,
        failure=why.as_failure(flow.name, record.id, number, now) if why is not None else None,
        parents=tuple(Parent(wait.parent_flow, wait.parent_route, wait.parent) for wait in outcome.waits),
        remarks=content.remarks if content else (),
        lines=content.lines if content else {},
        kept=outcome.link.content.kept,
    )


def _planned(flow: Flow, of: Planned, foresight: Foresight) -> Examined:
    record, judged, write = of.record, of.judged, of.write
    route, link = flow.route(judged.content.route), record.found
    return Examined(
        link,
        record.row,
        _kind(of),
        key=of.key if judged.leaves else write.key,
        route=route.name,
        changes=tuple(_changes(route, link, write)),
        adopts=write.before is not None and not link.linked and record.link.intent is None and not route.updates,
        listed=record.failure is not None,
        leaves=write.key if judged.leaves else None,
        reason=judged.ending.rule if judged.ending else "",
        parents=tuple(parent for parent in record.parents if parent in foresight.foreseen),
        remarks=judged.content.remarks,
        lines=judged.content.lines,
        kept=record.link.content.kept if judged.stays is None else judged.stays,
    )


def _kind(of: Planned) -> Kind:
    if of.judged.ending is not None:
        return of.judged.ending.kind
    return Kind.CREATED if of.write.create else Kind.UPDATED


def _changes(route: Route, link: Link, write: Write) -> Iterator[FieldChange]:
    """The fields that differ from what the target holds: as it was read, or as it was last written."""
    old: Values = link.content.applied if write.before is None else write.before.values
    there = {} if write.create else old
    changed = tuple(_fields(write.values, there, route, None))
    yield from changed
    yield from _left(write, route, {change.field for change in changed})
    lines: Mapping[int, Values] = write.before.lines if write.before is not None else {}
    for line in write.lines:
        before = lines.get(line.number, {})
        if line.action is LineAction.DELETE:
            yield from (FieldChange(name, value, None, line.number) for name, value in before.items())
        else:
            yield from (FieldChange(name, before.get(name), value, line.number) for name, value in line.values.items())


def _left(write: Write, route: Route, told: Collection[str]) -> Iterator[FieldChange]:
    """The dependent rows at places where none of ours should be any more."""
    if route.detail is None or write.before is None:
        return
    left = route.detail.left_at(write.former, write.before)
    if left is not None and left[0] not in told:
        yield FieldChange(*left, None)


def _fields(values: Values, there: Values, route: Route, line: int | None) -> Iterator[FieldChange]:
    for name, value in values.items():
        if name not in there or not route.rules.agree(name, value, there[name]):
            yield FieldChange(name, there.get(name), value, line)
