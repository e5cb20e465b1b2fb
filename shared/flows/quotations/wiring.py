"""The quotations flow: its mapping as the settings want it, and how it reaches both systems."""

from shared.clients.dataverse.documents import DataverseDocuments
from shared.clients.dataverse.lookup import DataverseLookup
from shared.flows.accounts import ACCOUNTS
from shared.flows.choices import address_rules_of, how_dates_behave, once_per_deployment, scope_of, zone_of
from shared.flows.contacts import CONTACTS
from shared.flows.quotations import QUOTATIONS, quote_rows
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations.mapping import QuotationChoices, QuotationMapper
from shared.flows.quotations.results import QuotationColumns, checks_of_sales, watched_quotations
from shared.flows.quotations.rules import QuotationStatus
from shared.flows.quotations.settings import QuotationSettings
from shared.flows.required_columns import RequiredColumns
from shared.flows.sales_documents.value_maps import SalesDocumentMaps
from shared.flows.sales_documents.wiring import DocumentCollections, feed_of, required_columns_of, tables_of, target_of
from shared.flows.sales_documents.words import RequestedDate
from shared.flows.spec import Deployment, FlowSpec, Systems, Wiring
from shared.mapping.field_table import FieldTable
from shared.mapping.verdicts import Filter
from shared.sync.flow import Route
from shared.systems import System

QUOTATION = "quotation"
_INTO = DocumentCollections(quotations.TARGET_SET, quotations.TARGET_LINE_SET, quotations.KEY_FIELD)


@once_per_deployment
def quotation_mapper(deployment: Deployment) -> QuotationMapper:
    """The mapping as the settings want it. Raises SettingsInvalid for what settings and document forbid together."""
    settings = deployment.settings_for(QuotationSettings)
    choices = QuotationChoices(
        statuses=tuple(map(QuotationStatus, settings.QUOTATIONS_STATUSES.split(","))),
        requested_date=RequestedDate(settings.QUOTATIONS_REQUESTED_DATE),
        zone=zone_of(settings),
        adopt_existing=deployment.adopts(QUOTATIONS),
        scope=scope_of(settings.QUOTATIONS_SCOPE, settings),
        addresses=address_rules_of(settings),
    )
    return QuotationMapper(deployment.maps, choices)


def wire(deployment: Deployment, systems: Systems) -> Wiring:
    """Quotes of Sales with their lines, and sales quotations of F&O."""
    mapper = quotation_mapper(deployment)
    tables = tables_of(mapper)
    quotes = DataverseDocuments(systems.dataverse, tables, systems.owners, QUOTATIONS)
    route = Route(
        QUOTATION,
        quotations.TARGET_SET,
        target_of(deployment, systems, mapper, _INTO),
        mapper.rules,
        adopt_existing=mapper.choices.adopt_existing,
        document=mapper.rules,
        when_taken="create the quote again: its number never changes",
    )
    return Wiring(
        feed=feed_of(quotes, systems, QUOTATIONS),
        routes=(route,),
        mapper=mapper,
        numbered=quotes.as_written,
        number_column=quote_rows.KEY_COLUMN,
        lookup=DataverseLookup(systems.dataverse, how_dates_behave(quotations.DATE_COLUMNS)),
        basis=mapper.basis,
    )


def tables(deployment: Deployment) -> tuple[FieldTable, ...]:
    """The mappings of the flow."""
    mapper = quotation_mapper(deployment)
    return mapper.header, mapper.lines


def required_columns(deployment: Deployment) -> RequiredColumns:
    """What the flow reads and writes."""
    return required_columns_of(quotation_mapper(deployment), _INTO, quotations.DATE_COLUMNS)


_AFTER_ALL = "revise it, if it is to go to F&O after all"

QUOTATIONS_FLOW = FlowSpec(
    name=QUOTATIONS,
    source=System.DATAVERSE,
    target=System.FINOPS,
    settings=QuotationSettings,
    value_maps=SalesDocumentMaps,
    lengths=(quotations.TARGET_SET, quotations.TARGET_LINE_SET),
    ownership=(quotations.HEADER_PART, quotations.LINE_PART),
    wire=wire,
    tables=tables,
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
    results_in=quotations.HEADER_SET,
    result_columns=QuotationColumns,
    checks_of_sales=checks_of_sales,
    watched=watched_quotations,
    parents=(ACCOUNTS, CONTACTS),
)
