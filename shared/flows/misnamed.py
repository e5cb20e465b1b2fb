"""What a map document has wrong about the flows while parts of it are missing or unknown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from shared.errors import MapInvalid, SettingsInvalid
from shared.map_mistakes import MapMistake
from shared.mapping.map_source import MapSource, map_source
from shared.mapping.spelling import nearest
from shared.mapping.value_maps import ValueMaps

# What other parts name: a stand-in declares nothing, so each name that a misspelt part declares would be a mistake.
_DECLARING = ("own_columns", "value_maps")
Maps = TypeVar("Maps", bound=ValueMaps)


@dataclass(frozen=True, slots=True)
class OfNames:
    """What is wrong with the names in a document, and whether checks were left out."""

    mistakes: tuple[MapMistake, ...]
    left_out: bool = False


_NOT_CHECKED = OfNames((), left_out=True)


def mistakes_of_names(source: MapSource, model: type[Maps], check: Callable[[Maps], None]) -> OfNames:
    """What `check` says of a document of this model; the parts that are shipped stand in for those that it lacks.
    Nothing is said if a part has not its form, or may be a misspelt one that declares what others name."""
    try:
        given, shipped = source.content(), map_source(None).content()
        if not isinstance(given, dict) or not isinstance(shipped, dict):
            return _NOT_CHECKED
        known = {name: value for name, value in given.items() if name in model.model_fields}
        empty = [name for name in _DECLARING if not known.get(name)]
        if any(nearest(str(name), empty) for name in given if name not in known):
            return _NOT_CHECKED
        check(model.model_validate({**shipped, **known}))
    except MapInvalid as invalid:
        return OfNames(invalid.mistakes, left_out=invalid.left_out)
    except SettingsInvalid as invalid:
        return OfNames((str(invalid),))
    except ValidationError:
        return _NOT_CHECKED
    return OfNames(())
