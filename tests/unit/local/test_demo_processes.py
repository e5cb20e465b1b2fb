"""How the demo waits for its parts, and what it says when one of them ends by itself."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local.demo import child_process, interrupts, logs
from local.demo.errors import DemoFailed
from local.demo.parts import Part
from local.demo.processes import START_IDLE_S, Child
from local.patience import Patience, effort_of
from tests.support.clock import ManualClock
from tests.support.patience import PATIENCE_S

ENTRIES = """\
2026-01-05T08:00:00.000+00:00 INF Host.Startup: Host local-1 listens for: sweep
2026-01-05T08:00:01.000+00:00 ERR Function.sweep 12: Executed 'Functions.sweep' (Failed, Id=12, Duration=1ms)
Traceback (most recent call last):
  File "x.py", line 1, in <module>
    raise ValueError
ValueError: no such thing
2026-01-05T08:00:02.000+00:00 CRT Host.Startup: An unhandled exception has occurred. Host is shutting down. (sweep)
"""
CALM = "".join(f"2026-01-05T08:00:03.{number:03d}+00:00 INF Function.sweep: calm {number}\n" for number in range(20))


class Effort:
    """What a process has done, as far as the test says."""

    def __init__(self) -> None:
        self.done = 0

    def __call__(self) -> int:
        return self.done


def patience(effort: Effort, clock: ManualClock, told: list[str]) -> Patience:
    return Patience("the host to start", effort, 60, 900, told.append, clock)


def test_a_slow_part_is_waited_for_as_long_as_it_gets_on() -> None:
    effort, clock, told = Effort(), ManualClock(), list[str]()
    waiting = patience(effort, clock, told)
    for _ in range(14):
        clock.sleep(59)
        effort.done += 1
        assert waiting.ended() == ""
    assert told[0] == "still waiting for the host to start: 59 s so far, and it is working"


def test_a_part_that_does_nothing_is_given_up_after_a_minute() -> None:
    clock = ManualClock()
    waiting = patience(Effort(), clock, [])
    clock.sleep(59)
    assert waiting.ended() == ""
    clock.sleep(1)
    assert waiting.ended() == "it has done nothing for 60 s"


def test_a_part_that_works_for_ever_is_given_up_in_the_end() -> None:
    effort, clock = Effort(), ManualClock()
    waiting = patience(effort, clock, [])
    for _ in range(90):
        clock.sleep(10)
        effort.done += 1
        ended = waiting.ended()
    assert ended == "it was not ready after 900 s"


def test_what_is_waited_for_is_told_every_half_minute_at_most() -> None:
    effort, clock, told = Effort(), ManualClock(), list[str]()
    waiting = patience(effort, clock, told)
    for _ in range(100):
        clock.sleep(1)
        effort.done += 1
        waiting.ended()
    assert [line.split(": ")[1].split(" s")[0] for line in told] == ["10", "40", "70", "100"]


@pytest.fixture
def idle_child(tmp_path: Path) -> Iterator[Child]:
    """A process that is alive and never says that it is ready."""
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    process = subprocess.Popen(command, start_new_session=True)
    child = Child("functions host", process, tmp_path / "log", clock=ManualClock())
    yield child
    child.kill()


@pytest.mark.process
def test_a_child_that_hangs_at_its_start_is_named_with_its_last_errors(idle_child: Child) -> None:
    idle_child.log.write_text(ENTRIES, encoding="utf-8")
    with pytest.raises(DemoFailed, match=r"functions host did not start: it has done nothing for 60 s\. Its last err"):
        idle_child.wait_for(idle_child.log.with_name("never"))
    assert idle_child.clock.monotonic() >= START_IDLE_S


STARTS_ANOTHER = """
import subprocess, sys
another = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(another.pid, flush=True)
another.wait()
"""


@pytest.fixture
def another(tmp_path: Path) -> Iterator[tuple[Part, psutil.Process]]:
    """A part, and a process that its process has started."""
    part = Part("functions host", child_process.PROGRAM, tmp_path / "log", lambda _text: None)
    part.begin([sys.executable, "-c", STARTS_ANOTHER])
    part.wait(lambda: part.log.read_text(encoding="utf-8").endswith("\n"))
    yield part, psutil.Process(int(part.log.read_text(encoding="utf-8")))
    part.stop()


@pytest.mark.process
@pytest.mark.parametrize("end", [Part.kill, Part.stop])
def test_a_part_that_is_ended_takes_along_what_it_has_started(
    another: tuple[Part, psutil.Process], end: Callable[[Part], None]
) -> None:
    part, started = another
    end(part)
    assert not psutil.wait_procs([started], timeout=PATIENCE_S)[1]


DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); signal.pause()"


@pytest.mark.process
@pytest.mark.parametrize("is_busy", [False, True])
def test_a_process_that_ignores_its_end_is_killed_after_ten_seconds_at_most_and_named(
    tmp_path: Path, *, is_busy: bool
) -> None:
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True)
    told: list[str] = []
    log = tmp_path / "log"

    class Passing(ManualClock):
        """While time passes, one that is busy writes its log."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if is_busy:
                log.write_text("x" * int(100 * self.seconds))

    clock = Passing()
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline()
        Child("functions host", process, log, told.append, clock).stop()
    assert process.returncode == -signal.SIGKILL
    seconds = 10 if is_busy else 8
    assert seconds <= clock.monotonic() < seconds + 0.1
    assert told[-1] == f"the functions host did not end within {seconds} s of being asked, and was killed"


@pytest.mark.process
def test_ctrl_c_while_the_signals_are_held_off_ends_what_may_be_killed_at_once() -> None:
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, start_new_session=True)
    clock = ManualClock()
    child = Child("functions host", process, Path("log"), clock=clock, in_a_hurry=interrupts.asked_again)
    assert process.stdout is not None
    with process.stdout as said, interrupts.held_off():
        assert said.readline()
        assert not interrupts.asked_again()
        signal.raise_signal(signal.SIGINT)
        child.stop()
    assert process.returncode == -signal.SIGKILL
    assert clock.monotonic() == 0
    with interrupts.held_off():
        assert not interrupts.asked_again()


@pytest.mark.process
def test_what_a_part_has_started_lives_on_when_the_part_alone_is_killed_until_it_is_ended_again(
    another: tuple[Part, psutil.Process],
) -> None:
    part, started = another
    part.kill_alone()
    part.begin([sys.executable, "-c", "import signal; signal.pause()"])
    assert part.pid is not None
    assert started.is_running()
    part.stop()
    assert not psutil.wait_procs([started], timeout=PATIENCE_S)[1]


@pytest.mark.process
def test_the_work_of_what_a_process_has_started_counts_as_its_own() -> None:
    effort = effort_of(os.getpid())
    before = effort()
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as working:
        end = time.monotonic() + PATIENCE_S
        while effort() == before and time.monotonic() < end:
            psutil.wait_procs([psutil.Process(working.pid)], timeout=0.1)
        now = effort()
        working.kill()
    assert now != before


def test_the_last_errors_of_a_log_come_before_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(ENTRIES + CALM, encoding="utf-8")
    shown = logs.last_words(log).splitlines()
    assert shown[0] == "Its last errors:"
    assert "ERR Function.sweep" in shown[1]
    assert shown[2] == "ValueError: no such thing"
    assert "CRT Host.Startup: An unhandled exception" in shown[3]
    assert shown[4] == "Its last lines:"
    assert shown[-1].endswith("calm 19")
    assert len(shown) == 11


def test_a_log_without_errors_shows_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(CALM, encoding="utf-8")
    shown = logs.last_words(log).splitlines()
    assert (shown[0], len(shown)) == ("Its last lines:", 13)


def test_a_log_that_is_missing_is_no_matter(tmp_path: Path) -> None:
    assert logs.last_line(tmp_path / "none") == ""
    assert logs.last_words(tmp_path / "none") == "Its last lines:\n"


def test_the_logs_of_a_demo_outlive_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "functions-host.log").write_text(ENTRIES, encoding="utf-8")
    kept = logs.keep(tmp_path / "logs")
    assert kept is not None
    assert (kept / "functions-host.log").read_text(encoding="utf-8") == ENTRIES
