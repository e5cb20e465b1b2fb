"""The ordersback flow as seen by the demo: sales orders of F&O, and the status that their orders have in Sales."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from local.demo.finopsdocuments import FinopsDocuments
from local.demo.flows import Collection, Systems, Watched
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.clients.dataverse.closings import STATE
from shared.clients.finops.walk_keys import WalkKey
from shared.flows.orders.order_rows import ACTIVE, DRAFT, FROM_FINOPS, HEADER_ID_COLUMN, KEY_COLUMN, PROCESSING_STATUS
from shared.flows.orders.settings import OrderSettings
from shared.flows.ordersback import ORDERSBACK, states
from shared.flows.ordersback import mapping as back
from shared.flows.ordersback.mapping import OrdersBackMapper
from shared.flows.ordersback.value_maps import OrderStatusMaps
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
_COLUMNS = (HEADER_ID_COLUMN, PROCESSING_STATUS, FROM_FINOPS, STATE)
_ORDERS = Collection(DATAVERSE, back.TARGET_SET, KEY_COLUMN, _COLUMNS)


def watched_orders_back(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong value-map document."""
    mapper, company = OrdersBackMapper(deployment.maps), deployment.company
    line_set = deployment.settings_for(OrderSettings).ORDERS_LINES
    lines = (back.LINE_KEY_FIELD, *mapper.line_select)
    read = frozenset({back.ENTITY_SET, line_set})
    return Watched(
        name=ORDERSBACK,
        mapper=mapper,
        source=FinopsDocuments(
            Collection(FINOPS, back.ENTITY_SET, back.KEY_FIELD, mapper.select, company=company),
            Collection(FINOPS, line_set, back.KEY_FIELD, lines, company=company),
            WalkKey.of(back.KEY_FIELD),
        ),
        target=_OrdersWithStatus(),
        view=OrderStatusView(mapper, as_known_to(OrderStatusMaps, deployment.maps).processing_status),
        asked={FINOPS: Asked(reads=read), DATAVERSE: Asked.both(back.TARGET_SET)},
    )


@dataclass(frozen=True, slots=True)
class _OrdersWithStatus:
    """The orders of Sales whose status has come back, by number."""

    system: str = DATAVERSE

    def keyed(self, systems: Systems, key: str | None = None) -> list[tuple[str, Values]]:
        """The target rows with their keys, all or those of one key."""
        return [(number, row) for number, row in _ORDERS.keyed(systems, key) if row[PROCESSING_STATUS] not in _NOT_BACK]


@dataclass(frozen=True, slots=True)
class OrderStatusView:
    """What the mapping of a status needs: the order that has the number in Sales and was made there. `statuses` are the
    options of Sales by the status of F&O."""

    mapper: OrdersBackMapper
    statuses: Mapping[str, int]

    def known(self, systems: Systems, key: str | None) -> Callable[[SourceRow], Known]:
        """What the mapping may know about a source record; read for one key, or for all of them."""
        now = datetime.now(UTC)
        made = [(number, row) for number, row in _ORDERS.keyed(systems, key) if row[FROM_FINOPS] is not True]
        # Of several orders with a number, the one that is no draft.
        made.sort(key=lambda each: each[1][PROCESSING_STATUS] not in (None, DRAFT))
        orders = {fold(number): row for number, row in made}

        def known(row: SourceRow) -> Known:
            order = orders.get(fold(row.id))
            if order is None:
                return Known(now)
            (parent,) = self.mapper.parents(row)
            return Known(
                now, references={back.TARGET_SET: (order,)}, rows={parent: str(order[HEADER_ID_COLUMN]).lower()}
            )

        return known

    def judged(self, row: SourceRow, verdict: Verdict, known: Known) -> Verdict:
        """A verdict as the comparison uses it: what the target should hold. An order that is read-only in Sales keeps
        the status that it had."""
        if not isinstance(verdict, Mapped):
            return verdict
        (order,) = known.references[back.TARGET_SET]
        owned = dict(verdict.owned)
        left_out = states.left_out(TargetRow(order))
        if left_out is not None:
            if order[PROCESSING_STATUS] in _NOT_BACK:
                return left_out
            if order[PROCESSING_STATUS] in self._until(str(row.values[back.STATUS])):
                owned[PROCESSING_STATUS] = order[PROCESSING_STATUS]
        return replace(verdict, key=str(order[KEY_COLUMN]), owned=owned)

    def present(self, systems: Systems, rows: list[Values]) -> list[Values]:  # noqa: ARG002 - nothing to read
        """Target rows in the names of the mapping."""
        return rows

    def ended(self, key: str) -> Mapping[str, Json]:  # noqa: ARG002 - all rows are of one kind
        """What changes in a target row when its source record ends."""
        return self.mapper.ended()

    def empty(self, field: str) -> Json:
        """What an emptied field of the target holds."""
        return self.mapper.empty(field)

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours."""
        return self.mapper.agree(field, ours, theirs)

    def _until(self, status: str) -> Sequence[Json]:
        """The options of the statuses that a sales order may have had up to this one."""
        before = _COURSE[: _COURSE.index(status) + 1] if status in _COURSE else (*_COURSE, status)
        return [self.statuses[each] for each in before if each in self.statuses]
