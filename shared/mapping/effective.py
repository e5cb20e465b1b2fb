"""The map that counts: a standard map with what the map document changes of it. Both are lists of words, and take the
same way from here on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from shared.discretion import named
from shared.mapping.dates import Behavior
from shared.mapping.document_words import name_of, word_of
from shared.mapping.field_specs import LookupByKey, Override, WordSpec
from shared.mapping.literals import texts_of
from shared.mapping.map_document import MapDocument
from shared.mapping.names import ColumnKind
from shared.mapping.spelling import nearest
from shared.mapping.word_checks import Ends, WrongWord
from shared.mapping.words import NO_SOURCE, Line, Ownership, TargetField, Word
from shared.systems import System


@dataclass(frozen=True, slots=True)
class StandardMap:
    """A mapping as it is without a document. `part` is its name in `fields`, `lengths` that in `text_lengths`. `every`
    are its words whatever the settings say. `source_set` is the table that it reads. The target cannot do without the
    fields `needed`; those that are `fixed` also keep their words, since the flow itself finds their values. Of the
    fields `named` the document may give the name of the row that the flow is to find: each with what that is, such as a
    price list. With `once`, every field is sent at creation only. `may_fill` says that fields may be filled if they are
    blank, for which the target is read."""

    part: str
    source_set: str
    target_set: str
    source: System
    words: tuple[Word, ...]
    every: tuple[Word, ...]
    lengths: str
    needed: frozenset[str]
    fixed: frozenset[str]
    named: Mapping[str, str]
    zone: ZoneInfo
    once: bool
    may_fill: bool


@dataclass(frozen=True, slots=True)
class EffectiveMap:
    """The words that count, those that give names of rows, the ownership and the lengths that differ from theirs, how
    the date columns behave that the document reads, and what is wrong in it: wrong entries are left out of the rest."""

    words: tuple[Word, ...]
    naming: Mapping[str, Line]
    ownership: Mapping[str, Ownership]
    lengths: Mapping[str, int]
    dates: Mapping[str, Behavior]
    mistakes: tuple[str, ...]


def effective_map(standard: StandardMap, document: MapDocument) -> EffectiveMap:
    """What a document makes of a standard map."""
    specs = document.fields_of(standard.part)
    worded = {name: spec for name, spec in specs.items() if isinstance(spec, WordSpec)}
    mistakes = [
        *_wrong_names(standard, document, specs, worded),
        *_wrong_lengths(standard, document, worded),
        *_wrong_choices(standard, specs, worded),
    ]
    lines: dict[str, Line] = {}
    naming: dict[str, Line] = {}
    ends = _ends(standard, document)
    for name in sorted(worded.keys() - (standard.fixed - standard.named.keys())):
        place = f"fields.{standard.part}.{named(name)}"
        try:
            if name in standard.named:
                naming[name] = name_of(name, worded[name], standard.named[name], ends, document)
            else:
                usual, instead = _usual(standard, name), _line_of(standard, name)
                line = word_of(name, worded[name], ends, document, usual=usual, standard=instead)
                lines[name] = _with_texts(line, texts_of(worded[name], place, document))
        except WrongWord as wrong:
            mistakes += [f"{place}{f'.{at}' if at else ''}: {told}" for at, told in wrong.mistakes]
            if name not in standard.named:
                lines |= _texts_only(name, texts_of(worded[name], place, document), standard, document)
    replaced = tuple(_replaced(word, lines, naming) for word in standard.words)
    standing = {field.name for word in standard.words for field in word.fields}
    further = tuple(line for name, line in lines.items() if name not in standing)
    words = (*replaced, *further)
    given = {name: Ownership(spec.ownership) for name, spec in specs.items() if spec.ownership is not None}
    ownership = {**_at_creation(words), **given} if standard.once else given
    lengths = {name: spec.length for name, spec in specs.items() if spec.length is not None}
    dates = _dates(standard, document, (*lines.values(), *naming.values()))
    return EffectiveMap(words, naming, ownership, lengths, dates, tuple(mistakes))


def _with_texts(line: Line, texts: tuple[tuple[str, str], ...]) -> Line:
    """A line that may also send these texts of the document."""
    return replace(line, texts=lambda maps: (*line.texts(maps), *texts))


def _texts_only(
    name: str, texts: tuple[tuple[str, str], ...], standard: StandardMap, document: MapDocument
) -> dict[str, Line]:
    """A line in the place of a wrong entry, whose texts may be too long as well. No record is read with it."""
    known = document.names.find(standard.target_set, name)
    if known is None or known.kind is not ColumnKind.TEXT:
        return {}
    into = TargetField(name, max_length=known.length)
    return {name: Line((), into, "", lambda _row, _maps: None, lambda _maps: texts)}


def _dates(standard: StandardMap, document: MapDocument, lines: Iterable[Line]) -> dict[str, Behavior]:
    """How the date columns of the table itself behave that are read for the document."""
    read = {column.name for line in lines for column in line.columns if column.is_date}
    known = {name: document.names.find(standard.source_set, name) for name in read if "." not in name}
    return {name: found.behavior for name, found in known.items() if found is not None and found.behavior is not None}


def _ends(standard: StandardMap, document: MapDocument) -> Ends:
    towards = System.FINOPS if standard.source is System.DATAVERSE else System.DATAVERSE
    return Ends(standard.source_set, standard.target_set, towards, standard.zone, document.names)


def _usual(standard: StandardMap, name: str) -> Ownership:
    """The ownership of a field whose entry does not name one: that of the standard map, unless it is off there."""
    if standard.once:
        return Ownership.ON_CREATE
    field = _field(standard, name)
    return Ownership.OWNED if field is None or field.ownership is Ownership.OFF else field.ownership


def _field(standard: StandardMap, name: str) -> TargetField | None:
    return next((field for word in standard.every for field in word.fields if field.name == name), None)


def _has_no_source(standard: StandardMap, name: str) -> bool:
    """Whether a standard field needs a word to be sent."""
    own = [word for word in standard.every if any(field.name == name for field in word.fields)]
    return any(word.meaning.startswith(NO_SOURCE) for word in own)


def _line_of(standard: StandardMap, name: str) -> Line | None:
    """The standard word of a field, if it is that of no other field."""
    return next((word for word in standard.every if isinstance(word, Line) and word.field.name == name), None)


def _replaced(word: Word, lines: Mapping[str, Line], naming: Mapping[str, Line]) -> Word:
    """The word that counts instead of a standard one."""
    if not isinstance(word, Line):
        return word
    name = naming.get(word.field.name)
    if name is None:
        return lines.get(word.field.name, word)
    columns = {column.name: column for column in (*word.columns, *name.columns)}
    return replace(word, columns=tuple(columns.values()), meaning=f"by name: {name.meaning}; blank: {word.meaning}")


def _at_creation(words: tuple[Word, ...]) -> dict[str, Ownership]:
    """Every field that is sent, at creation only."""
    fields = (field for word in words for field in word.fields if field.ownership is not Ownership.OFF)
    return {field.name: Ownership.ON_CREATE for field in fields}


def _wrong_names(
    standard: StandardMap, document: MapDocument, specs: Mapping[str, Override], worded: Mapping[str, WordSpec]
) -> Iterator[str]:
    """Names that the mapping does not have: a misspelled one would silently change nothing."""
    known = {field.name for word in standard.every for field in word.fields}
    for name in specs:
        if name not in known and name not in worded:
            place = f"fields.{standard.part}.{named(name)}"
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else "remove it, or give it a `word` to map it"
            yield f"{place} is not a field of this mapping: {hint}"
    for name in document.lengths_of(standard.lengths):
        if name not in known and name not in worded:
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else "remove it"
            yield f"text_lengths.{standard.lengths}.{named(name)} is not a field of this mapping: {hint}"


def _wrong_lengths(standard: StandardMap, document: MapDocument, worded: Mapping[str, WordSpec]) -> Iterator[str]:
    """Lengths over one that is known for sure, which counts: such an entry would silently change nothing."""
    for name, length in document.lengths_of(standard.lengths).items():
        field, of_line = _field(standard, name), document.names.find(standard.target_set, name)
        known = field.max_length if field is not None else None
        if known is None and name in worded and of_line is not None:
            known = of_line.length
        if known is not None and (length is None or length > known):
            own = name in document.own_columns.get(standard.target_set, {})
            why = f"stands in own_columns.{standard.target_set}" if own else "is verified"
            place = f"text_lengths.{standard.lengths}.{name}: {'null' if length is None else length}"
            yield f"{place}: the length of {name}, {known}, {why} and cannot be raised or turned off: remove it"


def _wrong_choices(
    standard: StandardMap, specs: Mapping[str, Override], worded: Mapping[str, WordSpec]
) -> Iterator[str]:
    """What a target cannot do without, and what a flow decides itself."""
    known = {field.name for word in standard.every for field in word.fields}
    parts = {field.name: word for word in standard.every if len(word.fields) > 1 for field in word.fields}
    for name, spec in specs.items():
        place = f"fields.{standard.part}.{name}"
        if spec.ownership == "off" and name in standard.needed | standard.fixed:
            yield f"{place} is off, and {standard.target_set} cannot do without it: remove it"
        if name not in worded and spec.ownership not in {None, "off"} and _has_no_source(standard, name):
            yield f"{place} is {spec.ownership}, and Sales has no column for it as delivered: give it a `word`"
        if standard.once and spec.ownership in {"owned", "fill_if_blank"}:
            yield f"{place} is {spec.ownership}, and these records are written once: write on_create or off"
        elif spec.ownership == "fill_if_blank" and not standard.may_fill:
            yield f"{place} is fill_if_blank, which this mapping does not take: write owned, on_create or off"
        if name in worded and name in standard.fixed and name not in standard.named:
            yield f"{place} has a word, and the sync itself finds the value of {name}: remove it"
        elif isinstance(spec, LookupByKey) and name in known - standard.named.keys():
            yield f"{place} has the word lookup, and the sync itself finds the value of {name}: remove it"
        elif name in worded and name in parts:
            yield f"{place} has a word, and {name} is one field of a block ({parts[name].meaning}): remove it"
        elif name not in worded and spec.length is not None:
            yield from _wrong_length(standard, name, spec.length)


def _wrong_length(standard: StandardMap, name: str, length: int) -> Iterator[str]:
    field, place = _field(standard, name), f"fields.{standard.part}.{name}.length"
    if field is None:
        return
    if field.type is not str:
        yield f"{place}: {length}: {name} is no text, and only a text has a length"
    elif field.max_length is not None and length > field.max_length:
        yield f"{place}: {length}: {name} takes {field.max_length} characters at most"
