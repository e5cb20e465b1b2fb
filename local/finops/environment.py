"""Puts one F&O environment together as a server."""

from local.finops import orderlines, quotationlines
from local.finops.assortment import Assortment
from local.finops.clerk import Clerk
from local.finops.controls import controls
from local.finops.salesdesk import SalesDesk
from local.finops.service import Finops
from local.finops.settings import Settings
from local.finops.switches import Switches
from local.finops.tables import Tables
from local.finops.throttling import THROTTLE_BODY, Pressure
from local.simulator.auth import Clock, TokenCheck, system_clock
from local.simulator.exchanges import ExchangeLog
from local.simulator.faults import Faults
from local.simulator.server import Simulator, Tls

SYSTEM = "finops"


def finops_simulator(
    tables: Tables,
    settings: Settings,
    token_check: TokenCheck,
    *,
    admin_token: str,
    faults: Faults | None = None,
    exchanges: ExchangeLog | None = None,
    tls: Tls | None = None,
    switches: Switches | None = None,
    clock: Clock = system_clock,
) -> Simulator:
    """A server of these rows; run it with `local.simulator.server.running`. The caller closes the tables."""
    switches = switches or Switches()
    pressure = Pressure(settings.priority)
    return Simulator(
        SYSTEM,
        Finops(tables, settings, switches, clock=clock).answer,
        token_check,
        faults or Faults(throttle_body=THROTTLE_BODY),
        exchanges or ExchangeLog(SYSTEM),
        admin_token,
        tls,
        guard=pressure.guard,
        controls={
            **controls(switches),
            "pressure": pressure.control,
            "products": Assortment(tables, settings).control,
            "quotations": SalesDesk(tables, settings, quotationlines.SET_NAME, clock=clock).control,
            "clerk": Clerk(tables, settings, clock=clock).control,
            "orders": SalesDesk(tables, settings, orderlines.SET_NAME, clock=clock).control,
        },
        clock=clock,
    )
