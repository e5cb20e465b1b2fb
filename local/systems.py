"""Both simulated systems with the sample records, the app's identity and Azurite, for a host that you start yourself.

    python -m local.systems

Every flow runs, and no timer ticks: a function runs when you fire it (docs/debugging.md). The app settings
that lead here are in .state/local.settings.json for as long as this runs, and in .state/local.env for a shell.
"""

import os
import shlex
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from local import azurite
from local.command_line import Parser
from local.demo import environment, interrupts, samples
from local.demo.configuration import MAP_DOCUMENT, read_configuration
from local.demo.errors import DemoFailed, UserMistake
from local.demo.processes import ROOT, Child, running
from local.demo.systems import Secrets
from local.identity import Identity, IdentityServer
from shared.flows.registry import FLOWS
from shared.state.control import Control
from shared.state.storage.account import Account, Storage

SAMPLES = ROOT / "local" / "data" / "adventureworks"
STATE = ROOT / ".state"
# In New Year's night: no timer of the app ticks while somebody debugs it.
_NEVER = "0 0 0 1 1 *"
# Time to think at a breakpoint: a function that runs longer is ended.
_PATIENT = {"AzureFunctionsJobHost__functionTimeout": "00:30:00"}
_USUAL = azurite.Ports(10000, 10001, 10002)
_LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens on 127.0.0.1; those of the storage emulator are its usual ones."""

    identity: int = 8100
    sales: int = 8101
    finops: int = 8102
    storage: azurite.Ports = _USUAL


class Systems:
    """What runs; made by `running_systems`. `settings` are the app settings that lead here."""

    def __init__(self, ports: Ports, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self._secrets = Secrets()
        self._key = environment.write_private(folder / "signing.key", self._secrets.signing_key.hex())
        self._sales, self._finops = (f"http://127.0.0.1:{port}" for port in (ports.sales, ports.finops))
        self._children: list[Child] = []
        self.settings = self._start(ports)

    def require_alive(self) -> None:
        """Raises DemoFailed if a simulator has stopped by itself."""
        for child in self._children:
            child.require_alive()

    def _start(self, ports: Ports) -> dict[str, str]:
        group, units = samples.unit_group(SAMPLES), samples.unit_pairs(SAMPLES)
        configuration = read_configuration(os.environ, unit_group=group, units=units)
        maps = {} if configuration.value_maps is None else {MAP_DOCUMENT: configuration.value_maps}
        given = {**configuration.settings, **maps}
        decimals = str(samples.amount_decimals(SAMPLES))
        ready = [
            self._simulator("dataverse", self._sales, ["--pricing-precision", "4"]),
            self._simulator("finops", self._finops, ["--company", given["COMPANY"], "--amount-decimals", decimals]),
        ]
        emulator = self._stack.enter_context(azurite.Azurite(ports=ports.storage))
        resources = frozenset({self._sales, self._finops})
        known = Identity(self._secrets.signing_key, self._secrets.identity_header, resources)
        identity = self._stack.enter_context(IdentityServer(known, port=ports.identity))
        for child, file in zip(self._children, ready, strict=True):
            child.wait_for(file)
        _let_flows_run(Storage(Account(connection_string=emulator.connection_string)))
        own = environment.own_settings(
            storage=emulator.connection_string,
            dataverse=self._sales,
            finops=self._finops,
            identity=identity.endpoint,
            shared=self._secrets,
        )
        return {**given, **_PATIENT, **{name: _NEVER for name in given if name.endswith("_SCHEDULE")}, **own}

    def _simulator(self, name: str, address: str, more: Sequence[str]) -> Path:
        ready = self._folder / f"{name}.ready"
        arguments = ["--port", address.rsplit(":", 1)[1], "--audience", address, "--identity-key-file", str(self._key)]
        arguments += ["--load", str(SAMPLES), "--ready-file", str(ready), *more]
        variables = environment.child_environment(os.environ, environment.WITHOUT_TLS)
        log = self._folder / f"{name}.log"
        child = running(f"{name} simulator", f"local.{name}", arguments, log=log, environment=variables)
        self._children.append(self._stack.enter_context(child))
        return ready


@contextmanager
def running_systems(ports: Ports) -> Iterator[Systems]:
    """Start everything but the functions; nothing is left behind. Raises DemoFailed, also if a port is taken,
    UserMistake, AzuriteFailed, and TimeoutError if the identity does not start."""
    _require_free(ports)
    with tempfile.TemporaryDirectory(prefix="systems-") as folder, ExitStack() as stack:
        yield Systems(ports, Path(folder), stack)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C; 1 if a part does not start or stops by itself, 2 for a mistake in the settings."""
    parser = Parser(prog="python -m local.systems", description=__doc__)
    parser.parse_args(arguments)
    try:
        with interrupts.as_exceptions(), running_systems(Ports()) as systems, _written(systems.settings) as file:
            sys.stdout.write(_directions(systems.settings, file))
            sys.stdout.flush()
            while True:
                systems.require_alive()
                time.sleep(_LOOK_EVERY_S)
    except (DemoFailed, azurite.AzuriteFailed, TimeoutError) as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    except UserMistake as mistake:
        sys.stderr.write(f"{mistake}\n")
        return 2
    except KeyboardInterrupt:
        return 0


def _require_free(ports: Ports) -> None:
    """Raises DemoFailed, before anything is started, if one of the ports is taken."""
    emulator = ports.storage
    for port in (ports.identity, ports.sales, ports.finops, emulator.blob, emulator.queue, emulator.table):
        try:
            # As those who listen there later: a port whose last connections are not forgotten yet is free.
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as refused:
            reason = os.strerror(refused.errno or 0)
            raise DemoFailed(
                f"port {port} of 127.0.0.1 cannot be used ({reason}): if another local.systems, Azurite or simulator "
                "runs there, end it"
            ) from refused


@contextmanager
def _written(settings: Mapping[str, str]) -> Iterator[Path]:
    STATE.mkdir(exist_ok=True)
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    shell = environment.write_private(STATE / "local.env", lines)
    file = environment.write_settings(STATE / "local.settings.json", settings)
    try:
        yield file
    finally:
        # They lead nowhere any more.
        file.unlink(missing_ok=True)
        shell.unlink(missing_ok=True)


def _let_flows_run(storage: Storage) -> None:
    storage.create(FLOWS.names)
    control = Control(storage.table("control"))
    for flow in FLOWS.names:
        control.save_flow(replace(control.flow(flow), paused=False))


def _directions(settings: Mapping[str, str], file: Path) -> str:
    shown = file.relative_to(ROOT)
    return (
        f"Sales {settings['DATAVERSE_URL']}, F&O {settings['FINOPS_URL']}, Azurite on its usual ports; Ctrl-C ends it\n"
        f"app settings:     {shown}\n"
        f"one function:     .venv/bin/python -m local.host --settings {shown} --trigger accounts_pull\n"
        f"or Core Tools:    . {shown.with_name('local.env')} && func start\n"
        f"what came of it:  .venv/bin/python -m p2c --settings {shown} status\n"
    )


if __name__ == "__main__":
    sys.exit(main())
