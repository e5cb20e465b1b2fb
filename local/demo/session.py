"""Everything that the demo runs: storage, identity endpoint, both systems and the functions, started in order."""

import json
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType

import psutil

from local import space
from local.azurite import Azurite, AzuriteFailed, AzuriteMissing
from local.demo import environment, interrupts
from local.demo.arguments import Options
from local.demo.errors import DemoFailed, Unanswered, UserMistake
from local.demo.keep import Place
from local.demo.processes import ROOT, Child, running
from local.demo.restarts import Restarts
from local.demo.standing import Standing
from local.demo.systems import DATAVERSE, FINOPS, Access, Counts, Secrets
from local.identity import Identity, IdentityServer
from local.simulator.auth import system_clock
from shared.errors import StorageTrouble
from shared.state.control import Control
from shared.state.storage import Account, Storage

SYSTEMS = (DATAVERSE, FINOPS)
_HOST = "functions host"
_HOST_DRAIN_S = 3
# How long a message stays invisible that a host has fetched and was killed over; it renews what it is at.
_HOST_LEASE_S = 20
# The prices and costs of the sample records have up to four decimals.
_PRICE_DECIMALS = 4
# Tables that an administrator has to switch change tracking on for.
_TRACKED = ("contact", "quote", "quotedetail")
_MEGABYTE = 1e6
_LOOKS_FOR_AN_END, _LOOK_EVERY_S = 10, 0.1
# Every part writes into the folder of the demo; below this one of them is about to fail.
_LEAST_FREE_MB = 1
_KEY, _ADMIN, _SETTINGS = _PRIVATE = ("signing.key", "admin.token", "local.settings.json")


class Session:
    """The running demo, from `__enter__` to `__exit__`, which leaves no process behind.

    The functions do not run before `start_functions`. `tell` gets a line for what the user should know of, `more` are
    further arguments of a simulator, by its system.
    """

    def __init__(
        self,
        options: Options,
        place: Place,
        app_settings: Mapping[str, str],
        flows: tuple[str, ...],
        currency: str,
        *,
        tell: Callable[[str], None] = lambda _text: None,
        more: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._options = options
        self._place = place
        self._given = app_settings
        self._flows = flows
        self._currency = currency
        self._tell = tell
        self._more = more
        self._stack = ExitStack()
        self._host_stack = ExitStack()
        self._children: list[Child] = []
        self._azurite: Azurite | None = None
        self._host: Child | None = None
        self._secrets = Secrets()
        self._run = place.folder("run")
        self._logs = place.folder("logs")
        self._peak_memory_mb = 0.0
        self._restarts: Restarts
        self.sales = Access(DATAVERSE, self._url(DATAVERSE), self._secrets)
        self.finops = Access(FINOPS, self._url(FINOPS), self._secrets)
        self.storage: Storage

    def __enter__(self) -> "Session":
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, Unanswered | StorageTrouble):
                self._require_no_end()
        finally:
            self._stop()

    @property
    def logs(self) -> list[Path]:
        """The exchange logs of both systems, where a report is asked for; complete once the session has ended."""
        return [self._run / f"{name}-exchanges.jsonl" for name in SYSTEMS]

    @property
    def functions_log(self) -> Path:
        """What the functions host has written, of every start."""
        return self._log_of(_HOST)

    @property
    def functions_pid(self) -> int | None:
        """The process of the functions host while it runs."""
        return None if self._host is None else self._host.pid

    @property
    def settings(self) -> Mapping[str, str]:
        """The app settings that the functions are started with next."""
        return self._settings

    @property
    def peak_memory_mb(self) -> float:
        """The largest resident size of the functions host seen so far, in units of 1,000,000 bytes."""
        return self._peak_memory_mb

    @property
    def systems(self) -> dict[str, Access]:
        """Both systems by name."""
        return {access.name: access for access in (self.sales, self.finops)}

    def as_clients(self) -> dict[str, Access]:
        """Both systems by name, as a program of somebody else speaks to them; it closes them."""
        return {name: Access(name, self._url(name), self._secrets, owner=False) for name in SYSTEMS}

    def counts(self) -> dict[str, Counts]:
        """What each system has answered in this session."""
        return {name: access.counts() for name, access in self.systems.items()}

    def skipped(self) -> dict[str, list[str]]:
        """The records of the folder that each system has refused when it was filled: file, line, column and reason."""
        files = {name: self._run / f"{name}.skipped" for name in SYSTEMS}
        return {name: file.read_text(encoding="utf-8").splitlines() for name, file in files.items() if file.exists()}

    def watch(self) -> dict[str, Standing]:
        """How to watch each flow from now on."""
        since = system_clock()
        return {flow: Standing(self.storage, flow, since) for flow in self._flows}

    def resume_flows(self, flows: Collection[str] | None = None) -> None:
        """Do what an operator does after a deployment: let all flows run, or only these yet."""
        control = Control(self.storage.table("control"))
        for flow in self._flows if flows is None else flows:
            # After a deployment every flow is paused until an operator resumes it. Here that is the demo. What
            # blocked a flow last time blocks it again if it is still so.
            control.save_flow(replace(control.flow(flow), paused=False, blocked=""))

    def start_functions(self, changed: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start the functions host on the app; `changed` are app settings that are otherwise from now on."""
        self._settings |= changed
        ready, summary = self._fresh("host.ready"), self._fresh("host.summary")
        settings = environment.write_settings(self._run / _SETTINGS, self._settings)
        arguments = ["--app", str(ROOT), "--settings", str(settings), "--ready-file", str(ready)]
        arguments += ["--summary", str(summary), "--drain-seconds", str(_HOST_DRAIN_S)]
        arguments += ["--lease-seconds", str(_HOST_LEASE_S)]
        self._restarts = Restarts(ready)
        self._host = self._child(_HOST, "local.host", arguments, self._host_stack, self._settings)
        self._host.wait_for(ready)

    def kill_functions(self) -> None:
        """Pull the plug of the functions host: SIGKILL, it cannot put anything in order."""
        if self._host is not None:
            self._note_memory(self._host.pid)
            self._host.kill()
        with interrupts.held_off():
            self._host_stack.close()
        self._host = None

    def stop_functions(self) -> None:
        """End the functions host; what it says of its memory is kept."""
        with interrupts.held_off():
            self._host_stack.close()
        self._host = None
        summary = self._run / "host.summary"
        if summary.exists():
            peak = json.loads(summary.read_text(encoding="utf-8")).get("peak_memory_mb")
            self._peak_memory_mb = max(self._peak_memory_mb, float(peak or 0))

    def require_alive(self) -> None:
        """Raise DemoFailed when one of the processes has ended by itself, NoSpaceLeft when the disk is full; note how
        much memory the host takes, and tell when its worker was started anew."""
        space.require(self._place.root, _LEAST_FREE_MB)
        for child in self._children:
            child.require_alive()
        if self._azurite is not None and not _runs(self._azurite.pid):
            said = self._azurite.said
            raise DemoFailed(f"Azurite, the storage emulator, ended by itself; it said: {said}. Start the demo again.")
        if self._host is not None:
            self._host.require_alive()
            self._note_memory(self._host.pid)
            if reason := self._restarts.news():
                self._tell(f"the {_HOST} started its worker anew: {reason}")

    def _require_no_end(self) -> None:
        """Raises DemoFailed when a process has ended: that says more than that it does not answer."""
        for _ in range(_LOOKS_FOR_AN_END):
            self.require_alive()
            # A connection breaks a moment before its process has ended.
            time.sleep(_LOOK_EVERY_S)

    def _start(self) -> None:
        started = [self._start_dataverse(), self._start_finops()]
        self._settings = dict(self._given)
        try:
            azurite = Azurite(self._place.folder("azurite") if self._place.kept else None, tell=self._tell)
            self._azurite = self._stack.enter_context(azurite)
        except AzuriteMissing as error:
            raise UserMistake(str(error)) from error
        except AzuriteFailed as error:
            raise DemoFailed(str(error)) from error
        identity = self._stack.enter_context(IdentityServer(self._identity()))
        for child, ready in started:
            child.wait_for(ready)
        self._place.memory.loaded = True
        self._place.save()
        self._settings |= environment.own_settings(
            storage=azurite.connection_string,
            dataverse=self.sales.url,
            finops=self.finops.url,
            identity=identity.endpoint,
            shared=self._secrets,
        )
        self.storage = Storage(Account(connection_string=azurite.connection_string))
        self.storage.create(self._flows)

    def _identity(self) -> Identity:
        resources = frozenset({self.sales.url, self.finops.url})
        return Identity(self._secrets.signing_key, self._secrets.identity_header, resources)

    def _start_dataverse(self) -> tuple[Child, Path]:
        tracked = [option for table in _TRACKED for option in ("--track", table)]
        precision = ["--pricing-precision", str(_PRICE_DECIMALS)]
        return self._start_system(DATAVERSE, "local.dataverse", [*precision, *tracked])

    def _start_finops(self) -> tuple[Child, Path]:
        company = ["--company", self._given["COMPANY"], "--currency", self._currency]
        return self._start_system(FINOPS, "local.finops", [*company, "--amount-decimals", str(_PRICE_DECIMALS)])

    def _start_system(self, name: str, module: str, more: list[str]) -> tuple[Child, Path]:
        ready = self._fresh(f"{name}.ready")
        secret = environment.write_private
        key = secret(self._run / _KEY, self._secrets.signing_key.hex())
        admin = secret(self._run / _ADMIN, self._secrets.admin_token)
        arguments = ["--port", str(self._place.memory.ports[name]), "--audience", self._url(name)]
        arguments += ["--identity-key-file", str(key), "--admin-token-file", str(admin)]
        arguments += ["--latency-ms", str(self._options.latency_ms), "--ready-file", str(ready)]
        exchanges = self._fresh(f"{name}-exchanges.jsonl")
        arguments += ["--exchanges", str(exchanges)] if self._options.report is not None else []
        arguments += ["--load", str(self._options.data.resolve())]
        arguments += ["--skip-refused", str(self._fresh(f"{name}.skipped"))]
        if self._place.kept:
            arguments += ["--data", str(self._place.folder(name))]
        arguments += [*more, *self._more.get(name, ())]
        child = self._child(f"{name} simulator", module, arguments, self._stack, {})
        self._children.append(child)
        return child, ready

    def _child(
        self, name: str, module: str, arguments: list[str], stack: ExitStack, settings: Mapping[str, str]
    ) -> Child:
        log = self._log_of(name)
        variables = environment.child_environment(os.environ, settings)
        child = running(name, module, arguments, log=log, environment=variables, tell=self._tell)
        return stack.enter_context(child)

    def _log_of(self, name: str) -> Path:
        return self._logs / f"{name.replace(' ', '-')}.log"

    def _url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._place.memory.ports[name]}"

    def _fresh(self, name: str) -> Path:
        file = self._run / name
        file.unlink(missing_ok=True)
        return file

    def _note_memory(self, pid: int) -> None:
        try:
            resident: int = psutil.Process(pid).memory_info().rss
        except psutil.NoSuchProcess:
            return
        self._peak_memory_mb = max(self._peak_memory_mb, round(resident / _MEGABYTE, 1))

    def _stop(self) -> None:
        with interrupts.held_off():
            self._host_stack.close()
            self.sales.close()
            self.finops.close()
            self._stack.close()
            for name in _PRIVATE:
                (self._run / name).unlink(missing_ok=True)


def _runs(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def require_node_modules() -> None:
    """Raises UserMistake, before anything is started, where the storage emulator is not installed."""
    if not (ROOT / "node_modules" / "azurite").is_dir():
        raise UserMistake(f"{ROOT / 'node_modules'} holds no Azurite: run `make demo`, or `npm ci` in {ROOT}.")
