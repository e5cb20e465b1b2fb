"""What a map document becomes with the entries of value maps that operators have set by hand above it.

An entry takes the place of the one with the same name in the document, and is a further one otherwise. What the
document becomes with it is checked as a whole, like a document that is deployed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from shared.mapping.value_maps import folded
from shared.records import BOTH, Json, MapEntry

UNITS = "units"
# The maps whose names are compared as names of countries are.
_COMPARED_LOOSELY = ("countries", "states", "value_maps")


def identity(entry: MapEntry) -> tuple[str, str, str]:
    """What no two entries that count share."""
    return entry.map, as_compared(entry.map, entry.name), entry.direction


def as_compared(map: str, name: str) -> str:
    """The name of an entry as the names of its map are compared."""
    if map == UNITS:
        return name.strip().casefold()
    return folded(name) if map.partition(".")[0] in _COMPARED_LOOSELY else name


def with_entries(content: Mapping[str, Json], entries: Iterable[MapEntry]) -> dict[str, Json]:
    """The content of a document with these entries; the given content is not changed."""
    made = dict(content)
    for entry in entries:
        part, _, within = entry.map.partition(".")
        if entry.map == UNITS:
            made[UNITS] = _with_unit(_list(made.get(UNITS)), entry)
        elif within:
            maps = _object(made.get(part))
            made[part] = {**maps, within: _with_code(_object(maps.get(within)), entry)}
        else:
            made[part] = _with_code(_object(made.get(part)), entry)
    return made


def code_in(content: Mapping[str, Json], entry: MapEntry) -> Json:
    """What a document itself has in the place of an entry; None if it has nothing there."""
    part, _, within = entry.map.partition(".")
    if entry.map == UNITS:
        return next((pair.get("finops") for pair in _list(content.get(UNITS)) if _is_pair(pair, entry)), None)
    there = _object(content.get(part))
    codes = _object(there.get(within)) if within else there
    wanted = as_compared(entry.map, entry.name)
    return next((code for name, code in codes.items() if as_compared(entry.map, name) == wanted), None)


def _with_code(codes: Mapping[str, Json], entry: MapEntry) -> dict[str, Json]:
    wanted = as_compared(entry.map, entry.name)
    there = [name for name in codes if as_compared(entry.map, name) == wanted]
    return {**codes, **dict.fromkeys(there or [entry.name], entry.code)}


def _with_unit(pairs: list[Any], entry: MapEntry) -> list[Json]:
    direction: dict[str, Json] = {} if entry.direction == BOTH else {"direction": entry.direction}
    pair: Json = {"sales": entry.name, "finops": entry.code, **direction}
    kept = [each for each in pairs if not _is_pair(each, entry)]
    place = next((number for number, each in enumerate(pairs) if _is_pair(each, entry)), len(kept))
    return [*kept[:place], pair, *kept[place:]]


def _is_pair(pair: Any, entry: MapEntry) -> bool:
    if not isinstance(pair, dict):
        return False
    same = as_compared(UNITS, str(pair.get("sales"))) == as_compared(UNITS, entry.name)
    return same and pair.get("direction", BOTH) == entry.direction


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Any]:
    return value if isinstance(value, list) else []
