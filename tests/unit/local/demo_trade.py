"""All flows between both simulators, looked at with the eyes of the demo."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from local.demo.clerk import Clerk
from local.demo.comparison import Comparison, Past, compare
from local.demo.configuration import read_configuration
from local.demo.flows import Systems, Watched
from local.demo.selling import Catalogue, Seller, Wanted
from local.demo.systems import DATAVERSE, FINOPS, Access, Secrets
from local.finops.settings import Settings as FinopsSettings
from local.simulator.server import Simulator
from shared.flows.registry import FLOWS
from tests.support.assortment import MAP_DOCUMENT, Assortment
from tests.support.shortcut import mount
from tests.support.stocked import Stocked, Stocks
from tests.unit.local import dataverse_world, finops_environment

_PRECISION = {"pricingdecimalprecision": 4, "currencydecimalprecision": 4}
_SETUP = FinopsSettings(amount_decimals=4, sales_tax=Decimal(8))
_STOCKS = Stocks()


class Looking(Access):
    """Reads and writes a simulator of this process with a token that is fixed."""

    def __init__(self, name: str, url: str, token: str, simulator: Simulator) -> None:
        super().__init__(name, url, Secrets(admin_token=finops_environment.ADMIN_TOKEN))
        mount(self._session, simulator)
        self._token = token

    def _authorised(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


@dataclass
class Trade:
    """Accounts and contacts in Sales, products in F&O, quotes and orders, and the clerk who delivers them."""

    shop: Assortment
    systems: Systems
    flows: Mapping[str, Watched]
    seller: Seller
    clerk: Clerk

    def sync(self) -> None:
        """Every flow in turn, until what waits for another record has had its chance."""
        for _ in range(2):
            for flow in FLOWS.names:
                self.shop.flow = flow
                self.shop.tick()

    def compared(self, flow: str, past: Past | None = None) -> Comparison:
        """The comparison of one flow."""
        watched = self.flows[flow]
        past = past or Past(moves=watched.moves)
        return compare(watched.verdicts(self.systems), watched.targets(self.systems), watched, past)

    def wrong_fields(self, flow: str, key: str) -> set[str]:
        """The fields in which one target record is not as it should be."""
        return {difference.field for difference in self.compared(flow).different if difference.key == key}

    def contact(self, account: str | None = None, **values: object) -> tuple[str, str]:
        """A new contact, of an account or of nobody; its id and number."""
        bound = {} if account is None else {"parentcustomerid_account__to": f"/accounts({account})"}
        id = self.shop.sales.create("contacts", **{"lastname": "Trujillo", **bound, **values})
        (row,) = self.shop.sales.rows(f"contacts?$select=msdynce_contactnumber&$filter=contactid eq {id}")
        return id, str(row["msdynce_contactnumber"])

    def quote(self, customer: str, *wanted: Wanted, active: bool = True, **values: Any) -> tuple[str, str]:
        """A new quote to an account or contact; its id and number."""
        id, number = self.seller.quote(customer, "Quote", wanted, self.catalogue(), **values)
        if active:
            self.seller.change(id, {"statecode": 1})
        return id, number

    def order(self, customer: str, *wanted: Wanted) -> tuple[str, str]:
        """A new order that is in F&O, activated and confirmed; its id and number."""
        self.sync()
        id, number = self.seller.order(customer, "Order", wanted, self.catalogue())
        self.seller.activate(id)
        self.sync()
        self.clerk.confirm(number)
        return id, number

    def customer_account(self, account: str) -> str:
        """The customer account of an account, given by its address."""
        return str(self.shop.sales.get(account.strip("/")).json()["accountnumber"])

    def catalogue(self) -> Catalogue:
        """What can be quoted now."""
        return self.seller.catalogue()

    def spoil(self, path: str, values: Mapping[str, object]) -> None:
        """Somebody changes a record in F&O."""
        address = f"{path}?cross-company=true"
        answer = self.shop.finops.send("PATCH", f"/data/{address}", json=values, headers={"If-Match": "*"})
        assert answer.status_code == 204, answer.text


@contextmanager
def trade() -> Iterator[Trade]:
    """Fresh simulators with two products that are in Sales already."""
    stocked = _STOCKS.get(trade)
    with (
        dataverse_world.dataverse(settings_row=_PRECISION, store=stocked.sales if stocked else None) as world,
        finops_environment.environment(_SETUP, tables=stocked.finops if stocked else None) as finops,
    ):
        world.made = stocked.catalogue if stocked else None
        shop = Assortment(world, finops, ORDERS_BACK="all", INVOICES="on")
        sales = Looking(DATAVERSE, world.origin, dataverse_world.TOKEN, world.simulator)
        theirs = Looking(FINOPS, finops.base_url, finops_environment.TOKEN, finops.simulator)
        flows = read_configuration({"MAP_DOCUMENT": MAP_DOCUMENT}).flows
        by_name = {flow.name: flow for flow in flows}
        running = Trade(shop, {DATAVERSE: sales, FINOPS: theirs}, by_name, Seller(sales), Clerk(theirs, "usmf"))
        if stocked:
            stocked.fill(shop)
            shop.flow = FLOWS.names[-1]
        else:
            shop.put("BK-1", "BK-2")
            running.sync()
            _STOCKS.keep(trade, Stocked.of(shop))
        yield running
        sales.close()
        theirs.close()
