"""Who owns a target key, and when an owner gives it up (protocol A6). Nothing is written here."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.errors import Damage
from shared.records import KEY_SEPARATOR, fold
from shared.state.failures import STATE_UNREADABLE
from shared.state.keys import Keys, OwnedKey, Owner
from shared.state.links import Link, Links, LinkState
from shared.sync.apply.claim import claim_ends_in
from shared.sync.apply.record import Concluded, Occupied, Planned, Record
from shared.sync.damage import damage_of, damage_of_key
from shared.sync.flow import Flow, Route
from shared.sync.limits import Limits

KeysOf = Callable[[Route], Keys]
"""The owned keys of a route's target collection."""


@dataclass(frozen=True, slots=True)
class KeyOwnership:
    """The rules of the keys of one route. `keys` are the owned keys of its target, `flows` those of all owners."""

    flow: Flow
    route: Route
    keys: Keys
    links: Links
    flows: Mapping[str, Flow]
    limits: Limits

    def owner(self, id: str) -> Owner:
        """A record of the flow as an owner."""
        return Owner(self.flow.name, self.route.name, id)

    def link_of(self, owner: Owner) -> Link:
        """The link of an owner as it is now."""
        return self.links.load(owner.flow, [owner.id])[owner.id]

    def damage_of(self, owned: OwnedKey) -> Damage | None:
        """Why the owner of a key is unknown; None if it is known."""
        return damage_of_key(owned, self.keys.row_of(owned.key), self.flows)

    def is_there(self, owner: Owner) -> bool:
        """Whether the source row of an owner still exists. Raises SystemTrouble."""
        return bool(self.flows[owner.flow].source.existing([owner.id]))

    def is_kept(self, owned: OwnedKey, link: Link, record: Record) -> bool:
        """Whether an owner keeps its key in any case. What an owner with a damaged link has in the target is unknown.
        Raises SystemTrouble."""
        if self._is_damaged(link):
            return True
        return not self._is_abandoned(owned, link, record.link.claim.id) and self.is_there(owned.owner)

    def yields(self, owned: OwnedKey, link: Link, record: Record) -> bool:
        """Whether an owner gives its key up. Its link can be read, and it has abandoned the key, or its source row is
        gone and no worker has claimed it. Raises SystemTrouble."""
        if self._is_damaged(link):
            return False
        if self._is_abandoned(owned, link, record.link.claim.id):
            return True
        return claim_ends_in(link, self.limits) <= 0 and not self.is_there(owned.owner)

    def first_of(self, planned: Sequence[Planned]) -> dict[str, Planned]:
        """The record that gets the key, by the folded key: the owner if several want the same one."""
        rivals: dict[str, list[Planned]] = defaultdict(list)
        for each in planned:
            rivals[fold(each.key)].append(each)
        contested = [key for key, wanted in rivals.items() if len(wanted) > 1]
        owners = self.keys.owners(contested) if contested else {}
        first: dict[str, Planned] = {}
        for key, wanted in rivals.items():
            owner = owners[key].owner if key in owners else None
            first[key] = next((each for each in wanted if self.owner(each.id) == owner), wanted[0])
        return first

    def reject_rivals(self, planned: Sequence[Planned], first: Mapping[str, Planned]) -> Iterator[Concluded]:
        """List the others that want the same key."""
        for each in planned:
            goes_on = first[fold(each.key)]
            if each is not goes_on:
                yield self.reject_taken(each.record, each.key, self.owner(goes_on.id), goes_on.key)

    def reject_occupied(self, occupied: Occupied) -> Concluded:
        """List a record whose target row exists already and was not created by it. Raises SystemTrouble."""
        record, key = occupied.record, occupied.judged.content.key
        owned = self.keys.owners([key]).get(key)
        if owned is not None and (damage := self.damage_of(owned)) is not None:
            return self.reject_unknown(record, key, damage)
        if owned is not None and owned.owner != self.owner(record.id) and self._has_made(owned):
            return self.reject_taken(record, key, owned.owner, owned.key)
        return record.rejected(
            "target_exists",
            f"{key} exists in {self.route.entity} already and is not linked to this record",
            self.route.remedy_if_exists,
        )

    def reject_unknown(self, record: Record, key: str, damage: Damage) -> Concluded:
        """List a record whose number has an unknown owner. The record does not hold the key: otherwise it would count
        as the owner once the row is repaired."""
        return record.taken_back().rejected(STATE_UNREADABLE, str(damage), damage.remedy, value=key)

    def reject_taken(self, record: Record, key: str, owner: Owner, owned_key: str) -> Concluded:
        """List a record whose number belongs to another record. The message names that record by its flow and its own
        number, which F&O takes for the same one and which may be spelled differently: `owned_key` is the key as its
        owner has it."""
        number = owned_key.partition(KEY_SEPARATOR)[0] if self.route.moves else owned_key
        return record.taken_back().rejected(
            "key_taken",
            f"{key} in {self.route.entity} belongs to another record: {number} of {owner.flow} ({owner.id})",
            f"look at both, by p2c explain {owner.flow} {owner.id} and p2c explain {self.flow.name} {record.id}; "
            "give one of them another number, then retry",
            value=key,
            rival=(owner.flow, owner.id),
        )

    def _has_made(self, owned: OwnedKey) -> bool:
        """Whether the owner of a key has created the target row under it. An owner that was refused, filtered or
        renumbered before its first write has no row there."""
        owner = owned.owner
        return self.link_of(owner).may_have_made(owner.route, owned.key) and self.is_there(owner)

    def _is_damaged(self, link: Link) -> bool:
        return damage_of(link, self.flows[link.flow]) is not None

    def _is_abandoned(self, owned: OwnedKey, link: Link, claim_id: str | None) -> bool:
        """Whether an owner has nothing in the target and no worker is about to write it: its record was refused,
        filtered or renumbered.

        Under our own claim the owner would have got the key first, if it still wanted it. If an owner claims the key
        again a moment later, the hand-over fails (see Keys.own). A link is noted before its key is taken. So if there
        is no link, it was lost, and what its record has in the target is unknown.
        """
        if link.etag is None:
            return False
        claimed_by_other = link.claim.id != claim_id and claim_ends_in(link, self.limits) > 0
        coming_back = link.claim.id != claim_id and link.state is LinkState.RETRYING
        return not (link.may_have_made(owned.owner.route, owned.key) or claimed_by_other or coming_back)


def has_row(link: Link, owned: OwnedKey) -> bool:
    """Whether an owner has, or has inherited, the row under its key."""
    return link.was_at(owned.owner.route, owned.key) or link.may_have_made(owned.owner.route, owned.key)
