"""The words with which a mapping is written: a readable table from source columns to target fields.

A mapping module lists words; everything else (columns to read, navigations to expand, fields to write, models, empty
values, the documentation's table) is derived from that list. Words are pure: a row and the value maps go in, values
come out, and what cannot be mapped raises Unmappable.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Protocol

from shared.errors import SyncError
from shared.mapping.plain_word import PlainWord
from shared.mapping.text_lengths import PlacedTexts, longest_of
from shared.mapping.texts import Texts, default_text, no_texts
from shared.mapping.type_names import WireType
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Rejected, Remark
from shared.records import Json, Values


class Ownership(StrEnum):
    """What the sync does with a target field (rules.md, Ownership)."""

    OWNED = "owned"
    """Kept equal."""
    ON_CREATE = "on_create"
    """Sent at creation only; users of the target may change it later."""
    FILL_IF_BLANK = "fill_if_blank"
    """Sent at creation, and later as long as the target has nothing there."""
    OFF = "off"
    """Not sent."""


class Unmappable(SyncError):
    """A value has no counterpart in the target. `cause` groups equal cases; `remedy` says what to do; `value` and
    `lacks` are as in Rejected."""

    def __init__(self, cause: str, message: str, *, remedy: str, value: str = "", lacks: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.cause = cause
        self.remedy = remedy
        self.value = value
        self.lacks = lacks

    def rejected(self, *, looked_up: bool = False) -> Rejected:
        """The verdict on a record that has such a value."""
        return Rejected(self.cause, str(self), self.remedy, looked_up, self.value, self.lacks)


# How the meaning of a field without a source begins.
NO_SOURCE = "no column of Sales as delivered: give it a `word`"


@dataclass(frozen=True, slots=True)
class Column:
    """A source column, or `navigation.column` of an expanded lookup, with the type that it has on the wire. `is_date`
    says that the text is a day or a moment: it is not part of a fingerprint, because it changes nothing in a record."""

    name: str
    type: WireType = str
    is_date: bool = field(default=False, repr=False)


@dataclass(frozen=True, slots=True)
class KeyReference:
    """How a lookup of Sales is set: by the alternate key `key` of a row of `entity_set`; `column` is the lookup's own
    column. The field is named after the navigation."""

    entity_set: str
    key: str
    column: str


@dataclass(frozen=True, slots=True)
class TargetField:
    """A field of the target. `empty` empties it; `max_length` is a length that the schema marks verified. It `is_date`
    if the text is a day or a moment. With a `reference`, its value is the key of the row that it refers to."""

    name: str
    ownership: Ownership = Ownership.OWNED
    type: WireType = str
    empty: Json = ""
    max_length: int | None = None
    fold_case: bool = False
    is_date: bool = field(default=False, repr=False)
    reference: KeyReference | None = field(default=None, repr=False)


class Word(Protocol):
    """One line of a mapping."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it reads."""

    @property
    def fields(self) -> tuple[TargetField, ...]:
        """What it writes."""

    @property
    def meaning(self) -> str:
        """How, in words for the documentation."""

    def values(self, row: Values, maps: ValueMaps) -> Mapping[str, Json]:
        """The values of its fields; None is blank. Raises Unmappable."""

    def sources(self, field: str) -> tuple[str, ...]:
        """The columns from which one of its fields is made."""

    def remarks(self, row: Values, maps: ValueMaps) -> tuple[Remark, ...]:
        """What it leaves out, or sends in another form than usual."""

    def literals(self, maps: ValueMaps) -> tuple[tuple[str, PlacedTexts], ...]:
        """The texts of the map document that it may send as they stand, by the field that gets them."""


Convert = Callable[[Json, ValueMaps], Json]


@dataclass(frozen=True, slots=True)
class Line(PlainWord):
    """A word with one target field. `texts` are those of the map document that it may send, each with its place."""

    columns: tuple[Column, ...]
    field: TargetField
    meaning: str
    read: Callable[[Values, ValueMaps], Json]
    texts: Texts = no_texts

    @property
    def fields(self) -> tuple[TargetField, ...]:
        """The one field."""
        return (self.field,)

    def values(self, row: Values, maps: ValueMaps) -> Mapping[str, Json]:
        """The value of its field; None is blank. Raises Unmappable."""
        return {self.field.name: self.read(row, maps)}

    def sources(self, field: str) -> tuple[str, ...]:  # noqa: ARG002 - it has one
        """The columns from which the field is made."""
        return tuple(column.name for column in self.columns)

    def literals(self, maps: ValueMaps) -> tuple[tuple[str, PlacedTexts], ...]:
        """Its texts of the map document, for its field."""
        texts = tuple(self.texts(maps))
        return ((self.field.name, PlacedTexts(longest_of(text for _, text in texts), lambda: texts)),) if texts else ()


def blank(value: Json) -> bool:
    """Whether a source value counts as blank: null, or nothing but white space."""
    return value is None or (isinstance(value, str) and not value.strip())


def value_of(row: Values, path: str) -> Json:
    """The value of a column, or of a column behind an expanded navigation; blank texts as None."""
    # Most cells are plain texts: a mapping reads a hundred of them for each record.
    value = row.get(path) if "." not in path else _behind(row, path)
    if isinstance(value, str):
        return value if value.strip() else None
    # To ask whether something is a Mapping takes longer than everything else here.
    if value is None or isinstance(value, int | Decimal):
        return value
    return None if isinstance(value, Mapping) else value


def _behind(row: Values, path: str) -> Json | Values:
    value: Json | Values = row
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict | Mapping) else None
    return value


def lines_of(row: Values, sources: Iterable[str], separator: str = "\n") -> str | None:
    """The filled ones of some columns, one per line; None if all are blank."""
    lines = [str(value) for source in sources if (value := value_of(row, source)) is not None]
    return separator.join(lines) or None


def copy(
    source: str,
    target: str,
    *,
    type: WireType = str,
    ownership: Ownership = Ownership.OWNED,
    empty: Json = "",
    max_length: int | None = None,
) -> Line:
    """The value as it is."""
    into = TargetField(target, ownership, type, empty, max_length)
    return Line((Column(source, type),), into, "as it is", lambda row, _maps: value_of(row, source))


def constant(target: str, value: str | bool, *, ownership: Ownership = Ownership.OWNED) -> Line:
    """Always the same value."""
    into = TargetField(target, ownership, bool if isinstance(value, bool) else str)
    shown = str(value).lower() if isinstance(value, bool) else value
    return Line((), into, f"always `{shown}`", lambda _row, _maps: value)


def choice(
    source: str, target: str, codes: Mapping[int, str], *, ownership: Ownership = Ownership.OWNED, empty: Json = ""
) -> Line:
    """An option of a choice column as the target's code; an option without a code is refused."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        option = value_of(row, source)
        if option is None:
            return None
        if not isinstance(option, int) or option not in codes:
            raise Unmappable(
                "option_unknown",
                f"{source} is {option}, which has no counterpart in {target}",
                remedy=f"choose one of the options {', '.join(map(str, codes))}, or extend the mapping",
                value=f"{source} {option}",
            )
        return codes[option]

    meaning = "option: " + ", ".join(f"{option} = `{code}`" for option, code in codes.items())
    return Line((Column(source, int),), TargetField(target, ownership, empty=empty), meaning, read)


def yes_no(source: str, target: str, *, ownership: Ownership = Ownership.OWNED, opposite: bool = False) -> Line:
    """A two-options column as the enumeration NoYes; `opposite` if one means what the other denies."""
    true, false = ("No", "Yes") if opposite else ("Yes", "No")

    def read(row: Values, _maps: ValueMaps) -> Json:
        value = value_of(row, source)
        return None if value is None else true if value is True else false

    meaning = f"true: `{true}`, false: `{false}`"
    return Line((Column(source, bool),), TargetField(target, ownership, empty="No"), meaning, read)


def yes_as_true(source: str, target: str, *, ownership: Ownership = Ownership.OWNED, opposite: bool = False) -> Line:
    """The enumeration NoYes as a two-options column."""

    def read(row: Values, _maps: ValueMaps) -> Json:
        value = value_of(row, source)
        return None if value is None else (value == "Yes") is not opposite

    true, false = ("No", "Yes") if opposite else ("Yes", "No")
    into = TargetField(target, ownership, bool, empty=None)
    return Line((Column(source),), into, f"`{true}`: true, `{false}`: false", read)


def unsourced(target: str, hint: str, *, max_length: int | None = None) -> Line:
    """A field that is off, and for which Sales has no column as it is delivered: a map document gives it a word."""
    into = TargetField(target, Ownership.OFF, max_length=max_length)
    return Line((), into, f"{NO_SOURCE}, such as {hint}", lambda _row, _maps: None)


def joined(
    sources: tuple[str, ...], target: str, *, ownership: Ownership = Ownership.OWNED, max_length: int | None = None
) -> Line:
    """Several text columns, one line for each that is filled."""
    return joined_by(tuple(map(Column, sources)), TargetField(target, ownership, max_length=max_length), "\n")


def joined_by(columns: tuple[Column, ...], into: TargetField, separator: str) -> Line:
    """Several text columns; a separator stands between those that are filled."""
    names = tuple(column.name for column in columns)
    by = "line feeds" if separator == "\n" else repr(separator)
    return Line(columns, into, f"filled ones joined by {by}", lambda row, _maps: lines_of(row, names, separator))


def default(target: str, name: str, *, ownership: Ownership = Ownership.ON_CREATE, fold_case: bool = False) -> Line:
    """A default of the map document."""
    into = TargetField(target, ownership, fold_case=fold_case)
    texts = partial(default_text, name)
    return Line((), into, f"default `{name}`", lambda _row, maps: maps.defaults.value(name), texts)


def currency(source: str, target: str, *, ownership: Ownership) -> Line:
    """An ISO currency code by value map; blank: the default currency; one that is not listed is refused."""

    def read(row: Values, maps: ValueMaps) -> Json:
        code = value_of(row, source)
        if code is None:
            return maps.defaults.currency
        known = maps.currency(str(code))
        if known is None:
            raise Unmappable(
                "currency_unknown",
                f"{source} is {code!r}, which is not in the value map `currencies`",
                remedy="add the currency to the value map, or correct the record's currency",
                value=str(code),
                lacks=("currencies", str(code), "CODE"),
            )
        return known

    return Line((Column(source),), TargetField(target, ownership), "value map `currencies`, blank: default", read)


def mapped_option(source: str, target: str, value_map: str) -> Line:
    """A member of an enumeration as an option, by value map; one that is not listed is refused."""

    def read(row: Values, maps: ValueMaps) -> Json:
        member = value_of(row, source)
        if member is None:
            return None
        options: Mapping[str, int] = getattr(maps, value_map)
        if member not in options:
            raise Unmappable(
                "option_unknown",
                f"{source} is {member!r}, which is not in the value map `{value_map}`",
                remedy=f"add it to `{value_map}` of the map document",
                value=str(member),
                lacks=(value_map, str(member), "CODE"),
            )
        return options[str(member)]

    return Line((Column(source),), TargetField(target, type=int, empty=None), f"value map `{value_map}`", read)


def columns_of(words: Iterable[Word]) -> tuple[Column, ...]:
    """Every column that a mapping reads, each once."""
    found = {column.name: column for word in words for column in word.columns}
    return tuple(found.values())


def select_of(columns: Iterable[Column]) -> tuple[str, ...]:
    """The names for $select."""
    return tuple(column.name for column in columns if "." not in column.name)


def expand_of(columns: Iterable[Column]) -> dict[str, tuple[str, ...]]:
    """The navigations for $expand, each with its columns."""
    expanded: dict[str, tuple[str, ...]] = {}
    for column in columns:
        navigation, dot, name = column.name.partition(".")
        if dot:
            expanded[navigation] = (*expanded.get(navigation, ()), name)
    return expanded


def fields_of(words: Iterable[Word], overrides: Mapping[str, Ownership]) -> tuple[TargetField, ...]:
    """Every field that is sent, with the ownership that a deployment has given it."""
    every = (
        replace(field, ownership=overrides.get(field.name, field.ownership)) for word in words for field in word.fields
    )
    return tuple(field for field in every if field.ownership is not Ownership.OFF)
