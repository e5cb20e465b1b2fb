"""What the host remembers of the deaths of its workers, and what both tell each other."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pytest

from local.host import supervising
from local.host.app import AppFunction, Binding
from local.host.app_settings import AppSettings
from local.host.errors import StorageRefused
from local.host.host import Host
from local.host.host_json import parse_host_json
from local.host.invoker import Invoker
from local.host.journal import SO_FAR, VARIABLE, Journal, SoFar, journal_of, take_over
from local.host.queues import Message
from local.host.supervising import CRASHED, Deaths, Stop, supervise
from local.host.triggers import QueueAddress
from tests.support.clock import ManualClock
from tests.support.patience import PATIENCE_S

MESSAGE = Message("m1", "text", "receipt", 2, None, None, None)
ADDRESS = QueueAddress("connection", "work")
LEFT = SoFar(2, "sweep ran over functionTimeout (40 s)", {"sweep": {"started": 3}}, 101.5)


def test_the_third_death_of_a_worker_ends_the_host() -> None:
    clock = ManualClock()
    deaths = Deaths(clock.monotonic)
    told = []
    for _ in range(3):
        clock.sleep(1700)
        told.append(deaths.too_many())
    assert told == [False, False, True]


def test_a_pause_of_half_an_hour_forgets_the_deaths_before() -> None:
    clock = ManualClock()
    deaths = Deaths(clock.monotonic)
    for _ in range(9):
        clock.sleep(1801)
        assert not deaths.too_many()


def test_a_worker_tells_what_it_holds_and_what_it_has_done_with() -> None:
    reading, writing = os.pipe()
    environment = {VARIABLE: f"{writing}:{os.getppid()}:instance"}
    journal = journal_of(environment)
    journal.holds(ADDRESS, MESSAGE)
    journal.settled(MESSAGE)
    journal.lost(LEFT)
    journal.end()
    os.close(writing)
    with os.fdopen(reading) as told:
        lines = [json.loads(line) for line in told]
    held = {"id": "m1", "text": "text", "receipt": "receipt", "count": 2}
    assert lines == [
        {"holds": held, "queue": "work", "connection": "connection"},
        {"settled": "m1"},
        {"lost": asdict(LEFT)},
        {"end": True},
    ]
    assert (environment, journal.instance) == ({}, "instance")


def test_a_worker_whose_host_is_gone_tells_nobody() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    journal_of({VARIABLE: f"{writing}:1:instance"}).holds(ADDRESS, MESSAGE)
    os.close(writing)


def test_a_host_without_a_process_of_its_own_keeps_no_journal() -> None:
    journal = journal_of({})
    journal.holds(ADDRESS, MESSAGE)
    assert journal.instance == Journal().instance == ""


def test_a_worker_is_told_of_those_before_it_once() -> None:
    environment = {SO_FAR: json.dumps(asdict(LEFT))}
    assert take_over(environment) == LEFT
    assert take_over(environment) == SoFar()


@dataclass
class Script:
    """Workers by turns, as a test says how each ends."""

    ends: list[tuple[int, Mapping[str, object]]]
    told: list[SoFar] = field(default_factory=list)

    def __call__(self, so_far: SoFar, _instance: str) -> "Played":
        self.told.append(so_far)
        code, more = self.ends.pop(0)
        return Played(code, **more)  # type: ignore[arg-type]  # what a test says of a worker


@dataclass
class Played:
    code: int
    left: SoFar | None = None
    has_ended: bool = False
    asked: bool = False
    held: dict[str, object] = field(default_factory=dict)
    process: object = None

    def wait(self) -> int:
        if self.asked:
            signal.raise_signal(signal.SIGTERM)
        return self.code


class Deaf:
    """The process of a worker that is no more."""

    def terminate(self) -> None: ...

    def send_signal(self, _number: int) -> None: ...


@pytest.fixture
def handlers() -> Iterator[None]:
    """The signals mean afterwards what they meant before."""
    before = {number: signal.getsignal(number) for number in supervising.SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def ended(monkeypatch: pytest.MonkeyPatch, *ends: tuple[int, Mapping[str, object]]) -> tuple[int, list[SoFar]]:
    """The exit code of a host whose workers end so, and what each was told."""
    script = Script([(code, {"process": Deaf(), **more}) for code, more in ends])
    monkeypatch.setattr(supervising, "Worker", script)
    code = supervise()
    assert script.ends == []
    return code, script.told


ENDS = {"has_ended": True}


@pytest.mark.usefixtures("handlers")
def test_the_exit_code_of_a_worker_that_ends_by_its_own_will_is_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, (2, ENDS)) == (2, [SoFar()])


@pytest.mark.usefixtures("handlers")
def test_a_worker_that_gives_up_is_followed_by_the_next_one_however_often(monkeypatch: pytest.MonkeyPatch) -> None:
    code, told = ended(monkeypatch, *[(3, {"left": LEFT})] * 4, (0, ENDS))
    assert (code, told) == (0, [SoFar(), *[LEFT] * 4])


@pytest.mark.usefixtures("handlers")
def test_a_worker_that_dies_leaves_the_counts_of_those_before_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, told = ended(monkeypatch, (3, {"left": LEFT}), (-signal.SIGKILL, {}), (0, ENDS))
    assert told[-1] == replace(LEFT, restarts=3, reason="the worker died (signal SIGKILL)")
    assert "ERR Host.Worker: The worker died (signal SIGKILL)\n" in capsys.readouterr().err


@pytest.mark.usefixtures("handlers")
def test_a_message_of_a_dead_worker_that_cannot_be_settled_ends_the_host(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_held: object) -> None:
        raise StorageRefused("queue work: Forbidden")

    monkeypatch.setattr(supervising, "give_back", refuse)
    assert ended(monkeypatch, (7, {"held": {"m1": {}}}))[0] == CRASHED
    assert "Host is shutting down. (queue work: Forbidden)" in capsys.readouterr().err


@pytest.mark.usefixtures("handlers")
@pytest.mark.parametrize(("code", "left", "exit_code"), [(-signal.SIGTERM, None, 143), (3, LEFT, 0)])
def test_a_host_that_was_asked_to_stop_starts_no_further_worker(
    monkeypatch: pytest.MonkeyPatch, code: int, left: SoFar | None, exit_code: int
) -> None:
    assert ended(monkeypatch, (code, {"left": left, "asked": True}))[0] == exit_code


@pytest.mark.process
@pytest.mark.usefixtures("handlers")
def test_a_request_to_stop_reaches_a_worker_that_starts_while_it_comes() -> None:
    stop = Stop()
    signal.raise_signal(signal.SIGTERM)
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        stop.pass_on_to(process)
        assert process.wait(PATIENCE_S) == -signal.SIGTERM
    assert stop.asked


@pytest.mark.process
def test_a_timer_that_does_not_exist_is_told_before_any_function_begins() -> None:
    sample_app = Path(__file__).resolve().parents[2] / "contract" / "sample_app"
    command = [sys.executable, "-m", "local.host", "--app", str(sample_app), "--trigger", "sample_tik"]
    environment = {**os.environ, "AzureWebJobsStorage": "UseDevelopmentStorage=true", "TICK_SCHEDULE": "0 0 0 1 1 *"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert ended.returncode == 2
    assert "sample_tik is not a timer of this app: choose from sample_tick\n" in ended.stderr
    assert "listens for" not in ended.stderr


class AtOnce:
    """A pool whose threads are always free."""

    def submit(self, task: Callable[[], None], /) -> None:
        task()


def test_what_an_orphan_finishes_is_told_to_nobody() -> None:
    sent: list[object] = []
    invoker = Invoker(
        AtOnce(), ManualClock(), timeout_s=None, directory=Path(), send_output=lambda *told: sent.append(told),
        on_event=lambda _event: None, on_timeout=sent.append, is_orphan=lambda: True,
    )  # fmt: skip
    output = Binding("queue", "out", {})
    function = AppFunction("tick", lambda out: out.set("sent"), (output,), wants_context=False, has_retry_policy=False)
    invoker.start(function, {}, sent.append)
    assert sent == []
    assert invoker.wait_until_idle(0) == 0


@pytest.mark.parametrize(("over_the_limit", "granted_s"), [(True, [2.0]), (False, [10.0, 10.0])])
def test_what_runs_is_granted_two_seconds_in_a_lost_worker_and_ten_after_a_request_to_stop(
    monkeypatch: pytest.MonkeyPatch, over_the_limit: bool, granted_s: list[float]
) -> None:
    granted: list[float] = []

    def wait(_invoker: Invoker, timeout_s: float) -> int:
        granted.append(timeout_s)
        return 0

    monkeypatch.setattr(Invoker, "wait_until_idle", wait)
    host = Host([], AppSettings({}), parse_host_json({"version": "2.0"}, {}), directory=Path(), clock=ManualClock())
    if over_the_limit:
        host._lose_worker("work ran over functionTimeout (600 s)")
    else:
        host.request_stop()
    host.wait()
    assert granted == granted_s
