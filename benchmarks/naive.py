"""What a plain script would do: read a source record, write a target record, one after the other, one connection.

It reads and maps with the reading and mapping of the demo, so that it writes what the sync writes; all else is what
one writes on the first day: no batches, no parallelism, no memory of what was written. It comes after the sync, on the
same systems: its records have numbers of their own.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from benchmarks.stage import COMPANY, Stage
from local.demo.errors import DemoFailed
from local.demo.flows import API, NOTHING_KEPT
from local.demo.systems import DATAVERSE, FINOPS, Access
from shared.clients.dataverse.rows import WriteTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.quoting import EnumMember
from shared.flows.accounts import ACCOUNTS
from shared.flows.accounts import mapping as accounts
from shared.flows.contacts import CONTACTS
from shared.flows.contacts import mapping as contacts
from shared.flows.finops_documents import references
from shared.flows.invoices import INVOICES
from shared.flows.invoices import mapping as invoices
from shared.flows.invoices.wiring import number_of_key
from shared.flows.orders import ORDERS
from shared.flows.orders import mapping as orders
from shared.flows.products import PRODUCTS
from shared.flows.products import mapping as products
from shared.flows.products.mapping import ProductChoices
from shared.flows.quotations import QUOTATIONS
from shared.flows.quotations import mapping as quotations
from shared.flows.sales_documents.mapping import LINE_KEY_FIELD
from shared.mapping.verdicts import Mapped
from shared.records import KEY_SEPARATOR, Json, Values

_OWN = "N"
_LATE = set(products.late_columns(ProductChoices())) | {products.ITEM}
Systems = Mapping[str, Access]


@dataclass(frozen=True, slots=True)
class Naive:
    """So many records took so long."""

    records: int
    seconds: float

    @property
    def speed(self) -> float:
        """Records a second."""
        return self.records / self.seconds if self.seconds else 0.0


def run_naively(stage: Stage, flow: str, ids: list[str]) -> Naive:
    """Create a target record for each of these source records. Raises DemoFailed when one is refused, or is not for
    the target."""
    watched, write = stage.watched(flow), _WRITES[flow]
    # A script would look up once what its records refer to.
    known = watched.view.known(stage.systems, None, NOTHING_KEPT)
    systems = stage.as_clients()
    try:
        began = time.monotonic()
        for id in ids:
            (row,) = watched.sources(systems, id)
            mapped = watched.mapper.evaluate(row, known(row))
            if not isinstance(mapped, Mapped):
                raise DemoFailed(f"The naive loop cannot write {flow} {id}: {mapped}")
            write(systems, mapped)
        return Naive(len(ids), time.monotonic() - began)
    finally:
        for access in systems.values():
            access.close()


def _write_account(systems: Systems, mapped: Mapped) -> None:
    key = FinopsKey(COMPANY, (accounts.KEY_FIELD,))
    _create(systems, accounts.TARGET_SET, key, mapped, mapped.key)


def _write_contact(systems: Systems, mapped: Mapped) -> None:
    if mapped.route == contacts.CUSTOMER:
        _create(systems, contacts.CUSTOMER_SET, FinopsKey(COMPANY, (contacts.CUSTOMER_KEY,)), mapped, mapped.key)
        return
    constants = {
        name: EnumMember(contacts.ASSOCIATED_CONTACT_TYPE, member)
        for name, member in contacts.PERSON_CONSTANT_KEY.items()
    }
    key = FinopsKey(COMPANY, contacts.PERSON_KEY, constants)
    _create(systems, contacts.PERSON_SET, key, mapped, mapped.key.partition(KEY_SEPARATOR)[0])


def _write_quotation(systems: Systems, mapped: Mapped) -> None:
    _write_document(systems, mapped, quotations.TARGET_SET, quotations.TARGET_LINE_SET, quotations.KEY_FIELD)


def _write_order(systems: Systems, mapped: Mapped) -> None:
    _write_document(systems, mapped, orders.TARGET_SET, orders.TARGET_LINE_SET, orders.KEY_FIELD)


def _write_document(systems: Systems, mapped: Mapped, entity_set: str, line_set: str, key_field: str) -> None:
    key = FinopsKey(COMPANY, (key_field,))
    _create(systems, entity_set, key, mapped, mapped.key)
    for number, line in mapped.lines.items():
        values = {**line.owned, **line.on_create, **key.values(mapped.key + _OWN), LINE_KEY_FIELD: number}
        systems[FINOPS].send("POST", f"/data/{line_set}", _filled(values))


def _write_product(systems: Systems, mapped: Mapped) -> None:
    body = {products.ID_COLUMN: str(uuid4()), **product_columns(mapped), products.KEY_COLUMN: mapped.key + _OWN}
    systems[DATAVERSE].send("POST", f"{API}/{products.TARGET_SET}", body)


def product_columns(mapped: Mapped) -> dict[str, Json]:
    """A product as it is created, without its state and its price, which need requests of their own."""
    columns = {name: value for name, value in {**mapped.owned, **mapped.on_create}.items() if name not in _LATE}
    table = WriteTable(products.TARGET_SET, "product", products.ID_COLUMN, products.LOOKUPS)
    return {products.KEY_COLUMN: mapped.key, **table.body(_filled(columns))}


def _write_invoice(systems: Systems, mapped: Mapped) -> None:
    of, id = invoices, str(uuid4())
    header = WriteTable(of.TARGET_SET, of.LOGICAL_NAME, of.ID_COLUMN, of.LOOKUPS, references.READ_AS)
    lines = WriteTable(of.TARGET_LINE_SET, of.LINE_LOGICAL_NAME, of.LINE_ID_COLUMN, of.LINE_LOOKUPS)
    values = _filled({**mapped.owned, **mapped.on_create})
    number = {of.KEY_COLUMN: number_of_key(mapped.key) + _OWN}
    systems[DATAVERSE].send("POST", f"{API}/{of.TARGET_SET}", {of.ID_COLUMN: id, **header.body(values), **number})
    for position, line in mapped.lines.items():
        columns = lines.body(_filled({**line.owned, **line.on_create, of.ID_COLUMN: id, of.POSITION_COLUMN: position}))
        systems[DATAVERSE].send("POST", f"{API}/{of.TARGET_LINE_SET}", columns)


_WRITES: Mapping[str, Callable[[Systems, Mapped], None]] = {
    ACCOUNTS: _write_account,
    CONTACTS: _write_contact,
    PRODUCTS: _write_product,
    QUOTATIONS: _write_quotation,
    ORDERS: _write_order,
    INVOICES: _write_invoice,
}


def _create(systems: Systems, entity_set: str, key: FinopsKey, mapped: Mapped, number: str) -> None:
    """Create a record of F&O with another number, which may stand in further fields, such as that of its party."""
    values = {**mapped.owned, **mapped.on_create, **key.values(mapped.key)}
    renumbered = {name: number + _OWN if value == number else value for name, value in values.items()}
    systems[FINOPS].send("POST", f"/data/{entity_set}", _filled(renumbered))


def _filled(values: Values) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}
