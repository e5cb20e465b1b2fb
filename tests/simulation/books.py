"""What the oracle is shown: the product's own records in plain words, and both systems as they are."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from shared.clients.dataverse.rows import own_id
from shared.clients.finops import document_source
from shared.flows.finops_documents import references
from shared.flows.invoices import mapping as invoices
from shared.flows.orders import mapping as orders
from shared.flows.orders import order_rows
from shared.flows.products import mapping as products
from shared.flows.quotations import quote_rows
from shared.flows.sales_documents.rows import HEADERS, LINES
from shared.records import Json, SourceRow, fold
from shared.state.links import Link, LinkState
from tests.simulation.deployment import Deployment, lists_what_is_gone, stops
from tests.simulation.judgement import Books, Entry, Facts, TradeFacts
from tests.simulation.oracle import ENTITIES
from tests.simulation.salesorders import rows_of
from tests.simulation.selling import Selling
from tests.simulation.settings import Entry as MapEntry
from tests.simulation.settings import settings_of
from tests.simulation.stage import Stage
from tests.simulation.targets import (
    CUSTOMERS,
    INVOICES,
    ORDERS,
    ORDERS_OF_SALES,
    PERSONS,
    QUOTATIONS,
    Record,
    Row,
)


def books_of(process: Deployment) -> Books:
    """What the product says of every record."""
    state, books = process.service.state, Books()
    for flow in process.flows:
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
        if settings_of(process.key).COMPANY in partition:
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
    revisions = link.content.revisions
    return Entry(
        link.state.value,
        reason,
        entity,
        link.target_key or "",
        former,
        link.intent is not None,
        ", ".join(doubts),
        max(revisions, key=lambda id: revisions[id]) if revisions else "",
    )


def facts_of(
    stage: Stage,
    process: Deployment,
    mended: Set[Record] = frozenset(),
    left_alone: Set[Record] = frozenset(),
    selling: Selling | None = None,
    entries: Sequence[MapEntry] = (),
) -> Facts:
    """Both systems as they are, for the company of the deployment; `mended` are the records that an operator has begun
    anew, `left_alone` those that an operator has dismissed and that have not changed since. `selling` are the sellers,
    if there are orders, and `entries` the entries of value maps that operators have set by hand."""
    settings = settings_of(process.key)
    company = settings.COMPANY
    finops = stage.finops
    targets: dict[str, dict[str, Row]] = {
        entity: {key: _as_it_looks(process, row) for key, row in finops.rows_of(company, entity).items()}
        for entity in (CUSTOMERS, PERSONS, QUOTATIONS, ORDERS)
    }
    targets["products"] = _products(stage, process)
    targets[ORDERS_OF_SALES], targets[INVOICES] = _orders_of_sales(stage), _invoices(stage, process)
    removed = {(entity, key) for value, entity, key in finops.removed if value == company}
    return Facts(
        now=stage.threads.now(),
        mapper_of=process.mappers_with(entries).of,
        sources={flow: rows for flow, rows in sources_of(stage, company).items() if flow in process.flows},
        targets=targets,
        references={name: tuple(table.rows.values()) for name, table in stage.sales.tables.items()},
        removed=removed,
        adopts=frozenset(
            flow for flow in process.flows if getattr(settings, f"{flow.upper()}_ON_EXISTING", "") == "adopt"
        ),
        mended=frozenset(mended),
        left_alone=frozenset(left_alone),
        stops=process.flows_that(stops),
        lists_what_is_gone=process.flows_that(lists_what_is_gone),
        trade=TradeFacts() if selling is None else _trade(stage, company, selling),
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
    found["quotations"] = _documents(stage, "quote", quote_rows.KEY_COLUMN)
    found["orders"] = _documents(stage, "salesorder", order_rows.KEY_COLUMN)
    found["ordersback"] = _orders_of_finops(stage, company)
    found["invoices"] = {
        id: SourceRow(id, None, {**header, document_source.LINES: list(lines)})
        for id, (header, lines) in stage.finops.invoices.get(company, {}).items()
    }
    return found


def _documents(stage: Stage, header: str, key: str) -> dict[str, SourceRow]:
    """The documents of each number, with their lines."""
    tables, lookup = stage.sales.tables, f"_{header}id_value"
    headers: dict[str, list[dict[str, Any]]] = {}
    for id, row in sorted(tables[f"{header}s"].rows.items()):
        lines = [line for line in tables[f"{header}details"].rows.values() if line[lookup] == id]
        # In the order of their numbers, those without one last: the first that is wrong gives the cause.
        lines.sort(
            key=lambda line: (line["lineitemnumber"] is None, line["lineitemnumber"] or 0, line[f"{header}detailid"])
        )
        headers.setdefault(row[key], []).append({**row, LINES: lines})
    return {number: SourceRow(number, None, {key: number, HEADERS: list(rows)}) for number, rows in headers.items()}


def _orders_of_finops(stage: Stage, company: str) -> dict[str, SourceRow]:
    """The sales orders of F&O with their lines."""
    lines: dict[Json, list[Json]] = {}
    for line in rows_of(stage.finops, company, orders.TARGET_LINE_SET):
        lines.setdefault(line[orders.KEY_FIELD], []).append(dict(line))
    return {
        str(row[orders.KEY_FIELD]): SourceRow(
            str(row[orders.KEY_FIELD]), None, {**row, document_source.LINES: lines.get(row[orders.KEY_FIELD], [])}
        )
        for row in rows_of(stage.finops, company, orders.TARGET_SET)
    }


def _orders_of_sales(stage: Stage) -> dict[str, Row]:
    """The orders of Sales by their ids, as rows into which a status is written."""
    sales = stage.sales
    return {
        id: Row(id, dict(row), of=_writer(stage, id, "ordersback"))
        for id, row in sales.tables[ORDERS_OF_SALES].rows.items()
    }


def _writer(stage: Stage, id: str, flow: str) -> Record | None:
    writer = stage.sales.writers.get(id)
    return writer if writer is not None and writer[0] == flow else None


def _invoices(stage: Stage, process: Deployment) -> dict[str, Row]:
    """The invoices of Sales that the sync has written, by the folded ids of their records, as the mapping sees them."""
    sales, found = stage.sales, {}
    namespace = f"invoices|{settings_of(process.key).COMPANY}"
    mapper = process.mappers.invoices
    lines_of: dict[str, list[dict[str, Any]]] = {}
    for line in sales.tables[invoices.TARGET_LINE_SET].rows.values():
        lines_of.setdefault(str(line.get("_invoiceid_value")), []).append(line)
    for id, row in sales.tables[INVOICES].rows.items():
        record = _writer(stage, id, "invoices")
        if record is None:
            continue
        values = {name: _value(row, name, invoices.LOOKUPS) for name in mapper.header.target_fields}
        lines = {
            int(line[invoices.POSITION_COLUMN]): {
                name: _value(line, name, invoices.LINE_LOOKUPS) for name in mapper.lines.target_fields
            }
            for line in lines_of.get(id, [])
        }
        made = id == own_id(namespace, invoices.LOGICAL_NAME, fold(record[1]))
        touched = set(sales.touched.get(id, ()))
        found[fold(record[1])] = Row(record[1], values, of=record, made=made, lines=lines, touched=touched)
    return found


def _value(row: Mapping[str, Any], name: str, lookups: Mapping[str, str]) -> Json:
    value: Json = row.get(f"_{references.READ_AS.get(name, name)}_value" if name in lookups else name)
    return value


def _trade(stage: Stage, company: str, selling: Selling) -> TradeFacts:
    """What is to be known of orders and invoices."""
    sales, finops = stage.sales, stage.finops
    numbers = {
        table: {fold(str(row[number])): id for id, row in sales.tables[table].rows.items()}
        for table, number in ((ORDERS_OF_SALES, "ordernumber"), ("products", "productnumber"))
    }
    typed = {
        (str(row.get(invoices.KEY_COLUMN)), str(row.get(invoices.DATE_COLUMN)))
        for id, row in sales.tables[INVOICES].rows.items()
        if id not in sales.writers
    }
    return TradeFacts(
        signs=selling.signs(),
        steady=frozenset(selling.steady),
        removed_orders={key: row for (where, key), row in finops.removed_orders.items() if where == company},
        removed_invoices=frozenset(sales.removed_invoices),
        typed_invoices=frozenset(
            id
            for id, (header, _) in finops.invoices.get(company, {}).items()
            if (str(header[invoices.NUMBER_FIELD]), str(header[invoices.DATE_FIELD])[:10]) in typed
        ),
        numbers=numbers,
        products={id: row.get("statecode") for id, row in sales.tables["products"].rows.items()},
        may_be_taken_over=selling.may_be_taken_over,
    )


def _products(stage: Stage, process: Deployment) -> dict[str, Row]:
    """The products of Sales with their price list items, as the mapping sees them."""
    found: dict[str, Row] = {}
    items = stage.sales.tables["productpricelevels"].rows.values()
    company = settings_of(process.key).COMPANY
    namespace = f"products|{company}"
    lookups = {**dict.fromkeys(products.LOOKUPS), **dict.fromkeys(products.ITEM_LOOKUPS)}
    for id, row in stage.sales.tables["products"].rows.items():
        values: dict[str, Json] = {_plain(name, lookups): value for name, value in row.items()}
        of_row = [item for item in items if item["_productid_value"] == id]
        values[products.ITEM] = [_item(item, id, namespace) for item in of_row]
        number = str(row["productnumber"])
        made = id == own_id(namespace, products.LOGICAL_NAME, fold(number))
        touched = set(stage.sales.touched.get(id, ()))
        writer = _writer(stage, id, "products")
        # Its number may be released again in another case: that is another record, which gets the row (protocol A6).
        passable = writer is not None and writer[1] not in stage.finops.products[company]
        found[fold(number)] = Row(number, values, of=writer, made=made, touched=touched, passable=passable)
    return found


def _plain(name: str, lookups: dict[str, None]) -> str:
    inner = name.removeprefix("_").removesuffix("_value")
    return inner if inner in lookups and name != inner else name


def _item(item: dict[str, Any], product: str, namespace: str) -> Json:
    place = {"pricelevelid": item["_pricelevelid_value"], "uomid": item["_uomid_value"]}
    ours = item["productpricelevelid"] == own_id(namespace, products.ITEM, product, str(place["pricelevelid"]))
    return {**place, products.AMOUNT: item.get(products.AMOUNT), products.OURS: ours}
