"""Lookups of Sales: by an alternate key of the row to which they refer (the word `lookup`), or by the id of a row that
the mapping has looked up."""

from shared.mapping import field_specs as specs
from shared.mapping.names import TYPES, ColumnKind, Name
from shared.mapping.spelling import nearest
from shared.mapping.value_maps import ValueMaps
from shared.mapping.word_checks import CALLED, Ends, WrongWord, both, column_at, mistakes_of, refuse, refuse_length
from shared.mapping.words import Column, KeyReference, Line, Ownership, TargetField, Unmappable, value_of
from shared.records import Json, Values
from shared.systems import System

# Dataverse finds no row by a key that holds one of these, encoded or not (dataverse-web-api, section 5.4).
_IN_NO_KEY = frozenset("/<>*%&:\\?+")
# By the kind of the key: what may be its source.
_SOURCES = {
    ColumnKind.TEXT: (ColumnKind.TEXT, ColumnKind.ID, ColumnKind.MEMBER),
    ColumnKind.WHOLE: (ColumnKind.WHOLE,),
}


def lookup_by_key(field: str, spec: specs.LookupByKey, ends: Ends, *, usual: Ownership) -> Line:
    """The line of an entry with the word `lookup`. Raises WrongWord."""
    if ends.towards is System.FINOPS:
        refuse("word", "lookup: a field of F&O holds the key itself; use copy")
    way = ends.names.way_of(ends.target, field)
    if way is None:
        near = nearest(field, ends.names.navigations_of(ends.target))
        hint = f"did you mean {near}? One" if near else "one"
        told = f"{field} is no navigation of {ends.target}: {hint} of your own is declared in `own_columns`"
        raise WrongWord(("", told), *mistakes_of(lambda: _source(spec, None, ends)))
    column, leads_to = way
    own = ends.names.find(ends.target, column)
    if own is not None and own.refused:
        refuse("", f"{ends.target} does not let it be written: {own.refused}")
    key, source = both(
        lambda: refuse_length(spec.length, f"{field} is a lookup, and only a text has a length"),
        lambda: _key_and_source(field, spec, leads_to, ends),
    )
    ownership = usual if spec.ownership is None else Ownership(spec.ownership)
    into = TargetField(
        field,
        ownership,
        TYPES[key.kind],
        None,
        key.length,
        fold_case=key.kind is ColumnKind.TEXT,
        reference=KeyReference(leads_to, spec.by, column),
    )

    def read(row: Values, _maps: ValueMaps) -> Json:
        value = value_of(row, spec.source)
        return _checked(value.strip(), spec.source, field) if isinstance(value, str) else value

    return Line((source,), into, f"the row of {leads_to} whose `{spec.by}` it is", read)


def _key_and_source(field: str, spec: specs.LookupByKey, leads_to: str, ends: Ends) -> tuple[Name, Column]:
    """The key of the row to which a lookup leads, and the column that holds it. Raises WrongWord."""
    key = ends.names.find(leads_to, spec.by) or ends.names.find(ends.target, f"{field}.{spec.by}")
    if key is not None and key.kind in _SOURCES:
        return key, _source(spec, key, ends)
    if key is None:
        told = ends.names.unknown(leads_to, spec.by, "column")
    else:
        told = f"{spec.by} is {CALLED[key.kind]}: a key is a text or a whole number"
    raise WrongWord(("by", told), *mistakes_of(lambda: _source(spec, None, ends)))


def _source(spec: specs.LookupByKey, key: Name | None, ends: Ends) -> Column:
    """The column that holds a key, of any kind if the key is not known. Raises WrongWord."""
    kinds = tuple(ColumnKind) if key is None else _SOURCES[key.kind]
    return column_at(spec.source, "from", ends, kinds)[0]


def _checked(key: str, source: str, field: str) -> str:
    trouble = sorted(_IN_NO_KEY & set(key))
    if trouble:
        raise Unmappable(
            "key_not_addressable",
            f"{source} is {key!r}, and Sales finds no row for {field} by a key with {' '.join(trouble)}",
            remedy="give the row in Sales a key without / < > * % & : \\ ? +, and the record the same",
            value=key,
        )
    return key


def looked_up_name(target: str) -> str:
    """The name of the row that a lookup refers to, among the row's columns."""
    return f"={target}"


def looked_up(source: str, target: str, meaning: str, *, ownership: Ownership = Ownership.OWNED) -> Line:
    """The id of a row of the target, which the mapping has looked up beforehand."""
    columns = (Column(source),) if source else ()
    name = looked_up_name(target)
    return Line(columns, TargetField(target, ownership, empty=None), meaning, lambda row, _maps: row.get(name))
