"""The entity types and enumerations of the service, read from the schema file, with an organisation's own fields."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType

from local.simulator.owncolumns import OverlayUnreadable, OwnColumns
from shared.mapping.dates import Behavior
from shared.mapping.names import ColumnKind, Name

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
    """One property. `initial` is what a new record holds if no value was given; `own` is one of the organisation's
    own."""

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
    own: bool = False


@dataclass(frozen=True, slots=True)
class Navigation:
    """A way from a record to one record, or to `many`, of another collection; `declared` in the metadata document."""

    name: str
    target: str
    many: bool
    declared: bool


@dataclass(frozen=True, slots=True)
class EntityType:
    """One collection and its record type. `later` are properties of newer product versions; `others` are all
    collections of the schema."""

    set_name: str
    name: str
    aot: str
    label: str
    company_specific: bool
    key: tuple[str, ...]
    properties: Mapping[str, Property]
    navigations: Mapping[str, Navigation]
    later: tuple[str, ...]
    others: "Mapping[str, EntityType]" = field(compare=False, repr=False)
    blank: Mapping[str, str | int | None] = field(init=False, compare=False, repr=False)
    """What a row holds where nothing is given."""
    needed: tuple[str, ...] = field(init=False, compare=False, repr=False)
    """The properties that a row cannot leave out: the mandatory ones and those of its key."""

    def __post_init__(self) -> None:
        properties = self.properties.items()
        object.__setattr__(self, "blank", {name: property_.initial for name, property_ in properties})
        needed = tuple(name for name, property_ in properties if property_.mandatory or name in self.key)
        object.__setattr__(self, "needed", needed)

    @property
    def full_name(self) -> str:
        """The name of the record type with its namespace."""
        return f"{NAMESPACE}.{self.name}"


@dataclass(frozen=True, slots=True)
class Schema:
    """All collections by set name and all enumerations by name."""

    entities: Mapping[str, EntityType]
    enumerations: Mapping[str, Enumeration]


def load_schema(own: OwnColumns = MappingProxyType({})) -> Schema:
    """The collections as they are shipped, with the `own` fields of an organisation. Raises OverlayUnreadable."""
    return _extended(_shipped(), own) if own else _shipped()


@cache
def _shipped() -> Schema:
    content = json.loads((SCHEMAS / "finops-schema.json").read_text(encoding="utf-8"))
    enumerations = {
        name: Enumeration(name, {member["name"]: member["value"] for member in value["members"]})
        for name, value in content["enums"].items()
    }
    entities: dict[str, EntityType] = {}
    entities |= {name: _entity(value, enumerations, entities) for name, value in content["entities"].items()}
    return Schema(entities, enumerations)


def _extended(shipped: Schema, own: OwnColumns) -> Schema:
    enumerations = dict(shipped.enumerations)
    entities: dict[str, EntityType] = {}
    for name, kind in shipped.entities.items():
        fields = {
            each: _own_property(f"{name}.{each}", each, own[name][each], enumerations) for each in own.get(name, ())
        }
        entities[name] = replace(kind, properties={**fields, **kind.properties}, others=entities)
    return Schema(entities, enumerations)


_OWN_TYPES: Mapping[ColumnKind, Kind] = {
    ColumnKind.TEXT: Kind.STRING,
    ColumnKind.WHOLE: Kind.INT32,
    ColumnKind.DECIMAL: Kind.DECIMAL,
    ColumnKind.ID: Kind.GUID,
    ColumnKind.DATE: Kind.DATE,
    ColumnKind.MEMBER: Kind.ENUM,
}
_NO_YES = "NoYes"


def _own_property(place: str, name: str, column: Name, enumerations: dict[str, Enumeration]) -> Property:
    """A field of the organisation's own; an enumeration that is new joins the others. Raises OverlayUnreadable."""
    kind = _OWN_TYPES.get(column.kind)
    if kind is None:
        raise OverlayUnreadable(
            f"own_columns.{place} is of the type {column.kind}, which F&O does not have: write member with its members"
        )
    if column.behavior is Behavior.TIME_ZONE_INDEPENDENT:
        kind = Kind.DATE_TIME
    enumeration = _enumeration(place, column.members, enumerations) if kind is Kind.ENUM else None
    moment = dict.fromkeys((Kind.DATE, Kind.DATE_TIME), "Edm.DateTimeOffset")
    edm_type = {Kind.ENUM: f"{NAMESPACE}.{enumeration and enumeration.name}", **moment}
    return Property(
        name=name,
        kind=kind,
        edm_type=edm_type.get(kind, kind.value),
        enumeration=enumeration,
        mandatory=False,
        max_length=column.length,
        usual_length=None,
        read_only=False,
        label=name,
        initial=enumeration.initial if enumeration else _EMPTY[kind],
        own=True,
    )


def _enumeration(place: str, members: tuple[str, ...], enumerations: dict[str, Enumeration]) -> Enumeration:
    """The enumeration with these members in this order; one of that name with other members is another one."""
    if members == tuple(enumerations[_NO_YES].members):
        return enumerations[_NO_YES]
    collection, _, field_name = place.partition(".")
    name = field_name
    if name in enumerations and tuple(enumerations[name].members) != members:
        name = f"{collection}{field_name}"
    return enumerations.setdefault(name, Enumeration(name, {member: at for at, member in enumerate(members)}))


def metadata_document(schema: Schema) -> bytes:
    """The CSDL document, as served at /data/$metadata."""
    shipped = (SCHEMAS / "finops-metadata.xml").read_bytes()
    own = {kind.name: [each for each in kind.properties.values() if each.own] for kind in schema.entities.values()}
    if not any(own.values()):
        return shipped
    text = shipped.decode()
    for name, properties in own.items():
        beginning = text.index(f'<EntityType Name="{name}">')
        end = min(
            at for at in (text.find(mark, beginning) for mark in ("<NavigationProperty", "</EntityType>")) if at >= 0
        )
        lines = "".join(f'<Property Name="{each.name}" Type="{each.edm_type}"/>' for each in properties)
        text = text[:end] + lines + text[end:]
    first = text.index("<EnumType")
    further = (each for name, each in schema.enumerations.items() if name not in _shipped().enumerations)
    return (text[:first] + "".join(map(_declared, further)) + text[first:]).encode()


def _declared(of: Enumeration) -> str:
    members = "".join(f'<Member Name="{name}" Value="{value}"/>' for name, value in of.members.items())
    return f'<EnumType Name="{of.name}">{members}</EnumType>'


def _entity(
    of: dict[str, object], enumerations: Mapping[str, Enumeration], others: Mapping[str, EntityType]
) -> EntityType:
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
        others=others,
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
