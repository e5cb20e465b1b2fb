"""What a map document makes of the maps of the flows, as tables, and what differs between two documents."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared import exact_json
from shared.flows.spec import Deployment
from shared.mapping.field_row import FieldRow
from shared.records import Json
from shared.systems import System

# The parts of a document that the tables of the mappings show, and those that are no part of a mapping.
_IN_TABLES = frozenset({"fields", "own_columns"})


@dataclass(frozen=True, slots=True)
class MapTable:
    """One mapping of a flow. `part` is its name in the document, `towards` the system of its target."""

    flow: str
    part: str
    source_set: str
    target_set: str
    towards: System
    rows: tuple[FieldRow, ...]


@dataclass(frozen=True, slots=True)
class MapDifference:
    """A place that differs between two documents; `old` and `new` say what it is in each, empty if it is not there."""

    place: str
    old: str
    new: str


def map_tables(deployment: Deployment, flow: str) -> tuple[MapTable, ...]:
    """The mappings of a flow. Raises SettingsInvalid."""
    spec = deployment.flows[flow]
    return tuple(
        MapTable(flow, table.part, table.source_set, table.target_set, spec.target, table.rows())
        for table in spec.tables(deployment)
    )


def map_differences(old: Deployment, new: Deployment) -> Iterator[MapDifference]:
    """What differs: first the fields of the mappings, then the other parts. Raises SettingsInvalid."""
    for flow in old.flows.names:
        for before, after in zip(map_tables(old, flow), map_tables(new, flow), strict=True):
            yield from _of_fields(before, after)
    yield from _of_values("", _other_parts(old), _other_parts(new))


def _of_fields(before: MapTable, after: MapTable) -> Iterator[MapDifference]:
    old, new = ({row.field: row.sentence for row in table.rows} for table in (before, after))
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            yield MapDifference(f"fields.{before.part}.{name}", old.get(name, ""), new.get(name, ""))


def _other_parts(deployment: Deployment) -> Mapping[str, Json]:
    return deployment.maps.model_dump(by_alias=True, exclude=set(_IN_TABLES))


def _of_values(place: str, old: Json | Mapping[str, Json], new: Json | Mapping[str, Json]) -> Iterator[MapDifference]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            yield from _of_values(f"{place}.{name}" if place else name, old.get(name), new.get(name))
    elif old != new:
        yield MapDifference(place, _told(old), _told(new))


def _told(value: Json | Mapping[str, Json]) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else exact_json.dumps(dict(value) if isinstance(value, Mapping) else value)
