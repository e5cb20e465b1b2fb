"""What the oracle is shown: the product's own records in plain words, and both systems as they are."""

from collections.abc import Set
from dataclasses import replace
from typing import Any

from shared.clients.dataverse.rows import own_id
from shared.flows.products import mapping as products
from shared.flows.quotations import quote_rows
from shared.flows.sales_documents.rows import HEADERS, LINES
from shared.records import Json, SourceRow, fold
from shared.state.links import Link, LinkState
from tests.simulation.deployment import Deployment
from tests.simulation.oracle import ENTITIES, Books, Entry, Facts
from tests.simulation.script import FLOWS
from tests.simulation.settings import settings_of
from tests.simulation.stage import Stage
from tests.simulation.targets import CUSTOMERS, PERSONS, QUOTATIONS, Record, Row


def books_of(process: Deployment) -> Books:
    """What the product says of every record."""
    state, books = process.service.state, Books()
    for flow in FLOWS:
        for link in state.links.walk(flow):
            books.entries[flow, link.id] = _entry(flow, link)
        for failure in state.failures.page(flow, "", 1000)[0]:
            books.failures[flow, failure.id] = failure.cause
            if failure.dismissed:
                books.dismissed.add((flow, failure.id))
        for wait in state.waits.page(flow, "", 1000)[0]:
            books.waits.setdefault((flow, wait.child), []).append((wait.parent_flow, wait.parent))
        for child, parent in _parked(process, flow):
            books.waits.setdefault((flow, child), []).append(parent)
    table = state.keys
    for (partition, _), row in table.content().items():  # type: ignore[attr-defined]
        entity = str(partition).partition("|")[0].partition("~")[0]
        if settings_of(*process.key).COMPANY in partition:
            owner = str(row.cells.get("flow")), str(row.cells.get("record_id"))
            books.keys[_entity_of(entity), str(row.cells.get("key"))] = owner
    queues = process.service.queues
    books.messages = {name: bodies for name, bodies in queues.lying().items() if bodies}  # type: ignore[attr-defined]
    return books


def _entity_of(partition: str) -> str:
    return next(entity for entity in dict.fromkeys(ENTITIES.values()) if partition.startswith(entity))


def _parked(process: Deployment, flow: str) -> list[tuple[str, tuple[str, str]]]:
    state = process.service.state
    found = []
    for link in state.links.walk(flow):
        for wait in state.waits.load(flow, list(link.waits)):
            found.append((wait.child, (wait.parent_flow, wait.parent)))
    return found


def _entry(flow: str, link: Link) -> Entry:
    doubts = [f"its link cannot be read: {link.damage}"] if link.damage is not None else []
    if link.claim.id:
        doubts.append(f"a claim stands ({link.claim.kind})")
    if link.dirty and link.state is LinkState.WRITTEN:
        doubts.append("its row may hold something else")
    if link.intent and link.state in (LinkState.NEW, LinkState.RETRYING):
        doubts.append(f"it may have been created as {link.intent.key}")
    entity = ENTITIES[flow, link.route] if link.linked and link.route else ""
    former = frozenset((ENTITIES[flow, left.route], fold(left.key)) for left in link.former)
    reason = link.rule or ""
    return Entry(
        link.state.value, reason, entity, link.target_key or "", former, link.intent is not None, ", ".join(doubts)
    )


def facts_of(
    stage: Stage, process: Deployment, mended: Set[Record] = frozenset(), left_alone: Set[Record] = frozenset()
) -> Facts:
    """Both systems as they are, for the company of the deployment; `mended` are the records that an operator has begun
    anew, `left_alone` those that an operator has dismissed and that have not changed since."""
    settings = settings_of(*process.key)
    company = settings.COMPANY
    finops = stage.finops
    targets: dict[str, dict[str, Row]] = {
        entity: {key: _as_it_looks(process, row) for key, row in finops.rows_of(company, entity).items()}
        for entity in (CUSTOMERS, PERSONS, QUOTATIONS)
    }
    targets["products"] = _products(stage, process)
    removed = {(entity, key) for value, entity, key in finops.removed if value == company}
    return Facts(
        now=stage.threads.now(),
        mapper_of=process.mappers.of,
        sources=sources_of(stage, company),
        targets=targets,
        references={name: tuple(table.rows.values()) for name, table in stage.sales.tables.items()},
        removed=removed,
        adopts=frozenset(flow for flow in FLOWS if getattr(settings, f"{flow.upper()}_ON_EXISTING") == "adopt"),
        mended=frozenset(mended),
        left_alone=frozenset(left_alone),
    )


def _as_it_looks(process: Deployment, row: Row) -> Row:
    """A doubtful row is one of people's, unless its record is tied to it."""
    if row.of is None or not row.doubtful:
        return row
    flow, id = row.of
    link = process.service.state.links.load(flow, [id])[id]
    return row if fold(link.target_key or "") == fold(row.key) else replace(row, of=None, made=False)


def sources_of(stage: Stage, company: str) -> dict[str, dict[str, SourceRow]]:
    """The records of every flow as they are, with their products in a company."""
    tables = stage.sales.tables
    found: dict[str, dict[str, SourceRow]] = {
        name: {id: SourceRow(id, row["versionnumber"], row) for id, row in tables[name].rows.items()}
        for name in ("accounts", "contacts")
    }
    found["products"] = {id: SourceRow(id, None, row) for id, row in stage.finops.products[company].items()}
    found["quotations"] = _documents(stage)
    return found


def _documents(stage: Stage) -> dict[str, SourceRow]:
    """The quotes of each number, with their lines."""
    tables = stage.sales.tables
    headers: dict[str, list[dict[str, Any]]] = {}
    for id, row in sorted(tables["quotes"].rows.items()):
        lines = [line for line in tables["quotedetails"].rows.values() if line["_quoteid_value"] == id]
        # In the order of their numbers, those without one last: the first that is wrong gives the cause.
        lines.sort(
            key=lambda line: (line["lineitemnumber"] is None, line["lineitemnumber"] or 0, line["quotedetailid"])
        )
        headers.setdefault(row["quotenumber"], []).append({**row, LINES: lines})
    return {
        number: SourceRow(number, None, {quote_rows.KEY_COLUMN: number, HEADERS: list(rows)})
        for number, rows in headers.items()
    }


def _products(stage: Stage, process: Deployment) -> dict[str, Row]:
    """The products of Sales with their price list items, as the mapping sees them."""
    found: dict[str, Row] = {}
    items = stage.sales.tables["productpricelevels"].rows.values()
    namespace = f"products|{settings_of(*process.key).COMPANY}"
    lookups = {**dict.fromkeys(products.LOOKUPS), **dict.fromkeys(products.ITEM_LOOKUPS)}
    for id, row in stage.sales.tables["products"].rows.items():
        values: dict[str, Json] = {_plain(name, lookups): value for name, value in row.items()}
        of_row = [item for item in items if item["_productid_value"] == id]
        values[products.ITEM] = [_item(item, id, namespace) for item in of_row]
        number = str(row["productnumber"])
        made = id == own_id(namespace, products.LOGICAL_NAME, fold(number))
        found[fold(number)] = Row(number, values, of=stage.sales.writers.get(id), made=made)
    return found


def _plain(name: str, lookups: dict[str, None]) -> str:
    inner = name.removeprefix("_").removesuffix("_value")
    return inner if inner in lookups and name != inner else name


def _item(item: dict[str, Any], product: str, namespace: str) -> Json:
    place = {"pricelevelid": item["_pricelevelid_value"], "uomid": item["_uomid_value"]}
    ours = item["productpricelevelid"] == own_id(namespace, products.ITEM, product, str(place["pricelevelid"]))
    return {**place, products.AMOUNT: item.get(products.AMOUNT), products.OURS: ours}
