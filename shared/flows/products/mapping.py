"""products <- SellableReleasedProducts: sellable products of F&O to Dataverse `product`, with their price list items.

Rules: docs/rules.md. The table below is the mapping; what a product refers to in Sales (currency, unit, price list) is
looked up by `catalogue.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from zoneinfo import ZoneInfo

from shared.flows.products import PRODUCTS
from shared.flows.products.catalogue import PRICE_LIST, UNIT_GROUP, Catalogue, LookedUp, NotThere
from shared.mapping.amounts import rounded
from shared.mapping.dates import today
from shared.mapping.field_table import FieldTable, require_sound
from shared.mapping.lookups import looked_up
from shared.mapping.numbers import Numbering
from shared.mapping.ranges import Range, Ranges, check_range
from shared.mapping.value_maps import ValueMaps
from shared.mapping.verdicts import Known, Mapped, Parent, Rejected, Verdict
from shared.mapping.words import (
    Column,
    Ownership,
    Unmappable,
    Word,
    constant,
    copy,
    mapped_option,
    value_of,
    yes_as_true,
)
from shared.records import Json, References, SourceRow, TargetRow, Values
from shared.systems import System

ENTITY_SET = "SellableReleasedProducts"
KEY_FIELD = "ProductNumber"
TARGET_SET = "products"
LOGICAL_NAME = "product"
ID_COLUMN = "productid"
KEY_COLUMN = "productnumber"
NUMBER_LENGTH = 100
NUMBERING = Numbering(
    KEY_FIELD,
    needed_as=KEY_COLUMN,
    length=NUMBER_LENGTH,
    when_missing="give the product a number in F&O",
    when_too_long="give the product a shorter number in F&O",
)

# What a product cannot do without; the unit and its group are found by the catalogue.
NEEDED, FIXED = frozenset({"name", "quantitydecimal"}), frozenset({"defaultuomid", UNIT_GROUP})
# What the document may give by name.
NAMED = {PRICE_LIST: "price list", UNIT_GROUP: "unit group"}
RANGES: Ranges = {"price": Range(0, 10**12), "currentcost": Range(0, 10**12), "quantitydecimal": Range(0, 5)}

ITEM = "productpricelevel"
ITEM_SET = "productpricelevels"
ITEM_ID_COLUMN = "productpricelevelid"
AMOUNT = "amount"
AMOUNT_RANGE = Range(0, 10**14)
CURRENCY_AMOUNT = {"pricingmethodcode": 1}
_PLACE = ("pricelevelid", "uomid")
# Besides the columns of an item as it was read: whether its id proves that the sync has created it.
OURS = "ours"

STATE = "statecode"
ACTIVE, RETIRED, DRAFT, UNDER_REVISION = 0, 1, 2, 3
STATUS_OF = {ACTIVE: 1, RETIRED: 2}
_STATE_NAMES = {RETIRED: "retired", DRAFT: "a draft"}
# The states that count as the wanted one: a product under revision was published before.
COUNTS_AS = {ACTIVE: frozenset({ACTIVE, UNDER_REVISION})}
# The kinds of rows in the table: a family groups products and is never quoted itself.
STRUCTURE, FAMILY = "productstructure", 2

LOOKUPS = {
    "transactioncurrencyid": "transactioncurrencies",
    "defaultuomid": "uoms",
    "defaultuomscheduleid": "uomschedules",
    "pricelevelid": "pricelevels",
}
ITEM_LOOKUPS = {"productid": TARGET_SET, "pricelevelid": "pricelevels", "uomid": "uoms"}

_ALSO_READ = (Column(KEY_FIELD), Column("SalesPrice", Decimal), Column("SalesUnitSymbol"), Column("CurrencyCode"))


class PriceItems(StrEnum):
    """Who writes the price list items: the Sales solution's automation, or the sync."""

    AUTOMATION = "automation"
    SYNC = "sync"


class ZeroPrice(StrEnum):
    """What a sales price of 0 becomes: no price list item, or one of 0."""

    NO_ITEM = "no_item"
    ITEM = "item"


class Vanished(StrEnum):
    """What happens to a product in Sales that is no longer sellable in F&O."""

    KEEP = "keep"
    RETIRE = "retire"


@dataclass(frozen=True, slots=True)
class ProductChoices:
    """What a deployment decides for products (settings); `zone` is the business's time zone."""

    publish: bool = True
    when_vanished: Vanished = Vanished.KEEP
    price_items: PriceItems = PriceItems.AUTOMATION
    zero_price: ZeroPrice = ZeroPrice.NO_ITEM
    adopt_existing: bool = False
    linked_only: bool = False
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))


def product_words(choices: ProductChoices) -> tuple[Word, ...]:
    """The mapping."""
    default_list = Ownership.OWNED if choices.price_items is PriceItems.AUTOMATION else Ownership.OFF
    return (
        copy("ProductName", "name", max_length=100),
        copy("ProductDescription", "description", max_length=2000, empty=None),
        looked_up("CurrencyCode", "transactioncurrencyid", "the currency with this ISO code"),
        looked_up("SalesUnitSymbol", "defaultuomid", "value map `units`, then the unit of this name in the unit group"),
        looked_up("", "defaultuomscheduleid", "the unit group of the default `unit_group`"),
        looked_up("CurrencyCode", "pricelevelid", "the product's price list", ownership=default_list),
        rounded("SalesPrice", "price", blank_zero=choices.zero_price is ZeroPrice.NO_ITEM),
        rounded("UnitCost", "currentcost"),
        copy("SalesUnitDecimalPrecision", "quantitydecimal", type=int, empty=0),
        mapped_option("ProductType", "producttypecode", "product_types"),
        constant("msdynce_ismaintainedexternally", True),
        yes_as_true("IsStockedProduct", "isstockitem", ownership=Ownership.OFF),
    )


class ProductMapper:
    """The mapping with the value maps and choices of a deployment; satisfies the engine's Mapper."""

    def __init__(self, maps: ValueMaps, choices: ProductChoices | None = None) -> None:
        self.choices = choices or ProductChoices()
        self._maps = maps
        words = product_words(self.choices)
        self.table = FieldTable(
            TARGET_SET,
            TARGET_SET,
            words,
            maps,
            also_read=_ALSO_READ,
            source=System.FINOPS,
            ranges=RANGES,
            reads=ENTITY_SET,
            needed=NEEDED,
            may_fill=True,
            fixed=FIXED,
            named=NAMED,
            flow=PRODUCTS,
        )
        require_sound(self.table)
        self._kept: tuple[References, Catalogue] | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and choices; made when it is asked for, since checks alone need none."""
        return self.table.fingerprint(self.choices)

    @property
    def select(self) -> tuple[str, ...]:
        """The fields to read."""
        return self.table.select

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:  # noqa: ARG002 - it has none
        """A product waits for no other record."""
        return ()

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Map and validate one product. Raises SchemaDrift."""
        values = row.values
        self.table.check_source(values)
        kept_out = self.table.kept_out(values)
        if kept_out is not None:
            return kept_out
        catalogue = self._catalogue(known.references)
        try:
            key = NUMBERING.of(row.values)
            _require_name(values)
            found = self._look_up(values, catalogue, known)
            content = self.table.content({**values, **found.as_values()})
            item = self._item(values, found, catalogue)
        except NotThere as missing:
            return missing.rejected(looked_up=True)
        except Unmappable as unmappable:
            return unmappable.rejected()
        owned = {**content.owned, ITEM: item}
        if self.choices.when_vanished is Vanished.RETIRE:
            # Blank: nothing is sent, unless we have retired the product; then its "empty" value makes it active again.
            owned[STATE] = None
        on_create = {**content.on_create, **({STATE: ACTIVE} if self.choices.publish else {})}
        return Mapped(key, owned, on_create, fills=self.table.fills)

    def basis(self, references: References, now: datetime) -> Json:
        """What is looked up for every product (see Catalogue). Raises OperatorNeeded."""
        return self._catalogue(references).basis(today(now, self.choices.zone), named=self.table.names_rows)

    def _look_up(self, values: Values, catalogue: Catalogue, known: Known) -> LookedUp:
        symbol, code = value_of(values, "SalesUnitSymbol"), value_of(values, "CurrencyCode")
        item = known.applied.get(ITEM)
        kept = str(item["pricelevelid"]) if isinstance(item, dict) and item.get("pricelevelid") else None
        if self.table.names_row(PRICE_LIST):
            # It may be on a list that a rule named which holds no more.
            kept = None
        currency = catalogue.currency(None if code is None else str(code))
        group, unit = catalogue.unit(None if symbol is None else str(symbol), self.table.name_for(UNIT_GROUP, values))
        price_list = catalogue.price_list(
            currency,
            today=today(known.now, self.choices.zone),
            kept=kept,
            name=self.table.name_for(PRICE_LIST, values),
        )
        return LookedUp(currency.id, unit, group, price_list, catalogue.price_decimals)

    def _item(self, values: Values, found: LookedUp, catalogue: Catalogue) -> Json:
        """The price list item as one value: its price list, its unit, and its amount (None: there should be no
        item)."""
        price = catalogue.rounded_price(values.get("SalesPrice"))
        if price == 0 and self.choices.zero_price is ZeroPrice.NO_ITEM:
            price = None
        check_range("SalesPrice", AMOUNT, AMOUNT_RANGE, price, target_set=ITEM_SET)
        return {"pricelevelid": found.price_list, "uomid": found.unit, AMOUNT: price}

    def _catalogue(self, references: References) -> Catalogue:
        """The small tables by name. They are the same object until they are read again."""
        kept = self._kept
        if kept is None or kept[0] is not references:
            kept = self._kept = references, Catalogue(references, self._maps, self.choices.zone)
        return kept[1]

    def ended(self) -> Mapping[str, Json]:
        """What changes in Sales when a product vanishes from F&O: nothing, or its state by setting."""
        return {STATE: RETIRED} if self.choices.when_vanished is Vanished.RETIRE else {}

    def empty(self, field: str) -> Json:
        """What empties a column in Dataverse: null. An emptied state is that of an active product."""
        return ACTIVE if field == STATE else None

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether Dataverse's value is ours. Of its price list items only the one of our list and unit is looked at."""
        if field == ITEM and isinstance(ours, dict) and isinstance(theirs, list):
            return _amount_of(ours, theirs) == ours[AMOUNT]
        if field == STATE and isinstance(ours, int):
            return isinstance(theirs, int) and theirs in COUNTS_AS.get(ours, (ours,))
        return self.table.agree(field, ours, theirs)

    def place(self, content: Values) -> Values | None:
        """The place of a product's price list item: its price list and unit."""
        item = content.get(ITEM)
        return _place_of(item) if isinstance(item, dict) and item[AMOUNT] is not None else None

    def is_readable(self, content: Values, places: Sequence[Values]) -> bool:
        """Whether the stored content of a product has the form in which this mapping stores it."""
        item = content.get(ITEM)
        kept = [] if item is None else [item]
        return all(isinstance(each, dict) and AMOUNT in each and _is_place(each) for each in kept) and all(
            map(_is_place, places)
        )

    def places_of_ours(self, row: TargetRow) -> tuple[Values, ...]:
        """The places of the items whose id proves that the sync has created them."""
        return tuple(_place_of(item) for item in _items_of(row) if item[OURS] is True)

    def left_at(self, places: Sequence[Values], row: TargetRow) -> tuple[str, Json] | None:
        """The price list items of a product that are at one of these places."""
        left: list[Json] = [dict(item) for item in _items_of(row) if _place_of(item) in places]
        return (ITEM, left) if left else None

    def adopt(self, row: TargetRow) -> Mapping[str, Json] | Rejected:
        """A product that is taken over is published, also a retired one. If the settings do not publish, a product that
        cannot be quoted is refused."""
        if row.values.get(STRUCTURE) == FAMILY:
            return Rejected(
                "product_is_family",
                "the number is that of a product family in Sales, and a family is never quoted",
                "give the family another number in Sales, or remove it there",
            )
        state = row.values.get(STATE)
        if state in COUNTS_AS[ACTIVE]:
            return {}
        if self.choices.publish:
            return {STATE: ACTIVE}
        what = _STATE_NAMES.get(state, f"in state {state}") if isinstance(state, int) else "without a state"
        return Rejected(
            "product_not_published",
            f"the product that is in Sales already is {what} there and cannot be quoted, and PRODUCTS_PUBLISH is false",
            "publish it in Sales, or set PRODUCTS_PUBLISH to true; then retry",
        )

    def in_scope(self, row: SourceRow) -> bool:  # noqa: ARG002 - products have no date to go by
        """Whether a product without a link belongs to the first run."""
        return not self.choices.linked_only


def late_columns(choices: ProductChoices) -> dict[str, Json]:
    """The columns that a new product does not accept, with what they hold until they are sent. If the automation writes
    the items, the price is sent with its price list: a price alone would put the product on the first list that the
    automation finds."""
    price: dict[str, Json] = {"price": None} if choices.price_items is PriceItems.AUTOMATION else {}
    return {STATE: DRAFT, "pricelevelid": None, **price}


def _amount_of(ours: Values, items: list[Json]) -> Json:
    """The amount of the price list item with our list and unit; None if there is none."""
    there = (item for item in items if isinstance(item, dict) and _place_of(item) == _place_of(ours))
    return next((item[AMOUNT] for item in there), None)


def _items_of(row: TargetRow) -> list[Values]:
    items = row.values.get(ITEM)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _is_place(values: Values) -> bool:
    return all(isinstance(values.get(name), str) for name in _PLACE)


def _place_of(item: Values) -> Values:
    return {name: item[name] for name in _PLACE}


def _require_name(values: Values) -> None:
    if value_of(values, "ProductName") is None:
        raise Unmappable("name_missing", "ProductName is blank, and a product in Sales needs one", remedy="name it")
