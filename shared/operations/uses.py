"""Which tables and fields of both systems the flows use, worked out from their mappings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared import flows
from shared.mapping import accounts, catalogue, contacts, products, quotations
from shared.mapping.vocabulary import Column, WireType
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class TableUse:
    """A table of Sales: its columns as attributes, the types of those that a mapping reads, and whether a flow follows
    its changes."""

    entity_set: str
    columns: frozenset[str]
    types: Mapping[str, WireType] = field(default_factory=dict)
    tracked: bool = False


@dataclass(frozen=True, slots=True)
class CollectionUse:
    """A collection of F&O with its properties, and the types of those that a mapping reads."""

    entity_set: str
    properties: frozenset[str]
    types: Mapping[str, WireType] = field(default_factory=dict)


def tables_of_sales(settings: Settings) -> tuple[TableUse, ...]:
    """Every table of Sales that is read or written."""
    quotes, product = flows.quotation_mapper(settings), flows.product_mapper(settings)
    account, contact = flows.account_mapper(settings), flows.contact_mapper(settings)
    of_contacts = (*contact.person.columns, *contact.customer.columns)
    written = set(product.table.target_fields) - {products.ITEM}
    return (
        TableUse(accounts.ENTITY_SET, _attributes(account.select), _types(account.table.columns), tracked=True),
        TableUse(contacts.ENTITY_SET, _attributes(contact.select), _types(of_contacts), tracked=True),
        TableUse(quotations.HEADER_SET, _attributes(quotes.header_select), _types(quotes.header.columns), tracked=True),
        TableUse(quotations.LINE_SET, _attributes(quotes.line_select), _types(quotes.lines.columns), tracked=True),
        TableUse(products.TARGET_SET, _attributes({*written, products.KEY_COLUMN, products.STATE})),
        TableUse(products.ITEM_SET, _attributes({*products.ITEM_LOOKUPS, products.AMOUNT})),
        *(TableUse(name, _attributes(select)) for name, select in catalogue.TABLES.items()),
    )


def collections_of_finops(settings: Settings) -> tuple[CollectionUse, ...]:
    """Every collection of F&O that is read or written."""
    contact, quotes = flows.contact_mapper(settings), flows.quotation_mapper(settings)
    product = flows.product_mapper(settings)
    customers = {*flows.account_mapper(settings).table.target_fields, *contact.customer.target_fields}
    return (
        CollectionUse(accounts.TARGET_SET, frozenset({accounts.KEY_FIELD, *customers})),
        CollectionUse(contacts.PERSON_SET, frozenset({*contacts.PERSON_KEY, *contact.person.target_fields})),
        CollectionUse(
            products.ENTITY_SET, frozenset({products.KEY_FIELD, *product.select}), _types(product.table.columns)
        ),
        CollectionUse(quotations.TARGET_SET, frozenset({quotations.KEY_FIELD, *quotes.header_fields})),
        CollectionUse(quotations.TARGET_LINE_SET, frozenset({quotations.KEY_FIELD, *quotes.line_fields})),
    )


def _types(columns: Iterable[Column]) -> dict[str, WireType]:
    """The types of columns of the table itself, not of its lookups."""
    return {_attribute(column.name): column.type for column in columns if "." not in column.name}


def _attributes(columns: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_attribute, columns))


def _attribute(column: str) -> str:
    """A column as the metadata names it: a lookup is read as `_NAME_value`."""
    return column.removeprefix("_").removesuffix("_value") if column.startswith("_") else column
