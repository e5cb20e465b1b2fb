"""One queue trigger: fetches, leases, runs, and settles messages as the real host does."""

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from azure.functions.queue import QueueMessage

from local.host.app import AppFunction
from local.host.backoff import Backoff
from local.host.clock import Clock
from local.host.errors import MessageGone, QueueMissing, StorageRefused, StorageUnavailable, StorageUnreachable
from local.host.events import MessagePoisoned, OnEvent
from local.host.host_json import QueueOptions
from local.host.invoker import Failed, Invoker, Outcome, Succeeded
from local.host.queues import Message, Queue, decode_body

log = logging.getLogger("Host.Triggers.Queue")
# Of the extension that the bundle holds: by this category the line is kept in host.json, and found in the logs.
log_of_queues = logging.getLogger("Microsoft.Azure.WebJobs.Host.Queues.QueueProcessor")

POISON_SUFFIX = "-poison"
LEASE_S = 600.0


def has_poison_queue(name: str) -> bool:
    """True when failing messages of this queue have somewhere to go: a poison queue has no poison queue."""
    return not name.casefold().endswith(POISON_SUFFIX)


@dataclass(eq=False)
class _Leased:
    """A message that runs; `message` carries the newest pop receipt, guarded by the lock."""

    message: Message
    renew_at_s: float
    is_settled: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Settlement:
    """What becomes of a message of the queue of one function that was not handled."""

    function: str
    queue: Queue
    poison: Queue | None
    options: QueueOptions
    on_event: OnEvent

    def fail(self, message: Message, noticed_in_s: float) -> None:
        """Its function has failed, which is noticed after so many seconds."""
        if self.poison is None:
            # As in the real host: it stays invisible until its lease ends, then it is tried again, for ever.
            log.warning("Message %s of queue %s failed and stays", message.id, self.queue.name)
        elif message.dequeue_count >= self.options.max_dequeue_count:
            self.move_to_poison(message, self.poison, ran=True)
        else:
            self.queue.set_visible_in(message, noticed_in_s + self.options.visibility_timeout)

    def move_to_poison(self, message: Message, poison: Queue, *, ran: bool) -> None:
        """Its body goes to the poison queue."""
        log_of_queues.warning(
            "Message has reached MaxDequeueCount of %d. Moving message to queue '%s'.",
            self.options.max_dequeue_count, poison.name,
        )  # fmt: skip
        poison.send(message.text)
        self.on_event(MessagePoisoned(self.function, self.queue.name, message.id, message.dequeue_count, ran))
        self.queue.delete(message)


class QueueListener:
    """Listens to the queue of one function. One thread calls `step`; outcomes may arrive on any other."""

    def __init__(
        self,
        function: AppFunction,
        queue: Queue,
        poison: Queue | None,
        *,
        options: QueueOptions,
        invoker: Invoker,
        clock: Clock,
        backoff: Backoff,
        on_event: OnEvent,
        wake: Callable[[], None],
        on_lost_storage: Callable[[str, BaseException], None],
        lease_s: float = LEASE_S,
        on_held: Callable[[Message], None] = lambda _message: None,
        on_settled: Callable[[Message], None] = lambda _message: None,
    ) -> None:
        self._function = function
        self._queue = queue
        self._poison = poison
        self._options = options
        self._invoker = invoker
        self._clock = clock
        self._backoff = backoff
        self._wake = wake
        self._on_lost_storage = on_lost_storage
        self._lease_s = lease_s
        self._on_held = on_held
        self._on_settled = on_settled
        self._settlement = Settlement(function.name, queue, poison, options, on_event)
        self._running: set[_Leased] = set()
        self._lock = threading.Lock()
        self._next_look_s = 0.0
        self._found_since_wait = False
        self._fetching = True

    @property
    def name(self) -> str:
        """The function's name."""
        return self._function.name

    def stop_fetching(self) -> None:
        """Take no more messages; leases of running ones are still renewed."""
        self._fetching = False

    def look_now(self) -> None:
        """Forget the back-off: a message was just added."""
        self._next_look_s = 0.0
        self._wake()

    def step(self) -> float:
        """Do what is due; return the seconds until something is due again."""
        self._renew_leases()
        if self._may_fetch() and self._clock.monotonic() >= self._next_look_s:
            self._fetch()
        due_s = [leased.renew_at_s for leased in self._snapshot()]
        if self._may_fetch():
            due_s.append(self._next_look_s)
        return max(0.0, min(due_s, default=math.inf) - self._clock.monotonic())

    def _may_fetch(self) -> bool:
        return self._fetching and len(self._snapshot()) <= self._options.fetch_threshold

    def _snapshot(self) -> list[_Leased]:
        with self._lock:
            return list(self._running)

    def _fetch(self) -> None:
        messages = self._receive()
        if messages:
            self._found_since_wait = True
            self._next_look_s = 0.0
        else:
            wait_s = self._backoff.reset() if self._found_since_wait else self._backoff.grow()
            self._found_since_wait = False
            self._next_look_s = self._clock.monotonic() + wait_s
        for message in messages:
            self._take(message)

    def _receive(self) -> list[Message]:
        try:
            return self._queue.receive(self._options.batch_size, lease_s=self._lease_s)
        except QueueMissing:
            return []
        except (StorageRefused, StorageUnreachable) as error:
            self._lose_storage(error)
            return []
        except StorageUnavailable as error:
            log.warning("Function %s cannot read its queue: %s", self.name, error)
            return []

    def _take(self, message: Message) -> None:
        if self._poison is not None and message.dequeue_count > self._options.max_dequeue_count:
            self._settling(message, partial(self._settlement.move_to_poison, message, self._poison, ran=False))
            return
        try:
            body = decode_body(message.text, self._options.message_encoding)
        except ValueError as error:
            # At its first delivery, and without the function: in a poison queue it stays, unseen.
            log.warning("Message %s of queue %s cannot be decoded: %s", message.id, self._queue.name, error)
            if self._poison is not None:
                self._settling(message, partial(self._settlement.move_to_poison, message, self._poison, ran=False))
            return
        leased = _Leased(message, self._clock.monotonic() + self._lease_s / 2)
        with self._lock:
            self._running.add(leased)
        self._on_held(message)
        arguments = {self._function.trigger.name: _trigger_message(message, body)}
        self._invoker.start(self._function, arguments, partial(self._settle, leased))

    def _settle(self, leased: _Leased, outcome: Outcome) -> None:
        with leased.lock:
            leased.is_settled = True
            message = leased.message
        try:
            match outcome:
                case Succeeded():
                    self._settling(message, partial(self._queue.delete, message))
                case Failed(noticed_in_s):
                    self._settling(message, partial(self._settlement.fail, message, noticed_in_s))
        finally:
            self._on_settled(message)
            with self._lock:
                self._running.discard(leased)
            self._wake()

    def _settling(self, message: Message, settle: Callable[[], object]) -> None:
        """A message that is no longer ours needs nothing more. One that cannot be settled ends the host, and comes back
        after its lease."""
        try:
            settle()
        except MessageGone as error:
            log.debug("%s", error)
        except (StorageUnavailable, QueueMissing) as error:
            log.error("Message %s of queue %s is not settled: %s", message.id, self._queue.name, error)
            self._lose_storage(error)

    def _lose_storage(self, error: Exception) -> None:
        """As in the real host, where the exception belongs to no function."""
        self._fetching = False
        self._on_lost_storage(self.name, error)

    def _renew_leases(self) -> None:
        now_s = self._clock.monotonic()
        for leased in self._snapshot():
            with leased.lock:
                if not leased.is_settled and now_s >= leased.renew_at_s:
                    self._renew(leased)

    def _renew(self, leased: _Leased) -> None:
        leased.renew_at_s = self._clock.monotonic() + self._lease_s / 2
        try:
            leased.message = self._queue.set_visible_in(leased.message, self._lease_s)
            self._on_held(leased.message)
        except (MessageGone, StorageUnavailable) as error:
            log.warning("The lease of message %s of queue %s is not renewed: %s", leased.message.id,
                        self._queue.name, error)  # fmt: skip


def _trigger_message(message: Message, body: bytes) -> QueueMessage:
    return QueueMessage(  # type: ignore[no-untyped-call]  # the library leaves it untyped
        id=message.id,
        body=body,
        dequeue_count=message.dequeue_count,
        expiration_time=message.expires_at,
        insertion_time=message.inserted_at,
        time_next_visible=message.next_visible_at,
        pop_receipt=message.pop_receipt,
    )
