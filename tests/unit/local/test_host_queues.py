"""The queue listener on a queue in memory and a clock that the test moves."""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from azure.functions.queue import QueueMessage
from hypothesis import given
from hypothesis import strategies as st

from local.host.app import AppFunction, Binding
from local.host.backoff import Backoff
from local.host.errors import MessageGone, QueueMissing, StorageRefused, StorageUnavailable, StorageUnreachable
from local.host.events import Event, InvocationFailed, InvocationSucceeded, MessagePoisoned
from local.host.host_json import QueueOptions
from local.host.invoker import Invoker, WorkerLost
from local.host.queue_listener import QueueListener, has_poison_queue
from local.host.queues import Message, decode_body, encode_body
from tests.support.clock import ManualClock
from tests.unit.local.test_host_timers import HeldTasks


@dataclass
class StoredMessage:
    text: str
    visible_at_s: float = 0.0
    receipt: int = 0
    dequeued: int = 0


@dataclass
class QueueInMemory:
    """A queue that keeps the rules of storage: leases, pop receipts, dequeue counts."""

    name: str
    clock: ManualClock
    exists: bool = True
    trouble: Exception | None = None
    messages: dict[str, StoredMessage] = field(default_factory=dict)
    looks: int = 0

    def receive(self, count: int, *, lease_s: float) -> list[Message]:
        self._answer()
        self.looks += 1
        if not self.exists:
            raise QueueMissing(f"queue {self.name} does not exist")
        visible = [id for id, m in self.messages.items() if m.visible_at_s <= self.clock.seconds][:count]
        return [self._leased(id, lease_s) for id in visible]

    def set_visible_in(self, message: Message, seconds: float) -> Message:
        stored = self._owned(message)
        stored.receipt += 1
        stored.visible_at_s = self.clock.seconds + seconds
        return replace(message, pop_receipt=str(stored.receipt))

    def delete(self, message: Message) -> None:
        self._owned(message)
        del self.messages[message.id]

    def send(self, text: str) -> None:
        self._answer()
        self.exists = True
        self.messages[f"{self.name}-{len(self.messages)}"] = StoredMessage(text)

    def _leased(self, id: str, lease_s: float) -> Message:
        stored = self.messages[id]
        stored.receipt += 1
        stored.dequeued += 1
        stored.visible_at_s = self.clock.seconds + lease_s
        return Message(id, stored.text, str(stored.receipt), stored.dequeued, None, None, None)

    def _owned(self, message: Message) -> StoredMessage:
        self._answer()
        stored = self.messages.get(message.id)
        if stored is None or message.pop_receipt != str(stored.receipt):
            raise MessageGone(message.id)
        return stored

    def _answer(self) -> None:
        if self.trouble is not None:
            raise self.trouble


class World:
    def __init__(
        self, *, queue: str = "work", timeout_s: float | None = None, work: Callable[[], None] = lambda: None,
        **options: object,
    ) -> None:  # fmt: skip
        self.clock = ManualClock()
        self.queue = QueueInMemory(queue, self.clock)
        self.poison = QueueInMemory(f"{queue}-poison", self.clock, exists=False)
        self.pool = HeldTasks()
        self.seen: list[QueueMessage] = []
        self.events: list[Event] = []
        self.lost: list[str] = []
        self.ended: list[BaseException] = []
        self.work = work
        binding = Binding("queueTrigger", "message", {})
        function = AppFunction("apply", self._apply, (binding,), wants_context=False, has_retry_policy=False)
        self.invoker = Invoker(
            self.pool, self.clock, timeout_s=timeout_s, directory=Path(), send_output=lambda *_: None,
            on_event=self.events.append, on_timeout=self.lost.append,
        )  # fmt: skip
        aliased = {name.replace("_", ""): value for name, value in options.items()}
        self.listener = QueueListener(
            function,
            self.queue,
            self.poison if has_poison_queue(queue) else None,
            options=QueueOptions.model_validate(aliased),
            invoker=self.invoker,
            clock=self.clock,
            backoff=Backoff(60, random.Random(7)),
            on_event=self.events.append,
            wake=lambda: None,
            on_lost_storage=lambda _name, error: self.ended.append(error),
        )

    def _apply(self, message: QueueMessage) -> None:
        self.seen.append(message)
        self.work()

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.queue.send(base64.b64encode(body.encode()).decode())

    def run(self) -> None:
        self.listener.step()
        self.pool.run_all()


def fail() -> None:
    raise RuntimeError("the function failed")


def test_a_message_reaches_its_function_decoded_and_is_deleted_after_success() -> None:
    world = World()
    world.send('{"a": 1}')
    world.run()

    assert world.seen[0].get_json() == {"a": 1}
    assert world.seen[0].dequeue_count == 1
    assert not world.queue.messages
    assert isinstance(world.events[-1], InvocationSucceeded)


def test_a_failing_message_is_tried_five_times_and_then_poisoned_with_its_body() -> None:
    world = World(work=fail)
    world.send("bad")
    for _ in range(10):
        world.run()
        world.clock.sleep(60)

    assert [message.dequeue_count for message in world.seen] == [1, 2, 3, 4, 5]
    assert not world.queue.messages
    assert [decode_body(m.text, "base64") for m in world.poison.messages.values()] == [b"bad"]
    assert world.events[-1] == MessagePoisoned("apply", "work", "work-0", 5, ran=True)


def test_a_failed_message_is_invisible_for_the_visibility_timeout() -> None:
    world = World(work=fail, visibility_timeout="00:00:30")
    world.send("bad")
    world.run()

    assert world.queue.messages["work-0"].visible_at_s == 30


def test_a_message_over_the_limit_is_poisoned_without_running() -> None:
    world = World()
    world.send("crashes the process")
    world.queue.messages["work-0"].dequeued = 5
    world.run()

    assert not world.seen
    assert len(world.poison.messages) == 1
    assert world.events == [MessagePoisoned("apply", "work", "work-0", 6, ran=False)]


def test_a_body_that_is_not_base64_is_poison_at_its_first_delivery_and_never_reaches_the_function() -> None:
    world = World()
    world.queue.send("not base64!")
    world.run()

    assert not world.seen
    assert not world.queue.messages
    assert [message.text for message in world.poison.messages.values()] == ["not base64!"]
    assert [(event.ran, event.dequeue_count) for event in world.events if isinstance(event, MessagePoisoned)] == [
        (False, 1)
    ]


def test_the_line_of_a_message_that_is_given_up_has_the_category_of_the_extension(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.queue.send("not base64!")
    world.run()
    (line,) = [record for record in caplog.records if "Moving message to queue 'work-poison'" in record.getMessage()]
    assert line.name == "Microsoft.Azure.WebJobs.Host.Queues.QueueProcessor"


def test_a_body_that_is_not_base64_in_a_poison_queue_stays_there_unseen() -> None:
    world = World(queue="work-poison")
    world.queue.send("not base64!")
    for _ in range(3):
        world.run()
        world.clock.sleep(600)

    assert not world.seen
    assert world.queue.messages["work-poison-0"].dequeued == 3


def test_base64_with_line_breaks_and_blanks_is_read() -> None:
    assert decode_body(" dGhl\r\nIGJv ZHk=\n", "base64") == b"the body"


def test_plain_text_passes_with_encoding_none() -> None:
    world = World(message_encoding="none")
    world.queue.send("plain text!")
    world.run()

    assert world.seen[0].get_body() == b"plain text!"


def test_a_poison_queue_has_no_poison_queue() -> None:
    world = World(queue="work-poison", work=fail, max_dequeue_count=1)
    world.send("bad")
    for _ in range(3):
        world.run()
        world.clock.sleep(601)

    assert len(world.seen) == 3
    assert len(world.queue.messages) == 1


def test_a_lease_is_renewed_at_half_time_and_the_message_still_deleted() -> None:
    world = World()
    world.send("slow")
    world.listener.step()
    for _ in range(4):
        world.clock.sleep(300)
        world.listener.step()
    assert world.queue.messages["work-0"].visible_at_s == 1200 + 600
    world.pool.run_all()

    assert not world.queue.messages
    assert len(world.seen) == 1


def test_a_message_that_somebody_else_took_is_left_alone() -> None:
    world = World()
    world.send("taken")
    world.listener.step()
    world.queue.messages["work-0"].receipt += 1
    world.pool.run_all()

    assert list(world.queue.messages) == ["work-0"]
    assert isinstance(world.events[-1], InvocationSucceeded)


def test_no_more_than_batch_and_threshold_run_at_once() -> None:
    world = World(batch_size=4, new_batch_threshold=2)
    world.send(*map(str, range(20)))
    world.listener.step()
    assert len(world.pool.tasks) == 4
    world.listener.step()
    assert len(world.pool.tasks) == 4
    world.pool.tasks.pop(0)()
    world.pool.tasks.pop(0)()
    world.listener.step()

    assert len(world.pool.tasks) == 6


def test_an_empty_queue_is_looked_at_less_and_less_often() -> None:
    world = World()
    waits_s = []
    for _ in range(15):
        waits_s.append(world.listener.step())
        world.clock.sleep(waits_s[-1])

    assert waits_s[0] == pytest.approx(0.1)
    assert waits_s == sorted(waits_s)
    assert waits_s[-1] == 60


def test_found_messages_reset_the_back_off() -> None:
    world = World()
    for _ in range(15):
        world.clock.sleep(world.listener.step())
    world.send("one")
    world.run()

    assert world.listener.step() == pytest.approx(0.1)


@pytest.mark.parametrize("trouble", [{"exists": False}, {"trouble": StorageUnavailable("503")}])
def test_a_missing_queue_or_busy_storage_is_asked_again_later(trouble: dict[str, object]) -> None:
    world = World()
    for name, value in trouble.items():
        setattr(world.queue, name, value)
    world.clock.sleep(world.listener.step())
    world.queue.exists, world.queue.trouble = True, None
    world.send("at last")
    world.run()

    assert len(world.seen) == 1


@pytest.mark.parametrize("error", [StorageRefused("403"), StorageUnreachable("no answer"), StorageUnavailable("503")])
def test_a_message_that_cannot_be_settled_ends_the_host_and_comes_back_after_its_lease(error: Exception) -> None:
    world = World()
    world.send("twice")
    world.listener.step()
    world.queue.trouble = error
    world.pool.run_all()
    assert world.ended == [error]
    world.queue.trouble = None
    looks = world.queue.looks
    world.run()
    assert world.queue.looks == looks
    assert world.queue.messages["work-0"].visible_at_s == 600


@pytest.mark.parametrize("error", [StorageRefused("403"), StorageUnreachable("no answer")])
def test_a_queue_that_refuses_us_or_does_not_answer_ends_the_host(error: Exception) -> None:
    world = World()
    world.queue.trouble = error
    world.run()
    assert world.ended == [error]


def test_a_run_over_the_time_limit_fails_and_costs_the_worker() -> None:
    world = World(timeout_s=600, visibility_timeout="00:00:30")
    world.send("hangs")
    world.listener.step()
    world.clock.sleep(600)
    world.invoker.check_timeouts()

    assert world.queue.messages["work-0"].visible_at_s == 630
    assert world.lost == ["apply ran over functionTimeout (600 s)"]
    failed = [event for event in world.events if isinstance(event, InvocationFailed)]
    assert [event.error for event in failed] == ["FunctionTimeout"]


def test_what_else_runs_in_a_lost_worker_is_noticed_at_its_own_time_limit() -> None:
    """The real host, with a limit of 600 s: the sibling's message waits until 600 s after its start, and 30 s more."""
    world = World(timeout_s=600, visibility_timeout="00:00:30")
    world.send("beside it")
    world.clock.sleep(50)
    world.listener.step()
    world.clock.sleep(100)
    world.invoker.fail_running(WorkerLost("sweep ran over functionTimeout (600 s)"))
    world.pool.run_all()

    assert world.queue.messages["work-0"].visible_at_s == 680
    assert [event.error for event in world.events if isinstance(event, InvocationFailed)] == ["WorkerLost"]
    assert world.invoker.wait_until_idle(0) == 0


def test_the_watchdog_waits_for_the_oldest_run() -> None:
    world = World(timeout_s=600)
    world.send("one")
    world.listener.step()
    world.clock.sleep(100)

    assert world.invoker.check_timeouts() == 500


def test_sys_exit_in_a_function_fails_that_invocation_only() -> None:
    def leave() -> None:
        raise SystemExit(3)

    world = World(work=leave)
    world.send("exits")
    world.run()

    assert isinstance(world.events[-1], InvocationFailed)
    assert world.events[-1].error == "SystemExit"


@given(st.binary())
def test_a_body_survives_base64(body: bytes) -> None:
    assert decode_body(encode_body(body, "base64"), "base64") == body


@given(st.text())
def test_text_survives_no_encoding(text: str) -> None:
    assert decode_body(encode_body(text.encode(), "none"), "none") == text.encode()
