"""Everything that a measurement needs: the session of the demo, in which only the timers of what is measured tick."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from pathlib import Path

from benchmarks.emulator import BY_KEYS
from benchmarks.limits import PARALLELISM, USUAL_PARALLELISM
from benchmarks.storage_requests import StorageRequests
from local.demo import environment, samples
from local.demo.arguments import Options
from local.demo.configuration import Configuration, read_configuration
from local.demo.environment import ticking
from local.demo.flows import Watched
from local.demo.session import Session, require_node_modules
from local.demo.state_dir import place
from local.demo.systems import DATAVERSE, FINOPS, SYSTEMS, Access
from shared.flows.registry import FLOWS
from shared.settings import schedules
from shared.state.control import Control
from shared.state.storage.account import Storage

COMPANY = "usmf"
NEVER = "0 0 0 1 1 *"
SWEEP = "SWEEP_SCHEDULE"
PULL_EVERY_S = 2
_QUICKLY = f"*/{PULL_EVERY_S} * * * * *"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is started. `samples` is the folder of records, `products` are generated in F&O beside them; `sales` are
    more arguments of the Dataverse simulator, `settings` more app settings."""

    samples: Path
    products: int = 0
    sales: Sequence[str] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def parallelism(self) -> int:
        """The most parallel requests of the app to one system."""
        return int(self.settings.get(PARALLELISM, USUAL_PARALLELISM))


class Stage:
    """What runs; made by `running_stage`. `in_step` names the flows whose records are in their targets,
    `storage_requests` counts those of the app to tables."""

    def __init__(
        self, plan: Plan, session: Session, configuration: Configuration, folder: Path, requests: StorageRequests
    ) -> None:
        self.samples = plan.samples
        self.storage_requests = requests
        self.in_step: set[str] = set()
        self._plan = plan
        self._session = session
        self._watched = {flow.name: flow for flow in configuration.flows}
        self._folder = folder

    @property
    def systems(self) -> Mapping[str, Access]:
        """Sales and F&O by name, as their owner sees them."""
        return self._session.systems

    @property
    def sales(self) -> Access:
        """Sales as its owner sees it."""
        return self._session.sales

    @property
    def finops(self) -> Access:
        """F&O as its owner sees it."""
        return self._session.finops

    @property
    def storage(self) -> Storage:
        """The storage account of the app."""
        return self._session.storage

    def watched(self, flow: str) -> Watched:
        """A flow as the demo knows it: its records in both systems, and its mapping."""
        return self._watched[flow]

    def ids(self, flow: str) -> list[str]:
        """The source records of a flow."""
        return [row.id for row in self.watched(flow).sources(self.systems)]

    def as_clients(self) -> dict[str, Access]:
        """Both systems as a program of somebody else speaks to them; it closes them."""
        return self._session.as_clients()

    def delay(self, latency_ms: float) -> None:
        """Add so much to every answer of both systems from now on; what is done to prepare is not delayed."""
        for access in self.systems.values():
            access.control("POST", "latency", {"latency_ms": Decimal(str(latency_ms))})

    def start(self, *flows: str) -> int:
        """Start the functions host; only these flows are pulled. Its process id."""
        self._session.start_functions({**timers(*flows), **_switched(*flows), **self._plan.settings})
        pid = self._session.functions_pid
        assert pid is not None
        return pid

    def let_flow(self, *flows: str) -> None:
        """Let these flows run, and pause all others."""
        control = Control(self.storage.table("control"))
        for name in FLOWS.names:
            # The sweep notes things in these rows meanwhile.
            control.change_flow(name, partial(replace, paused=name not in flows))

    def stop(self) -> None:
        """End the functions host."""
        self._session.stop_functions()

    @contextmanager
    def further_host(self) -> Iterator[None]:
        """Run one more functions host. Only the first one pulls: the platform, too, runs a timer once."""
        host = self._session.further_host()
        own = {**self._session.settings, **timers()}
        file = environment.write_settings(self._folder / f"{host.log.stem}.settings.json", own)
        host.start(file, own)
        try:
            yield
        finally:
            host.stop()

    def require_alive(self) -> None:
        """Raise DemoFailed when a process has ended by itself."""
        self._session.require_alive()

    def child_variables(self) -> dict[str, str]:
        """The environment of a process that shall be the app."""
        return environment.child_environment(os.environ, self._session.settings)


Opening = Callable[[Plan], AbstractContextManager[Stage]]
"""How a benchmark gets its stage: `running_stage`, or one that runs already and holds what the plan asks for."""


@contextmanager
def running_stage(plan: Plan) -> Iterator[Stage]:
    """Start everything but the functions; nothing is left behind. Raises DemoFailed and UserMistake."""
    require_node_modules()
    data = plan.samples
    digest = samples.check_folder(data, samples.KNOWN)
    configuration = read_configuration(
        # As shipped; the demo keeps values, to put them back.
        {"HISTORY_VALUES_DAYS": "0", **timers(), **plan.settings, "COMPANY": COMPANY},
        unit_group=samples.unit_group(data),
        units=samples.unit_pairs(data),
    )
    flows = tuple(flow.name for flow in configuration.flows)
    currency = samples.company_currency(data, None)
    more = {DATAVERSE: plan.sales, FINOPS: ("--products", str(plan.products))}
    with place(None, data=digest, folder=str(data), systems=SYSTEMS) as here:
        folder = here.folder("run")
        settings = configuration.settings_in(folder)
        requests, options = StorageRequests(), Options(once=True, data=data)
        with Session(
            *(options, here, settings, flows, currency),
            more=more,
            on_storage_request=requests.note,
            storage_options=BY_KEYS,
        ) as session:
            stage = Stage(plan, session, configuration, folder, requests)
            stage.let_flow(*FLOWS.names)
            yield stage


def timers(*flows: str) -> dict[str, str]:
    """When every timer of the app runs: these flows are pulled, all is swept as shipped, and nothing else ever
    ticks."""
    shipped = schedules(FLOWS.settings)
    return {**dict.fromkeys(shipped, NEVER), **ticking(_QUICKLY, *flows), SWEEP: shipped[SWEEP]}


def _switched(*flows: str) -> dict[str, str]:
    """Switch the functions of these flows on, and those of all others off: a session keeps its settings from one start
    to the next. In Azure, too, the instances of a function listen to its own queue alone (docs/infrastructure.md)."""
    return {
        f"AzureWebJobs.{function}.Disabled": str(flow.name not in flows).lower()
        for flow in FLOWS
        for function in flow.functions
    }
