"""The product as it is deployed - settings, mapping, clients, engine - between both simulators.

Only storage and time are doubles; calls take the shortcut of `tests/support/shortcut.py` while no fault is played. A
fake credential stands for the managed identity.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any

from azure.core.credentials import AccessToken

from local.dataverse.settings import Settings as SalesSettings
from local.finops.settings import Settings as FinopsSettings
from shared.bootstrap import assemble, state_of
from shared.clients.finops.environment import FinopsSystem
from shared.flows.registry import FLOWS
from shared.flows.spec import Deployment, Flows
from shared.mapping.map_source import is_text
from shared.mapping.value_maps import ValueMaps
from shared.operations.read_only import ReadOnlyTable
from shared.service import Service
from shared.settings import Settings
from shared.state.control import FlowControl
from shared.state.failures import Failure
from shared.state.links import Link, LinkState
from shared.state.storage.memory import MemoryQueues, MemoryTable
from shared.state.storage.queues import hold_queue, poison_queue
from shared.state.storage.tables import Table
from shared.sync.state import State
from shared.systems import System
from tests.support.clock import ManualClock, StorageClock
from tests.support.rest import Rest
from tests.support.shortcut import Shortcut
from tests.support.steps import Steps
from tests.unit.local import dataverse_world, finops_environment
from tests.unit.local.dataverse_world import World as Sales
from tests.unit.local.finops_environment import Caller as Finops

FLOW = "accounts"
_ADDRESSES = ("DATAVERSE_URL", "FINOPS_URL")
USD = "11111111-2222-3333-4444-555555555555"


class FixedCredential:
    """Gives the token that a simulator expects."""

    def __init__(self, clock: ManualClock, tokens: dict[str, str]) -> None:
        self._clock = clock
        self._tokens = tokens

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        """A token for one scope."""
        origin = scopes[0].removesuffix("/.default")
        return AccessToken(self._tokens[origin], int(self._clock.now().timestamp()) + 3600)


class Product:
    """The running whole, seen by one flow."""

    flow = FLOW
    flows: Flows = FLOWS
    route = "customer"

    def __init__(self, sales: Sales, finops: Finops, **settings: str) -> None:
        self.sales, self.finops = sales, finops
        self.clock = ManualClock()
        self.queues = MemoryQueues(self.clock)
        self.tables: dict[str, MemoryTable] = {}
        self.steps = Steps()
        self._tokens = {sales.origin: dataverse_world.TOKEN, finops.base_url: finops_environment.TOKEN}
        self._shortcut = Shortcut({sales.origin: sales.simulator, finops.base_url: finops.simulator})
        self._settings = {
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "DATAVERSE_URL": sales.origin,
            "FINOPS_URL": finops.base_url,
            "COMPANY": "usmf",
        }
        self.state = state_of(self._table)
        for flow in self.flows.names:
            self.state.control.save_flow(FlowControl(flow, paused=False))
        self.service = self.start(**settings)

    @property
    def settings(self) -> Settings:
        """The settings of the app that runs."""
        return self.flows.read_settings(self._settings)

    @property
    def deployment(self) -> Deployment:
        """The flows of the app that runs, with its settings and its map document."""
        settings = self.settings
        return Deployment(self.flows, settings, _maps(self.flows, settings.MAP_DOCUMENT))

    @property
    def checked(self) -> Deployment:
        """The same as a command reads it. The texts of map documents that were sound with the same settings are not
        checked again. Raises SettingsInvalid."""
        settings = self.settings
        document = settings.MAP_DOCUMENT
        known = _sound(self.flows, self._others()) if document is None or is_text(document) else []
        if not known:
            known.append(self.flows.deployment(settings))
        made = replace(known[0], settings=settings)
        made.made.update(known[0].made)
        return made

    def _others(self) -> frozenset[tuple[str, str]]:
        """The settings but for the addresses, on which no mapping depends."""
        return frozenset((name, value) for name, value in self._settings.items() if name not in _ADDRESSES)

    def _table(self, name: str) -> Table:
        return self.memory(name)

    def memory(self, name: str) -> MemoryTable:
        """A table of the app's storage."""
        return self.tables.setdefault(name, MemoryTable(StorageClock(self.clock), name, self.steps.step))

    def start(self, **settings: str) -> Service:
        """Start the app anew, perhaps with other settings."""
        self._settings |= settings
        self.service = self._assembled(self.state)
        return self.service

    def know(self, address: str, origin: str) -> None:
        """Have a token for another address of a system."""
        self._tokens[address] = self._tokens[origin]

    def looking(self) -> Service:
        """The app for somebody who must change nothing in the storage."""
        return self._assembled(state_of(lambda name: ReadOnlyTable(self._table(name))))

    def _assembled(self, state: State) -> Service:
        credential = FixedCredential(self.clock, self._tokens)
        deployment = self.deployment
        mappings = _mappings(self.flows, self._others())
        deployment.made.update(mappings)
        service = assemble(deployment, state, self.queues, credential, self.clock, carrier=self._shortcut)
        mappings.update(deployment.made)
        return service

    def account(self, number: str | None = "A-1", **values: object) -> str:
        """Create an account in Sales; its id."""
        body = {"name": f"Account {number}", "accountnumber": number, **values}
        return self.sales.create("accounts", **{name: value for name, value in body.items() if value is not None})

    def edit(self, id: str, **values: object) -> None:
        """Change an account in Sales."""
        reply = self.sales.patch(f"accounts({id})", values, If_Match="*")
        assert reply.status_code == 204, reply.text

    def customer(self, number: str) -> dict[str, Any] | None:
        """The customer in F&O with a number."""
        params = {"cross-company": "true", "$filter": f"dataAreaId eq 'usmf' and CustomerAccount eq '{number}'"}
        rows = self.finops.rows("CustomersV3", params)
        return rows[0] if rows else None

    def customers(self) -> int:
        """How many customers F&O has."""
        return int(self.finops.get("CustomersV3/$count", {"cross-company": "true"}).text)

    def linked(self, count: int = 2) -> list[str]:
        """New accounts that are in step."""
        ids = [self.account(f"A-{number}") for number in range(count)]
        self.tick()
        assert self.customers() == count
        return ids

    def check_in_step(self, ids: Sequence[str]) -> None:
        """These accounts and no others are customers: each is linked and clean, its customer has its name, nobody is
        blamed, and nothing lies in a queue."""
        assert self.depth() == 0
        for id in ids:
            link = self.link(id)
            assert (link.state, link.dirty, link.claim.id) == (LinkState.WRITTEN, False, None)
            (row,) = self.sales.rows(f"accounts?$select=name,accountnumber&$filter=accountid eq {id}")
            assert (self.customer(row["accountnumber"]) or {})["OrganizationName"] == row["name"]
            assert self.failure(id) is None
        assert self.customers() == len(ids)

    def link(self, id: str) -> Link:
        """The link of a record."""
        return self.state.links.load(self.flow, [id])[id]

    def failure(self, id: str) -> Failure | None:
        """The listed failure of a record."""
        return self.state.failures.load(self.flow, [id]).get(id)

    def tick(self) -> None:
        """One tick of the pull, and the queue run dry."""
        self.service.pull(self.flow)
        self.drain()

    def drain(self) -> None:
        """Run every visible message."""
        for _ in range(200):
            received = self.queues.receive(self.flow, limit=1, invisible_s=600)
            if not received:
                return
            self.service.apply(self.flow, received[0].body.encode())
            self.queues.delete(self.flow, received[0])
        raise AssertionError("the queue does not run dry")

    def settle(self, minutes: int = 15, *, alone: bool = False) -> None:
        """Timers tick and the host works for so long; of this flow alone, if nothing happens in the others. Time in
        which nothing is left to do passes at once."""
        end = self.clock.seconds + 60 * minutes
        rest = Rest(self.clock, self.memory("links"), self.memory("control"))
        while self.clock.seconds < end:
            Product.tick(self) if alone else self.tick()
            self.service.sweep()
            self.drain()
            self.clock.sleep(60)
            if rest.reached() and not self._messages():
                rest.pass_time(end)

    def _messages(self) -> int:
        """How many messages lie in the queues of all flows."""
        return sum(
            self.queues.depth(name)
            for each in self.flows.names
            for name in (each, hold_queue(each), poison_queue(each))
        )

    def snapshot(self) -> dict[str, object]:
        """Everything that is remembered, and how much lies in queues."""
        return {**{name: table.content() for name, table in self.tables.items()}, "queued": self.depth()}

    def forget_everything(self) -> None:
        """Lose the storage account: the flows run, and nothing is remembered."""
        self.tables.clear()
        self.state = state_of(self._table)
        for flow in self.flows.names:
            self.state.control.save_flow(FlowControl(flow, paused=False))

    def writes(self) -> int:
        """How many writes were sent to F&O."""
        finops = self.service.systems[System.FINOPS]
        assert isinstance(finops, FinopsSystem)
        return finops.requests.writes

    def refused_as_changed(self) -> int:
        """How many writes F&O has refused because the row had changed since it was read."""
        exchanges = self.finops.simulator.exchanges.last(1000)
        return sum((each.status == 412) + each.response_body.count("HTTP/1.1 412 ") for each in exchanges)

    def depth(self) -> int:
        """How many messages lie anywhere."""
        return sum(self.queues.depth(name) for name in (self.flow, hold_queue(self.flow), poison_queue(self.flow)))


@contextmanager
def product(**settings: str) -> Iterator[Product]:
    """The product between two fresh simulators."""
    with product_between(None, None, **settings) as made:
        yield made


@contextmanager
def product_between(sales: SalesSettings | None, finops: FinopsSettings | None, **settings: str) -> Iterator[Product]:
    """The product between two fresh simulators that are set up so."""
    with dataverse_world.dataverse(settings=sales) as world, finops_environment.environment(finops) as caller:
        yield Product(world, caller, **settings)


@lru_cache(maxsize=4)
def _mappings(_flows: Flows, _settings: frozenset[tuple[str, str]]) -> dict[object, Any]:
    """What was made for such a deployment: most tests have the same one, and no mapping depends on addresses."""
    return {}


@lru_cache(maxsize=4)
def _sound(_flows: Flows, _settings: frozenset[tuple[str, str]]) -> list[Deployment]:
    """The deployment that was found to be sound with these settings, once there is one."""
    return []


@lru_cache(maxsize=4)
def _maps(flows: Flows, document: str | None) -> ValueMaps:
    return flows.read_map_document(document)
