"""Failures that are listed outside of a commit, because no worker can process the record."""

import hashlib
from collections.abc import Iterable, Mapping

from shared.clock import Clock
from shared.errors import Damage
from shared.state.failures import STATE_UNREADABLE, Failure, Failures, renewed
from shared.sync.flow import Flow
from shared.sync.hints import unusable_id
from shared.telemetry import log_event
from shared.visible import has_half_pair, visible

_NAME_KEPT = 80


class Listing:
    """Lists records of one flow. One that is listed already, and says the same, stays as it is."""

    def __init__(self, flow: Flow, run_id: str, *, failures: Failures, clock: Clock) -> None:
        self._failures = failures
        self._clock = clock
        self._flow = flow
        self._run_id = run_id

    def unusable(self, ids: Iterable[str]) -> None:
        """List records whose id no message can carry, under a name that can be stored. They cannot be retried: only
        their source can be corrected. Raises StorageTrouble."""
        for id in dict.fromkeys(ids):
            damaged = has_half_pair(id) or "\0" in id
            cause = "text_not_sendable" if damaged else "key_too_long"
            helps = "enter the damaged character of the number anew" if damaged else "shorten the number"
            remedy = f"{helps} in {self._flow.source_system.label}, then retry this failure: it closes"
            message = f"the id {visible(id[:_NAME_KEPT])} {unusable_id(id)}"
            self._reject(_name_of(id), cause, message, remedy, may_retry=False)

    def damaged(self, damages: Mapping[str, Damage]) -> None:
        """List records with a row that cannot be read. The sweep retries them, since the row may be repaired by then.
        Raises StorageTrouble."""
        if not damages:
            return
        listed = self._failures.load(self._flow.name, list(damages))
        for id, damage in damages.items():
            earlier = listed.get(id)
            if earlier is None or (earlier.cause, earlier.message) != (STATE_UNREADABLE, str(damage)):
                self._reject(id, STATE_UNREADABLE, str(damage), damage.remedy, may_retry=True)

    def put(self, id: str, cause: str, message: str, remedy: str, *, may_retry: bool) -> bool:
        """List one failure, also of a record that is listed with another cause; False if it is listed already. One that
        only an operator can retry replaces none that the sweep retries: the claim of a worker that has died in it would
        stand for ever. Raises StorageTrouble."""
        now = self._clock.now()
        earlier = self._failures.load(self._flow.name, [id]).get(id)
        failure = Failure(self._flow.name, id, cause, message, remedy, first_seen=now, last_seen=now)
        if may_retry:
            failure = renewed(earlier, failure)
        elif earlier is not None and (earlier.next_try or (earlier.cause, earlier.message) == (cause, message)):
            return False
        self._failures.put(failure)
        return True

    def _reject(self, id: str, cause: str, message: str, remedy: str, *, may_retry: bool) -> None:
        if self.put(id, cause, message, remedy, may_retry=may_retry):
            log_event("record_rejected", flow=self._flow.name, run=self._run_id, id=id, cause=cause)


def _name_of(id: str) -> str:
    """A name for a record whose id cannot be used: the printable form of the id if it can be stored."""
    shown = visible(id)
    if len(shown) <= _NAME_KEPT and not unusable_id(shown):
        return shown
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"record-{digest}"
