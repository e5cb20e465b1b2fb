"""What is particular to sales quotations: who they are for, and when they cannot be changed any more."""

from collections.abc import Mapping

from local.finops import customers, storage
from local.finops.values import Stored

SET_NAME = "CDSSalesQuotationHeaders"

# No source says what the service does with these; that it changes no quotation that has gone out is our decision.
CLOSED = frozenset({"Sent", "Confirmed", "Lost", "Cancelled"})
SITE, WAREHOUSE = "DefaultShippingSiteId", "DefaultShippingWarehouseId"

Row = Mapping[str, Stored]


def refusal(name: str, value: str) -> str | None:
    """Why a given value is impossible, None if it is not."""
    match name:
        case "LanguageId":
            return customers.refusal(name, value)
        case "ProspectId" if value:
            return f"The value '{value}' in field 'Prospect' is not found in the related table 'Prospects'."
        case "DefaultShippingSiteId":
            return storage.site_refusal(value)
        case "DefaultShippingWarehouseId":
            return storage.warehouse_refusal(value)
    return None


def from_customer(customer: Row) -> Row:
    """What a new quotation takes over from its customer: the names are as live records show, the rest is what the
    product is known to do."""
    name = customers.name_of(customer)
    return {
        "SalesQuotationName": name,
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
    """A new quotation, whose default site and warehouse go together."""
    return storage.completed(row, given, SITE, WAREHOUSE)


def complaints(row: Row) -> tuple[str, ...]:
    """What a quotation lacks."""
    needed = {"RequestingCustomerAccountNumber": "Customer account", "CurrencyCode": "Currency"}
    lacking = tuple(f"Field '{label}' must be filled in." for name, label in needed.items() if not row[name])
    return lacking + storage.complaints(row, SITE, WAREHOUSE)


def locked(row: Row) -> str | None:
    """Why neither the quotation nor its lines can be changed, None if they can; the texts are our decision."""
    if row["SalesQuotationStatus"] in CLOSED:
        return f"Sales quotation {row['SalesQuotationNumber']} has status {row['SalesQuotationStatus']}."
    if row["GeneratedSalesOrderNumber"]:
        return f"Sales quotation {row['SalesQuotationNumber']} became order {row['GeneratedSalesOrderNumber']}."
    return None
