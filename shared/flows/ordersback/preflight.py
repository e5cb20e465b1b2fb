"""Preflight's look at the totals of sales orders: without them no order comes back."""

from collections.abc import Iterator
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.finops.environment import ACROSS, FinopsSystem, rows_of
from shared.clients.quoting import EnumMember
from shared.counting import counted
from shared.flows.checks import FINOPS, Check, CheckResult, part
from shared.flows.ordersback import mapping as back
from shared.flows.ordersback.settings import OrdersBackSettings
from shared.flows.spec import Deployment
from shared.setupguide import section

_TOTALS = "the totals of confirmed sales orders are calculated"
_NO_YES = "Microsoft.Dynamics.DataEntities.NoYes"
# How many orders without totals are counted.
_LOOKED_AT = 100


def checks_of_finops(deployment: Deployment, _dataverse: DataverseSystem, finops: FinopsSystem) -> Iterator[Check]:
    """Whether the batch job for totals seems to run; nothing if the flow is off."""
    if deployment.settings_for(OrdersBackSettings).ORDERS_BACK != "off":
        yield from part(FINOPS, _TOTALS, partial(_totals, deployment, finops))


def _totals(deployment: Deployment, finops: FinopsSystem) -> Iterator[Check]:
    """An order that was changed a minute ago has no totals either: only people know whether the job runs."""
    members = (back.ACTIVE, *back.CLOSED)
    wanted = quoting.all_of(
        quoting.equals("dataAreaId", deployment.settings.COMPANY),
        quoting.equals(back.TOTALS, EnumMember(_NO_YES, "No")),
        *(quoting.equals(name, EnumMember(_NO_YES, "Yes")) for name in back.EXTERNAL_CUSTOMERS),
        *(quoting.differs(back.STATUS, EnumMember(back.STATUS_TYPE, member)) for member in members),
    )
    parameters = {"$filter": wanted, "$select": back.KEY_FIELD, "$top": str(_LOOKED_AT), **ACROSS}
    rows = list(rows_of(finops.channel, finops.url(back.ENTITY_SET, parameters), back.ENTITY_SET))
    if not rows:
        yield Check(FINOPS, _TOTALS, CheckResult.WELL)
        return
    more = " or more" if len(rows) == _LOOKED_AT else ""
    found = (
        f"{counted(len(rows), 'confirmed sales order')}{more} without totals, such as {rows[0][back.KEY_FIELD]}: does "
        "the batch job `Calculate sales totals` run?"
    )
    yield Check(FINOPS, _TOTALS, CheckResult.BY_HAND, found, section("3"))
