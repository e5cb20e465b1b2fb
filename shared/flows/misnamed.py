"""What a map document has wrong about the flows while parts of it are missing or unknown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from shared.errors import MapInvalid, SettingsInvalid
from shared.map_mistakes import MapMistake
from shared.mapping.map_source import MapSource, map_source
from shared.mapping.spelling import nearest
from shared.mapping.value_maps import ValueMaps
from shared.records import Json

# What other parts name: a stand-in declares nothing, so each name that a misspelt part declares would be a mistake.
_DECLARING = ("own_columns", "value_maps")
# Without them, texts would seem too long, and lengths would seem to be of no field.
_LENGTHS = (("text_lengths",), ("fields",))
# An entry of `fields` is at: fields, mapping, field.
_DEPTH_OF_FIELDS = 3
_ROUNDS = 5
Maps = TypeVar("Maps", bound=ValueMaps)


@dataclass(frozen=True, slots=True)
class OfNames:
    """What is wrong with the names in a document, and whether checks were left out."""

    mistakes: tuple[MapMistake, ...]
    left_out: bool = False


_NOT_CHECKED = OfNames((), left_out=True)


def mistakes_of_names(source: MapSource, model: type[Maps], check: Callable[[Maps], None]) -> OfNames:
    """What `check` says of a document of this model; the parts that are shipped stand in for those that it lacks.
    What has not its form is left out. Nothing is said if that declares what others name, or may be a misspelt part that
    does."""
    left_out = False
    try:
        given, shipped = source.content(), map_source(None).content()
        if not isinstance(given, dict) or not isinstance(shipped, dict):
            return _NOT_CHECKED
        known = {name: value for name, value in given.items() if name in model.model_fields}
        empty = [name for name in _DECLARING if not known.get(name)]
        if any(nearest(str(name), empty) for name in given if name not in known):
            return _NOT_CHECKED
        maps, left_out = _of_form(known, shipped, model)
        if maps is None:
            return _NOT_CHECKED
        check(maps)
    except MapInvalid as invalid:
        return OfNames(invalid.mistakes, left_out=left_out or invalid.left_out)
    except SettingsInvalid as invalid:
        return OfNames((str(invalid),), left_out=left_out)
    return OfNames((), left_out=left_out)


def _of_form(known: dict[str, Json], shipped: Mapping[str, Json], model: type[Maps]) -> tuple[Maps | None, bool]:
    """The document without what has not its form, and whether anything was left out; None if nothing can be said of the
    rest. What is left out may leave another part without what it needs, so it takes some rounds."""
    for times in range(_ROUNDS):
        try:
            return model.model_validate({**shipped, **known}), times > 0
        except ValidationError as invalid:
            places = {_place(known, error["loc"]) for error in invalid.errors()}
        if any(not place or place[0] in _DECLARING or place in _LENGTHS for place in places):
            break
        for place in places:
            _leave_out(known, place)
    return None, True


def _place(document: Json, location: Sequence[str | int]) -> tuple[str, ...]:
    """The names that lead to what is wrong, or to the list that has it: an entry less would shift the others. What is
    missing leads to what lacks it."""
    place: list[str] = []
    value = document
    # An entry of `fields` without a word says nothing without what is wrong in it.
    is_bare = "<override>" in location or "<ownership>" in location
    for part in location[:_DEPTH_OF_FIELDS] if is_bare else location:
        # Other parts are pydantic's, such as the branch of a union.
        if isinstance(value, dict) and part in value:
            place.append(str(part))
            value = value[str(part)]
        elif isinstance(value, list):
            break
    return tuple(place)


def _leave_out(document: dict[str, Json], place: tuple[str, ...]) -> None:
    *within, name = place
    value: Json = document
    for part in within:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict):
        value.pop(name, None)
    lengths = document.get("text_lengths")
    if len(place) == _DEPTH_OF_FIELDS and place[0] == "fields" and isinstance(lengths, dict):
        # A field that is unknown now has no length.
        for of_target in lengths.values():
            if isinstance(of_target, dict):
                of_target.pop(name, None)
