"""The tables of the organisation, read from the schema files: a further table is data, not code."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from local.dataverse.relationships import Relationship, primary_keys, relationships
from local.dataverse.schemafiles import RawTables, mapping, mappings, number, read_tables, texts, whole
from shared.records import Json

SERVED = (
    "account",
    "contact",
    "transactioncurrency",
    "uom",
    "uomschedule",
    "pricelevel",
    "productpricelevel",
    "product",
    "quote",
    "quotedetail",
    "salesorder",
    "salesorderdetail",
    "invoice",
    "invoicedetail",
    "systemuser",
    "team",
    "businessunit",
    "organization",
    "sdkmessage",
    "sdkmessagefilter",
    "msdynce_p2cautonumber",
)
SYSTEM_REQUIRED = "SystemRequired"


class Kind(StrEnum):
    """What values a property takes."""

    TEXT = "String"
    MEMO = "Memo"
    GUID = "Uniqueidentifier"
    LOOKUP = "Lookup"
    INTEGER = "Integer"
    CHOICE = "Picklist"
    BIG_INTEGER = "BigInt"
    BOOLEAN = "Boolean"
    DECIMAL = "Decimal"
    MONEY = "Money"
    DOUBLE = "Double"
    MOMENT = "DateTime"
    DATE = "Date"


NUMBERS = frozenset({Kind.DECIMAL, Kind.MONEY, Kind.DOUBLE})
TEXTS = frozenset({Kind.TEXT, Kind.MEMO})


@dataclass(frozen=True, slots=True)
class Property:
    """A column as it is on the wire (`name`) and in the store (`column`): they differ for lookups."""

    name: str
    column: str
    kind: Kind
    schema_name: str
    required: str = "None"
    on_create: bool = True
    on_update: bool = True
    max_length: int | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    precision: int | None = None
    precision_source: str = ""
    labels: Mapping[int, str] = field(default_factory=dict)
    default: Json = None
    state_of_status: Mapping[int, int] = field(default_factory=dict)
    status_of_state: Mapping[int, int] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    date_behavior: str = ""
    date_format: str = ""

    @property
    def type_column(self) -> str | None:
        """Where the table of a polymorphic lookup is stored, None for every other property."""
        return f"{self.column}__type" if len(self.targets) > 1 else None


@dataclass(frozen=True, slots=True)
class Navigation:
    """A single-valued navigation: how a lookup is bound and expanded."""

    name: str
    column: str
    targets: tuple[str, ...]
    delete_behavior: str


@dataclass(frozen=True, slots=True)
class Key:
    """An alternate key."""

    schema_name: str
    logical_name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntityType:
    """One table. `collections` are the navigations to rows that point to one of it, with the table of each; a `subset`
    has further columns in a real organisation."""

    name: str
    entity_set: str
    schema_name: str
    primary_id: str
    primary_name: str
    ownership: str
    tracked: bool
    bulk: bool
    properties: Mapping[str, Property]
    navigations: Mapping[str, Navigation]
    collections: Mapping[str, str]
    subset: bool
    keys: tuple[Key, ...]
    rows: tuple[Mapping[str, Json], ...] = ()

    columns: Mapping[str, Property] = field(init=False, repr=False)
    """The properties by their column."""
    blank: Mapping[str, int | str | None] = field(init=False, repr=False)
    """What the columns of a new row hold where nothing is given: the defaults of the metadata."""
    money: tuple[Property, ...] = field(init=False, repr=False)
    """The amounts of money but those in the base currency."""
    amounts: tuple[Property, ...] = field(init=False, repr=False)
    """All numbers with decimals that the currency or the organisation may round."""

    def __post_init__(self) -> None:
        properties = self.properties.values()
        object.__setattr__(self, "columns", {prop.column: prop for prop in properties})
        object.__setattr__(self, "blank", {name: value for prop in properties for name, value in _blank(prop)})
        amounts = tuple(prop for prop in properties if prop.kind in (Kind.MONEY, Kind.DECIMAL))
        object.__setattr__(self, "amounts", amounts)
        money = tuple(prop for prop in amounts if prop.kind is Kind.MONEY and not prop.column.endswith("_base"))
        object.__setattr__(self, "money", money)


def _blank(of: Property) -> Iterator[tuple[str, int | str | None]]:
    if of.type_column:
        yield of.type_column, None
    match of.default:
        case bool() | int() as default:
            yield of.column, int(default)
        case None:
            yield of.column, None
        case default:
            yield of.column, str(default)


@dataclass(frozen=True, slots=True)
class Schema:
    """All served tables, by logical name and by entity set.

    `sets` also holds the entity sets that are only referred to, and `ids` the primary keys of all whose key is known.
    `relationships` are by the table that has the lookup; a table that is not listed has some that no source describes.
    """

    entities: Mapping[str, EntityType]
    by_set: Mapping[str, EntityType]
    sets: Mapping[str, str]
    ids: Mapping[str, str]
    relationships: Mapping[str, tuple[Relationship, ...]]
    solution: bool


def load_schema(
    *,
    solution: bool = True,
    tracked: Mapping[str, bool] = MappingProxyType({}),
    unique_account_number: bool = False,
    unique_product_number: bool = False,
    own: RawTables = MappingProxyType({}),
) -> Schema:
    """The served tables, with the columns of the Prospect-to-cash solution unless it is dropped.

    `tracked` overrules per table whether change tracking is enabled; without it, tables that no source describes are
    not. `unique_account_number` adds the key that earlier versions of the solution had, `unique_product_number` one
    that a customizer declared on the product number: no organisation brings it along. `own` are further columns, in the
    form of the overlay of the solution.
    """
    raw = read_tables(solution=solution, own=own)
    entities = {name: _entity(raw[name]) for name in SERVED if name in raw}
    entities = {name: replace(entity, tracked=tracked.get(name, entity.tracked)) for name, entity in entities.items()}
    if unique_account_number:
        _declare(entities, "account", Key("msdynce_AccountNumber", "msdynce_accountnumber", ("accountnumber",)))
    if unique_product_number:
        _declare(entities, "product", Key("new_ProductNumber", "new_productnumber", ("productnumber",)))
    return Schema(
        entities,
        {entity.entity_set: entity for entity in entities.values()},
        _sets(raw),
        primary_keys(raw),
        relationships(raw),
        solution,
    )


def _declare(entities: dict[str, EntityType], name: str, key: Key) -> None:
    entities[name] = replace(entities[name], keys=(*entities[name].keys, key))


def _entity(raw: Mapping[str, Json]) -> EntityType:
    lookups = mappings(raw["lookups"])
    properties = [_attribute(each, raw) for each in mappings(raw["attributes"])] + [
        _lookup(lookup) for lookup in lookups
    ]
    navigations = [nav for lookup in lookups for nav in _navigations(lookup)]
    return EntityType(
        name=str(raw["logical_name"]),
        entity_set=str(raw["entity_set"]),
        schema_name=str(raw["schema_name"]),
        primary_id=str(raw["primary_id"]),
        primary_name=str(raw["primary_name"]),
        # A remark may follow the word: UserOwned (owner inherited, read-only).
        ownership=str(raw["ownership"]).partition(" ")[0],
        tracked=raw.get("change_tracking_default") is True,
        bulk=not str(raw.get("bulk_messages", "NOT")).startswith("NOT"),
        properties={property_.name: property_ for property_ in properties},
        navigations={navigation.name: navigation for navigation in navigations},
        collections={name: str(to) for name, to in mapping(raw.get("collections") or {}).items()},
        subset=raw.get("subset") is True,
        keys=tuple(_key(each) for each in mappings(raw.get("alternate_keys"))),
        rows=tuple(mappings(raw.get("rows"))),
    )


def _attribute(raw: Mapping[str, Json], of: Mapping[str, Json]) -> Property:
    name = str(raw["name"])
    labels = {whole(option["value"]): str(option["label"]) for option in mappings(raw.get("options"))}
    read_only = raw["read_only"] is True
    return Property(
        name=name,
        column=name,
        kind=_kind(raw, labels),
        schema_name=str(raw["schema_name"]),
        required=str(raw["required_level"]),
        on_create=not read_only and raw.get("valid_for_create") is not False,
        on_update=not read_only and raw.get("valid_for_update") is not False,
        max_length=whole(raw["max_length"]) if "max_length" in raw else None,
        minimum=number(raw.get("min")),
        maximum=number(raw.get("max")),
        precision=whole(raw["precision"]) if "precision" in raw else None,
        precision_source=str(raw.get("precision_source", "")),
        labels=labels,
        default=raw.get("default"),
        state_of_status=_states(raw, of) if name == "statuscode" else {},
        status_of_state={
            int(state): whole(status) for state, status in mapping(raw.get("default_status_by_state") or {}).items()
        },
        date_behavior=str(raw.get("date_behavior", "")),
        date_format=str(raw.get("date_format", "")),
    )


_KINDS = {
    ("Edm.String", ""): Kind.TEXT,
    ("Edm.String", "memo"): Kind.MEMO,
    ("Edm.Guid", ""): Kind.GUID,
    ("Edm.Int32", ""): Kind.INTEGER,
    ("Edm.Int64", ""): Kind.BIG_INTEGER,
    ("Edm.Boolean", ""): Kind.BOOLEAN,
    ("Edm.Decimal", "money"): Kind.MONEY,
    ("Edm.Decimal", "decimal"): Kind.DECIMAL,
    ("Edm.Double", ""): Kind.DOUBLE,
    ("Edm.DateTimeOffset", ""): Kind.MOMENT,
    ("Edm.Date", ""): Kind.DATE,
}


def _kind(raw: Mapping[str, Json], labels: Mapping[int, str]) -> Kind:
    kind = _KINDS[str(raw["edm_type"]), str(raw.get("kind", ""))]
    return Kind.CHOICE if labels and kind is Kind.INTEGER else kind


def _states(raw: Mapping[str, Json], of: Mapping[str, Json]) -> Mapping[int, int]:
    state = next(attribute for attribute in mappings(of["attributes"]) if attribute["name"] == "statecode")
    # An option names its state as an identifier: Under_Revision for "Under Revision".
    values = {
        re.sub(r"\W+", "_", str(option["label"])).strip("_"): whole(option["value"])
        for option in mappings(state["options"])
    }
    return {whole(option["value"]): values[str(option["state"])] for option in mappings(raw["options"])}


def _lookup(raw: Mapping[str, Json]) -> Property:
    read_only = raw["read_only"] is True
    return Property(
        name=str(raw["value_property"]),
        column=str(raw["attribute"]),
        kind=Kind.LOOKUP,
        schema_name=str(raw["schema_name"]),
        required=str(raw["required_level"]),
        on_create=not read_only and raw.get("valid_for_create") is not False,
        on_update=not read_only and raw.get("valid_for_update") is not False,
        targets=texts(raw["targets"]),
    )


def _navigations(lookup: Mapping[str, Json]) -> list[Navigation]:
    return [
        Navigation(
            name=str(raw["nav"]),
            column=str(lookup["attribute"]),
            targets=texts(lookup["targets"]) if "entity_sets" in raw else (str(raw["target"]),),
            delete_behavior=str(raw.get("delete_behavior", "NoCascade")),
        )
        for raw in mappings(lookup["navigation"])
    ]


def _sets(raw: RawTables) -> Mapping[str, str]:
    """Every entity set that something points to, with its table; also of tables that are not served."""
    sets = {str(each["entity_set"]): str(each["logical_name"]) for each in raw.values()}
    for item in raw.values():
        for lookup in mappings(item["lookups"]):
            for nav in mappings(lookup["navigation"]):
                sets.setdefault(str(nav["entity_set"]), str(nav["target"]))
    return sets


def _key(raw: Mapping[str, Json]) -> Key:
    return Key(str(raw["schema_name"]), str(raw["logical_name"]), texts(raw["attributes"]))
