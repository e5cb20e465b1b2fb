"""ordersback <- CDSSalesOrderHeaders and -Lines: the status of a sales order of F&O, in the order of Sales that it was
made from.

Rules: docs/rules.md. Which order of Sales is meant is known from the link of the flow that has made the sales order,
and not from a mark or number in either row. Nothing is created in Sales.
"""

from collections.abc import Mapping

from shared.clients.finops.document_source import LINES
from shared.clients.quoting import is_guid
from shared.flows.orders import mapping as orders
from shared.flows.orders import order_rows
from shared.flows.ordersback.value_maps import OrderStatusMaps
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.value_maps import ValueMaps, as_known_to
from shared.mapping.verdicts import Filter, Filtered, Known, Mapped, Parent, Verdict
from shared.mapping.words import Column, Unmappable, Word, mapped_option
from shared.records import Json, SourceRow, TargetRow, Values
from shared.systems import System

ENTITY_SET, KEY_FIELD = orders.TARGET_SET, orders.KEY_FIELD
LINE_KEY_FIELD = "LineCreationSequenceNumber"
TARGET_SET, LOGICAL_NAME = orders.HEADER_SET, orders.HEADER_TABLE
ID_COLUMN = order_rows.HEADER_ID_COLUMN
# The name of the mapping in `ownership` of the value-map document.
PART = "order_status"

STATUS = "SalesOrderProcessingStatus"
STATUS_TYPE = f"Microsoft.Dynamics.DataEntities.{STATUS}"
ACTIVE = "Active"
# Nothing follows: a walk leaves such orders out.
CLOSED = ("Invoiced", "Canceled")
TOTALS, LINE_TOTALS = "AreTotalsUpdated", "AreTotalsCalculated"
EXTERNAL_CUSTOMERS = ("OrderingCustomerIsExternallyMaintained", "InvoiceCustomerIsExternallyMaintained")
ORIGIN, WORK_ORDER = "SalesOrderOriginType", "WorkOrderIntegration"

STATE = "statecode"
INVOICED = 4
# The states of an order in Sales in which it is read-only: submitted, canceled, fulfilled, invoiced.
READ_ONLY = frozenset({1, 2, 3, INVOICED})

_ALSO_READ = tuple(Column(name) for name in (KEY_FIELD, STATUS, TOTALS, *EXTERNAL_CUSTOMERS, ORIGIN))
LINE_COLUMNS = (Column(LINE_TOTALS),)

FILTERS: Mapping[str, Filter] = {
    "not_from_sales": Filter(
        "the sales order was not made from an order of Sales", "nothing: only orders of Sales get a status back"
    ),
    "customer_not_external": Filter(
        "its customer, or the one that is invoiced, does not come from Sales, and neither does the order",
        "nothing: only orders of Sales get a status back",
    ),
    "work_order": Filter(
        "it comes from a work order of Field Service, and not from an order of Sales",
        "nothing: Field Service has its own integration",
    ),
    "not_confirmed": Filter("the sales order is not confirmed yet", "confirm it in F&O"),
    "totals_not_calculated": Filter(
        "the totals of the sales order, or of a line, are not calculated since its last change",
        "let the batch job `Calculate sales totals` run in F&O, and look at its history; the order continues then",
    ),
    "invoiced_in_sales": Filter(
        "the order is invoiced in Sales, and read-only", "nothing: an invoiced order keeps the status that it had"
    ),
    "closed_in_sales": Filter(
        "the order is submitted, canceled or fulfilled in Sales, and read-only",
        "set the order back to Active in Sales: the integration needs the orders of F&O to stay active there",
    ),
}


def order_words() -> tuple[Word, ...]:
    """The mapping."""
    return (mapped_option(STATUS, "msdynce_processingstatus", "processing_status"),)


class OrderStatusMapper:
    """The mapping with the value maps of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps) -> None:
        known = as_known_to(OrderStatusMaps, maps)
        self.table = FieldTable(PART, TARGET_SET, order_words(), known, also_read=_ALSO_READ, source=System.FINOPS)
        require_sound(self.table)
        self._lines = FieldTable(PART, TARGET_SET, (), known, also_read=LINE_COLUMNS, source=System.FINOPS)
        self.fingerprint = self.table.fingerprint()

    @property
    def select(self) -> tuple[str, ...]:
        """The fields of a sales order to read in F&O."""
        return self.table.select

    @property
    def line_select(self) -> tuple[str, ...]:
        """The fields of a line to read in F&O."""
        return self._lines.select

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The order of Sales that the sales order was made from."""
        return (Parent.with_key(ENTITY_SET, row.id),)

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter and map one sales order. Raises SchemaDrift."""
        values, lines = row.values, _lines_of(row.values)
        self.table.check_source(values)
        for line in lines:
            self._lines.check_source(line)
        (made_from,) = self.parents(row)
        order = known.rows.get(made_from)
        if order is None or not is_guid(order):
            return Filtered(_why_foreign(values), until=(made_from,))
        if values.get(STATUS) == ACTIVE:
            return Filtered("not_confirmed")
        if values.get(STATUS) not in CLOSED and not _has_totals(values, lines):
            return Filtered("totals_not_calculated")
        try:
            content = self.table.content(values)
        except Unmappable as unmappable:
            return unmappable.rejected()
        return Mapped(order, content.owned, content.on_create, parents=(made_from,))

    def in_scope(self, row: SourceRow) -> bool:  # noqa: ARG002 - an order that is not ours is filtered
        """Every sales order."""
        return True

    def left_out(self, row: TargetRow) -> Filtered | None:
        """An order that Sales does not let anybody change."""
        state = row.values.get(STATE)
        if state == INVOICED:
            return Filtered("invoiced_in_sales")
        return Filtered("closed_in_sales") if state in READ_ONLY else None

    def ended(self) -> Mapping[str, Json]:
        """An order of Sales keeps its status if the sales order is gone."""
        return {}

    def empty(self, field: str) -> Json:  # noqa: ARG002 - the same for every column
        """What empties a column in Dataverse."""
        return None

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether Dataverse's value is ours."""
        return self.table.agree(field, ours, theirs)


def _why_foreign(values: Values) -> str:
    """The rule by which a sales order is not for Sales that was not made from there."""
    if values.get(ORIGIN) == WORK_ORDER:
        return "work_order"
    if any(values.get(name) != "Yes" for name in EXTERNAL_CUSTOMERS):
        return "customer_not_external"
    return "not_from_sales"


def _has_totals(values: Values, lines: list[Values]) -> bool:
    return values.get(TOTALS) == "Yes" and all(line.get(LINE_TOTALS) == "Yes" for line in lines)


def _lines_of(values: Values) -> list[Values]:
    lines = values.get(LINES)
    return [line for line in lines if isinstance(line, dict)] if isinstance(lines, list) else []
