"""What apply would do with records now. It reads storage and both systems as apply does, and writes nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.mapping.verdicts import Parent, Remark
from shared.records import Json, LineAction, SourceRow, Values, Write
from shared.state.failures import STATE_UNREADABLE, Failure
from shared.state.links import Link
from shared.sync.apply.judge import Judging
from shared.sync.apply.keys import KeyLook
from shared.sync.apply.plan import RoutePlanning, by_route
from shared.sync.apply.settle import return_to_former_targets, settle_intents
from shared.sync.apply.work import Kind, Work
from shared.sync.damage import damage_of
from shared.sync.flow import Flow, Route
from shared.sync.hints import Hint
from shared.sync.parts import Parts


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of the target that would change. `line` is the number of a document's line, None for its header."""

    field: str
    old: Json
    new: Json
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """One record as it stands, and what would become of it.

    `link` is what is remembered, `row` what the source holds now (None: nothing). `kind` is the outcome: CREATED and
    UPDATED with their `changes` where something would be written. `adopts` says that a target row is there which is
    not linked yet, `listed` that a failure of it is on the list, open or dismissed. `reason` is the rule or cause,
    `failure` why it would be rejected, `parents` for whom it would wait; of one that would be written, whom the same
    run would write before it. `leaves` is the key of the row that it would end before it gets another one. `remarks`
    say what of it the target does not get.
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

    @property
    def id(self) -> str:
        """The id of the record in the source."""
        return self.link.id

    @property
    def writes(self) -> bool:
        """Whether something would be sent to the target."""
        return bool(self.changes)


class Examining:
    """Examines records of one flow, each as if it were the next to be written."""

    def __init__(self, parts: Parts, flow: Flow) -> None:
        self._parts = parts
        self._flow = flow
        self.planned: dict[tuple[str, str], str] = {}

    def examine(self, ids: Sequence[str], *, trust: bool = True) -> list[Examined]:
        """Every record, in the order of `ids`. Without `trust` what was last written counts for nothing: the target's
        own rows are compared. Raises SystemTrouble and StorageTrouble."""
        wanted = list(dict.fromkeys(ids))
        links = self._parts.state.links.load(self._flow.name, wanted)
        failures = self._parts.state.failures.load(self._flow.name, wanted)
        works = [Work(Hint(id), links[id], trust and _is_trusted(links[id]), failures.get(id)) for id in wanted]
        rows = self._flow.source.read(wanted)
        for work in works:
            work.row = rows.get(work.id)
        judging = self.judging()
        for work in works:
            if (damage := damage_of(work.link, self._flow)) is not None:
                judging.reject(work, STATE_UNREADABLE, str(damage), damage.remedy)
        readable = [work for work in works if work.outcome is None]
        settle_intents(self._parts, self._flow, readable, looks_only=True)
        return_to_former_targets(readable)
        judging.judge(readable)
        self._plan(judging, [work for work in works if work.outcome is None])
        return [self._examined(links[work.id], work, judging) for work in works]

    def judging(self) -> "LookJudging":
        """Who judges the next records. No number is given by then: each is looked at as if it were the next."""
        self.planned.clear()
        return LookJudging(self._parts, self._flow)

    def _plan(self, judging: Judging, works: Sequence[Work]) -> None:
        for name, of_route in by_route(self._flow, works).items():
            route = self._flow.route(name)
            look = KeyLook(self._parts, self._flow, route, judging, self.planned)
            planning = RoutePlanning(route, judging, look)
            planning.plan(of_route)
            planning.own(of_route)

    def _examined(self, link: Link, work: Work, judging: "LookJudging") -> Examined:
        outcome, write = work.outcome, work.write
        remarks = work.mapped.remarks if work.mapped else ()
        if outcome is not None:
            return Examined(
                link,
                work.row,
                outcome.kind,
                key=work.mapped.key if work.mapped else link.target_key,
                route=work.mapped.route if work.mapped else link.route,
                listed=work.failure is not None,
                reason=outcome.reason,
                failure=outcome.failure,
                parents=tuple(Parent(wait.parent_flow, wait.parent_route, wait.parent) for wait in outcome.waits),
                remarks=remarks,
            )
        assert write is not None
        route = self._flow.route(work.content.route)
        return Examined(
            link,
            work.row,
            _kind(work, write),
            key=work.content.key if work.leaving else write.key,
            route=route.name,
            changes=tuple(_changes(route, link, write)),
            adopts=write.before is not None and not link.linked and link.intent is None,
            listed=work.failure is not None,
            leaves=write.key if work.leaving else None,
            reason=work.ending[2] if work.ending else "",
            parents=tuple(parent for parent in work.parents if parent in judging.foreseen),
            remarks=remarks,
        )


class LookJudging(Judging):
    """Judges for a look. `foreseen` are the parents that are taken for linked without being it: none."""

    def __init__(self, parts: Parts, flow: Flow) -> None:
        super().__init__(parts, flow)
        self.foreseen: set[Parent] = set()


def _is_trusted(link: Link) -> bool:
    """As for a worker that claims it: an earlier claim or the dirty mark says that the target may differ."""
    return link.claim_id is None and not link.dirty


def _kind(work: Work, write: Write) -> Kind:
    if work.ending is not None:
        return work.ending[0]
    return Kind.CREATED if write.create else Kind.UPDATED


def _changes(route: Route, link: Link, write: Write) -> Iterator[FieldChange]:
    """The fields that differ from what the target holds, as far as that is known: as read, or as last written."""
    old: Values = link.applied if write.before is None else write.before.values
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
    """What belongs to the row at places where nothing of ours should be any more."""
    if route.detail is None or write.before is None:
        return
    left = route.detail.left_at(write.former, write.before)
    if left is not None and left[0] not in told:
        yield FieldChange(*left, None)


def _fields(values: Values, there: Values, route: Route, line: int | None) -> Iterator[FieldChange]:
    for name, value in values.items():
        if name not in there or not route.rules.agree(name, value, there[name]):
            yield FieldChange(name, there.get(name), value, line)
