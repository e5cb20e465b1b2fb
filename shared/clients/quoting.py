"""OData text: the only place where values become part of an address."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from unicodedata import category
from urllib.parse import quote
from uuid import UUID, uuid5

from shared.errors import RecordRejected
from shared.visible import whole_characters

# The web server in front of F&O may refuse these inside a path, encoded or not.
PATH_TROUBLE = frozenset("/\\?#%+:")
# In comparisons of F&O an asterisk matches any text.
WILDCARD = "*"

# Never change it: the ids of created rows depend on it.
_BRACKETS = {ord(each): f"\\u{ord(each):04x}" for each in "[]"}
_NAMESPACE = UUID("2f6c1d0e-6f0b-5c1a-9a53-7d1e0f4b8c26")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?Z")
# The version of an id that is derived from a name.
_NAME_BASED = 5
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Guid:
    """An id that is not quoted in OData text."""

    value: str


@dataclass(frozen=True, slots=True)
class EnumMember:
    """A member of an enumeration, whose `type` is the qualified name."""

    type: str
    member: str


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as both systems write it, such as `2026-07-14T12:00:00Z`, that is not quoted in OData text."""

    value: str


Literal = str | bool | int | Decimal | Guid | EnumMember | Moment


def name_based_id(name: str) -> str:
    """An id that is derived from a name: the same name gives the same id everywhere (RFC 9562, version 5). Half of a
    surrogate pair has no bytes and counts in its JSON form."""
    return str(uuid5(_NAMESPACE, whole_characters(name)))


def is_name_based(id: str) -> bool:
    """Whether an id is one that was derived from a name; Dataverse gives others."""
    return is_guid(id) and UUID(id).version == _NAME_BASED


def is_guid(text: str) -> bool:
    """Whether the text has the shape of an id."""
    return _GUID.fullmatch(text) is not None


def literal(value: Literal) -> str:
    """A value as OData text, not yet percent-encoded. Raises RecordRejected for text that cannot be sent."""
    match value:
        case str():
            return _quoted(value)
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case Guid():
            if not is_guid(value.value):
                raise _rejected("id_malformed", value.value, "is not an id", "correct the reference in the source")
            return value.value.lower()
        case EnumMember():
            return value.type + _quoted(value.member)
        case Moment():
            if _MOMENT.fullmatch(value.value) is None:
                raise _rejected("date_malformed", value.value, "is not a moment", "correct the date in the source")
            return value.value


def key_segment(parts: Mapping[str, Literal]) -> str:
    """The key of one record as it follows the name of its collection, percent-encoded.

    Raises RecordRejected with the cause `key_not_addressable` for a text that no key address can hold.
    """
    for value in parts.values():
        if isinstance(value, str):
            require_addressable(value)
    return "(" + ",".join(f"{name}={quote(literal(value), safe=_QUOTE)}" for name, value in parts.items()) + ")"


def row_address(entity_set: str, key: str, value: Literal) -> str:
    """The address of a row of Dataverse by an alternate key, percent-encoded, as a lookup is bound to it. Raises
    RecordRejected for text that cannot be sent."""
    return f"/{entity_set}({key}={quote(literal(value), safe=_QUOTE)})"


def require_addressable(key: str) -> None:
    """Raises RecordRejected unless the key can be part of a key address and be compared exactly in a filter."""
    trouble = sorted({character for character in key if not _is_addressable(character)})
    if trouble or not key.strip(" "):
        found = "holds " + " ".join(map(ascii, trouble)) if trouble else "is blank"
        raise _rejected(
            "key_not_addressable",
            key,
            f"{found} and cannot be the key of a record in F&O",
            "give the record a number without / \\ ? # % + : * and control characters",
        )


def can_be_compared(key: str) -> bool:
    """Whether a comparison in a filter finds this very key and no other."""
    return WILDCARD not in key and not any(_is_lost(character) for character in key)


def can_be_quoted(text: str) -> bool:
    """Whether a text can be part of an address at all."""
    return not any(_is_lost(character) for character in text)


def equals(field: str, value: Literal) -> str:
    """A comparison of a filter."""
    return f"{field} eq {literal(value)}"


def differs(field: str, value: Literal) -> str:
    """A comparison of a filter."""
    return f"{field} ne {literal(value)}"


def at_most(field: str, value: Literal) -> str:
    """A comparison of a filter, in the target's own order."""
    return f"{field} le {literal(value)}"


def at_least(field: str, value: Literal) -> str:
    """A comparison of a filter, in the target's own order."""
    return f"{field} ge {literal(value)}"


def less(field: str, value: Literal) -> str:
    """A comparison of a filter, in the target's own order."""
    return f"{field} lt {literal(value)}"


def greater(field: str, value: Literal) -> str:
    """A comparison of a filter, in the target's own order."""
    return f"{field} gt {literal(value)}"


def all_of(*conditions: str) -> str:
    """Every condition holds."""
    return " and ".join(conditions)


def any_condition(*conditions: str) -> str:
    """At least one condition holds."""
    return "(" + " or ".join(f"({condition})" for condition in conditions) + ")"


def any_of(field: str, values: Iterable[Literal]) -> str:
    """The field has one of these values; F&O knows no `in`."""
    return "(" + " or ".join(equals(field, value) for value in values) + ")"


def any_key(field: str, keys: Iterable[str]) -> str:
    """The field has one of these texts. One with an asterisk, which `eq` matches with any text, is asked for as a range
    from itself to itself."""
    return "(" + " or ".join(_is_key(field, key) for key in keys) + ")"


def one_of(field: str, values: Iterable[str]) -> str:
    """The field has one of these values, in the way that Dataverse knows. Microsoft's OData library counts the brackets
    of a list in its texts, too: there they are written as their numbers."""
    listed = ",".join(json.dumps(value, ensure_ascii=False).translate(_BRACKETS) for value in values)
    return f"Microsoft.Dynamics.CRM.In(PropertyName={literal(field)},PropertyValues=[{listed}])"


def columns(names: Iterable[str]) -> str:
    """The value of $select."""
    return ",".join(dict.fromkeys(names))


def expansions(navigations: Mapping[str, Iterable[str]]) -> str:
    """The value of $expand: navigation property -> the columns to bring."""
    return ",".join(f"{name}($select={columns(selected)})" for name, selected in navigations.items())


def query(parameters: Mapping[str, str]) -> str:
    """The part of an address behind the question mark, percent-encoded; a parameter without value is left out."""
    return "&".join(f"{name}={quote(value, safe=_QUERY_SAFE)}" for name, value in parameters.items() if value)


_QUOTE = "'"
_QUERY_SAFE = "'(),$="


def _quoted(text: str) -> str:
    if any(_is_lost(character) for character in text):
        raise _rejected(
            "text_not_sendable",
            text,
            "holds a character that cannot be part of a URL",
            "remove the control character or the half of a surrogate pair from the source",
        )
    return "'" + text.replace("'", "''") + "'"


def _is_key(field: str, key: str) -> str:
    if WILDCARD not in key:
        return equals(field, key)
    return f"({field} ge {literal(key)} and {field} le {literal(key)})"


def _is_lost(character: str) -> bool:
    return character == "\0" or category(character) == "Cs"


def _is_addressable(character: str) -> bool:
    return character not in PATH_TROUBLE and character != WILDCARD and category(character) not in ("Cc", "Cs")


def _rejected(cause: str, value: str, problem: str, remedy: str) -> RecordRejected:
    return RecordRejected(cause, f"{value[:100]!a} {problem}", remedy=remedy, sent=False)
