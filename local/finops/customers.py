"""What is particular to customers: parties, names and languages."""

from collections.abc import Mapping

from local.finops.schema import load_schema
from local.finops.values import Stored

ORGANISATION, PERSON = "Organization", "Person"
ALIAS_LENGTH = 20

_PARTY_PREFIXES = (
    "Address",
    "DeliveryAddress",
    "InvoiceAddress",
    "Organization",
    "Person",
    "PrimaryContact",
    "NameAlias",
    "LanguageId",
    "KnownAs",
    "Party",
)
# An enumeration of the customer itself, in spite of its name: whose address invoices carry.
_CUSTOMERS_OWN = frozenset({"InvoiceAddress"})

PARTY_PROPERTIES = frozenset(
    name
    for name in load_schema().entities["CustomersV3"].properties
    if name.startswith(_PARTY_PREFIXES) and name not in _CUSTOMERS_OWN
)

# The languages of the product; a language is stored as it is spelt here.
LANGUAGES = (
    *("ar", "ar-AE", "ar-SA", "cs", "da", "de", "de-AT", "de-CH", "el", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN"),
    *("en-MY", "en-NZ", "en-PH", "en-SG", "en-US", "en-ZA", "es", "es-ES", "es-MX", "et", "fi", "fr", "fr-BE"),
    *("fr-CA", "fr-CH", "he", "hi", "hu", "is", "it", "it-CH", "ja", "ko", "lt", "lv", "ms", "nb", "nb-NO", "nl"),
    *("nl-BE", "pl", "pt", "pt-BR", "pt-PT", "ro", "ru", "sk", "sl", "sv", "sv-SE", "th", "tr", "uk", "vi"),
    *("zh-Hans", "zh-Hant"),
)
_SPELLING = {language.casefold(): language for language in LANGUAGES}

Row = Mapping[str, Stored]


def refusal(name: str, value: str) -> str | None:
    """Why a given value is impossible, None if it is not."""
    if name == "PartyType" and value not in (ORGANISATION, PERSON):
        return f"The value '{value}' in field 'Type' is not valid. Use {ORGANISATION} or {PERSON}."
    if name == "LanguageId" and value and value.casefold() not in _SPELLING:
        return f"The value '{value}' in field 'Language' is not found in the related table 'Language'."
    return None


def normalised(name: str, value: Stored) -> Stored:
    """The form in which the service keeps a value: en-us is stored as en-US."""
    if name == "LanguageId" and isinstance(value, str):
        return _SPELLING.get(value.casefold(), value)
    return value


def derived(row: Row, given: frozenset[str]) -> Row:
    """A new customer with its search name: the beginning of its name, cut also within blanks."""
    if "NameAlias" in given:
        return row
    return {**row, "NameAlias": name_of(row)[:ALIAS_LENGTH]}


def complaints(row: Row) -> tuple[str, ...]:
    """What a customer lacks: an organisation its name, a person the last name."""
    if row["PartyType"] == PERSON:
        return () if row["PersonLastName"] else ("Field 'Last name' must be filled in.",)
    return () if row["OrganizationName"] else ("Field 'Organization name' must be filled in.",)


def name_of(row: Row) -> str:
    """The name of a customer as people read it."""
    if row["PartyType"] != PERSON:
        return str(row["OrganizationName"])
    parts = (row["PersonFirstName"], row["PersonMiddleName"], row["PersonLastName"])
    return " ".join(str(part) for part in parts if part)
