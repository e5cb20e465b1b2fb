"""The words of the map document that give one code for another: by a list of options, by yes and no, by a value map."""

from collections.abc import Mapping
from functools import partial

from shared.discretion import placed, shown
from shared.mapping import field_specs as specs
from shared.mapping.map_document import MapDocument
from shared.mapping.names import ColumnKind, Name
from shared.mapping.value_maps import ValueMaps, folded
from shared.mapping.word_checks import (
    CODED,
    Ends,
    WrongWord,
    allowed,
    both,
    column_at,
    every,
    listed_names,
    refuse,
    require_codes,
    require_kind,
    require_value,
)
from shared.mapping.words import Column, Line, TargetField, Unmappable, value_of, yes_as_true, yes_no
from shared.records import Json, Values
from shared.systems import System

_NO_YES = ("No", "Yes")


def _options_read(path: str, to: Mapping[str, str | int], ends: Ends) -> Column:
    """The column that has these options. Raises WrongWord."""
    column, found = column_at(path, "from", ends, (ColumnKind.OPTION, ColumnKind.MEMBER))
    is_option = found.kind is ColumnKind.OPTION
    listed = list(map(str, found.options)) if is_option else list(found.members)
    wrong = [given for given in to if (listed and given not in listed) or (is_option and not _is_whole(given))]
    what = f"is no {'option' if is_option else 'member'} of {path}: write {listed_names(listed) or 'whole numbers'}"
    if wrong:
        raise WrongWord(*((f"to.{placed(given)}", f"{shown(given)} {what}") for given in wrong))
    return column


def by_options(path: str, to: Mapping[str, str | int], into: TargetField, known: Name, ends: Ends) -> Line:
    """The line of the word `option`. Raises WrongWord."""
    column = both(
        lambda: require_codes("option", {f"to.{placed(given)}": code for given, code in to.items()}, into.name, known),
        lambda: _options_read(path, to, ends),
    )

    def read(row: Values, _maps: ValueMaps) -> Json:
        option = value_of(row, path)
        if option is None:
            return None
        if str(option) not in to:
            raise Unmappable(
                "option_unknown",
                f"{path} is {option}, which has no counterpart in {into.name}",
                remedy=f"choose one of the options {', '.join(to)}, or add it to the field {into.name} of the map "
                "document",
                value=f"{path} {option}",
            )
        return to[str(option)]

    pairs = ", ".join(f"{option} = `{code}`" for option, code in to.items())
    return Line((column,), into, f"option: {pairs}", read)


def yes_no_by_name(path: str, into: TargetField, known: Name, ends: Ends, *, opposite: bool) -> Line:
    """The line of the word `yes_no`. Raises WrongWord."""
    if ends.towards is System.FINOPS:
        both(
            lambda: _require_no_and_yes(known.members, "word", f"yes_no: {into.name} takes {allowed(known)}"),
            lambda: column_at(path, "from", ends, (ColumnKind.YES_NO,)),
        )
        return yes_no(path, into.name, ownership=into.ownership, opposite=opposite)
    both(
        lambda: _member_column(path, ends),
        lambda: require_kind(known, "word", "yes_no", (ColumnKind.YES_NO,), into.name),
    )
    return yes_as_true(path, into.name, ownership=into.ownership, opposite=opposite)


def _require_no_and_yes(members: tuple[str, ...], place: str, otherwise: str) -> None:
    if members[:2] != _NO_YES:
        refuse(place, otherwise)


def _member_column(path: str, ends: Ends) -> None:
    """Raises WrongWord if a column does not hold No or Yes of F&O."""
    _, found = column_at(path, "from", ends, (ColumnKind.MEMBER,))
    told = f"{path} has the members {listed_names(list(found.members))}, and yes_no needs No and Yes"
    _require_no_and_yes(found.members, "from", told)


def by_value_map(spec: specs.ByValueMap, into: TargetField, known: Name, ends: Ends, maps: MapDocument) -> Line:
    """The line of the word `value_map`. Raises WrongWord."""
    path, name = spec.source, spec.map
    column, _ = both(
        lambda: _require_value_map(spec, into, known, maps),
        lambda: column_at(path, "from", ends, (ColumnKind.TEXT, ColumnKind.ID, ColumnKind.MEMBER)),
    )
    codes = {folded(text): code for text, code in maps.value_maps[name].items()}

    def read(row: Values, _maps: ValueMaps) -> Json:
        text = value_of(row, path)
        if text is None:
            return None
        code = codes.get(folded(str(text)), spec.otherwise)
        if code is None:
            raise Unmappable(
                "value_unknown",
                f"{path} is {text!r}, which is not in the value map `{name}`",
                remedy=f"add it to `value_maps.{name}` of the map document, or correct the record",
                value=str(text),
                lacks=(f"value_maps.{name}", str(text), "CODE"),
            )
        return code

    told = f"value map `{name}`" + ("" if spec.otherwise is None else f", otherwise `{spec.otherwise}`")
    return Line((column,), into, told, read)


def _require_value_map(spec: specs.ByValueMap, into: TargetField, known: Name, maps: MapDocument) -> None:
    """Raises WrongWord if the field takes no codes, if there is no such map, or for codes that the field does not
    take."""
    require_kind(known, "word", "value_map", CODED, into.name)
    name, listed = spec.map, maps.value_maps.get(spec.map)
    if listed is None:
        there = listed_names(list(maps.value_maps)) or "none: add one to `value_maps`"
        refuse("map", f"{shown(name)} is not in `value_maps`, which has {there}")
    codes = [
        partial(require_value, code, "map", into.name, known, at=f"value_maps.{placed(name)}.{placed(text)}")
        for text, code in listed.items()
    ]
    if spec.otherwise is not None:
        codes.append(partial(require_value, spec.otherwise, "otherwise", into.name, known))
    every(codes)


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
