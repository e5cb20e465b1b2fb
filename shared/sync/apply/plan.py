"""What is to be written of the judged records: routes, then comparisons. Nothing is sent here (protocol A7, A8)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.errors import RecordRejected
from shared.mapping.verdicts import Rejected
from shared.records import Json, TargetRow, Write, fold
from shared.state.links import LinkState
from shared.sync.apply.changes import Changes, NumbersTaken
from shared.sync.apply.outcome import Kind
from shared.sync.apply.record import Concluded, Judged, Occupied, Planned
from shared.sync.apply.written import unchanged
from shared.sync.flow import NO_TARGET_ROW, TARGET_DELETED, Flow, OnConflict, OnTargetDeleted, Route

# The cause of a record whose row is gone, and that is written once.
TARGET_GONE = "target_gone"
# The cause of a record whose owned fields others have changed in the target, where the policy is to stop.
CONFLICT = "conflict"


def take_routes(flow: Flow, judged: Sequence[Judged]) -> Iterator[Judged]:
    """Each record on its route. A record that is linked elsewhere leaves that target. On another route it leaves at
    once, and the former row stays as it is. On the same route the row under the former key is ended first."""
    for each in judged:
        route, link = flow.route(each.content.route), each.record.link
        if not link.linked:
            yield each
        elif link.route != route.name:
            yield each.with_link(link.without_target(ended=False))
        elif fold(link.target_key or "") == fold(each.content.key):
            yield each
        elif route.rules.ended():
            yield replace(each, leaves=True)
        else:
            yield each.with_link(link.without_target(ended=True))


def by_route(flow: Flow, judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """The records by the name of the route that they take."""
    found: dict[str, list[Judged]] = defaultdict(list)
    for each in judged:
        found[flow.route(each.content.route).name].append(each)
    return found


def plan(route: Route, judged: Sequence[Judged]) -> Iterator[Planned | Occupied | Concluded]:
    """Give each record of one route a write or an outcome. Raises SystemTrouble when a look-up fails."""
    yield from _plan_leaving(route, [each for each in judged if each.leaves])
    doubtful = []
    for item in judged:
        if not item.leaves:
            planned = _plan_difference(route, item)
            if planned is None:
                doubtful.append(item)
            else:
                yield planned
    if doubtful:
        found = route.target.find([each.content.key for each in doubtful])
        for entry in doubtful:
            yield _plan_by_target(route, entry, found.get(entry.content.key))


def plan_taken_over(route: Route, planned: Sequence[Planned]) -> Iterator[Planned | Concluded]:
    """Plan the writes again to rows that were taken over from a record that is gone, as the link says by now. We have
    written such a row, so what that record has filled is emptied as well."""
    for each in planned:
        row = each.write.before
        if not each.judged.leaves and row is not None and each.needs_key and _was_there(route, each.judged):
            yield _plan_row(route, each.judged, row)
        else:
            yield each


def _was_there(route: Route, judged: Judged) -> bool:
    return judged.record.link.was_at(route.name, judged.content.key)


def _plan_leaving(route: Route, leaving: Sequence[Judged]) -> Iterator[Planned | Occupied]:
    """A record leaves its row only for a key that it can get."""
    found = route.target.find([each.content.key for each in leaving]) if leaving else {}
    for item in leaving:
        if item.content.key in found and not (_was_there(route, item) or route.adopt_existing):
            yield Occupied(item)
        else:
            link, values = item.record.link, dict(route.rules.ended())
            yield Planned(item, Write(item.id, link.target_key or "", values, create=False, target_id=link.target_id))


def _plan_difference(route: Route, judged: Judged) -> Planned | Concluded | None:
    """Only on a clean link may equal content end as unchanged, or a difference be sent (protocol A7). A record whose
    link is not clean is looked up. So is a document that has changed, because its changes depend on its lines as they
    are in the target, and a record that only updates, because the row may not be changed in every state. And so is one
    whose fields others may have changed, where that counts."""
    if not (judged.record.trusted and judged.record.link.linked and judged.content.reused is None):
        return None
    changes = Changes(route)
    if not changes.difference(judged) and not changes.changed_lines(judged):
        return unchanged(route, judged)
    counts = route.looks_for_conflicts or bool(judged.content.fills & changes.difference(judged).keys())
    looks_first = counts or route.document is not None or route.updates
    return None if looks_first else Planned(judged, changes.update(judged))


def _plan_by_target(route: Route, judged: Judged, row: TargetRow | None) -> Planned | Occupied | Concluded:
    link = judged.record.link
    if judged.ending is not None:
        return _plan_ending(route, judged, row)
    if link.linked and judged.content.reused is not None:
        return _plan_reused(route, judged, row, judged.content.reused)
    if row is None:
        if route.updates:
            return without_row(judged)
        stays_away = link.linked and not route.once and route.on_target_deleted is not OnTargetDeleted.RECREATE
        if stays_away or Changes(route).is_finished(judged):
            return gone(route, judged)
        return _plan_creation(route, judged)
    if route.updates:
        return _plan_update(route, judged, row)
    if not (link.linked or row.ours or _was_there(route, judged)):
        elsewhere = route.maintained_elsewhere and route.maintained_elsewhere(judged.content.key, row)
        if elsewhere:
            return judged.record.rejected(elsewhere.cause, elsewhere.message, elsewhere.remedy, value=elsewhere.value)
        if not route.adopt_existing:
            return Occupied(judged)
    return _plan_row(route, judged, row)


def without_row(judged: Judged) -> Concluded:
    """The outcome of a record that may only update a row, if there is none."""
    return judged.record.concluded(Kind.FILTERED, LinkState.FILTERED, reason=NO_TARGET_ROW)


def _plan_update(route: Route, judged: Judged, row: TargetRow) -> Planned | Concluded:
    """The fields that differ in a row as it was read. If none does, nothing is sent: a first time, the record still
    takes the row's key."""
    planned = _plan_row(route, judged, row)
    if isinstance(planned, Concluded):
        return planned
    agree, sent = route.rules.agree, planned.write.values
    differing = {name: value for name, value in sent.items() if not agree(name, value, row.values.get(name))}
    if not differing and judged.record.link.linked:
        return unchanged(route, planned.judged)
    write = replace(planned.write, values=differing)
    return _left_out(route, judged, row, write) or replace(planned, write=write)


def _left_out(route: Route, judged: Judged, row: TargetRow, write: Write) -> Concluded | None:
    """The outcome of a record whose row must not be changed as it is now. A record that changes nothing is not asked
    about."""
    if route.left_out is None or not (write.values or write.lines):
        return None
    rule = route.left_out(row)
    return None if rule is None else judged.record.concluded(Kind.FILTERED, LinkState.FILTERED, reason=rule.rule)


def _plan_reused(route: Route, judged: Judged, row: TargetRow | None, reused: Rejected) -> Planned | Concluded:
    """Another document has the number of the linked one. If the target has none any more, the number is free."""
    if row is None:
        return judged.record.as_new()
    if not route.adopt_existing:
        return judged.record.rejected(reused.cause, reused.message, reused.remedy)
    changes = Changes(route)
    if route.document is not None and changes.is_finished(judged):
        differs = changes.lines_differ(judged, row, route.document)
        if differs is not None:
            return judged.record.rejected(differs.cause, differs.message, differs.remedy)
    return _plan_row(route, judged.with_link(judged.record.link, trusted=False), row)


def _plan_creation(route: Route, judged: Judged) -> Planned | Concluded:
    try:
        route.target.check_key(judged.content.key)
    except RecordRejected as impossible:
        return judged.record.rejected(impossible.cause, str(impossible), impossible.remedy)
    return Planned(judged, Changes(route).create(judged, alone=_goes_alone(judged)))


def gone(route: Route, judged: Judged) -> Concluded:
    """The outcome of a record whose row is gone and is not created again. Nothing tells a row that was removed on
    purpose from one that was lost with a backup: the policy of the flow says which it is, or an operator decides. If it
    was on purpose, the row is one that the record has left, so no other record gets its key."""
    if route.on_target_deleted is OnTargetDeleted.UNLINK:
        left = replace(judged.record, link=judged.record.link.without_target(ended=True), trusted=True)
        return left.concluded(Kind.FILTERED, LinkState.FILTERED, reason=TARGET_DELETED)
    key, record = judged.record.link.target_key, judged.record
    return record.rejected(
        TARGET_GONE,
        f"{key} was created in {route.entity} from this record and is not there any more; it is not created again",
        "if it was removed on purpose, dismiss this failure; if it is to be created again, unlink the record "
        "(p2c links), then sync it",
    )


def _plan_row(route: Route, judged: Judged, row: TargetRow) -> Planned | Concluded:
    """The write to a row as it was read."""
    changes, alone = Changes(route), _goes_alone(judged)
    if changes.is_finished(judged):
        return unchanged(route, judged)
    has_policy = route.looks_for_conflicts and judged.record.link.linked
    if has_policy:
        conflicts = changes.conflicts(judged, row)
        judged = replace(judged, stays=changes.stays(judged, row, conflicts))
        if conflicts and route.on_conflict is OnConflict.STOP:
            return _conflict(route, judged, row, conflicts)
    if route.document is None and (has_policy or judged.content.fills):
        return _plan_by_policy(route, judged, row)
    match (
        changes.overwrite(judged, row, alone=alone)
        if route.document is None
        else changes.document(judged, row, route.document, alone=alone)
    ):
        case Write() as write:
            if has_policy and write.values:
                write = replace(write, if_match=row.etag)
            # A record that only updates writes less than this: it is asked about when that is known.
            return (None if route.updates else _left_out(route, judged, row, write)) or Planned(judged, write)
        case Rejected(cause, message, remedy, _, value):
            return judged.record.rejected(cause, message, remedy, value=value)
        case NumbersTaken(numbers):
            # The next mapping knows that these numbers are taken.
            taken = {**judged.content.numbers, **dict.fromkeys(numbers, "")}
            link = judged.record.link
            link = replace(link, content=replace(link.content, numbers=taken))
            return replace(judged.record, link=link).retried(delay_s=0.0)
        case None:
            wrong = route.disagreement(row, judged.content) if route.disagreement is not None else None
            if wrong is not None:
                return judged.record.rejected(wrong.cause, wrong.message, wrong.remedy, value=wrong.value)
            return unchanged(route, judged)


def _plan_by_policy(route: Route, judged: Judged, row: TargetRow) -> Planned | Concluded:
    """The write to a row in which others may have changed what was written."""
    changes, agree = Changes(route), route.rules.agree
    match changes.overwrite(judged, row, alone=_goes_alone(judged)):
        case Rejected(cause, message, remedy, _, value):
            return judged.record.rejected(cause, message, remedy, value=value)
        case Write() as write:
            owned, linked = judged.content.owned, judged.record.link.linked
            # Where the link is trusted, what has not changed in the source is nobody's conflict, and stays as it is.
            unchanging = owned.keys() - changes.difference(judged).keys() if judged.record.trusted else ()
            kept = {*(judged.stays or ()), *unchanging}
            kept |= {name for name in judged.content.fills if _stays(route, owned[name], row.values.get(name), name)}
            values = {
                name: value
                for name, value in write.values.items()
                if name not in kept and not (linked and agree(name, value, row.values.get(name)))
            }
            if linked and not values and not write.former:
                return unchanged(route, judged)
            # What was decided holds for the row as it was read.
            return Planned(judged, replace(write, values=values, if_match=row.etag))


def _stays(route: Route, ours: Json, theirs: Json, name: str) -> bool:
    """Whether a field that is filled only if it is blank stays as it is in the target."""
    return ours is None or not route.rules.agree(name, None, theirs)


def _conflict(route: Route, judged: Judged, row: TargetRow, fields: Sequence[str]) -> Concluded:
    owned, applied = judged.content.owned, judged.record.link.content.applied
    told = "; ".join(
        f"{name} is {row.values.get(name)!r} there, {owned[name]!r} was to be written over {applied.get(name)!r}"
        for name in fields
    )
    stopped = judged.record.rejected(
        CONFLICT,
        f"{judged.record.link.target_key} of {route.entity} was changed by others since it was written: {told}",
        "decide by `p2c resolve` whose value counts; or give the field the same value in both systems, then retry",
        value=fields[0],
    )
    both = {name: (row.values.get(name), owned[name]) for name in fields}
    return replace(stopped, outcome=replace(stopped.outcome, kept=both))


def _plan_ending(route: Route, judged: Judged, row: TargetRow | None) -> Planned | Concluded:
    """Plan the end of a record: only the fields that its end changes are written, and not those that the row has
    already, since the applied content may be outdated. What the row has already is remembered as written: otherwise
    nothing would take it back when the record resumes."""
    ending, agree = judged.ending, route.rules.agree
    assert ending is not None
    if row is None:
        return judged.record.concluded(ending.kind, ending.state, reason=ending.rule)
    ended, there = route.rules.ended(), row.values
    values = {name: value for name, value in ended.items() if not agree(name, value, there.get(name))}
    if not values:
        return unchanged(route, judged)
    alone = _goes_alone(judged)
    write = Write(judged.id, judged.content.key, values, create=False, target_id=row.id, before=row, alone=alone)
    return Planned(judged, write)


def _goes_alone(judged: Judged) -> bool:
    """Whether the record is sent alone because an earlier write of it got no clear answer: one record must not hold up
    the others."""
    return judged.record.link.unanswered > 0
