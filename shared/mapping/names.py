"""The columns and fields that both systems are delivered with, and those that an organisation has added to them: what
the map document is checked against before anything is read or written."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path

from shared.mapping.dates import Behavior
from shared.mapping.spelling import nearest
from shared.mapping.type_names import WireType

SHIPPED = Path(__file__).with_name("names.json")


class ColumnKind(StrEnum):
    """What a column holds. A MEMBER is one of an enumeration of F&O, an OPTION one of a choice of Sales."""

    TEXT = "text"
    WHOLE = "whole"
    DECIMAL = "decimal"
    YES_NO = "yes_no"
    OPTION = "option"
    MEMBER = "member"
    DATE = "date"
    LOOKUP = "lookup"
    ID = "id"


# What each kind is on the wire.
TYPES: Mapping[ColumnKind, WireType] = {
    ColumnKind.TEXT: str,
    ColumnKind.MEMBER: str,
    ColumnKind.DATE: str,
    ColumnKind.ID: str,
    ColumnKind.WHOLE: int,
    ColumnKind.OPTION: int,
    ColumnKind.DECIMAL: Decimal,
    ColumnKind.YES_NO: bool,
}


@dataclass(frozen=True, slots=True)
class Name:
    """A column of Sales, or a field of F&O. `length` is a length that is verified, `options` are known of a choice of
    one's own only, `members` are in the order of their values: the first one is what an emptied field holds. `refused`
    says why it cannot be written. `leads_to` is the table to which a lookup of one's own leads."""

    kind: ColumnKind
    length: int | None = None
    options: tuple[int, ...] = ()
    members: tuple[str, ...] = ()
    behavior: Behavior | None = None
    refused: str = ""
    leads_to: str = ""


@dataclass(frozen=True, slots=True)
class KnownTable:
    """A table of Sales or a collection of F&O. `lookups` are the navigations of a table: each with its own column and
    the table that it leads to. `id_column` is empty in F&O."""

    names: Mapping[str, Name]
    id_column: str = ""
    lookups: Mapping[str, tuple[str, str]] = field(default_factory=dict)


_REFUSED = {"key": "it is the key, which the sync writes itself", "read_only": "it is read-only"}


class Names:
    """The names of every table; `own` are those that the map document adds."""

    def __init__(self, own: Mapping[str, Mapping[str, Name]]) -> None:
        self._own = own

    def find(self, table: str, path: str) -> Name | None:
        """A column, or `navigation.column` behind a lookup; None if neither the shipped names nor the document's own
        have it."""
        own = self._own.get(table, {}).get(path)
        if own is not None:
            return own
        navigation, dot, column = path.rpartition(".")
        known = shipped().get(table, KnownTable({}))
        if not dot:
            return known.names.get(column)
        way = self.way_of(table, navigation)
        return None if way is None else self.find(way[1], column)

    def way_of(self, table: str, navigation: str) -> tuple[str, str] | None:
        """The column of a navigation, and the table to which it leads; None if there is no such navigation. That of a
        lookup of one's own is called as its column, with capital letters."""
        own = self._own.get(table, {}).get(navigation)
        if own is not None and own.leads_to:
            return navigation.lower(), own.leads_to
        return shipped().get(table, KnownTable({})).lookups.get(navigation)

    def navigations_of(self, table: str) -> tuple[str, ...]:
        """The names of every navigation of a table."""
        own = (name for name, each in self._own.get(table, {}).items() if each.leads_to)
        return (*shipped().get(table, KnownTable({})).lookups, *own)

    def unknown(self, table: str, path: str, what: str) -> str:
        """What is told about a name that no table has."""
        near = self.nearest(table, path)
        hint = f"did you mean {near}? One" if near else "one"
        return f"{path} is no {what} of {table}: {hint} of your own is declared in `own_columns.{table}`"

    def nearest(self, table: str, path: str) -> str:
        """The known name that is most like a wrong one; empty if none is."""
        known = shipped().get(table, KnownTable({}))
        navigation, dot, column = path.rpartition(".")
        if dot and navigation in known.lookups:
            found = self.nearest(known.lookups[navigation][1], column)
            return f"{navigation}.{found}" if found else ""
        if dot:
            return nearest(navigation, known.lookups) and f"{nearest(navigation, known.lookups)}.{column}"
        return nearest(path, [*known.names, *self._own.get(table, {})])


@cache
def shipped() -> Mapping[str, KnownTable]:
    """The tables that both systems are delivered with, Sales with the Prospect-to-cash solution."""
    content = json.loads(SHIPPED.read_text(encoding="utf-8"))
    members = {name: tuple(found) for name, found in content["members"].items()}
    return {
        name: KnownTable(
            {column: _name(text, members) for column, text in table["columns"].items()},
            table.get("id", ""),
            {navigation: (way[0], way[1]) for navigation, way in table.get("lookups", {}).items()},
        )
        for name, table in content["tables"].items()
    }


def _name(text: str, members: Mapping[str, tuple[str, ...]]) -> Name:
    kind, *further = text.split(" ")
    told = [_REFUSED[part] for part in further if part in _REFUSED]
    value = next((part for part in further if part not in _REFUSED), "")
    refused = told[0] if told else ""
    match ColumnKind(kind):
        case ColumnKind.TEXT:
            return Name(ColumnKind.TEXT, length=int(value) if value else None, refused=refused)
        case ColumnKind.MEMBER:
            return Name(ColumnKind.MEMBER, members=members[value], refused=refused)
        case ColumnKind.DATE:
            return Name(ColumnKind.DATE, behavior=Behavior(value) if value else None, refused=refused)
        case other:
            return Name(other, refused=refused)
