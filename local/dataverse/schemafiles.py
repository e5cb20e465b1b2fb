"""The files of local/schemas as they are, with the overlay of the Prospect-to-cash solution put in."""

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from local.simulator.owncolumns import PART, OverlayUnreadable, OwnColumns, own_columns_in, read_object
from shared import exact_json
from shared.mapping.dates import Behavior
from shared.mapping.names import ColumnKind, Name
from shared.records import Json

FOLDER = Path(__file__).parent.parent / "schemas"

# A column of the table itself.
PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]*")
# What every column says of itself.
_NEEDED = ("name", "schema_name", "edm_type", "required_level", "read_only")

RawTables = Mapping[str, Mapping[str, Json]]
"""What the files say of each table, by logical name."""


def read_tables(*, solution: bool, own: RawTables = MappingProxyType({})) -> RawTables:
    """The tables, with what the Prospect-to-cash solution adds unless it is dropped, and with what the organisation
    itself has added."""
    tables = _tables("dataverse-schema.json")
    return _overlaid(_overlaid(tables, _tables("dataverse-p2c-solution.json")) if solution else tables, own)


def read_own(file: Path) -> RawTables:
    """The columns of an organisation's own, from a map document that has `own_columns`, or from a file in the form of
    dataverse-p2c-solution.json. Raises OverlayUnreadable."""
    entities = read_object(file)
    if PART in entities:
        return _declared(own_columns_in(entities, file), file)
    found = entities.get("entities")
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise OverlayUnreadable(
            f'{file} has neither "{PART}", as a map document, nor an object "entities" of tables; compare '
            "dataverse-p2c-solution.json."
        )
    known = _tables("dataverse-schema.json")
    unknown = sorted(name for name, table in found.items() if name not in known and not mapping(table).get("new_table"))
    if unknown:
        raise OverlayUnreadable(f"{file} adds columns to {', '.join(unknown)}, which are no tables of the simulator.")
    own = {name: mapping(table) for name, table in found.items()}
    for name, table in own.items():
        for attribute in mappings(table.get("attributes")):
            missing = [each for each in _NEEDED if each not in attribute]
            if missing:
                column = f"{name}.{attribute.get('name', '?')}"
                raise OverlayUnreadable(f"{file}: {column} lacks {', '.join(missing)}; compare the columns of account.")
    return own


def _declared(columns: OwnColumns, file: Path) -> RawTables:
    """Columns as the map document declares them, in the form of the schema files. Those of F&O are left out, and so is
    what lies behind lookups, and lookups of which the document does not say to which table they lead."""
    tables = {str(raw["entity_set"]): name for name, raw in _tables("dataverse-schema.json").items()}
    return {
        tables[entity_set]: {
            "attributes": [
                _attribute(f"{entity_set}.{name}", name, each, file)
                for name, each in own.items()
                if each.kind is not ColumnKind.LOOKUP and PLAIN_NAME.fullmatch(name)
            ],
            "lookups": [
                _own_lookup(name, each.leads_to, tables) for name, each in own.items() if each.kind is ColumnKind.LOOKUP
            ],
        }
        for entity_set, own in columns.items()
        if entity_set in tables
    }


def _own_lookup(name: str, entity_set: str, tables: Mapping[str, str]) -> Json:
    """A lookup as a customizer makes it: its column has small letters, its navigation those of the schema name. To a
    table that the simulator does not have, any id will do."""
    attribute, target = name.lower(), tables.get(entity_set, entity_set)
    return {
        "attribute": attribute,
        "schema_name": name,
        "value_property": f"_{attribute}_value",
        "targets": [target],
        "required_level": "None",
        "read_only": False,
        "navigation": [{"nav": name, "target": target, "entity_set": entity_set}],
    }


_OWN_TYPES: Mapping[ColumnKind, Mapping[str, Json]] = {
    ColumnKind.TEXT: {"edm_type": "Edm.String", "max_length": 100},
    ColumnKind.WHOLE: {"edm_type": "Edm.Int32", "min": -(2**31), "max": 2**31 - 1},
    ColumnKind.DECIMAL: {"edm_type": "Edm.Decimal", "kind": "decimal", "precision": 10, "precision_source": "column"},
    ColumnKind.YES_NO: {"edm_type": "Edm.Boolean", "default": False},
    ColumnKind.OPTION: {"edm_type": "Edm.Int32"},
    ColumnKind.DATE: {"edm_type": "Edm.DateTimeOffset", "date_behavior": "UserLocal", "date_format": "DateAndTime"},
    ColumnKind.ID: {"edm_type": "Edm.Guid"},
}
_LONGEST_TEXT = 4_000


def _attribute(place: str, name: str, column: Name, file: Path) -> Json:
    """A column as a customizer makes it if nobody says more. Raises OverlayUnreadable."""
    facts = _OWN_TYPES.get(column.kind)
    if facts is None or (column.kind is ColumnKind.OPTION and not column.options):
        needed = (
            f"type {column.kind}, which Sales does not have" if facts is None else "type option and has no `options`"
        )
        raise OverlayUnreadable(f"{file}: {PART}.{place} is of the {needed}; run `p2c map learn`, or correct it.")
    further: dict[str, Json] = {}
    if column.length is not None:
        further = {"max_length": column.length, **({"kind": "memo"} if column.length > _LONGEST_TEXT else {})}
    if column.options:
        further = {"options": [{"value": each, "label": f"{name} {each}"} for each in column.options]}
    if column.behavior is not None:
        is_day = column.behavior is Behavior.DATE_ONLY
        further = {
            "date_behavior": column.behavior.value,
            **({"edm_type": "Edm.Date", "date_format": "DateOnly"} if is_day else {}),
        }
    return {"name": name, "schema_name": name, "required_level": "None", "read_only": False, **facts, **further}


def read_relationships() -> Mapping[str, Json]:
    """The file of relationships."""
    return _read("dataverse-relationships.json")


def observed_organization() -> Mapping[str, Json]:
    """The settings of a live organisation that the one row of the organization table starts with."""
    observed = mapping(_read("dataverse-schema.json")["_organization_settings_observed"])
    return {name: value for name, value in observed.items() if not name.startswith("_")}


def mapping(value: Json) -> dict[str, Json]:
    """The value, which is an object."""
    assert isinstance(value, dict)
    return value


def mappings(value: Json) -> list[dict[str, Json]]:
    """The value, which is a list of objects; none where there is no value."""
    assert value is None or isinstance(value, list)
    return [mapping(item) for item in value or []]


def texts(value: Json) -> tuple[str, ...]:
    """The value, which is a list of texts."""
    assert isinstance(value, Iterable)
    return tuple(str(item) for item in value)


def whole(value: Json) -> int:
    """The value, which is a whole number."""
    assert isinstance(value, int)
    return value


def number(value: Json) -> Decimal | None:
    """The value where it is a number."""
    return Decimal(value) if isinstance(value, int | Decimal) else None


def _read(name: str) -> dict[str, Json]:
    return mapping(exact_json.loads((FOLDER / name).read_bytes()))


def _tables(name: str) -> RawTables:
    return {entity: mapping(value) for entity, value in mapping(_read(name)["entities"]).items()}


def _overlaid(base: RawTables, overlay: RawTables) -> RawTables:
    merged = dict(base)
    for name, added in overlay.items():
        merged[name] = added if added.get("new_table") else _extended(base[name], added)
    return merged


def _extended(base: Mapping[str, Json], added: Mapping[str, Json]) -> Mapping[str, Json]:
    changes = {str(each["name"]): mapping(each["change"]) for each in mappings(added.get("changed_attributes"))}
    attributes: list[Json] = [{**each, **changes.get(str(each["name"]), {})} for each in mappings(base["attributes"])]
    attributes += [dict(each) for each in mappings(added.get("attributes"))]
    lists: dict[str, Json] = {
        part: [*mappings(base.get(part)), *mappings(added.get(part))] for part in ("alternate_keys", "lookups")
    }
    return {**base, "attributes": attributes, **lists}
