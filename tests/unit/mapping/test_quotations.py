"""rules.md, Quotes: which quotes become quotations, and as what."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from shared.errors import SchemaDrift, SettingsInvalid
from shared.flows.quotations.mapping import DATE_COLUMNS, QuotationChoices
from shared.flows.quotations.rules import QuotationStatus
from shared.flows.sales_documents.words import RequestedDate
from shared.mapping.addresses import AddressRules
from shared.mapping.date_columns import metadata_of
from shared.mapping.scope import Scope
from shared.mapping.verdicts import Filtered, Mapped
from shared.records import Json, SourceRow, TargetRow
from tests.support.clock import START
from tests.support.effort import calls_of
from tests.unit.mapping.quotes import (
    CLOSED,
    CONTACT,
    DRAFT,
    NUMBER,
    OF_ACCOUNT,
    OF_CONTACT,
    WON,
    filtered,
    header,
    known,
    line,
    mapped,
    mapped_line,
    mapper,
    quote,
    rejected,
)
from tests.unit.mapping.samples import metadata

ZURICH = QuotationChoices(zone=ZoneInfo("Europe/Zurich"))
SHIP_TO: dict[str, Json] = {
    "shipto_line1": "1 Way",
    "shipto_line2": "Hall 2",
    "shipto_city": "Seattle",
    "shipto_stateorprovince": "Washington",
    "shipto_postalcode": "98052",
    "shipto_country": "united states",
}


# Which revision


def test_a_quotation_has_the_number_of_its_quote() -> None:
    assert mapped(quote()).key == NUMBER


def test_the_highest_active_revision_wins() -> None:
    revisions = [header(revisionnumber=number, name=f"Revision {number}") for number in (1, 3, 2)]
    newer_draft = header(revisionnumber=4, statecode=DRAFT, statuscode=1)
    assert mapped(quote(*revisions, newer_draft)).owned["SalesQuotationName"] == "Revision 3"


@pytest.mark.parametrize(
    ("state", "reason", "rule"),
    [
        (DRAFT, 1, "draft"),
        (WON, 4, "won"),
        (CLOSED, 5, "lost"),
        (CLOSED, 6, "canceled"),
        (CLOSED, 7, "revised"),
        (CLOSED, 647390000, "submitted"),
        (CLOSED, 99, "closed"),
    ],
)
def test_a_quote_without_active_revision_has_come_to_its_end(state: int, reason: int, rule: str) -> None:
    assert filtered(quote(header(statecode=state, statuscode=reason))) == Filtered(rule, ends=True)


def test_the_best_reason_of_all_revisions_is_reported() -> None:
    revised, lost = header(statecode=CLOSED, statuscode=7), header(statecode=CLOSED, statuscode=5)
    won, draft = header(statecode=WON, statuscode=4), header(statecode=DRAFT, statuscode=1)
    assert filtered(quote(revised, lost)).rule == "lost"
    assert filtered(quote(revised, lost, won)).rule == "won"
    assert filtered(quote(revised, lost, won, draft)).rule == "draft"


def test_two_active_quotes_of_the_same_number_and_revision_are_refused() -> None:
    refused = rejected(quote(header(quoteid="b"), header(quoteid="a")))
    assert refused.cause == "number_ambiguous"
    assert refused.message.endswith("of revision 0: 'Bikes' (a), 'Bikes' (b)")


# Filters


def test_a_quote_with_a_product_of_sales_is_filtered() -> None:
    assert filtered(quote(header(line(1), line(2, external=False)))) == Filtered("own_product")
    assert filtered(quote(header(line(external=None)))) == Filtered("own_product")


def test_a_quote_that_sales_marks_as_having_own_products_is_filtered() -> None:
    assert filtered(quote(header(msdynce_hasexternallymaintainedproductsonly=False))) == Filtered("own_product")


def test_a_quote_of_before_the_solution_is_judged_by_its_products() -> None:
    assert isinstance(mapped(quote(header(msdynce_hasexternallymaintainedproductsonly=None))), Mapped)


@pytest.mark.parametrize("values", [{"isproductoverridden": True}, {"productid": None}])
def test_a_quote_with_a_write_in_line_is_filtered(values: dict[str, Json]) -> None:
    marked = header(line(1), line(2, **values), msdynce_hasexternallymaintainedproductsonly=False)
    assert filtered(quote(marked)) == Filtered("write_in_line")


def test_a_quote_without_lines_is_filtered() -> None:
    assert filtered(quote(header(lines=[]))) == Filtered("no_lines")


@pytest.mark.parametrize("column", ["discountamount", "discountpercentage"])
def test_a_quote_with_a_header_discount_is_filtered(column: str) -> None:
    discounted = header(**{column: Decimal("0.01"), "lines": None})
    assert filtered(quote(discounted)) == Filtered("header_discount")
    assert isinstance(mapped(quote(header(**{column: Decimal("0.0000")}))), Mapped)


def test_lines_are_read_only_where_they_matter() -> None:
    reads = mapper().reads_lines_of
    assert reads(header())
    assert not reads(header(statecode=WON))
    assert not reads(header(discountamount=Decimal(5)))
    assert reads(header(msdynce_hasexternallymaintainedproductsonly=False))


def test_lookups_are_read_by_expanding_them() -> None:
    mapping = mapper()
    assert mapping.header_expand == {
        "customerid_account": ("accountid",),
        "customerid_contact": ("contactid",),
        "transactioncurrencyid": ("isocurrencycode",),
    }
    assert mapping.line_expand == {
        "productid": ("productnumber", "msdynce_ismaintainedexternally", "producttypecode"),
        "uomid": ("name",),
    }
    assert not [name for name in (*mapping.header_select, *mapping.line_select) if "." in name]


# The header


def test_the_customer_is_the_one_under_which_the_account_is_linked() -> None:
    quotation = mapped(quote())
    assert quotation.owned["RequestingCustomerAccountNumber"] == "ACC-1"
    assert quotation.parents == mapper().parents(quote()) == (OF_ACCOUNT,)


def test_a_contact_that_buys_is_a_customer_too() -> None:
    of_contact = quote(header(customerid_account=None, customerid_contact={"contactid": CONTACT}))
    quotation = mapped(of_contact)
    assert quotation.owned["RequestingCustomerAccountNumber"] == "CON-1"
    assert quotation.parents == mapper().parents(of_contact) == (OF_CONTACT,)


def test_a_customer_that_is_not_linked_yet_is_named_as_the_parent_to_wait_for() -> None:
    verdict = mapper().evaluate(quote(), replace(known(), keys={}))
    assert isinstance(verdict, Mapped)
    assert (verdict.parents, verdict.owned["RequestingCustomerAccountNumber"]) == ((OF_ACCOUNT,), None)


def test_a_quote_without_customer_is_refused() -> None:
    alone = quote(header(customerid_account=None))
    assert rejected(alone).cause == "customer_missing"
    assert mapper().parents(alone) == ()


def test_a_quote_that_is_not_active_has_no_parents() -> None:
    assert mapper().parents(quote(header(statecode=DRAFT))) == ()


def test_prices_never_include_sales_tax() -> None:
    assert mapped(quote()).owned["ArePricesIncludingSalesTax"] == "No"


def test_site_and_warehouse_are_sent_at_creation_only() -> None:
    assert mapped(quote()).on_create == {"DefaultShippingSiteId": "1", "DefaultShippingWarehouseId": "13"}


def test_the_currency_is_the_one_of_the_value_map() -> None:
    euro = quote(header(transactioncurrencyid={"isocurrencycode": "EUR"}))
    assert mapped(euro).owned["CurrencyCode"] == "EUR"
    assert mapped(euro, mapper(currencies={"EUR": "EUO"})).owned["CurrencyCode"] == "EUO"
    assert rejected(euro, mapper(currencies={"USD": "USD"})).cause == "currency_unknown"


def test_the_shipping_address_goes_as_a_whole_block() -> None:
    sent = mapped(quote(header(**SHIP_TO, shipto_name="Dock"))).owned
    assert {name: value for name, value in sent.items() if name.startswith("DeliveryAddress")} == {
        "DeliveryAddressName": "Dock",
        "DeliveryAddressStreet": "1 Way\nHall 2",
        "DeliveryAddressCity": "Seattle",
        "DeliveryAddressStateId": "WA",
        "DeliveryAddressZipCode": "98052",
        "DeliveryAddressCountryRegionISOCode": "US",
    }


def test_a_blank_shipping_address_is_not_sent() -> None:
    sent = mapped(quote()).owned
    assert {sent[name] for name in sent if name.startswith("DeliveryAddress")} == {None}


def test_an_unknown_country_is_refused() -> None:
    assert rejected(quote(header(shipto_country="Atlantis"))).cause == "country_unknown"


def test_an_unknown_state_is_refused_or_left_out_by_setting() -> None:
    odd = quote(header(**{**SHIP_TO, "shipto_stateorprovince": "Nowhere"}))
    lenient = QuotationChoices(addresses=AddressRules(leave_unknown_state_out=True))
    assert rejected(odd).cause == "state_unknown"
    assert mapped(odd, mapper(lenient)).owned["DeliveryAddressStateId"] is None


def test_the_street_number_is_carried_by_setting_only() -> None:
    sent = mapped(quote(header(**SHIP_TO)), mapper(QuotationChoices(addresses=AddressRules(street_number=True)))).owned
    assert (sent["DeliveryAddressStreet"], sent["DeliveryAddressStreetNumber"]) == ("1 Way", "Hall 2")


def test_the_county_setting_of_accounts_adds_nothing_to_a_quote() -> None:
    county = mapper(QuotationChoices(addresses=AddressRules(county=True)))
    assert not [name for name in county.header_fields if "County" in name]


# Dates


def test_a_requested_date_is_the_day_of_the_user_who_saved_it() -> None:
    asked = quote(header(requestdeliveryby="2026-07-13T22:00:00Z"))
    assert mapped(asked, mapper(ZURICH)).owned["RequestedShippingDate"] == "2026-07-14T12:00:00Z"


def test_the_requested_date_is_a_receipt_date_by_setting() -> None:
    asked = quote(header(line(requestdeliveryby="2026-07-14T00:00:00Z"), requestdeliveryby="2026-07-15T00:00:00Z"))
    quotation = mapped(asked, mapper(QuotationChoices(requested_date=RequestedDate.RECEIPT)))
    assert quotation.owned["ReceiptDateRequested"] == "2026-07-15T12:00:00Z"
    assert quotation.lines[1].owned["RequestedReceiptDate"] == "2026-07-14T12:00:00Z"
    assert "RequestedShippingDate" not in {*quotation.owned, *quotation.lines[1].owned}


def test_without_a_requested_date_it_is_left_out() -> None:
    quotation = mapped(quote())
    assert quotation.owned["RequestedShippingDate"] is None
    assert quotation.lines[1].owned["RequestedShippingDate"] is None


def test_a_quote_expires_on_its_day_whatever_the_time_zone() -> None:
    far_east = mapper(QuotationChoices(zone=ZoneInfo("Pacific/Kiritimati")))
    both = quote(header(expireson="2026-08-31", effectiveto="2026-07-13T22:00:00Z"))
    assert mapped(both, far_east).owned["SalesQuotationExpiryDate"] == "2026-08-31T12:00:00Z"


def test_without_a_day_of_expiry_it_is_the_last_day_that_the_quote_is_effective() -> None:
    effective = quote(header(effectiveto="2026-07-13T22:00:00Z"))
    assert mapped(effective, mapper(ZURICH)).owned["SalesQuotationExpiryDate"] == "2026-07-14T12:00:00Z"
    assert mapped(quote()).owned["SalesQuotationExpiryDate"] is None


@pytest.mark.parametrize(
    ("behavior", "day"),
    [("UserLocal", "2026-07-14"), ("DateOnly", "2026-07-13"), ("TimeZoneIndependent", "2026-07-13")],
)
def test_the_day_is_that_of_the_columns_behaviour_in_header_and_line(behavior: str, day: str) -> None:
    asked = {"requestdeliveryby": "2026-07-13T22:00:00Z"}
    told = metadata(DATE_COLUMNS, requestdeliveryby=behavior)
    verdict = mapper(ZURICH).evaluate(quote(header(line(**asked), **asked)), replace(known(), references=told))
    assert isinstance(verdict, Mapped)
    sent = (verdict.owned["RequestedShippingDate"], verdict.lines[1].owned["RequestedShippingDate"])
    assert sent == (f"{day}T12:00:00Z", f"{day}T12:00:00Z")


def test_a_date_column_of_which_metadata_tells_nothing_is_schema_drift() -> None:
    untold = {**metadata(DATE_COLUMNS), metadata_of("quotedetail"): ()}
    with pytest.raises(SchemaDrift, match="metadata of quotedetail does not say how requestdeliveryby behaves"):
        mapper().evaluate(quote(), replace(known(), references=untold))


def test_the_behaviour_of_a_date_column_is_part_of_what_is_looked_up() -> None:
    delivered, changed = metadata(DATE_COLUMNS), metadata(DATE_COLUMNS, effectiveto="DateOnly")
    further = {place: (*rows, {"LogicalName": "createdon"}) for place, rows in delivered.items()}
    assert mapper().basis(delivered, START) == mapper().basis(further, START) != mapper().basis(changed, START)


@pytest.mark.parametrize("column", ["expireson", "effectiveto", "requestdeliveryby"])
@pytest.mark.parametrize("day", ["1899-12-31", "1900-01-01", "2155-01-01", "9999-12-31"])
def test_a_day_that_finops_cannot_hold_is_refused_with_its_column(column: str, day: str) -> None:
    refused = rejected(quote(header(**{column: f"{day}T00:00:00Z"})))
    assert refused.cause == "date_out_of_range"
    assert refused.message == f"{column} is {day}; F&O holds the days from 1900-01-02 to 2154-12-31"


def test_a_day_of_a_line_that_finops_cannot_hold_is_refused_with_the_line() -> None:
    refused = rejected(quote(header(line(7, requestdeliveryby="2155-01-01T00:00:00Z"))))
    assert refused.message.startswith("line 7: requestdeliveryby is 2155-01-01; F&O holds")


@pytest.mark.parametrize("column", ["expireson", "effectiveto", "requestdeliveryby"])
def test_what_is_no_date_is_refused(column: str) -> None:
    refused = rejected(quote(header(**{column: "soon"})))
    assert refused.cause == "date_invalid"
    assert column in refused.message


# Numbers of quotes


def test_a_number_that_finops_cannot_hold_is_refused() -> None:
    refused = rejected(quote(header(quotenumber="Q" * 21)))
    assert refused.cause == "number_too_long"
    assert "has 21 characters (UTF-16 units: an emoji counts two); SalesQuotationNumber takes 20" in refused.message
    assert mapped(quote(header(quotenumber="Q" * 20))).key == "Q" * 20


def test_a_blank_number_and_one_with_control_characters_are_refused() -> None:
    assert rejected(quote(header(quotenumber=" "))).cause == "number_missing"
    assert rejected(quote(header(quotenumber="Q\t1"))).cause == "text_not_allowed"


# Lines


def test_a_line_has_product_unit_quantity_and_price() -> None:
    sent = mapped_line(product="D0004", quantity=Decimal("2.5000000000"), priceperunit=Decimal("10.2500")).owned
    assert (sent["ProductNumber"], sent["SalesUnitSymbol"]) == ("D0004", "PC")
    assert (sent["RequestedSalesQuantity"], sent["SalesPrice"]) == (Decimal("2.5"), Decimal("10.25"))
    assert sent["SalesPriceQuantity"] == 1


def test_amounts_are_always_sent_also_0() -> None:
    sent = mapped_line(priceperunit=Decimal("0.0000"), quantity=0).owned
    amounts = (
        "SalesPrice",
        "RequestedSalesQuantity",
        "LineDiscountAmount",
        "FixedPriceCharges",
        "LineDiscountPercentage",
        "MultilineDiscountAmount",
        "MultilineDiscountPercentage",
    )
    assert {name: sent[name] for name in amounts} == dict.fromkeys(amounts, 0)


def test_a_line_discount_is_split_into_amount_per_unit_and_charge() -> None:
    sent = mapped_line(manualdiscountamount=Decimal(10), volumediscountamount=Decimal("0.5")).owned
    assert (sent["LineDiscountAmount"], sent["FixedPriceCharges"]) == (Decimal("3.8333"), Decimal("-0.0001"))


def test_a_line_of_quantity_0_is_mapped_without_division() -> None:
    sent = mapped_line(quantity=Decimal(0), manualdiscountamount=Decimal(10)).owned
    assert (sent["LineDiscountAmount"], sent["FixedPriceCharges"]) == (0, -10)


def test_the_precision_is_the_one_of_the_currency() -> None:
    exact = mapper(amount_decimals={"USD": 2})
    assert mapped_line(exact, manualdiscountamount=Decimal(10)).owned["LineDiscountAmount"] == Decimal("3.33")
    assert rejected(quote(header(line(priceperunit=Decimal("1.001")))), exact).cause == "too_many_decimals"
    assert mapped_line(priceperunit=Decimal("1.0001")).owned["SalesPrice"] == Decimal("1.0001")


def test_the_precision_goes_by_the_currency_code_of_finops() -> None:
    mapping = mapper(currencies={"USD": "DOL"}, amount_decimals={"DOL": 0})
    assert rejected(quote(header(line(priceperunit=Decimal("1.5")))), mapping).cause == "too_many_decimals"


@pytest.mark.parametrize(
    ("column", "named"),
    [("priceperunit", "priceperunit is 1.00001"), ("manualdiscountamount", "manualdiscountamount")],
)
def test_more_decimals_than_finops_keeps_are_refused_by_line_and_column(column: str, named: str) -> None:
    refused = rejected(quote(header(line(1), line(2, **{column: Decimal("1.00001")}))))
    assert refused.cause == "too_many_decimals"
    assert refused.message.startswith("line 2: ")
    assert named in refused.message


@pytest.mark.parametrize("column", ["quantity", "priceperunit"])
def test_a_line_needs_quantity_and_price(column: str) -> None:
    refused = rejected(quote(header(line(4, **{column: None}))))
    assert (refused.cause, refused.message[:7]) == (f"{column}_missing", "line 4:")


def test_an_unknown_unit_is_refused_by_line_and_name() -> None:
    refused = rejected(quote(header(line(1), line(17, uomid={"name": "Barrel"}))))
    assert refused.cause == "unit_unknown"
    assert refused.message == "line 17: uomid.name is 'Barrel', which is not in the value map `units`"


def test_a_line_without_unit_is_refused() -> None:
    assert rejected(quote(header(line(uomid=None)))).cause == "unit_missing"


def test_a_unit_goes_the_way_that_the_value_map_allows() -> None:
    one_way: list[Json] = [
        {"sales": "Piece", "finops": "EA", "direction": "to_finops"},
        {"sales": "Piece", "finops": "PC", "direction": "to_sales"},
    ]
    assert mapped_line(mapper(units=one_way)).owned["SalesUnitSymbol"] == "EA"


def test_a_line_without_number_is_named_by_its_product() -> None:
    refused = rejected(quote(header(line(None, product="D7", uomid=None))))
    assert refused.message == "the line without number of product D7: uomid.name is blank"


@pytest.mark.parametrize("decimals", [-1, 7, "4"])
def test_decimals_that_finops_cannot_keep_are_refused_by_their_place(decimals: Json) -> None:
    with pytest.raises(SettingsInvalid, match=r"amount_decimals\.USD is .*: write a whole number"):
        mapper(amount_decimals={"USD": decimals})


def test_a_document_without_the_parts_of_quotations_has_their_defaults() -> None:
    assert mapper(amount_decimals={}, storage={}).fingerprint == mapper().fingerprint


def test_a_product_is_shipped_from_where_the_value_map_says() -> None:
    mapping = mapper(storage={"D0002": {"site": "2", "warehouse": "22"}, "D0003": {"site": "3", "warehouse": ""}})
    lines = mapped(quote(header(line(1), line(2, product="D0002"), line(3, product="D0003"))), mapping).lines
    shipped = {
        n: (each.on_create["ShippingSiteId"], each.on_create["ShippingWarehouseId"]) for n, each in lines.items()
    }
    assert shipped == {1: ("1", "13"), 2: ("2", "22"), 3: ("3", None)}


@pytest.mark.parametrize("service", [line(kind=3), line(producttypecode=5)])
def test_a_service_has_no_site_and_no_warehouse(service: dict[str, Json]) -> None:
    (only,) = mapped(quote(header(service)), mapper(storage={"D0001": {"site": "2", "warehouse": "22"}})).lines.values()
    assert only.on_create == {"ShippingSiteId": None, "ShippingWarehouseId": None}


def test_a_line_has_a_shipping_address_of_its_own() -> None:
    sent = mapped_line(**SHIP_TO, shipto_name="Dock").owned
    assert (sent["DeliveryAddressName"], sent["DeliveryAddressStateId"]) == ("Dock", "WA")


def test_a_text_that_is_too_long_is_refused_by_line_and_column() -> None:
    refused = rejected(quote(header(line(3, shipto_city="X" * 61))))
    assert refused.cause == "text_too_long"
    assert refused.message.startswith("line 3: shipto_city has 61 characters")


# Line numbers


def test_lines_are_numbered_as_in_sales_and_the_numbers_are_reported() -> None:
    quotation = mapped(quote(header(line(2), line(5))))
    assert [*quotation.lines] == [2, 5] == [*quotation.numbers]


def test_a_line_that_was_deleted_keeps_its_number() -> None:
    before = mapped(quote(header(line(1), line(2)))).numbers
    after = mapped(quote(header(line(2), line(1, quotedetailid="new", product="D0009"))), numbers=before)
    assert {number: each.owned["ProductNumber"] for number, each in after.lines.items()} == {2: "D0001", 3: "D0009"}
    assert after.numbers[1] == ""


def test_a_revision_keeps_the_numbers_of_its_lines() -> None:
    before = mapped(quote(header(line(1), line(2, product="D0002")))).numbers
    revised = header(line(2, quotedetailid="y", product="D0002"), line(1, quotedetailid="x"), line(3), revisionnumber=1)
    after = mapped(quote(header(statecode=CLOSED, statuscode=7), revised), numbers=before)
    assert {number: each.owned["ProductNumber"] for number, each in after.lines.items()} == {
        1: "D0001",
        2: "D0002",
        3: "D0001",
    }


# What exists in F&O


@pytest.mark.parametrize("status", QuotationStatus)
def test_a_quotation_is_changed_in_the_allowed_statuses_only(status: QuotationStatus) -> None:
    allowed = {"Created", "Modified", "Reset", "Revised"}
    refusal = mapper().rules.refusal(
        TargetRow({"SalesQuotationStatus": status.value, "GeneratedSalesOrderNumber": ""}), ()
    )
    assert (refusal is None) == (status in allowed)


def test_the_statuses_are_a_setting() -> None:
    row = TargetRow({"SalesQuotationStatus": "Sent"})
    assert mapper(QuotationChoices(statuses=(QuotationStatus.SENT,))).rules.refusal(row, ()) is None
    refused = mapper().rules.refusal(row, ())
    assert refused is not None
    assert refused.cause == "quotation_status"
    assert "is Sent; the sync changes it in Created, Modified, Reset, Revised only" in refused.message


def test_a_quotation_that_became_an_order_is_not_changed() -> None:
    row = TargetRow({"SalesQuotationStatus": "Created", "GeneratedSalesOrderNumber": "000697"})
    refused = mapper().rules.refusal(row, ())
    assert refused is not None
    assert (refused.cause, "000697" in refused.message) == ("quotation_ordered", True)


def test_what_forbids_a_change_is_read_beside_what_is_written() -> None:
    assert {"SalesQuotationStatus", "GeneratedSalesOrderNumber", "CurrencyCode"} <= set(mapper().header_fields)
    assert set(mapper().line_fields) == {*mapped_line().owned, *mapped_line().on_create}


def test_a_quotation_is_untouched_when_its_quote_ends() -> None:
    assert mapper().rules.ended() == {}


def test_fields_are_emptied_with_what_finops_treats_as_blank() -> None:
    rules = mapper().rules
    assert rules.empty("SalesQuotationName") == ""
    assert (
        rules.empty("SalesQuotationExpiryDate") == rules.empty_line("RequestedShippingDate") == "1900-01-01T12:00:00Z"
    )
    assert rules.empty_line("SalesPrice") == 0


def test_values_of_finops_agree_as_it_stores_them() -> None:
    rules = mapper().rules
    assert rules.agree("SalesQuotationExpiryDate", None, "1900-01-01T12:00:00Z")
    assert rules.agree("DeliveryAddressCountryRegionISOCode", "US", "us")
    assert rules.agree_on_line("FixedPriceCharges", Decimal("0.00000049"), 0)
    assert rules.agree_on_line("RequestedSalesQuantity", Decimal("3"), Decimal("3.000000"))
    assert not rules.agree_on_line("SalesPrice", Decimal("3"), Decimal("3.0001"))


def test_numbers_that_dataverse_writes_differently_are_the_same_content() -> None:
    one = mapped_line(quantity=Decimal("3.0000000000"), manualdiscountamount=Decimal("1.50")).owned
    other = mapped_line(quantity=3, manualdiscountamount=Decimal("1.5000")).owned
    assert {name: str(value) for name, value in one.items()} == {name: str(value) for name, value in other.items()}


# Choices of a deployment


def test_fields_of_header_and_lines_can_be_given_to_the_people_of_finops() -> None:
    mapping = mapper(fields={"quotations": {"Email": "off"}, "quotation_lines": {"SalesPrice": "on_create"}})
    quotation = mapped(quote(), mapping)
    assert "Email" not in quotation.owned
    assert "SalesPrice" in quotation.lines[1].on_create
    assert "emailaddress" not in mapping.header_select


@pytest.mark.parametrize("part", ["quotations", "quotation_lines"])
def test_a_misspelled_field_of_the_document_is_refused(part: str) -> None:
    with pytest.raises(SettingsInvalid, match=rf"fields\.{part}\.SalesPrise is not a field of this mapping"):
        mapper(fields={part: {"SalesPrise": "off"}})


def test_the_currency_decides_the_precision_also_where_it_is_not_sent() -> None:
    off = mapper(fields={"quotations": {"CurrencyCode": "off"}}, amount_decimals={"USD": 0})
    assert rejected(quote(header(line(priceperunit=Decimal("1.5")))), off).cause == "too_many_decimals"


def test_existing_quotations_are_adopted_by_setting_only() -> None:
    assert not mapper().choices.adopt_existing
    assert mapper(QuotationChoices(adopt_existing=True)).choices.adopt_existing


def test_the_scope_of_the_first_run_goes_by_the_revision_that_changed_last() -> None:
    since = mapper(QuotationChoices(scope=Scope(since=date(2026, 7, 1))))
    old, new = header(modifiedon="2026-06-30T23:00:00Z"), header(modifiedon="2026-07-01T00:00:00Z")
    assert since.in_scope(quote(old, new))
    assert not since.in_scope(quote(old))
    assert not mapper(QuotationChoices(scope=Scope(linked_only=True))).in_scope(quote(new))


def test_every_choice_changes_the_fingerprint() -> None:
    choices = QuotationChoices()
    others = [
        replace(choices, zone=ZoneInfo("Europe/Zurich")),
        replace(choices, statuses=(QuotationStatus.CREATED,)),
        replace(choices, requested_date=RequestedDate.RECEIPT),
        replace(choices, addresses=AddressRules(street_number=True)),
    ]
    prints = [mapper(each).fingerprint for each in (choices, *others)]
    prints.append(mapper(fields={"quotation_lines": {"DeliveryAddressName": "off"}}).fingerprint)
    assert len(set(prints)) == len(prints)
    assert mapper().fingerprint == prints[0]


def test_a_column_of_another_type_is_schema_drift_in_headers_and_lines() -> None:
    for drifted in (header(revisionnumber="1"), header(line(quantity="3"))):
        with pytest.raises(SchemaDrift, match="is not what the mapping expects"):
            mapper().evaluate(quote(drifted), known())


def test_the_effort_of_mapping_grows_with_the_lines_and_no_faster() -> None:
    full: dict[str, Json] = {**SHIP_TO, "shipto_line1": "S" * 250, "shipto_line2": None, "shipto_name": "N" * 200}
    lines = [line(n, product=f"{n:070d}", manualdiscountamount=Decimal(n), **full) for n in range(1, 501)]
    mapping, some, all_of_them = mapper(), quote(header(*lines[:50])), quote(header(*lines))
    assert len(mapped(all_of_them, mapping).lines) == 500
    effort = calls_of(lambda: mapped(some, mapping))
    assert calls_of(lambda: mapped(all_of_them, mapping)) < 11 * effort


def test_a_document_that_was_read_without_revisions_is_no_quote() -> None:
    verdict = mapper().evaluate(SourceRow(NUMBER, 7, {"revisions": None}), known())
    assert verdict == Filtered("closed", ends=True)


def test_fields_that_a_setting_would_add_to_a_quotation_may_stand_in_the_document() -> None:
    assert mapper(fields={"quotations": {"DeliveryAddressStreetNumber": "off"}})
