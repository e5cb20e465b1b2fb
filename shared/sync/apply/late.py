"""Late writes: what a worker has done to the target after another worker has taken its record. It is noted in the
record's link, so that the next worker finds and corrects it (protocol A9)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from shared.records import fold
from shared.state.keys import Owner
from shared.state.link_parts import ClaimKind
from shared.state.links import FormerTarget, Link, Links
from shared.sync.apply.outcome import Kind
from shared.sync.apply.ownership import KeysOf
from shared.sync.apply.record import Concluded
from shared.sync.apply.release import release
from shared.sync.flow import Flow
from shared.sync.link_writer import change_link

_WITHOUT_WRITE = (Kind.UNCHANGED, Kind.FILTERED, Kind.WAITING)


def note_late_writes(
    flow: Flow, links: Links, keys_of: KeysOf, overtaken: Sequence[Concluded], foreign: Mapping[str, Link]
) -> None:
    """Note what was written of records whose links another worker has committed meanwhile (`foreign`): the target may
    hold either write. Raises StorageTrouble."""
    for each in overtaken:
        change_link(links, foreign[each.id], partial(_after_late_work, each))
    if overtaken:
        now = links.load(flow.name, [each.id for each in overtaken])
        _own(flow, keys_of, overtaken, now)
        release(
            flow, links, keys_of, {each.id: each.record.stored.owned - now[each.id].owned for each in overtaken}, now
        )


def _own(flow: Flow, keys_of: KeysOf, overtaken: Sequence[Concluded], links: Mapping[str, Link]) -> None:
    """Take the keys of rows that a late worker has created, or may have created, and that are noted as the record's. If
    another record got one meanwhile, it keeps it."""
    for each in overtaken:
        key, route = _begun_key(each), flow.route(each.record.stored.route) if each.record.stored.route else None
        if key is not None and route is not None and links[each.id].may_have_made(route.name, key):
            keys_of(route).own({key: Owner(flow.name, route.name, each.id)})


def _begun_key(of: Concluded) -> str | None:
    """The key under which a late worker has, or may have, written a record for the first time. None if it has updated a
    row: that row is known already."""
    made, intent = of.outcome.link, of.record.stored.intent
    begun = made.route is not None and (made.linked or made.intent is not None)
    return intent.key if intent is not None and begun else None


def _after_late_work(of: Concluded, now: Link) -> Link | None:
    """The link after a late worker's write. If the write got no clear answer it may still be applied, and other workers
    are kept off."""
    changed, made = _after_late_write(of, now), of.outcome.link
    if changed is None or changed.claim.id is not None or made.claim.kind is not ClaimKind.UNSETTLED:
        return changed
    return replace(changed, claim=replace(changed.claim, id=made.claim.id, kind=ClaimKind.UNSETTLED))


def _after_late_write(of: Concluded, now: Link) -> Link | None:
    """The link of a record, as another worker has left it, after a late worker's write. A row that the late worker has
    created, or may have created, is noted as the record's own and looked up again, also if a later part of the record
    was not sent."""
    stored, key = of.record.stored, _begun_key(of)
    if key is None or stored.route is None or now.may_have_made(stored.route, key):
        return None if now.etag is None else _as_filled(replace(now, dirty=True), of)
    if not (now.linked or now.intent is not None):
        return _as_filled(replace(now, dirty=True, route=stored.route, held_key=key, intent=stored.intent), of)
    if of.outcome.link.linked:
        return replace(now, dirty=True, former=(FormerTarget(stored.route, key), *now.former))
    return replace(now, dirty=True)


def _as_filled(now: Link, of: Concluded) -> Link:
    """The link with what the late write may have filled and added in the record's present row: the next worker empties
    and removes what must not be there."""
    stored = of.record.stored
    if of.outcome.kind in _WITHOUT_WRITE or now.route != stored.route or _place(now) != _place(stored):
        return now
    sent = {name for values in (stored.intent.sent if stored.intent else ()) for name in values}
    ours, theirs = stored.content, now.content
    filled = {*theirs.touched, *ours.touched, *ours.applied, *sent} - set(theirs.applied)
    content = replace(
        theirs,
        touched=tuple(sorted(filled)),
        line_fields=tuple(sorted({*theirs.line_fields, *ours.line_fields})),
        noted=tuple(sorted({*theirs.noted, *ours.noted})),
        numbers={**ours.numbers, **theirs.numbers},
        revisions=theirs.revisions or ours.revisions,
        places=(*theirs.places, *(place for place in ours.places if place not in theirs.places)),
    )
    return replace(now, content=content)


def _place(link: Link) -> str:
    """The key of the row that a record has, or may have."""
    return fold(link.target_key or (link.intent.key if link.intent else ""))
