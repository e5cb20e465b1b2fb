"""A mapping put to work: the words of a flow, with the value maps and the choices of a deployment."""

import difflib
import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from shared.discretion import named
from shared.errors import SchemaDrift
from shared.mapping.ranges import Ranges, check_range, range_of
from shared.mapping.value_maps import ValueMaps, mistaken
from shared.mapping.verdicts import Remark
from shared.mapping.words import (
    Column,
    Ownership,
    TargetField,
    Unmappable,
    WireType,
    Word,
    columns_of,
    counted,
    expand_of,
    fields_of,
    length_of,
    select_of,
    value_of,
)
from shared.records import Json, Values
from shared.systems import System

_BLANK_DATES = ("1900-01-01T00:00:00Z", "1900-01-01T12:00:00Z")
_LINE_BREAKS = "\n\r\t"
_ATTRIBUTE = "column_"
NOT_ALLOWED = "text_not_allowed"
# Unicode categories: control characters and halves of a surrogate pair; in numbers also format characters, such as a
# zero width space: they are invisible, and both systems would treat the number as another one.
NEVER_IN_TEXTS = frozenset({"Cc", "Cs"})
NEVER_IN_NUMBERS = NEVER_IN_TEXTS | {"Cf"}
# Part of every fingerprint. Raise it when a change in the code of a word or a check changes the result for a record.
_RULES_VERSION = 2


@dataclass(frozen=True, slots=True)
class Content:
    """A mapped record by ownership; None is blank."""

    owned: Mapping[str, Json]
    on_create: Mapping[str, Json]
    remarks: tuple[Remark, ...] = ()


class FieldTable:
    """Words, value maps and ownership of one deployment; the models of what is read and written follow from them.

    `also_read` are columns that the flow needs besides those of its words, even if a deployment switches fields off.
    `used` are the words that write anything. `lengths` is the part of `text_lengths` in the document, the target's name
    unless another flow has that. `ranges` are the numbers that the columns of a target in Dataverse take. With `once`,
    every field is sent at creation only: a document that has one kept equal is refused with SettingsInvalid.
    """

    def __init__(
        self,
        flow: str,
        target_set: str,
        words: tuple[Word, ...],
        maps: ValueMaps,
        *,
        also_read: tuple[Column, ...] = (),
        source: System = System.DATAVERSE,
        lengths: str | None = None,
        ranges: Ranges | None = None,
        once: bool = False,
    ) -> None:
        overrides = {name: Ownership(value) for name, value in maps.ownership_of(flow).items()}
        if once:
            overrides = {**_at_creation(words), **_never_owned(flow, overrides)}
        self._source = source
        self._target_set = target_set
        self._words = words
        self._maps = maps
        self.fields = fields_of(words, overrides)
        self._by_name = {field.name: field for field in self.fields}
        used = tuple(word for word in words if any(field.name in self._by_name for field in word.fields))
        self.columns = tuple({column.name: column for column in (*also_read, *columns_of(used))}.values())
        self.used = used
        self._sources = {field.name: word.sources(field.name) for word in used for field in word.fields}
        self._source_model = _source_model(flow, self.columns)
        self._lengths_part = lengths or target_set
        usual = maps.lengths_of(self._lengths_part)
        self._lengths = {field.name: field.max_length or usual.get(field.name) for field in self.fields}
        self._ranges = {field.name: range_of(field, ranges) for field in self.fields}
        self._target_model = _target_model(
            target_set, tuple((field.name, field.type, self._lengths[field.name]) for field in self.fields)
        )

    @property
    def select(self) -> tuple[str, ...]:
        """The source columns to read."""
        return select_of(self.columns)

    @property
    def expand(self) -> dict[str, tuple[str, ...]]:
        """The navigations to expand, with their columns."""
        return expand_of(self.columns)

    @property
    def target_fields(self) -> tuple[str, ...]:
        """The target fields that may be written."""
        return tuple(field.name for field in self.fields)

    def content(self, row: Values) -> Content:
        """The values of every field of a row that check_source has accepted, validated.

        Raises Unmappable for a value that cannot be sent.
        """
        values = {name: value for word in self.used for name, value in word.values(row, self._maps).items()}
        values = {name: value for name, value in values.items() if name in self._by_name}
        for name, value in values.items():
            if isinstance(value, str):
                self._check_text(self._by_name[name], value, row)
            elif self._ranges[name] is not None:
                check_range(self._origin(name, row), name, self._ranges[name], value, target_set=self._target_set)
        self._check_target(values)
        owned = {name: value for name, value in values.items() if self._by_name[name].ownership is Ownership.OWNED}
        on_create = {name: value for name, value in values.items() if name not in owned}
        return Content(owned, on_create, self.remarks(row))

    def remarks(self, row: Values) -> tuple[Remark, ...]:
        """What a row loses, or what is sent in another form than usual."""
        return tuple(remark for word in self.used for remark in word.remarks(row, self._maps))

    def check_source(self, row: Values) -> None:
        """Raises SchemaDrift if a column is not of the type that the mapping knows."""
        read = {column.name: value_of(row, column.name) for column in self.columns}
        try:
            self._source_model.model_validate({_attribute(name): value for name, value in read.items()})
        except ValidationError as invalid:
            wrong = invalid.errors()[0]
            raise SchemaDrift(
                self._source,
                f"column {_column(wrong['loc'][0])} is not what the mapping expects "
                f"({wrong['msg']}); compare the column's type with the mapping",
            ) from invalid

    def _check_text(self, field: TargetField, text: str, row: Values) -> None:
        limit, length = self._lengths[field.name], length_of(text)
        if is_plain(text) and (limit is None or length <= limit):
            return
        origin = self._origin(field.name, row)
        refuse_characters(f"{origin} (for {field.name})", text, allowed=_LINE_BREAKS)
        if limit is None or length <= limit:
            return
        place = f"text_lengths.{self._lengths_part}.{field.name}"
        raise Unmappable(
            "text_too_long",
            f"{origin} has {counted(length)}; {field.name} of {self._target_set} takes {limit}",
            remedy="shorten it"
            if field.max_length is not None
            else f"shorten it, or change {place} in the value-map document if your F&O accepts more",
            value=origin,
        )

    def _origin(self, field: str, row: Values) -> str:
        """Where a field's value comes from, for messages: the filled columns, or the value-map document."""
        filled = [name for name in self._sources[field] if value_of(row, name) is not None]
        return " + ".join(filled) or "the default or constant"

    def _check_target(self, values: Mapping[str, Json]) -> None:
        try:
            self._target_model.model_validate(values)
        except ValidationError as invalid:
            wrong = invalid.errors()[0]
            raise Unmappable(
                "value_invalid",
                f"the value for {wrong['loc'][0]} cannot be sent: {wrong['msg']}",
                remedy="correct the record or the value map",
            ) from invalid

    def empty(self, name: str) -> Json:
        """What to send to empty a field."""
        return self._by_name[name].empty

    def agree(self, name: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours, after the target's normalisation: blanks of any kind are equal, trailing
        blanks and the kind of line break do not count, codes are compared without case."""
        field = self._by_name.get(name)
        return _normal(ours, field) == _normal(theirs, field)

    def fingerprint(self, *choices: object) -> str:
        """Digest of the mapping as it is used here: words, value maps, ownership, and the flow's own choices."""
        described = [str(_RULES_VERSION), *(repr(word.columns) + word.meaning for word in self.used)]
        described += [repr(self.fields), self._maps.in_order, repr(choices)]
        return hashlib.sha256("\n".join(described).encode()).hexdigest()[:32]

    def describe(self) -> list[tuple[str, str, str, str]]:
        """Target field, ownership, source columns and rule of every line: the documentation's table."""
        return [
            (name, self._by_name[name].ownership.value, ", ".join(c.name for c in word.columns), word.meaning)
            for word in self.used
            for name in (field.name for field in word.fields)
            if name in self._by_name
        ]


def _at_creation(words: Iterable[Word]) -> dict[str, Ownership]:
    """Every field that is sent, at creation only."""
    fields = (field for word in words for field in word.fields if field.ownership is not Ownership.OFF)
    return {field.name: Ownership.ON_CREATE for field in fields}


def _never_owned(flow: str, overrides: Mapping[str, Ownership]) -> Mapping[str, Ownership]:
    owned = [name for name, ownership in overrides.items() if ownership is Ownership.OWNED]
    if owned:
        told = (
            f"ownership.{flow}.{name} is owned, and these records are written once: write on_create or off"
            for name in owned
        )
        raise mistaken("the value-map document", told)
    return overrides


def is_plain(text: str) -> bool:
    """Whether a text has nothing but characters of a keyboard, which every field takes."""
    return text.isascii() and text.isprintable()


def refuse_characters(name: str, text: str, *, allowed: str = "", categories: frozenset[str] = NEVER_IN_TEXTS) -> None:
    """Raises Unmappable for the first character of these categories that is not one of `allowed`, by its name."""
    bad = next((c for c in text if unicodedata.category(c) in categories and c not in allowed), None)
    if bad is not None:
        called, code = unicodedata.name(bad, ""), f"U+{ord(bad):04X}"
        raise Unmappable(
            NOT_ALLOWED,
            f"{name} holds the character {f'{called} ({code})' if called else code}, which cannot be stored there",
            remedy="remove the invisible character from the record",
            value=f"{name} {called or code}",
        )


def require_known(maps: ValueMaps, flow: str, target_set: str, words: Iterable[Word]) -> None:
    """Raises SettingsInvalid for fields of the value-map document that the mapping does not have: a misspelled name
    would silently change nothing."""
    known = [field.name for word in words for field in word.fields]
    places = {f"ownership.{flow}": maps.ownership_of(flow), f"text_lengths.{target_set}": maps.lengths_of(target_set)}
    unknown = [
        f"{place}.{named(name)} is not a field of this mapping{_did_you_mean(name, known)}"
        for place, names in places.items()
        for name in names
        if name not in known
    ]
    if unknown:
        raise mistaken("the value-map document", unknown)


def _did_you_mean(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f": did you mean {close[0]}?" if close else ": remove it"


def _attribute(name: str) -> str:
    """A model's attribute for a column: it has no dot, unlike a navigation path, nor an underscore before it."""
    return f"{_ATTRIBUTE}{name.replace('.', '__')}"


def _column(attribute: object) -> str:
    return str(attribute).removeprefix(_ATTRIBUTE).replace("__", ".")


# To build a model takes longer than everything else in a mapping, so the same columns share one.
@lru_cache(maxsize=64)
def _source_model(flow: str, columns: tuple[Column, ...]) -> type[BaseModel]:
    fields: dict[str, Any] = {_attribute(c.name): (_accepted(c.type) | None, None) for c in columns}
    return create_model(f"{flow.capitalize()}Row", __config__=ConfigDict(extra="forbid", strict=True), **fields)


@lru_cache(maxsize=64)
def _target_model(target_set: str, fields: tuple[tuple[str, WireType, int | None], ...]) -> type[BaseModel]:
    defined: dict[str, Any] = {}
    for name, kind, length in fields:
        limit = Field(default=None, max_length=length) if kind is str else Field(default=None)
        defined[name] = (_accepted(kind) | None, limit)
    return create_model(f"{target_set}Write", __config__=ConfigDict(extra="forbid", strict=True), **defined)


def _accepted(kind: type) -> Any:
    """A whole number is a decimal on the wire, too."""
    return (Decimal | int) if kind is Decimal else kind


def _normal(value: Json, field: TargetField | None) -> Json:
    if field is not None and value == field.empty:
        return None
    if isinstance(value, str):
        text = value.replace("\r\n", "\n").replace("\r", "\n").rstrip(" ")
        if text in _BLANK_DATES or not text:
            return None
        return text.casefold() if field is not None and field.fold_case else text
    return value
