"""Preflight's checks of the numbers of orders: their length, and whether F&O gives such numbers itself."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem, TableRows
from shared.clients.finops.environment import ACROSS, FinopsSystem, rows_of
from shared.counting import counted
from shared.flows.checks import FINOPS, SALES, Check, CheckResult, judged, part
from shared.flows.orders import mapping as orders
from shared.flows.orders import order_rows
from shared.flows.orders.settings import OrderSettings
from shared.flows.spec import Deployment
from shared.records import fold
from shared.setupguide import section

_ORGANISATION = "organizations"
_PREFIX, _NEXT, _SUFFIX = "orderprefix", "currentordernumber", "uniquespecifierlength"
_LENGTH = f"numbers of orders have {orders.KEY_LENGTH} characters at most"
_RANGES = "F&O gives no numbers of Sales to its own sales orders"
_ORIGIN_CODE, _ORIGIN_TYPE, _INTEGRATION = "SalesOrderOriginCode", "SalesOrderOriginType", "SalesOrderIntegration"
# How many sales orders of F&O are looked at.
_LOOKED_AT = 100


def checks_of_sales(_deployment: Deployment, dataverse: DataverseSystem, _now: datetime) -> Iterator[Check]:
    """Whether F&O can take the numbers that Sales gives to orders."""
    yield from part(SALES, _LENGTH, partial(_length, dataverse))


def checks_of_finops(deployment: Deployment, dataverse: DataverseSystem, finops: FinopsSystem) -> Iterator[Check]:
    """Whether the numbers of both systems are apart, and what an operator must look up."""
    yield from part(FINOPS, _RANGES, partial(_ranges, deployment, dataverse, finops))
    origin = deployment.settings_for(OrderSettings).ORDERS_ORIGIN
    if origin:
        what = f"there is a sales origin {origin}, of the type Sales order integration"
        yield from part(FINOPS, what, partial(_origin, deployment, finops, origin, what))


def _length(dataverse: DataverseSystem) -> Iterator[Check]:
    prefix, number, suffix = _pattern(dataverse)
    like = "-".join((prefix, f"{number:05d}", "X" * suffix))
    found = f"the next one is like {like}, which has {len(like)}: such an order would be rejected"
    yield judged(SALES, _LENGTH, len(like) <= orders.KEY_LENGTH, found, f"shorten the prefix: {section('3')}")


def _ranges(deployment: Deployment, dataverse: DataverseSystem, finops: FinopsSystem) -> Iterator[Check]:
    """A sales order of F&O that looks like one of Sales and belongs to no order there may be one that F&O has numbered,
    or one whose order was deleted: only people know."""
    prefix, *_ = _pattern(dataverse)
    wanted = quoting.all_of(
        quoting.equals("dataAreaId", deployment.settings.COMPANY),
        quoting.equals(orders.KEY_FIELD, f"{prefix}-{quoting.WILDCARD}"),
    )
    parameters = {"$filter": wanted, "$select": orders.KEY_FIELD, "$top": str(_LOOKED_AT), **ACROSS}
    rows = rows_of(finops.channel, finops.url(orders.TARGET_SET, parameters), orders.TARGET_SET)
    numbers = [str(row[orders.KEY_FIELD]) for row in rows]
    column = order_rows.KEY_COLUMN
    table = TableRows(dataverse, orders.HEADER_SET, order_rows.HEADER_ID_COLUMN)
    there = {fold(str(row[column])) for row in table.by_value(column, numbers, {"$select": column})}
    strange = sorted(number for number in numbers if fold(number) not in there)
    if not strange:
        yield Check(FINOPS, _RANGES, CheckResult.WELL)
        return
    found = (
        f"of {counted(len(numbers), 'sales order')} that begin with {prefix}-, {len(strange)} belong to no order of "
        f"Sales, such as {strange[0]}: did F&O number them?"
    )
    yield Check(FINOPS, _RANGES, CheckResult.BY_HAND, found, section("3"))


def _origin(deployment: Deployment, finops: FinopsSystem, origin: str, what: str) -> Iterator[Check]:
    """F&O shows no sales origins, but the type of one in an order: without such an order, people look it up."""
    wanted = quoting.all_of(
        quoting.equals("dataAreaId", deployment.settings.COMPANY), quoting.equals(_ORIGIN_CODE, origin)
    )
    parameters = {"$filter": wanted, "$select": f"{orders.KEY_FIELD},{_ORIGIN_TYPE}", "$top": "1", **ACROSS}
    rows = list(rows_of(finops.channel, finops.url(orders.TARGET_SET, parameters), orders.TARGET_SET))
    if not rows:
        yield Check(FINOPS, what, CheckResult.BY_HAND, "", section("3"))
        return
    kind = str(rows[0][_ORIGIN_TYPE])
    found = f"the sales order {rows[0][orders.KEY_FIELD]} has this origin, and the type {kind}"
    yield judged(FINOPS, what, kind == _INTEGRATION, found, f"change the type of the sales origin: {section('3')}")


def _pattern(dataverse: DataverseSystem) -> tuple[str, int, int]:
    """The prefix of the numbers of orders, the next number, and how many characters are added to it."""
    url = dataverse.url(_ORGANISATION, {"$select": quoting.columns((_PREFIX, _NEXT, _SUFFIX)), "$top": "1"})
    row = next(iter(dataverse.rows(_ORGANISATION, url)), {})
    return str(row.get(_PREFIX) or ""), int(str(row.get(_NEXT) or 0)), int(str(row.get(_SUFFIX) or 0))
