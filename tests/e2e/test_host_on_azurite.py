"""The local Functions host against the storage emulator."""

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import azure.functions as func
import psutil
import pytest
from azure.storage.queue import QueueClient, QueueServiceClient, TextBase64DecodePolicy, TextBase64EncodePolicy

from local.azurite import Azurite, AzuriteFailed
from local.demo.state_dir import free_ports
from local.host import logs
from local.host.app import functions_of
from local.host.app_settings import AppSettings
from local.host.events import Event, InvocationFailed, InvocationStarted, InvocationSucceeded, MessagePoisoned
from local.host.givingback import give_back
from local.host.host import CRASHED, WORKER_LOST, Host
from local.host.host_json import parse_host_json
from local.host.journal import Journal
from local.host.queues import Message
from local.host.schedule import Schedule
from local.host.storage import AzureQueue, BlobTimerLock, BlobTimerStatus, Doubling
from local.host.timer_status import TimerStatus
from local.host.triggers import QueueAddress
from tests.support.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
SAMPLE_APP = ROOT / "tests" / "contract" / "sample_app"


class Observer:
    """Collects events and lets a test wait for them without polling."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, kind: type[Event], count: int = 1) -> None:
        """Wait until `count` events of a kind came in."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.count(kind) >= count, PATIENCE_S), self.events

    def count(self, kind: type[Event]) -> int:
        """How many events of a kind came in."""
        return sum(isinstance(event, kind) for event in self.events)


def host(azurite: Azurite, app: func.FunctionApp, observer: Observer, **queues: object) -> Host:
    settings = AppSettings({"AzureWebJobsStorage": azurite.connection_string})
    document = {"version": "2.0", "extensions": {"queues": {"maxPollingInterval": "00:00:00.2", **queues}}}
    return Host(functions_of(app), settings, parse_host_json(document, {}), directory=ROOT, on_event=observer)


@pytest.fixture
def queue(azurite: Azurite, request: pytest.FixtureRequest) -> Iterator[Callable[[str], QueueClient]]:
    """Make queue clients that write what the host expects."""
    clients: list[QueueClient] = []

    def client(name: str) -> QueueClient:
        clients.append(
            QueueClient.from_connection_string(
                azurite.connection_string,
                name,
                message_encode_policy=TextBase64EncodePolicy(),
                message_decode_policy=TextBase64DecodePolicy(),
            )
        )
        return clients[-1]

    yield client
    for made in clients:
        made.close()


Queues = Callable[[str], QueueClient]


def queue_app(name: str, work: Callable[[func.QueueMessage], None]) -> func.FunctionApp:
    app = func.FunctionApp()

    @app.function_name("work")
    @app.queue_trigger(arg_name="message", queue_name=name, connection="AzureWebJobsStorage")
    def handle(message: func.QueueMessage) -> None:
        work(message)

    return app


def test_messages_are_handled_decoded_and_deleted(azurite: Azurite, queue: Queues) -> None:
    work, seen, observer = queue("handled"), [], Observer()
    work.create_queue()
    for number in range(10):
        work.send_message(json.dumps({"number": number}))

    with host(
        azurite, queue_app("handled", lambda message: seen.append(message.get_json()["number"])), observer
    ) as one:
        observer.wait_for(InvocationSucceeded, 10)

    assert sorted(seen) == list(range(10))
    assert work.get_queue_properties().approximate_message_count == 0
    functions = one.summary()["functions"]
    assert isinstance(functions, dict)
    assert functions["work"]["succeeded"] == 10


def test_a_failing_message_is_poisoned_after_five_attempts_with_its_body(azurite: Azurite, queue: Queues) -> None:
    work, poison, attempts, observer = queue("fails"), queue("fails-poison"), [], Observer()
    work.create_queue()
    work.send_message("the body")

    def fail(message: func.QueueMessage) -> None:
        attempts.append(message.dequeue_count)
        raise RuntimeError("always")

    with host(azurite, queue_app("fails", fail), observer):
        observer.wait_for(MessagePoisoned)

    assert attempts == [1, 2, 3, 4, 5]
    assert observer.count(InvocationFailed) == 5
    assert [message.content for message in poison.peek_messages()] == ["the body"]
    assert work.get_queue_properties().approximate_message_count == 0


def test_a_message_that_is_not_base64_is_poisoned_unread(azurite: Azurite, queue: Queues) -> None:
    queue("plain").create_queue()
    observer = Observer()
    with QueueClient.from_connection_string(azurite.connection_string, "plain") as plain:
        plain.send_message("not base64!")

    with host(azurite, queue_app("plain", lambda _: None), observer):
        observer.wait_for(MessagePoisoned)

    assert observer.count(InvocationSucceeded) == 0
    with QueueClient.from_connection_string(azurite.connection_string, "plain-poison") as poison:
        assert [message.content for message in poison.peek_messages()] == ["not base64!"]


def test_a_failed_message_waits_for_the_visibility_timeout_with_its_body(azurite: Azurite, queue: Queues) -> None:
    work, times, observer = queue("delayed"), [], Observer()
    work.create_queue()
    work.send_message("again")

    def fail_once(message: func.QueueMessage) -> None:
        times.append((time.monotonic(), message.get_body()))
        if message.dequeue_count == 1:
            raise RuntimeError("the first time")

    with host(azurite, queue_app("delayed", fail_once), observer, visibilityTimeout="00:00:01"):
        observer.wait_for(InvocationSucceeded)

    (first, body), (second, same_body) = times
    assert second - first >= 0.9
    assert body == same_body == b"again"


def test_a_renewed_lease_keeps_the_message_and_its_body(azurite: Azurite, queue: Queues) -> None:
    work = queue("leases")
    work.create_queue()
    work.send_message("kept")
    ours = AzureQueue(QueueAddress(azurite.connection_string, "leases"))
    (leased,) = ours.receive(1, lease_s=600)
    renewed = ours.set_visible_in(leased, 600)

    assert renewed.pop_receipt != leased.pop_receipt
    ours.set_visible_in(renewed, 0)
    (again,) = ours.receive(1, lease_s=600)
    assert (again.text, again.dequeue_count) == (leased.text, 2)
    ours.delete(again)
    assert ours.receive(1, lease_s=600) == []
    ours.close()


def test_a_timer_that_missed_firings_runs_once_and_late_at_start(azurite: Azurite) -> None:
    app, observer, seen = func.FunctionApp(), Observer(), []

    @app.function_name("tick")
    @app.timer_trigger(arg_name="timer", schedule="0 0 * * * *", use_monitor=True)
    def tick(timer: func.TimerRequest) -> None:
        seen.append(timer.past_due)

    last = datetime.now(UTC) - timedelta(hours=5)
    late = host(azurite, app, observer)
    store = BlobTimerStatus(azurite.connection_string, late.host_id, "tick")
    store.save(TimerStatus(last, Schedule("0 0 * * * *").after(last), last))
    with late:
        observer.wait_for(InvocationSucceeded)

    stored = store.load()
    store.close()
    assert seen == [True]
    assert stored is not None
    assert stored.last is not None
    assert stored.last > last


def start_sample_host(azurite: Azurite, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    settings = {"AzureWebJobsStorage": azurite.connection_string, "TICK_SCHEDULE": "0 0 0 1 1 *"}
    (folder / "settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": settings}))
    command = [
        sys.executable,
        "-m",
        "local.host",
        "--app",
        str(SAMPLE_APP),
        "--settings",
        str(folder / "settings.json"),
    ]
    return subprocess.Popen([*command, *arguments], cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_the_command_runs_an_app_and_stops_on_sigterm_with_a_summary(
    azurite: Azurite, queue: Queues, tmp_path: Path
) -> None:
    done, summary = queue("sample-done"), tmp_path / "summary.json"
    process = start_sample_host(
        azurite, tmp_path, "--trigger", "sample_tick", "--summary", str(summary),
        "--ready-file", str(tmp_path / "ready"), "--events", str(tmp_path / "events"),
    )  # fmt: skip
    assert process.stderr is not None
    succeeded = 0
    for line in process.stderr:
        succeeded += "Executed 'Functions.sample_work' (Succeeded" in line
        if succeeded == 2:
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
    written = json.loads(summary.read_text())
    assert written["functions"]["sample_work"]["succeeded"] == 2
    assert written["functions"]["sample_tick"]["succeeded"] == 1
    assert 20 < written["peak_memory_mb"] < 500
    events = [json.loads(line)["event"] for line in (tmp_path / "events").read_text().splitlines()]
    assert events.count("InvocationSucceeded") == 3
    assert json.loads((tmp_path / "ready").read_text())["functions"] == ["sample_tick", "sample_work", "sample_async"]
    assert sorted(json.loads(m.content)["number"] for m in done.receive_messages()) == [0, 1]


def test_without_settings_the_functions_are_disabled_by_name_and_the_host_stays_up(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"Values": {}}')
    environment = {k: v for k, v in os.environ.items() if k not in {"TICK_SCHEDULE", "AzureWebJobsStorage"}}
    command = [sys.executable, "-m", "local.host", "--app", str(SAMPLE_APP)]
    command += ["--settings", str(tmp_path / "settings.json"), "--ready-file", str(tmp_path / "ready")]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "listens for: nothing" in line:
            break
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)

    for name in ("sample_tick", "sample_work"):
        assert any(f"Function {name} is disabled by a mistake in the settings" in line for line in lines)


def test_arguments_that_nobody_knows_are_refused_once() -> None:
    command = [sys.executable, "-m", "local.host", "--nonsense"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("unrecognized arguments: --nonsense") == 1
    assert "died" not in ended.stderr


def host_that_ends(connection_string: str, name: str) -> int:
    """The exit code of a host that only storage can end."""
    settings = AppSettings({"AzureWebJobsStorage": connection_string})
    app = functions_of(queue_app(name, lambda _: None))
    ending = Host(app, settings, parse_host_json({"version": "2.0"}, {}), directory=ROOT)
    ending.start()
    return ending.wait()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the clients of storage would have waited between two tries; nobody waits here."""
    found: list[float] = []
    monkeypatch.setattr(Doubling, "sleep", lambda self, settings, _: found.append(self.get_backoff_time(settings)))
    return found


def test_a_host_that_storage_does_not_answer_for_26_seconds_ends(azurite: Azurite, waits: list[float]) -> None:
    (port,) = free_ports(1)
    nowhere = azurite.connection_string.replace(f":{azurite.ports.queue}/", f":{port}/")
    assert host_that_ends(nowhere, "nowhere") == CRASHED
    assert len(waits) == 5
    assert 22 <= sum(waits) <= 28


def test_a_host_that_storage_refuses_ends_at_once(azurite: Azurite, waits: list[float]) -> None:
    key = base64.b64encode(b"not the key of this account").decode()
    wrong = re.sub("AccountKey=[^;]+", f"AccountKey={key}", azurite.connection_string)
    assert host_that_ends(wrong, "refused") == CRASHED
    assert waits == []


def test_the_lock_of_a_timer_is_held_by_one_host_until_it_gives_it_back(azurite: Azurite) -> None:
    lock, other = (BlobTimerLock(azurite.connection_string, "one-id", "tick", 60) for _ in range(2))
    assert (lock.take(), other.take(), lock.take()) == (True, False, True)
    lock.release()
    assert (other.take(), lock.take()) == (True, False)
    other.release()
    for each in (lock, other):
        each.close()


def test_the_workers_of_one_host_hold_the_lock_of_a_timer_one_after_the_other(azurite: Azurite) -> None:
    first, second, other = (
        BlobTimerLock(azurite.connection_string, "workers", "tick", 60, instance) for instance in ("a", "a", "b")
    )
    assert (first.take(), second.take(), other.take(), second.take()) == (True, True, False, True)
    second.release()
    for each in (first, second, other):
        each.close()


def test_a_host_that_is_asked_to_stop_takes_messages_while_a_function_runs(azurite: Azurite, queue: Queues) -> None:
    work, observer, release = queue("draining"), Observer(), threading.Event()
    work.create_queue()
    work.send_message("long")

    def handle(message: func.QueueMessage) -> None:
        if message.get_body() == b"long":
            release.wait()

    running = host(azurite, queue_app("draining", handle), observer)
    running.start()
    observer.wait_for(InvocationStarted)
    running.request_stop()
    ending = threading.Thread(target=running.wait)
    ending.start()
    work.send_message("short")
    observer.wait_for(InvocationSucceeded)
    release.set()
    ending.join()

    assert running.exit_code == 0
    assert observer.count(InvocationSucceeded) == 2


def test_azurite_keeps_its_data_over_a_restart_on_the_same_ports(tmp_path: Path) -> None:
    with Azurite(tmp_path) as first:
        with QueueServiceClient.from_connection_string(first.connection_string) as service:
            service.create_queue("kept").close()
        ports = first.ports

    with Azurite(tmp_path, ports=ports) as second:
        with QueueServiceClient.from_connection_string(second.connection_string) as service:
            assert [found.name for found in service.list_queues()] == ["kept"]
        pid = second.pid
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_azurite_ends_when_its_parent_is_killed() -> None:
    script = (
        "import sys, signal\nfrom local.azurite import Azurite\n"
        "azurite = Azurite()\nazurite.start()\n"
        "sys.stdout.write(f'{azurite.pid}\\n')\nsys.stdout.flush()\nsignal.pause()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()

    psutil.wait_procs([child], timeout=PATIENCE_S)
    assert not child.is_running()


def test_a_missing_install_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(AzuriteFailed, match="npm ci"):
        Azurite(node_modules=tmp_path).start()


HANGS_ONCE = """
import threading
import azure.functions as func

app = func.FunctionApp()
forever = threading.Event()


@app.queue_trigger(arg_name="message", queue_name="hangs", connection="AzureWebJobsStorage")
def hang_once(message: func.QueueMessage) -> None:
    if message.dequeue_count == 1:
        forever.wait()



@app.queue_trigger(arg_name="message", queue_name="after", connection="AzureWebJobsStorage")
def after(message: func.QueueMessage) -> None:
    pass
"""


def test_a_function_over_its_time_limit_costs_the_worker_and_everything_continues_in_a_new_one(
    azurite: Azurite, queue: Queues, tmp_path: Path
) -> None:
    for name in ("hangs", "after"):
        queue(name).create_queue()
    queue("hangs").send_message("over its time")
    polling = {"queues": {"maxPollingInterval": "00:00:00.2"}}
    document = {"version": "2.0", "functionTimeout": "00:00:01", "extensions": polling}
    (tmp_path / "host.json").write_text(json.dumps(document))
    (tmp_path / "function_app.py").write_text(HANGS_ONCE)
    ready, summary, events = (tmp_path / name for name in ("ready.json", "summary.json", "events.jsonl"))
    command = [sys.executable, "-m", "local.host", "--app", str(tmp_path), "--summary", str(summary)]
    command += ["--ready-file", str(ready), "--events", str(events)]
    environment = {**os.environ, "AzureWebJobsStorage": azurite.connection_string}

    process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "Functions.hang_once' (Succeeded" in line:
            queue("after").send_message("in the new worker")
        if "Functions.after' (Succeeded" in line:
            break
    told = json.loads(ready.read_text())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0, "".join(lines)
    assert (told["restarts"], told["restart_reason"]) == (1, "hang_once ran over functionTimeout (1 s)")
    assert told["pid"] != process.pid
    written = json.loads(summary.read_text())
    assert written["restarts"] == 1
    counts = written["functions"]
    assert (counts["hang_once"]["failed"], counts["hang_once"]["succeeded"]) == (1, 1)
    assert counts["after"]["succeeded"] == 1
    failed = [event for line in events.read_text().splitlines() if (event := json.loads(line)).get("error")]
    assert failed[0]["error"] == "FunctionTimeout"
    assert queue("hangs").get_queue_properties().approximate_message_count == 0


def test_what_runs_beside_a_function_over_its_limit_is_lost_with_the_worker_and_comes_back(
    azurite: Azurite, queue: Queues
) -> None:
    work, observer, release = queue("lost"), Observer(), threading.Event()
    work.create_queue()
    settings = AppSettings({"AzureWebJobsStorage": azurite.connection_string})
    polling = {"queues": {"maxPollingInterval": "00:00:00.1"}}
    document = {"version": "2.0", "functionTimeout": "00:00:00.5", "extensions": polling}
    app = queue_app("lost", lambda _: cast(None, release.wait()))
    one = Host(functions_of(app), settings, parse_host_json(document, {}), directory=ROOT, on_event=observer, drain_s=0)
    one.start()
    work.send_message("over its limit")
    observer.wait_for(InvocationStarted, 1)
    work.send_message("beside it")
    code = one.wait()
    release.set()

    failed = [event for event in observer.events if isinstance(event, InvocationFailed)]
    started = {event.invocation_id for event in observer.events if isinstance(event, InvocationStarted)}
    assert code == WORKER_LOST
    assert started <= {event.invocation_id for event in failed}
    assert failed[0].error == "FunctionTimeout"
    assert sorted(message.content for message in work.receive_messages()) == ["beside it", "over its limit"]


DIES = """
import os
import signal
import threading
import azure.functions as func

app = func.FunctionApp()


@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage) -> None:
    match message.get_body():
        case b"crashes Python":
            os.abort()
        case b"crashes Python once" if message.dequeue_count == 1:
            os._exit(7)
        case b"outlives its host":
            print(f"host {os.getppid()}", flush=True)
            while not os.path.exists(os.environ["RELEASE"]):
                threading.Event().wait(0.1)
            os.mkdir(os.environ["RELEASE"] + ".done")


@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def tick(timer: func.TimerRequest) -> None:
    pass
"""


@contextlib.contextmanager
def start_dying(azurite: Azurite, folder: Path, name: str, visibility: str) -> Iterator[subprocess.Popen[str]]:
    queues = {"maxPollingInterval": "00:00:00.2", "visibilityTimeout": visibility}
    (folder / "host.json").write_text(json.dumps({"version": "2.0", "extensions": {"queues": queues}}))
    (folder / "function_app.py").write_text(DIES)
    settings = {"AzureWebJobsStorage": azurite.connection_string, "QUEUE": name, "RELEASE": str(folder / "release")}
    command = [sys.executable, "-m", "local.host", "--app", str(folder), "--events", str(folder / "events")]
    environment = {**os.environ, **settings}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            yield process
        finally:
            # Whoever fails waits for nobody.
            process.kill()


def read_to(process: subprocess.Popen[str], *texts: str) -> list[str]:
    """The lines up to the one with the last of these texts, which come one after the other."""
    assert process.stdout is not None
    lines, left, until = [], list(texts), time.monotonic() + PATIENCE_S
    for line in process.stdout:
        lines.append(line)
        assert time.monotonic() < until, "".join(lines)
        if left[0] in line:
            left.pop(0)
            if not left:
                return lines
    raise AssertionError("".join(lines))


def test_a_worker_that_dies_is_started_again_with_its_timers_and_all_that_it_held_comes_back(
    azurite: Azurite, queue: Queues, tmp_path: Path
) -> None:
    work = queue("dies-together")
    work.create_queue()
    work.send_message("outlives its host")
    with start_dying(azurite, tmp_path, "dies-together", "00:00:02") as process:
        read_to(process, "host ")
        work.send_message("crashes Python once")
        # Either message may come back first.
        lines = read_to(process, "The worker died (exit code 7)", "listens for", "host ")
        (tmp_path / "release").touch()
        done = "'Functions.work' (Succeeded"
        lines += read_to(process, *[done] * (2 - sum(done in line for line in lines)))
        # The lock of the timer stays with the host: it goes on to tick.
        read_to(process, "'Functions.tick' (Succeeded")
        process.terminate()
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    # The first one was executed before.
    assert len([line for line in lines if "Executing 'Functions.work'" in line]) == 3
    assert work.get_queue_properties().approximate_message_count == 0


def test_after_the_death_of_a_worker_a_message_is_invisible_for_thirty_seconds(
    azurite: Azurite, queue: Queues, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "install", lambda *_, **__: None)
    visible_in_s: list[float] = []
    renew = AzureQueue.set_visible_in

    def noted(self: AzureQueue, message: Message, seconds: float) -> Message:
        visible_in_s.append(seconds)
        return renew(self, message, seconds)

    monkeypatch.setattr(AzureQueue, "set_visible_in", noted)
    (tmp_path / "host.json").write_text(
        json.dumps({"version": "2.0", "extensions": {"queues": {"visibilityTimeout": "00:00:30"}}})
    )
    work = queue("dies-thirty")
    work.create_queue()
    work.send_message("held by a worker")
    ours = AzureQueue(QueueAddress(azurite.connection_string, "dies-thirty"))
    (message,) = ours.receive(1, lease_s=600)
    reading, writing = os.pipe()
    Journal(writing).holds(QueueAddress(azurite.connection_string, "dies-thirty"), message)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        give_back([json.loads(told.read())], ["--app", str(tmp_path)])
    ours.close()
    assert visible_in_s == [30]
    assert work.receive_message() is None
    assert work.get_queue_properties().approximate_message_count == 1


def test_a_message_that_crashes_python_ends_the_host_at_its_third_delivery(
    azurite: Azurite, queue: Queues, tmp_path: Path
) -> None:
    work = queue("dies-always")
    work.create_queue()
    work.send_message("crashes Python")
    with start_dying(azurite, tmp_path, "dies-always", "00:00:00") as process:
        told, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert told.count("The worker died (signal SIGABRT)") == 3
    assert "Exceeded language worker restart retry count. Host is shutting down." in told
    (message,) = work.receive_messages()
    assert message.dequeue_count == 4


def test_the_worker_of_a_killed_host_finishes_its_function_and_settles_nothing(
    azurite: Azurite, queue: Queues, tmp_path: Path
) -> None:
    work = queue("outlives")
    work.create_queue()
    work.send_message("outlives its host")
    with start_dying(azurite, tmp_path, "outlives", "00:00:30") as process:
        read_to(process, f"host {process.pid}")
        (worker,) = psutil.Process(process.pid).children()
        process.kill()
        process.wait()
        (tmp_path / "release").touch()
        told, _ = process.communicate(timeout=PATIENCE_S)
    assert "'Functions.work' (Succeeded" in told
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
    assert (tmp_path / "release.done").exists()
    assert "InvocationSucceeded" in (tmp_path / "events").read_text()
    assert work.get_queue_properties().approximate_message_count == 1
