"""The products flow as it is deployed, between both simulators."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.dataverse.settings import Settings as SalesSettings
from local.finops.settings import Settings as FinopsSettings
from local.simulator.store import Store
from shared.flows.products import PRODUCTS
from shared.mapping.map_source import SHIPPED
from tests.support.product import Product
from tests.unit.local import dataverse_world, finops_environment
from tests.unit.local.dataverse_world import World as Sales
from tests.unit.local.finops_environment import Caller as Finops

MAP_DOCUMENT = SHIPPED.read_text(encoding="utf-8").replace('"unit_group": "Default unit"', '"unit_group": "Units"')
_FIELDS = "productnumber,name,description,price,currentcost,quantitydecimal,producttypecode,statecode,statuscode"
_LOOKUPS = "_transactioncurrencyid_value,_defaultuomid_value,_defaultuomscheduleid_value,_pricelevelid_value"


class Assortment(Product):
    """Products are made in F&O and looked at in Sales."""

    flow = PRODUCTS
    route = "product"

    def __init__(self, sales: Sales, finops: Finops, **settings: str) -> None:
        self.catalogue = sales.catalogue()
        super().__init__(sales, finops, **{"MAP_DOCUMENT": MAP_DOCUMENT, **settings})

    def put(self, *numbers: str, **values: object) -> None:
        """Make or change products in F&O."""
        given = {"ProductName": "Bike", "SalesUnitSymbol": "EA", "SalesPrice": 12.5, "ProductType": "Item", **values}
        self._control("POST", [{"ProductNumber": number, **given} for number in numbers])

    def change(self, number: str, **values: object) -> None:
        """Change some fields of a product in F&O."""
        self._control("POST", [{"ProductNumber": number, **values}])

    def take_away(self, *numbers: str) -> None:
        """Let products vanish from F&O."""
        for number in numbers:
            self._control("DELETE", {"ProductNumber": number})

    def _control(self, method: str, body: object) -> None:
        headers = {"x-simulator-admin-token": finops_environment.ADMIN_TOKEN}
        reply = self.finops.send(method, "/_simulator/products", json=body, headers=headers)
        assert reply.status_code == 200, reply.text

    def product(self, number: str) -> dict[str, Any] | None:
        """A product in Sales."""
        columns = f"productid,{_FIELDS},{_LOOKUPS}"
        rows = self.sales.rows(f"products?$select={columns}&$filter=productnumber eq '{number}'")
        return rows[0] if rows else None

    def products(self) -> int:
        """How many products Sales has."""
        return len(self.sales.rows("products?$select=productid"))

    def items(self, number: str) -> list[Mapping[str, Any]]:
        """The price list items of a product: price list, unit and amount."""
        columns = "_pricelevelid_value,_uomid_value,amount,productpricelevelid"
        row = self.product(number)
        assert row is not None
        wanted = f"_productid_value eq {row['productid']}"
        return list(self.sales.rows(f"productpricelevels?$select={columns}&$filter={wanted}"))


# Organisations with a catalogue, and its ids: each kind is made once and copied.
_STOCKED: dict[tuple[bool, frozenset[str]], tuple[Store, Mapping[str, str]]] = {}


@contextmanager
def assortment(
    *, solution: bool = True, sales: SalesSettings | None = None, currency: str = "USD", **settings: str
) -> Iterator[Assortment]:
    """The flow between two fresh simulators; a price precision of 4 as the sample data needs it."""
    precision = {"pricingdecimalprecision": 4}
    kind = solution, sales.no_bulk if sales else frozenset[str]()
    store, catalogue = _STOCKED.get(kind, (None, None))
    with (
        dataverse_world.dataverse(solution=solution, settings=sales, settings_row=precision, store=store) as world,
        finops_environment.environment(FinopsSettings(accounting_currency=currency)) as finops,
    ):
        world.made = catalogue or world.catalogue()
        if store is None:
            _STOCKED[kind] = world.organisation.store.copied(), world.made
        yield Assortment(world, finops, **settings)
