"""Reads resource paths: entity set, key, and what follows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from local.dataverse.refusals import business_rule, resource_missing, wrong_request
from local.dataverse.schema import TEXTS, EntityType, Kind, Property
from local.dataverse.values import GUID
from local.simulator.store import Value

ROOT = re.compile(r"^/api/data/v9\.\d/?")
# Values with these do not work in a key of the address, encoded or not.
TROUBLE = frozenset("/<>*%&:\\?+")

_SEGMENT = re.compile(r"(?P<name>[$\w.]+)(?:\((?P<key>.*)\))?", re.DOTALL)
_PART = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?P<value>'(?:[^']|'')*'|[^',\s]+)\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a path: a name and, in parentheses, a text (None without parentheses)."""

    name: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """The row that an address means: by id, or by the values of an alternate key."""

    entity: EntityType
    row_id: str | None
    key: Mapping[str, Value] = field(default_factory=dict)


def segments(raw_path: str) -> list[Segment]:
    """The decoded parts of a path below the service root. Raises Refused (404) outside of it."""
    root = ROOT.match(raw_path)
    if root is None:
        raise resource_missing(raw_path)
    return [_segment(part) for part in raw_path[root.end() :].split("/") if part]


def target(entity: EntityType, key: str) -> Target:
    """The row that the text in the parentheses names. Raises Refused (400) for a text that is not a key."""
    if GUID.fullmatch(key):
        return Target(entity, key.lower())
    values = _key_values(entity, key)
    if set(values) == {entity.primary_id}:
        return Target(entity, str(values[entity.primary_id]))
    if set(values) not in [set(key.columns) for key in entity.keys]:
        raise wrong_request(
            f"The key in the request URI is not valid for resource 'Microsoft.Dynamics.CRM.{entity.name}'. Ensure that "
            "the names and number of key properties match the declared or alternate key properties for the resource."
        )
    for value in values.values():
        if isinstance(value, str) and TROUBLE & set(value):
            raise wrong_request(f"The key value '{value}' holds a character that cannot be part of an address.")
    return Target(entity, None, values)


def _segment(part: str) -> Segment:
    try:
        found = _SEGMENT.fullmatch(unquote(part, errors="strict"))
    except UnicodeDecodeError as error:
        raise wrong_request(f"The segment '{part}' is not UTF-8.") from error
    if found is None:
        raise resource_missing(part)
    return Segment(found.group("name"), found.group("key"))


def _key_values(entity: EntityType, text: str) -> dict[str, Value]:
    values: dict[str, Value] = {}
    position = 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            raise wrong_request(f"Bad Request - Error in query syntax: the key ({text}).")
        of = entity.properties.get(part.group("name"))
        if of is None:
            raise business_rule(
                "0x80060890", f"The specified key attributes are not a defined key for the {entity.name} entity"
            )
        values[of.column] = _literal(of, part.group("value"))
        position = part.end()
    return values


def _literal(of: Property, text: str) -> Value:
    quoted = text.startswith("'")
    content = text[1:-1].replace("''", "'") if quoted else text
    if of.kind in TEXTS and quoted:
        return content
    if of.kind in (Kind.GUID, Kind.LOOKUP) and GUID.fullmatch(content):
        return content.lower()
    if of.kind in (Kind.INTEGER, Kind.CHOICE) and re.fullmatch(r"-?\d{1,10}", content) and not quoted:
        return int(content)
    raise wrong_request(f"The value {text} does not fit the key property '{of.name}' of type '{of.kind}'.")
