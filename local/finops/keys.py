"""Reads the address of a request: collection, key and what follows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import unquote

from local.finops.refusals import PathRefused, RouteUnknown, bad_request
from local.finops.schema import NAMESPACE, EntityType, Kind, Property
from local.finops.values import Stored, stored

# The web server in front of the service refuses these inside a path, encoded or not.
TROUBLE = frozenset("/\\?#%+:")

_SEGMENT = re.compile(r"(?P<name>[A-Za-z_][\w.]*|\$\w+)(?:\((?P<key>.*)\))?", re.DOTALL)
_QUOTED = r"'(?:[^']|'')*'"
_PART = re.compile(rf"\s*(?:(?P<name>\w+)\s*=\s*)?(?P<literal>[\w.]*{_QUOTED}|[^',\s]+)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a path: a name and, in parentheses, the text of a key."""

    name: str
    key: str | None


def segments(path: str) -> tuple[Segment, ...]:
    """The parts of a raw path below /data. Raises PathRefused and RouteUnknown."""
    try:
        # Decoded after the split: an encoded slash belongs to a key, and no web server lets it pass there.
        parts = [unquote(part, errors="strict") for part in path.split("/") if part]
    except UnicodeDecodeError as error:
        raise PathRefused from error
    return tuple(_segment(part) for part in parts)


def record_key(of: EntityType, text: str) -> Mapping[str, Stored]:
    """The key values in a pair of parentheses, in the order of the schema.

    Raises Refused (400) if a part is missing, unknown, twice or of a wrong type.
    """
    given: dict[str, Stored] = {}
    for name, literal in _parts(of, text):
        if name not in of.key or name in given:
            raise bad_request(f"'{name}' is not a key property of '{of.name}', or is given twice.")
        given[name] = key_value(of.properties[name], literal)
    missing = [name for name in of.key if name not in given]
    if missing:
        raise bad_request(f"The key of '{of.name}' is incomplete: {', '.join(missing)} is missing.")
    return {name: given[name] for name in of.key}


def key_value(of: Property, literal: str) -> Stored:
    """The value of one literal in a URL."""
    prefix, quote, quoted = literal.partition("'")
    text = quoted[:-1].replace("''", "'")
    match of.kind:
        case Kind.STRING if quote and not prefix:
            if TROUBLE & set(text):
                raise PathRefused
            return stored(of, text)
        case Kind.ENUM if quote and of.enumeration and prefix == f"{NAMESPACE}.{of.enumeration.name}":
            return stored(of, text)
        case Kind.GUID | Kind.DATE | Kind.DATE_TIME if not quote:
            return stored(of, literal)
        case Kind.DECIMAL | Kind.INT32 | Kind.INT64 if not quote:
            return stored(of, _number(of, literal))
    raise bad_request(f"The key property '{of.name}' of type '{of.edm_type}' cannot be {literal}.")


def _number(of: Property, literal: str) -> int | Decimal:
    try:
        number = Decimal(literal)
    except InvalidOperation as error:
        raise bad_request(f"The key property '{of.name}' of type '{of.edm_type}' cannot be {literal}.") from error
    return int(literal) if re.fullmatch(r"-?\d+", literal) else number


def _segment(text: str) -> Segment:
    matched = _SEGMENT.fullmatch(text)
    if matched is None:
        raise PathRefused if "'" in text else RouteUnknown
    return Segment(matched["name"], matched["key"])


def _parts(of: EntityType, text: str) -> list[tuple[str, str]]:
    parts: list[tuple[str, str]] = []
    position = 0
    while position < len(text):
        matched = _PART.match(text, position)
        if matched is None:
            raise bad_request(f"The key ({text}) is not well formed.")
        parts.append((matched["name"] or "", matched["literal"]))
        position = matched.end()
    if len(parts) == 1 and len(of.key) == 1 and not parts[0][0]:
        return [(of.key[0], parts[0][1])]
    return parts
