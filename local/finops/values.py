"""Checks and spells the values of properties: JSON in, stored form, JSON out."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from local.finops.refusals import bad_request
from local.finops.schema import Kind, Property
from shared.records import Json

INT32 = range(-(2**31), 2**31)
INT64 = range(-(2**63), 2**63)
# A money value has 16 digits at most in the database type; more is an overflow, not a rounding.
MAX_DIGITS = 32
FIRST_YEAR, LAST_YEAR = 1900, 2154

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,12})?)?(Z|[+-]\d\d:\d\d)")

Stored = str | int | None


def stored(of: Property, value: Json) -> Stored:
    """Check a JSON value and give the form in which it is kept: text for exact decimals, a number for whole ones.

    Raises Refused (400) for null, a wrong JSON type, a number out of range, an unknown member.
    """
    if value is None:
        raise bad_request(
            f"A null value was found for the property named '{of.name}', which has the expected type "
            f"'{of.edm_type}'. Send an empty value of that type instead."
        )
    match of.kind, value:
        case Kind.STRING, str():
            return _text(of, value)
        case Kind.ENUM, str():
            return _member(of, value)
        case Kind.GUID, str():
            return _guid(of, value)
        case ((Kind.DATE | Kind.DATE_TIME), str()):
            return moment(of, value)
        case ((Kind.INT32 | Kind.INT64), int()) if not isinstance(value, bool):
            return _whole(of, value)
        case Kind.DECIMAL, int() | Decimal() if not isinstance(value, bool):
            return exact(of, Decimal(value))
    raise _cannot_convert(of, value)


def shown(of: Property, value: Stored) -> Json:
    """The JSON form of a stored value."""
    if of.kind is Kind.DECIMAL and value is not None:
        number = Decimal(value)
        return int(number) if number == number.to_integral_value() else number
    return value


def exact(of: Property, number: Decimal) -> str:
    """A decimal in full digits without trailing zeros, so equal numbers are equal texts."""
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS or len(number.as_tuple().digits) > MAX_DIGITS:
        raise _cannot_convert(of, str(number))
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def moment(of: Property, text: str) -> str:
    """A time stamp in UTC to the second; a date keeps its day and becomes noon."""
    if not _TIMESTAMP.fullmatch(text):
        raise _cannot_convert(of, text)
    try:
        moment_utc = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _cannot_convert(of, text) from error
    if not FIRST_YEAR <= moment_utc.year <= LAST_YEAR:
        raise _cannot_convert(of, text)
    return moment_utc.strftime("%Y-%m-%dT12:00:00Z" if of.kind is Kind.DATE else "%Y-%m-%dT%H:%M:%SZ")


def _text(of: Property, value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise bad_request(f"The property '{of.name}' holds half of a surrogate pair.") from error
    if "\0" in value:
        raise bad_request(f"The property '{of.name}' holds the character U+0000.")
    return value


def _whole(of: Property, value: int) -> int:
    if value not in (INT32 if of.kind is Kind.INT32 else INT64):
        raise _cannot_convert(of, value)
    return value


def _member(of: Property, value: str) -> str:
    assert of.enumeration is not None
    if value not in of.enumeration.members:
        raise _cannot_convert(of, value)
    return value


def _guid(of: Property, value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError as error:
        raise _cannot_convert(of, value) from error


def _cannot_convert(of: Property, value: Json) -> Exception:
    # The OData library of the service names type and value, not the property.
    return bad_request(f"Cannot convert the literal '{value}' to the expected type '{of.edm_type}'.")
