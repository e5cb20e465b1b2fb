"""Which tables and fields of both systems the flows use, worked out from their mappings."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.flows.accounts import ACCOUNTS
from shared.flows.accounts import mapping as accounts
from shared.flows.accounts.wiring import account_mapper
from shared.flows.contacts import CONTACTS
from shared.flows.contacts import mapping as contacts
from shared.flows.contacts.wiring import contact_mapper
from shared.flows.products import PRODUCTS, catalogue
from shared.flows.products import mapping as products
from shared.flows.products.wiring import product_mapper
from shared.flows.quotations import QUOTATIONS
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations.wiring import quotation_mapper
from shared.flows.spec import Deployment
from shared.mapping.dates import EMPTY_DATE
from shared.mapping.words import Column, TargetField, WireType
from shared.operations.preflight.type_names import ANY, LOOKUP, TypeNames, in_finops, in_sales

# By the type of a column: the names that the metadata may give it.
Columns = Mapping[str, TypeNames]
_Part = tuple[str, str, Columns]

# The lookup column that a navigation follows, and its table.
_NAVIGATIONS = {
    "transactioncurrencyid": ("transactioncurrencyid", catalogue.CURRENCIES),
    "parentcustomerid_account": ("parentcustomerid", accounts.ENTITY_SET),
    "customerid_account": ("customerid", accounts.ENTITY_SET),
    "customerid_contact": ("customerid", contacts.ENTITY_SET),
    "productid": ("productid", products.TARGET_SET),
    "uomid": ("uomid", catalogue.UNITS),
}
_IDS = {
    accounts.ENTITY_SET: accounts.ID_COLUMN,
    contacts.ENTITY_SET: contacts.ID_COLUMN,
    quotations.HEADER_SET: quotations.HEADER_ID_COLUMN,
    quotations.LINE_SET: quotations.LINE_ID_COLUMN,
    products.TARGET_SET: products.ID_COLUMN,
    products.ITEM_SET: products.ITEM_ID_COLUMN,
    **{name: columns[0] for name, columns in catalogue.TABLES.items()},
}
_TRACKED = frozenset({accounts.ENTITY_SET, contacts.ENTITY_SET, quotations.HEADER_SET, quotations.LINE_SET})
_SMALL_NUMBERS = frozenset({"statecode", "pricingdecimalprecision"})
_SMALL_DATES = frozenset({"begindate", "enddate"})


@dataclass(frozen=True, slots=True)
class CollectionUse:
    """A collection of F&O: what each flow that uses it reads or writes there."""

    entity_set: str
    flows: Mapping[str, Columns]

    @property
    def columns(self) -> frozenset[str]:
        """Everything that any flow uses."""
        return frozenset(name for columns in self.flows.values() for name in columns)


@dataclass(frozen=True, slots=True)
class TableUse(CollectionUse):
    """A table of Sales: what each flow that uses it reads or writes there, by attribute, and whether a flow follows its
    changes."""

    id_column: str
    tracked: bool

    @property
    def logical_name(self) -> str:
        """The table's name in the metadata."""
        return self.id_column.removesuffix("id")


def tables_of_sales(deployment: Deployment) -> tuple[TableUse, ...]:
    """Every table of Sales that is read or written."""
    account, contact = account_mapper(deployment), contact_mapper(deployment)
    quotes = quotation_mapper(deployment)
    of_contacts = (*contact.person.columns, *contact.customer.columns)
    parts: tuple[_Part, ...] = (
        (ACCOUNTS, accounts.ENTITY_SET, _filtered(account.select)),
        *_read(ACCOUNTS, accounts.ENTITY_SET, account.table.columns),
        (CONTACTS, contacts.ENTITY_SET, _filtered(contact.select)),
        *_read(CONTACTS, contacts.ENTITY_SET, of_contacts),
        *_read(QUOTATIONS, quotations.HEADER_SET, quotes.header.columns),
        *_read(QUOTATIONS, quotations.LINE_SET, quotes.lines.columns),
        (QUOTATIONS, quotations.LINE_SET, {quotations.LINE_HEADER: LOOKUP}),
        (PRODUCTS, products.TARGET_SET, _product(product_mapper(deployment).table.fields)),
        (PRODUCTS, products.ITEM_SET, _item()),
        *((PRODUCTS, name, _small(columns)) for name, columns in catalogue.TABLES.items()),
    )
    return tuple(TableUse(name, used, _IDS[name], name in _TRACKED) for name, used in _by_table(parts).items())


def collections_of_finops(deployment: Deployment) -> tuple[CollectionUse, ...]:
    """Every collection of F&O that is read or written."""
    contact, quotes = contact_mapper(deployment), quotation_mapper(deployment)
    account, product = account_mapper(deployment), product_mapper(deployment)
    person_key = (*contacts.PERSON_KEY, *contacts.PERSON_CONSTANT_KEY)
    parts: tuple[_Part, ...] = (
        (ACCOUNTS, accounts.TARGET_SET, _written(account.table.fields, accounts.KEY_FIELD)),
        (CONTACTS, contacts.PERSON_SET, _written(contact.person.fields, *person_key)),
        (CONTACTS, contacts.CUSTOMER_SET, _written(contact.customer.fields, contacts.CUSTOMER_KEY)),
        (PRODUCTS, products.ENTITY_SET, {of.name: in_finops(of.type) for of in product.table.columns}),
        (
            QUOTATIONS,
            quotations.TARGET_SET,
            _written(quotes.header.fields, quotations.KEY_FIELD, quotations.STATUS_FIELD, quotations.ORDER_FIELD),
        ),
        (QUOTATIONS, quotations.TARGET_LINE_SET, _written(quotes.lines.fields, quotations.KEY_FIELD)),
        (QUOTATIONS, quotations.TARGET_LINE_SET, {quotations.LINE_KEY_FIELD: in_finops(int)}),
    )
    return tuple(CollectionUse(name, used) for name, used in _by_table(parts).items())


def _by_table(parts: Iterable[_Part]) -> dict[str, dict[str, Columns]]:
    found: dict[str, dict[str, Columns]] = defaultdict(dict)
    for flow, table, columns in parts:
        found[table][flow] = {**found[table].get(flow, {}), **columns}
    return found


def _read(flow: str, table: str, columns: Iterable[Column]) -> Iterator[_Part]:
    """The columns that are read, of the table and of the tables behind its lookups."""
    for column in columns:
        navigation, dot, behind = column.name.rpartition(".")
        own, there = _NAVIGATIONS[navigation] if dot else (_attribute(column.name), table)
        if dot:
            yield flow, table, {own: LOOKUP}
        yield flow, there, {_attribute(behind): _type_of(behind, column.type, is_date=column.is_date)}


def _filtered(columns: Iterable[str]) -> Columns:
    """Columns known by name only: a condition compares any type."""
    return {_attribute(name): LOOKUP if _is_lookup(name) else ANY for name in columns}


def _product(fields: Iterable[TargetField]) -> Columns:
    written = {of.name: LOOKUP if of.name in products.LOOKUPS else in_sales(of.type) for of in fields}
    also_read = dict.fromkeys((products.STATE, products.STRUCTURE), in_sales(int))
    return {products.KEY_COLUMN: in_sales(str), **also_read, **written}


def _item() -> Columns:
    constants = dict.fromkeys(products.CURRENCY_AMOUNT, in_sales(int))
    return {**dict.fromkeys(products.ITEM_LOOKUPS, LOOKUP), products.AMOUNT: in_sales(Decimal), **constants}


def _small(columns: Iterable[str]) -> Columns:
    """The columns of a small table that is used to look up names."""
    return {
        _attribute(name): _type_of(name, int if name in _SMALL_NUMBERS else str, is_date=name in _SMALL_DATES)
        for name in columns
    }


def _written(fields: Iterable[TargetField], *texts: str) -> Columns:
    """Fields of F&O that are written, and texts that are read with them."""
    written = {of.name: in_finops(of.type, is_date=of.empty == EMPTY_DATE) for of in fields}
    return {**dict.fromkeys(texts, in_finops(str)), **written}


def _type_of(column: str, kind: WireType, *, is_date: bool) -> TypeNames:
    return LOOKUP if _is_lookup(column) else in_sales(kind, is_date=is_date)


def _is_lookup(column: str) -> bool:
    return column.startswith("_") and column.endswith("_value")


def _attribute(column: str) -> str:
    """A column as the metadata names it: a lookup is read as `_NAME_value`."""
    return column.removeprefix("_").removesuffix("_value") if _is_lookup(column) else column
