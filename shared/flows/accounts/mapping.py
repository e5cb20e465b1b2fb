"""accounts -> CustomersV3: Dataverse `account` to F&O customers of party type Organization.

Rules: docs/rules.md. The table below is the mapping; everything else in this module is a filter or a choice.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

from shared.errors import SettingsInvalid
from shared.flows.accounts import ACCOUNTS
from shared.flows.sales_records import FieldRules, SalesMapper
from shared.mapping.addresses import AddressBlock, AddressRules
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.numbers import Numbering, record_number
from shared.mapping.scope import Scope
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Known, Mapped, Verdict
from shared.mapping.words import (
    Column,
    Ownership,
    Unmappable,
    Word,
    constant,
    copy,
    currency,
    default,
    unsourced,
    value_of,
)
from shared.records import SourceRow

ENTITY_SET = "accounts"
ID_COLUMN = "accountid"
TARGET_SET = "CustomersV3"
KEY_COLUMN = "accountnumber"
KEY_FIELD = "CustomerAccount"
KEY_LENGTH = 20
# What a customer cannot do without.
NEEDED = frozenset({"PartyType", "IsExternallyMaintained", "OrganizationName", "CustomerGroupId", "SalesCurrencyCode"})
# The values that mark a customer as coming from an account.
MARK = {"IsExternallyMaintained": "Yes", "PartyType": "Organization"}
NUMBERING = Numbering(
    KEY_COLUMN,
    needed_as=KEY_FIELD,
    length=KEY_LENGTH,
    when_missing="give the account a number (the Sales solution numbers new accounts automatically)",
    when_too_long="give the account a shorter number",
)

OFF, ON_CREATE = Ownership.OFF, Ownership.ON_CREATE
_ALSO_READ = (
    Column(KEY_COLUMN),
    Column("name"),
    Column("statecode", int),
    Column("merged", bool),
    Column("createdon", is_date=True),
    Column("modifiedon", is_date=True),
)


class PartyNumber(StrEnum):
    """Where a customer's party number comes from."""

    ACCOUNT_NUMBER = "account_number"
    FINOPS = "finops"


class DeliveryAddress(StrEnum):
    """Which address block of the account becomes the delivery address."""

    SECOND = "second"
    FIRST = "first"


class OnHold(StrEnum):
    """The members of CustVendorBlocked that an ended customer may get; off leaves the customer untouched."""

    OFF = "off"
    INVOICE = "Invoice"
    ALL = "All"
    PAYMENT = "Payment"
    REQUISITION = "Requisition"
    NEVER = "Never"
    PURCH_ORDER = "PurchOrder"


@dataclass(frozen=True, slots=True)
class AccountChoices:
    """What a deployment decides for accounts (settings)."""

    party_number: PartyNumber = PartyNumber.ACCOUNT_NUMBER
    delivery_address: DeliveryAddress = DeliveryAddress.SECOND
    on_hold_when_ended: OnHold = OnHold.OFF
    adopt_existing: bool = False
    scope: Scope = field(default_factory=Scope)
    addresses: AddressRules = field(default_factory=AddressRules)


def account_words(choices: AccountChoices) -> tuple[Word, ...]:
    """The mapping."""
    delivery = {DeliveryAddress.SECOND: "address2", DeliveryAddress.FIRST: "address1"}[choices.delivery_address]
    party = ON_CREATE if choices.party_number is PartyNumber.ACCOUNT_NUMBER else OFF
    hold = OFF if choices.on_hold_when_ended is OnHold.OFF else Ownership.OWNED
    return (
        record_number(KEY_COLUMN, "PartyNumber", ownership=party),
        constant("PartyType", MARK["PartyType"], ownership=ON_CREATE),
        constant("IsExternallyMaintained", MARK["IsExternallyMaintained"]),
        constant("OnHoldStatus", "No", ownership=hold),
        copy("name", "OrganizationName", max_length=100),
        default("CustomerGroupId", "customer_group"),
        default("LanguageId", "language", fold_case=True),
        default("SiteId", "site"),
        default("WarehouseId", "warehouse"),
        currency("transactioncurrencyid.isocurrencycode", "SalesCurrencyCode", ownership=ON_CREATE),
        AddressBlock("address1", "Address", choices.addresses),
        AddressBlock(delivery, "DeliveryAddress", choices.addresses),
        AddressBlock("address1", "InvoiceAddress", choices.addresses, ownership=OFF),
        copy("telephone1", "PrimaryContactPhone", max_length=255),
        copy("fax", "PrimaryContactFax"),
        copy("emailaddress1", "PrimaryContactEmail", max_length=255),
        copy("websiteurl", "PrimaryContactURL"),
        copy("numberofemployees", "OrganizationNumberOfEmployees", type=int, empty=0),
        copy("creditlimit", "CreditLimit", type=Decimal, empty=0, ownership=OFF),
        copy("description", "SalesMemo"),
        copy("primarytwitterid", "PrimaryContactTwitter", ownership=OFF),
        default("PaymentTerms", "payment_terms", ownership=OFF),
        default("SalesTaxGroup", "sales_tax_group", ownership=OFF),
        unsourced("TaxExemptNumber", "`copy` from a column of your own", max_length=20),
    )


_EVERY_FIELD = AccountChoices(addresses=AddressRules(county=True, street_number=True))


class AccountMapper(SalesMapper):
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: AccountChoices | None = None) -> None:
        self.choices = choices = choices or AccountChoices()
        self.table = FieldTable(
            ENTITY_SET,
            TARGET_SET,
            account_words(choices),
            maps,
            also_read=_ALSO_READ,
            reads=ENTITY_SET,
            every=account_words(_EVERY_FIELD),
            needed=NEEDED,
            may_fill=True,
            zone=choices.scope.zone,
            flow=ACCOUNTS,
        )
        require_sound(self.table)
        super().__init__((self.table,), choices.scope)
        self._require_hold_to_be_owned()
        hold = choices.on_hold_when_ended
        self.rules = FieldRules(table=self.table, end={} if hold is OnHold.OFF else {"OnHoldStatus": hold.value})

    @cached_property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and choices; made when it is asked for, since checks alone need none."""
        return self.table.fingerprint(self.choices)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:  # noqa: ARG002 - an account says everything itself
        """Filter, map and validate one account. Raises SchemaDrift."""
        left_out = self.left_out(row.values)
        if left_out is not None:
            return left_out
        try:
            key = NUMBERING.of(row.values)
            _require_name(row)
            content = self.table.content(row.values)
        except Unmappable as unmappable:
            return unmappable.rejected()
        return Mapped(key, content.owned, content.on_create, remarks=content.remarks, fills=self.table.fills)

    def _require_hold_to_be_owned(self) -> None:
        owned = {field.name for field in self.table.fields if field.ownership is Ownership.OWNED}
        if self.choices.on_hold_when_ended is not OnHold.OFF and "OnHoldStatus" not in owned:
            raise SettingsInvalid(
                "ACCOUNTS_ON_HOLD_WHEN_ENDED puts customers on hold, and fields.accounts.OnHoldStatus of the "
                "map document keeps the sync from taking them off again: remove one of the two"
            )


def _require_name(row: SourceRow) -> None:
    if value_of(row.values, "name") is None:
        raise Unmappable("name_missing", "name is blank, and a customer in F&O needs one", remedy="name the account")
