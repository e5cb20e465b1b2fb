"""The orders flow as seen by the demo: orders with their lines, and their result in F&O."""

from collections.abc import Callable
from datetime import UTC, datetime

from local.demo.behaviors import read_behaviors
from local.demo.customers import read_customers
from local.demo.documents import Documents, DocumentsOfFinops, DocumentView, Knows, headers_of
from local.demo.flows import Collection, Kept, Systems, Watched
from local.demo.systems import DATAVERSE, FINOPS, Asked
from shared.flows.orders import ORDERS
from shared.flows.orders import mapping as orders
from shared.flows.orders.mapping import OrderMapper
from shared.flows.orders.order_rows import ACTIVE, DRAFT, PROCESSING_STATUS, activated
from shared.flows.orders.wiring import order_mapper
from shared.flows.quotations import QUOTATIONS
from shared.flows.quotations import mapping as quotations
from shared.flows.spec import Deployment
from shared.mapping.verdicts import Known
from shared.records import Json, SourceRow, Values


def watched_orders(deployment: Deployment) -> Watched:
    """The flow with the user's settings. Raises SettingsInvalid for a wrong map document."""
    mapper, company, of = order_mapper(deployment), deployment.company, orders
    target = DocumentsOfFinops.of(mapper, of.TARGET_SET, mapper.choices.line_set, of.KEY_FIELD, company)
    return Watched(
        name=ORDERS,
        mapper=mapper,
        source=Documents(mapper, _as_activated),
        target=target,
        view=DocumentView(mapper.rules, _knowing(mapper, company), _activated, once=True),
        # What is written to orders of Sales is what comes back of them.
        asked={DATAVERSE: Asked(reads=frozenset({of.HEADER_SET, of.LINE_SET})), FINOPS: target.asked},
        adopt=mapper.choices.adopt_existing,
    )


def _knowing(mapper: OrderMapper, company: str) -> Knows:
    def knows(systems: Systems, kept: Kept) -> Callable[[SourceRow], Known]:
        """The numbers of customers and quotations in F&O, and how dates behave."""
        now, customers = datetime.now(UTC), read_customers(systems, company, kept)
        there = Collection(FINOPS, quotations.TARGET_SET, quotations.KEY_FIELD, (), company=company)
        numbers = {number for number, _ in there.keyed(systems)}
        behaviors = read_behaviors(systems, orders.DATE_COLUMNS)

        def known(row: SourceRow) -> Known:
            parents = mapper.parents(row)
            quoted = {each: each.id for each in parents if each.flow == QUOTATIONS and each.id in numbers}
            return Known(now, references=behaviors, keys={**customers.keys_of(parents), **quoted})

        return known

    return knows


def _as_activated(order: dict[str, Json]) -> dict[str, Json]:
    """An order as it was activated: a later status is what F&O has made of it."""
    return order if order.get(PROCESSING_STATUS) in (None, DRAFT) else {**order, PROCESSING_STATUS: ACTIVE}


def _activated(row: SourceRow) -> Values:
    return activated(headers_of(row))[0]
