"""Which tables and fields of both systems the flows use, worked out from their mappings."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared import flows
from shared.mapping import accounts, catalogue, contacts, products, quotations
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table of Sales: its columns as attributes, and whether a flow follows its changes."""

    entity_set: str
    columns: frozenset[str]
    tracked: bool = False


@dataclass(frozen=True, slots=True)
class CollectionUse:
    """A collection of F&O with its properties."""

    entity_set: str
    properties: frozenset[str]


def tables_of_sales(settings: Settings) -> tuple[TableUse, ...]:
    """Every table of Sales that is read or written."""
    quotes, product = flows.quotation_mapper(settings), flows.product_mapper(settings)
    written = set(product.table.target_fields) - {products.ITEM}
    return (
        TableUse(accounts.ENTITY_SET, _attributes(flows.account_mapper(settings).select), tracked=True),
        TableUse(contacts.ENTITY_SET, _attributes(flows.contact_mapper(settings).select), tracked=True),
        TableUse(quotations.HEADER_SET, _attributes(quotes.header_select), tracked=True),
        TableUse(quotations.LINE_SET, _attributes(quotes.line_select), tracked=True),
        TableUse(products.TARGET_SET, _attributes({*written, products.KEY_COLUMN, products.STATE})),
        TableUse(products.ITEM_SET, _attributes({*products.ITEM_LOOKUPS, products.AMOUNT})),
        *(TableUse(name, _attributes(select)) for name, select in catalogue.TABLES.items()),
    )


def collections_of_finops(settings: Settings) -> tuple[CollectionUse, ...]:
    """Every collection of F&O that is read or written."""
    contact, quotes = flows.contact_mapper(settings), flows.quotation_mapper(settings)
    customers = {*flows.account_mapper(settings).table.target_fields, *contact.customer.target_fields}
    return (
        CollectionUse(accounts.TARGET_SET, frozenset({accounts.KEY_FIELD, *customers})),
        CollectionUse(contacts.PERSON_SET, frozenset({*contacts.PERSON_KEY, *contact.person.target_fields})),
        CollectionUse(products.ENTITY_SET, frozenset({products.KEY_FIELD, *flows.product_mapper(settings).select})),
        CollectionUse(quotations.TARGET_SET, frozenset({quotations.KEY_FIELD, *quotes.header_fields})),
        CollectionUse(quotations.TARGET_LINE_SET, frozenset({quotations.KEY_FIELD, *quotes.line_fields})),
    )


def _attributes(columns: Iterable[str]) -> frozenset[str]:
    """Columns as the metadata names them: a lookup is read as `_NAME_value`."""
    return frozenset(
        column.removeprefix("_").removesuffix("_value") if column.startswith("_") else column for column in columns
    )
