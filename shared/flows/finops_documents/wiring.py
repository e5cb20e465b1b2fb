"""How documents of F&O reach Sales: the small tables that they look up, and the rows that they find by number."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.dataverse.lookup import DataverseLookup, LookupTable
from shared.flows.choices import how_dates_behave
from shared.flows.finops_documents import references
from shared.flows.products import catalogue, price_lists
from shared.flows.required_columns import UsedTable, of_types
from shared.mapping.date_columns import DateColumns
from shared.mapping.type_names import TypeNames, in_finops, in_sales
from shared.mapping.words import Column
from shared.records import fold
from shared.sync.flow import Finder


def lookup_of(system: DataverseSystem, dates: DateColumns | None = None) -> DataverseLookup:
    """The small tables of Sales; `dates` are the date columns whose behaviour counts, besides those of price lists."""
    tables = {name: LookupTable(select) for name, select in references.TABLES.items()}
    return DataverseLookup(system, tables | how_dates_behave({**price_lists.DATE_COLUMNS, **(dates or {})}))


def finder_of(system: DataverseSystem, entity_set: str, id_column: str, number: str) -> Finder:
    """Finds rows of Sales by their number; if several have it, the one that was created first."""
    return partial(_ids_by, system, entity_set, id_column, number)


def _ids_by(
    system: DataverseSystem, entity_set: str, id_column: str, number: str, keys: Sequence[str]
) -> Mapping[str, str]:
    """The ids of the rows with these numbers, by folded number. Raises SystemTrouble."""
    wanted = [key for key in keys if key.strip() and quoting.can_be_quoted(key)]
    # Of several rows with a number the last one stays.
    parameters = {"$select": quoting.columns([id_column, number]), "$orderby": "createdon desc"}
    rows = system.rows_with(entity_set, number, wanted, parameters) if wanted else ()
    return {fold(str(row[number])): str(row[id_column]).lower() for row in rows}


def products_finder(system: DataverseSystem) -> Finder:
    """Finds products of Sales by their number."""
    return finder_of(system, references.PRODUCTS, references.PRODUCT_ID, references.PRODUCT_NUMBER)


def used_products() -> UsedTable:
    """The products, as they are found."""
    number = {references.PRODUCT_NUMBER: in_sales(str)}
    return UsedTable(references.PRODUCTS, references.PRODUCT_ID, number)


def used_small_tables() -> Iterator[UsedTable]:
    """The small tables, as they are read."""
    numbers = {*catalogue.NUMBERS, "currencyprecision"}
    for name, columns in references.TABLES.items():
        dates = price_lists.DATE_COLUMNS.get(columns[0].removesuffix("id"), {})
        kinds = [Column(each, int if each in numbers else str, is_date=each in dates) for each in columns]
        yield UsedTable(name, columns[0], of_types(kinds), dates=dates)


def read_fields(columns: Sequence[Column], key: Sequence[str]) -> dict[str, TypeNames]:
    """The fields of F&O that are read, with their types; those of the key are texts."""
    texts = dict.fromkeys(key, in_finops(str))
    return {**texts, **{column.name: in_finops(column.type, is_date=column.is_date) for column in columns}}
