"""What a function gets, what becomes of what it returns and logs, and how events are written down."""

import io
import json
import logging
import threading
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import azure.functions as func
import pytest
from azure.functions.queue import QueueMessage

from local.host.app import AppFunction, functions_of
from local.host.context import Invocation, current
from local.host.events import Event, InvocationFailed, InvocationStarted, InvocationSucceeded, event_as_dict
from local.host.invoker import Failed, Invoker, Outcome, Succeeded
from local.host.logs import LineHandler
from local.host.summary import Tally
from tests.support.clock import ManualClock
from tests.unit.local.test_host_timers import HeldTasks


class World:
    """Invokes the one function of an app and remembers everything that came of it."""

    def __init__(self, app: func.FunctionApp) -> None:
        (self.function,) = functions_of(app)
        self.sent: list[tuple[str, str, bytes]] = []
        self.events: list[Event] = []
        self.outcomes: list[Outcome] = []
        self.pool = HeldTasks()
        self.invoker = Invoker(
            self.pool, ManualClock(), timeout_s=None, directory=Path("the-app"), send_output=self._send,
            on_event=self.events.append, on_timeout=lambda _: None,
        )  # fmt: skip

    def _send(self, function: str, binding: str, body: bytes) -> None:
        self.sent.append((function, binding, body))

    def run(self) -> Outcome:
        message = QueueMessage(id="m1", body=b"body", dequeue_count=2)  # type: ignore[no-untyped-call]
        self.invoker.start(self.function, {"message": message}, self.outcomes.append)
        self.pool.run_all()
        self.invoker.wait_until_idle(5)
        return self.outcomes[-1]


def app_with(function: typing.Callable[..., object], *, output: str | None = None) -> func.FunctionApp:
    app = func.FunctionApp()
    decorate = app.queue_trigger(arg_name="message", queue_name="q", connection="AzureWebJobsStorage")
    if output is not None:
        decorated = app.queue_output(arg_name=output, queue_name="out", connection="AzureWebJobsStorage")(function)
        decorate(decorated)
    else:
        decorate(function)
    return app


@pytest.mark.parametrize(
    ("value", "bodies"),
    [
        ("text", [b"text"]),
        (b"bytes", [b"bytes"]),
        (["a", "b"], [b"a", b"b"]),
        (func.QueueMessage(body=b"m"), [b"m"]),
        ([func.QueueMessage(body="m"), "n"], [b"m", b"n"]),
        (None, []),
    ],
)
def test_an_output_is_sent_after_the_function_returned(value: object, bodies: list[bytes]) -> None:
    def work(message: func.QueueMessage, out: func.Out[str]) -> None:
        out.set(typing.cast(str, value))

    world = World(app_with(work, output="out"))

    assert world.run() == Succeeded()
    assert [body for _, _, body in world.sent] == bodies


@pytest.mark.parametrize("value", [[{"a": 1}], [b"bytes"], 7])
def test_an_output_that_a_queue_cannot_hold_fails_the_invocation(value: object) -> None:
    def work(message: func.QueueMessage, out: func.Out[str]) -> None:
        out.set(typing.cast(str, value))

    world = World(app_with(work, output="out"))

    assert world.run() == Failed()
    assert not world.sent


def test_nothing_is_sent_when_the_function_raises() -> None:
    def work(message: func.QueueMessage, out: func.Out[str]) -> None:
        out.set("not to be sent")
        raise ValueError("with personal data that no event repeats")

    world = World(app_with(work, output="out"))

    assert world.run() == Failed()
    assert not world.sent
    failed = world.events[-1]
    assert isinstance(failed, InvocationFailed)
    assert failed.error == "ValueError"
    assert "personal" not in json.dumps(event_as_dict(failed))


def test_a_returned_value_needs_a_return_binding() -> None:
    def work(message: func.QueueMessage) -> str:
        return "nowhere to go"

    world = World(app_with(work))

    assert world.run() == Failed()


def test_an_async_function_runs_and_returns_its_output() -> None:
    async def work(message: func.QueueMessage) -> str:
        return message.get_body().decode()

    world = World(app_with(work, output="$return"))

    assert world.run() == Succeeded()
    assert world.sent == [("work", "$return", b"body")]


def test_the_context_names_function_invocation_and_folder() -> None:
    seen: list[func.Context] = []

    def work(message: func.QueueMessage, context: func.Context) -> None:
        seen.append(context)

    world = World(app_with(work))
    world.run()

    started = world.events[0]
    assert isinstance(started, InvocationStarted)
    (context,) = seen
    assert (context.function_name, context.invocation_id) == ("work", started.invocation_id)
    assert context.function_directory == "the-app"
    assert context.retry_context.retry_count == 0
    assert context.trace_context.trace_parent.startswith("00-")


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """The lines of what is logged inside. No fixture: pytest sets the level of the root logger for each test itself."""
    stream = io.StringIO()
    handler = LineHandler(stream, {"default": "warning", "function": "information", "function.quiet": "error"})
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


def test_log_lines_carry_category_and_invocation_and_obey_the_longest_prefix() -> None:
    with logged() as lines:
        for function in ("loud", "quiet"):
            token = current.set(Invocation(f"id-of-{function}", function))
            logging.getLogger("shared.sync").info("from %s", function)
            current.reset(token)
        logging.getLogger("Host.Startup").info("below its level")
        logging.getLogger("Host.Startup").warning("at its level")

    first, second = lines.getvalue().splitlines()
    assert first.endswith("INF Function.loud.User id-of-loud: from loud")
    assert second.endswith("WRN Host.Startup: at its level")


def test_the_hosts_own_storage_traffic_is_not_logged_but_the_functions_is(monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = logging.getLogger("azure.core.pipeline.policies.http_logging_policy")
    # The app quiets it, and may have done so in this process.
    monkeypatch.setattr(traffic, "level", logging.INFO)
    monkeypatch.setattr(traffic, "_cache", {})
    with logged() as lines:
        traffic.info("a request of the host")
        token = current.set(Invocation("id", "work"))
        traffic.info("a request of the function")
        current.reset(token)

    assert "a request of the host" not in lines.getvalue()
    assert "a request of the function" in lines.getvalue()


def test_a_thread_of_the_function_keeps_the_invocation_id_when_it_says_so() -> None:
    def work(message: func.QueueMessage, context: func.Context) -> None:
        def aside() -> None:
            context.thread_local_storage.invocation_id = context.invocation_id  # type: ignore[attr-defined]
            logging.getLogger("aside").info("from a thread")

        thread = threading.Thread(target=aside)
        thread.start()
        thread.join()

    world = World(app_with(work))
    with logged() as lines:
        world.run()

    started = world.events[0]
    assert isinstance(started, InvocationStarted)
    assert f"{started.invocation_id}: from a thread" in lines.getvalue()


def test_the_tally_counts_by_function() -> None:
    tally = Tally()
    for event in (
        InvocationStarted("work", "1"), InvocationSucceeded("work", "1", 0.5),
        InvocationStarted("work", "2"), InvocationFailed("work", "2", 0.25, "ValueError"),
    ):  # fmt: skip
        tally.add(event)

    assert tally.as_dict() == {
        "work": {"started": 2, "succeeded": 1, "failed": 1, "poisoned": 0, "seconds": 0.75},
    }


def test_a_function_of_the_app_is_listed_with_its_bindings() -> None:
    def work(message: func.QueueMessage, out: func.Out[str]) -> None: ...

    (function,) = functions_of(app_with(work, output="out"))

    assert isinstance(function, AppFunction)
    assert function.trigger.kind == "queueTrigger"
    assert [binding.kind for binding in function.others] == ["queue"]
