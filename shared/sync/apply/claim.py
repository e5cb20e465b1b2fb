"""Claims: the mark that a worker sets before it reads and writes a record (protocol A2, A3)."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.errors import Damage
from shared.state.failures import Failures
from shared.state.link_parts import Claim, ClaimKind
from shared.state.links import Link, Links, LinkState
from shared.sync.apply.record import Record
from shared.sync.damage import damage_of
from shared.sync.flow import Flow
from shared.sync.hints import Hint, HintMessage, merge
from shared.sync.limits import Limits
from shared.sync.link_writer import Group, LinkWriter, Written, link_operation

BUSY_DELAY_S = 15.0
_MARGIN_S = 5.0
_STEP_S = 5.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """The records of a message after claiming: `records` are claimed by this worker, `skipped` are the links of those
    that were seen before, `busy` are held by another worker, by the delay to wait, `alone` are to be sent again one by
    one, and `damaged` have a link that cannot be used, by the record's id."""

    records: Sequence[Record]
    skipped: Sequence[Link]
    busy: Mapping[float, Sequence[Hint]]
    alone: Sequence[Hint]
    damaged: Mapping[str, Damage]


@dataclass(frozen=True, slots=True)
class Claiming:
    """Claims the records of one message."""

    flow: Flow
    links: Links
    failures: Failures
    limits: Limits
    claim_id: str

    def claim(self, message: HintMessage) -> Claimed:
        """Load the links, skip what has been seen, and claim the rest by ETag.

        A record that a worker did not finish is processed alone: if it ends the worker again, no other record is
        affected. Raises StorageTrouble.
        """
        hints = merge(message.hints)
        skipped: list[Link] = []
        busy: dict[float, list[Hint]] = defaultdict(list)
        damaged: dict[str, Damage] = {}
        free: dict[str, Link] = {}
        for id, link in self.links.load(self.flow.name, list(hints)).items():
            if (damage := damage_of(link, self.flow)) is not None:
                damaged[id] = damage
            elif self._is_seen(link, hints[id], message.epoch):
                skipped.append(link)
            elif (wait_s := claim_ends_in(link, self.limits)) > 0:
                busy[_delay_s(link, wait_s)].append(hints[id])
            else:
                free[id] = link
        suspects = [id for id, link in free.items() if _unfinished(link, message.ended)] if len(free) > 1 else []
        alone = [hints[id] for id in suspects]
        taken = {id: self._claimed(link, message.ended) for id, link in free.items() if id not in suspects}
        written = self._write(free, taken)
        for id in written.foreign:
            busy[BUSY_DELAY_S].append(hints[id])
        return Claimed(self._records(hints, free, taken, written.etags), skipped, busy, alone, damaged)

    def _is_seen(self, link: Link, hint: Hint, epoch: str | None) -> bool:
        if not is_clean(link) or _is_undecided(link) or link.seen.fingerprint != self.flow.fingerprint:
            return False
        if hint.released:
            # The worker that has decided it since then has read the parent that has moved.
            return link.etag is not None and not link.waits
        if hint.version is None or epoch is None or link.seen.epoch != epoch:
            return False
        return link.seen.version is not None and link.seen.version >= hint.version

    def _write(self, free: Mapping[str, Link], taken: Mapping[str, Link]) -> Written:
        groups = [Group(free[id], (link_operation(link),)) for id, link in taken.items()]
        return LinkWriter(self.links, lambda now: now.claim.id == self.claim_id).write(groups)

    def _records(
        self, hints: Mapping[str, Hint], free: Mapping[str, Link], taken: Mapping[str, Link], etags: Mapping[str, str]
    ) -> list[Record]:
        """The claimed records with their listed failures, which a later success closes. Any record may have one, since
        a poison message is listed without its link."""
        failures = self.failures.load(self.flow.name, list(etags)) if etags else {}
        return [
            Record.of(
                hints[id],
                replace(taken[id], etag=etag, age_s=0.0),
                trusted=is_clean(free[id]),
                failure=failures.get(id),
            )
            for id, etag in etags.items()
        ]

    def _claimed(self, link: Link, ended: str | None) -> Link:
        looks = all(route.looks_for_conflicts for route in self.flow.routes.values())
        claim = Claim(
            self.claim_id,
            ClaimKind.WORKING,
            link.claim.last,
            _unfinished(link, ended),
            overwrites=not looks or (link.claim.overwrites and not is_clean(link)),
        )
        return replace(link, claim=claim, dirty=not is_clean(link))


def is_clean(link: Link) -> bool:
    """Whether the target is trusted to hold what was applied: no earlier claim is left, and it is not dirty."""
    return link.claim.id is None and not link.dirty


def _is_undecided(link: Link) -> bool:
    """Whether a record comes back: it is retried, or its first write was noted by a worker that had no time to send
    it. A refused record keeps the note, and is tried again as a listed failure."""
    is_noted = link.intent is not None and not link.linked and link.state is not LinkState.REJECTED
    return is_noted or link.state is LinkState.RETRYING


def claim_ends_in(link: Link, limits: Limits) -> float:
    """For how many seconds a claim still keeps other workers off; 0 if there is none or it has expired. The storage
    service gives the age, so no two clocks are compared."""
    if link.claim.id is None:
        return 0.0
    live_s = limits.unsettled_live_s if link.claim.kind is ClaimKind.UNSETTLED else limits.claim_live_s
    return max(0.0, live_s - link.age_s)


def _unfinished(link: Link, ended: str | None) -> int:
    """How many workers in a row did not finish a record whose claim has expired. A worker whose claim is `ended` did
    finish."""
    left = link.claim.id is not None and link.claim.kind is ClaimKind.WORKING and link.claim.id != ended
    return link.claim.unfinished + left


def _delay_s(link: Link, wait_s: float) -> float:
    """The delay before the next look: short for a worker, which is usually done soon; the whole time for an unsettled
    request. It is rounded to steps, so that records that were claimed together come back together."""
    whole_s = math.ceil((wait_s + _MARGIN_S) / _STEP_S) * _STEP_S
    return whole_s if link.claim.kind is ClaimKind.UNSETTLED else min(BUSY_DELAY_S, whole_s)
