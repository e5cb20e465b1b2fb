"""ordersback <- CDSSalesOrderHeaders and -Lines: what becomes of sales orders of F&O in Sales.

Rules: docs/rules.md. A sales order that was made from an order of Sales gives that order its status. Which one is meant
is known from the link of the flow that has made the sales order, and not from a mark or number in either row. Any other
sales order was made in F&O: it becomes an order of Sales (created.py), if a deployment wants that.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

from shared.clients.quoting import is_guid
from shared.flows.finops_documents.references import lines_of
from shared.flows.orders import mapping as orders
from shared.flows.orders import order_rows
from shared.flows.ordersback import ORDERSBACK
from shared.flows.ordersback.created import CreatedOrders
from shared.flows.ordersback.states import STATUS_FIELD, ClosingChoices
from shared.flows.ordersback.value_maps import OrderStatusMaps
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.value_maps import ValueMaps, as_known_to
from shared.mapping.verdicts import Filter, Filtered, Known, Mapped, Parent, Verdict
from shared.mapping.words import Column, Unmappable, Word, mapped_option
from shared.records import Json, SourceRow, Values
from shared.systems import System

ENTITY_SET, KEY_FIELD = orders.TARGET_SET, orders.KEY_FIELD
LINE_KEY_FIELD = "LineCreationSequenceNumber"
TARGET_SET, LOGICAL_NAME = orders.HEADER_SET, orders.HEADER_TABLE
ID_COLUMN = order_rows.HEADER_ID_COLUMN
# The routes: of an order of Sales only the status is written, an order of F&O is written as a whole.
STATUS_ROUTE, CREATED_ROUTE = "status", "order"
# The name of the mapping in `ownership` of the map document.
PART = "order_status"

STATUS = STATUS_FIELD
STATUS_TYPE = f"Microsoft.Dynamics.DataEntities.{STATUS}"
ACTIVE, CANCELED = "Active", "Canceled"
# Nothing follows: a walk leaves such orders out.
CLOSED = ("Invoiced", CANCELED)
TOTALS, LINE_TOTALS = "AreTotalsUpdated", "AreTotalsCalculated"
EXTERNAL_CUSTOMERS = ("OrderingCustomerIsExternallyMaintained", "InvoiceCustomerIsExternallyMaintained")
ORIGIN, WORK_ORDER = "SalesOrderOriginType", "WorkOrderIntegration"

_ALSO_READ = tuple(Column(name) for name in (KEY_FIELD, STATUS, TOTALS, *EXTERNAL_CUSTOMERS, ORIGIN))
LINE_COLUMNS = (Column(LINE_TOTALS),)

FILTERS: Mapping[str, Filter] = {
    "not_from_sales": Filter(
        "the sales order was not made from an order of Sales",
        "nothing: only orders of Sales get a status back; with ORDERS_BACK=all it would be created in Sales",
    ),
    "customer_not_external": Filter(
        "its customer, or the one that is invoiced, does not come from Sales, and neither does the order",
        "nothing; or mark both customers as externally maintained in F&O, if Sales is to have their orders",
    ),
    "work_order": Filter(
        "it comes from a work order of Field Service, and not from an order of Sales",
        "nothing: Field Service has its own integration",
    ),
    "canceled_in_finops": Filter(
        "the sales order was canceled before it came to Sales", "nothing: there is nothing left to do in it"
    ),
    "not_confirmed": Filter("the sales order is not confirmed yet", "confirm it in F&O"),
    "totals_not_calculated": Filter(
        "the totals of the sales order, or of a line, are not calculated since its last change",
        "let the batch job `Calculate sales totals` run in F&O, and look at its history; the order continues then",
        passes=True,
    ),
    "invoiced_in_sales": Filter(
        "the order is invoiced in Sales, and read-only", "nothing: an invoiced order stays as it is in Sales"
    ),
    "closed_in_sales": Filter(
        "the order is submitted, canceled or fulfilled in Sales, and read-only",
        "set the order back to Active in Sales: the integration needs the orders of F&O to stay active there",
    ),
}
# The rule by which the scope of the first run leaves an order out.
_OUT_OF_SCOPE = "out_of_scope"


def order_words(closing: ClosingChoices | None = None) -> tuple[Word, ...]:
    """The mapping of the status."""
    status = mapped_option(STATUS, "msdynce_processingstatus", "processing_status")
    return (status, *(closing or ClosingChoices()).words)


class OrdersBackMapper:
    """The mapping with the value maps of a deployment; satisfies the engine's Mapper, and the TargetRules of the
    status. `created` maps orders that were made in F&O; without it they are filtered."""

    def __init__(
        self, maps: ValueMaps, created: CreatedOrders | None = None, closing: ClosingChoices | None = None
    ) -> None:
        known = as_known_to(OrderStatusMaps, maps)
        self.table = FieldTable(
            PART,
            TARGET_SET,
            order_words(closing),
            known,
            also_read=_ALSO_READ,
            source=System.FINOPS,
            reads=ENTITY_SET,
            every=order_words(ClosingChoices(cancels=True, fulfills=True)),
            flow=ORDERSBACK,
        )
        require_sound(self.table)
        # Lines have no fields of their own here: of each, only is read whether its totals are calculated.
        self._lines = FieldTable("", TARGET_SET, (), known, also_read=LINE_COLUMNS, source=System.FINOPS)
        self._created = created

    @cached_property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and choices; made when it is asked for, since checks alone need none."""
        return self.table.fingerprint() + (self._created.fingerprint if self._created is not None else "")

    @property
    def select(self) -> tuple[str, ...]:
        """The fields of a sales order to read in F&O."""
        return tuple(dict.fromkeys((*self.table.select, *(self._created.header.select if self._created else ()))))

    @property
    def line_select(self) -> tuple[str, ...]:
        """The fields of a line to read in F&O, besides its number."""
        return tuple(dict.fromkeys((*self._lines.select, *(self._created.line_select if self._created else ()))))

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The order of Sales that the sales order was made from, and what an order of F&O refers to."""
        return (_made_from(row), *(self._created.parents(row) if self._created else ()))

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter and map one sales order. Raises SchemaDrift."""
        values, lines = row.values, list(lines_of(row.values))
        self.table.check_source(values)
        for line in lines:
            self._lines.check_source(line)
        made_from = _made_from(row)
        order = known.rows.get(made_from)
        if order is None or not is_guid(order):
            return self._of_finops(row, known, made_from, lines)
        if values.get(STATUS) == ACTIVE:
            return Filtered("not_confirmed")
        if values.get(STATUS) not in CLOSED and not _has_totals(values, lines):
            return Filtered("totals_not_calculated")
        kept_out = self.table.kept_out(values)
        if kept_out is not None:
            return kept_out
        try:
            content = self.table.content(values)
        except Unmappable as unmappable:
            return unmappable.rejected()
        return Mapped(order, content.owned, content.on_create, parents=(made_from,), route=STATUS_ROUTE)

    def in_scope(self, row: SourceRow) -> bool:  # noqa: ARG002 - whether it was made in F&O is not known yet
        """Every sales order: only those that were made in F&O have a scope."""
        return True

    def ended(self) -> Mapping[str, Json]:
        """An order of Sales keeps its status if the sales order is gone."""
        return {}

    def empty(self, field: str) -> Json:  # noqa: ARG002 - the same for every column
        """What empties a column in Dataverse."""
        return None

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether Dataverse's value is ours."""
        return self.table.agree(field, ours, theirs)

    def _of_finops(self, row: SourceRow, known: Known, made_from: Parent, lines: list[Values]) -> Verdict:
        """Filter and map an order to which no order of Sales is linked."""
        is_in_sales, has_totals = known.route == CREATED_ROUTE, _has_totals(row.values, lines)
        rule = self._rule(row.values, is_in_sales=is_in_sales, has_totals=has_totals)
        if rule is not None or self._created is None or made_from in known.keys:
            return Filtered(rule or "not_from_sales", until=(made_from,))
        kept_out = self.table.kept_out(row.values)
        if kept_out is not None:
            return replace(kept_out, until=(made_from,))
        if made_from in known.begun:
            # An order of Sales is just becoming this sales order, so this one waits until that is decided.
            return Mapped(row.id, {}, {}, parents=(made_from,), route=CREATED_ROUTE)
        self._created.check_source(row.values, lines)
        return self._created.evaluate(row, known, route=CREATED_ROUTE, has_totals=has_totals)

    def _rule(self, values: Values, *, is_in_sales: bool, has_totals: bool) -> str | None:
        """The rule by which an order of F&O is not for Sales, or not yet."""
        if values.get(ORIGIN) == WORK_ORDER:
            return "work_order"
        if any(values.get(name) != "Yes" for name in EXTERNAL_CUSTOMERS):
            return "customer_not_external"
        if self._created is None:
            return "not_from_sales"
        status = values.get(STATUS)
        if not is_in_sales and status == CANCELED:
            return "canceled_in_finops"
        if not is_in_sales and not self._created.in_scope(values):
            return _OUT_OF_SCOPE
        if status == ACTIVE:
            return "not_confirmed"
        is_done = is_in_sales and status in CLOSED
        return None if has_totals or is_done else "totals_not_calculated"


def _made_from(row: SourceRow) -> Parent:
    """The order of Sales that a sales order was made from."""
    return Parent.with_key(ENTITY_SET, row.id)


def _has_totals(values: Values, lines: list[Values]) -> bool:
    return values.get(TOTALS) == "Yes" and all(line.get(LINE_TOTALS) == "Yes" for line in lines)
