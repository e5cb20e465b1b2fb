"""The entity types and enumerations of the service, read from the schema file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

NAMESPACE = "Microsoft.Dynamics.DataEntities"
COMPANY = "dataAreaId"

SCHEMAS = Path(__file__).parent.parent / "schemas"

# A date is kept at noon UTC, a date-time to the second; 1900 is the empty value of both.
EMPTY_DATE = "1900-01-01T12:00:00Z"
EMPTY_DATE_TIME = "1900-01-01T00:00:00Z"


class Kind(StrEnum):
    """What a property holds. The CSDL does not distinguish a date from a date-time; the values do."""

    STRING = "Edm.String"
    DECIMAL = "Edm.Decimal"
    INT32 = "Edm.Int32"
    INT64 = "Edm.Int64"
    GUID = "Edm.Guid"
    DATE = "date"
    DATE_TIME = "date-time"
    ENUM = "enum"


Initial = str | int | None

_EMPTY: Mapping[Kind, Initial] = {
    Kind.STRING: "",
    Kind.DECIMAL: 0,
    Kind.INT32: 0,
    Kind.INT64: 0,
    Kind.GUID: "00000000-0000-0000-0000-000000000000",
    Kind.DATE: EMPTY_DATE,
    Kind.DATE_TIME: EMPTY_DATE_TIME,
}


@dataclass(frozen=True, slots=True)
class Enumeration:
    """An enumeration with its members and their stored numbers."""

    name: str
    members: Mapping[str, int]

    @property
    def initial(self) -> str | None:
        """The member stored as 0; None if no member is: the only nulls the service answers."""
        return next((name for name, value in self.members.items() if value == 0), None)


@dataclass(frozen=True, slots=True)
class Property:
    """One property. `initial` is what a new record holds if no value was given."""

    name: str
    kind: Kind
    edm_type: str
    enumeration: Enumeration | None
    mandatory: bool
    max_length: int | None
    usual_length: int | None
    read_only: bool
    label: str
    initial: Initial


@dataclass(frozen=True, slots=True)
class Navigation:
    """A way from a record to one record, or to `many`, of another collection; `declared` in the metadata document."""

    name: str
    target: str
    many: bool
    declared: bool


@dataclass(frozen=True, slots=True)
class EntityType:
    """One collection and its record type. `later` are properties of newer product versions."""

    set_name: str
    name: str
    aot: str
    label: str
    company_specific: bool
    key: tuple[str, ...]
    properties: Mapping[str, Property]
    navigations: Mapping[str, Navigation]
    later: tuple[str, ...]

    @property
    def full_name(self) -> str:
        """The name of the record type with its namespace."""
        return f"{NAMESPACE}.{self.name}"


@dataclass(frozen=True, slots=True)
class Schema:
    """All collections by set name and all enumerations by name."""

    entities: Mapping[str, EntityType]
    enumerations: Mapping[str, Enumeration]


@cache
def load_schema() -> Schema:
    """Read the schema file that ships with the simulator."""
    content = json.loads((SCHEMAS / "finops-schema.json").read_text(encoding="utf-8"))
    enumerations = {
        name: Enumeration(name, {member["name"]: member["value"] for member in value["members"]})
        for name, value in content["enums"].items()
    }
    entities = {name: _entity(value, enumerations) for name, value in content["entities"].items()}
    return Schema(entities, enumerations)


@cache
def metadata_document() -> bytes:
    """The CSDL document, as served at /data/$metadata."""
    return (SCHEMAS / "finops-metadata.xml").read_bytes()


def _entity(of: dict[str, object], enumerations: Mapping[str, Enumeration]) -> EntityType:
    fields = of["fields"]
    key = of["key"]
    later = of["fields_seen_live_2026_07_but_not_listed"]
    navigations = of["navigation"]
    assert isinstance(fields, list)
    assert isinstance(key, list)
    assert isinstance(later, list)
    assert isinstance(navigations, list)
    properties = {field["name"]: _property(field, enumerations) for field in fields}
    return EntityType(
        set_name=str(of["entity_set"]),
        name=str(of["entity_type"]),
        # An inferred name stands in parentheses: (SalesOrderLineCDSV2Entity, name inferred).
        aot=str(of["aot_entity"]).strip("()").partition(",")[0],
        label=str(of["data_management_label"]),
        company_specific=bool(of["company_specific"]),
        key=tuple(key),
        properties=properties,
        navigations={way["name"]: _navigation(way) for way in navigations},
        later=tuple(later),
    )


def _navigation(way: Mapping[str, object]) -> Navigation:
    declared = not way.get("outside_this_file")
    return Navigation(str(way["name"]), str(way["target_set"]), bool(way["collection"]), declared)


def _property(field: dict[str, object], enumerations: Mapping[str, Enumeration]) -> Property:
    name = str(field["name"])
    seen = field.get("new_record_value")
    enumeration = enumerations[str(field["enum"])] if field["enum"] else None
    kind = _kind(name, str(field["type"]), seen)
    return Property(
        name=name,
        kind=kind,
        edm_type=str(field["type"]),
        enumeration=enumeration,
        mandatory=bool(field["mandatory"]),
        max_length=_length(field.get("max_length")),
        usual_length=_length(field.get("max_length_unverified")),
        read_only=bool(field.get("read_only_inferred")),
        label=str(field.get("label") or name),
        initial=_initial(kind, enumeration, seen),
    )


def _length(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _kind(name: str, edm_type: str, seen: object) -> Kind:
    if edm_type.startswith(NAMESPACE):
        return Kind.ENUM
    if edm_type != "Edm.DateTimeOffset":
        return Kind(edm_type)
    if isinstance(seen, str):
        return Kind.DATE if seen.endswith("T12:00:00Z") else Kind.DATE_TIME
    # Validity and edit stamps are date-times wherever a live record shows them.
    return Kind.DATE_TIME if name.endswith(("DateTime", "ValidFrom", "ValidTo")) else Kind.DATE


def _initial(kind: Kind, enumeration: Enumeration | None, seen: object) -> Initial:
    if isinstance(seen, int) or (isinstance(seen, str) and not seen.startswith("<")):
        return seen
    return enumeration.initial if enumeration else _EMPTY[kind]
