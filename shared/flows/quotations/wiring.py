"""The quotations flow: its mapping as the settings want it, and how it reaches both systems."""

from shared.clients.dataverse.documents import (
    DataverseDocumentLines,
    DataverseDocuments,
    DocumentTables,
    HeaderTable,
    LineTable,
)
from shared.clients.dataverse.lookup import DataverseLookup
from shared.clients.finops.documents import FinopsDocuments
from shared.clients.finops.environment import FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.flows.accounts import ACCOUNTS
from shared.flows.accounts import mapping as accounts
from shared.flows.choices import address_rules_of, how_dates_behave, scope_of, zone_of
from shared.flows.contacts import CONTACTS
from shared.flows.contacts import mapping as contacts
from shared.flows.products import mapping as products
from shared.flows.quotations import QUOTATIONS, quote_rows
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations import rules as quotation_rules
from shared.flows.quotations.mapping import QuotationChoices, QuotationMapper, RequestedDate
from shared.flows.quotations.rules import QuotationStatus
from shared.flows.quotations.settings import QuotationSettings
from shared.flows.quotations.value_maps import QuotationMaps
from shared.flows.required_columns import Behind, RequiredColumns, UsedCollection, UsedTable, source_tables, written
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.mapping.type_names import LOOKUP, in_finops
from shared.mapping.verdicts import Filter
from shared.sync.flow import Route, Tracked
from shared.systems import System


def quotation_mapper(deployment: Deployment) -> QuotationMapper:
    """The mapping as the settings want it. Raises SettingsInvalid for what settings and document forbid together."""
    settings = deployment.settings_for(QuotationSettings)
    choices = QuotationChoices(
        statuses=tuple(map(QuotationStatus, settings.QUOTATIONS_STATUSES.split(","))),
        requested_date=RequestedDate(settings.QUOTATIONS_REQUESTED_DATE),
        zone=zone_of(settings),
        adopt_existing=settings.QUOTATIONS_ON_EXISTING == "adopt",
        scope=scope_of(settings.QUOTATIONS_SCOPE, settings),
        addresses=address_rules_of(settings),
    )
    return QuotationMapper(deployment.maps, choices)


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Quotes of Sales with their lines, and sales quotations of F&O."""
    mapper = quotation_mapper(deployment)
    quotes = DataverseDocuments(systems.dataverse, _quotes(mapper), systems.owners, QUOTATIONS)
    lines = DataverseDocumentLines(systems.dataverse, quotes, systems.owners, QUOTATIONS)
    route = Route(
        "quotation",
        quotations.TARGET_SET,
        _sales_quotations(deployment, systems, mapper),
        mapper.rules,
        adopt_existing=mapper.choices.adopt_existing,
        document=mapper.rules,
    )
    return Wiring(
        feed=Tracked(quotes, {quotations.LINE_SET: lines}),
        routes=(route,),
        mapper=mapper,
        numbered=quotes.as_written,
        number_column=quote_rows.KEY_COLUMN,
        lookup=DataverseLookup(systems.dataverse, how_dates_behave(quotations.DATE_COLUMNS)),
        basis=mapper.basis,
    )


def _quotes(mapper: QuotationMapper) -> DocumentTables:
    of = quotations
    return DocumentTables(
        HeaderTable(
            of.HEADER_SET,
            quote_rows.HEADER_ID_COLUMN,
            quote_rows.KEY_COLUMN,
            mapper.header_select,
            mapper.header_expand,
        ),
        LineTable(
            of.LINE_SET,
            quote_rows.LINE_ID_COLUMN,
            of.LINE_HEADER,
            of.LINE_POSITION,
            mapper.line_select,
            mapper.line_expand,
        ),
        mapper.reads_lines_of,
    )


def _sales_quotations(deployment: Deployment, systems: Systems, mapper: QuotationMapper) -> FinopsDocuments:
    of = quotations
    key = FinopsKey(deployment.settings.COMPANY, (of.KEY_FIELD,))
    return FinopsDocuments(
        FinopsTable(systems.finops, of.TARGET_SET, key, mapper.header_fields),
        FinopsTable(systems.finops, of.TARGET_LINE_SET, key, (of.LINE_KEY_FIELD, *mapper.line_fields)),
        of.LINE_KEY_FIELD,
    )


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes."""
    of, mapper = quotations, quotation_mapper(deployment)
    header, line = of.DATE_COLUMNS[of.HEADER_TABLE], of.DATE_COLUMNS[of.LINE_TABLE]
    fields = written(mapper.header.fields, of.KEY_FIELD, quotation_rules.STATUS_FIELD, quotation_rules.ORDER_FIELD)
    lines = {**written(mapper.lines.fields, of.KEY_FIELD), of.LINE_KEY_FIELD: in_finops(int)}
    return RequiredColumns(
        (
            *source_tables(of.HEADER_SET, quote_rows.HEADER_ID_COLUMN, (mapper.header,), _NAVIGATIONS, dates=header),
            *source_tables(of.LINE_SET, quote_rows.LINE_ID_COLUMN, (mapper.lines,), _NAVIGATIONS, dates=line),
            UsedTable(of.LINE_SET, quote_rows.LINE_ID_COLUMN, {of.LINE_HEADER: LOOKUP}),
        ),
        (UsedCollection(of.TARGET_SET, fields, key=of.KEY_FIELD), UsedCollection(of.TARGET_LINE_SET, lines)),
    )


_NAVIGATIONS = {
    "customerid_account": Behind("customerid", accounts.ENTITY_SET, accounts.ID_COLUMN),
    "customerid_contact": Behind("customerid", contacts.ENTITY_SET, contacts.ID_COLUMN),
    "productid": Behind("productid", products.TARGET_SET, products.ID_COLUMN),
    "uomid": Behind("uomid", "uoms", "uomid"),
}
_AFTER_ALL = "revise it, if it is to go to F&O after all"

QUOTATIONS_FLOW = FlowSpec(
    name=QUOTATIONS,
    source=System.DATAVERSE,
    target=System.FINOPS,
    settings=QuotationSettings,
    value_maps=QuotationMaps,
    lengths=(quotations.TARGET_SET, quotations.TARGET_LINE_SET),
    ownership=(quotations.HEADER_PART, quotations.LINE_PART),
    wire=wire,
    required_columns=required_columns,
    filters={
        "draft": Filter("the quote is a draft, and no other revision is active", "activate it"),
        "won": Filter("the quote was won", "nothing: order it"),
        "lost": Filter("the quote was lost", _AFTER_ALL),
        "canceled": Filter("the quote was canceled", _AFTER_ALL),
        "submitted": Filter("the quote was closed as submitted", _AFTER_ALL),
        "revised": Filter("the quote was closed by a revision that does not exist any more", "revise it once more"),
        "closed": Filter("the quote was closed for a reason of your own", _AFTER_ALL),
        "header_discount": Filter("the quote as a whole has a discount", "move the discount to the lines"),
        "no_lines": Filter("the quote is empty", "add lines"),
        "write_in_line": Filter("a line has no product, only a text", "quote a product of F&O"),
        "own_product": Filter("a line has a product that does not come from F&O", "quote the product of F&O"),
    },
    sales_table=quotations.HEADER_TABLE,
    row_in_sales=quote_rows.latest_revision,
    parents=(ACCOUNTS, CONTACTS),
)
