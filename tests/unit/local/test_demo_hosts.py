"""What the demo runs the functions on: its own host or Microsoft's, and what it does when one ends by itself."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from local.demo import child_process
from local.demo.arguments import FUNC, LOCAL, parse
from local.demo.errors import DemoFailed, UserMistake
from local.demo.functionshost import FunctionsHost
from local.demo.hosts import LocalProgram, RealProgram, command, program
from local.demo.processes import ROOT


def test_the_demo_runs_on_its_own_host_unless_another_is_asked_for() -> None:
    assert parse([]).host == LOCAL
    assert parse(["--host", "func"]).host == FUNC


def executable(file: Path) -> Path:
    file.write_text("#!/bin/sh\n", encoding="utf-8")
    file.chmod(0o700)
    return file


def test_a_host_that_is_named_gets_the_folder_and_the_port(tmp_path: Path) -> None:
    start = executable(tmp_path / "start")
    named = {"FUNCTIONS_HOST": f"{start} --quiet", "PATH": ""}
    assert command(named, Path("/app"), 7071) == [str(start), "--quiet", "/app", "7071"]


def test_the_core_tools_start_in_the_folder_of_the_app(tmp_path: Path) -> None:
    func = executable(tmp_path / "func")
    found = command({"PATH": str(tmp_path)}, Path("/app"), 7071)
    assert found == ["env", "--chdir", "/app", str(func), "start", "--port", "7071", "--verbose"]


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PATH": "/nowhere"}, "--host func: there is no func on the path; install Azure Functions Core Tools"),
        ({"FUNCTIONS_HOST": "/no/such/host"}, "FUNCTIONS_HOST=/no/such/host: there is no such program"),
    ],
)
def test_without_a_real_host_the_remedy_is_reported(environment: Mapping[str, str], said: str) -> None:
    with pytest.raises(UserMistake, match=said):
        command(environment, Path("/app"), 7071)


def test_the_real_host_gets_what_is_deployed_and_the_python_that_is_named(tmp_path: Path) -> None:
    start = executable(tmp_path / "start")
    environment = {"FUNCTIONS_HOST": str(start), "FUNCTIONS_HOST_PYTHON": "/python/bin/python", "PATH": "/bin"}
    real = program(FUNC, tmp_path / "host", tmp_path / "log", environment)
    arguments, variables = real.prepare(tmp_path / "settings")
    app = tmp_path / "host.app"
    assert arguments[:2] == [str(start), str(app)]
    assert sorted(path.name for path in app.iterdir()) == ["function_app.py", "host.json", "shared"]
    assert variables["PYTHON"] == "/python/bin/python"
    deployed = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
    copied = json.loads((app / "host.json").read_text(encoding="utf-8"))
    levels = copied["logging"].pop("logLevel")
    assert levels.items() >= deployed["logging"].pop("logLevel").items()
    assert copied == deployed


def test_the_real_host_is_ready_once_it_logs_so_after_its_start(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "Job host started\nTimeout value of 00:00:05 exceeded by function: Functions.sweep\n", encoding="utf-8"
    )
    real = RealProgram(tmp_path / "app", log, {"FUNCTIONS_HOST": str(executable(tmp_path / "start"))})
    real.prepare(tmp_path / "settings")
    assert (real.is_ready(), real.news()) == (False, "")
    with log.open("a", encoding="utf-8") as opened:
        opened.write("      Timeout value of 00:00:40 exceeded by function 'Functions.accounts_apply' (Id: 'x').\n")
        opened.write("      Job host started\n")
    assert real.is_ready()
    assert real.news() == "accounts_apply ran over functionTimeout"
    assert real.news() == ""


def test_a_worker_that_was_started_anew_is_told_once(tmp_path: Path) -> None:
    ours = LocalProgram(tmp_path / "host")
    ready = tmp_path / "host.ready"
    assert ours.news() == ""

    def started(count: int, reason: str) -> str:
        ready.write_text(json.dumps({"restarts": count, "restart_reason": reason}), encoding="utf-8")
        return ours.news()

    reason = "sweep ran over functionTimeout (40 s)"
    assert started(0, "") == ""
    assert started(1, reason) == reason
    assert ours.news() == ""
    assert started(2, reason) == reason


class Script:
    """A host that is a line of Python, `ready` at once."""

    module = child_process.PROGRAM
    stop_idle_s = 1.0

    def __init__(self, *lines: str) -> None:
        self._lines = list(lines)
        self.started = 0

    def prepare(self, settings_file: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        self.started += 1
        line = self._lines.pop(0) if len(self._lines) > 1 else self._lines[0]
        return [sys.executable, "-c", line], {}

    def is_ready(self) -> bool:
        return True

    def news(self) -> str:
        return ""

    def peak_memory_mb(self) -> float:
        return 0.0


class NeverReadyAgain(Script):
    def is_ready(self) -> bool:
        return self.started == 1


@pytest.fixture
def told() -> list[str]:
    return []


def running(script: Script, folder: Path, told: list[str]) -> Iterator[FunctionsHost]:
    host = FunctionsHost("functions host", script, folder / "log", told.append)
    host.start(folder / "settings", {})
    try:
        yield host
    finally:
        host.stop()


def ended(host: FunctionsHost) -> None:
    """Wait until the process of the host is no more."""
    assert host.pid is not None
    os.waitid(os.P_PID, host.pid, os.WEXITED | os.WNOWAIT)


@pytest.mark.process
def test_a_host_that_ends_by_itself_is_started_again_and_that_is_reported(tmp_path: Path, told: list[str]) -> None:
    script = Script("raise SystemExit(3)", "import signal; signal.pause()")
    for host in running(script, tmp_path, told):
        ended(host)
        host.require_alive()
        host.require_alive()
        assert script.started == 2
    assert told == ["the functions host stopped by itself (exit code 3); it is restarted, as in Azure"]


@pytest.mark.process
def test_a_host_that_never_becomes_ready_again_is_given_up(tmp_path: Path, told: list[str]) -> None:
    script = NeverReadyAgain("raise SystemExit(3)")
    for host in running(script, tmp_path, told):
        for _ in range(10):
            ended(host)
            host.require_alive()
        ended(host)
        with pytest.raises(DemoFailed, match=r"functions host stopped by itself \(exit code 3\)"):
            host.require_alive()
    assert script.started == 11


@pytest.mark.process
def test_a_host_that_was_killed_on_purpose_stays_dead(tmp_path: Path, told: list[str]) -> None:
    script = Script("import signal; signal.pause()")
    for host in running(script, tmp_path, told):
        host.kill()
        host.require_alive()
        assert (host.pid, script.started, told) == (None, 1, [])
