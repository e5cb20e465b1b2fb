"""Open failures: grouped by cause, tried again, dismissed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from shared.errors import RowConflict
from shared.operations.deeds import Deeds, Refused
from shared.operations.syncing import send
from shared.state.failures import Failure, retry_after
from shared.state.rows import Operation, Replace
from shared.sync.claiming import claim_ends_in
from shared.sync.parts import Parts

_PAGE = 1000
# What grows with the records, such as numbers that are too long, is told of so many.
_VALUES_TOLD = 1000


@dataclass(frozen=True, slots=True)
class Cause:
    """Every open failure of a flow with one cause. `example` is the one that was seen last; `values` are what is wrong
    in the records, with how many have each, the most frequent first: one edit of a value map can mend them all."""

    flow: str
    cause: str
    count: int
    example: Failure
    first_seen: datetime
    last_seen: datetime
    values: Mapping[str, int]


class Failing:
    """The failures of the flows."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def causes(self, flows: Iterable[str], *, dismissed: bool = False) -> list[Cause]:
        """The causes, the most frequent first; of `dismissed` failures instead of open ones where that is asked."""
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
        """The failures of a flow one by one, page by page; with one cause, where that is asked."""
        after: str | None = ""
        while after is not None:
            page, after = self._parts.state.failures.page(flow, after, _PAGE)
            for failure in page:
                if bool(failure.dismissed) == dismissed and cause in (None, failure.cause):
                    yield failure

    def load(self, flow: str, ids: Sequence[str]) -> list[Failure]:
        """The failures of these records, those that have one."""
        return list(self._parts.state.failures.load(flow, ids).values())

    def retry(
        self, flow: str, failures: Iterable[Failure], deeds: Deeds, *, progress: Callable[[int], None] = lambda _: None
    ) -> int:
        """Send records again, in batches; how many. What is on its way already is left out, so that whoever was
        interrupted calls it once more and goes on. `progress` is told after each batch how many were sent."""
        sent, batch = 0, list[Failure]()
        for failure in failures:
            if not failure.is_asked:
                batch.append(failure)
            if len(batch) == self._parts.limits.hints_per_message:
                sent += self._send(flow, batch, deeds)
                progress(sent)
                batch = []
        if batch:
            sent += self._send(flow, batch, deeds)
            progress(sent)
        return sent

    def dismiss(self, flow: str, failures: Sequence[Failure], reason: str, deeds: Deeds) -> int:
        """Take failures off the list of open ones, with a reason that stays; how many. One whose record a worker has in
        its hands is left out: the worker would list it again; and so is one whose row could not be read: the sweep
        looks first why its record fails. One that says something else later is open again. Raises Refused for a blank
        reason."""
        if not reason.strip():
            raise Refused("a failure is dismissed for a reason that is not blank")
        deeds.note("dismiss", flow, _ids(failures), reason)
        return sum(self._dismiss(failure, reason) for failure in failures)

    def _dismiss(self, failure: Failure, reason: str) -> bool:
        """The link is written with it as it is: whoever claims the record meanwhile has to look at both anew."""
        links = self._parts.state.links
        link = links.load(failure.flow, [failure.id])[failure.id]
        if failure.is_unread or claim_ends_in(link, self._parts.limits) > 0:
            return False
        dismissed = replace(failure, dismissed=reason, next_try=None)
        rows: list[Operation] = [Replace(dismissed.to_row(), failure.etag or "")]
        if link.etag is not None and link.damage is None:
            rows.append(Replace(link.to_row(), link.etag))
        try:
            links.table.transact(rows)
        except RowConflict:
            return False
        return True

    def _send(self, flow: str, failures: Sequence[Failure], deeds: Deeds) -> int:
        deeds.note("retry", flow, _ids(failures))
        send(self._parts, flow, [failure.id for failure in failures])
        self._parts.state.failures.save_all([self._asked(failure) for failure in failures])
        return len(failures)

    def _asked(self, failure: Failure) -> Failure:
        now = self._parts.clock.now()
        return replace(failure, asked_at=now, dismissed="", next_try=now + retry_after(failure.tries))


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
