"""Promises of the F&O simulator for sales orders and their lines."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from local.finops.orders import SET_NAME
from local.finops.schema import load_schema
from local.finops.settings import Settings
from local.finops.writing import Writer
from tests.unit.local.batch_bodies import Op
from tests.unit.local.finops_documents import (
    ORDER,
    ORDER_LINE,
    ORDER_LINES,
    ORDER_LINES_V1,
    ORDERS,
    change_set,
    furnish,
    header,
    order,
    order_line,
    order_line_url,
    order_url,
    read,
    refused,
)
from tests.unit.local.finops_environment import (
    CUSTOMER,
    NOTHING_TO_UPDATE,
    Caller,
    customer_url,
    detail,
    environment,
    fresh_tables,
)

FAILED = "Write failed for table row of type 'SalesOrderHeaderCDSEntity'. Infolog: "


@pytest.fixture
def finops() -> Iterator[Caller]:
    with environment() as caller:
        furnish(caller)
        yield caller


def test_a_new_order_takes_over_from_its_customer_and_is_active(finops: Caller) -> None:
    finops.customer(
        CustomerAccount="US-002",
        OrganizationName="Fabrikam",
        SalesCurrencyCode="EUR",
        LanguageId="de",
        SiteId="2",
        WarehouseId="21",
        InvoiceAccount="US-001",
        IsExternallyMaintained="Yes",
    )
    record = order(finops, OrderingCustomerAccountNumber="US-002")
    expected = {
        "SalesOrderName": "Fabrikam",
        "DeliveryAddressName": "Fabrikam",
        "InvoiceCustomerAccountNumber": "US-001",
        "OrderingCustomerIsExternallyMaintained": "Yes",
        "InvoiceCustomerIsExternallyMaintained": "No",
        "CurrencyCode": "EUR",
        "LanguageId": "de",
        "DefaultShippingSiteId": "2",
        "DefaultShippingWarehouseId": "21",
        "SalesOrderProcessingStatus": "Active",
        "SalesOrderStatus": "None",
        "AreTotalsUpdated": "No",
        "OrderTotalAmount": 0,
        "QuotationNumber": "",
        "ConfirmedShippingDate": "1900-01-01T12:00:00Z",
    }
    assert {name: record[name] for name in expected} == expected


def test_a_new_order_is_requested_for_today_and_knows_when_it_was_made() -> None:
    settings = Settings()
    tables = fresh_tables(settings)
    writer = Writer(tables, settings, clock=lambda: datetime(2026, 7, 14, 23, 30, tzinfo=UTC))
    entities = load_schema().entities
    writer.create(entities["CustomersV3"], CUSTOMER)
    row = writer.create(entities[SET_NAME], ORDER).row
    assert (row["RequestedShippingDate"], row["RequestedReceiptDate"]) == ("2026-07-14T12:00:00Z",) * 2
    assert row["OrderCreationDateTime"] == "2026-07-14T23:30:00Z"
    tables.close()


@pytest.mark.parametrize(
    ("name", "value", "table"),
    [
        ("OrderingCustomerAccountNumber", "US-9", "Customers"),
        ("InvoiceCustomerAccountNumber", "US-9", "Customers"),
        ("QuotationNumber", "Q-9", "Sales quotations"),
        ("SalesOrderOriginCode", "X", "Sales origin"),
        ("CurrencyCode", "XXX", "Currencies"),
        ("DefaultShippingSiteId", "9", "Sites"),
        ("DeliveryModeCode", "99", "Modes of delivery"),
    ],
)
def test_an_order_names_only_what_exists(finops: Caller, name: str, value: str, table: str) -> None:
    text = refused(finops, ORDERS, {**ORDER, name: value})
    assert text.startswith(f"{FAILED}Warning: The value '{value}' in field ")
    assert f"is not found in the related table '{table}'" in text


def test_an_order_needs_a_customer(finops: Caller) -> None:
    text = refused(finops, ORDERS, {"SalesOrderNumber": "O-1", "CurrencyCode": "USD"})
    assert "Field 'Customer account' must be filled in." in text


def test_an_order_may_name_the_quotation_that_it_came_from(finops: Caller) -> None:
    header(finops)
    assert order(finops, QuotationNumber="Q-1")["QuotationNumber"] == "Q-1"


@pytest.mark.parametrize(
    ("code", "kind"), [("Sales", "SalesOrderIntegration"), ("Field", "WorkOrderIntegration"), ("Phone", "NotSpecified")]
)
def test_the_origin_of_an_order_has_a_type_that_its_lines_show(finops: Caller, code: str, kind: str) -> None:
    assert order(finops, SalesOrderOriginCode=code)["SalesOrderOriginType"] == kind
    assert order_line(finops)["SalesOrderOriginType"] == kind


def test_an_order_number_that_is_left_out_is_given(finops: Caller) -> None:
    body = {"OrderingCustomerAccountNumber": "US-001"}
    assert finops.post(ORDERS, body).json()["SalesOrderNumber"] == "USMF-000001"


def test_own_order_numbers_can_be_forbidden() -> None:
    with environment(Settings(manual_numbers=False)) as finops:
        account = finops.post("CustomersV3", {n: v for n, v in CUSTOMER.items() if n != "CustomerAccount"}).json()
        body = {**ORDER, "OrderingCustomerAccountNumber": account["CustomerAccount"]}
        assert "does not allow manual numbers" in refused(finops, ORDERS, body)


def test_an_order_number_has_20_characters_at_most_and_is_taken_once(finops: Caller) -> None:
    assert order(finops, SalesOrderNumber="O" * 20)
    assert "maximum of 20 characters" in refused(finops, ORDERS, {**ORDER, "SalesOrderNumber": "O" * 21})
    order(finops)
    taken = refused(finops, ORDERS, {**ORDER, "SalesOrderNumber": "o-1"})
    assert "Sales order: o-1.\nThe record already exists." in taken


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SalesOrderStatus", "Delivered"),
        ("SalesOrderProcessingStatus", "Confirmed"),
        ("AreTotalsUpdated", "Yes"),
        ("OrderTotalAmount", 5),
        ("OrderingCustomerIsExternallyMaintained", "Yes"),
        ("SalesOrderOriginType", "WorkOrderIntegration"),
    ],
)
def test_what_the_service_keeps_of_an_order_cannot_be_written(finops: Caller, name: str, value: object) -> None:
    assert f"Field '{name}' does not allow editing." in refused(finops, ORDERS, {**ORDER, name: value})
    order(finops)
    assert finops.patch(order_url(), {name: value}).status_code == 400


def test_an_order_is_changed_by_its_key_and_an_unknown_one_is_refused(finops: Caller) -> None:
    order(finops)
    assert finops.patch(order_url(), {"SalesOrderName": "Bikes"}).status_code == 204
    assert read(finops, order_url())["SalesOrderName"] == "Bikes"
    assert detail(finops.patch(order_url("O-9"), {"SalesOrderName": "Bikes"})) == NOTHING_TO_UPDATE


def test_a_line_takes_over_from_its_order_and_its_product(finops: Caller) -> None:
    order(finops, DeliveryAddressCity="Seattle", DefaultShippingSiteId="2")
    body = {"SalesOrderNumber": "O-1", "ProductNumber": "BK-1", "OrderedSalesQuantity": 2}
    record = finops.post(ORDER_LINES, body).json()
    expected = {
        "LineCreationSequenceNumber": 1,
        "ProductName": "Mountain bike",
        "SalesUnitSymbol": "ea",
        "SalesPrice": 120,
        "LineAmount": 240,
        "CurrencyCode": "USD",
        "DeliveryAddressCity": "Seattle",
        "ShippingSiteId": "2",
        "SalesOrderLineStatus": "Backorder",
        "SalesOrderProcessingStatus": "Active",
        "AreTotalsCalculated": "No",
    }
    assert {name: record[name] for name in expected} == expected
    assert record["InventoryLotId"]


def test_a_line_amounts_to_its_price_less_its_discount_plus_its_charges(finops: Caller) -> None:
    order(finops)
    record = order_line(finops, LineDiscountAmount=3.33, FixedPriceCharges=-0.01)
    assert record["LineAmount"] == 290


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"SalesOrderNumber": "O-9"}, "The value 'O-9' in field 'Sales order' is not found"),
        ({"ProductNumber": "BK-9"}, "related table 'Released products'"),
        ({"SalesUnitSymbol": "xx"}, "related table 'Units'"),
        ({"ProductNumber": ""}, "Field 'Product number' must be filled in."),
        ({"ShippingSiteId": ""}, "Inventory dimension Site is mandatory"),
        ({"PickedQuantity": 1}, "Field 'PickedQuantity' does not allow editing."),
        ({"TotalTaxAmount": 1}, "Field 'TotalTaxAmount' does not allow editing."),
    ],
)
def test_a_line_that_cannot_be_is_refused(finops: Caller, values: dict[str, object], text: str) -> None:
    order(finops)
    assert text in refused(finops, ORDER_LINES, {**ORDER_LINE, **values})


@pytest.mark.parametrize(
    ("collection", "entity"),
    [(ORDER_LINES, "SalesOrderLineCDSV2Entity"), (ORDER_LINES_V1, "SalesOrderLineCDSEntity")],
)
def test_a_refused_line_names_the_collection_that_was_written(finops: Caller, collection: str, entity: str) -> None:
    order(finops)
    text = refused(finops, collection, {**ORDER_LINE, "ProductNumber": "BK-9"})
    assert text.startswith(f"Write failed for table row of type '{entity}'.")
    assert f"validateField failed on field '{entity}.ProductNumber'" in text


def test_an_order_with_lines_is_open_and_without_lines_has_no_status(finops: Caller) -> None:
    order(finops)
    order_line(finops)
    assert read(finops, order_url())["SalesOrderStatus"] == "Backorder"
    assert finops.delete(order_line_url()).status_code == 204
    assert read(finops, order_url())["SalesOrderStatus"] == "None"


def test_both_collections_show_and_change_the_same_lines(finops: Caller) -> None:
    order(finops)
    first = order_line(finops, 1, ORDER_LINES_V1)
    order_line(finops, 2)
    assert "InventoryLotId" not in first
    for collection in (ORDER_LINES, ORDER_LINES_V1):
        found = finops.rows(collection, {"$select": "LineCreationSequenceNumber"})
        assert [each["LineCreationSequenceNumber"] for each in found] == [1, 2]
    assert read(finops, order_line_url())["InventoryLotId"], "the first collection's lines have one, too"
    assert finops.patch(order_line_url(2, collection=ORDER_LINES_V1), {"OrderedSalesQuantity": 5}).status_code == 204
    assert read(finops, order_line_url(2))["LineAmount"] == 500
    assert "The record already exists." in refused(finops, ORDER_LINES_V1, {**ORDER_LINE, "SalesPrice": 1})
    assert finops.delete(order_line_url(1, collection=ORDER_LINES_V1)).status_code == 204
    assert finops.get(order_line_url(1)).status_code == 404


def test_the_first_collection_of_lines_does_not_know_what_only_the_second_has(finops: Caller) -> None:
    order(finops)
    assert "InventoryLotId" in detail(finops.post(ORDER_LINES_V1, {**ORDER_LINE, "InventoryLotId": "L-1"}))


@pytest.mark.parametrize("collection", [ORDER_LINES, ORDER_LINES_V1])
def test_an_order_is_read_with_its_lines_and_a_line_with_its_order(finops: Caller, collection: str) -> None:
    order(finops)
    order_line(finops)
    (found,) = finops.rows(ORDERS, {"$expand": f"{collection}($select=ProductNumber)"})
    assert [line["ProductNumber"] for line in found[collection]] == ["BK-1"]
    (line,) = finops.rows(collection, {"$expand": "CDSSalesOrderHeader($select=SalesOrderNumber)"})
    assert line["CDSSalesOrderHeader"]["SalesOrderNumber"] == "O-1"


def test_header_and_lines_are_one_change_set_that_is_kept_or_refused_as_a_whole(finops: Caller) -> None:
    def answered(line: dict[str, object]) -> list[int]:
        post = [Op("POST", ORDERS, ORDER), Op("POST", ORDER_LINES_V1, line)]
        return [each.status for each in change_set(finops, *post)]

    assert answered({**ORDER_LINE, "ProductNumber": "BK-9"}) == [400]
    assert finops.rows(ORDERS) == []
    assert answered(ORDER_LINE) == [201, 201]
    assert read(finops, order_line_url())["OrderedSalesQuantity"] == 3


def test_orders_and_lines_show_whether_their_customers_are_externally_maintained_now(finops: Caller) -> None:
    order(finops)
    order_line(finops)
    names = ("OrderingCustomerIsExternallyMaintained", "InvoiceCustomerIsExternallyMaintained")
    before = read(finops, order_line_url())
    assert finops.patch(customer_url(), {"IsExternallyMaintained": "Yes"}).status_code == 204
    after = read(finops, order_line_url())
    assert [before[name] for name in names] == ["No", "No"]
    assert [after[name] for name in names] == [read(finops, order_url())[name] for name in names] == ["Yes", "Yes"]
    assert after["@odata.etag"] != before["@odata.etag"]


def test_a_deleted_order_takes_its_lines_along(finops: Caller) -> None:
    order(finops)
    order_line(finops)
    assert finops.delete(order_url()).status_code == 204
    assert finops.rows(ORDER_LINES) == []


def test_a_customer_with_orders_stays(finops: Caller) -> None:
    order(finops)
    assert "Delete dependent Sales orders" in detail(finops.delete(customer_url()))


def test_orders_are_found_by_enumerations_that_differ(finops: Caller) -> None:
    order(finops)
    status = "Microsoft.Dynamics.DataEntities.SalesOrderProcessingStatus'Active'"
    assert len(finops.rows(ORDERS, {"$filter": f"SalesOrderProcessingStatus eq {status}"})) == 1
    assert finops.rows(ORDERS, {"$filter": f"SalesOrderProcessingStatus ne {status}"}) == []


def test_the_metadata_says_what_the_service_keeps_itself(finops: Caller) -> None:
    answer = finops.send("GET", "/Metadata/PublicEntities", {"$filter": f"EntitySetName eq '{ORDERS}'"})
    (entity,) = answer.json()["value"]
    editable = {each["Name"]: each["AllowEdit"] for each in entity["Properties"]}
    assert (editable["AreTotalsUpdated"], editable["SalesOrderName"]) == (False, True)
