"""Late writes: what a worker has done to the target after another worker has taken its record. It is noted in the link
of the record that has the row by now, so that the next worker finds and corrects it (protocol A9)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from shared.records import fold
from shared.state.keys import OwnedKey, Owner
from shared.state.link_parts import ClaimKind
from shared.state.link_targets import FormerTarget
from shared.state.links import Link, Links
from shared.sync.apply.outcome import Kind
from shared.sync.apply.ownership import KeysOf
from shared.sync.apply.record import Concluded
from shared.sync.apply.release import release
from shared.sync.flow import Flow
from shared.sync.link_writer import change_link

_WITHOUT_WRITE = (Kind.UNCHANGED, Kind.FILTERED, Kind.WAITING)


def note_late_writes(
    flow: Flow, links: Links, keys_of: KeysOf, overtaken: Sequence[Concluded], foreign: Mapping[str, Link]
) -> list[Owner]:
    """Note what was written of records whose links another worker has committed meanwhile (`foreign`): the target may
    hold either write. If another record has the row by now, the write is noted in that record's link. Returns those
    other records, which must be written once more. Raises StorageTrouble."""
    if not overtaken:
        return []
    others = {
        each.id: owned.owner
        for each, owned in _owned_by_others(flow, keys_of, overtaken)
        if _tell_owner(links, owned, each)
    }
    for each in overtaken:
        change_link(links, foreign[each.id], _only_dirty if each.id in others else partial(_after_late_work, each))
    own = [each for each in overtaken if each.id not in others]
    now = links.load(flow.name, [each.id for each in overtaken])
    _own(flow, keys_of, own, now)
    release(flow, links, keys_of, {each.id: each.record.stored.owned - now[each.id].owned for each in overtaken}, now)
    return list(others.values())


def _owned_by_others(
    flow: Flow, keys_of: KeysOf, overtaken: Sequence[Concluded]
) -> Iterator[tuple[Concluded, OwnedKey]]:
    """The late records whose rows another record has got meanwhile, with the keys of those rows. Several records of one
    message may have wanted the same key: the one that was refused it may be that other record."""
    written: dict[str, dict[str, str]] = defaultdict(dict)
    for each in overtaken:
        link = each.record.link
        if link.route is not None and each.outcome.kind not in _WITHOUT_WRITE and (key := _place(link)):
            written[link.route][each.id] = key
    by_id = {each.id: each for each in overtaken}
    for route, of_route in written.items():
        owners = keys_of(flow.route(route)).owners(list(dict.fromkeys(of_route.values())))
        for id, key in of_route.items():
            owned = owners.get(key)
            if owned is not None and owned.damage is None and owned.owner != Owner(flow.name, route, id):
                yield by_id[id], owned


def _tell_owner(links: Links, owned: OwnedKey, of: Concluded) -> bool:
    """Note a late write in the link of the record that has the row by now. False if that record has no readable
    link."""
    owner = owned.owner
    return change_link(links, links.load(owner.flow, [owner.id])[owner.id], partial(_as_overwritten, of, owned))


def _as_overwritten(of: Concluded, owned: OwnedKey, now: Link) -> Link | None:
    """The link of a record after a late worker of another record has written its row. If the record has not written the
    row itself, it inherits the row."""
    if now.etag is None:
        return None
    route = owned.owner.route
    if now.key_on(route) is None and not now.was_at(route, owned.key):
        now = now.inherit(route, owned.key)
    return _held_off(_as_filled(replace(now, dirty=True), of, route), of)


def _only_dirty(now: Link) -> Link | None:
    return None if now.etag is None else replace(now, dirty=True)


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
    """The link after a late worker's write."""
    changed = _after_late_write(of, now)
    return None if changed is None else _held_off(changed, of)


def _held_off(link: Link, of: Concluded) -> Link:
    """A late write without a clear answer may still be applied. So the claim of the worker that has the record now is
    replaced, and other workers are kept off."""
    unanswered = of.outcome.link.claim
    if unanswered.kind is not ClaimKind.UNSETTLED:
        return link
    return replace(link, claim=replace(link.claim, id=unanswered.id, kind=ClaimKind.UNSETTLED))


def _after_late_write(of: Concluded, now: Link) -> Link | None:
    """The link of a record, as another worker has left it, after a late worker's write. A row that the late worker has
    created is the record's own, and is looked up again. If the record is at another row by now, it is a row that the
    record has left. If the late worker only may have created it, the row is inherited: another record gets it if it
    needs its key."""
    stored, key = of.record.stored, _begun_key(of)
    if key is None or stored.route is None or now.may_have_made(stored.route, key):
        return None if now.etag is None else _as_filled(replace(now, dirty=True), of, stored.route)
    if not (now.linked or now.intent is not None):
        now = replace(now, dirty=True, route=stored.route, held_key=key, intent=stored.intent)
        return _as_filled(now, of, stored.route)
    now = replace(now, dirty=True)
    if not of.outcome.link.linked:
        return now.inherit(stored.route, key)
    return replace(now, former=(FormerTarget(stored.route, key), *now.former))


def _as_filled(now: Link, of: Concluded, route: str | None) -> Link:
    """The link with what the late write may have filled and added in the row that a record has now on its `route`: the
    next worker empties and removes what must not be there."""
    stored = of.record.stored
    if of.outcome.kind in _WITHOUT_WRITE or now.route != route or _place(now) != _place(stored):
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
        sent=(*theirs.sent, *(values for values in ours.sent if values not in theirs.sent)),
    )
    claim = replace(now.claim, overwrites=now.claim.overwrites or stored.claim.overwrites)
    return replace(now, content=content, claim=claim)


def _place(link: Link) -> str:
    """The key of the row that a record has, or may have."""
    return fold(link.target_key or (link.intent.key if link.intent else ""))
