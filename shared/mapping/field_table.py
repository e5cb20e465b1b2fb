"""A mapping put to work: the words of a flow, with the value maps and the choices of a deployment."""

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from shared.errors import SchemaDrift
from shared.map_mistakes import MapMistake
from shared.mapping.condition_specs import NamedFilter, leaves_of
from shared.mapping.conditions import columns_in, holds, mistakes_in
from shared.mapping.effective import StandardMap, effective_map
from shared.mapping.field_row import FieldRow
from shared.mapping.literals import TextLimits
from shared.mapping.map_document import MapDocument
from shared.mapping.map_source import mistaken
from shared.mapping.names import Names
from shared.mapping.ranges import Ranges, check_range, is_in_range, range_of
from shared.mapping.row_models import attribute_of, column_of, source_model, target_model
from shared.mapping.text_lengths import counted, length_of
from shared.mapping.value_maps import ValueMaps, as_known_to
from shared.mapping.verdicts import Filtered, Remark
from shared.mapping.words import (
    Column,
    KeyReference,
    Ownership,
    TargetField,
    Unmappable,
    Word,
    blank,
    columns_of,
    expand_of,
    fields_of,
    select_of,
    value_of,
)
from shared.records import Json, Values
from shared.systems import System

_BLANK_DATES = ("1900-01-01T00:00:00Z", "1900-01-01T12:00:00Z")
_OWNED = (Ownership.OWNED, Ownership.FILL_IF_BLANK)
_LINE_BREAKS = "\n\r\t"
_UTC = ZoneInfo("UTC")
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

    The words are those of the standard map with what the document changes of it (see StandardMap); `mistakes` are what
    is wrong there, and a mapper raises them with require_sound. `also_read` are columns that the flow needs besides
    those of its words, even if a deployment switches fields off. `used` are the words that write anything. `lengths` is
    the part of `text_lengths` in the document, the target's name unless another flow has that. `ranges` are the numbers
    that the columns of a target in Dataverse take. `named` are the fields whose row the document may name (see
    StandardMap). `flow` is the one whose filters count for its rows.
    """

    def __init__(
        self,
        part: str,
        target_set: str,
        words: tuple[Word, ...],
        maps: ValueMaps,
        *,
        also_read: tuple[Column, ...] = (),
        source: System = System.DATAVERSE,
        lengths: str | None = None,
        ranges: Ranges | None = None,
        once: bool = False,
        may_fill: bool = False,
        reads: str = "",
        every: Iterable[Word] | None = None,
        needed: frozenset[str] = frozenset(),
        fixed: frozenset[str] = frozenset(),
        named: Mapping[str, str] = MappingProxyType({}),
        zone: ZoneInfo = _UTC,
        flow: str = "",
    ) -> None:
        self._lengths_part = lengths or target_set
        standard = StandardMap(
            part=part,
            source_set=reads,
            target_set=target_set,
            source=source,
            words=words,
            every=words if every is None else tuple(every),
            lengths=self._lengths_part,
            needed=needed,
            fixed=fixed,
            named=named,
            zone=zone,
            once=once,
            may_fill=may_fill,
        )
        document = as_known_to(MapDocument, maps)
        effective = effective_map(standard, document)
        words, self.dates, self._naming = effective.words, effective.dates, effective.naming
        self._filters = document.filters.get(flow, [])
        wrong_filters = _wrong_filters(flow, reads, self._filters, document.names)
        self.part, self.source_set, self.target_set = part, reads, target_set
        self._changed = frozenset(document.fields_of(part))
        self._source = source
        self._words = words
        self._maps = maps
        self.fields = fields_of(words, effective.ownership)
        self._by_name = {field.name: field for field in self.fields}
        used = tuple(word for word in words if any(field.name in self._by_name for field in word.fields))
        judged = (column for each in self._filters for column in columns_in(each.keep, reads, document.names))
        read = (*judged, *also_read, *columns_of(self._naming.values()), *columns_of(used))
        self.columns = tuple({column.name: column for column in read}.values())
        self.used = used
        self._sources = {field.name: word.sources(field.name) for word in used for field in word.fields}
        self._source_model = source_model(part, self.columns)
        self._attributes = tuple((attribute_of(column.name), column.name) for column in self.columns)
        self._usual = {**maps.lengths_of(self._lengths_part), **effective.lengths}
        self._lengths = {field.name: _shortest(field.max_length, self._usual.get(field.name)) for field in self.fields}
        limits = TextLimits(part, self._lengths_part, target_set, document, self._lengths, effective.lengths)
        self.mistakes: tuple[MapMistake, ...] = (*effective.mistakes, *wrong_filters, *limits.mistakes(used))
        self._ranges = {field.name: range_of(field, ranges) for field in self.fields}
        self._target_model = target_model(
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
    def fills(self) -> frozenset[str]:
        """The fields that are sent only as long as the target has nothing there."""
        return frozenset(field.name for field in self.fields if field.ownership is Ownership.FILL_IF_BLANK)

    @property
    def target_fields(self) -> tuple[str, ...]:
        """The target fields that may be written."""
        return tuple(field.name for field in self.fields)

    def kept_out(self, row: Values) -> Filtered | None:
        """The first filter of the map document that a row does not pass."""
        failed = next((each.name for each in self._filters if not holds(each.keep, row)), None)
        return None if failed is None else Filtered(f"filter.{failed}")

    @property
    def references(self) -> Mapping[str, KeyReference]:
        """The lookups that are set by the key of another row, by field."""
        return {field.name: field.reference for field in self.fields if field.reference is not None}

    @property
    def names_rows(self) -> bool:
        """Whether the map document gives a row of the target by its name."""
        return bool(self._naming)

    def names_row(self, field: str) -> bool:
        """Whether the map document gives the row of a field by its name."""
        return field in self._naming

    def name_for(self, field: str, row: Values) -> str | None:
        """The name that the map document gives for a field that the flow looks up; None leaves the choice to the flow.
        Raises Unmappable."""
        line = self._naming.get(field)
        name = None if line is None else line.read(row, self._maps)
        return None if blank(name) else str(name)

    def value(self, name: str, row: Values) -> Json:
        """The value of one field of a row, also of a field that is off. Raises Unmappable."""
        word = next(word for word in self._words if any(field.name == name for field in word.fields))
        return word.values(row, self._maps)[name]

    def content(self, row: Values) -> Content:
        """The values of every field of a row that check_source has accepted, validated.

        Raises Unmappable for a value that cannot be sent.
        """
        values = {name: value for word in self.used for name, value in word.values(row, self._maps).items()}
        values = {name: value for name, value in values.items() if name in self._by_name}
        for name, value in values.items():
            if isinstance(value, str):
                self._check_text(self._by_name[name], value, row)
            elif not is_in_range(self._ranges[name], value):
                check_range(self._origin(name, row), name, self._ranges[name], value, target_set=self.target_set)
        self._check_target(values)
        owned = {name: value for name, value in values.items() if self._by_name[name].ownership in _OWNED}
        on_create = {name: value for name, value in values.items() if name not in owned}
        return Content(owned, on_create, self.remarks(row))

    def remarks(self, row: Values) -> tuple[Remark, ...]:
        """What a row loses, or what is sent in another form than usual."""
        return tuple(remark for word in self.used for remark in word.remarks(row, self._maps))

    def check_source(self, row: Values) -> None:
        """Raises SchemaDrift if a column is not of the type that the mapping knows."""
        try:
            self._source_model.model_validate({name: value_of(row, column) for name, column in self._attributes})
        except ValidationError as invalid:
            wrong = invalid.errors()[0]
            raise SchemaDrift(
                self._source,
                f"column {column_of(wrong['loc'][0])} is not what the mapping expects "
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
            f"{origin} has {counted(length)}; {field.name} of {self.target_set} takes {limit}",
            remedy="shorten it"
            if field.max_length is not None
            else f"shorten it, or change {place} in the map document if your F&O accepts more",
            value=origin,
        )

    def _origin(self, field: str, row: Values) -> str:
        """Where a field's value comes from, for messages: the filled columns, or the map document."""
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
        described += [repr(each) for each in self._filters]
        described += [f"{name} {line.meaning}" for name, line in self._naming.items()]
        described += [repr(self.fields), self._maps.in_order, repr(choices)]
        return hashlib.sha256("\n".join(described).encode()).hexdigest()[:32]

    def rows(self) -> tuple[FieldRow, ...]:
        """Every field, also those that are off: what commands and the documentation show."""
        return tuple(self._row(word, field) for word in self._words for field in word.fields)

    def _row(self, word: Word, field: TargetField) -> FieldRow:
        sent = self._by_name.get(field.name)
        length = _shortest(field.max_length, self._usual.get(field.name))
        return FieldRow(
            field=field.name,
            ownership=Ownership.OFF if sent is None else sent.ownership,
            columns=word.sources(field.name),
            rule=word.meaning,
            length=length,
            is_verified=length is not None and length == field.max_length,
            is_changed=field.name in self._changed,
        )


def _wrong_filters(flow: str, table: str, filters: Sequence[NamedFilter], names: Names) -> Iterator[str]:
    for at, each in enumerate(filters):
        place = f"filters.{flow}.{at}.keep"
        yield from mistakes_in(each.keep, place, table, names)
        for leaf_at, leaf in leaves_of(each.keep, place):
            if "." in leaf.column:
                # A change behind a lookup changes no record, so a filter on it would not be judged again (protocol A5).
                told = f"{leaf.column} is a column behind a lookup: a filter reads columns of the record itself"
                yield f"{leaf_at}.column: {told}"
        if each.name in {other.name for other in filters[:at]}:
            yield f"filters.{flow}.{at}.name: {each.name} is the name of two filters: give one another name"


def require_sound(*tables: FieldTable) -> None:
    """Raises SettingsInvalid for everything that the map document has wrong about these mappings."""
    mistakes = [mistake for table in tables for mistake in table.mistakes]
    if mistakes:
        raise mistaken("the map document", mistakes)


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


def _shortest(verified: int | None, usual: int | None) -> int | None:
    """A verified length may be made shorter by the document."""
    known = [length for length in (verified, usual) if length is not None]
    return min(known, default=None)


def _normal(value: Json, field: TargetField | None) -> Json:
    if field is not None and value == field.empty:
        return None
    if isinstance(value, str):
        text = value.replace("\r\n", "\n").replace("\r", "\n").rstrip(" ")
        if text in _BLANK_DATES or not text:
            return None
        return text.casefold() if field is not None and field.fold_case else text
    return value
