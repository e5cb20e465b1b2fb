"""Claims: the mark that a worker sets before it reads and writes a record (protocol A2, A3)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.errors import Damage
from shared.state.failures import Failure
from shared.state.links import ClaimKind, Link, LinkState
from shared.sync.apply.work import Work
from shared.sync.damage import damage_of
from shared.sync.flow import Flow
from shared.sync.hints import Hint, HintMessage, merge
from shared.sync.link_writer import Group, LinkWriter, link_operation
from shared.sync.parts import Limits, Parts

BUSY_DELAY_S = 15.0
_MARGIN_S = 5.0
_STEP_S = 5.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a batch may work on, what was seen before, what somebody else holds, by the delay to wait, what is to be
    sent again alone, and whose link nobody may work with, by the record's id."""

    works: list[Work]
    skipped: list[Hint]
    busy: dict[float, list[Hint]]
    alone: list[Hint] = field(default_factory=list)
    damaged: dict[str, Damage] = field(default_factory=dict)


class Claiming:
    """Claims the records of one message."""

    def __init__(self, parts: Parts, flow: Flow, claim_id: str) -> None:
        self._parts = parts
        self._flow = flow
        self._claim_id = claim_id

    def claim(self, message: HintMessage) -> Claimed:
        """Load the links, skip what has been seen, and claim the rest by ETag.

        A record of which a worker has not come to the end is worked on alone: what ends workers must not take its
        neighbours along.
        """
        hints = merge(message.hints)
        claimed = Claimed([], [], {})
        free: dict[str, Link] = {}
        for id, link in self._parts.state.links.load(self._flow.name, list(hints)).items():
            if (damage := damage_of(link, self._flow)) is not None:
                claimed.damaged[id] = damage
            elif self._is_seen(link, hints[id], message.epoch):
                claimed.skipped.append(hints[id])
            elif (wait_s := claim_ends_in(link, self._parts.limits)) > 0:
                claimed.busy.setdefault(_delay_s(link, wait_s), []).append(hints[id])
            else:
                free[id] = link
        if len(free) > 1:
            suspects = [id for id, link in free.items() if _unfinished(link, message.ended)]
            claimed.alone.extend(hints[id] for id in suspects)
            free = {id: link for id, link in free.items() if id not in suspects}
        self._take(free, hints, claimed, message.ended)
        return claimed

    def _is_seen(self, link: Link, hint: Hint, epoch: str | None) -> bool:
        clean = link.claim_id is None and not link.dirty and link.state is not LinkState.RETRYING
        if not clean or link.fingerprint != self._flow.fingerprint:
            return False
        if hint.released:
            # Whoever has decided it since then has looked at the parent that has moved.
            return link.etag is not None and not link.waits
        if hint.version is None or epoch is None or link.seen_epoch != epoch:
            return False
        return link.seen_version is not None and link.seen_version >= hint.version

    def _take(self, free: dict[str, Link], hints: dict[str, Hint], claimed: Claimed, ended: str | None) -> None:
        taken = {id: self._claimed(link, ended) for id, link in free.items()}
        groups = [Group(link, (link_operation(taken[id]),)) for id, link in free.items()]
        writer = LinkWriter(self._parts.state.links, lambda now: now.claim_id == self._claim_id)
        written = writer.write(groups)
        failures = self._failures(list(written.etags))
        for id, etag in written.etags.items():
            link = replace(taken[id], etag=etag, age_s=0.0)
            trusted = free[id].claim_id is None and not free[id].dirty
            claimed.works.append(Work(hints[id], link, trusted, failures.get(id)))
        for id in written.foreign:
            claimed.busy.setdefault(BUSY_DELAY_S, []).append(hints[id])

    def _claimed(self, link: Link, ended: str | None) -> Link:
        unclean = link.claim_id is not None or link.dirty
        return replace(
            link,
            claim_id=self._claim_id,
            claim_kind=ClaimKind.WORKING,
            dirty=unclean,
            unfinished=_unfinished(link, ended),
        )

    def _failures(self, ids: list[str]) -> Mapping[str, Failure]:
        """The listed failures: a later success closes them. Any record may have one, since a poison message is listed
        without its link."""
        return self._parts.state.failures.load(self._flow.name, ids) if ids else {}


def claim_ends_in(link: Link, limits: Limits) -> float:
    """For how many seconds a claim still holds others off; 0 when there is none or it has expired.

    The age is the storage service's own: no two clocks are compared.
    """
    if link.claim_id is None:
        return 0.0
    live_s = limits.unsettled_live_s if link.claim_kind is ClaimKind.UNSETTLED else limits.claim_live_s
    return max(0.0, live_s - link.age_s)


def _unfinished(link: Link, ended: str | None) -> int:
    """How many workers in a row have not come to the end of a record whose claim has expired; the one whose claim has
    `ended` has."""
    left = link.claim_id is not None and link.claim_kind is ClaimKind.WORKING and link.claim_id != ended
    return link.unfinished + left


def _delay_s(link: Link, wait_s: float) -> float:
    """A worker is mostly done soon, so look again soon; an unsettled request needs its whole time. In steps, so that
    records that were claimed together come back together."""
    whole_s = math.ceil((wait_s + _MARGIN_S) / _STEP_S) * _STEP_S
    return whole_s if link.claim_kind is ClaimKind.UNSETTLED else min(BUSY_DELAY_S, whole_s)
