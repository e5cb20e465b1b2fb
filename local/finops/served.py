"""The collections that are served, with what the business logic of each asks of its rows."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from local.finops import (
    contacts,
    customers,
    fulfilment,
    invoices,
    orderlines,
    orders,
    products,
    quotationlines,
    quotations,
    salesheaders,
    saleslines,
)
from local.finops.rules import Dependent, Joined, Owner, Reference, Row, Rules, Sequence, nothing
from local.finops.values import Stored


def _customer(
    name: str, label: str, gives: Callable[[Row], Row] = nothing, shows: Mapping[str, str] = MappingProxyType({})
) -> Reference:
    return Reference(name, "CustomersV3", "CustomerAccount", label, "Customers", gives=gives, shows=shows)


def _product() -> Reference:
    """The product of a line."""
    return Reference(
        "ProductNumber",
        products.SET_NAME,
        "ProductNumber",
        "Product number",
        "Released products",
        gives=saleslines.from_product,
        accept=saleslines.product_refusal,
        complain=saleslines.product_complaints,
    )


def _company_refusal(name: str, value: str) -> str | None:
    if name == "LegalEntityId" and not 1 <= len(value) <= 4:
        return f"The value '{value}' in field 'Company' must have 1 to 4 characters."
    return None


def _company_normalised(name: str, value: Stored) -> Stored:
    return value.lower() if name == "LegalEntityId" and isinstance(value, str) else value


_CURRENCY = Reference("CurrencyCode", "Currencies", "CurrencyCode", "Currency", "Currencies")
_DELIVERY_MODE = Reference("DeliveryModeCode", "DeliveryModesV2", "ModeCode", "Mode of delivery", "Modes of delivery")
_PAYMENT_TERM = Reference("PaymentTermId", "PaymentTerms", "Name", "Terms of payment", "Terms of payment")
_UNIT = Reference("SalesUnitSymbol", "UnitsOfMeasure", "UnitSymbol", "Unit", "Units")
_LINE_TERMS = Reference("DeliveryTermsId", "DeliveryTerms", "TermsCode", "Delivery terms", "Terms of delivery")
_OF_HEADERS = (
    Reference("ContactPersonId", contacts.SET_NAME, "ContactPersonId", "Contact", "Contacts"),
    _CURRENCY,
    Reference("PaymentTermsName", "PaymentTerms", "Name", "Terms of payment", "Terms of payment"),
    Reference("DeliveryTermsCode", "DeliveryTerms", "TermsCode", "Delivery terms", "Terms of delivery"),
    _DELIVERY_MODE,
)

_ORDER_LINES = Rules(
    table="Sales order lines (SalesLine)",
    record_label="Order line",
    references=(
        Reference(
            orders.NUMBER,
            orders.SET_NAME,
            orders.NUMBER,
            "Sales order",
            "Sales orders",
            gives=orderlines.from_order,
            shows=orderlines.OF_ORDER,
        ),
        _product(),
        _UNIT,
        _CURRENCY,
        _LINE_TERMS,
        _DELIVERY_MODE,
    ),
    sequences=(Sequence("InventoryLotId", False),),
    owner=Owner(
        orders.SET_NAME,
        orders.NUMBER,
        saleslines.NUMBER,
        saleslines.AMOUNT,
        watched=orderlines.STATUS,
        follows=orders.of_lines,
    ),
    accept=saleslines.refusal,
    normalise=orderlines.normalised,
    derive=saleslines.derived,
    compute=orderlines.computed,
    in_currency=saleslines.in_currency,
    complain=saleslines.complaints,
    locked=orderlines.locked,
    fixed=("ProductNumber",),
    unique=("InventoryLotId",),
    kept=orderlines.KEPT,
    outdated={orderlines.TOTALS: "No"},
    hidden=fulfilment.HIDDEN,
    labels={orders.NUMBER: "Sales order", "ProductNumber": "Product number"},
)

SERVED: Mapping[str, Rules] = {
    "CustomersV3": Rules(
        table="Customers (CustTable)",
        record_label="Customer account",
        references=(
            Reference("CustomerGroupId", "CustomerGroups", "CustomerGroupId", "Customer group", "Customer groups"),
            Reference("SalesCurrencyCode", "Currencies", "CurrencyCode", "Currency", "Currencies"),
            Reference("PaymentTerms", "PaymentTerms", "Name", "Terms of payment", "Terms of payment"),
            Reference("DeliveryTerms", "DeliveryTerms", "TermsCode", "Delivery terms", "Terms of delivery"),
            Reference("DeliveryMode", "DeliveryModesV2", "ModeCode", "Mode of delivery", "Modes of delivery"),
        ),
        sequences=(
            Sequence("CustomerAccount", True, chosen_by="CustomerGroupId", chosen_in="CustomerAccountNumberSequence"),
            Sequence("PartyNumber", False),
        ),
        joined=Joined("PartyNumber", customers.PARTY_PROPERTIES, exclusive=True),
        dependents=(
            Dependent(quotations.SET_NAME, "RequestingCustomerAccountNumber", "CustomerAccount", "Sales quotations"),
            Dependent(quotations.SET_NAME, "InvoiceCustomerAccountNumber", "CustomerAccount", "Sales quotations"),
            Dependent(orders.SET_NAME, "OrderingCustomerAccountNumber", "CustomerAccount", "Sales orders"),
            Dependent(orders.SET_NAME, "InvoiceCustomerAccountNumber", "CustomerAccount", "Sales orders"),
            # No source says what happens to the contacts of a customer; that they are deleted with it is our decision.
            Dependent(contacts.SET_NAME, "AssociatedContactNumber", "CustomerAccount", "Contacts", cascades=True),
        ),
        accept=customers.refusal,
        normalise=customers.normalised,
        derive=customers.derived,
        complain=customers.complaints,
        labels={
            "CustomerAccount": "Customer account",
            "CustomerGroupId": "Customer group",
            "SalesCurrencyCode": "Currency",
            "OrganizationName": "Organization name",
        },
    ),
    contacts.SET_NAME: Rules(
        table="Contacts (ContactPerson)",
        record_label="Contact",
        references=(_customer("AssociatedContactNumber", "Associated contact number"),),
        sequences=(Sequence("ContactPersonPartyNumber", False), Sequence("ContactPersonId", True)),
        joined=Joined("ContactPersonPartyNumber", contacts.PARTY_PROPERTIES),
        accept=contacts.refusal,
        derive=contacts.derived,
        complain=contacts.complaints,
        unique=("ContactPersonId",),
        labels={
            "ContactPersonPartyNumber": "Party number",
            "ContactPersonId": "Contact ID",
            "AssociatedContactNumber": "Associated contact number",
        },
    ),
    quotations.SET_NAME: Rules(
        table="Sales quotations (SalesQuotationTable)",
        record_label="Quotation",
        references=(
            _customer("RequestingCustomerAccountNumber", "Customer account", gives=quotations.from_customer),
            _customer("InvoiceCustomerAccountNumber", "Invoice account"),
            *_OF_HEADERS,
        ),
        sequences=(Sequence("SalesQuotationNumber", True),),
        dependents=(
            Dependent(quotationlines.SET_NAME, "SalesQuotationNumber", "SalesQuotationNumber", "Lines", cascades=True),
        ),
        accept=quotations.refusal,
        normalise=customers.normalised,
        derive=salesheaders.derived,
        complain=quotations.complaints,
        locked=quotations.locked,
        counted=(quotationlines.TOTAL,),
        today=("ReceiptDateRequested", "RequestedShippingDate"),
        labels={"SalesQuotationNumber": "Quotation", "RequestingCustomerAccountNumber": "Customer account"},
    ),
    quotationlines.SET_NAME: Rules(
        table="Sales quotation lines (SalesQuotationLine)",
        record_label="Quotation line",
        references=(
            Reference(
                "SalesQuotationNumber",
                quotations.SET_NAME,
                "SalesQuotationNumber",
                "Quotation",
                "Sales quotations",
                gives=quotationlines.from_quotation,
                shows={"SalesQuotationStatus": "SalesQuotationStatus"},
            ),
            _product(),
            _UNIT,
            _CURRENCY,
            _LINE_TERMS,
            _DELIVERY_MODE,
        ),
        sequences=(Sequence("InventoryLotId", False),),
        owner=Owner(
            quotations.SET_NAME,
            "SalesQuotationNumber",
            saleslines.NUMBER,
            saleslines.AMOUNT,
            quotationlines.TOTAL,
        ),
        accept=saleslines.refusal,
        normalise=quotationlines.normalised,
        derive=saleslines.derived,
        compute=quotationlines.computed,
        in_currency=saleslines.in_currency,
        complain=saleslines.complaints,
        fixed=("ProductNumber",),
        unique=("InventoryLotId",),
        labels={"SalesQuotationNumber": "Quotation", "ProductNumber": "Product number"},
    ),
    orders.SET_NAME: Rules(
        table="Sales orders (SalesTable)",
        record_label="Sales order",
        references=(
            _customer(
                "OrderingCustomerAccountNumber",
                "Customer account",
                gives=orders.from_customer,
                shows={"OrderingCustomerIsExternallyMaintained": "IsExternallyMaintained"},
            ),
            _customer(
                "InvoiceCustomerAccountNumber",
                "Invoice account",
                shows={"InvoiceCustomerIsExternallyMaintained": "IsExternallyMaintained"},
            ),
            Reference("QuotationNumber", quotations.SET_NAME, "SalesQuotationNumber", "Quotation", "Sales quotations"),
            *_OF_HEADERS,
        ),
        sequences=(Sequence(orders.NUMBER, True),),
        dependents=(Dependent(orderlines.SET_NAME, orders.NUMBER, orders.NUMBER, "Lines", cascades=True),),
        accept=orders.refusal,
        normalise=customers.normalised,
        derive=salesheaders.derived,
        compute=orders.computed,
        complain=orders.complaints,
        stays=orders.kept_because,
        kept=orders.KEPT,
        outdated={orders.TOTALS: "No"},
        today=("RequestedReceiptDate", "RequestedShippingDate", "OrderCreationDateTime"),
        labels={orders.NUMBER: "Sales order", "OrderingCustomerAccountNumber": "Customer account"},
    ),
    orderlines.SET_NAME: _ORDER_LINES,
    orderlines.V1_SET_NAME: replace(_ORDER_LINES, sequences=(), unique=(), view_of=orderlines.SET_NAME),
    invoices.HEADERS: Rules(
        table="Customer invoices (CustInvoiceJour)",
        record_label="Invoice",
        sequences=(Sequence("InvoiceNumber", True), Sequence("LedgerVoucher", True)),
        today=("InvoiceDate",),
        visible=invoices.SHOWN_HEADERS,
        # Posted invoices come from posting.
        read_only=True,
    ),
    invoices.LINES: Rules(
        table="Customer invoice lines (CustInvoiceTrans)",
        record_label="Invoice line",
        visible=invoices.SHOWN_LINES,
        read_only=True,
    ),
    "CustomerGroups": Rules(
        table="Customer groups (CustGroup)",
        record_label="Customer group",
        references=(_PAYMENT_TERM,),
        labels={"CustomerGroupId": "Customer group"},
    ),
    "Currencies": Rules(table="Currencies (Currency)", record_label="Currency"),
    "UnitsOfMeasure": Rules(table="Units (UnitOfMeasure)", record_label="Unit"),
    products.SET_NAME: Rules(
        table="Released products (InventTable)",
        record_label="Product number",
        references=(
            Reference("InventoryUnitSymbol", "UnitsOfMeasure", "UnitSymbol", "Inventory unit", "Units"),
            Reference("SalesUnitSymbol", "UnitsOfMeasure", "UnitSymbol", "Sales unit", "Units"),
            _CURRENCY,
        ),
        derive=products.derived,
        compute=products.computed,
        # It is documented as an entity for export and no source shows a write: that it refuses writes is our decision.
        read_only=True,
        labels={"ProductNumber": "Product number", "SalesUnitSymbol": "Sales unit"},
    ),
    "LegalEntities": Rules(
        table="Legal entities (CompanyInfo)",
        record_label="Company",
        accept=_company_refusal,
        normalise=_company_normalised,
    ),
    "PaymentTerms": Rules(table="Terms of payment (PaymTerm)", record_label="Terms of payment"),
    "DeliveryTerms": Rules(table="Terms of delivery (DlvTerm)", record_label="Delivery terms"),
    "DeliveryModesV2": Rules(table="Modes of delivery (DlvMode)", record_label="Mode of delivery"),
}
