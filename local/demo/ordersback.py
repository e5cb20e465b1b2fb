"""The ordersback flow as seen by the demo: sales orders of F&O, and what has become of them in Sales."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from local.demo.customers import unless_waiting
from local.demo.finopsdocuments import FinopsDocuments
from local.demo.flows import Collection, Kept, Systems, Watched
from local.demo.insales import DocumentsOfSales, read_in_sales
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.clients.dataverse.closings import STATE
from shared.clients.dataverse.rows import WriteTable
from shared.clients.finops.walk_keys import WalkKey
from shared.flows.finops_documents import references
from shared.flows.orders import mapping as orders
from shared.flows.orders.order_rows import ACTIVE, DRAFT, FROM_FINOPS, HEADER_ID_COLUMN, KEY_COLUMN, PROCESSING_STATUS
from shared.flows.orders.settings import OrderSettings
from shared.flows.ordersback import ORDERSBACK, created, states
from shared.flows.ordersback import mapping as back
from shared.flows.ordersback.mapping import OrdersBackMapper
from shared.flows.ordersback.rules import CreatedOrderRules
from shared.flows.ordersback.settings import OrdersBackSettings
from shared.flows.ordersback.value_maps import OrderStatusMaps
from shared.flows.ordersback.wiring import created_orders
from shared.flows.products import price_lists
from shared.flows.spec import Deployment
from shared.mapping.value_maps import as_known_to
from shared.mapping.verdicts import Known, Mapped, Verdict
from shared.records import Json, SourceRow, TargetRow, Values, fold

# The statuses that an order has in Sales before anything has come back of it.
_NOT_BACK = (None, DRAFT, ACTIVE)
# The statuses of F&O in the order in which a sales order has them; it may skip some.
_COURSE = (
    *("Confirmed", "Picked", "PartiallyDelivered", "Delivered"),
    *("PartiallyInvoiced", "DeliveredPartiallyInvoiced", "Invoiced"),
)
_TOTAL_FIELD, _TAX_FIELD = "OrderTotalAmount", "OrderHeaderTaxAmount"
_ORDERS = Collection(DATAVERSE, back.TARGET_SET, KEY_COLUMN, (HEADER_ID_COLUMN, PROCESSING_STATUS, FROM_FINOPS, STATE))
_DATES = {**price_lists.DATE_COLUMNS, **created.DATE_COLUMNS}


def watched_orders_back(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong map document."""
    whole, company = created_orders(deployment), deployment.company
    creates = deployment.settings_for(OrdersBackSettings).ORDERS_BACK == "all"
    mapper = OrdersBackMapper(deployment.maps, whole if creates else None)
    line_set = deployment.settings_for(OrderSettings).ORDERS_LINES
    documents = DocumentsOfSales(
        WriteTable(back.TARGET_SET, back.LOGICAL_NAME, back.ID_COLUMN, created.LOOKUPS, references.READ_AS),
        whole.header.target_fields,
        WriteTable(created.TARGET_LINE_SET, orders.LINE_TABLE, created.LINE_ID_COLUMN, created.LINES_LOOKUPS),
        whole.lines.target_fields,
        number=KEY_COLUMN,
        parent=back.ID_COLUMN,
        position=created.POSITION_COLUMN,
    )
    return Watched(
        name=ORDERSBACK,
        mapper=mapper,
        source=FinopsDocuments(
            Collection(FINOPS, back.ENTITY_SET, back.KEY_FIELD, mapper.select, company=company),
            Collection(FINOPS, line_set, back.KEY_FIELD, (back.LINE_KEY_FIELD, *mapper.line_select), company=company),
            WalkKey.of(back.KEY_FIELD),
        ),
        target=_OrdersThatCameBack(documents),
        view=OrderBackView(
            mapper,
            CreatedOrderRules(table=whole.header, lines=whole.lines),
            documents,
            as_known_to(OrderStatusMaps, deployment.maps).processing_status,
            company,
        ),
        asked={
            FINOPS: Asked(reads=frozenset({back.ENTITY_SET, line_set})),
            DATAVERSE: Asked.both(back.TARGET_SET, created.TARGET_LINE_SET),
        },
    )


@dataclass(frozen=True, slots=True)
class _OrdersThatCameBack:
    """The orders of Sales that have a status of F&O, by number."""

    documents: DocumentsOfSales
    system: str = DATAVERSE

    def keyed(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """The target rows with their keys, all or those of one key."""
        rows = self.documents.rows(systems, key)
        return [(str(row[KEY_COLUMN]), row) for row in rows if row[PROCESSING_STATUS] not in _NOT_BACK]


@dataclass(frozen=True, slots=True)
class OrderBackView:
    """What the mapping of a sales order needs: the order that has the number in Sales, and where that was made; what an
    order of F&O refers to. `statuses` are the options of Sales by the status of F&O."""

    mapper: OrdersBackMapper
    rules: CreatedOrderRules
    documents: DocumentsOfSales
    statuses: Mapping[str, int]
    company: str

    def known(self, systems: Systems, key: str | None, kept: Kept) -> Callable[[SourceRow], Known]:
        """What the mapping may know about a source record; read for one key, or for all of them."""
        rows = _ORDERS.keyed(systems, key)
        # Of several orders with a number, the one that is no draft.
        rows.sort(key=lambda each: each[1][PROCESSING_STATUS] not in (None, DRAFT))
        by_number = {fold(number): row for number, row in rows}
        made = {
            number: str(row[HEADER_ID_COLUMN]).lower() for number, row in by_number.items() if not _is_of_finops(row)
        }
        there = read_in_sales(systems, self.company, kept, _DATES, {back.ENTITY_SET: made})

        def known(row: SourceRow) -> Known:
            order = by_number.get(fold(row.id))
            found = there.known(self.mapper.parents(row))
            if order is None:
                return found
            route = back.CREATED_ROUTE if _is_of_finops(order) else back.STATUS_ROUTE
            return replace(found, route=route, references={**found.references, back.TARGET_SET: (order,)})

        return known

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:
        """A verdict as the comparison uses it: what the target should hold. An order that is read-only in Sales keeps
        the status that it had."""
        verdict = unless_waiting(verdict, known)
        if not isinstance(verdict, Mapped):
            return verdict
        owned = dict(verdict.owned)
        if verdict.route == back.CREATED_ROUTE:
            owned = self.documents.expected(row.values, verdict, total=_TOTAL_FIELD, tax=_TAX_FIELD)
        for order in known.references.get(back.TARGET_SET, ()):
            left_out = states.left_out(TargetRow(order))
            if left_out is not None and order[PROCESSING_STATUS] in _NOT_BACK:
                return left_out
            if left_out is not None and order[PROCESSING_STATUS] in self._until(str(row.values[back.STATUS])):
                owned[PROCESSING_STATUS] = order[PROCESSING_STATUS]
        return replace(verdict, key=row.id, owned=owned)

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:  # noqa: ARG002 - nothing to read
        """Target rows in the names of the mapping."""
        return rows

    def ended(self, key: str) -> Mapping[str, Json]:  # noqa: ARG002 - an order stays as it is
        """What changes in a target row when its source record ends."""
        return {}

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.rules.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        return self.documents.agree(self.rules, field, ours, theirs)

    def _until(self, status: str) -> Sequence[Json]:
        """The options of the statuses that a sales order may have had up to this one."""
        before = _COURSE[: _COURSE.index(status) + 1] if status in _COURSE else (*_COURSE, status)
        return [self.statuses[each] for each in before if each in self.statuses]


def _is_of_finops(order: Values) -> bool:
    return order[FROM_FINOPS] is True
