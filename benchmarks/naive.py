"""What a plain script would do: for each source record one read and one write, one after the other, one connection.

It maps with the mapping of the product, so that both write the same; all else is what one writes on the first day: no
batches, no parallelism, no memory of what was written.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import requests

from benchmarks.flows import API
from benchmarks.stage import COMPANY, Stage
from local.demo.errors import DemoFailed
from local.demo.systems import Access
from local.identity import CLIENT_ID
from local.simulator.auth import mint
from shared import exact_json
from shared.clients import quoting
from shared.flows import ACCOUNTS, PRODUCTS, account_mapper, product_mapper
from shared.mapping import accounts, catalogue, price_lists, products
from shared.mapping.date_columns import SELECT, metadata_of
from shared.mapping.verdicts import Known, Mapped
from shared.records import Json, SourceRow, Values
from shared.settings import Settings

_TIMEOUT_S = 60.0
_LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Naive:
    """So many records took so long; each took one read and one write."""

    records: int
    seconds: float
    cpu_s: float

    @property
    def speed(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def run_naively(stage: Stage, flow: str, ids: list[str]) -> Naive:
    """Create the target records of some source records. Raises DemoFailed when a request is refused."""
    with requests.Session() as session:
        session.trust_env = False
        one = _LOOPS[flow](stage, session)
        began, cpu = time.monotonic(), time.process_time()
        for id in ids:
            one(id)
        return Naive(len(ids), time.monotonic() - began, time.process_time() - cpu)


def _account_loop(stage: Stage, session: requests.Session) -> Callable[[str], None]:
    mapper = account_mapper(Settings.read(stage.settings))
    columns = quoting.columns((accounts.ID_COLUMN, *mapper.select))
    query = quoting.query({"$select": columns, "$expand": quoting.expansions(mapper.table.expand)})
    read, write = _authorised(stage, stage.sales), _authorised(stage, stage.finops)

    def one(id: str) -> None:
        url = f"{stage.sales.url}{API}/{accounts.ENTITY_SET}({id})?{query}"
        values = _sent(session, "GET", url, read, None)
        mapped = mapper.evaluate(SourceRow(id, None, _plain(values)), Known(datetime.now(UTC)))
        if isinstance(mapped, Mapped):
            body = {"dataAreaId": COMPANY, accounts.KEY_FIELD: mapped.key, **mapped.owned, **mapped.on_create}
            _sent(session, "POST", f"{stage.finops.url}/data/{accounts.TARGET_SET}", write, _filled(body))

    return one


def _product_loop(stage: Stage, session: requests.Session) -> Callable[[str], None]:
    mapper = product_mapper(Settings.read(stage.settings))
    columns = quoting.columns(("dataAreaId", products.KEY_FIELD, *mapper.select))
    query = quoting.query({"cross-company": "true", "$select": columns})
    tables = catalogue.TABLES | {metadata_of(table): SELECT for table in price_lists.DATE_COLUMNS}
    references = {
        name: tuple(stage.sales.rows(f"{API}/{name}?$select={','.join(select)}")) for name, select in tables.items()
    }
    read, write = _authorised(stage, stage.finops), _authorised(stage, stage.sales)

    def one(id: str) -> None:
        key = f"dataAreaId={quoting.literal(COMPANY)},{products.KEY_FIELD}={quoting.literal(id)}"
        values = _sent(session, "GET", f"{stage.finops.url}/data/{products.ENTITY_SET}({key})?{query}", read, None)
        known = Known(datetime.now(UTC), references=references)
        mapped = mapper.evaluate(SourceRow(id, None, _plain(values)), known)
        if isinstance(mapped, Mapped):
            body = _product(mapped, left_out=products.late_columns(mapper.choices) | {products.ITEM})
            _sent(session, "POST", f"{stage.sales.url}{API}/{products.TARGET_SET}", write, body)

    return one


def _product(mapped: Mapped, left_out: frozenset[str]) -> dict[str, Json]:
    """The columns that a new row takes in one request: without its state, and without its price list item."""
    columns = {name: value for name, value in {**mapped.owned, **mapped.on_create}.items() if name not in left_out}
    body: dict[str, Json] = {products.ID_COLUMN: str(uuid4()), products.KEY_COLUMN: mapped.key}
    for name, value in _filled(columns).items():
        if name in products.LOOKUPS:
            body[f"{name}@odata.bind"] = f"/{products.LOOKUPS[name]}({value})"
        else:
            body[name] = value
    return body


_LOOPS: Mapping[str, Callable[[Stage, requests.Session], Callable[[str], None]]] = {
    ACCOUNTS: _account_loop,
    PRODUCTS: _product_loop,
}


def _authorised(stage: Stage, access: Access) -> dict[str, str]:
    lifetime_s = int(_LIFETIME.total_seconds())
    token = mint(stage.token_key(), access.url, now=datetime.now(UTC), lifetime_s=lifetime_s, client_id=CLIENT_ID)
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def _sent(
    session: requests.Session, method: str, url: str, headers: Mapping[str, str], body: Values | None
) -> dict[str, Json]:
    content = None if body is None else exact_json.dumps(dict(body)).encode()
    response = session.request(method, url, data=content, headers=dict(headers), timeout=_TIMEOUT_S)
    if not response.ok:
        raise DemoFailed(f"The naive loop got {response.status_code} to {method} {url}: {response.text[:300]}")
    found = exact_json.loads(response.content) if response.content else {}
    return found if isinstance(found, dict) else {}


def _plain(values: Values) -> Values:
    return {name: value for name, value in values.items() if "@" not in name}


def _filled(values: Values) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}
