"""Made-up products in any number, the same in every run."""

from collections.abc import Iterator, Mapping
from hashlib import blake2b

from local.finops.products import PRECISION_OF_UNIT, computed
from local.finops.values import Stored
from local.simulator.store import padded

MOST = 9_999_999
"""The numbers have seven digits, so they sort by number."""

_MATERIALS = ("Aluminium", "Brass", "Carbon", "Chromium", "Copper", "Nylon", "Oak", "Rubber", "Steel", "Titanium")
_STYLES = ("Classic", "Compact", "Deluxe", "Heavy-duty", "Lightweight", "Professional", "Standard", "Women's")
_THINGS = (
    *("Bearing", "Bottle cage", "Bracket", "Brake set", "Cable", "Chain", "Crank arm", "Decal", "Derailleur", "Fork"),
    *("Front wheel", "Handlebar", "Headset", "Helmet", "Hex nut", "Hub", "Jersey", "Lock washer", "Pedal", "Pump"),
    *("Rear wheel", "Rim", "Saddle", "Seat post", "Spokes", "Stem", "Tire tube", "Touring frame", "Water bottle"),
)
_COLOURS = ("Black", "Blue", "Grey", "Multi", "Red", "Silver", "White", "Yellow")
_SERVICES = ("Assembly", "Calibration", "Inspection", "Installation", "Maintenance", "Repair", "Training")

_USUAL_UNIT = "ea"
_OTHER_UNITS = ("box", "pcs", "pack", "kg", "m")
# Sold in these, a product is still kept by the piece.
_PACKAGES = frozenset({"box", "pack"})
_SERVICE_UNITS = ("hr", "hour")

Row = Mapping[str, Stored]


class _Dice:
    """Numbers drawn from one product's own digest: no product depends on how many there are."""

    def __init__(self, seed: int, index: int) -> None:
        self._left = int.from_bytes(blake2b(f"{seed}:{index}".encode(), digest_size=16).digest())

    def draw(self, sides: int) -> int:
        """A number from 0 below `sides`."""
        self._left, drawn = divmod(self._left, sides)
        return drawn


def generated_products(count: int, *, seed: int, units: Mapping[str, int]) -> Iterator[Row]:
    """So many products in the order of their numbers, without company and currency.

    `units` are the symbols that there are, with their decimal precision; common ones are used if there are any.
    """
    known = {padded(symbol): symbol for symbol in units}
    others = [known[unit] for unit in _OTHER_UNITS if unit in known] or sorted(units)
    usual = known.get(_USUAL_UNIT, others[0])
    hours = next((known[unit] for unit in _SERVICE_UNITS if unit in known), usual)
    for index in range(1, count + 1):
        dice = _Dice(seed, index)
        row = _service(dice, hours) if dice.draw(20) == 0 else _item(dice, usual, others)
        precisions = {name: units[str(row[unit])] for unit, name in PRECISION_OF_UNIT.items()}
        yield computed({"ProductNumber": f"P{index:07d}", **row, **precisions})


def _item(dice: _Dice, usual: str, others: list[str]) -> Row:
    thing = _THINGS[dice.draw(len(_THINGS))]
    material = _MATERIALS[dice.draw(len(_MATERIALS))]
    style = _STYLES[dice.draw(len(_STYLES))]
    colour = _COLOURS[dice.draw(len(_COLOURS))]
    name = f"{style} {material.lower()} {thing.lower()}, {colour.lower()}"
    text = f"{thing} of {material.lower()} in {colour.lower()}; {style.lower()} line." if dice.draw(3) else ""
    unit = usual if dice.draw(5) else others[dice.draw(len(others))]
    price, cost = _amounts(dice)
    return {
        "ProductName": name,
        "ProductDescription": text,
        "ProductType": "Item",
        "IsStockedProduct": "Yes" if dice.draw(10) else "No",
        "IsSalesStopped": "No" if dice.draw(50) else "Yes",
        "SalesUnitSymbol": unit,
        "InventoryUnitSymbol": usual if padded(unit) in _PACKAGES else unit,
        "SalesPrice": price,
        "UnitCost": cost,
    }


def _service(dice: _Dice, unit: str) -> Row:
    thing = _THINGS[dice.draw(len(_THINGS))].lower()
    price, cost = _amounts(dice)
    return {
        "ProductName": f"{_SERVICES[dice.draw(len(_SERVICES))]}: {thing}",
        "ProductDescription": "",
        "ProductType": "Service",
        "IsStockedProduct": "No",
        "IsSalesStopped": "No",
        "SalesUnitSymbol": unit,
        "InventoryUnitSymbol": unit,
        "SalesPrice": price,
        "UnitCost": cost,
    }


def _amounts(dice: _Dice) -> tuple[str, str]:
    """Sales price and unit cost: mostly whole cents, one in fifty to a tenth of a cent, one in twenty none."""
    if dice.draw(20) == 0:
        return "0", "0"
    mills = 10 * (50 + dice.draw(250_000))
    if dice.draw(50) == 0:
        mills += 1 + dice.draw(9)
    return _text(mills), _text(mills * (40 + dice.draw(40)) // 100)


def _text(mills: int) -> str:
    """Thousandths as a decimal number in the form of the store: no zeros at the end."""
    whole, rest = divmod(mills, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".") if rest else str(whole)
