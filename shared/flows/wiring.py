"""The flows: each entity's source, targets and mapping, as the settings want them.

A new flow is a mapping module, a function here, and its triggers in function_app.py.
"""

from collections.abc import Mapping
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from shared.clients.dataverse.documents import (
    DataverseDocumentLines,
    DataverseDocuments,
    DocumentTables,
    HeaderTable,
    LineTable,
)
from shared.clients.dataverse.environment import DataverseSystem, DataverseTable
from shared.clients.dataverse.lookup import DataverseLookup, LookupTable
from shared.clients.dataverse.rows import WriteTable as RowTable
from shared.clients.dataverse.target import DataverseTarget, Detail, RecordTable
from shared.clients.finops.documents import FinopsDocuments
from shared.clients.finops.environment import FinopsCollection, FinopsSystem, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.finops.source import FinopsSource
from shared.clients.quoting import EnumMember
from shared.flows.accounts import mapping as accounts
from shared.flows.accounts.mapping import AccountChoices, AccountMapper, DeliveryAddress, OnHold, PartyNumber
from shared.flows.contacts import mapping as contacts
from shared.flows.contacts.mapping import ContactChoices, ContactMapper
from shared.flows.products import catalogue, price_lists
from shared.flows.products import mapping as products
from shared.flows.products.mapping import PriceItems, ProductChoices, ProductMapper, Vanished, ZeroPrice
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations.mapping import QuotationChoices, QuotationMapper, QuotationStatus, RequestedDate
from shared.mapping import date_columns
from shared.mapping.addresses import AddressRules
from shared.mapping.scope import Scope
from shared.mapping.value_maps import read_value_maps
from shared.settings import Settings
from shared.state.owners import Owners
from shared.sync.flow import Flow, Route, Tracked, Walked
from shared.systems import System

ACCOUNTS = "accounts"
CONTACTS = "contacts"
PRODUCTS = "products"
QUOTATIONS = "quotations"
FLOWS = (ACCOUNTS, CONTACTS, PRODUCTS, QUOTATIONS)
_DAY_S = 24 * 3600.0


def flows_of(
    settings: Settings, dataverse: DataverseSystem, finops: FinopsSystem, owners: Owners
) -> Mapping[str, Flow]:
    """Every flow by name. Raises SettingsInvalid for a wrong value-map document."""
    flows = (
        _accounts_flow(settings, dataverse, finops),
        _contacts_flow(settings, dataverse, finops),
        _products_flow(settings, dataverse, finops),
        _quotations_flow(settings, dataverse, finops, owners),
    )
    return {flow.name: flow for flow in flows}


def _accounts_flow(settings: Settings, dataverse: DataverseSystem, finops: FinopsSystem) -> Flow:
    mapper = account_mapper(settings)
    key = FinopsKey(settings.COMPANY, (accounts.KEY_FIELD,))
    customers = FinopsCollection(
        FinopsTable(finops, accounts.TARGET_SET, key, mapper.table.target_fields, accounts.MARK)
    )
    route = Route("customer", accounts.TARGET_SET, customers, mapper, adopt_existing=mapper.adopts_existing)
    table = DataverseTable(dataverse, accounts.ENTITY_SET, accounts.ID_COLUMN, mapper.select, mapper.table.expand)
    return Flow(
        name=ACCOUNTS,
        source_system=System.DATAVERSE,
        target_system=System.FINOPS,
        company=settings.COMPANY.casefold(),
        feed=Tracked(table),
        routes={route.name: route},
        mapper=mapper,
        numbered=partial(table.ids_by, accounts.KEY_COLUMN),
        number_column=accounts.KEY_COLUMN,
    )


def _contacts_flow(settings: Settings, dataverse: DataverseSystem, finops: FinopsSystem) -> Flow:
    mapper = contact_mapper(settings)
    company, adopts = settings.COMPANY, mapper.adopts_existing
    constants = {
        name: EnumMember(contacts.ASSOCIATED_CONTACT_TYPE, member)
        for name, member in contacts.PERSON_CONSTANT_KEY.items()
    }
    persons = FinopsTable(
        finops,
        contacts.PERSON_SET,
        FinopsKey(company, contacts.PERSON_KEY, constants),
        mapper.person.target_fields,
        contacts.PERSON_MARK,
    )
    customers = FinopsTable(
        finops,
        contacts.CUSTOMER_SET,
        FinopsKey(company, (contacts.CUSTOMER_KEY,)),
        mapper.customer.target_fields,
        contacts.CUSTOMER_MARK,
    )
    routes = (
        Route(
            contacts.PERSON,
            contacts.PERSON_SET,
            FinopsCollection(persons),
            mapper.person_rules,
            adopt_existing=adopts,
            moves=True,
        ),
        Route(
            contacts.CUSTOMER,
            contacts.CUSTOMER_SET,
            FinopsCollection(customers),
            mapper.customer_rules,
            adopt_existing=adopts,
        ),
    )
    table = DataverseTable(dataverse, contacts.ENTITY_SET, contacts.ID_COLUMN, mapper.select, mapper.expand)
    return Flow(
        name=CONTACTS,
        source_system=System.DATAVERSE,
        target_system=System.FINOPS,
        company=company.casefold(),
        feed=Tracked(table),
        routes={route.name: route for route in routes},
        mapper=mapper,
        parents=(ACCOUNTS,),
        numbered=partial(table.ids_by, contacts.KEY_COLUMN),
        number_column=contacts.KEY_COLUMN,
    )


def _products_flow(settings: Settings, dataverse: DataverseSystem, finops: FinopsSystem) -> Flow:
    mapper = product_mapper(settings)
    company = settings.COMPANY
    source = FinopsSource(finops, products.ENTITY_SET, products.KEY_FIELD, company, mapper.select)
    lookups = {name: LookupTable(select) for name, select in catalogue.TABLES.items()}
    lookups |= _how_dates_behave(price_lists.DATE_COLUMNS)
    namespace = f"{PRODUCTS}|{company.casefold()}"
    target = DataverseTarget(dataverse, _product_table(mapper), namespace, bulk_rows=settings.BULK_ROWS)
    route = Route(
        "product",
        products.TARGET_SET,
        target,
        mapper,
        adopt_existing=mapper.adopts_existing,
        detail=mapper,
        adoption=mapper,
    )
    return Flow(
        name=PRODUCTS,
        source_system=System.FINOPS,
        target_system=System.DATAVERSE,
        company=company.casefold(),
        feed=Walked(source, settings.PRODUCTS_FULL_WALK_DAYS * _DAY_S),
        routes={route.name: route},
        mapper=mapper,
        numbered=source.as_written,
        number_column=products.KEY_FIELD,
        lookup=DataverseLookup(dataverse, lookups),
        basis=mapper.basis,
    )


def _quotations_flow(settings: Settings, dataverse: DataverseSystem, finops: FinopsSystem, owners: Owners) -> Flow:
    mapper = quotation_mapper(settings)
    of = quotations
    tables = DocumentTables(
        HeaderTable(of.HEADER_SET, of.HEADER_ID_COLUMN, of.KEY_COLUMN, mapper.header_select, mapper.header_expand),
        LineTable(
            of.LINE_SET, of.LINE_ID_COLUMN, of.LINE_HEADER, of.LINE_POSITION, mapper.line_select, mapper.line_expand
        ),
        mapper.reads_lines_of,
    )
    quotes = DataverseDocuments(dataverse, tables, owners, QUOTATIONS)
    lines = DataverseDocumentLines(dataverse, quotes, owners, QUOTATIONS)
    key = FinopsKey(settings.COMPANY, (of.KEY_FIELD,))
    target = FinopsDocuments(
        FinopsTable(finops, of.TARGET_SET, key, mapper.header_fields),
        FinopsTable(finops, of.TARGET_LINE_SET, key, (of.LINE_KEY_FIELD, *mapper.line_fields)),
        of.LINE_KEY_FIELD,
    )
    route = Route(
        "quotation",
        of.TARGET_SET,
        target,
        mapper.rules,
        adopt_existing=mapper.adopts_existing,
        document=mapper.rules,
    )
    return Flow(
        name=QUOTATIONS,
        source_system=System.DATAVERSE,
        target_system=System.FINOPS,
        company=settings.COMPANY.casefold(),
        feed=Tracked(quotes, {of.LINE_SET: lines}, quotes.remember_parts),
        routes={route.name: route},
        mapper=mapper,
        numbered=quotes.as_written,
        number_column=of.KEY_COLUMN,
        lookup=DataverseLookup(dataverse, _how_dates_behave(of.DATE_COLUMNS)),
        basis=mapper.basis,
        parents=(ACCOUNTS, CONTACTS),
    )


def _product_table(mapper: ProductMapper) -> RecordTable:
    """A product in Dataverse with its price list item and its state."""
    item = Detail(
        field=products.ITEM,
        table=RowTable(products.ITEM_SET, products.ITEM, products.ITEM_ID_COLUMN, products.ITEM_LOOKUPS),
        parent=products.ID_COLUMN,
        place=("pricelevelid",),
        also_set=("uomid",),
        amount=products.AMOUNT,
        constants=products.CURRENCY_AMOUNT,
        proof=products.OURS,
        written_by_others=mapper.choices.price_items is PriceItems.AUTOMATION,
    )
    return RecordTable(
        table=RowTable(products.TARGET_SET, products.LOGICAL_NAME, products.ID_COLUMN, products.LOOKUPS),
        key_column=products.KEY_COLUMN,
        columns=mapper.table.target_fields,
        also_read=(products.STATE, products.STRUCTURE),
        late=products.late_columns(mapper.choices),
        status_of=products.STATUS_OF,
        already=products.COUNTS_AS,
        detail=item,
    )


def product_mapper(settings: Settings) -> ProductMapper:
    """The products mapping as these settings want it. Raises SettingsInvalid for a wrong value-map document."""
    choices = ProductChoices(
        publish=settings.PRODUCTS_PUBLISH,
        when_vanished=Vanished(settings.PRODUCTS_WHEN_VANISHED),
        price_items=PriceItems(settings.PRODUCTS_PRICE_ITEMS),
        zero_price=ZeroPrice(settings.PRODUCTS_ZERO_PRICE),
        adopt_existing=settings.PRODUCTS_ON_EXISTING == "adopt",
        linked_only=settings.PRODUCTS_SCOPE == "linked",
        zone=_zone(settings),
    )
    return ProductMapper(read_value_maps(settings.VALUE_MAPS), choices)


def account_mapper(settings: Settings) -> AccountMapper:
    """The accounts mapping as these settings want it. Raises SettingsInvalid for a wrong value-map document."""
    choices = AccountChoices(
        party_number=PartyNumber(settings.ACCOUNTS_PARTY_NUMBER),
        delivery_address=DeliveryAddress(settings.ACCOUNTS_DELIVERY_ADDRESS),
        on_hold_when_ended=OnHold(settings.ACCOUNTS_ON_HOLD_WHEN_ENDED),
        adopt_existing=settings.ACCOUNTS_ON_EXISTING == "adopt",
        scope=_scope_of(settings.ACCOUNTS_SCOPE, _zone(settings)),
        addresses=_address_rules(settings),
    )
    return AccountMapper(read_value_maps(settings.VALUE_MAPS), choices)


def contact_mapper(settings: Settings) -> ContactMapper:
    """The contacts mapping as these settings want it. Raises SettingsInvalid for a wrong value-map document."""
    choices = ContactChoices(
        own_party_number=settings.CONTACTS_PARTY_NUMBER == "contact_number",
        on_hold_when_ended=OnHold(settings.CONTACTS_ON_HOLD_WHEN_ENDED),
        adopt_existing=settings.CONTACTS_ON_EXISTING == "adopt",
        scope=_scope_of(settings.CONTACTS_SCOPE, _zone(settings)),
        addresses=_address_rules(settings),
    )
    return ContactMapper(read_value_maps(settings.VALUE_MAPS), choices)


def quotation_mapper(settings: Settings) -> QuotationMapper:
    """The quotations mapping as these settings want it. Raises SettingsInvalid for a wrong value-map document."""
    choices = QuotationChoices(
        statuses=tuple(map(QuotationStatus, settings.QUOTATIONS_STATUSES.split(","))),
        requested_date=RequestedDate(settings.QUOTATIONS_REQUESTED_DATE),
        zone=_zone(settings),
        adopt_existing=settings.QUOTATIONS_ON_EXISTING == "adopt",
        scope=_scope_of(settings.QUOTATIONS_SCOPE, _zone(settings)),
        addresses=_address_rules(settings),
    )
    return QuotationMapper(read_value_maps(settings.VALUE_MAPS), choices)


def _scope_of(text: str, zone: ZoneInfo) -> Scope:
    return Scope(text == "linked", None if text in ("all", "linked") else date.fromisoformat(text), zone)


def _zone(settings: Settings) -> ZoneInfo:
    return ZoneInfo(settings.BUSINESS_TIME_ZONE)


def _how_dates_behave(columns: date_columns.DateColumns) -> dict[str, LookupTable]:
    return {date_columns.metadata_of(table): LookupTable(date_columns.SELECT) for table in columns}


def _address_rules(settings: Settings) -> AddressRules:
    return AddressRules(
        leave_unknown_state_out=settings.UNKNOWN_STATE == "leave_out",
        send_state_without_list=settings.STATE_WITHOUT_LIST == "send",
        county=settings.MAP_COUNTY,
        street_number=settings.MAP_STREET_NUMBER,
    )
