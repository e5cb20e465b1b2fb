"""Owned keys: a record owns its target key before it is written for the first time, so no two records ever write the
same target row (protocol A6)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from shared.records import fold
from shared.state.keys import OwnedKey
from shared.state.link_targets import FormerTarget
from shared.state.links import Link, Links, LinkState
from shared.sync.apply.claim import BUSY_DELAY_S
from shared.sync.apply.ownership import KeyOwnership, has_row
from shared.sync.apply.record import Concluded, Occupied, Planned, Record
from shared.sync.link_writer import Group, LinkWriter, link_operation


def reject_occupied(ownership: KeyOwnership, planned: Sequence[Planned | Occupied]) -> Iterator[Planned | Concluded]:
    """List the records whose target row was created by somebody else. Raises SystemTrouble."""
    for each in planned:
        yield each if isinstance(each, Planned) else ownership.reject_occupied(each)


def own(ownership: KeyOwnership, planned: Sequence[Planned]) -> Iterator[Planned | Concluded]:
    """Take the keys of the records that are not linked under them yet. A record whose key belongs to another one gets
    its outcome. Raises SystemTrouble."""
    yield from (each for each in planned if not each.needs_key)
    new = [each for each in planned if each.needs_key]
    first = ownership.first_of(new)
    yield from ownership.reject_rivals(new, first)
    taken = ownership.keys.own({each.key: ownership.owner(each.id) for each in first.values()})
    yield from (each for each in first.values() if each.key not in taken)
    for key, owned in taken.items():
        yield _take_over(ownership, first[fold(key)], owned)


def confirm_inherited(ownership_of: Callable[[str], KeyOwnership], records: Sequence[Record]) -> Iterator[Record]:
    """Finish what a dead worker has begun: a record that was about to inherit rows gets their keys now, or inherits
    nothing. Such a worker has left its claim. Raises SystemTrouble."""
    for record in records:
        yield record
        inherited = () if record.trusted else tuple(left for left in record.link.former if left.inherited)
        now = record
        for left in inherited:
            now = _confirmed(ownership_of(left.route), now, left)
            yield now


def _confirmed(ownership: KeyOwnership, record: Record, left: FormerTarget) -> Record:
    keys, owner = ownership.keys, ownership.owner(record.id)
    owned = keys.owners([left.key]).get(left.key) or keys.own({left.key: owner}).get(left.key)
    if owned is None or owned.owner == owner or ownership.damage_of(owned) is not None:
        # The link keeps the name of a key that may be its own, so that the key can be given up later.
        return record
    link = ownership.link_of(owned.owner)
    if ownership.yields(owned, link, record):
        record, has_succeeded = _succeed(ownership, record, owned, link)
        if has_succeeded:
            return record
    return replace(record, link=record.link.without_key(left.route, left.key))


def _take_over(ownership: KeyOwnership, planned: Planned, owned: OwnedKey) -> Planned | Concluded:
    """Take a key over from an owner that has abandoned it, or whose source row is confirmed gone. Otherwise the record
    is rejected."""
    record = planned.record
    if (damage := ownership.damage_of(owned)) is not None:
        return ownership.reject_unknown(record, planned.key, damage)
    link = ownership.link_of(owned.owner)
    if ownership.is_kept(owned, link, record):
        return ownership.reject_taken(record, planned.key, owned.owner, owned.key)
    if ownership.yields(owned, link, record):
        record, has_succeeded = _succeed(ownership, record, owned, link)
        if has_succeeded:
            return planned.with_record(record)
    return record.taken_back().retried(delay_s=BUSY_DELAY_S)


def _succeed(ownership: KeyOwnership, record: Record, owned: OwnedKey, link: Link) -> tuple[Record, bool]:
    """Get a key from its owner, and with it the row that the owner has under it. The record inherits the row before the
    owner loses it, so the row has an owner at every moment. False if another worker was faster."""
    if has_row(link, owned):
        named, loser = record.link.inherit(ownership.route.name, owned.key), _without(ownership, link, owned)
        etag = _write(ownership.links, named)
        if etag is None:
            return record, False
        record = record.with_inheritance(replace(named, etag=etag))
        if _write(ownership.links, loser) is None:
            return record, False
    return record, ownership.keys.hand_over(owned, ownership.owner(record.id))


def _without(ownership: KeyOwnership, link: Link, owned: OwnedKey) -> Link:
    """The link of a former owner, which keeps everything else."""
    rest = link.without_key(owned.owner.route, owned.key)
    if ownership.is_there(owned.owner):
        return rest
    return replace(rest, state=LinkState.DELETED, dirty=False, claim=rest.claim.ended())


def _write(links: Links, link: Link) -> str | None:
    """Write a link; its new etag, None if another worker was faster."""
    writer = LinkWriter(links, lambda now: _content(now) == _content(link))
    return writer.write([Group(link, (link_operation(link),))]).etags.get(link.id)


def _content(link: Link) -> Link:
    return replace(link, etag=None, age_s=0.0)
