"""Which records would get their keys, for a dry run: no key is taken or given up."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.state.keys import OwnedKey
from shared.sync.apply.ownership import KeyOwnership, has_row
from shared.sync.apply.record import Concluded, Planned


def look_at_keys(
    ownership: KeyOwnership, promised: dict[tuple[str, str], tuple[str, str]], planned: Sequence[Planned]
) -> Iterator[Planned | Concluded]:
    """Give its outcome to each record whose key another one has and keeps. `promised` are the records that would have a
    key by then, each with the key as it has it, by collection and folded key: the first gets it, and for later ones it
    is taken. Raises SystemTrouble."""
    yield from (each for each in planned if not each.needs_key)
    new = [each for each in planned if each.needs_key]
    first = ownership.first_of(new)
    yield from ownership.reject_rivals(new, first)
    owners = ownership.keys.owners([each.key for each in first.values()]) if first else {}
    for key, value in first.items():
        looked = value if value.key not in owners else _beside_owner(ownership, value, owners[value.key])
        if isinstance(looked, Planned):
            holder, held = promised.setdefault((ownership.route.entity, key), (value.id, value.key))
            if holder != value.id:
                looked = ownership.reject_taken(value.record, value.key, ownership.owner(holder), held)
        yield looked


def _beside_owner(ownership: KeyOwnership, planned: Planned, owned: OwnedKey) -> Planned | Concluded:
    record = planned.record
    if (damage := ownership.damage_of(owned)) is not None:
        return ownership.reject_unknown(record, planned.key, damage)
    if owned.owner == ownership.owner(record.id):
        return planned
    link = ownership.link_of(owned.owner)
    if ownership.is_kept(owned, link, record):
        return ownership.reject_taken(record, planned.key, owned.owner, owned.key)
    if has_row(link, owned):
        return planned.with_record(replace(record, link=record.link.inherit(ownership.route.name, owned.key)))
    return planned
