"""accounts -> CustomersV3: Dataverse `account` to F&O customers of party type Organization.

Rules: docs/rules.md. The table below is the mapping; everything else in this module is a filter or a choice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from pydantic import Field

from shared.errors import SettingsInvalid
from shared.mapping.addresses import AddressBlock, AddressRules
from shared.mapping.conditions import all_hold
from shared.mapping.field_table import FieldTable, require_known
from shared.mapping.numbers import Numbering, record_number
from shared.mapping.scope import Scope
from shared.mapping.value_maps import Condition, ValueMaps, as_known_to
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Verdict
from shared.mapping.words import (
    Column,
    Ownership,
    Unmappable,
    Word,
    constant,
    copy,
    currency,
    default,
    value_of,
)
from shared.records import Json, SourceRow

ENTITY_SET = "accounts"
ID_COLUMN = "accountid"
TARGET_SET = "CustomersV3"
KEY_COLUMN = "accountnumber"
KEY_FIELD = "CustomerAccount"
KEY_LENGTH = 20
# Which customers come from accounts, whoever has written them.
MARK = {"IsExternallyMaintained": "Yes", "PartyType": "Organization"}
NUMBERING = Numbering(
    KEY_COLUMN,
    needed_as=KEY_FIELD,
    length=KEY_LENGTH,
    when_missing="give the account a number (the Sales solution numbers new accounts by itself)",
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
_INACTIVE = 1


class AccountMaps(ValueMaps):
    """What the flow adds to the value-map document."""

    account_filter: list[Condition] = Field(default_factory=list)


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
        copy("telephone1", "PrimaryContactPhone", max_length=255),
        copy("fax", "PrimaryContactFax"),
        copy("emailaddress1", "PrimaryContactEmail", max_length=255),
        copy("websiteurl", "PrimaryContactURL"),
        copy("numberofemployees", "OrganizationNumberOfEmployees", type=int, empty=0),
        copy("creditlimit", "CreditLimit", type=Decimal, empty=0, ownership=OFF),
        copy("description", "SalesMemo"),
    )


_EVERY_FIELD = AccountChoices(addresses=AddressRules(county=True, street_number=True))


class AccountMapper:
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: AccountChoices | None = None) -> None:
        self._choices = choices or AccountChoices()
        self._conditions = as_known_to(AccountMaps, maps).account_filter
        require_known(maps, ENTITY_SET, TARGET_SET, account_words(_EVERY_FIELD))
        self.table = FieldTable(ENTITY_SET, TARGET_SET, account_words(self._choices), maps, also_read=_ALSO_READ)
        self._require_hold_to_be_owned()
        self.fingerprint = self.table.fingerprint(self._choices)

    @property
    def adopts_existing(self) -> bool:
        """Whether a customer that exists already and is not linked becomes the account's (rules.md, Adoption)."""
        return self._choices.adopt_existing

    @property
    def select(self) -> tuple[str, ...]:
        """The columns to read: those of the mapping and those of the filters."""
        filtered = (condition.column for condition in self._conditions)
        return tuple(dict.fromkeys((*self.table.select, *filtered)))

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:  # noqa: ARG002 - it has none
        """An account waits for no other record."""
        return ()

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:  # noqa: ARG002 - an account says everything itself
        """Filter, map and validate one account. Raises SchemaDrift."""
        values = row.values
        self.table.check_source(values)
        if values.get("merged") is True:
            return Filtered("merged", ends=True)
        if values.get("statecode") == _INACTIVE:
            return Filtered("inactive", ends=True)
        if not all_hold(self._conditions, values):
            return Filtered("account_filter")
        try:
            key = NUMBERING.of(values)
            _require_name(row)
            content = self.table.content(values)
        except Unmappable as unmappable:
            return unmappable.rejected()
        return Mapped(key, content.owned, content.on_create, remarks=content.remarks)

    def _require_hold_to_be_owned(self) -> None:
        owned = {field.name for field in self.table.fields if field.ownership is Ownership.OWNED}
        if self._choices.on_hold_when_ended is not OnHold.OFF and "OnHoldStatus" not in owned:
            raise SettingsInvalid(
                "ACCOUNTS_ON_HOLD_WHEN_ENDED puts customers on hold, and ownership.accounts.OnHoldStatus of the "
                "value-map document keeps the sync from taking them off again: remove one of the two"
            )

    def ended(self) -> Mapping[str, Json]:
        """What changes in F&O when a linked account ends: nothing, or its hold status by setting."""
        hold = self._choices.on_hold_when_ended
        return {} if hold is OnHold.OFF else {"OnHoldStatus": hold.value}

    def empty(self, field: str) -> Json:
        """What empties a field in F&O."""
        return self.table.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether F&O's value is ours, after its normalisation."""
        return self.table.agree(field, ours, theirs)

    def in_scope(self, row: SourceRow) -> bool:
        """Whether an account without a link belongs to the first run."""
        return self._choices.scope.holds(row)


def _require_name(row: SourceRow) -> None:
    if value_of(row.values, "name") is None:
        raise Unmappable("name_missing", "name is blank, and a customer in F&O needs one", remedy="name the account")
