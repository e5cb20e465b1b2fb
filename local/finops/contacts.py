"""What is particular to contact persons: people who belong to a customer and are parties of their own."""

from collections.abc import Mapping
from types import MappingProxyType

from local.finops.customers import PERSON
from local.finops.values import Stored

SET_NAME = "CDSContactPersonsV2"

CUSTOMER_PROPERTY: Mapping[str, str] = MappingProxyType(
    {
        "FirstName": "PersonFirstName",
        "MiddleName": "PersonMiddleName",
        "LastName": "PersonLastName",
        "Gender": "PersonGender",
        "MaritalStatus": "PersonMaritalStatus",
        "ContactPersonPartyType": "PartyType",
        "PrimaryEmailAddress": "PrimaryContactEmail",
        "PrimaryPhoneNumber": "PrimaryContactPhone",
        "PrimaryFaxNumber": "PrimaryContactFax",
        "PrimaryURL": "PrimaryContactURL",
        "PrimaryTwitter": "PrimaryContactTwitter",
        "PrimaryFacebook": "PrimaryContactFacebook",
        "PrimaryLinkedIn": "PrimaryContactLinkedIn",
        "PrimaryAddressDescription": "AddressDescription",
        "PrimaryAddressLocationRoles": "AddressLocationRoles",
        "PrimaryAddressStreet": "AddressStreet",
        "PrimaryAddressStreetNumber": "AddressStreetNumber",
        "PrimaryAddressCity": "AddressCity",
        "PrimaryAddressCountyId": "AddressCounty",
        "PrimaryAddressStateId": "AddressState",
        "PrimaryAddressZipCode": "AddressZipCode",
        "PrimaryAddressCountryRegionId": "AddressCountryRegionId",
        "PrimaryAddressCountryRegionISOCode": "AddressCountryRegionISOCode",
    }
)
"""What is said of a person as a contact, and the property in which a customer of the same party shows it."""

PARTY_PROPERTIES = frozenset(CUSTOMER_PROPERTY) | {"BirthDay", "BirthMonth", "BirthYear"}

Row = Mapping[str, Stored]


def refusal(name: str, value: str) -> str | None:
    """Why a given value is impossible, None if it is not."""
    match name:
        case "AssociatedContactType" if value != "Customer":
            # The environment has no vendors, prospects or contacts of contacts, so none can be named.
            return f"The value '{value}' in field 'Associated contact type' has no records in this environment."
        case "ContactPersonPartyType" if value != PERSON:
            return f"The value '{value}' in field 'Party type' is not valid. Use {PERSON}."
    return None


def derived(row: Row, _given: frozenset[str]) -> Row:
    """A new contact person, who is a person."""
    return {**row, "ContactPersonPartyType": PERSON}


def complaints(row: Row) -> tuple[str, ...]:
    """What a contact person lacks: the last name, as a customer who is a person does."""
    return () if row["LastName"] else ("Field 'Last name' must be filled in.",)
