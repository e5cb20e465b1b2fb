"""rules.md, Orders: which orders become sales orders in F&O, and as what."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from shared.errors import SchemaDrift, SettingsInvalid
from shared.flows.orders.mapping import DATE_COLUMNS, TARGET_LINE_SET_V2, OrderChoices
from shared.flows.orders.order_rows import latest_order
from shared.flows.sales_documents.words import RequestedDate
from shared.mapping.addresses import AddressRules
from shared.mapping.date_columns import metadata_of
from shared.mapping.scope import Scope
from shared.mapping.verdicts import Mapped
from shared.records import Json, TargetRow
from tests.support.effort import calls_of
from tests.unit.mapping.orders import (
    ACTIVE,
    CONFIRMED,
    DRAFT,
    ID,
    NUMBER,
    OF_QUOTE,
    QUOTE,
    filtered,
    header,
    known,
    line,
    linked,
    mapped,
    mapped_line,
    mapper,
    order,
    rejected,
)
from tests.unit.mapping.quotes import CONTACT, OF_ACCOUNT, OF_CONTACT

ZURICH = OrderChoices(zone=ZoneInfo("Europe/Zurich"))
OF_A_QUOTE: dict[str, Json] = {"quoteid": {"quotenumber": QUOTE}}


# Which orders


def test_a_sales_order_has_the_number_of_its_order() -> None:
    assert mapped(order()).key == NUMBER


@pytest.mark.parametrize("status", [DRAFT, None])
def test_an_order_that_is_not_activated_is_filtered(status: int | None) -> None:
    assert filtered(order(header(msdynce_processingstatus=status))) == "draft"


def test_the_state_of_an_order_says_nothing_about_its_activation() -> None:
    assert "statecode" not in mapper().header_select


def test_an_order_that_finops_has_processed_already_is_not_asked_to_be_activated() -> None:
    assert filtered(order(header(msdynce_processingstatus=CONFIRMED))) == "processed"


@pytest.mark.parametrize("status", [DRAFT, ACTIVE, CONFIRMED])
def test_an_order_that_was_created_in_finops_is_filtered(status: int) -> None:
    from_finops = header(msdynce_ismaintainedexternally=True, msdynce_processingstatus=status)
    assert filtered(order(from_finops)) == "came_from_finops"


def test_an_order_of_before_the_solution_is_judged_by_its_products() -> None:
    of_before = header(msdynce_ismaintainedexternally=None, msdynce_hasexternallymaintainedproductsonly=None)
    assert isinstance(mapped(order(of_before)), Mapped)


def test_an_order_with_a_product_of_sales_is_filtered() -> None:
    assert filtered(order(header(line(1), line(2, external=False)))) == "own_product"
    assert filtered(order(header(msdynce_hasexternallymaintainedproductsonly=False))) == "own_product"


@pytest.mark.parametrize("values", [{"isproductoverridden": True}, {"productid": None}])
def test_an_order_with_a_write_in_line_is_filtered(values: dict[str, Json]) -> None:
    assert filtered(order(header(line(1), line(2, **values)))) == "write_in_line"


def test_an_order_without_lines_is_filtered() -> None:
    assert filtered(order(header(lines=[]))) == "no_lines"


@pytest.mark.parametrize("column", ["discountamount", "discountpercentage"])
def test_an_order_with_a_header_discount_is_filtered(column: str) -> None:
    assert filtered(order(header(**{column: Decimal("0.01"), "lines": None}))) == "header_discount"


@pytest.mark.parametrize("mark", [False, None])
def test_an_order_waits_for_the_mark_on_its_last_line(mark: bool | None) -> None:
    activating = order(header(line(1), line(2, msdynce_orderissubmitted=mark)))
    assert filtered(activating) == "activation_incomplete"
    assert isinstance(mapped(order(header(line(1), line(2)))), Mapped)


def test_what_keeps_an_order_off_for_good_is_told_before_what_is_a_matter_of_seconds() -> None:
    assert filtered(order(header(line(msdynce_orderissubmitted=False, external=False)))) == "own_product"


def test_lines_are_read_only_where_they_matter() -> None:
    reads = mapper().reads_lines_of
    assert reads(header())
    assert not reads(header(msdynce_processingstatus=DRAFT))
    assert not reads(header(msdynce_ismaintainedexternally=True))
    assert not reads(header(discountamount=Decimal(5)))


def test_two_activated_orders_of_one_number_are_refused() -> None:
    refused = rejected(order(header(salesorderid="b"), header(salesorderid="a")))
    assert refused.cause == "number_ambiguous"
    assert refused.message.endswith("'Bikes' (a), 'Bikes' (b)")


def test_a_draft_that_has_the_number_of_an_activated_order_does_not_count() -> None:
    draft = header(salesorderid="a", name="Draft", msdynce_processingstatus=DRAFT)
    both = order(draft, header())
    assert mapped(both).on_create["SalesOrderName"] == "Bikes"
    assert latest_order(both) == ID
    assert latest_order(order(draft)) == "a"


# An order that is in F&O


@pytest.mark.parametrize(
    "values",
    [
        {"msdynce_processingstatus": CONFIRMED},
        {"msdynce_processingstatus": DRAFT},
        {"msdynce_ismaintainedexternally": True},
        {"discountamount": Decimal(1)},
        {"customerid_account": None},
        {"lines": None},
    ],
)
def test_an_order_that_is_in_finops_stays_there_whatever_becomes_of_it_in_sales(values: dict[str, Json]) -> None:
    there = mapped(order(header(**values)), of=linked())
    assert (there.key, dict(there.owned), dict(there.on_create), dict(there.lines)) == (NUMBER, {}, {}, {})
    assert (there.parents, there.numbers, there.revisions) == ((), {1: "a.b"}, {ID: 0})


def test_an_order_that_was_linked_by_hand_is_the_one_that_has_the_number() -> None:
    by_hand = replace(known(), route="order")
    assert mapped(order(header(msdynce_processingstatus=CONFIRMED)), of=by_hand).revisions == {ID: 0}


def test_a_second_order_with_the_number_of_one_that_is_in_finops_is_refused() -> None:
    assert rejected(order(header(), header(salesorderid="a")), of=linked()).cause == "number_ambiguous"
    draft = header(salesorderid="a", msdynce_processingstatus=DRAFT)
    assert mapped(order(header(), draft), of=linked()).revisions == {ID: 0}


def test_an_order_that_only_has_the_number_of_a_deleted_one_is_another_order() -> None:
    another = mapped(order(), of=linked("former"))
    assert another.reused is not None
    assert another.reused.cause == "number_reused"
    assert {"former", ID} <= set(re.findall(r"[\w-]+", another.reused.message))
    assert mapped(order()).reused is None


# The header


def test_the_customer_is_the_one_under_which_the_account_or_contact_is_linked() -> None:
    of_contact = order(header(customerid_account=None, customerid_contact={"contactid": CONTACT}))
    assert mapped(order()).on_create["OrderingCustomerAccountNumber"] == "ACC-1"
    assert mapped(of_contact).on_create["OrderingCustomerAccountNumber"] == "CON-1"
    assert mapped(of_contact).parents == mapper().parents(of_contact) == (OF_CONTACT,)


def test_an_order_without_customer_is_refused() -> None:
    assert rejected(order(header(customerid_account=None))).cause == "customer_missing"


def test_an_order_waits_for_its_quotation_and_names_it() -> None:
    of_quote = order(header(**OF_A_QUOTE))
    sales_order = mapped(of_quote)
    assert sales_order.parents == mapper().parents(of_quote) == (OF_ACCOUNT, OF_QUOTE)
    assert sales_order.on_create["QuotationNumber"] == QUOTE


def test_a_quotation_that_is_not_for_finops_keeps_no_order_off() -> None:
    (_, quotation) = mapper().parents(order(header(**OF_A_QUOTE)))
    assert quotation.optional
    without = replace(known(), keys={OF_ACCOUNT: "ACC-1"})
    assert mapped(order(header(**OF_A_QUOTE)), of=without).on_create["QuotationNumber"] is None


def test_an_order_does_not_wait_for_a_quotation_that_the_document_leaves_out() -> None:
    without = mapper(fields={"orders": {"QuotationNumber": "off"}})
    assert mapped(order(header(**OF_A_QUOTE)), without).parents == (OF_ACCOUNT,)
    assert "quoteid" not in without.header_expand


def test_an_order_that_is_not_activated_has_no_parents() -> None:
    assert mapper().parents(order(header(msdynce_processingstatus=DRAFT))) == ()


def test_the_sales_origin_is_sent_by_setting_only() -> None:
    assert "SalesOrderOriginCode" not in mapped(order()).on_create
    assert mapped(order(), mapper(OrderChoices(origin="P2C"))).on_create["SalesOrderOriginCode"] == "P2C"


def test_the_header_has_currency_name_site_warehouse_and_email() -> None:
    sent = mapped(order(header(emailaddress="a@b.example"))).on_create
    assert {name: value for name, value in sent.items() if value is not None} == {
        "SalesOrderName": "Bikes",
        "OrderingCustomerAccountNumber": "ACC-1",
        "CurrencyCode": "USD",
        "ArePricesIncludingSalesTax": "No",
        "DefaultShippingSiteId": "1",
        "DefaultShippingWarehouseId": "13",
        "Email": "a@b.example",
    }


def test_the_shipping_address_goes_as_a_whole_block() -> None:
    shipped = header(shipto_line1="1 Way", shipto_city="Seattle", shipto_country="united states", shipto_name="Dock")
    sent = mapped(order(shipped)).on_create
    assert {name: value for name, value in sent.items() if name.startswith("DeliveryAddress") and value} == {
        "DeliveryAddressName": "Dock",
        "DeliveryAddressStreet": "1 Way",
        "DeliveryAddressCity": "Seattle",
        "DeliveryAddressCountryRegionISOCode": "US",
    }


@pytest.mark.parametrize(
    ("requested", "field"),
    [(RequestedDate.SHIPPING, "RequestedShippingDate"), (RequestedDate.RECEIPT, "RequestedReceiptDate")],
)
def test_the_requested_date_is_the_day_of_the_user_in_header_and_lines(requested: RequestedDate, field: str) -> None:
    mapping = mapper(replace(ZURICH, requested_date=requested))
    day = {"requestdeliveryby": "2026-07-13T22:00:00Z"}
    sent = mapped(order(header(line(**day), **day)), mapping)
    assert sent.on_create[field] == sent.lines[1].on_create[field] == "2026-07-14T12:00:00Z"


def test_a_date_column_of_which_metadata_tells_nothing_is_schema_drift() -> None:
    silent = replace(known(), references={metadata_of("salesorder"): (), metadata_of("salesorderdetail"): ()})
    with pytest.raises(SchemaDrift, match="requestdeliveryby"):
        mapper().evaluate(order(), silent)


@pytest.mark.parametrize(("number", "cause"), [("O" * 21, "number_too_long"), (" ", "number_missing")])
def test_a_number_that_finops_cannot_hold_is_refused(number: str, cause: str) -> None:
    assert rejected(order(header(ordernumber=number))).cause == cause
    assert mapped(order(header(ordernumber="O" * 20))).key == "O" * 20


# Lines


def test_a_line_has_product_unit_quantity_price_site_and_warehouse() -> None:
    sent = mapped_line(manualdiscountamount=Decimal(10)).on_create
    assert {name: value for name, value in sent.items() if value is not None} == {
        "ProductNumber": "D0001",
        "SalesUnitSymbol": "PC",
        "OrderedSalesQuantity": 3,
        "SalesPrice": 100,
        "SalesPriceQuantity": 1,
        "LineDiscountAmount": Decimal("3.3333"),
        "FixedPriceCharges": Decimal("-0.0001"),
        "LineDiscountPercentage": 0,
        "MultilineDiscountAmount": 0,
        "MultilineDiscountPercentage": 0,
        "ShippingSiteId": "1",
        "ShippingWarehouseId": "13",
    }


def test_a_line_is_refused_by_its_number_in_sales() -> None:
    refused = rejected(order(header(line(1), line(7, uomid={"name": "Barrel"}))))
    assert (refused.cause, refused.message.partition(":")[0]) == ("unit_unknown", "line 7")


def test_the_lines_are_numbered_as_in_sales_and_the_numbers_are_reported() -> None:
    sales_order = mapped(order(header(line(3), line(5))))
    assert [*sales_order.lines] == [*sales_order.numbers] == [3, 5]


def test_either_collection_of_lines_has_the_same_lines() -> None:
    v2 = mapper(OrderChoices(line_set=TARGET_LINE_SET_V2))
    assert v2.line_fields == mapper().line_fields
    assert mapped(order(), v2).lines == mapped(order()).lines


# Everything once


def test_everything_is_sent_at_creation_only() -> None:
    sales_order = mapped(order())
    assert not sales_order.owned
    assert not [line for line in sales_order.lines.values() if line.owned]


@pytest.mark.parametrize("part", ["orders", "order_lines"])
def test_a_document_that_would_keep_a_field_of_an_order_equal_is_refused(part: str) -> None:
    field = {"orders": "Email", "order_lines": "SalesPrice"}[part]
    with pytest.raises(SettingsInvalid, match=rf"fields\.{part}\.{field} is owned"):
        mapper(fields={part: {field: "owned"}})


def test_a_field_of_an_order_may_be_left_out() -> None:
    without = mapper(fields={"orders": {"Email": "off"}, "order_lines": {"ShippingSiteId": "off"}})
    assert "Email" not in without.header_fields
    assert "ShippingSiteId" not in mapped(order(), without).lines[1].on_create


@pytest.mark.parametrize("part", ["orders", "order_lines"])
def test_a_misspelled_field_of_the_document_is_refused(part: str) -> None:
    with pytest.raises(SettingsInvalid, match="SalesPrise"):
        mapper(fields={part: {"SalesPrise": "off"}})


def test_no_order_in_finops_forbids_or_needs_a_change() -> None:
    rules = mapper().rules
    assert rules.ended() == {}
    assert rules.refusal(TargetRow({}), ()) is None


def test_the_scope_of_the_first_run_goes_by_the_last_change() -> None:
    since = mapper(OrderChoices(scope=Scope(since=date(2026, 7, 1))))
    assert since.in_scope(order(header(modifiedon="2026-07-01T00:00:00Z")))
    assert not since.in_scope(order(header(modifiedon="2026-06-30T23:59:59Z")))


@pytest.mark.parametrize(
    "choices",
    [
        OrderChoices(origin="P2C"),
        OrderChoices(line_set=TARGET_LINE_SET_V2),
        OrderChoices(requested_date=RequestedDate.RECEIPT),
        ZURICH,
        OrderChoices(adopt_existing=True),
        OrderChoices(addresses=AddressRules(street_number=True)),
    ],
)
def test_every_choice_changes_the_fingerprint(choices: OrderChoices) -> None:
    assert mapper(choices).fingerprint != mapper().fingerprint


def test_a_column_of_another_type_is_schema_drift_in_headers_and_lines() -> None:
    with pytest.raises(SchemaDrift, match="msdynce_processingstatus"):
        mapper().evaluate(order(header(msdynce_processingstatus="Active")), known())
    with pytest.raises(SchemaDrift, match="msdynce_orderissubmitted"):
        mapper().evaluate(order(header(line(msdynce_orderissubmitted="Yes"))), known())


def test_the_effort_of_mapping_grows_with_the_lines_and_no_faster() -> None:
    mapping = mapper()
    few, many = (order(header(*map(line, range(1, count + 1)))) for count in (50, 500))
    effort = calls_of(lambda: mapped(few, mapping))
    assert calls_of(lambda: mapped(many, mapping)) < 11 * effort


def test_the_behaviour_of_the_date_columns_is_part_of_what_is_looked_up() -> None:
    basis = mapper().basis(known().references, known().now)
    assert basis == {table: {"requestdeliveryby": "UserLocal"} for table in DATE_COLUMNS}
