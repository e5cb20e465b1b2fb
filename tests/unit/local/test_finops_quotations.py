"""Promises of the F&O simulator for sales quotations."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.finops.loading import open_tables
from local.finops.quotationlines import TOTAL
from local.finops.quotations import SET_NAME
from local.finops.schema import load_schema
from local.finops.settings import Settings
from local.finops.writing import Writer
from tests.support.patience import PATIENCE_S
from tests.unit.local.finops_documents import (
    HEADER,
    HEADERS,
    LINE,
    LINES,
    furnish,
    header,
    header_url,
    line,
    line_url,
    person,
    read,
    refused,
)
from tests.unit.local.finops_environment import CUSTOMER, NOTHING_TO_UPDATE, Caller, customer_url, detail, environment

FAILED_HEADER = "Write failed for table row of type 'SalesQuotationHeaderCDSEntity'. Infolog: "
FAILED_LINE = "Write failed for table row of type 'SalesQuotationLineCDSEntity'. Infolog: "
CLOSED = ("Sent", "Confirmed", "Lost", "Cancelled")


@pytest.fixture
def finops() -> Iterator[Caller]:
    with environment() as caller:
        furnish(caller)
        yield caller


def set_status(finops: Caller, **values: Any) -> None:
    assert finops.control("quotations", {"SalesQuotationNumber": "Q-1", **values}).status_code == 200


def test_a_new_quotation_takes_over_from_its_customer_and_is_created(finops: Caller) -> None:
    finops.customer(
        CustomerAccount="US-002",
        OrganizationName="Fabrikam",
        SalesCurrencyCode="EUR",
        LanguageId="de",
        PaymentTerms="Net30",
        DeliveryMode="10",
        SiteId="2",
        WarehouseId="21",
        InvoiceAccount="US-001",
    )
    record = header(finops, RequestingCustomerAccountNumber="US-002")
    expected = {
        "SalesQuotationName": "Fabrikam",
        "DeliveryAddressName": "Fabrikam",
        "InvoiceCustomerAccountNumber": "US-001",
        "CurrencyCode": "EUR",
        "LanguageId": "de",
        "PaymentTermsName": "Net30",
        "DeliveryModeCode": "10",
        "DefaultShippingSiteId": "2",
        "DefaultShippingWarehouseId": "21",
        "SalesQuotationStatus": "Created",
        "SalesQuotationHeaderCreationMethod": "SCM",
        "GeneratedSalesOrderNumber": "",
        "ArePricesIncludingSalesTax": "No",
        "QuotationTotalAmount": 0,
        "SalesQuotationExpiryDate": "1900-01-01T12:00:00Z",
    }
    assert {name: record[name] for name in expected} == expected


def test_a_customer_pays_its_own_quotations_unless_it_says_otherwise(finops: Caller) -> None:
    assert header(finops)["InvoiceCustomerAccountNumber"] == "US-001"


def test_a_new_quotation_is_requested_for_today() -> None:
    settings = Settings()
    tables = open_tables(None, None, settings)
    writer = Writer(tables, settings, clock=lambda: datetime(2026, 7, 14, 23, 30, tzinfo=UTC))
    entities = load_schema().entities
    writer.create(entities["CustomersV3"], CUSTOMER)
    row = writer.create(entities[SET_NAME], HEADER).row
    assert (row["RequestedShippingDate"], row["ReceiptDateRequested"]) == ("2026-07-14T12:00:00Z",) * 2
    tables.close()


def test_what_is_given_is_kept(finops: Caller) -> None:
    given = {
        "SalesQuotationName": "Q",
        "DeliveryAddressName": "Gate 3",
        "CurrencyCode": "CHF",
        "RequestedShippingDate": "2026-07-14T12:00:00Z",
        "LanguageId": "de-CH",
    }
    record = header(finops, **given)
    assert {name: record[name] for name in given} == given


@pytest.mark.parametrize(
    ("name", "value", "table"),
    [
        ("RequestingCustomerAccountNumber", "US-9", "Customers"),
        ("InvoiceCustomerAccountNumber", "US-9", "Customers"),
        ("CurrencyCode", "XXX", "Currencies"),
        ("DefaultShippingSiteId", "9", "Sites"),
        ("DefaultShippingWarehouseId", "99", "Warehouses"),
        ("PaymentTermsName", "Net99", "Terms of payment"),
        ("DeliveryTermsCode", "XXX", "Terms of delivery"),
        ("DeliveryModeCode", "99", "Modes of delivery"),
        ("LanguageId", "xx", "Language"),
        ("ContactPersonId", "C-9", "Contacts"),
        ("ProspectId", "P-9", "Prospects"),
    ],
)
def test_a_quotation_names_only_what_exists(finops: Caller, name: str, value: str, table: str) -> None:
    text = refused(finops, HEADERS, {**HEADER, name: value})
    assert text.startswith(f"{FAILED_HEADER}Warning: The value '{value}' in field ")
    assert f"is not found in the related table '{table}'" in text
    assert text.endswith(f"validateField failed on field 'SalesQuotationHeaderCDSEntity.{name}'.")


def test_a_quotation_names_a_customer_of_its_own_company(finops: Caller) -> None:
    assert "related table 'Customers'" in refused(finops, HEADERS, {**HEADER, "dataAreaId": "usrt"})


def test_a_quotation_names_a_contact_person_by_its_id(finops: Caller) -> None:
    contact = person(finops)["ContactPersonId"]
    assert header(finops, ContactPersonId=contact)["ContactPersonId"] == contact


def test_a_quotation_needs_a_customer(finops: Caller) -> None:
    text = refused(finops, HEADERS, {"SalesQuotationNumber": "Q-1", "CurrencyCode": "USD"})
    assert "Field 'Customer account' must be filled in." in text
    assert "validateWrite failed" in text


def test_a_number_that_is_left_out_is_given(finops: Caller) -> None:
    assert header(finops, SalesQuotationNumber="USMF-000001")
    body = {"RequestingCustomerAccountNumber": "US-001"}
    assert finops.post(HEADERS, body).json()["SalesQuotationNumber"] == "USMF-000002"


def test_own_quotation_numbers_can_be_forbidden() -> None:
    with environment(Settings(manual_numbers=False)) as finops:
        account = finops.post("CustomersV3", {n: v for n, v in CUSTOMER.items() if n != "CustomerAccount"}).json()
        body = {**HEADER, "RequestingCustomerAccountNumber": account["CustomerAccount"]}
        assert "does not allow manual numbers" in refused(finops, HEADERS, body)


def test_a_number_is_not_longer_than_20_characters(finops: Caller) -> None:
    assert header(finops, SalesQuotationNumber="Q" * 20)
    assert "maximum of 20 characters" in refused(finops, HEADERS, {**HEADER, "SalesQuotationNumber": "Q" * 21})


def test_a_number_that_is_taken_is_refused(finops: Caller) -> None:
    header(finops)
    assert "Quotation: q-1.\nThe record already exists." in refused(
        finops, HEADERS, {**HEADER, "SalesQuotationNumber": "q-1"}
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("SalesQuotationStatus", "Sent"), ("GeneratedSalesOrderNumber", "SO-1"), ("QuotationTotalAmount", 5)],
)
def test_what_the_service_keeps_itself_cannot_be_written(finops: Caller, name: str, value: object) -> None:
    assert f"Field '{name}' does not allow editing." in refused(finops, HEADERS, {**HEADER, name: value})
    header(finops)
    assert finops.patch(header_url(), {name: value}).status_code == 400


def test_site_and_warehouse_go_together(finops: Caller) -> None:
    assert header(finops, DefaultShippingWarehouseId="21")["DefaultShippingSiteId"] == "2"
    both = {"DefaultShippingSiteId": "1", "DefaultShippingWarehouseId": "21"}
    assert "does not belong to site '1'" in refused(finops, HEADERS, {**HEADER, "SalesQuotationNumber": "Q-2", **both})
    assert "does not belong to site '1'" in detail(finops.patch(header_url(), {"DefaultShippingSiteId": "1"}))


def test_a_given_site_puts_the_warehouse_of_the_customer_out(finops: Caller) -> None:
    finops.patch(customer_url(), {"SiteId": "2", "WarehouseId": "21"})
    record = header(finops, DefaultShippingSiteId="1")
    assert (record["DefaultShippingSiteId"], record["DefaultShippingWarehouseId"]) == ("1", "")


def test_a_quotation_that_is_changed_keeps_its_status(finops: Caller) -> None:
    tag = header(finops)["@odata.etag"]
    assert finops.patch(header_url(), {"SalesQuotationName": "Renamed"}).status_code == 204
    record = read(finops, header_url())
    assert (record["SalesQuotationName"], record["SalesQuotationStatus"]) == ("Renamed", "Created")
    assert record["@odata.etag"] != tag


def test_a_quotation_that_does_not_exist_cannot_be_changed(finops: Caller) -> None:
    assert detail(finops.patch(header_url(), {"SalesQuotationName": "x"})) == NOTHING_TO_UPDATE
    assert detail(finops.delete(line_url())) == NOTHING_TO_UPDATE


def test_a_new_line_takes_over_from_its_quotation_and_its_product(finops: Caller) -> None:
    header(
        finops,
        CurrencyCode="EUR",
        DefaultShippingWarehouseId="21",
        DeliveryAddressName="Gate 3",
        DeliveryAddressStreet="Main street 1",
        DeliveryAddressCountryRegionISOCode="US",
        RequestedShippingDate="2026-07-14T12:00:00Z",
    )
    body = {"SalesQuotationNumber": "Q-1", "ProductNumber": "BK-1", "RequestedSalesQuantity": 2}
    record = finops.post(LINES, body).json()
    expected = {
        "LineCreationSequenceNumber": 1,
        "ProductName": "Mountain bike",
        "SalesUnitSymbol": "ea",
        "SalesPrice": 120,
        "SalesPriceQuantity": 1,
        "LineAmount": 240,
        "CurrencyCode": "EUR",
        "ShippingSiteId": "2",
        "ShippingWarehouseId": "21",
        "DeliveryAddressName": "Gate 3",
        "DeliveryAddressStreet": "Main street 1",
        "DeliveryAddressCountryRegionISOCode": "US",
        "RequestedShippingDate": "2026-07-14T12:00:00Z",
        "SalesQuotationStatus": "Created",
        "InventoryLotId": "000000001",
    }
    assert {name: record[name] for name in expected} == expected


def test_an_address_of_a_line_is_its_own_as_a_whole(finops: Caller) -> None:
    header(finops, DeliveryAddressStreet="Main street 1", DeliveryAddressZipCode="12345")
    record = line(finops, DeliveryAddressStreet="Side street 2")
    assert (record["DeliveryAddressStreet"], record["DeliveryAddressZipCode"]) == ("Side street 2", "")


@pytest.mark.parametrize(
    ("name", "value", "table"),
    [
        ("SalesQuotationNumber", "Q-9", "Sales quotations"),
        ("ProductNumber", "BK-9", "Released products"),
        ("SalesUnitSymbol", "furlong", "Units"),
        ("CurrencyCode", "XXX", "Currencies"),
        ("ShippingSiteId", "9", "Sites"),
        ("ShippingWarehouseId", "99", "Warehouses"),
        ("DeliveryTermsId", "XXX", "Terms of delivery"),
        ("DeliveryModeCode", "99", "Modes of delivery"),
    ],
)
def test_a_line_names_only_what_exists(finops: Caller, name: str, value: str, table: str) -> None:
    header(finops)
    text = refused(finops, LINES, {**LINE, name: value})
    assert text.startswith(f"{FAILED_LINE}Warning: The value '{value}' in field ")
    assert f"is not found in the related table '{table}'" in text
    assert text.endswith(f"validateField failed on field 'SalesQuotationLineCDSEntity.{name}'.")


def test_a_line_needs_a_product(finops: Caller) -> None:
    header(finops)
    body = {name: value for name, value in LINE.items() if name != "ProductNumber"}
    assert "Field 'Product number' must be filled in." in refused(finops, LINES, body)


def test_a_product_that_is_not_sold_any_more_is_refused_in_new_lines_only(finops: Caller) -> None:
    header(finops)
    line(finops)
    finops.control("products", {"ProductNumber": "BK-1", "IsSalesStopped": "Yes"})
    text = refused(finops, LINES, {**LINE, "LineCreationSequenceNumber": 2})
    assert "Item 'BK-1' is blocked for 'Sales order'." in text
    assert finops.patch(line_url(), {"ProductNumber": "BK-1", "RequestedSalesQuantity": 5}).status_code == 204


def test_only_products_in_stock_need_a_site(finops: Caller) -> None:
    header(finops)
    text = refused(finops, LINES, {**LINE, "ShippingSiteId": ""})
    assert "Inventory dimension Site is mandatory and must consequently be specified." in text
    assert "Update has been canceled." in text
    assert line(finops, ProductNumber="SV-1", ShippingSiteId="")["ShippingSiteId"] == ""


def test_lines_without_a_number_are_numbered_on(finops: Caller) -> None:
    header(finops)
    line(finops, 7)
    body = {name: value for name, value in LINE.items() if name != "LineCreationSequenceNumber"}
    assert finops.post(LINES, body).json()["LineCreationSequenceNumber"] == 8


@pytest.mark.parametrize(
    ("values", "amount"),
    [
        ({}, 300),
        ({"LineDiscountAmount": 3.33, "FixedPriceCharges": -0.01}, 290),
        ({"SalesPriceQuantity": 10}, 30),
        ({"LineDiscountAmount": 10, "MultilineDiscountAmount": 5}, 255),
        ({"LineDiscountPercentage": 10, "MultilineDiscountPercentage": 50}, 135),
        ({"RequestedSalesQuantity": 0}, 0),
        ({"RequestedSalesQuantity": -1}, -100),
        ({"SalesPrice": 0.005, "RequestedSalesQuantity": 1}, 0.01),
        ({"LineAmount": 1}, 300),
    ],
)
def test_the_amount_of_a_line_is_calculated(finops: Caller, values: dict[str, Any], amount: float) -> None:
    header(finops)
    assert line(finops, **values)["LineAmount"] == amount


def test_numbers_of_a_line_are_kept_to_six_decimals(finops: Caller) -> None:
    header(finops)
    assert line(finops, SalesPrice=1.2345675)["SalesPrice"] == 1.234568


def test_the_total_of_a_quotation_follows_its_lines(finops: Caller) -> None:
    header(finops)

    def total() -> float:
        found: float = read(finops, header_url())["QuotationTotalAmount"]
        return found

    line(finops, 1)
    line(finops, 2, RequestedSalesQuantity=1)
    assert total() == 400
    finops.patch(line_url(2), {"SalesPrice": 50.5})
    assert total() == 350.5
    finops.delete(line_url(1))
    assert total() == 50.5


def test_neither_the_key_nor_the_product_of_a_line_changes(finops: Caller) -> None:
    header(finops)
    line(finops)
    for name, value in (("ProductNumber", "SV-1"), ("LineCreationSequenceNumber", 2), ("SalesQuotationNumber", "Q-2")):
        assert f"Field '{name}' cannot be changed." in detail(finops.patch(line_url(), {name: value}))
    assert finops.patch(line_url(), {"ProductNumber": "bk-1", "SalesPrice": 1}).status_code == 204


@pytest.mark.parametrize("status", CLOSED)
def test_a_quotation_that_went_out_and_its_lines_are_not_changed(finops: Caller, status: str) -> None:
    header(finops)
    line(finops)
    set_status(finops, SalesQuotationStatus=status)
    answers = [
        finops.patch(header_url(), {"SalesQuotationName": "x"}),
        finops.delete(header_url()),
        finops.patch(line_url(), {"SalesPrice": 1}),
        finops.delete(line_url()),
        finops.post(LINES, {**LINE, "LineCreationSequenceNumber": 2}),
    ]
    assert [answer.status_code for answer in answers] == [400] * 5
    assert all(f"Sales quotation Q-1 has status {status}." in detail(answer) for answer in answers)


@pytest.mark.parametrize("status", ["Created", "Modified", "Reset", "Revised"])
def test_a_quotation_that_is_worked_on_is_changed(finops: Caller, status: str) -> None:
    header(finops)
    line(finops)
    set_status(finops, SalesQuotationStatus=status)
    assert read(finops, line_url())["SalesQuotationStatus"] == status
    assert finops.patch(header_url(), {"SalesQuotationName": "x"}).status_code == 204
    assert finops.patch(line_url(), {"SalesPrice": 1}).status_code == 204


def test_a_quotation_that_became_an_order_is_not_changed(finops: Caller) -> None:
    header(finops)
    set_status(finops, GeneratedSalesOrderNumber="SO-1")
    assert "became order SO-1" in detail(finops.patch(header_url(), {"SalesQuotationName": "x"}))


def test_a_quotation_takes_its_lines_along(finops: Caller) -> None:
    header(finops)
    header(finops, SalesQuotationNumber="Q-2")
    line(finops)
    line(finops, SalesQuotationNumber="Q-2")
    assert finops.delete(header_url()).status_code == 204
    assert [row["SalesQuotationNumber"] for row in finops.rows(LINES)] == ["Q-2"]


def test_a_customer_with_quotations_cannot_be_deleted(finops: Caller) -> None:
    header(finops)
    text = detail(finops.delete(customer_url()))
    assert "cannot be deleted while dependent Sales quotations exist" in text
    assert "validateDelete failed" in text
    finops.delete(header_url())
    assert finops.delete(customer_url()).status_code == 204


def test_people_of_the_company_edit_what_clients_cannot(finops: Caller) -> None:
    header(finops)
    line(finops)
    set_status(finops, SalesQuotationStatus="Confirmed", GeneratedSalesOrderNumber="SO-1")
    edits = [{"LineCreationSequenceNumber": 1, "SalesPrice": 1.5}, {**LINE, "LineCreationSequenceNumber": 2}]
    set_status(finops, SalesQuotationName="Edited", lines=edits)
    assert read(finops, header_url())["SalesQuotationName"] == "Edited"
    assert [row["LineAmount"] for row in finops.rows(LINES)] == [4.5, 300]


def test_people_of_the_company_remove_lines_and_quotations(finops: Caller) -> None:
    header(finops)
    line(finops, 1)
    line(finops, 2)
    headers = {"x-simulator-admin-token": "admin-token-of-the-test"}
    named = {"SalesQuotationNumber": "Q-1", "lines": [{"LineCreationSequenceNumber": 1}]}
    assert finops.send("DELETE", "/_simulator/quotations", json=named, headers=headers).status_code == 200
    assert [row["LineCreationSequenceNumber"] for row in finops.rows(LINES)] == [2]
    named = {"SalesQuotationNumber": "Q-1"}
    assert finops.send("DELETE", "/_simulator/quotations", json=named, headers=headers).status_code == 200
    assert finops.send("GET", "/_simulator/quotations", headers=headers).json() == {"count": 0}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"SalesQuotationNumber": "Q-9", "SalesQuotationStatus": "Nonsense"},
        {"SalesQuotationNumber": "Q-9", "lines": 5},
        {"SalesQuotationNumber": "Q-9", "NoSuchProperty": 5},
        {**HEADER, "lines": [{"SalesPrice": 1}]},
    ],
)
def test_an_edit_that_cannot_be_is_refused_and_leaves_nothing(finops: Caller, body: dict[str, Any]) -> None:
    assert finops.control("quotations", body).status_code == 400
    assert finops.rows(HEADERS) == []


def test_sample_quotations_are_loaded_with_their_total(tmp_path: Path) -> None:
    rows = [{**LINE, "LineCreationSequenceNumber": number} for number in (1, 2)]
    (tmp_path / "cdssalesquotationheaders.jsonl").write_text(json.dumps({**HEADER, TOTAL: 999}))
    (tmp_path / "cdssalesquotationlines.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with environment(load=tmp_path) as finops:
        assert [row[TOTAL] for row in finops.rows(HEADERS)] == [600]
        assert [row["LineAmount"] for row in finops.rows(LINES)] == [300, 300]


def test_the_metadata_service_tells_what_cannot_be_changed(finops: Caller) -> None:
    answer = finops.send("GET", "/Metadata/PublicEntities('CDSSalesQuotationLine')").json()
    editable = {each["Name"]: each["AllowEdit"] for each in answer["Properties"]}
    names = ("SalesPrice", "ProductNumber", "LineCreationSequenceNumber", "SalesQuotationStatus")
    assert [editable[name] for name in names] == [True, False, False, False]


def test_lines_are_found_by_the_numbers_of_quotations(finops: Caller) -> None:
    for number in ("Q-1", "Q-2", "Q-3"):
        header(finops, SalesQuotationNumber=number)
        line(finops, SalesQuotationNumber=number)
    chain = "dataAreaId eq 'usmf' and (SalesQuotationNumber eq 'Q-1' or SalesQuotationNumber eq 'q-3')"
    options = {"$filter": chain, "$select": "SalesQuotationNumber,LineAmount", "cross-company": "true"}
    assert [row["SalesQuotationNumber"] for row in finops.rows(LINES, options)] == ["Q-1", "Q-3"]
    created = "SalesQuotationStatus eq Microsoft.Dynamics.DataEntities.SalesQuotationStatus'Created'"
    assert len(finops.rows(HEADERS, {"$filter": created})) == 3
    page = finops.get(LINES, {"$filter": chain}, headers={"Prefer": "odata.maxpagesize=1"}).json()
    assert len(page["value"]) == 1
    assert len(finops.session.get(page["@odata.nextLink"], timeout=PATIENCE_S).json()["value"]) == 1


def test_the_company_decides_which_quotations_are_seen(finops: Caller) -> None:
    finops.customer(dataAreaId="usrt")
    header(finops, dataAreaId="usrt")
    assert finops.rows(HEADERS) == []
    assert len(finops.rows(HEADERS, {"cross-company": "true"})) == 1
    url = header_url(company="usrt")
    assert detail(finops.patch(url, {"SalesQuotationName": "x"})) == NOTHING_TO_UPDATE
    assert finops.patch(url, {"SalesQuotationName": "x"}, {"cross-company": "true"}).status_code == 204
