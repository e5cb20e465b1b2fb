"""The words of the map document: what stands there becomes a line of the mapping, like those of the standard maps.

Everything that can be wrong with a word is found here, before any record is read: each mistake names what is allowed.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from shared.discretion import shown
from shared.mapping import field_specs as specs
from shared.mapping.amounts import rounded_half_up
from shared.mapping.coded_words import by_options, by_value_map, yes_no_by_name
from shared.mapping.conditions import columns_in, described, holds, mistakes_in
from shared.mapping.dates import EMPTY_DATE, Behavior
from shared.mapping.days import day
from shared.mapping.lookups import lookup_by_key
from shared.mapping.map_document import MapDocument
from shared.mapping.names import TYPES, ColumnKind, Name
from shared.mapping.texts import no_texts, unit_symbols
from shared.mapping.units import finops_unit, sales_unit
from shared.mapping.value_maps import ValueMaps
from shared.mapping.word_checks import (
    Ends,
    WrongWord,
    both,
    column_at,
    copied,
    every,
    mistakes_of,
    refuse,
    refuse_length,
    require_constant,
    require_kind,
    require_length,
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
)
from shared.records import Json, Values
from shared.systems import System

_EMPTY: Mapping[ColumnKind, Json] = {ColumnKind.WHOLE: 0, ColumnKind.DECIMAL: 0, ColumnKind.DATE: EMPTY_DATE}


def word_of(
    field: str, spec: specs.WordSpec, ends: Ends, maps: MapDocument, *, usual: Ownership, standard: Line | None
) -> Line:
    """The line that an entry of the document means; `standard` is the line that it takes the place of. Raises
    WrongWord."""
    if isinstance(spec, specs.LookupByKey):
        return lookup_by_key(field, spec, ends, usual=usual)
    known = _known(field, spec, ends)
    into = _target_field(field, known, spec, ends, usual)
    if standard is not None:
        into = replace(into, fold_case=standard.field.fold_case)
    line = both(
        lambda: require_length(field, known, spec.length),
        lambda: _line(spec, into, known, ends, maps, standard=standard),
    )
    return replace(line, field=into)


def _known(field: str, spec: specs.ValueSpec, ends: Ends) -> Name:
    """The field of the target. Raises WrongWord if a word cannot write it, also for the columns that the word reads."""
    known = ends.names.find(ends.target, field)
    if known is None:
        trouble = ends.names.unknown(ends.target, field, "field" if ends.towards is System.FINOPS else "column")
    elif known.refused:
        trouble = f"{ends.target} does not let it be written: {known.refused}"
    elif known.kind is ColumnKind.LOOKUP:
        trouble = f"it is a lookup of {ends.target}: use the word lookup, and name the navigation"
    else:
        return known
    raise WrongWord(("", trouble), *mistakes_of(lambda: _require_columns(spec, ends)))


def _require_columns(spec: specs.ValueSpec, ends: Ends) -> None:
    """Raises WrongWord for columns that the source does not have."""
    match spec:
        case specs.FromColumn(source=path):
            column_at(path, "from", ends, tuple(ColumnKind))
        case specs.FirstOf(sources=paths) | specs.Joined(sources=paths):
            every(partial(column_at, path, f"from.{at}", ends, tuple(ColumnKind)) for at, path in enumerate(paths))
        case specs.Rules(rules=rules):
            every(partial(_require_condition, rule, at, ends) for at, rule in enumerate(rules))


def _require_condition(rule: specs.RuleOf, at: int, ends: Ends) -> None:
    wrong = tuple(mistakes_in(rule.when, f"rules.{at}.when", ends.source, ends.names))
    if wrong:
        parted = (each.partition(": ") for each in wrong)
        raise WrongWord(*((place, told) for place, _, told in parted))


def name_of(field: str, spec: specs.WordSpec, what: str, ends: Ends, maps: MapDocument) -> Line:
    """The line of an entry that gives a row of Sales by its name, such as `what`: the flow finds the row. Blank leaves
    the choice to the flow. Raises WrongWord."""
    if isinstance(spec, specs.LookupByKey):
        refuse("word", f"lookup: the sync itself finds the {what}: give its name by another word")
    return both(
        lambda: refuse_length(spec.length, f"{field} holds the id of a {what}, which has no length: remove it"),
        lambda: _line(spec, TargetField(field), Name(ColumnKind.TEXT), ends, maps, standard=None),
    )


def _target_field(field: str, known: Name, spec: specs.Override, ends: Ends, usual: Ownership) -> TargetField:
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
            read = every(partial(copied, path, f"from.{at}", into.name, known, ends) for at, path in enumerate(paths))
            return _first_of(tuple(column for column, _ in read), into)
        case specs.Joined(sources=paths, separator=separator):
            kinds = (ColumnKind.TEXT, ColumnKind.ID)
            joined = both(
                lambda: require_kind(known, "word", "joined", (ColumnKind.TEXT,), into.name),
                lambda: every(partial(column_at, path, f"from.{at}", ends, kinds) for at, path in enumerate(paths)),
            )
            return joined_by(tuple(column for column, _ in joined), into, separator)
        case specs.Rules():
            return _rules(spec, into, known, ends, standard)
        case _:
            return _converting_line(spec, into, known, ends, maps)


def _converting_line(spec: specs.ConvertingSpec, into: TargetField, known: Name, ends: Ends, maps: MapDocument) -> Line:
    """The line of a word that changes what it reads."""
    match spec:
        case specs.Option(source=path, to=to):
            return by_options(path, to, into, known, ends)
        case specs.YesNo(source=path, opposite=opposite):
            return yes_no_by_name(path, into, known, ends, opposite=opposite)
        case specs.ByValueMap():
            return by_value_map(spec, into, known, ends, maps)
        case specs.CurrencyCode(source=path):
            both(
                lambda: _require_currency(known, into, ends),
                lambda: column_at(path, "from", ends, (ColumnKind.TEXT,)),
            )
            return currency(path, into.name, ownership=into.ownership)
        case specs.Unit(source=path):
            return _unit(path, into, known, ends)
        case specs.Day(source=path):
            return _day(path, into, known, ends)
        case specs.DateTime(source=path):
            return _date_time(path, into, known, ends)
        case specs.DecimalNumber(source=path, decimals=decimals):
            column, _ = both(
                lambda: require_kind(known, "word", "decimal", (ColumnKind.DECIMAL,), into.name),
                lambda: column_at(path, "from", ends, (ColumnKind.DECIMAL, ColumnKind.WHOLE)),
            )
            meaning = f"rounded half up to {decimals} decimals"
            return _converted(column, into, lambda value: rounded_half_up(value, decimals), meaning)


def _require_currency(known: Name, into: TargetField, ends: Ends) -> None:
    require_kind(known, "word", "currency", (ColumnKind.TEXT,), into.name)
    if ends.towards is not System.FINOPS:
        refuse("word", "currency: it gives codes of F&O, and this mapping goes to Sales")


def _rules(spec: specs.Rules, into: TargetField, known: Name, ends: Ends, standard: Line | None) -> Line:
    given = {f"rules.{at}.value": rule.value for at, rule in enumerate(spec.rules)}
    if spec.otherwise is not None:
        given["otherwise"] = spec.otherwise
    both(
        lambda: _require_columns(spec, ends),
        lambda: every(partial(require_constant, value, at, into.name, known) for at, value in given.items()),
    )
    read_of = (columns_in(rule.when, ends.source, ends.names) for rule in spec.rules)
    columns = {column.name: column for of_rule in read_of for column in of_rule}

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


def _unit(path: str, into: TargetField, known: Name, ends: Ends) -> Line:
    column, _ = both(
        lambda: require_kind(known, "word", "unit", (ColumnKind.TEXT,), into.name),
        lambda: column_at(path, "from", ends, (ColumnKind.TEXT,)),
    )
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
    column, behavior = both(lambda: _require_day(into, known, ends), lambda: _days_read(path, ends))
    if ends.towards is System.FINOPS:
        return day(path, into.name, ends.zone, ownership=into.ownership, behavior=behavior)
    return _converted(column, into, lambda value: str(value)[: len("2026-07-14")], "its day")


def _require_day(into: TargetField, known: Name, ends: Ends) -> None:
    require_kind(known, "word", "day", (ColumnKind.DATE,), into.name)
    if ends.towards is not System.FINOPS and known.behavior is not Behavior.DATE_ONLY:
        refuse("word", f"day: {into.name} holds a moment ({known.behavior}); use date_time")


def _days_read(path: str, ends: Ends) -> tuple[Column, Behavior]:
    """A date column, with its behavior; F&O has moments only. Raises WrongWord."""
    column, found = column_at(path, "from", ends, (ColumnKind.DATE,))
    if ends.towards is System.FINOPS and found.behavior is None:
        refuse("from", f"{path} does not say how it behaves: write its `behavior` in `own_columns`")
    return column, found.behavior or Behavior.TIME_ZONE_INDEPENDENT


def _date_time(path: str, into: TargetField, known: Name, ends: Ends) -> Line:
    def moments(name: str, end: Name) -> None:
        if end.behavior is Behavior.DATE_ONLY:
            refuse("word", f"date_time: {name} holds a day without time; use day")

    def read() -> Column:
        column, found = column_at(path, "from", ends, (ColumnKind.DATE,))
        moments(path, found)
        return column

    def written() -> None:
        require_kind(known, "word", "date_time", (ColumnKind.DATE,), into.name)
        moments(into.name, known)

    column = both(written, read)

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
