"""The flows that are measured: how many records there are, and how people change one percent of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.stage import COMPANY, Stage
from shared.clients import quoting
from shared.flows import ACCOUNTS, PRODUCTS
from shared.mapping import accounts, products

API = "/api/data/v9.2"


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow. `ids` lists the source records, `change` changes those that are named."""

    name: str
    title: str
    ids: Callable[[Stage], list[str]]
    change: Callable[[Stage, Sequence[str]], None]


def _account_ids(stage: Stage) -> list[str]:
    column = accounts.ID_COLUMN
    return [str(row[column]).lower() for row in stage.sales.rows(f"{API}/{accounts.ENTITY_SET}?$select={column}")]


def _rename_accounts(stage: Stage, ids: Sequence[str]) -> None:
    for number, id in enumerate(ids):
        path = f"{API}/{accounts.ENTITY_SET}({id})"
        stage.sales.send("PATCH", path, {"name": f"Renamed account {number}"}, **{"If-Match": "*"})


def _product_ids(stage: Stage) -> list[str]:
    wanted = {
        "$filter": quoting.equals("dataAreaId", COMPANY),
        "$select": products.KEY_FIELD,
        "cross-company": "true",
    }
    rows = stage.finops.rows(f"/data/{products.ENTITY_SET}?{quoting.query(wanted)}")
    return [str(row[products.KEY_FIELD]) for row in rows]


def _rename_products(stage: Stage, ids: Sequence[str]) -> None:
    renamed = [{products.KEY_FIELD: id, "ProductName": f"Renamed product {n}"} for n, id in enumerate(ids)]
    stage.finops.control("POST", "products", [dict(row) for row in renamed])


FLOWS = {
    ACCOUNTS: Flow(ACCOUNTS, "Accounts: Sales to F&O", _account_ids, _rename_accounts),
    PRODUCTS: Flow(PRODUCTS, "Products: F&O to Sales", _product_ids, _rename_products),
}
