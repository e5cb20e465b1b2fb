"""Poison: finds the one record at fault in a message that failed too often (protocol F3)."""

import hashlib
from dataclasses import replace

from shared.clock import Clock
from shared.errors import StorageTrouble
from shared.state.failures import Failures
from shared.state.storage.queues import Queues, poison_queue
from shared.sync.failure_list import Listing
from shared.sync.flow import Flow
from shared.sync.hints import HintMessage, HintUnreadable, read_message
from shared.sync.limits import Limits
from shared.telemetry import log_event, tell_trouble
from shared.visible import visible

_STORAGE_DELAY_S = 60.0


class Poison:
    """One invocation of a poison function."""

    def __init__(
        self, flow: Flow, run_id: str, *, failures: Failures, queues: Queues, clock: Clock, limits: Limits
    ) -> None:
        self._flow = flow
        self._run_id = run_id
        self._failures = failures
        self._queues = queues
        self._clock = clock
        self._limits = limits

    def run(self, body: str) -> None:
        """Send each id of a message again alone; list the only id of a message, or an unreadable body, as failure.

        If a table fails, the message is sent again, and never expires, unlike the host's copy. Raises StorageTrouble
        if the queue fails as well.
        """
        try:
            self._run(body)
        except StorageTrouble as trouble:
            self._queues.send(poison_queue(self._flow.name), body, delay_s=_STORAGE_DELAY_S)
            tell_trouble(trouble, flow=self._flow.name, run=self._run_id)

    def _run(self, body: str) -> None:
        try:
            message = read_message(body)
        except HintUnreadable as unreadable:
            self._list_unreadable(body, unreadable)
            return
        if len(message.hints) > 1:
            self._split(message)
            return
        self._list(
            message.hints[0].id,
            "poison",
            "the record could not be processed again and again",
            "read the errors of the apply function that name it; the sync retries the record automatically",
            may_retry=True,
        )

    def _split(self, message: HintMessage) -> None:
        """Send each id alone. Ids that there is no time for come back as a poison message of their own."""
        not_after = self._clock.monotonic() + self._limits.run_budget_s
        sent = 0
        for hint in message.hints:
            if self._clock.monotonic() >= not_after:
                break
            alone = replace(message, hints=(hint.again,), epoch=None, ended=None)
            self._queues.send(self._flow.name, alone.to_body())
            sent += 1
        if rest := message.hints[sent:]:
            left = replace(message, hints=rest, epoch=None, ended=None)
            self._queues.send(poison_queue(self._flow.name), left.to_body())
        log_event("poison_split", flow=self._flow.name, run=self._run_id, sent_by=message.run, records=sent)

    def _list_unreadable(self, body: str, unreadable: HintUnreadable) -> None:
        digest = hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self._list(
            f"message-{digest}",
            "message_unreadable",
            f"{unreadable}; the body begins with: {visible(body[:500])}",
            "find out who else writes to this queue; records are found again by their next change or a full read",
            may_retry=False,
        )

    def _list(self, id: str, cause: str, message: str, remedy: str, *, may_retry: bool) -> None:
        listing = Listing(self._flow, self._run_id, failures=self._failures, clock=self._clock)
        if listing.put(id, cause, message, remedy, may_retry=may_retry):
            log_event("poison_listed", flow=self._flow.name, run=self._run_id, id=id, cause=cause)
