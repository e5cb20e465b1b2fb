"""The collections that are served, with what the business logic of each asks of its rows."""

from collections.abc import Callable, Mapping

from local.finops import contacts, customers, products, quotationlines, quotations
from local.finops.rules import Dependent, Joined, Owner, Reference, Row, Rules, Sequence, nothing
from local.finops.values import Stored


def _customer(name: str, label: str, gives: Callable[[Row], Row] = nothing) -> Reference:
    return Reference(name, "CustomersV3", "CustomerAccount", label, "Customers", gives=gives)


def _company_refusal(name: str, value: str) -> str | None:
    if name == "LegalEntityId" and not 1 <= len(value) <= 4:
        return f"The value '{value}' in field 'Company' must have 1 to 4 characters."
    return None


def _company_normalised(name: str, value: Stored) -> Stored:
    return value.lower() if name == "LegalEntityId" and isinstance(value, str) else value


_CURRENCY = Reference("CurrencyCode", "Currencies", "CurrencyCode", "Currency", "Currencies")
_DELIVERY_MODE = Reference("DeliveryModeCode", "DeliveryModesV2", "ModeCode", "Mode of delivery", "Modes of delivery")
_PAYMENT_TERM = Reference("PaymentTermId", "PaymentTerms", "Name", "Terms of payment", "Terms of payment")

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
            Reference("ContactPersonId", contacts.SET_NAME, "ContactPersonId", "Contact", "Contacts"),
            _CURRENCY,
            Reference("PaymentTermsName", "PaymentTerms", "Name", "Terms of payment", "Terms of payment"),
            Reference("DeliveryTermsCode", "DeliveryTerms", "TermsCode", "Delivery terms", "Terms of delivery"),
            _DELIVERY_MODE,
        ),
        sequences=(Sequence("SalesQuotationNumber", True),),
        dependents=(
            Dependent(quotationlines.SET_NAME, "SalesQuotationNumber", "SalesQuotationNumber", "Lines", cascades=True),
        ),
        accept=quotations.refusal,
        normalise=customers.normalised,
        derive=quotations.derived,
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
            ),
            Reference(
                "ProductNumber",
                products.SET_NAME,
                "ProductNumber",
                "Product number",
                "Released products",
                gives=quotationlines.from_product,
                accept=quotationlines.product_refusal,
                complain=quotationlines.product_complaints,
            ),
            Reference("SalesUnitSymbol", "UnitsOfMeasure", "UnitSymbol", "Unit", "Units"),
            _CURRENCY,
            Reference("DeliveryTermsId", "DeliveryTerms", "TermsCode", "Delivery terms", "Terms of delivery"),
            _DELIVERY_MODE,
        ),
        sequences=(Sequence("InventoryLotId", False),),
        owner=Owner(
            quotations.SET_NAME,
            "SalesQuotationNumber",
            quotationlines.NUMBER,
            quotationlines.AMOUNT,
            quotationlines.TOTAL,
        ),
        accept=quotationlines.refusal,
        normalise=quotationlines.normalised,
        derive=quotationlines.derived,
        compute=quotationlines.computed,
        in_currency=quotationlines.in_currency,
        complain=quotationlines.complaints,
        fixed=("ProductNumber",),
        unique=("InventoryLotId",),
        labels={"SalesQuotationNumber": "Quotation", "ProductNumber": "Product number"},
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
