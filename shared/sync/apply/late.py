"""Late writes: what a worker has done to the target after another one had taken its record. The record's link is told,
so that the next worker finds and mends it (protocol A9)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from shared.records import fold
from shared.state.keys import Owner
from shared.state.links import ClaimKind, FormerTarget, Link
from shared.sync.apply.release import release
from shared.sync.apply.work import Work
from shared.sync.flow import Flow
from shared.sync.link_writer import change_link
from shared.sync.parts import Parts


def note_late_writes(parts: Parts, flow: Flow, works: Sequence[Work], links: Mapping[str, Link]) -> None:
    """Note what was written of records whose links (as they are now) another worker has committed meanwhile: the
    target may hold either write. Raises StorageTrouble."""
    for work in works:
        change_link(parts.state.links, links[work.id], partial(_after_late_work, work))
    if works:
        now = parts.state.links.load(flow.name, [work.id for work in works])
        _own(parts, flow, works, now)
        release(parts, flow, {work.id: work.stored.owned - now[work.id].owned for work in works}, now)


def _own(parts: Parts, flow: Flow, works: Sequence[Work], links: Mapping[str, Link]) -> None:
    """Take the keys of rows that a late worker has made, or may have made, and that are noted as the record's. Another
    record that has got one meanwhile keeps it."""
    for work in works:
        key, route = _begun_key(work), flow.route(work.stored.route)
        if key is not None and links[work.id].may_have_made(route.name, key):
            parts.state.keys_of(flow, route).own({key: Owner(flow.name, route.name, work.id)})


def _begun_key(work: Work) -> str | None:
    """The key under which a late worker has, or may have, written a record for the first time; None where it has not:
    a row that it has updated is known already."""
    made, intent = work.outcome.link if work.outcome else work.stored, work.stored.intent
    begun = made.route is not None and (made.linked or made.intent is not None)
    return intent.key if intent is not None and begun else None


def _after_late_work(work: Work, now: Link) -> Link | None:
    """The link after a late worker's write. Where that got no clear answer it may land yet, and others are held off."""
    changed, made = _after_late_write(work, now), work.outcome.link if work.outcome else work.stored
    if changed is None or changed.claim_id is not None or made.claim_kind is not ClaimKind.UNSETTLED:
        return changed
    return replace(changed, claim_id=made.claim_id, claim_kind=ClaimKind.UNSETTLED)


def _after_late_write(work: Work, now: Link) -> Link | None:
    """The link of a record, as another worker has left it, after a late worker's write. A row that the late one has
    made is the record's own, and looked for once more; so is one that it may have made, such as one of whose parts a
    later one was not sent."""
    stored, key = work.stored, _begun_key(work)
    if key is None or stored.route is None or now.may_have_made(stored.route, key):
        return None if now.etag is None else _as_filled(replace(now, dirty=True), work)
    if not (now.linked or now.intent is not None):
        begun = replace(now, dirty=True, route=stored.route, held_key=key, intent=stored.intent)
        return _as_filled(begun, work)
    if work.outcome is not None and work.outcome.link.linked:
        return replace(now, dirty=True, former=(FormerTarget(stored.route, key), *now.former))
    return replace(now, dirty=True)


def _as_filled(now: Link, work: Work) -> Link:
    """The link with what the late write may have filled and added in the row that the record has now: the next worker
    empties and removes what is not to be there."""
    stored, write = work.stored, work.write
    key = now.target_key or (now.intent.key if now.intent else None)
    if write is None or key is None or now.route != stored.route or fold(key) != fold(write.key):
        return now
    return replace(
        now,
        touched=tuple(sorted({*now.touched, *stored.touched, *write.values} - set(now.applied))),
        line_fields=tuple(sorted({*now.line_fields, *stored.line_fields})),
        noted=tuple(sorted({*now.noted, *stored.noted})),
        numbers={**stored.numbers, **now.numbers},
        revisions=now.revisions or stored.revisions,
        places=(*now.places, *(place for place in stored.places if place not in now.places)),
    )
