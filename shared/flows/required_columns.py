"""Which tables and fields of both systems a flow uses: what a preflight looks for (shared/operations/preflight/)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from shared.mapping.addresses import AddressBlock
from shared.mapping.dates import EMPTY_DATE, Behavior
from shared.mapping.field_table import FieldTable
from shared.mapping.names import shipped
from shared.mapping.type_names import LOOKUP, TypeNames, WireType, in_finops, in_sales
from shared.mapping.words import Column, TargetField

# By the name of a column: the types that the metadata may give it.
Columns = Mapping[str, TypeNames]


@dataclass(frozen=True, slots=True)
class UsedTable:
    """A table of Sales: the columns that are read or written, by attribute. `tracked` says that its changes are
    followed, `dates` how its date columns behave as Sales is delivered, `blocks` which addresses are read."""

    entity_set: str
    id_column: str
    columns: Columns
    tracked: bool = False
    dates: Mapping[str, Behavior] = field(default_factory=dict)
    blocks: tuple[AddressBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class UsedCollection:
    """A collection of F&O: the fields that are read or written, and the one that is the whole key, if one is."""

    entity_set: str
    columns: Columns
    key: str = ""


@dataclass(frozen=True, slots=True)
class RequiredColumns:
    """Everything that a flow uses. A table may stand here more than once."""

    sales: tuple[UsedTable, ...]
    finops: tuple[UsedCollection, ...]


@dataclass(frozen=True, slots=True)
class Behind:
    """What a lookup leads to: its own column, and the other table."""

    column: str
    entity_set: str
    id_column: str


def source_tables(
    entity_set: str,
    id_column: str,
    mappings: Iterable[FieldTable],
    navigations: Mapping[str, Behind],
    *,
    dates: Mapping[str, Behavior] | None = None,
) -> Iterator[UsedTable]:
    """A table of Sales whose changes are followed, as its mappings read it, and the tables behind its lookups. A
    navigation that is not named here is one of Sales as it is delivered, or else the organisation's own: of that, only
    the lookup is known."""
    mappings = tuple(mappings)
    further = {name: behavior for mapping in mappings for name, behavior in mapping.dates.items()}
    blocks = {word.source: word for mapping in mappings for word in mapping.used if isinstance(word, AddressBlock)}
    yield UsedTable(
        entity_set, id_column, {}, tracked=True, dates={**(dates or {}), **further}, blocks=tuple(blocks.values())
    )
    for column in (column for mapping in mappings for column in mapping.columns):
        navigation, dot, name = column.name.rpartition(".")
        behind = navigations.get(navigation) or _behind(entity_set, navigation) if dot else None
        types = {attribute_of(name): _type_of(name, column.type, is_date=column.is_date)}
        if behind is None:
            yield UsedTable(entity_set, id_column, types)
        else:
            yield UsedTable(entity_set, id_column, {behind.column: LOOKUP})
            if behind.entity_set:
                yield UsedTable(behind.entity_set, behind.id_column, types)


def _behind(entity_set: str, navigation: str) -> Behind:
    """What a navigation leads to. That of a column of one's own is called as the column, with capital letters."""
    table = shipped().get(entity_set)
    way = None if table is None else table.lookups.get(navigation)
    if way is None:
        return Behind(navigation.lower(), "", "")
    column, leads_to = way
    known = shipped().get(leads_to)
    return Behind(column, leads_to, known.id_column) if known is not None else Behind(column, "", "")


def of_types(columns: Iterable[Column]) -> Columns:
    """Columns of Sales with their types."""
    return {attribute_of(column.name): _type_of(column.name, column.type, is_date=column.is_date) for column in columns}


def written(fields: Iterable[TargetField], *texts: str) -> Columns:
    """Fields of F&O that are written, and texts that are read with them."""
    types = {each.name: in_finops(each.type, is_date=each.is_date or each.empty == EMPTY_DATE) for each in fields}
    return {**dict.fromkeys(texts, in_finops(str)), **types}


def written_columns(
    table: FieldTable,
    lookups: Mapping[str, str],
    *,
    read_as: Mapping[str, str] | None = None,
    dates: Mapping[str, object] | None = None,
) -> Columns:
    """The columns of Sales that a mapping writes, with their types. `read_as` names the column of a lookup to one of
    several tables, `dates` are columns with a day."""
    found: dict[str, TypeNames] = {}
    for each in table.fields:
        if each.reference is not None:
            found[each.reference.column] = LOOKUP
        elif each.name in lookups:
            found[(read_as or {}).get(each.name, each.name)] = LOOKUP
        else:
            found[each.name] = in_sales(each.type, is_date=each.is_date or each.name in (dates or {}))
    return found


def keyed_by(table: FieldTable) -> Mapping[str, tuple[str, str]]:
    """The lookups that a mapping sets by key, as WriteTable knows them."""
    return {name: (reference.entity_set, reference.key) for name, reference in table.references.items()}


def attribute_of(column: str) -> str:
    """A column as the metadata names it: a lookup is read as `_NAME_value`."""
    return column.removeprefix("_").removesuffix("_value") if _is_lookup(column) else column


def _type_of(column: str, kind: WireType, *, is_date: bool) -> TypeNames:
    return LOOKUP if _is_lookup(column) else in_sales(kind, is_date=is_date)


def _is_lookup(column: str) -> bool:
    return column.startswith("_") and column.endswith("_value")
