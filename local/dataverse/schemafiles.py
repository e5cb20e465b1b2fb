"""The files of local/schemas as they are, with the overlay of the Prospect-to-cash solution put in."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from shared import exact_json
from shared.records import Json

FOLDER = Path(__file__).parent.parent / "schemas"

# What every column says of itself.
_NEEDED = ("name", "schema_name", "edm_type", "required_level", "read_only")

RawTables = Mapping[str, Mapping[str, Json]]
"""What the files say of each table, by logical name."""


class OverlayUnreadable(Exception):
    """A file of further columns cannot be used; the message names it, and says what is wrong."""


def read_tables(*, solution: bool, own: RawTables = MappingProxyType({})) -> RawTables:
    """The tables, with what the Prospect-to-cash solution adds unless it is dropped, and with what the organisation
    itself has added."""
    tables = _tables("dataverse-schema.json")
    return _overlaid(_overlaid(tables, _tables("dataverse-p2c-solution.json")) if solution else tables, own)


def read_own(file: Path) -> RawTables:
    """The columns of an organisation's own, from a file in the form of dataverse-p2c-solution.json. Raises
    OverlayUnreadable."""
    try:
        entities = exact_json.loads(file.read_bytes())
    except OSError as error:
        raise OverlayUnreadable(f"{file}: {error.strerror}; name a file of columns.") from error
    except (json.JSONDecodeError, ValueError) as error:
        raise OverlayUnreadable(f"{file} is not JSON: {error}") from error
    found = entities.get("entities") if isinstance(entities, dict) else None
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise OverlayUnreadable(f'{file} has no object "entities" of tables; compare dataverse-p2c-solution.json.')
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
    keys: list[Json] = [dict(each) for each in mappings(added.get("alternate_keys"))]
    return {**base, "attributes": attributes, "alternate_keys": keys}
