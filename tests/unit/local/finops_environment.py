"""A running F&O environment and a caller with the right token, for the tests of the simulator."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from local.finops.environment import finops_simulator
from local.finops.loading import open_tables
from local.finops.settings import Settings
from local.finops.tables import Tables
from local.simulator.auth import Clock, FixedToken, system_clock
from local.simulator.faults import Faults
from local.simulator.owncolumns import OwnColumns
from local.simulator.server import Simulator, running
from tests.support.patience import PATIENCE_S
from tests.support.shortcut import mount

TOKEN = "token-of-the-test"
ADMIN_TOKEN = "admin-token-of-the-test"
NOTHING_TO_UPDATE = "No resources were found when selecting for update."
CUSTOMER = {
    "CustomerAccount": "US-001",
    "OrganizationName": "Contoso Retail San Diego",
    "CustomerGroupId": "30",
    "SalesCurrencyCode": "USD",
}


@dataclass(frozen=True)
class Caller:
    """Sends requests to one environment."""

    base_url: str
    session: requests.Session
    simulator: Simulator
    tables: Tables

    @property
    def faults(self) -> Faults:
        """The faults of the simulator."""
        return self.simulator.faults

    def send(self, method: str, path: str, params: Mapping[str, str] | None = None, **more: Any) -> requests.Response:
        return self.session.request(method, self.base_url + path, params=params, timeout=PATIENCE_S, **more)

    def get(self, path: str, params: Mapping[str, str] | None = None, **more: Any) -> requests.Response:
        return self.send("GET", f"/data/{path}", params, **more)

    def rows(self, path: str, params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        answer = self.get(path, params)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["value"]
        return rows

    def post(self, path: str, body: Any, **more: Any) -> requests.Response:
        return self.send("POST", f"/data/{path}", json=body, **more)

    def patch(self, path: str, body: Any, params: Mapping[str, str] | None = None, **more: Any) -> requests.Response:
        return self.send("PATCH", f"/data/{path}", params, json=body, **more)

    def delete(self, path: str, params: Mapping[str, str] | None = None, **more: Any) -> requests.Response:
        return self.send("DELETE", f"/data/{path}", params, **more)

    def customer(self, **values: Any) -> dict[str, Any]:
        """Create a customer and give the answered record."""
        answer = self.post("CustomersV3", {**CUSTOMER, **values})
        assert answer.status_code == 201, answer.text
        record: dict[str, Any] = answer.json()
        return record

    def control(self, name: str, body: Any) -> requests.Response:
        headers = {"x-simulator-admin-token": ADMIN_TOKEN}
        return self.send("POST", f"/_simulator/{name}", json=body, headers=headers)


def customer_url(account: str = "US-001", company: str = "usmf") -> str:
    """The key URL of a customer, its values doubled and encoded."""
    return f"CustomersV3(dataAreaId={text(company)},CustomerAccount={text(account)})"


def text(value: str) -> str:
    """A string literal as it stands in a path."""
    return "'" + quote(value.replace("'", "''"), safe="") + "'"


def detail(answer: requests.Response) -> str:
    """The text of an error, where the service puts it."""
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("", "An error has occurred.")
    return str(error["innererror"]["message"])


@cache
def _seeded(settings: Settings) -> Tables:
    # A copy has not yet prepared the statements that filled it, which take more memory than its rows.
    with closing(open_tables(None, None, settings)) as filled:
        return filled.copied()


def fresh_tables(settings: Settings) -> Tables:
    """The rows of a new environment, made once and copied."""
    return _seeded(settings).copied()


@contextmanager
def environment(
    settings: Settings | None = None,
    load: Path | None = None,
    own: OwnColumns | None = None,
    tables: Tables | None = None,
    clock: Clock = system_clock,
) -> Iterator[Caller]:
    """Run a fresh environment in memory; `own` are fields of the organisation's own. With `tables` it begins with a
    copy of these."""
    settings = settings or Settings()
    if tables is not None:
        tables = tables.copied()
    else:
        tables = open_tables(None, load, settings, own=own or {}) if load or own else fresh_tables(settings)
    simulator = finops_simulator(tables, settings, FixedToken(TOKEN), admin_token=ADMIN_TOKEN, clock=clock)
    with running(simulator) as base_url, requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        mount(session, simulator)
        yield Caller(base_url, session, simulator, tables)
    tables.close()
