"""The files of local/schemas as they are, with the overlay of the Prospect-to-cash solution put in."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path

from shared import exact_json
from shared.records import Json

FOLDER = Path(__file__).parent.parent / "schemas"

RawTables = Mapping[str, Mapping[str, Json]]
"""What the files say of each table, by logical name."""


def read_tables(*, solution: bool) -> RawTables:
    """The tables, with what the Prospect-to-cash solution adds unless it is dropped."""
    tables = _tables("dataverse-schema.json")
    return _overlaid(tables, _tables("dataverse-p2c-solution.json")) if solution else tables


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
