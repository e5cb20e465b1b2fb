"""The words of the map document: what stands there becomes a line of the mapping, like those of the standard maps.

Everything that can be wrong with a word is found here, before any record is read: each mistake names what is allowed.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from shared.discretion import shown
from shared.mapping import field_specs as specs
from shared.mapping.amounts import rounded_half_up
from shared.mapping.conditions import columns_in, described, holds, mistakes_in
from shared.mapping.dates import EMPTY_DATE, Behavior
from shared.mapping.days import day
from shared.mapping.lookups import lookup_by_key
from shared.mapping.map_document import MapDocument
from shared.mapping.names import TYPES, ColumnKind, Name
from shared.mapping.texts import no_texts, unit_symbols
from shared.mapping.units import finops_unit, sales_unit
from shared.mapping.value_maps import ValueMaps, folded
from shared.mapping.word_checks import (
    CALLED,
    Ends,
    allowed,
    column_at,
    copied,
    listed_names,
    refuse,
    require_constant,
    require_kind,
    require_value,
)
from shared.mapping.words import (
    Column,
    Line,
    Ownership,
    TargetField,
    Unmappable,
    currency,
    default,
    joined_by,
    value_of,
    yes_as_true,
    yes_no,
)
from shared.records import Json, Values
from shared.systems import System

_NO_YES = ("No", "Yes")
_EMPTY: Mapping[ColumnKind, Json] = {ColumnKind.WHOLE: 0, ColumnKind.DECIMAL: 0, ColumnKind.DATE: EMPTY_DATE}


def word_of(
    field: str, spec: specs.WordSpec, ends: Ends, maps: MapDocument, *, usual: Ownership, standard: Line | None
) -> Line:
    """The line that an entry of the document means; `standard` is the line that it takes the place of. Raises
    WrongWord."""
    if isinstance(spec, specs.LookupByKey):
        return lookup_by_key(field, spec, ends, usual=usual)
    known = ends.names.find(ends.target, field)
    if known is None:
        refuse("", ends.names.unknown(ends.target, field, "field" if ends.towards is System.FINOPS else "column"))
    if known.refused:
        refuse("", f"{ends.target} does not let it be written: {known.refused}")
    into = _target_field(field, known, spec, ends, usual)
    if standard is not None:
        into = replace(into, fold_case=standard.field.fold_case)
    line = _line(spec, into, known, ends, maps, standard=standard)
    return replace(line, field=into)


def name_of(field: str, spec: specs.WordSpec, what: str, ends: Ends, maps: MapDocument) -> Line:
    """The line of an entry that gives a row of Sales by its name, such as `what`: the flow finds the row. Blank leaves
    the choice to the flow. Raises WrongWord."""
    if isinstance(spec, specs.LookupByKey):
        refuse("word", f"lookup: the sync itself finds the {what}: give its name by another word")
    if spec.length is not None:
        refuse("length", f"{spec.length}: {field} holds the id of a {what}, which has no length: remove it")
    return _line(spec, TargetField(field), Name(ColumnKind.TEXT), ends, maps, standard=None)


def _target_field(field: str, known: Name, spec: specs.Override, ends: Ends, usual: Ownership) -> TargetField:
    if known.kind is ColumnKind.LOOKUP:
        refuse("", f"it is a lookup of {ends.target}: use the word lookup, and name the navigation")
    if spec.length is not None and known.kind is not ColumnKind.TEXT:
        refuse("length", f"{spec.length}: {field} is {CALLED[known.kind]}, and only a text has a length")
    if spec.length is not None and known.length is not None and spec.length > known.length:
        refuse("length", f"{spec.length}: {field} takes {known.length} characters at most")
    empty: Json = None
    if ends.towards is System.FINOPS:
        empty = known.members[0] if known.kind is ColumnKind.MEMBER else _EMPTY.get(known.kind, "")
    ownership = usual if spec.ownership is None else Ownership(spec.ownership)
    length = spec.length or known.length
    is_date = known.kind is ColumnKind.DATE
    return TargetField(field, ownership, TYPES[known.kind], empty, length, is_date=is_date)


def _line(
    spec: specs.ValueSpec, into: TargetField, known: Name, ends: Ends, maps: MapDocument, *, standard: Line | None
) -> Line:
    match spec:
        case specs.Copy(source=path):
            column, kind = copied(path, "from", into.name, known, ends)
            convert = _as_text if kind in (ColumnKind.ID, ColumnKind.MEMBER) else lambda value: value
            return _converted(column, into, convert, "as it is")
        case specs.Constant(value=value):
            return _constant(value, into, known)
        case specs.Default(name=name):
            require_kind(known, "name", shown(name), (ColumnKind.TEXT,), into.name)
            return default(into.name, name, ownership=into.ownership)
        case specs.FirstOf(sources=paths):
            columns = [copied(path, f"from.{at}", into.name, known, ends)[0] for at, path in enumerate(paths)]
            return _first_of(tuple(columns), into)
        case specs.Joined(sources=paths, separator=separator):
            require_kind(known, "word", "joined", (ColumnKind.TEXT,), into.name)
            columns = [
                column_at(path, f"from.{at}", ends, (ColumnKind.TEXT, ColumnKind.ID))[0]
                for at, path in enumerate(paths)
            ]
            return joined_by(tuple(columns), into, separator)
        case specs.Rules():
            return _rules(spec, into, known, ends, standard)
        case _:
            return _converting_line(spec, into, known, ends, maps)


def _converting_line(spec: specs.ConvertingSpec, into: TargetField, known: Name, ends: Ends, maps: MapDocument) -> Line:
    """The line of a word that changes what it reads."""
    match spec:
        case specs.Option(source=path, to=to):
            return _option(path, to, into, known, ends)
        case specs.YesNo(source=path, opposite=opposite):
            return _yes_no(path, into, known, ends, opposite=opposite)
        case specs.ByValueMap():
            return _by_value_map(spec, into, known, ends, maps)
        case specs.CurrencyCode(source=path):
            require_kind(known, "word", "currency", (ColumnKind.TEXT,), into.name)
            if ends.towards is not System.FINOPS:
                refuse("word", "currency: it gives codes of F&O, and this mapping goes to Sales")
            column_at(path, "from", ends, (ColumnKind.TEXT,))
            return currency(path, into.name, ownership=into.ownership)
        case specs.Unit(source=path):
            return _unit(path, into, known, ends)
        case specs.Day(source=path):
            return _day(path, into, known, ends)
        case specs.DateTime(source=path):
            return _date_time(path, into, known, ends)
        case specs.DecimalNumber(source=path, decimals=decimals):
            require_kind(known, "word", "decimal", (ColumnKind.DECIMAL,), into.name)
            column, _ = column_at(path, "from", ends, (ColumnKind.DECIMAL, ColumnKind.WHOLE))
            meaning = f"rounded half up to {decimals} decimals"
            return _converted(column, into, lambda value: rounded_half_up(value, decimals), meaning)


def _rules(spec: specs.Rules, into: TargetField, known: Name, ends: Ends, standard: Line | None) -> Line:
    columns: dict[str, Column] = {}
    for at, rule in enumerate(spec.rules):
        for wrong in mistakes_in(rule.when, f"rules.{at}.when", ends.source, ends.names):
            place, _, told = wrong.partition(": ")
            refuse(place, told)
        columns |= {column.name: column for column in columns_in(rule.when, ends.source, ends.names)}
        require_constant(rule.value, f"rules.{at}.value", into.name, known)
    if spec.otherwise is not None:
        require_constant(spec.otherwise, "otherwise", into.name, known)

    # An `otherwise` that stands in the document counts, also null: that is blank.
    falls_back = standard if standard is not None and "otherwise" not in spec.model_fields_set else None
    columns |= {column.name: column for column in (falls_back.columns if falls_back is not None else ())}

    def read(row: Values, maps: ValueMaps) -> Json:
        for rule in spec.rules:
            if holds(rule.when, row):
                return rule.value
        return spec.otherwise if falls_back is None else falls_back.read(row, maps)

    told = "; ".join(f"`{rule.value}` if {described(rule.when)}" for rule in spec.rules)
    otherwise, texts = (
        (_told(spec.otherwise), no_texts) if falls_back is None else (falls_back.meaning, falls_back.texts)
    )
    return Line(tuple(columns.values()), into, f"{told}; otherwise {otherwise}", read, texts)


def _told(value: Json) -> str:
    return "blank" if value is None else f"`{value}`"


def _converted(column: Column, into: TargetField, convert: Callable[[Json], Json], meaning: str) -> Line:
    def read(row: Values, _maps: ValueMaps) -> Json:
        value = value_of(row, column.name)
        return None if value is None else convert(value)

    return Line((column,), into, meaning, read)


def _as_text(value: Json) -> Json:
    return str(value)


def _constant(value: str | bool | int | Decimal, into: TargetField, known: Name) -> Line:
    require_constant(value, "value", into.name, known)
    told = str(value).lower() if isinstance(value, bool) else value
    return Line((), into, f"always `{told}`", lambda _row, _maps: value)


def _first_of(columns: tuple[Column, ...], into: TargetField) -> Line:
    def read(row: Values, _maps: ValueMaps) -> Json:
        found = (value_of(row, column.name) for column in columns)
        return next((value for value in found if value is not None), None)

    return Line(columns, into, "the first that is filled", read)


def _option(path: str, to: Mapping[str, str | int], into: TargetField, known: Name, ends: Ends) -> Line:
    column, found = column_at(path, "from", ends, (ColumnKind.OPTION, ColumnKind.MEMBER))
    require_kind(
        known, "word", "option", (ColumnKind.MEMBER, ColumnKind.OPTION, ColumnKind.TEXT, ColumnKind.WHOLE), into.name
    )
    listed = list(map(str, found.options)) if found.kind is ColumnKind.OPTION else list(found.members)
    for given in to:
        if (listed and given not in listed) or (found.kind is ColumnKind.OPTION and not _is_whole(given)):
            what = "option" if found.kind is ColumnKind.OPTION else "member"
            refuse("to", f"{shown(given)} is no {what} of {path}: write {listed_names(listed) or 'whole numbers'}")
    for value in to.values():
        require_value(value, "to", into.name, known)

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


def _yes_no(path: str, into: TargetField, known: Name, ends: Ends, *, opposite: bool) -> Line:
    if ends.towards is System.FINOPS:
        column_at(path, "from", ends, (ColumnKind.YES_NO,))
        if known.members[:2] != _NO_YES:
            refuse("word", f"yes_no: {into.name} takes {allowed(known)}")
        return yes_no(path, into.name, ownership=into.ownership, opposite=opposite)
    _, found = column_at(path, "from", ends, (ColumnKind.MEMBER,))
    if found.members[:2] != _NO_YES:
        refuse("from", f"{path} has the members {listed_names(list(found.members))}, and yes_no needs No and Yes")
    require_kind(known, "word", "yes_no", (ColumnKind.YES_NO,), into.name)
    return yes_as_true(path, into.name, ownership=into.ownership, opposite=opposite)


def _by_value_map(spec: specs.ByValueMap, into: TargetField, known: Name, ends: Ends, maps: MapDocument) -> Line:
    path, name = spec.source, spec.map
    column, _ = column_at(path, "from", ends, (ColumnKind.TEXT, ColumnKind.ID, ColumnKind.MEMBER))
    require_kind(
        known, "word", "value_map", (ColumnKind.TEXT, ColumnKind.MEMBER, ColumnKind.WHOLE, ColumnKind.OPTION), into.name
    )
    if name not in maps.value_maps:
        there = listed_names(list(maps.value_maps)) or "none: add one to `value_maps`"
        refuse("map", f"{shown(name)} is not in `value_maps`, which has {there}")
    codes = {folded(text): code for text, code in maps.value_maps[name].items()}
    for code in (*codes.values(), *(() if spec.otherwise is None else (spec.otherwise,))):
        require_value(code, f"map {name}", into.name, known)

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


def _unit(path: str, into: TargetField, known: Name, ends: Ends) -> Line:
    column, _ = column_at(path, "from", ends, (ColumnKind.TEXT,))
    require_kind(known, "word", "unit", (ColumnKind.TEXT,), into.name)
    to_finops = ends.towards is System.FINOPS
    find, texts = (finops_unit, unit_symbols) if to_finops else (sales_unit, no_texts)

    def read(row: Values, maps: ValueMaps) -> Json:
        name = value_of(row, path)
        found = None if name is None else find(maps.units, str(name))
        if name is not None and found is None:
            raise Unmappable(
                "unit_unknown",
                f"{path} is {name!r}, which is not in the value map `units`",
                remedy="add the unit to the value map, or correct the record",
                value=str(name),
                lacks=("units", str(name), "SYMBOL") if to_finops else ("units", "NAME", str(name)),
            )
        return found

    return Line((column,), into, "value map `units`", read, texts)


def _day(path: str, into: TargetField, known: Name, ends: Ends) -> Line:
    column, found = column_at(path, "from", ends, (ColumnKind.DATE,))
    require_kind(known, "word", "day", (ColumnKind.DATE,), into.name)
    if ends.towards is System.FINOPS:
        if found.behavior is None:
            refuse("from", f"{path} does not say how it behaves: write its `behavior` in `own_columns`")
        return day(path, into.name, ends.zone, ownership=into.ownership, behavior=found.behavior)
    if known.behavior is not Behavior.DATE_ONLY:
        refuse("word", f"day: {into.name} holds a moment ({known.behavior}); use date_time")
    return _converted(column, into, lambda value: str(value)[: len("2026-07-14")], "its day")


def _date_time(path: str, into: TargetField, known: Name, ends: Ends) -> Line:
    column, found = column_at(path, "from", ends, (ColumnKind.DATE,))
    require_kind(known, "word", "date_time", (ColumnKind.DATE,), into.name)
    for name, end in ((path, found), (into.name, known)):
        if end.behavior is Behavior.DATE_ONLY:
            refuse("word", f"date_time: {name} holds a day without time; use day")

    def moment(value: Json) -> Json:
        try:
            at = datetime.fromisoformat(str(value)).astimezone(UTC)
        except ValueError as wrong:
            raise Unmappable(
                "date_invalid",
                f"{path} is {value!r}, which is not a date",
                remedy="correct the record's date",
                value=f"{path} {value}",
            ) from wrong
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    return _converted(column, into, moment, "the moment, to the second")


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()
