"""Everything that a measurement needs: storage, identity, both systems, and as many functions hosts as wanted."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from local.azurite import Azurite
from local.demo import environment
from local.demo.keep import free_ports
from local.demo.processes import ROOT, Child, running
from local.demo.systems import Access, Secrets
from local.identity import Identity, IdentityServer
from shared.flows import FLOWS
from shared.mapping.value_maps import SHIPPED
from shared.state.control import Control
from shared.state.storage import Account, Storage

SAMPLES = ROOT / "local" / "data" / "adventureworks"
COMPANY = "usmf"
UNIT_GROUP = "AdventureWorks units"
_DRAIN_S = 3
# The timers of what is not measured never tick.
NEVER = "0 0 0 1 1 *"
_QUICKLY = "*/2 * * * * *"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is started. `products` are generated in F&O; `flow` is the only one whose timer ticks, empty for none;
    `sales` are more arguments of the Dataverse simulator, `settings` more app settings."""

    flow: str
    latency_ms: float = 0.0
    samples: Path = SAMPLES
    products: int = 0
    sales: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)


class Stage:
    """What runs; made by `running_stage`."""

    def __init__(self, plan: Plan, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.flow = plan.flow
        self.settings: dict[str, str] = {}
        self.hosts: list[Child] = []
        self.storage: Storage
        self._secrets = Secrets()
        self._stack = stack
        ports = free_ports(2)
        self.sales, self.finops = (
            Access(name, f"http://127.0.0.1:{port}", self._secrets)
            for name, port in zip(("dataverse", "finops"), ports, strict=True)
        )
        self._start(plan)

    @property
    def systems(self) -> tuple[Access, Access]:
        """Sales and F&O as their owner sees them."""
        return self.sales, self.finops

    def exchanges(self, system: Access) -> Path:
        """The file that gets every exchange of a system."""
        return self.folder / f"{system.name}-exchanges.jsonl"

    def token_key(self) -> bytes:
        """What signs the tokens that both systems accept."""
        return self._secrets.signing_key

    def start_host(self) -> Child:
        """Start one more functions host. Only the first one pulls: the platform, too, runs a timer once."""
        name = f"host-{len(self.hosts)}"
        ready = self.folder / f"{name}.ready"
        own = {**self.settings, **(_without_pulls() if self.hosts else {})}
        settings = environment.write_settings(self.folder / f"{name}.settings.json", own)
        arguments = ["--app", str(ROOT), "--settings", str(settings), "--ready-file", str(ready)]
        arguments += ["--drain-seconds", str(_DRAIN_S)]
        host = self._child(name, "local.host", arguments, own)
        self.hosts.append(host)
        host.wait_for(ready)
        return host

    def child_variables(self) -> dict[str, str]:
        """The environment of a process that shall be the app."""
        return environment.child_environment(os.environ, self.settings)

    def _start(self, plan: Plan) -> None:
        started = [
            self._system(self.sales, "local.dataverse", ["--pricing-precision", "4", *plan.sales], plan),
            self._system(self.finops, "local.finops", ["--company", COMPANY, "--products", str(plan.products)], plan),
        ]
        azurite = self._stack.enter_context(Azurite())
        urls = frozenset(access.url for access in self.systems)
        identity = Identity(self._secrets.signing_key, self._secrets.identity_header, urls)
        server = self._stack.enter_context(IdentityServer(identity))
        for child, ready in started:
            child.wait_for(ready)
        own = environment.own_settings(
            storage=azurite.connection_string,
            dataverse=self.sales.url,
            finops=self.finops.url,
            identity=server.endpoint,
            shared=self._secrets,
        )
        self.settings = {**_app_settings(plan), **plan.settings, **own}
        self.storage = Storage(Account(connection_string=azurite.connection_string))
        self.storage.create(FLOWS)
        control = Control(self.storage.table("control"))
        for flow in FLOWS:
            control.save_flow(replace(control.flow(flow), paused=False))

    def _system(self, access: Access, module: str, more: Sequence[str], plan: Plan) -> tuple[Child, Path]:
        self._stack.callback(access.close)
        ready = self.folder / f"{access.name}.ready"
        key = environment.write_private(self.folder / "signing.key", self._secrets.signing_key.hex())
        admin = environment.write_private(self.folder / "admin.token", self._secrets.admin_token)
        arguments = ["--port", access.url.rsplit(":", 1)[1], "--audience", access.url, "--ready-file", str(ready)]
        arguments += ["--identity-key-file", str(key), "--admin-token-file", str(admin)]
        arguments += ["--latency-ms", str(plan.latency_ms), "--load", str(plan.samples)]
        arguments += ["--exchanges", str(self.exchanges(access)), *more]
        return self._child(access.name, module, arguments, {}), ready

    def _child(self, name: str, module: str, arguments: list[str], settings: Mapping[str, str]) -> Child:
        variables = environment.child_environment(os.environ, settings)
        log = self.folder / f"{name}.log"
        return self._stack.enter_context(running(name, module, arguments, log=log, environment=variables))


@contextmanager
def running_stage(plan: Plan) -> Iterator[Stage]:
    """Start everything but the functions; nothing is left behind. Raises DemoFailed, UserMistake and AzuriteFailed."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        yield Stage(plan, Path(folder), stack)


def value_maps() -> str:
    """The shipped value maps with the unit group of the sample records."""
    maps = json.loads(SHIPPED.read_text(encoding="utf-8"))
    maps["defaults"]["unit_group"] = UNIT_GROUP
    return json.dumps(maps)


def _without_pulls() -> dict[str, str]:
    return {f"{flow.upper()}_SCHEDULE": NEVER for flow in FLOWS}


def _app_settings(plan: Plan) -> dict[str, str]:
    schedules = {f"{flow.upper()}_SCHEDULE": _QUICKLY if flow == plan.flow else NEVER for flow in FLOWS}
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "PYTHON_THREADPOOL_THREAD_COUNT": "40",
        "COMPANY": COMPANY,
        "SWEEP_SCHEDULE": "*/5 * * * * *",
        "VALUE_MAPS": value_maps(),
        **schedules,
    }
