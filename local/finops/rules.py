"""What the business logic of each served collection asks of its rows, as data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.finops import customers, products
from local.finops.schema import COMPANY
from local.finops.values import Stored

Row = Mapping[str, Stored]


@dataclass(frozen=True, slots=True)
class Reference:
    """A property that must name a row of another collection, or be empty.

    `label` and `table` are the words that the refusal uses for the field and the table.
    """

    name: str
    target: str
    target_name: str
    label: str
    table: str


@dataclass(frozen=True, slots=True)
class Sequence:
    """A property that a number sequence fills when the caller leaves it out.

    `per_company` sequences count and show their company; `chosen_by` is a reference whose row may name
    another sequence in its property `chosen_in`.
    """

    name: str
    per_company: bool
    chosen_by: str = ""
    chosen_in: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """A second table behind the entity, shared by all rows with the same `link`: it has its own pair in the tag."""

    link: str
    names: frozenset[str]


def _unchanged(row: Row, _given: frozenset[str]) -> Row:
    return row


def _as_it_is(row: Row) -> Row:
    return row


def _no_complaint(_row: Row) -> tuple[str, ...]:
    return ()


def _no_refusal(_name: str, _value: str) -> str | None:
    return None


def _company_refusal(name: str, value: str) -> str | None:
    if name == "LegalEntityId" and not 1 <= len(value) <= 4:
        return f"The value '{value}' in field 'Company' must have 1 to 4 characters."
    return None


def _company_normalised(name: str, value: Stored) -> Stored:
    return value.lower() if name == "LegalEntityId" and isinstance(value, str) else value


def _as_given(_name: str, value: Stored) -> Stored:
    return value


@dataclass(frozen=True, slots=True)
class Rules:
    """One collection. `table` is its table with the label, as duplicates are reported.

    `accept` refuses a given value with a text, `normalise` gives the form in which it is kept, `derive`
    fills what follows from other values at creation, `compute` calculates what follows from them at every write,
    `complain` names what the finished row lacks. `read_only` collections refuse every write of a client.
    """

    table: str
    record_label: str
    references: tuple[Reference, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    joined: Joined | None = None
    accept: Callable[[str, str], str | None] = _no_refusal
    normalise: Callable[[str, Stored], Stored] = _as_given
    derive: Callable[[Row, frozenset[str]], Row] = _unchanged
    compute: Callable[[Row], Row] = _as_it_is
    complain: Callable[[Row], tuple[str, ...]] = _no_complaint
    read_only: bool = False
    labels: Mapping[str, str] | None = None

    def label(self, name: str, default: str) -> str:
        """The word that messages use for a property."""
        return (self.labels or {}).get(name, default)


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
        joined=Joined("PartyNumber", customers.PARTY_PROPERTIES),
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
            Reference("CurrencyCode", "Currencies", "CurrencyCode", "Currency", "Currencies"),
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


def described(rules: Rules, key: Row) -> str:
    """A row as the message of a duplicate shows it: label and key without the company."""
    return f"{rules.record_label}: {', '.join(str(value) for name, value in key.items() if name != COMPANY)}"
