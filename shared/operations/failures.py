"""Open failures: grouped by cause, retried, dismissed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.clock import Clock
from shared.errors import RowConflict
from shared.operations.audit_log import AuditLog, Refused
from shared.operations.sender import Sender
from shared.state.failures import Failure, Failures, failure_key, retry_after
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Operation, Replace
from shared.sync.apply.claim import claim_ends_in
from shared.sync.limits import Limits
from shared.sync.state import State

_PAGE, _READS_S = 1000, 0.5
# Where the values grow with the records, such as numbers that are too long, only this many are listed.
_VALUES_TOLD = 1000


@dataclass(frozen=True, slots=True)
class Cause:
    """Every open failure of a flow with one cause. `example` is the one seen last; `values` are the wrong values with
    their counts, the most frequent first: one edit of a value map can correct them all."""

    flow: str
    cause: str
    count: int
    example: Failure
    first_seen: datetime
    last_seen: datetime
    values: Mapping[str, int]


class Failing:
    """The failures of the flows."""

    def __init__(self, *, state: State, sender: Sender, clock: Clock, limits: Limits) -> None:
        self._state = state
        self._sender = sender
        self._clock = clock
        self._limits = limits

    def causes(self, flows: Iterable[str], *, dismissed: bool = False) -> list[Cause]:
        """The causes, the most frequent first; of open failures, or of `dismissed` ones."""
        found: dict[tuple[str, str], Cause] = {}
        values: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for flow in flows:
            for failure in self.walk(flow, dismissed=dismissed):
                key = flow, failure.cause
                found[key] = _joined(found.get(key), failure)
                if failure.value and (failure.value in values[key] or len(values[key]) < _VALUES_TOLD):
                    values[key][failure.value] += 1
        told = (replace(cause, values=dict(values[key].most_common())) for key, cause in found.items())
        return sorted(told, key=lambda cause: (-cause.count, cause.flow, cause.cause))

    def walk(self, flow: str, *, cause: str | None = None, dismissed: bool = False) -> Iterator[Failure]:
        """The failures of a flow one by one, read page by page; of one cause if `cause` is given."""
        return failures_of(self._state.failures, flow, cause=cause, dismissed=dismissed)

    def page(
        self, flow: str, *, cause: str, dismissed: bool = False, after: str = "", limit: int
    ) -> tuple[list[Failure], str | None]:
        """Some failures of one cause, beginning at `after` ("" = the first), and where to continue (None: the end). A
        page may have fewer than the limit, or none: no more are read for it after half a second."""
        found: list[Failure] = []
        further: str | None = after
        not_after = self._clock.monotonic() + _READS_S
        while further is not None:
            read, further = self._state.failures.page(flow, further, _PAGE)
            for failure in read:
                if bool(failure.dismissed) == dismissed and failure.cause == cause:
                    found.append(failure)
                if len(found) == limit:
                    return found, f"{failure_key(failure.id)} "
            if self._clock.monotonic() >= not_after:
                break
        return found, further

    def load(self, flow: str, ids: Sequence[str]) -> list[Failure]:
        """The failures of these records, those that have one."""
        return list(self._state.failures.load(flow, ids).values())

    def retry(
        self,
        flow: str,
        failures: Iterable[Failure],
        audit_log: AuditLog,
        *,
        progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Send records again, in batches; how many. Records that are already queued are skipped, so an interrupted call
        can be repeated. `progress` is called after each batch with how many were sent."""
        sent, batch = 0, list[Failure]()
        for failure in failures:
            if not failure.is_asked:
                batch.append(failure)
            if len(batch) == self._sender.hints_per_message:
                sent += self._send(flow, batch, audit_log)
                progress(sent)
                batch = []
        if batch:
            sent += self._send(flow, batch, audit_log)
            progress(sent)
        return sent

    def dismiss(self, flow: str, failures: Sequence[Failure], reason: str, audit_log: AuditLog) -> int:
        """Remove failures from the list of open ones, with a reason that is kept; how many. A failure is skipped if a
        worker is processing its record, which would list it again, and if its row could not be read: the sweep first
        finds out why its record fails. A failure reopens if its reason changes. Raises Refused for a blank reason."""
        if not reason.strip():
            raise Refused("the reason for dismissing a failure must not be blank")
        audit_log.note("dismiss", flow, _ids(failures), reason)
        return sum(self._dismiss(failure, reason) for failure in failures)

    def assign(self, flow: str, failures: Sequence[Failure], audit_log: AuditLog, *, to: str, note: str) -> int:
        """Say who looks after failures, and note something about them; how many. What is blank is removed. A failure is
        skipped if it has been resolved or renewed meanwhile."""
        audit_log.note("assign", flow, _ids(failures), "; ".join(part for part in (to.strip(), note.strip()) if part))
        return self._state.failures.save_all(
            [replace(failure, assigned=to.strip(), note=note.strip()) for failure in failures if not failure.is_unread]
        )

    def _dismiss(self, failure: Failure, reason: str) -> bool:
        """The link is written with it: a worker that claims the record meanwhile must read both again."""
        links = self._state.links
        link = links.load(failure.flow, [failure.id])[failure.id]
        if failure.is_unread or claim_ends_in(link, self._limits) > 0:
            return False
        dismissed = replace(failure, dismissed=reason, next_try=None)
        rows: list[Operation] = [Replace(dismissed.to_row(), failure.etag or "")]
        if link.etag is not None and link.damage is None:
            rows.append(Replace(_without_claim(link, failure.cause).to_row(), link.etag))
        try:
            links.table.transact(rows)
        except RowConflict:
            return False
        return True

    def _send(self, flow: str, failures: Sequence[Failure], audit_log: AuditLog) -> int:
        run = self._sender.new_id()
        audit_log.note("retry", flow, _ids(failures), run=run)
        self._sender.send(flow, [failure.id for failure in failures], run)
        self._state.failures.save_all([self._asked(failure) for failure in failures])
        return len(failures)

    def _asked(self, failure: Failure) -> Failure:
        now = self._clock.now()
        again = now + retry_after(failure.tries)
        return replace(failure, asked_at=now, retried=failure.retried + 1, dismissed="", next_try=again)


def failures_of(
    failures: Failures, flow: str, *, cause: str | None = None, dismissed: bool = False
) -> Iterator[Failure]:
    """The failures of a flow one by one, read page by page; of one cause if `cause` is given."""
    after: str | None = ""
    while after is not None:
        page, after = failures.page(flow, after, _PAGE)
        for failure in page:
            if bool(failure.dismissed) == dismissed and cause in (None, failure.cause):
                yield failure


def _joined(cause: Cause | None, failure: Failure) -> Cause:
    if cause is None:
        return Cause(failure.flow, failure.cause, 1, failure, failure.first_seen, failure.last_seen, {})
    return replace(
        cause,
        count=cause.count + 1,
        example=failure if failure.last_seen > cause.last_seen else cause.example,
        first_seen=min(cause.first_seen, failure.first_seen),
        last_seen=max(cause.last_seen, failure.last_seen),
    )


def _ids(failures: Sequence[Failure]) -> str:
    return " ".join(failure.id for failure in failures)


def _without_claim(link: Link, cause: str) -> Link:
    """The link of a record that nobody tries again: a claim that a dead worker has left ends, and what that worker has
    written is in doubt."""
    if link.claim.id is None:
        return link
    return replace(link, state=LinkState.REJECTED, rule=cause, dirty=True, claim=link.claim.ended())
