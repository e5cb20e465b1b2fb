"""What the invoices flow relies on in both systems: names, types, ranges, and what a creation takes."""

from decimal import Decimal

import pytest

from shared.flows.finops_documents.references import READ_AS
from shared.flows.finops_documents.words import HEADER_RANGES, LINE_RANGES
from shared.flows.invoices import mapping as invoices
from shared.flows.invoices.mapping import InvoiceMapper
from shared.flows.invoices.wiring import KEY
from shared.flows.registry import FLOWS
from shared.mapping.field_table import FieldTable
from shared.mapping.ranges import Range, Ranges
from shared.mapping.verdicts import Filtered, Known
from shared.records import Json, SourceRow
from tests.contract.test_mapping_schema import fields, finops
from tests.contract.test_products_schema import attributes, table
from tests.support.clock import ManualClock

MAPPER = InvoiceMapper(FLOWS.read_map_document(None))
DAY = "2026-07-14T12:00:00Z"
TABLES = [
    (invoices.TARGET_SET, MAPPER.header, invoices.LOOKUPS, HEADER_RANGES),
    (invoices.TARGET_LINE_SET, MAPPER.lines, invoices.LINE_LOOKUPS, LINE_RANGES),
]


def header(**values: Json) -> dict[str, Json]:
    key: dict[str, Json] = {"InvoiceNumber": "I-1", "InvoiceDate": DAY, "LedgerVoucher": "V-1"}
    return {**key, "SalesOrderNumber": "SO-1", "InvoiceCustomerAccountNumber": "A-1", "lines": [], **values}


@pytest.mark.parametrize(
    ("entity_set", "select"),
    [(invoices.ENTITY_SET, MAPPER.select), (invoices.LINE_ENTITY_SET, MAPPER.line_select)],
)
def test_every_field_that_is_read_is_in_finops(entity_set: str, select: tuple[str, ...]) -> None:
    assert set(select) <= set(fields(entity_set))
    assert set(KEY.fields) < set(finops()["entities"][entity_set]["key"])


@pytest.mark.parametrize(("entity_set", "mapping", "lookups", "_ranges"), TABLES, ids=[row[0] for row in TABLES])
def test_a_creation_sends_only_what_a_creation_takes(
    entity_set: str, mapping: FieldTable, lookups: dict[str, str], _ranges: Ranges
) -> None:
    columns, known = attributes(entity_set), {each["attribute"] for each in table(entity_set)["lookups"]}
    for name in mapping.target_fields:
        if name in lookups:
            assert READ_AS.get(name, name) in known
        else:
            assert not columns[name]["read_only"], name
            assert columns[name].get("valid_for_create", True), name


@pytest.mark.parametrize(("entity_set", "mapping", "_lookups", "ranges"), TABLES, ids=[row[0] for row in TABLES])
def test_every_number_has_the_range_of_its_column(
    entity_set: str, mapping: FieldTable, _lookups: dict[str, str], ranges: Ranges
) -> None:
    numbers = {field.name for field in mapping.fields if field.type is Decimal} | set(ranges)
    columns = attributes(entity_set)
    assert {name: Range(columns[name]["min"], columns[name]["max"]) for name in numbers} == dict(ranges)


def test_an_invoice_without_an_order_is_filtered_by_name() -> None:
    row = SourceRow("I-1", None, header(SalesOrderNumber=""))
    assert MAPPER.evaluate(row, Known(now=ManualClock().now())) == Filtered("no_sales_order")


def test_an_invoice_names_its_order_its_customer_and_each_product_once() -> None:
    lines: list[Json] = [{"ProductNumber": number} for number in ("P-1", "P-2", "p-1", "")]
    named = MAPPER.parents(SourceRow("I-1", None, header(lines=lines)))
    assert [(parent.flow, parent.id) for parent in named] == [
        ("salesorders", "so-1"), ("CustomersV3", "a-1"), ("products", "p-1"), ("products", "p-2"),
    ]  # fmt: skip
