"""A running simulator of Dataverse and a client for it."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import requests

from local.dataverse.organisation import Organisation
from local.dataverse.schema import Schema, load_schema
from local.dataverse.schemafiles import read_own
from local.dataverse.settings import Settings
from local.dataverse.simulator import build_organisation, build_simulator
from local.simulator.auth import Clock, FixedToken, system_clock
from local.simulator.exchanges import ExchangeLog
from local.simulator.faults import Faults
from local.simulator.server import Simulator, Tls, running
from local.simulator.store import Store
from shared.records import Json
from tests.support.patience import PATIENCE_S
from tests.support.shortcut import mount

ADMIN = "admin"
TOKEN = "token"
# Documents whose changes are followed, with their lines.
_DOCUMENTS = ("quote", "quotedetail", "salesorder", "salesorderdetail")
# Columns of an organisation's own.
OWN_COLUMNS = Path(__file__).parents[2] / "support" / "own_columns.json"
# Organisations with these columns, or none of their own, are made once and copied.
_KEPT = (None, OWN_COLUMNS)
START = datetime(2026, 1, 31, 13, 5, tzinfo=UTC)


class HandClock:
    """A clock that only moves by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class World:
    """One simulator, its organisation and shortcuts for requests."""

    def __init__(self, url: str, organisation: Organisation, clock: HandClock, simulator: Simulator) -> None:
        self.origin = url
        self.api = f"{url}/api/data/v9.2"
        self.organisation = organisation
        self.clock = clock
        self.simulator = simulator
        self.made: Mapping[str, str] | None = None
        self.faults = simulator.faults
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"
        mount(self.session, simulator)

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        url = path if path.startswith("http") else f"{self.api}/{path}"
        return self.session.request(method, url, json=body, headers=headers, timeout=PATIENCE_S)

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.send("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def rows(self, path: str, **headers: str) -> list[dict[str, Any]]:
        reply = self.get(path, **headers)
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["value"]
        return found

    def create(self, entity_set: str, **values: object) -> str:
        """The id of a new row. `nav__to` stands for nav@odata.bind."""
        body = {name.replace("__to", "@odata.bind"): value for name, value in values.items()}
        reply = self.send("POST", entity_set, body)
        assert reply.status_code == 204, reply.text
        return reply.headers["OData-EntityId"].rsplit("(", 1)[1].rstrip(")")

    def patch(self, path: str, body: object, **headers: str) -> requests.Response:
        return self.send("PATCH", path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def control(self, method: str, name: str, body: object = None) -> requests.Response:
        headers = {"x-simulator-admin-token": ADMIN}
        return self.session.request(
            method, f"{self.origin}/_simulator/{name}", json=body, headers=headers, timeout=PATIENCE_S
        )

    def catalogue(self) -> dict[str, str]:
        """A currency, a unit schedule with its base unit, and an active price list; those that were made already."""
        if self.made is not None:
            return dict(self.made)
        currency = self.create(
            "transactioncurrencies",
            isocurrencycode="USD",
            currencyname="US Dollar",
            currencysymbol="$",
            currencyprecision=2,
            exchangerate=1,
        )
        schedule = self.create("uomschedules", name="Units", baseuomname="Each")
        unit = self.rows(f"uoms?$select=uomid&$filter=_uomscheduleid_value eq {schedule}")[0]["uomid"]
        prices = self.create(
            "pricelevels", name="List", transactioncurrencyid__to=f"/transactioncurrencies({currency})"
        )
        return {"currency": currency, "schedule": schedule, "unit": unit, "prices": prices}

    def product(self, catalogue: Mapping[str, str], number: str = "P-1", **values: object) -> str:
        return self.create(
            "products",
            productnumber=number,
            name="Bike",
            quantitydecimal=0,
            defaultuomid__to=f"/uoms({catalogue['unit']})",
            defaultuomscheduleid__to=f"/uomschedules({catalogue['schedule']})",
            transactioncurrencyid__to=f"/transactioncurrencies({catalogue['currency']})",
            **values,
        )


def schema(
    *,
    solution: bool = True,
    product_number_key: bool = False,
    also_tracked: frozenset[str] = frozenset(),
    untracked: frozenset[str] = frozenset(),
    own: Path | None = None,
) -> Schema:
    """The tables of an organisation. Those with columns of its own, but for ours, are made anew: kept, they would fill
    the memory."""
    made = _schema if own in _KEPT else _schema.__wrapped__
    return made(solution, product_number_key, also_tracked, untracked, own)


@cache
def _schema(
    solution: bool,
    product_number_key: bool,
    also_tracked: frozenset[str],
    untracked: frozenset[str],
    own: Path | None,
) -> Schema:
    tracked = dict.fromkeys(("contact", *_DOCUMENTS, *also_tracked), True) | dict.fromkeys(untracked, False)
    added = {} if own is None else read_own(own)
    return load_schema(solution=solution, unique_product_number=product_number_key, tracked=tracked, own=added)


@cache
def _seeded(
    solution: bool,
    product_number_key: bool,
    no_bulk: frozenset[str],
    settings_row: tuple[tuple[str, Json], ...],
    own: Path | None,
) -> Store:
    tables = schema(solution=solution, product_number_key=product_number_key, own=own)
    settings = Settings(no_bulk=no_bulk)
    filled = build_organisation(tables, clock=HandClock(), settings=settings, settings_row=dict(settings_row)).store
    # A copy has not yet prepared the statements that filled it, which take more memory than its rows.
    with closing(filled):
        return filled.copied()


def fresh_organisation(
    clock: Clock = system_clock,
    settings: Settings | None = None,
    settings_row: Mapping[str, Json] | None = None,
    *,
    solution: bool = True,
    product_number_key: bool = False,
    also_tracked: frozenset[str] = frozenset(),
    untracked: frozenset[str] = frozenset(),
    own: Path | None = None,
    store: Store | None = None,
) -> Organisation:
    """A new organisation in memory; its rows are made once and copied, unless it has columns of its own that are not
    OWN_COLUMNS. With a `store` it begins with a copy of that one."""
    settings = settings or Settings()
    tables = schema(
        solution=solution,
        product_number_key=product_number_key,
        also_tracked=also_tracked,
        untracked=untracked,
        own=own,
    )
    if own not in _KEPT:
        return build_organisation(tables, clock=clock, settings=settings, settings_row=settings_row)
    seeded = store or _seeded(solution, product_number_key, settings.no_bulk, tuple((settings_row or {}).items()), own)
    return Organisation(tables, clock=clock, settings=settings, store=seeded.copied())


@contextmanager
def dataverse(
    *,
    solution: bool = True,
    settings: Settings | None = None,
    settings_row: Mapping[str, Json] | None = None,
    file: Path | None = None,
    product_number_key: bool = False,
    also_tracked: frozenset[str] = frozenset(),
    untracked: frozenset[str] = frozenset(),
    own: Path | None = None,
    tls: Tls | None = None,
    store: Store | None = None,
) -> Iterator[World]:
    clock, faults = HandClock(), Faults()
    if file is None:
        organisation = fresh_organisation(
            clock,
            settings,
            settings_row,
            solution=solution,
            product_number_key=product_number_key,
            also_tracked=also_tracked,
            untracked=untracked,
            own=own,
            store=store,
        )
    else:
        tables = schema(solution=solution, product_number_key=product_number_key)
        organisation = build_organisation(tables, clock=clock, settings=settings, settings_row=settings_row, file=file)
    simulator = build_simulator(organisation, FixedToken(TOKEN), faults, ExchangeLog("dataverse"), ADMIN, tls)
    with running(simulator) as url:
        world = World(url, organisation, clock, simulator)
        with world.session:
            yield world
    organisation.store.close()


def code(reply: requests.Response) -> tuple[int, str]:
    """Status and error code of a refusal."""
    return reply.status_code, reply.json()["error"]["code"]
