"""Owned keys: before a record is written for the first time it owns its target key, so that no two records ever write
the same target row (protocol A6)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from shared.errors import Damage
from shared.records import KEY_SEPARATOR, fold
from shared.state.failures import STATE_UNREADABLE
from shared.state.keys import Keys, OwnedKey, Owner
from shared.state.links import Link, LinkState
from shared.sync.apply.claim import BUSY_DELAY_S, claim_ends_in
from shared.sync.apply.judge import Judging
from shared.sync.apply.work import Work
from shared.sync.damage import damage_of, damage_of_key
from shared.sync.flow import Flow, Route
from shared.sync.link_writer import Group, LinkWriter, link_operation
from shared.sync.parts import Parts


class Owning:
    """Takes the target keys of the records of one message on one route."""

    def __init__(self, parts: Parts, flow: Flow, route: Route, judging: Judging) -> None:
        self._parts = parts
        self._flow = flow
        self._route = route
        self._judging = judging
        self._keys: Keys = parts.state.keys_of(flow, route)

    def reject_existing(self, work: Work) -> None:
        """List a record whose target row is there already, by whoever has made it."""
        key = work.content.key
        owned = self._keys.owners([key]).get(key)
        if owned is not None and (damage := self._damage_of(owned)) is not None:
            self._reject_unknown(work, damage)
            return
        if owned is not None and owned.owner != self._owner(work) and self._has_made(owned):
            self._reject_taken(work, owned.owner)
            return
        self._judging.reject(
            work,
            "target_exists",
            f"{key} exists in {self._route.entity} already and is not linked to this record",
            "if it is the same record, allow adoption for this flow and retry; otherwise change the number",
        )

    def _has_made(self, owned: OwnedKey) -> bool:
        """Whether the target row under a key is its owner's. One that was refused, filtered or renumbered before its
        first write has no row there."""
        owner = owned.owner
        return self._link_of(owner).may_have_made(owner.route, owned.key) and self._is_there(owner)

    def _is_there(self, owner: Owner) -> bool:
        """Whether the source row of an owner still exists."""
        return bool(self._parts.flows[owner.flow].source.existing([owner.id]))

    def _owner(self, work: Work) -> Owner:
        return Owner(self._flow.name, self._route.name, work.id)

    def own(self, works: Sequence[Work]) -> None:
        """Take the keys of records that are to be written for the first time; a record whose key another one has gets
        its outcome."""
        by_key = self._one_per_key(works)
        taken = self._keys.own({work.content.key: self._owner(work) for work in by_key.values()})
        for key, owned in taken.items():
            self._claim_from(by_key[fold(key)], owned)

    def _one_per_key(self, works: Sequence[Work]) -> dict[str, Work]:
        """The record that goes on, by its folded key: the owner where several want the same one."""
        rivals: dict[str, list[Work]] = defaultdict(list)
        for work in works:
            rivals[fold(work.content.key)].append(work)
        contested = [key for key, wanted in rivals.items() if len(wanted) > 1]
        owners = self._keys.owners(contested) if contested else {}
        first: dict[str, Work] = {}
        for key, wanted in rivals.items():
            owner = owners[key].owner if key in owners else None
            first[key] = next((work for work in wanted if self._owner(work) == owner), wanted[0])
            for work in wanted:
                if work is not first[key]:
                    self._reject_taken(work, self._owner(first[key]))
        return first

    def confirm(self, work: Work) -> None:
        """A record that was to inherit rows when its worker died gets their keys now, or inherits nothing."""
        for left in work.link.former:
            if not left.inherited or left.route != self._route.name:
                continue
            owned = self._keys.owners([left.key]).get(left.key) or self._keys.own({left.key: self._owner(work)}).get(
                left.key
            )
            if owned is None or owned.owner == self._owner(work) or self._damage_of(owned) is not None:
                # Of a key that may be its own it keeps the name, so that it can be given back.
                continue
            link = self._link_of(owned.owner)
            if not (self._yields(owned, link, work) and self._succeed(work, owned, link)):
                work.link = work.link.without_key(left.route, left.key)

    def _claim_from(self, work: Work, owned: OwnedKey) -> None:
        """Take a key over from an owner that has abandoned it or whose source row is confirmed gone; otherwise the
        record is rejected."""
        if (damage := self._damage_of(owned)) is not None:
            self._reject_unknown(work, damage)
            return
        link = self._link_of(owned.owner)
        if self._is_kept(owned, link, work):
            self._reject_taken(work, owned.owner)
        elif not (self._yields(owned, link, work) and self._succeed(work, owned, link)):
            work.take_back()
            work.retry(delay_s=BUSY_DELAY_S)

    def _link_of(self, owner: Owner) -> Link:
        return self._parts.state.links.load(owner.flow, [owner.id])[owner.id]

    def _is_kept(self, owned: OwnedKey, link: Link, work: Work) -> bool:
        """Whether an owner keeps its key whatever happens next. Of one with a damaged link nobody knows what it has in
        the target."""
        if self._is_damaged(link):
            return True
        return not self._is_abandoned(owned, link, work.link.claim_id) and self._is_there(owned.owner)

    def _yields(self, owned: OwnedKey, link: Link, work: Work) -> bool:
        """Whether an owner gives its key up: it has abandoned it, or is gone and in nobody's hands; and its link can
        be read."""
        if self._is_damaged(link):
            return False
        if self._is_abandoned(owned, link, work.link.claim_id):
            return True
        return claim_ends_in(link, self._parts.limits) <= 0 and not self._is_there(owned.owner)

    def _succeed(self, work: Work, owned: OwnedKey, link: Link) -> bool:
        """Get a key from its owner, and with it the row that the owner has there. The record inherits the row before
        the owner loses it: whatever happens in between, no row of ours is nobody's. False when somebody was faster."""
        if _has_row(link, owned):
            named, loser = work.link.inherit(self._route.name, owned.key), self._without(link, owned)
            etag = self._write(named)
            if etag is None:
                return False
            work.inherit(replace(named, etag=etag))
            if self._write(loser) is None:
                return False
        return self._keys.hand_over(owned, self._owner(work))

    def _without(self, link: Link, owned: OwnedKey) -> Link:
        """The link of a former owner. What else it has stays its own."""
        rest = link.without_key(owned.owner.route, owned.key)
        if self._is_there(owned.owner):
            return rest
        return replace(rest, state=LinkState.DELETED, dirty=False, claim_id=None, claim_kind=None)

    def _write(self, link: Link) -> str | None:
        """Write a link; its new etag, None when somebody was faster."""
        writer = LinkWriter(self._parts.state.links, lambda now: _content(now) == _content(link))
        return writer.write([Group(link, (link_operation(link),))]).etags.get(link.id)

    def _damage_of(self, owned: OwnedKey) -> Damage | None:
        """Why nobody knows whose a key is; None when somebody does."""
        return damage_of_key(owned, self._keys.row_of(owned.key), self._parts.flows)

    def _is_damaged(self, link: Link) -> bool:
        return damage_of(link, self._parts.flows[link.flow]) is not None

    def _reject_unknown(self, work: Work, damage: Damage) -> None:
        """List a record whose number somebody has, and nobody knows who. It does not hold the key: else it would be
        taken for the owner once the key is mended."""
        work.take_back()
        self._judging.reject(work, STATE_UNREADABLE, str(damage), damage.remedy, value=work.content.key)

    def _is_abandoned(self, owned: OwnedKey, link: Link, claim_id: str | None) -> bool:
        """Whether an owner has nothing in the target and nobody is about to write it: its record was refused, filtered
        or renumbered. Under our own claim it would have been preferred, had it still wanted the key. One that claims
        the key again a moment later makes the hand-over fail (see Keys.own). A link is noted before its key is taken,
        so one that is not there is lost: nobody knows what its record has in the target."""
        if link.etag is None:
            return False
        claimed_by_other = link.claim_id != claim_id and claim_ends_in(link, self._parts.limits) > 0
        coming_back = link.claim_id != claim_id and link.state is LinkState.RETRYING
        return not (link.may_have_made(owned.owner.route, owned.key) or claimed_by_other or coming_back)

    def _reject_taken(self, work: Work, owner: Owner) -> None:
        """List a record whose number is another one's, which is named as people know it: by its flow and number."""
        work.take_back()
        key = work.content.key
        number = key.partition(KEY_SEPARATOR)[0] if self._route.moves else key
        self._judging.reject(
            work,
            "key_taken",
            f"{key} in {self._route.entity} belongs to another record: {number} of {owner.flow} ({owner.id})",
            f"look at both, by p2c explain {owner.flow} {owner.id} and p2c explain {self._flow.name} {work.id}; "
            "give one of them another number, then retry",
            value=key,
            rival=(owner.flow, owner.id),
        )


def _has_row(link: Link, owned: OwnedKey) -> bool:
    """Whether an owner has, or has inherited, the row under its key."""
    return link.was_at(owned.owner.route, owned.key) or link.may_have_made(owned.owner.route, owned.key)


def _content(link: Link) -> Link:
    return replace(link, etag=None, age_s=0.0)


class KeyLook(Owning):
    """Says what owning would: it takes no key and releases none. For a look at what would be written. `planned` are the
    records that would get a key by then, by collection and key: whoever comes later finds it taken."""

    def __init__(
        self, parts: Parts, flow: Flow, route: Route, judging: Judging, planned: dict[tuple[str, str], str]
    ) -> None:
        super().__init__(parts, flow, route, judging)
        self._planned = planned

    def own(self, works: Sequence[Work]) -> None:
        """Give its outcome to each record whose key another one has, and keeps."""
        wanted = self._one_per_key(works)
        owners = self._keys.owners([work.content.key for work in wanted.values()]) if wanted else {}
        for key, owned in owners.items():
            work = wanted[fold(key)]
            if (damage := self._damage_of(owned)) is not None:
                self._reject_unknown(work, damage)
            elif owned.owner != self._owner(work):
                self._look_at_owner(work, owned)
        for key, work in wanted.items():
            first = self._planned.setdefault((self._route.entity, key), work.id) if work.outcome is None else work.id
            if first != work.id:
                self._reject_taken(work, Owner(self._flow.name, self._route.name, first))

    def _look_at_owner(self, work: Work, owned: OwnedKey) -> None:
        link = self._link_of(owned.owner)
        if self._is_kept(owned, link, work):
            self._reject_taken(work, owned.owner)
        elif _has_row(link, owned):
            work.link = work.link.inherit(self._route.name, owned.key)
