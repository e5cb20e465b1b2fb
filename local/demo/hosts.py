"""The functions hosts that the demo can run the app on: its own, and Microsoft's."""

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from local.demo import child_process
from local.demo.arguments import LOCAL
from local.demo.errors import UserMistake
from local.demo.processes import ROOT, STOP_IDLE_S
from local.demo.state_dir import free_ports

COMMAND_SETTING, PYTHON_SETTING = "FUNCTIONS_HOST", "FUNCTIONS_HOST_PYTHON"
# What a deployment takes, except for the packages: those are in the Python that the worker runs in.
_DEPLOYED = ("function_app.py", "host.json", "shared")
# The host says that it has started in the first category. In the other one it warns of each table and queue that it
# looks for in vain.
_LOG_LEVELS = {"Host.Startup": "Information", "Azure.Core": "Error"}
_STARTED = "Job host started"
_TIMED_OUT = re.compile(r"Timeout value of \S+ (?:was )?exceeded by function:? '?(?:Functions\.)?(\w+)")
_DRAIN_S = 3
# How long a message stays invisible that a host has fetched and was killed over; it renews what it is at.
_LEASE_S = 20
# And how long its timers stop then: the shortest time that a lease of a blob may last.
_LOCK_S = 15


class Program(Protocol):
    """A program that runs the functions of the app, in one process after the other."""

    module: str
    """The module, or `child_process.PROGRAM`."""
    stop_idle_s: float
    """How long it may do nothing once it was asked to end."""

    def prepare(self, settings_file: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        """Its arguments for a new process with the settings of a file, and more variables of the environment."""

    def is_ready(self) -> bool:
        """Whether the process listens to queues and timers."""

    def news(self) -> str:
        """Why a worker was restarted since the last look; empty if none was."""

    def peak_memory_mb(self) -> float:
        """The peak memory that the process reported at its end, 0 if it reported none."""


class LocalProgram:
    """local.host: small and quick. `stem` is the path of its files, without their endings."""

    module = "local.host"
    stop_idle_s = STOP_IDLE_S

    def __init__(self, stem: Path) -> None:
        self._ready, self._summary = stem.with_suffix(".ready"), stem.with_suffix(".summary")
        self._told = 0

    def prepare(self, settings_file: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        """Its arguments: short times, to keep waits short."""
        self._ready.unlink(missing_ok=True)
        self._summary.unlink(missing_ok=True)
        self._told = 0
        arguments = ["--app", str(ROOT), "--settings", str(settings_file), "--ready-file", str(self._ready)]
        arguments += ["--summary", str(self._summary), "--drain-seconds", str(_DRAIN_S)]
        arguments += ["--lock-seconds", str(_LOCK_S)]
        return [*arguments, "--lease-seconds", str(_LEASE_S)], {}

    def is_ready(self) -> bool:
        """It writes a file then."""
        return self._ready.exists()

    def news(self) -> str:
        """It says so in its ready file."""
        if not self._ready.exists():
            return ""
        written = json.loads(self._ready.read_text(encoding="utf-8"))
        if written["restarts"] <= self._told:
            return ""
        self._told = int(written["restarts"])
        return str(written["restart_reason"])

    def peak_memory_mb(self) -> float:
        """Of its summary."""
        if not self._summary.exists():
            return 0.0
        return float(json.loads(self._summary.read_text(encoding="utf-8")).get("peak_memory_mb") or 0)


class RealProgram:
    """Microsoft's host: Azure Functions Core Tools, or what FUNCTIONS_HOST names. It says what it does in `log` only.

    It watches the whole folder of the app, so it gets one of its own, `folder`, with what is deployed.
    """

    module = child_process.PROGRAM
    # After SIGTERM it waits ten seconds for running functions.
    stop_idle_s = 15.0

    def __init__(self, folder: Path, log: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._log = log
        self._environment = environment
        self._began = self._read = 0

    def prepare(self, settings_file: Path) -> tuple[Sequence[str], Mapping[str, str]]:  # noqa: ARG002 - by variables
        """Its command line; it takes the settings from the environment."""
        self._copy_app()
        self._began = self._read = self._log.stat().st_size if self._log.exists() else 0
        (port,) = free_ports(1)
        python = self._environment.get(PYTHON_SETTING) or sys.executable
        path = os.pathsep.join((str(Path(python).parent), self._environment.get("PATH", "")))
        more = {"PYTHON": python, "PATH": path, "languageWorkers__python__defaultExecutablePath": python}
        return command(self._environment, self._folder, port), more

    def is_ready(self) -> bool:
        """It logs then that it has started."""
        return _STARTED in self._text(self._began)

    def news(self) -> str:
        """It logs that a function ran over its time limit."""
        found = _TIMED_OUT.search(self._text(self._read))
        self._read = self._log.stat().st_size
        return f"{found[1]} ran over functionTimeout" if found else ""

    def peak_memory_mb(self) -> float:
        """It does not say."""
        return 0.0

    def _copy_app(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        for name in _DEPLOYED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, self._folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, self._folder / name)
        file = self._folder / "host.json"
        document = json.loads(file.read_text(encoding="utf-8"))
        document["logging"]["logLevel"] |= _LOG_LEVELS
        file.write_text(json.dumps(document), encoding="utf-8")

    def _text(self, since: int) -> str:
        with self._log.open("rb") as opened:
            opened.seek(since)
            return opened.read().decode("utf-8", "replace")


def command(environment: Mapping[str, str], folder: Path, port: int) -> list[str]:
    """The command line of Microsoft's host on the app in a folder. Raises UserMistake if there is none."""
    if named := environment.get(COMMAND_SETTING, "").strip():
        program, *more = shlex.split(named)
        if shutil.which(program) is None:
            raise UserMistake(f"{COMMAND_SETTING}={named}: there is no such program; name one that starts a host.")
        return [str(Path(str(shutil.which(program))).absolute()), *more, str(folder), str(port)]
    func = shutil.which("func", path=environment.get("PATH"))
    if func is None:
        raise UserMistake(
            "--host func: there is no func on the path; install Azure Functions Core Tools, or name in "
            f"{COMMAND_SETTING} a command that takes the folder of an app and a port."
        )
    # The Core Tools take the folder that they run in.
    return ["env", "--chdir", str(folder), func, "start", "--port", str(port), "--verbose"]


def program(kind: str, stem: Path, log: Path, environment: Mapping[str, str]) -> Program:
    """The program of a kind of host."""
    return LocalProgram(stem) if kind == LOCAL else RealProgram(stem.with_suffix(".app"), log, environment)
