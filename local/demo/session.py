"""Everything that the demo runs: storage, identity endpoint, both systems and the functions, started in order."""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, TracebackType

from local import space
from local.azurite import Azurite, AzuriteFailed, AzuriteMissing
from local.demo import environment, hosts, interrupts
from local.demo.arguments import Options
from local.demo.errors import DemoFailed, Unanswered, UserMistake
from local.demo.functionshost import FunctionsHost
from local.demo.processes import ROOT
from local.demo.progress_reader import ProgressReader
from local.demo.simulators import ADMIN_FILE, KEY_FILE, Company, Simulators
from local.demo.state_dir import Place
from local.demo.systems import SYSTEMS, Access, Counts, Secrets
from local.identity import Identity, IdentityServer
from local.simulator.auth import system_clock
from shared.errors import StorageTrouble
from shared.state.control import Control
from shared.state.storage.account import Account, Storage

_HOST = "functions host"
_LOOKS_FOR_AN_END, _LOOK_EVERY_S = 10, 0.1
# Every part writes into the folder of the demo; below this one of them is about to fail.
_LEAST_FREE_MB = 1
_SETTINGS = "local.settings.json"
_PRIVATE = (KEY_FILE, ADMIN_FILE, _SETTINGS)


class Session:
    """The running demo, from `__enter__` to `__exit__`, which leaves no process behind.

    The functions do not run before `start_functions`. `tell` gets a line for what the user should know, `more` are
    further arguments of a simulator, by its system, and `on_storage_request` gets the storage emulator's line of each
    request; `storage_options` are more arguments of its node. A part that is killed and restarted continues where it
    was only if the place is kept: otherwise storage and systems are in memory.
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
        on_storage_request: Callable[[str], None] | None = None,
        storage_options: Sequence[str] = (),
    ) -> None:
        self._place = place
        self._kind = options.host
        self._flows = flows
        self._tell = tell
        self._stack = ExitStack()
        self._secrets = Secrets()
        self._run = place.folder("run")
        self._settings = dict(app_settings)
        self._hosts: list[FunctionsHost] = []
        self._host = self.further_host()
        company = Company(app_settings["COMPANY"], currency)
        self.simulators = Simulators(options, place, self._secrets, company, more, tell)
        self.azurite = Azurite(
            place.folder("azurite") if place.kept else None,
            tell=tell,
            on_request=on_storage_request,
            node_options=storage_options,
        )
        self.sales, self.finops = (Access(name, self.simulators.url(name), self._secrets) for name in SYSTEMS)
        self.storage: Storage

    def __enter__(self) -> "Session":
        try:
            with self._full_disk_named():
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
        """The exchange logs of both systems, if a report is requested; complete once the session has ended."""
        return [self.simulators.exchanges(name) for name in SYSTEMS]

    @property
    def functions_log(self) -> Path:
        """What the functions host has written, of every start."""
        return self._host.log

    @property
    def functions_pid(self) -> int | None:
        """The process of the functions host while it runs."""
        return self._host.pid

    @property
    def functions_pids(self) -> Sequence[int]:
        """The processes of the functions hosts that run."""
        return [host.pid for host in self._hosts if host.pid is not None]

    @property
    def hosts(self) -> Sequence[FunctionsHost]:
        """Every functions host, whether it runs or not."""
        return self._hosts

    @property
    def settings(self) -> Mapping[str, str]:
        """The app settings that the functions are started with next."""
        return self._settings

    @property
    def peak_memory_mb(self) -> float:
        """The largest resident size of a functions host seen so far, in units of 1,000,000 bytes."""
        return max(host.peak_memory_mb for host in self._hosts)

    @property
    def systems(self) -> dict[str, Access]:
        """Both systems by name."""
        return {access.name: access for access in (self.sales, self.finops)}

    def as_clients(self) -> dict[str, Access]:
        """Both systems by name, for a foreign client; it closes them."""
        return {name: Access(name, self.simulators.url(name), self._secrets, owner=False) for name in SYSTEMS}

    def counts(self) -> dict[str, Counts]:
        """What each system has answered in this session."""
        return {name: access.counts() for name, access in self.systems.items()}

    def skipped(self) -> dict[str, list[str]]:
        """The records of the folder that each system has refused when it was filled: file, line, column and reason."""
        files = {name: self.simulators.skipped(name) for name in SYSTEMS}
        return {name: file.read_text(encoding="utf-8").splitlines() for name, file in files.items() if file.exists()}

    def watch(self) -> dict[str, ProgressReader]:
        """How to watch each flow from now on."""
        since = system_clock()
        return {flow: ProgressReader(self.storage, flow, since) for flow in self._flows}

    def resume_flows(self, flows: Collection[str] | None = None) -> None:
        """Do what an operator does after a deployment: resume all flows, or only these."""
        control = Control(self.storage.table("control"))
        for flow in self._flows if flows is None else flows:
            # After a deployment every flow is paused until an operator resumes it. Here that is the demo. What
            # blocked a flow last time blocks it again if it is still so.
            control.save_flow(replace(control.flow(flow), paused=False, blocked=""))

    def start_functions(self, changed: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start the functions host on the app; `changed` are app settings that are otherwise from now on."""
        self._settings |= changed
        environment.write_settings(self._run / _SETTINGS, self._settings)
        self.start_host(self._host)

    def kill_functions(self) -> None:
        """Kill the functions host with SIGKILL: it cannot clean up."""
        self._host.kill()

    def stop_functions(self) -> None:
        """End every functions host; what they say of their memory is kept."""
        for host in self._hosts:
            host.stop()

    def further_host(self, own: Mapping[str, str] = MappingProxyType({})) -> FunctionsHost:
        """One more functions host on the same storage account, with settings of its `own`. It does not run yet."""
        name = f"{_HOST} {len(self._hosts) + 1}" if self._hosts else _HOST
        log = self._place.folder("logs") / f"{name.replace(' ', '-')}.log"
        program = hosts.program(self._kind, self._run / log.stem, log, os.environ)
        self._hosts.append(FunctionsHost(name, program, log, self._tell, own))
        return self._hosts[-1]

    def start_host(self, host: FunctionsHost) -> None:
        """Start a host that does not run, with the settings of the last `start_functions`."""
        with self._full_disk_named():
            host.start(self._run / _SETTINGS, self._settings)

    def require_alive(self) -> None:
        """Raise DemoFailed if one of the processes has stopped by itself, NoSpaceLeft if the disk is full; note how
        much memory the hosts take, and report when a worker was restarted."""
        space.require(self._place.root, _LEAST_FREE_MB)
        self.simulators.require_alive()
        if how := self.azurite.ended:
            raise DemoFailed(f"Azurite, the storage emulator, stopped by itself ({how}); it said: {self.azurite.said}.")
        for host in self._hosts:
            host.require_alive()

    @contextmanager
    def _full_disk_named(self) -> Iterator[None]:
        """Raises NoSpaceLeft if a part ends and the disk is full: that part could not even write why it ended."""
        try:
            yield
        except DemoFailed:
            space.require(self._place.root, _LEAST_FREE_MB)
            raise

    def _require_no_end(self) -> None:
        """Raises DemoFailed when a process has ended: that says more than that it does not answer."""
        for _ in range(_LOOKS_FOR_AN_END):
            self.require_alive()
            # A connection breaks a moment before its process has ended.
            time.sleep(_LOOK_EVERY_S)

    def _start(self) -> None:
        self._stack.callback(self.simulators.stop)
        self.simulators.begin()
        try:
            azurite = self._stack.enter_context(self.azurite)
        except AzuriteMissing as error:
            raise UserMistake(str(error)) from error
        except AzuriteFailed as error:
            raise DemoFailed(str(error)) from error
        identity = self._stack.enter_context(IdentityServer(self._identity()))
        self.simulators.wait()
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

    def _stop(self) -> None:
        with interrupts.held_off():
            self.stop_functions()
            self.sales.close()
            self.finops.close()
            self._stack.close()
            for name in _PRIVATE:
                (self._run / name).unlink(missing_ok=True)


def require_node_modules() -> None:
    """Raises UserMistake, before anything is started, if the storage emulator is not installed."""
    if not (ROOT / "node_modules" / "azurite").is_dir():
        raise UserMistake(f"{ROOT / 'node_modules'} holds no Azurite: run `make demo`, or `npm ci` in {ROOT}.")
