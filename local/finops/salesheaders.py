"""What quotations and orders have in common: what they take over from their customer, and where they ship from."""

from collections.abc import Mapping

from local.finops import customers, storage
from local.finops.values import Stored

SITE, WAREHOUSE = "DefaultShippingSiteId", "DefaultShippingWarehouseId"

Row = Mapping[str, Stored]


def refusal(name: str, value: str) -> str | None:
    """Why a given value is impossible, None if it is not."""
    match name:
        case "LanguageId":
            return customers.refusal(name, value)
        case "DefaultShippingSiteId":
            return storage.site_refusal(value)
        case "DefaultShippingWarehouseId":
            return storage.warehouse_refusal(value)
    return None


def from_customer(customer: Row, *, named: str) -> Row:
    """What a new document takes over from its customer, the name in the property `named`: the names are as live
    records show, the rest is what the product is known to do."""
    name = customers.name_of(customer)
    return {
        named: name,
        "DeliveryAddressName": name,
        "InvoiceCustomerAccountNumber": customer["InvoiceAccount"] or customer["CustomerAccount"],
        "CurrencyCode": customer["SalesCurrencyCode"],
        "LanguageId": customer["LanguageId"],
        "PaymentTermsName": customer["PaymentTerms"],
        "DeliveryTermsCode": customer["DeliveryTerms"],
        "DeliveryModeCode": customer["DeliveryMode"],
        SITE: customer["SiteId"],
        WAREHOUSE: customer["WarehouseId"],
    }


def derived(row: Row, given: frozenset[str]) -> Row:
    """A new document, whose default site and warehouse go together."""
    return storage.completed(row, given, SITE, WAREHOUSE)


def complaints(row: Row, *, customer: str) -> tuple[str, ...]:
    """What a document lacks; the property `customer` names its customer."""
    needed = {customer: "Customer account", "CurrencyCode": "Currency"}
    lacking = tuple(f"Field '{label}' must be filled in." for name, label in needed.items() if not row[name])
    return lacking + storage.complaints(row, SITE, WAREHOUSE)
