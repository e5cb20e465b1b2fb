"""What the map document may decide about orders and invoices of F&O: further columns of headers and lines, rules for
price list and unit group, and filters."""

from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from shared.flows.finops_documents.references import DocumentReferences, numbered
from shared.flows.finops_documents.words import (
    CURRENCY_DECIMALS,
    amount,
    amount_from_zero,
    option,
    sales_day,
    text_without,
    whether,
)
from shared.flows.invoices.mapping import InvoiceChoices, InvoiceMapper
from shared.flows.ordersback.created import DATE_COLUMNS, CreatedOrders
from shared.flows.ordersback.mapping import OrdersBackMapper
from shared.flows.registry import FLOWS
from shared.mapping.date_columns import behavior_name
from shared.mapping.names import shipped
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.mapping.words import Line, Unmappable
from shared.records import Json, References, SourceRow, Values, fold
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
    usual = deployment()
    (target,) = {t.target_set for flow in FLOWS for t in flow.tables(usual) if t.part == part}
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


def of_line(**columns: Json) -> dict[str, Json]:
    """The words of a mapping read a line with these columns."""
    return {CURRENCY_DECIMALS: 2, **columns}


@pytest.mark.parametrize(
    ("word", "given", "expected"),
    [
        (amount("a", "b"), {"a": Decimal("1.005")}, Decimal("1.01")),
        (amount("a", "b"), {"a": Decimal("-1.005")}, Decimal("-1.01")),
        (amount("a", "b"), {"a": None}, 0),
        (amount("a", "b"), {"a": 7, CURRENCY_DECIMALS: None}, None),
        (amount_from_zero("a", "b"), {"a": Decimal("0.005")}, Decimal("0.01")),
        (amount_from_zero("a", "b"), {"a": Decimal("-0.01")}, 0),
        (amount_from_zero("a", "b"), {"a": 0}, 0),
        (amount_from_zero("a", "b"), {"a": 7, CURRENCY_DECIMALS: None}, None),
        (whether("a", "b", "whether", when_blank=True), {"a": " "}, True),
        (whether("a", "b", "whether", when_blank=True), {"a": "x"}, False),
        (whether("a", "b", "whether", when_blank=False), {"a": " "}, False),
        (whether("a", "b", "whether", when_blank=False), {"a": "x"}, True),
        (text_without("o", "a", "b", "text"), {"o": None, "a": "x"}, "x"),
        (text_without("o", "a", "b", "text"), {"o": " ", "a": "x"}, "x"),
        (text_without("o", "a", "b", "text"), {"o": "y", "a": "x"}, None),
        (option("b", 5), {}, 5),
    ],
)
def test_a_word_of_these_documents_makes_of_a_row_what_it_says(
    word: Line, given: dict[str, Json], expected: Json
) -> None:
    assert word.values(of_line(**given), maps()) == {"b": expected}


def test_what_is_only_sent_at_creation_and_what_is_kept_equal() -> None:
    words = (amount("a", "b"), text_without("o", "a", "b", ""), option("b", 5), whether("a", "b", "", when_blank=True))
    assert [word.field.ownership for word in words] == ["owned", "owned", "on_create", "on_create"]
    assert [word.field.empty for word in words] == [None, None, None, False]


@pytest.mark.parametrize(
    ("day", "behavior", "expected"),
    [
        ("2026-07-14T12:00:00Z", None, "2026-07-13T22:00:00Z"),
        ("2026-07-14T12:00:00Z", "DateOnly", "2026-07-14"),
        ("2026-07-14T12:00:00Z", "TimeZoneIndependent", "2026-07-14T00:00:00Z"),
        ("1900-01-02T12:00:00Z", "DateOnly", "1900-01-02"),
        ("1900-01-01T12:00:00Z", "DateOnly", None),
        ("1900-01-01T00:00:00Z", None, None),
        ("", "DateOnly", None),
    ],
)
def test_a_day_of_finops_is_held_as_its_column_behaves_and_its_empty_day_is_blank(
    day: str, behavior: str | None, expected: str | None
) -> None:
    row: dict[str, Json] = {"a": day, **({} if behavior is None else {behavior_name("b"): behavior})}
    assert sales_day("a", "b", ZoneInfo("Europe/Zurich")).values(row, maps()) == {"b": expected}


@pytest.mark.parametrize(
    ("row", "decimals"),
    [
        ({"currencyprecision": 0}, 0),
        ({"currencyprecision": 3}, 3),
        ({"currencyprecision": None}, 2),
        ({"currencyprecision": 3, "transactioncurrencyid": ROW}, 2),
    ],
    ids=["none", "three", "not told", "of another currency"],
)
def test_amounts_have_the_decimals_of_their_currency_in_sales_and_two_where_it_says_none(
    row: dict[str, Json], decimals: int
) -> None:
    first = {**currency_row(), "transactioncurrencyid": MADE_ROW, "isocurrencycode": "EUR", "currencyprecision": 4}
    us = currency_row()
    told = [{**us, **row}] if "transactioncurrencyid" not in row else [us, {**us, **row, "isocurrencycode": "CHF"}]
    known = replace(KNOWN, references={**REFERENCES, "transactioncurrencies": (first, *told)})
    found = DocumentReferences(maps(), ZoneInfo("UTC"), "OrderingCustomerAccountNumber").of_header(ORDER, known, None)
    assert found[CURRENCY_DECIMALS] == decimals


@pytest.mark.parametrize(("flow", "column"), [("accounts", "=customerid_account"), ("contacts", "=customerid_contact")])
def test_the_customer_of_a_document_is_the_account_or_the_contact_that_it_was_made_from(flow: str, column: str) -> None:
    of = DocumentReferences(maps(), ZoneInfo("UTC"), "OrderingCustomerAccountNumber")
    found = of.of_header(ORDER, replace(KNOWN, flows={CUSTOMER: flow}), None)
    assert {name: found[name] for name in ("=customerid_account", "=customerid_contact")} == {
        "=customerid_account": None, "=customerid_contact": None, column: ROW,
    }  # fmt: skip
    with pytest.raises(Unmappable, match="OrderingCustomerAccountNumber is blank, and Sales needs a customer"):
        of.of_header({**ORDER, "OrderingCustomerAccountNumber": " "}, KNOWN, None)


def test_a_document_waits_for_its_customer_and_for_each_product_once() -> None:
    lines: list[Json] = [{"ProductNumber": number} for number in ("P-1", " ", "P-2 ", "P-1", None)]
    found = DocumentReferences(maps(), ZoneInfo("UTC"), "C").parents({"C": " C-1", "lines": lines})
    assert [(parent.flow, parent.id) for parent in found] == [
        ("CustomersV3", fold("C-1")), ("products", fold("P-1")), ("products", fold("P-2")),
    ]  # fmt: skip
    assert DocumentReferences(maps(), ZoneInfo("UTC"), "C").parents({"C": None, "lines": None}) == ()


def test_the_tax_of_no_line_is_a_line_before_the_others() -> None:
    lines: list[Values] = [{"LineCreationSequenceNumber": 2}, {"LineCreationSequenceNumber": 1}]
    assert [number for number, _ in numbered(lines, Decimal("0.01"), {})] == [0, 2, 1]
    assert numbered([], Decimal(5), {"Tax": 5})[0][1] == {
        "LineCreationSequenceNumber": 0, "ProductName": "Freight Tax", "=is tax": "yes", "Tax": 5,
    }  # fmt: skip
    assert [number for number, _ in numbered(lines, Decimal(0), {})] == [2, 1]


RULES = InvoiceMapper(maps()).rules


@pytest.mark.parametrize(
    ("name", "written"), [("quantity", True), ("productdescription", True), ("exchangerate", False)]
)
def test_a_column_of_a_line_is_one_that_the_mapping_writes_or_not(name: str, written: bool) -> None:
    assert RULES.writes_on_line(name) is written


def test_lines_are_compared_after_the_normalisation_of_the_target_and_emptied_by_their_own_values() -> None:
    assert RULES.agree_on_line("quantity", Decimal(3), Decimal("3.00"))
    assert not RULES.agree_on_line("quantity", Decimal(3), Decimal(4))
    assert RULES.empty_line("productdescription") is None


def test_what_sales_may_have_by_now_is_looked_up_again_before_it_is_refused() -> None:
    of = maps()
    strange = {**ORDER, "CurrencyCode": "CHF"}
    order_of = OrdersBackMapper(of, CreatedOrders(of)).evaluate(SourceRow("F-1", None, strange), KNOWN)
    invoice_of = InvoiceMapper(of).evaluate(SourceRow("I-1", None, {**INVOICE, "CurrencyCode": "CHF"}), KNOWN)
    for verdict in (order_of, invoice_of):
        assert isinstance(verdict, Rejected)
        assert (verdict.cause, verdict.looked_up) == ("currency_unknown", True)
