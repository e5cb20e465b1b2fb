"""contacts -> CDSContactPersonsV2 or CustomersV3: Dataverse `contact` to a contact person of a customer in F&O, or,
once it is an active customer, to a customer of party type Person.

Rules: docs/rules.md. The two tables below are the mapping; everything else is a filter, a choice, or the choice of the
route.
"""

from dataclasses import dataclass, field
from functools import cached_property

from shared.errors import SettingsInvalid
from shared.flows.accounts.mapping import OnHold
from shared.flows.contacts import CONTACTS
from shared.flows.sales_records import FieldRules, SalesMapper
from shared.mapping.addresses import AddressBlock, AddressRules
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.numbers import Numbering, record_number
from shared.mapping.scope import Scope
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Verdict
from shared.mapping.words import (
    Column,
    Ownership,
    Unmappable,
    Word,
    choice,
    constant,
    copy,
    currency,
    default,
    unsourced,
    value_of,
    yes_no,
)
from shared.records import SourceRow, composite

ENTITY_SET = "contacts"
ID_COLUMN = "contactid"
KEY_COLUMN = "msdynce_contactnumber"
KEY_LENGTH = 20

PERSON, CUSTOMER = "contact", "customer"
PERSON_SET, CUSTOMER_SET = "CDSContactPersonsV2", "CustomersV3"
PERSON_KEY = ("ContactPersonPartyNumber", "AssociatedContactNumber")
PERSON_CONSTANT_KEY = {"AssociatedContactType": "Customer"}
ASSOCIATED_CONTACT_TYPE = "Microsoft.Dynamics.DataEntities.smmContactPersonCDSAssociatedContactType"
CUSTOMER_KEY = "CustomerAccount"
# The values that mark a contact person and a customer as coming from a contact.
PERSON_MARK = {"IsContactPersonExternallyMaintained": "Yes"}
CUSTOMER_MARK = {"IsExternallyMaintained": "Yes", "PartyType": "Person"}
# What a contact person, and a customer, cannot do without.
PERSON_NEEDED = frozenset({"IsContactPersonExternallyMaintained", "LastName"})
CUSTOMER_NEEDED = frozenset(
    {"PartyType", "IsExternallyMaintained", "PersonLastName", "CustomerGroupId", "SalesCurrencyCode"}
)
# Also of a contact person: it may become a customer, and its number never changes.
NUMBERING = Numbering(
    KEY_COLUMN,
    needed_as=CUSTOMER_KEY,
    length=KEY_LENGTH,
    when_missing="give the contact a number (the Sales solution numbers new contacts automatically)",
    when_too_long="give the contact a shorter number",
)
# The names of both tables in the map document.
PERSON_PART, CUSTOMER_PART = "contact_persons", "contact_customers"

OFF, ON_CREATE = Ownership.OFF, Ownership.ON_CREATE
_ACCOUNT = "parentcustomerid_account.accountid"
_PARENT = "_parentcustomerid_value"
GENDERS = {1: "Male", 2: "Female"}
MARITAL_STATUSES = {1: "Single", 2: "Married", 3: "Divorced", 4: "Widowhood"}
_ALSO_READ = (
    Column(KEY_COLUMN),
    Column("lastname"),
    Column("statecode", int),
    Column("merged", bool),
    Column("msdynce_isactivecustomer", bool),
    Column(_PARENT),
    Column(_ACCOUNT),
    Column("createdon", is_date=True),
    Column("modifiedon", is_date=True),
)


@dataclass(frozen=True, slots=True)
class ContactChoices:
    """What a deployment decides for contacts (settings). `own_party_number` says that a customer's party number is the
    contact's number, instead of one that F&O gives."""

    own_party_number: bool = True
    on_hold_when_ended: OnHold = OnHold.OFF
    adopt_existing: bool = False
    scope: Scope = field(default_factory=Scope)
    addresses: AddressRules = field(default_factory=AddressRules)


def person_words(choices: ContactChoices) -> tuple[Word, ...]:
    """The mapping to a contact person."""
    return (
        constant("IsContactPersonExternallyMaintained", PERSON_MARK["IsContactPersonExternallyMaintained"]),
        constant("IsInactive", "No"),
        copy("firstname", "FirstName"),
        copy("middlename", "MiddleName"),
        copy("lastname", "LastName"),
        AddressBlock("address1", "PrimaryAddress", choices.addresses, code="Id"),
        copy("telephone1", "PrimaryPhoneNumber"),
        copy("fax", "PrimaryFaxNumber"),
        copy("emailaddress1", "PrimaryEmailAddress"),
        copy("websiteurl", "PrimaryURL"),
        copy("jobtitle", "EmploymentProfession"),
        copy("department", "EmploymentDepartment"),
        copy("description", "Notes"),
        choice("gendercode", "Gender", GENDERS, ownership=OFF, empty="Unknown"),
        choice("familystatuscode", "MaritalStatus", MARITAL_STATUSES, ownership=OFF, empty="None"),
        yes_no("donotemail", "IsReceivingDirectMail", ownership=OFF, opposite=True),
        unsourced("DecisionMakingRoleCode", "`option` from `accountrolecode` with the codes of F&O"),
        unsourced("PrimaryTwitter", "`copy` from a column of your own"),
    )


def customer_words(choices: ContactChoices) -> tuple[Word, ...]:
    """The mapping to a customer."""
    party = ON_CREATE if choices.own_party_number else OFF
    hold = OFF if choices.on_hold_when_ended is OnHold.OFF else Ownership.OWNED
    return (
        record_number(KEY_COLUMN, "PartyNumber", ownership=party),
        constant("PartyType", CUSTOMER_MARK["PartyType"], ownership=ON_CREATE),
        constant("IsExternallyMaintained", CUSTOMER_MARK["IsExternallyMaintained"]),
        constant("OnHoldStatus", "No", ownership=hold),
        copy("firstname", "PersonFirstName"),
        copy("middlename", "PersonMiddleName"),
        copy("lastname", "PersonLastName"),
        copy("jobtitle", "PersonProfessionalTitle"),
        default("CustomerGroupId", "customer_group"),
        default("LanguageId", "language", fold_case=True),
        default("SiteId", "site"),
        default("WarehouseId", "warehouse"),
        currency("transactioncurrencyid.isocurrencycode", "SalesCurrencyCode", ownership=ON_CREATE),
        AddressBlock("address1", "Address", choices.addresses),
        AddressBlock("address2", "InvoiceAddress", choices.addresses),
        AddressBlock("address3", "DeliveryAddress", choices.addresses),
        copy("telephone1", "PrimaryContactPhone", max_length=255),
        copy("fax", "PrimaryContactFax"),
        copy("emailaddress1", "PrimaryContactEmail", max_length=255),
        copy("websiteurl", "PrimaryContactURL"),
        copy("description", "SalesMemo"),
        choice("gendercode", "PersonGender", GENDERS, ownership=OFF, empty="Unknown"),
        choice("familystatuscode", "PersonMaritalStatus", MARITAL_STATUSES, ownership=OFF, empty="None"),
        unsourced("PrimaryContactTwitter", "`copy` from a column of your own"),
        default("PaymentTerms", "payment_terms", ownership=OFF),
        default("SalesTaxGroup", "sales_tax_group", ownership=OFF),
        unsourced("TaxExemptNumber", "`copy` from a column of your own", max_length=20),
    )


_EVERY_FIELD = ContactChoices(addresses=AddressRules(county=True, street_number=True))


class ContactMapper(SalesMapper):
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: ContactChoices | None = None) -> None:
        self.choices = choices = choices or ContactChoices()
        self.person = FieldTable(
            PERSON_PART,
            PERSON_SET,
            person_words(choices),
            maps,
            also_read=_ALSO_READ,
            lengths=PERSON_PART,
            reads=ENTITY_SET,
            every=person_words(_EVERY_FIELD),
            needed=PERSON_NEEDED,
            may_fill=True,
            zone=choices.scope.zone,
            flow=CONTACTS,
        )
        self.customer = FieldTable(
            CUSTOMER_PART,
            CUSTOMER_SET,
            customer_words(choices),
            maps,
            also_read=_ALSO_READ,
            lengths=CUSTOMER_PART,
            reads=ENTITY_SET,
            every=customer_words(_EVERY_FIELD),
            needed=CUSTOMER_NEEDED,
            may_fill=True,
            zone=choices.scope.zone,
            flow=CONTACTS,
        )
        require_sound(self.person, self.customer)
        super().__init__((self.person, self.customer), choices.scope)
        _require_owned(self.person, PERSON_PART, "IsInactive", "the end of a contact turns contact persons inactive")
        hold = choices.on_hold_when_ended
        if hold is not OnHold.OFF:
            holds = "CONTACTS_ON_HOLD_WHEN_ENDED puts customers on hold"
            _require_owned(self.customer, CUSTOMER_PART, "OnHoldStatus", holds)
        self.person_rules = FieldRules(table=self.person, end={"IsInactive": "Yes"})
        held = {} if hold is OnHold.OFF else {"OnHoldStatus": hold.value}
        self.customer_rules = FieldRules(table=self.customer, end=held)

    @cached_property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and choices; made when it is asked for, since checks alone need none."""
        return self.person.fingerprint(self.choices, self.customer.fingerprint())

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The account of the contact."""
        account = value_of(row.values, _ACCOUNT)
        return () if account is None else (Parent("accounts", CUSTOMER, str(account).lower()),)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, choose the route, map and validate one contact. Raises SchemaDrift."""
        values = row.values
        left_out = self.left_out(values)
        if left_out is not None:
            return left_out
        try:
            if values.get("msdynce_isactivecustomer") is True or known.route == CUSTOMER:
                return self._as_customer(row)
            if value_of(values, _ACCOUNT) is not None:
                return self._as_person(row, known)
        except Unmappable as unmappable:
            return unmappable.rejected()
        # Both end a contact person whose account was taken away: it belongs to no customer any more.
        if value_of(values, _PARENT) is None:
            return Filtered("no_account", ends=True)
        return Filtered("contact_of_contact", ends=True)

    def _as_customer(self, row: SourceRow) -> Mapped:
        key = NUMBERING.of(row.values)
        _require_name(row)
        content = self.customer.content(row.values)
        fills = self.customer.fills
        return Mapped(key, content.owned, content.on_create, route=CUSTOMER, remarks=content.remarks, fills=fills)

    def _as_person(self, row: SourceRow, known: Known) -> Mapped:
        own = NUMBERING.of(row.values)
        _require_name(row)
        content = self.person.content(row.values)
        parents = self.parents(row)
        # The account's own number as committed: what Sales shows may have been changed since.
        key = composite(own, known.keys.get(parents[0], ""))
        return Mapped(
            key,
            content.owned,
            content.on_create,
            parents=parents,
            route=PERSON,
            remarks=content.remarks,
            fills=self.person.fills,
        )


def _require_owned(table: FieldTable, part: str, name: str, what: str) -> None:
    """What an end sets must be ours to set back when the contact comes back."""
    if name not in {each.name for each in table.fields if each.ownership is Ownership.OWNED}:
        raise SettingsInvalid(
            f"{what}, and fields.{part}.{name} of the map document keeps the sync from setting {name} back: "
            f"remove fields.{part}.{name}"
        )


def _require_name(row: SourceRow) -> None:
    if value_of(row.values, "lastname") is None:
        raise Unmappable(
            "name_missing", "lastname is blank, and a person in F&O needs one", remedy="give the contact a last name"
        )
