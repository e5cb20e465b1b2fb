"""What is known of a record after its write, or if it needs none."""

from dataclasses import replace

from shared.records import Json, Write
from shared.state.links import LinkState
from shared.sync.apply.changes import Changes, digests, filled, line_fields
from shared.sync.apply.outcome import Kind, WrittenTarget
from shared.sync.apply.record import Concluded, Judged, Planned
from shared.sync.flow import Route

# How many of the written fields the history of a record names.
_FIELDS_KEPT = 100


def target_of(route: Route, planned: Planned) -> WrittenTarget:
    """The place of a record after its write."""
    return _target(route, planned.judged, planned.write.target_id)


def written(route: Route, planned: Planned) -> Concluded:
    """The write is applied."""
    write = planned.write
    fields = (*write.values, *(f"line {line.number}" for line in write.lines))
    kind = Kind.CREATED if write.create else Kind.UPDATED
    return _finished(route, planned.judged, kind, fields[:_FIELDS_KEPT], write.target_id, write)


def unchanged(route: Route, judged: Judged) -> Concluded:
    """The target has all mapped content."""
    return _finished(route, judged, Kind.UNCHANGED, (), judged.record.link.target_id)


def _finished(  # noqa: PLR0917 - what is known after a write
    route: Route,
    judged: Judged,
    kind: Kind,
    fields: tuple[str, ...],
    target_id: str | None,
    write: Write | None = None,
) -> Concluded:
    record, ending = judged.record, judged.ending
    applied: dict[str, Json] = filled(judged.content.owned)
    kept = _kept(judged, write)
    if ending is None:
        target = _target(route, judged, target_id)
        done = record.concluded(
            kind, LinkState.WRITTEN, applied=applied, kept=kept, target=target, fields=fields, write=write
        )
        newly_kept = judged.newly_kept()
        return replace(done, outcome=replace(done.outcome, kept=newly_kept)) if newly_kept else done
    if record.trusted:
        target = _target(route, judged, target_id)
        return record.concluded(
            ending.kind,
            ending.state,
            reason=ending.rule,
            applied=applied,
            kept=kept,
            target=target,
            fields=fields,
            write=write,
        )
    # Only the fields that the end changes were written, so the others stay in doubt.
    doubtful = replace(record, link=replace(record.link, content=replace(record.link.content, applied=applied)))
    return doubtful.concluded(ending.kind, ending.state, reason=ending.rule, fields=fields, write=write)


def _kept(judged: Judged, write: Write | None) -> dict[str, Json]:
    """The fields in which the target's own values stay: if that was not looked at, those of before that were not
    written."""
    if write is not None and write.create:
        return {}
    if judged.stays is not None:
        return dict(judged.stays)
    sent = {} if write is None else write.values
    before = judged.record.link.content.kept
    return {name: value for name, value in before.items() if name in judged.content.owned and name not in sent}


def _target(route: Route, judged: Judged, target_id: str | None) -> WrittenTarget:
    link, content = judged.record.link, judged.content
    key = link.key_on(route.name) or content.key
    if judged.ending is not None:
        kept = (
            link.content.lines,
            link.content.numbers,
            link.content.line_fields,
            link.content.places,
            link.content.revisions,
        )
        return WrittenTarget(route.name, key, target_id, *kept)
    fields = tuple(sorted({*link.content.line_fields, *line_fields(content)}))
    places = Changes(route).places_now(judged)
    return WrittenTarget(
        route.name, key, target_id, digests(content), content.numbers, fields, places, content.revisions
    )
