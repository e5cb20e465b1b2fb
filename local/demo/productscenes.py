"""Edits of products in F&O, and when they arrive in Sales."""

import random
from collections.abc import Callable
from decimal import Decimal

from local.demo.arrivals import Arrivals
from local.demo.edits import Fulfilment
from local.demo.stage import Stage
from shared.records import Json, SourceRow

_NAMES = ("Trail Lamp", "Cargo Rack", "Cork Grip", "Chain Guard", "Steel Bell", "Winter Glove")
_CARRIED = ("SalesUnitSymbol", "ProductType")


class ProductScenes:
    """Edits products in F&O and shows each change arrive in Sales."""

    def __init__(self, stage: Stage, arrivals: Arrivals, fulfilment: Fulfilment) -> None:
        self._stage = stage
        self._arrivals = arrivals
        self._fulfilment = fulfilment
        self._random = random.Random()

    def all(self) -> tuple[Callable[[], None], ...]:
        """The scenes in their order."""
        return (self.change_price, self.release_product, self.come_and_go)

    def change_price(self) -> None:
        """A product gets another sales price, and with it its price list item."""
        product = self._arrivals.some(self._random)
        if product is None:
            self.release_product()
            return
        price = Decimal(self._random.randrange(1_000, 200_000)) / 100
        self._fulfilment.put_products([{"ProductNumber": product.id, "SalesPrice": price}])
        old = product.values.get("SalesPrice")
        what = f'the price of "{product.values.get("ProductName")}" changes from {old} to {price}'
        self._show(product.id, what, self._arrivals.seen(product.id))

    def release_product(self) -> None:
        """A new product becomes sellable."""
        values = self._new_product()
        number = str(values["ProductNumber"])
        self._show(number, f'new product "{values["ProductName"]}"', self._arrivals.seen(number))

    def come_and_go(self) -> None:
        """A product is no longer sellable, and is sellable again."""
        values = self._new_product()
        number = str(values["ProductNumber"])
        if self._arrivals.seen(number) is None:
            return
        self._fulfilment.remove_product(number)
        ended = self._arrivals.ended(number)
        retires = bool(self._arrivals.flow.ended(number))
        then = "retired in Sales" if retires else "noted; it stays in Sales as it is"
        self._show(number, f'"{values["ProductName"]}" is no longer sellable', ended, then=then)
        self._fulfilment.put_products([values])
        self._show(number, f'"{values["ProductName"]}" is sellable again', self._arrivals.seen(number))

    def _new_product(self) -> dict[str, Json]:
        like: SourceRow | None = self._arrivals.some(self._random)
        carried = {name: like.values[name] for name in _CARRIED if name in like.values} if like else {}
        values: dict[str, Json] = {
            "SalesUnitSymbol": "EA",
            "ProductType": "Item",
            **carried,
            "ProductNumber": f"DEMO-{self._random.randrange(10**8):08d}",
            "ProductName": f"{self._random.choice(_NAMES)} {self._random.randrange(1000):03d}",
            "SalesPrice": Decimal(self._random.randrange(500, 50_000)) / 100,
        }
        self._fulfilment.put_products([values])
        return values

    def _show(self, number: str, what: str, seconds: float | None, *, then: str = "in Sales") -> None:
        self._stage.show(f"{number}  {what}", seconds, then=then, trouble=self._arrivals.trouble())
