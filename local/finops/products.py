"""What is particular to sellable released products: a view for export, so some of its values are calculated."""

from collections.abc import Mapping
from types import MappingProxyType

from local.finops.values import Stored

SET_NAME = "SellableReleasedProducts"
PRECISION_OF_UNIT: Mapping[str, str] = MappingProxyType(
    {
        "SalesUnitSymbol": "SalesUnitDecimalPrecision",
        "InventoryUnitSymbol": "InventoryUnitDecimalPrecision",
    }
)
"""The property that shows the decimal precision of each unit."""

Row = Mapping[str, Stored]


def derived(row: Row, given: frozenset[str]) -> Row:
    """A new product: an item that is kept in stock, unless it is said to be otherwise (a decision of ours)."""
    defaults: Row = {"ProductType": "Item", "IsStockedProduct": "Yes"}
    return {**row, **{name: value for name, value in defaults.items() if name not in given}}


def computed(row: Row) -> Row:
    """The row with the type that Field Service gives the product: of a service, of an item in stock or of another."""
    if row["ProductType"] == "Service":
        return {**row, "FieldServiceProductType": "Service"}
    stocked = row["IsStockedProduct"] == "Yes"
    return {**row, "FieldServiceProductType": "Inventory" if stocked else "NonInventory"}
