"""What is to be written of the mapped records of one message: routes, comparisons, owned keys. Nothing is sent here."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from shared.errors import RecordRejected
from shared.mapping.verdicts import Rejected
from shared.records import Json, TargetRow, Write, fold
from shared.state.links import LinkState
from shared.sync.apply.changes import NumbersTaken, Planning, digests, filled, line_fields
from shared.sync.apply.judge import Judging
from shared.sync.apply.work import Kind, Work, WrittenTarget
from shared.sync.flow import Flow, Route


class KeyOwning(Protocol):
    """Who may write which target row."""

    def reject_existing(self, work: Work) -> None:
        """List a record whose target row is there already, by whoever has made it."""

    def own(self, works: Sequence[Work]) -> None:
        """Take the keys of records that are to be written for the first time; a record whose key another one has gets
        its outcome."""


def by_route(flow: Flow, works: Sequence[Work]) -> dict[str, list[Work]]:
    """The mapped records by the route that they take."""
    found: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        if work.mapped is not None:
            found[_take_route(flow, work)].append(work)
    return found


def _take_route(flow: Flow, work: Work) -> str:
    """The route of a record. One that is linked elsewhere leaves that target: on another route at once, which
    leaves the row there as it is; on the same one after the row under the former key has been ended."""
    route, link = flow.route(work.content.route), work.link
    if not link.linked:
        return route.name
    if link.route != route.name:
        work.link = link.without_target(ended=False)
    elif fold(link.target_key or "") != fold(work.content.key):
        if route.rules.ended():
            work.leaving = True
        else:
            work.link = link.without_target(ended=True)
    return route.name


class RoutePlanning:
    """Plans the writes of the records that take one route. A record that needs none gets its outcome."""

    def __init__(self, route: Route, judging: Judging, owning: KeyOwning) -> None:
        self._route = route
        self._judging = judging
        self._owning = owning
        self._planning = Planning(route)

    def plan(self, works: Sequence[Work]) -> None:
        """Give every record a write or an outcome. Raises SystemTrouble when a look-up fails."""
        self._plan_leaving([work for work in works if work.leaving])
        for work in works:
            if not work.leaving and work.trusted and work.link.linked and work.content.reused is None:
                self._plan_difference(work)
        doubtful = [work for work in works if work.outcome is None and work.write is None]
        if not doubtful:
            return
        found = self._route.target.find([work.content.key for work in doubtful])
        for work in doubtful:
            self._plan_by_target(work, found.get(work.content.key))

    def own(self, works: Sequence[Work]) -> None:
        """Take the keys of the planned records that are not linked under theirs yet. A row that is taken over from a
        record that is gone was written by us: what that one has filled is emptied as well."""
        planned = [work for work in works if work.outcome is None and work.write is not None]
        new = [work for work in planned if work.leaving or not work.link.linked]
        strange = [work for work in new if not work.leaving and not self._was_there(work)]
        self._owning.own(new)
        for work in strange:
            before = work.write.before if work.write is not None else None
            if work.outcome is None and before is not None and self._was_there(work):
                work.write = None
                self._plan_by_target(work, before)

    def _was_there(self, work: Work) -> bool:
        return work.link.was_at(self._route.name, work.content.key)

    def _plan_leaving(self, works: Sequence[Work]) -> None:
        """A record leaves its row only for a key that it can have."""
        found = self._route.target.find([work.content.key for work in works]) if works else {}
        for work in works:
            key = work.content.key
            if key in found and not (work.link.was_at(self._route.name, key) or self._route.adopt_existing):
                self._owning.reject_existing(work)
            else:
                link, values = work.link, dict(self._route.rules.ended())
                work.write = Write(work.id, link.target_key or "", values, create=False, target_id=link.target_id)

    def _plan_difference(self, work: Work) -> None:
        """Only on a clean link may equal content end as unchanged or a difference be sent (protocol A7). What changes
        of a document depends on its lines as they are: it stays without a write and is looked up."""
        if not self._planning.difference(work) and not self._planning.changed_lines(work):
            self.finish(work, Kind.UNCHANGED, ())
        elif self._route.document is None:
            work.write = self._planning.update(work)

    def _plan_by_target(self, work: Work, row: TargetRow | None) -> None:
        # What went with others and got no clear answer goes by itself now: one record must not hold up the rest.
        alone = work.link.unanswered > 0
        link, key = work.link, work.content.key
        if work.ending is not None:
            self._plan_ending(work, row, alone=alone)
        elif link.linked and work.content.reused is not None:
            self._plan_reused(work, row, work.content.reused, alone=alone)
        elif row is None:
            self._plan_creation(work, alone=alone)
        elif not (link.linked or row.ours or link.was_at(self._route.name, key) or self._route.adopt_existing):
            self._owning.reject_existing(work)
        elif self._route.document is None:
            self._plan_overwriting(work, row, alone=alone)
        else:
            self._plan_document(work, row, alone=alone)

    def _plan_reused(self, work: Work, row: TargetRow | None, reused: Rejected, *, alone: bool) -> None:
        """Another document has the number of the linked one. Where the target has none any more the number is free."""
        if row is None:
            work.forget_target()
        elif self._route.adopt_existing:
            work.trusted = False
            self._plan_document(work, row, alone=alone)
        else:
            self._judging.reject(work, reused.cause, reused.message, reused.remedy)

    def _plan_creation(self, work: Work, *, alone: bool) -> None:
        try:
            self._route.target.check_key(work.content.key)
        except RecordRejected as impossible:
            self._judging.reject(work, impossible.cause, str(impossible), impossible.remedy)
        else:
            work.write = self._planning.create(work, alone=alone)

    def _plan_overwriting(self, work: Work, row: TargetRow, *, alone: bool) -> None:
        match self._planning.overwrite(work, row, alone=alone):
            case Rejected(cause, message, remedy):
                self._judging.reject(work, cause, message, remedy)
            case Write() as write:
                work.write = write

    def _plan_document(self, work: Work, row: TargetRow, *, alone: bool) -> None:
        assert self._route.document is not None
        match self._planning.document(work, row, self._route.document, alone=alone):
            case Write() as write:
                work.write = write
            case Rejected() as rejected:
                self._judging.reject(work, rejected.cause, rejected.message, rejected.remedy, value=rejected.value)
            case NumbersTaken(numbers):
                # Whoever maps it again knows that these are not to be had.
                work.link = replace(work.link, numbers={**work.content.numbers, **dict.fromkeys(numbers, "")})
                work.retry(delay_s=0.0)
            case None:
                self.finish(work, Kind.UNCHANGED, ())

    def _plan_ending(self, work: Work, row: TargetRow | None, *, alone: bool) -> None:
        """Of a record that has ended nothing is known but what its end changes: what was applied may be outdated."""
        if row is None:
            work.end(*ending_of(work)[:2], reason=ending_of(work)[2])
            return
        values = dict(self._route.rules.ended())
        key = work.content.key
        work.write = Write(work.id, key, values, create=False, target_id=row.id, before=row, alone=alone)

    def finish(self, work: Work, kind: Kind, fields: tuple[str, ...]) -> None:
        """The record is written, or needs nothing."""
        applied: dict[str, Json] | None = filled(work.content.owned)
        state, reason = LinkState.WRITTEN, ""
        if work.ending is not None:
            kind, state, reason = work.ending
            if not work.trusted:
                work.link = replace(work.link, applied=filled(work.content.owned))
                applied = None
        target = None if applied is None else self.target_of(work)
        work.end(kind, state, reason=reason, applied=applied, target=target, fields=fields)

    def target_of(self, work: Work) -> WrittenTarget:
        """Where the record is once its write is applied."""
        link, content = work.link, work.content
        key = link.key_on(self._route.name) or content.key
        id = work.write.target_id if work.write is not None else link.target_id
        if work.ending is not None:
            kept = link.lines, link.numbers, link.line_fields, link.places, link.revisions
            return WrittenTarget(self._route.name, key, id, *kept)
        fields = tuple(sorted({*link.line_fields, *line_fields(content)}))
        places = self._planning.places_now(work)
        now = digests(content), content.numbers, fields, places, content.revisions
        return WrittenTarget(self._route.name, key, id, *now)

    def noted_places(self, work: Work) -> tuple[dict[str, Json], ...]:
        """See Planning."""
        return self._planning.noted_places(work)

    def again_in_full(self, work: Work) -> None:
        """The target row is gone: the complete record is written once more (protocol A8)."""
        work.trusted = False
        work.write = self._planning.create(work)


def ending_of(work: Work) -> tuple[Kind, LinkState, str]:
    """How a record ends once its last write is made."""
    assert work.ending is not None
    return work.ending
