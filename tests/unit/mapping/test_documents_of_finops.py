"""What the map document may decide about orders and invoices of F&O: further columns of headers and lines, rules for
price list and unit group, and filters."""

from decimal import Decimal

import pytest

from shared.flows.invoices.mapping import InvoiceChoices, InvoiceMapper
from shared.flows.ordersback.created import DATE_COLUMNS, CreatedOrders
from shared.flows.ordersback.mapping import OrdersBackMapper
from shared.flows.registry import FLOWS
from shared.mapping.names import shipped
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.records import Json, References, SourceRow
from tests.support.clock import START
from tests.unit.mapping.samples import maps, metadata
from tests.unit.mapping.test_catalogue import (
    EACH,
    LIST,
    OTHER_EACH,
    OTHER_GROUP,
    currency_row,
    price_list_row,
    tables,
    unit_row,
)
from tests.unit.mapping.test_products import LATER
from tests.unit.mapping.test_rules import deployment, has, rules

CUSTOMER, PRODUCT = Parent.with_key("CustomersV3", "C-1"), Parent.with_key("products", "P-1")
MADE_FROM = Parent.with_key("CDSSalesOrderHeaders", "F-1")
ORDER_OF_SALES = Parent.with_key("salesorders", "ORD-1")
ROW, MADE_ROW = "99999999-2222-3333-4444-555555555555", "99999999-2222-3333-4444-666666666666"
REFERENCES: References = {
    **tables(
        pricelevels=[price_list_row(), price_list_row("Retail", LATER)],
        transactioncurrencies=[{**currency_row(), "currencyprecision": 2}],
        uoms=[unit_row(), unit_row(OTHER_EACH, group=OTHER_GROUP)],
    ),
    **metadata(DATE_COLUMNS),
}
KNOWN = Known(
    START,
    references=REFERENCES,
    keys={CUSTOMER: "C-1"},
    rows={CUSTOMER: ROW, PRODUCT: ROW, ORDER_OF_SALES: ROW},
    flows={CUSTOMER: "accounts"},
)
STATUS = Known(START, references=REFERENCES, keys={MADE_FROM: "F-1"}, rows={MADE_FROM: ROW})
LINE: dict[str, Json] = {
    "LineCreationSequenceNumber": 1,
    "ProductNumber": "P-1",
    "SalesUnitSymbol": "EA",
    "ProductName": "Bike",
    "SalesPrice": Decimal(2),
}
ORDER: dict[str, Json] = {
    "SalesOrderNumber": "F-1",
    "SalesOrderName": "Shop",
    "SalesOrderProcessingStatus": "Confirmed",
    "AreTotalsUpdated": "Yes",
    "OrderingCustomerIsExternallyMaintained": "Yes",
    "InvoiceCustomerIsExternallyMaintained": "Yes",
    "SalesOrderOriginType": "NotSpecified",
    "OrderCreationDateTime": "2026-07-01T08:00:00Z",
    "OrderingCustomerAccountNumber": "C-1",
    "CurrencyCode": "USD",
    "lines": [{**LINE, "AreTotalsCalculated": "Yes", "OrderedSalesQuantity": Decimal(3)}],
}
INVOICE: dict[str, Json] = {
    "InvoiceNumber": "I-1",
    "InvoiceDate": "2026-07-01T12:00:00Z",
    "LedgerVoucher": "V-1",
    "SalesOrderNumber": "ORD-1",
    "InvoiceCustomerAccountNumber": "C-1",
    "CurrencyCode": "USD",
    "TotalInvoiceAmount": Decimal(6),
    "lines": [{**LINE, "InvoicedQuantity": Decimal(3), "LineAmount": Decimal(6)}],
}


def order(known: Known = KNOWN, **parts: Json) -> Verdict:
    """What a sales order of F&O becomes with parts of the map document replaced."""
    of = maps(**parts)
    return OrdersBackMapper(of, CreatedOrders(of)).evaluate(SourceRow("F-1", None, ORDER), known)


def invoice(**parts: Json) -> Verdict:
    """What an invoice of F&O becomes."""
    return InvoiceMapper(maps(**parts)).evaluate(SourceRow("I-1", None, INVOICE), KNOWN)


def mapped(verdict: Verdict) -> Mapped:
    assert isinstance(verdict, Mapped), verdict
    return verdict


def test_a_further_column_of_an_order_and_of_its_lines_is_made_of_a_field_of_finops() -> None:
    own: Json = {"salesorders": {"new_origin": {"type": "text", "length": 20}}}
    verdict = mapped(
        order(
            own_columns=own,
            fields={
                "orders_back": {"new_origin": {"word": "copy", "from": "SalesOrderNumber"}},
                "order_lines_back": {"description": {"word": "constant", "value": "from F&O"}},
            },
        )
    )
    assert verdict.owned["new_origin"] == "F-1"
    assert verdict.lines[1].owned["description"] == "from F&O"


def test_a_further_column_of_an_invoice_and_of_its_lines_is_made_of_a_field_of_finops() -> None:
    own: Json = {"invoices": {"new_voucher": {"type": "text"}}}
    verdict = mapped(
        invoice(
            own_columns=own,
            fields={
                "invoices": {"new_voucher": {"word": "copy", "from": "LedgerVoucher"}},
                "invoice_lines": {"shipto_name": {"word": "copy", "from": "ProductName"}},
            },
        )
    )
    assert verdict.owned["new_voucher"] == "V-1"
    assert verdict.lines[1].owned["shipto_name"] == "Bike"


def test_a_further_column_of_an_order_of_sales_comes_with_its_status() -> None:
    own: Json = {"salesorders": {"new_delivery": {"type": "text"}}}
    fields: Json = {"order_status": {"new_delivery": {"word": "copy", "from": "SalesOrderName"}}}
    verdict = mapped(order(STATUS, own_columns=own, fields=fields))
    assert verdict.route == "status"
    assert verdict.owned == {"msdynce_processingstatus": 647390001, "new_delivery": "Shop"}


@pytest.mark.parametrize("flow", ["ordersback", "invoices"])
def test_the_price_list_of_a_document_is_the_one_that_a_rule_names(flow: str) -> None:
    field = "OrderingCustomerAccountNumber" if flow == "ordersback" else "InvoiceCustomerAccountNumber"
    part, evaluate = ("orders_back", order) if flow == "ordersback" else ("invoices", invoice)
    there: Json = {part: {"pricelevelid": rules((has(field, "C-1"), "Retail"))}}
    elsewhere: Json = {part: {"pricelevelid": rules((has(field, "C-2"), "Retail"))}}
    assert mapped(evaluate(fields=there)).on_create["pricelevelid"] == LATER
    assert mapped(evaluate(fields=elsewhere)).on_create["pricelevelid"] == LIST


@pytest.mark.parametrize("flow", ["ordersback", "invoices"])
def test_the_unit_of_a_line_is_that_of_the_group_that_a_rule_names(flow: str) -> None:
    part, evaluate = ("order_lines_back", order) if flow == "ordersback" else ("invoice_lines", invoice)

    def unit(group: str) -> Json:
        line = mapped(evaluate(fields={part: {"uomid": rules((has("ProductNumber", "P-1"), group))}})).lines[1]
        return {**line.owned, **line.on_create}["uomid"]

    assert (unit("Other"), unit("Default unit")) == (OTHER_EACH, EACH)
    refused = evaluate(fields={part: {"uomid": {"word": "constant", "value": "Gone"}}})
    assert isinstance(refused, Rejected)
    assert refused.cause == "unit_group_unknown"


def test_an_order_that_a_filter_keeps_out_is_filtered_by_the_name_of_the_filter() -> None:
    never: Json = {"ordersback": [{"name": "shops", "keep": has("SalesOrderName", "Office")}]}
    assert order(filters=never) == Filtered("filter.shops", until=(MADE_FROM,))
    assert order(STATUS, filters=never) == Filtered("filter.shops")


def test_an_invoice_that_a_filter_keeps_out_is_filtered_by_the_name_of_the_filter() -> None:
    never: Json = {"invoices": [{"name": "shops", "keep": has("CurrencyCode", "EUR")}]}
    assert invoice(filters=never) == Filtered("filter.shops")


@pytest.mark.parametrize("part", [part for flow in FLOWS for part in flow.ownership])
def test_every_mapping_takes_a_further_field(part: str) -> None:
    (target,) = {t.target_set for flow in FLOWS for t in flow.tables(deployment()) if t.part == part}
    own: Json = {target: {"new_more": {"type": "text"}}}
    more = deployment(own_columns=own, fields={part: {"new_more": {"word": "constant", "value": "A"}}})
    (table,) = (t for flow in FLOWS for t in flow.tables(more) if t.part == part)
    assert "new_more" in table.target_fields
    assert table.value("new_more", {}) == "A"


@pytest.mark.parametrize("flow", FLOWS.names)
def test_every_flow_reads_what_its_filters_judge(flow: str) -> None:
    source = FLOWS[flow].tables(deployment())[0].source_set
    column = next(name for name in shipped()[source].names if shipped()[source].names[name].kind == "text")
    judged = deployment(filters={flow: [{"name": "pilot", "keep": {"column": column, "operator": "filled"}}]})
    assert any(
        column in table.select and table.kept_out({}) == Filtered("filter.pilot")
        for table in FLOWS[flow].tables(judged)
    )


@pytest.mark.parametrize(
    ("choices", "belongs"),
    [
        (InvoiceChoices(), True),
        (InvoiceChoices(since="2026-07-01"), True),
        (InvoiceChoices(since="2026-07-02"), False),
        (InvoiceChoices(linked_only=True), False),
    ],
)
def test_an_invoice_belongs_to_the_first_run_from_a_day_on(choices: InvoiceChoices, belongs: bool) -> None:
    assert InvoiceMapper(maps(), choices).in_scope(SourceRow("I-1", None, INVOICE)) is belongs


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ({"productid": ROW}, {"productid": ROW, "productdescription": "Bike"}, True),
        ({"productid": ROW}, {"productid": MADE_ROW}, False),
        ({"productdescription": "Charges"}, {"productdescription": "Charges"}, True),
        ({"productdescription": "Charges"}, {"productdescription": "Discount"}, False),
        ({"productid": ROW}, {"productdescription": "Charges"}, False),
    ],
)
def test_a_line_of_sales_is_ours_by_its_product_or_by_its_text(
    ours: dict[str, Json], theirs: dict[str, Json], same: bool
) -> None:
    assert InvoiceMapper(maps()).rules.same_line(ours, theirs) is same
