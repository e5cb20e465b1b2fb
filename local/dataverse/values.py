"""One value at a time: from JSON into the store and from the store into JSON text."""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from local.dataverse.refusals import Refused, business_rule, invalid_argument, wrong_payload
from local.dataverse.schema import NUMBERS, SYSTEM_REQUIRED, TEXTS, EntityType, Kind, Property
from local.simulator.store import Column, Value
from shared.records import Json

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
# Money shows four decimals, also if the precision of the column is lower.
_MONEY_DECIMALS = 4
_LARGEST = {Kind.INTEGER: 2**31, Kind.CHOICE: 2**31, Kind.BIG_INTEGER: 2**63}
_EXPONENT_LIMIT = 30
_MANY_DIGITS = Context(prec=60)

_text = json.JSONEncoder(ensure_ascii=False).encode


def stored(of: Property, value: Json, entity: EntityType) -> Value:
    """The form in which a value of a body is kept. Raises Refused for a wrong type, length, range or option."""
    if value is None:
        if of.required == SYSTEM_REQUIRED:
            raise invalid_argument(f"The attribute '{of.column}' of the '{entity.name}' entity cannot be null.")
        return None
    match of.kind:
        case Kind.TEXT | Kind.MEMO:
            return _stored_text(of, value, entity)
        case Kind.INTEGER | Kind.BIG_INTEGER | Kind.CHOICE:
            return _stored_integer(of, value, entity)
        case Kind.BOOLEAN:
            if not isinstance(value, bool):
                raise _wrong_type(of, value)
            return int(value)
        case Kind.DECIMAL | Kind.MONEY | Kind.DOUBLE:
            return _stored_number(of, value, entity)
    return _stored_word(of, value)


def rounded(number: str, decimals: int) -> str:
    """A number as the store keeps it, rounded half up."""
    return format(Decimal(number).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, _MANY_DIGITS), "f")


def moment(at: datetime) -> str:
    """An instant as it is stored and shown: UTC, whole seconds."""
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def parsed_moment(text: str) -> str:
    """An ISO 8601 instant in the form of the store. Raises ValueError."""
    found = datetime.fromisoformat(text)
    return moment(found if found.tzinfo else found.replace(tzinfo=UTC))


def renderer(of: Property) -> Callable[[Value], str]:
    """What turns a stored value of this property into JSON text."""
    match of.kind:
        case Kind.INTEGER | Kind.BIG_INTEGER | Kind.CHOICE | Kind.DECIMAL | Kind.DOUBLE:
            return _shown_number
        case Kind.BOOLEAN:
            return _shown_boolean
        case Kind.MONEY:
            return _shown_money
    return _shown_text


def column(of: Property) -> Column:
    """How the store keeps a property."""
    if of.kind in TEXTS:
        return Column.TEXT
    if of.kind in NUMBERS:
        return Column.DECIMAL
    if of.kind in (Kind.INTEGER, Kind.BIG_INTEGER, Kind.CHOICE, Kind.BOOLEAN):
        return Column.INTEGER
    return Column.EXACT_TEXT


def formatted(of: Property, value: Value) -> str | None:
    """The label of a choice or of a boolean, None for values without one."""
    match of.kind, value:
        case Kind.CHOICE, int():
            return of.labels.get(value)
        case Kind.BOOLEAN, int():
            return "Yes" if value else "No"
    return None


def _stored_text(of: Property, value: Json, entity: EntityType) -> str:
    if not isinstance(value, str):
        raise _wrong_type(of, value)
    try:
        length = len(value.encode("utf-16-le")) // 2
    except UnicodeEncodeError as error:
        raise wrong_payload(f"The value of '{of.name}' holds half of a surrogate pair.") from error
    if of.max_length is not None and length > of.max_length:
        raise business_rule(
            "0x80044331",
            f"A validation error occurred. The length of the '{of.column}' attribute of the '{entity.name}' entity "
            f"exceeded the maximum allowed length of '{of.max_length}'.",
        )
    return value


def _stored_integer(of: Property, value: Json, entity: EntityType) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong_type(of, value)
    if not -_LARGEST[of.kind] <= value < _LARGEST[of.kind]:
        raise _wrong_type(of, value)
    if of.kind is Kind.CHOICE and value not in of.labels:
        raise business_rule(
            "0x8004431a",
            f"A validation error occurred. The value {value} of '{of.column}' on record of type '{entity.name}' is "
            "outside the valid range. Accepted Values: " + ",".join(map(str, of.labels)),
        )
    _check_range(of, Decimal(value), entity)
    return value


def _stored_number(of: Property, value: Json, entity: EntityType) -> str:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _wrong_type(of, value)
    number = Decimal(value)
    if number and abs(number.adjusted()) > _EXPONENT_LIMIT:
        raise _wrong_type(of, value)
    _check_range(of, number, entity)
    return format(number, "f")


def _check_range(of: Property, number: Decimal, entity: EntityType) -> None:
    if (of.minimum is not None and number < of.minimum) or (of.maximum is not None and number > of.maximum):
        raise invalid_argument(
            f"A validation error occurred. The value {number} of '{of.column}' on record of type '{entity.name}' is "
            f"outside the valid range of {of.minimum} to {of.maximum}."
        )


def _stored_word(of: Property, value: Json) -> str:
    if not isinstance(value, str):
        raise _wrong_type(of, value)
    try:
        match of.kind:
            case Kind.MOMENT:
                return parsed_moment(value)
            case Kind.DATE:
                return date.fromisoformat(value).isoformat()
    except (ValueError, OverflowError) as error:
        raise _wrong_type(of, value) from error
    if not GUID.fullmatch(value):
        raise _wrong_type(of, value)
    return value.lower()


def _wrong_type(of: Property, value: Json) -> Refused:
    shown = str(value)[:100].encode(errors="replace").decode()
    return wrong_payload(f"Cannot convert the literal '{shown}' of '{of.name}' to the expected type '{of.kind}'.")


def _shown_text(value: Value) -> str:
    return "null" if value is None else _text(str(value))


def _shown_number(value: Value) -> str:
    return "null" if value is None else str(value)


def _shown_boolean(value: Value) -> str:
    return "null" if value is None else "true" if value else "false"


def _shown_money(value: Value) -> str:
    if value is None:
        return "null"
    whole, _, decimals = str(value).partition(".")
    return f"{whole}.{decimals:0<{_MONEY_DECIMALS}}"
