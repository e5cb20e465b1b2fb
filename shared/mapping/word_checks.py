"""What a word of the map document may read and write: every check names the place, the value and what is allowed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import NoReturn, TypeVar, cast
from zoneinfo import ZoneInfo

from shared.discretion import shown
from shared.mapping.names import TYPES, ColumnKind, Name, Names
from shared.mapping.words import Column
from shared.systems import System

Found = TypeVar("Found")
# What each kind of column may be copied into.
_COPIES: Mapping[ColumnKind, tuple[ColumnKind, ...]] = {
    ColumnKind.TEXT: (ColumnKind.TEXT,),
    ColumnKind.ID: (ColumnKind.TEXT,),
    ColumnKind.MEMBER: (ColumnKind.TEXT,),
    ColumnKind.WHOLE: (ColumnKind.WHOLE, ColumnKind.DECIMAL),
    ColumnKind.OPTION: (ColumnKind.WHOLE,),
    ColumnKind.DECIMAL: (ColumnKind.DECIMAL,),
    ColumnKind.YES_NO: (ColumnKind.YES_NO,),
}
_INSTEAD = {
    ColumnKind.DATE: "use day or date_time",
    ColumnKind.MEMBER: "use option or value_map",
    ColumnKind.OPTION: "use option or value_map",
    ColumnKind.YES_NO: "use yes_no",
    ColumnKind.DECIMAL: "use decimal",
}
CALLED = {
    ColumnKind.TEXT: "a text",
    ColumnKind.WHOLE: "a whole number",
    ColumnKind.DECIMAL: "a number",
    ColumnKind.YES_NO: "yes or no",
    ColumnKind.OPTION: "an option",
    ColumnKind.MEMBER: "a member of an enumeration",
    ColumnKind.DATE: "a date",
    ColumnKind.LOOKUP: "a lookup",
    ColumnKind.ID: "an id",
}
# What a word of options or of a value map may write into.
CODED = (ColumnKind.TEXT, ColumnKind.MEMBER, ColumnKind.WHOLE, ColumnKind.OPTION)
_SHOWN = 12


class WrongWord(ValueError):
    """A word that cannot be used as it stands. `mistakes` are all that is wrong with it: each with the argument that is
    wrong, empty if it is the field, and what is told of it."""

    def __init__(self, *mistakes: tuple[str, str]) -> None:
        super().__init__("; ".join(told for _, told in mistakes))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Ends:
    """From which table to which one a mapping goes; `towards` is the system of the target, `zone` that of the
    business."""

    source: str
    target: str
    towards: System
    zone: ZoneInfo
    names: Names


def copied(path: str, place: str, field: str, known: Name, ends: Ends) -> tuple[Column, ColumnKind]:
    """A column that may be copied into a field as it is."""
    fitting = tuple(kind for kind, into in _COPIES.items() if known.kind in into)
    column, found = column_at(path, place, ends, tuple(ColumnKind))
    if found.kind not in fitting:
        instead = _INSTEAD.get(known.kind) or _INSTEAD.get(found.kind) or "use another column"
        refuse(place, f"{path} is {CALLED[found.kind]}, and {field} takes {allowed(known)}: {instead}")
    return column, found.kind


def column_at(path: str, place: str, ends: Ends, kinds: tuple[ColumnKind, ...]) -> tuple[Column, Name]:
    """A source column of one of these kinds. Raises WrongWord."""
    found = ends.names.find(ends.source, path)
    if found is None:
        refuse(place, ends.names.unknown(ends.source, path, "column"))
    if found.kind is ColumnKind.LOOKUP:
        refuse(place, f"{path} is a lookup: name a column behind it, such as {path}.name, or its id, _{path}_value")
    if found.kind not in kinds:
        refuse(place, f"{path} is {CALLED[found.kind]}: this word reads {' or '.join(CALLED[k] for k in kinds)}")
    return Column(path, TYPES[found.kind], is_date=found.kind is ColumnKind.DATE), found


def require_kind(known: Name, place: str, value: str, kinds: tuple[ColumnKind, ...], field: str) -> None:
    if known.kind not in kinds:
        refuse(place, f"{value}: {field} takes {allowed(known)}")


def require_value(value: str | int, place: str, field: str, known: Name, *, at: str = "") -> None:
    """Raises WrongWord for a value that the field does not take; `at` is where it stands, if not at the place."""
    if known.kind in (ColumnKind.WHOLE, ColumnKind.OPTION):
        fits = isinstance(value, int) and (not known.options or value in known.options)
    else:
        fits = isinstance(value, str) and (known.kind is not ColumnKind.MEMBER or value in known.members)
    if not fits:
        refuse(place, f"{shown(value)}{f' in {at}' if at else ''}: {field} takes {allowed(known)}")


def require_codes(word: str, codes: Mapping[str, str | int], field: str, known: Name) -> None:
    """Raises WrongWord for codes, by place, that the field does not take."""
    require_kind(known, "word", word, CODED, field)
    every(partial(require_value, code, place, field, known) for place, code in codes.items())


def require_length(field: str, known: Name, length: int | None) -> None:
    """Raises WrongWord for a length that the field cannot have."""
    if known.kind is not ColumnKind.TEXT:
        refuse_length(length, f"{field} is {CALLED[known.kind]}, and only a text has a length")
    elif length is not None and known.length is not None and length > known.length:
        refuse_length(length, f"{field} takes {known.length} characters at most")


def refuse_length(length: int | None, why: str) -> None:
    """Raises WrongWord if a length is given."""
    if length is not None:
        refuse("length", f"{length}: {why}")


def allowed(known: Name) -> str:
    listed = listed_names([*known.members, *map(str, known.options)])
    return f"{CALLED[known.kind]}{f' ({listed})' if listed else ''}"


def listed_names(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def refuse(place: str, told: str) -> NoReturn:
    raise WrongWord((place, told))


def every(checks: Iterable[Callable[[], Found]]) -> list[Found]:
    """What each of some checks finds. Raises WrongWord with the mistakes of all of them."""
    found: list[Found] = []
    mistakes: list[tuple[str, str]] = []
    for check in checks:
        try:
            found.append(check())
        except WrongWord as wrong:
            mistakes += wrong.mistakes
    if mistakes:
        raise WrongWord(*mistakes)
    return found


def mistakes_of(check: Callable[[], object]) -> tuple[tuple[str, str], ...]:
    """What a check refuses."""
    try:
        check()
    except WrongWord as wrong:
        return wrong.mistakes
    return ()


def both(first: Callable[[], object], second: Callable[[], Found]) -> Found:
    """What the second of two checks finds. Raises WrongWord with the mistakes of both."""
    *_, found = every((first, second))
    return cast("Found", found)


def require_constant(value: str | bool | int | Decimal, place: str, field: str, known: Name) -> None:
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    fits = {
        ColumnKind.TEXT: isinstance(value, str),
        ColumnKind.MEMBER: value in known.members,
        ColumnKind.WHOLE: number and isinstance(value, int),
        ColumnKind.OPTION: number and isinstance(value, int) and value in (known.options or (value,)),
        ColumnKind.DECIMAL: number,
        ColumnKind.YES_NO: isinstance(value, bool),
    }
    if not fits.get(known.kind, False):
        refuse(place, f"{shown(value)}: {field} takes {allowed(known)}")
