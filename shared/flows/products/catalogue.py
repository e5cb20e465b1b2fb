"""The rows of Sales that a product refers to, found by name: currencies, units in their group, price lists."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from pydantic import Field

from shared.errors import OperatorNeeded
from shared.flows.products.price_lists import PriceList, folded_name, price_lists
from shared.mapping.amounts import DECIMALS, rounded_half_up
from shared.mapping.lookups import looked_up_name
from shared.mapping.units import sales_unit
from shared.mapping.value_maps import Code, Iso3, ValueMaps, as_known_to
from shared.mapping.words import Unmappable
from shared.records import Json, References, Values
from shared.systems import System

CURRENCIES = "transactioncurrencies"
UNITS = "uoms"
UNIT_GROUPS = "uomschedules"
PRICE_LISTS = "pricelevels"
ORGANIZATION = "organizations"
TABLES = {
    CURRENCIES: ("transactioncurrencyid", "isocurrencycode", "statecode"),
    UNITS: ("uomid", "name", "_uomscheduleid_value"),
    UNIT_GROUPS: ("uomscheduleid", "name", "statecode"),
    PRICE_LISTS: ("pricelevelid", "name", "_transactioncurrencyid_value", "begindate", "enddate", "statecode"),
    ORGANIZATION: ("organizationid", "pricingdecimalprecision"),
}
# The columns of these tables that hold a number.
NUMBERS = frozenset({"statecode", "pricingdecimalprecision"})
_ACTIVE = 0
# So many unit groups are named in a remedy.
_NAMES_TOLD = 5
# What a map document may give by name, as the columns that hold them: the column of a unit, whose group is meant.
PRICE_LIST, UNIT_GROUP = "pricelevelid", "defaultuomscheduleid"


class ProductMaps(ValueMaps):
    """The flow's part of the map document: the price list of each currency, if it is chosen by hand."""

    price_lists: dict[Iso3, Code] = Field(default_factory=dict)


class NotThere(Unmappable):
    """A name that the mapping needs is not in Sales; it may have been added since the tables were read."""


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency of the organisation."""

    code: str
    id: str


@dataclass(frozen=True, slots=True)
class LookedUp:
    """The rows that a product refers to, by id."""

    currency: str
    unit: str
    group: str
    price_list: str
    price_decimals: int

    def as_values(self) -> Values:
        """As the words of the mapping read them."""
        return {
            looked_up_name("transactioncurrencyid"): self.currency,
            looked_up_name("defaultuomid"): self.unit,
            looked_up_name("defaultuomscheduleid"): self.group,
            looked_up_name("pricelevelid"): self.price_list,
            DECIMALS: self.price_decimals,
        }


class Catalogue:
    """The small tables of one organisation as they were read together. `zone` is the business's: price lists begin and
    end there."""

    def __init__(self, references: References, maps: ValueMaps, zone: ZoneInfo) -> None:
        self._maps = maps
        self._forced = as_known_to(ProductMaps, maps).price_lists
        self._zone = zone
        self._references = references
        active = {name: [row for row in rows if _is_active(row)] for name, rows in references.items()}
        self._currencies = {
            str(row["isocurrencycode"]).upper(): str(row["transactioncurrencyid"]).lower()
            for row in active.get(CURRENCIES, ())
        }
        self._groups = {
            folded_name(row["name"]): str(row["uomscheduleid"]).lower() for row in active.get(UNIT_GROUPS, ())
        }
        self._group_names = sorted(str(row["name"]) for row in active.get(UNIT_GROUPS, ()))
        self._units = {
            (str(row["_uomscheduleid_value"]).lower(), folded_name(row["name"])): str(row["uomid"]).lower()
            for row in active.get(UNITS, ())
        }
        self._price_list_rows = active.get(PRICE_LISTS, [])
        self._price_lists: tuple[PriceList, ...] | None = None
        self._organizations = references.get(ORGANIZATION, ())
        # The basis is made at every look; a comparison of every symbol with every unit is made once.
        self._unit_ids_found: dict[str | None, dict[str, Json]] = {}

    @property
    def price_decimals(self) -> int:
        """The organisation's pricing precision. Raises OperatorNeeded if it cannot be read."""
        for row in self._organizations:
            decimals = row.get("pricingdecimalprecision")
            if isinstance(decimals, int):
                return decimals
        raise OperatorNeeded(
            System.DATAVERSE,
            "the organization row has no pricingdecimalprecision; give the application's user the right to read the "
            "table organization",
        )

    @property
    def currencies(self) -> Mapping[str, Currency]:
        """The active currencies, by ISO code."""
        return {code: Currency(code, id) for code, id in self._currencies.items()}

    def rounded_price(self, price: Json) -> Decimal | None:
        """A price as Sales stores it: rounded half up to the organisation's pricing precision."""
        return None if price is None else rounded_half_up(price, self.price_decimals)

    def currency(self, code: str | None) -> Currency:
        """The currency of an ISO code. Raises NotThere."""
        if code is None:
            raise Unmappable(
                "currency_missing",
                "CurrencyCode is blank, and a product in Sales needs a currency",
                remedy="set the accounting currency of the legal entity in F&O",
            )
        id = self._currencies.get(code.strip().upper())
        if id is None:
            raise NotThere(
                "currency_unknown",
                f"Sales has no active currency {code!r}",
                remedy=f"add the currency {code} to the organisation, or correct it in F&O",
                value=code,
            )
        return Currency(code.strip().upper(), id)

    def unit(self, symbol: str | None, group: str | None = None) -> tuple[str, str]:
        """Unit group and unit for the symbol of a unit in F&O, in the group of this name, or in the default one. Raises
        Unmappable and NotThere."""
        named = "defaults.unit_group" if group is None else f"the rule for {UNIT_GROUP}"
        group = group or self._maps.defaults.unit_group
        if symbol is None:
            raise Unmappable("unit_missing", "SalesUnitSymbol is blank", remedy="give the product a sales unit in F&O")
        name = sales_unit(self._maps.units, symbol)
        if name is None:
            raise Unmappable(
                "unit_unknown",
                f"SalesUnitSymbol is {symbol!r}, which is not in the value map `units`",
                remedy="add the unit to the value map, or correct the product's sales unit in F&O",
                value=symbol,
                lacks=("units", "NAME", symbol),
            )
        group_id = self._groups.get(folded_name(group))
        if group_id is None:
            raise NotThere(
                "unit_group_unknown",
                f"Sales has no unit group {group!r}",
                remedy=f"create the unit group, or correct {named} of the map document{self._there()}",
                value=group,
            )
        id = self._units.get((group_id, folded_name(name)))
        if id is None:
            raise NotThere(
                "unit_unknown",
                f"the unit group {group!r} of Sales has no unit {name!r} (SalesUnitSymbol {symbol!r})",
                remedy="add the unit to the unit group in Sales, or correct the value map `units`",
                value=symbol,
            )
        return group_id, id

    def _there(self) -> str:
        """Which unit groups Sales has, for a remedy."""
        told = [repr(name) for name in self._group_names[:_NAMES_TOLD]]
        more = len(self._group_names) - len(told)
        others = f" and {more} more" if more else ""
        return f"; Sales has {', '.join(told)}{others}" if told else ""

    def price_list(self, currency: Currency, *, today: date, kept: str | None, name: str | None = None) -> str:
        """The price list of a product: the one of this name, otherwise the forced one of its currency, otherwise the
        one that it has as long as that is valid, otherwise the first valid one by name. Raises NotThere."""
        forced = name or self._forced.get(currency.code)
        ids = self._valid_lists(currency, today, forced)
        if not ids:
            named = "`price_lists`" if name is None else f"the rule for {PRICE_LIST}"
            raise NotThere(
                "no_price_list",
                f"Sales has no price list {f'{forced!r} ' if forced else ''}in {currency.code} that is active and "
                "valid today",
                remedy=f"create or activate a price list in {currency.code}"
                + (f", or correct {named} of the map document" if forced else ""),
                value=currency.code,
                lacks=("price_lists", currency.code, "LIST") if forced and name is None else (),
            )
        return kept if kept in ids else ids[0]

    def basis(self, today: date, *, named: bool = False) -> Json:
        """The looked-up data that affects every product: the pricing precision, the price lists that are valid today,
        and the units of the value map. If products are on lists and in unit groups that are `named` for them, any list
        and any group counts. Raises OperatorNeeded."""
        valid: dict[str, Json] = {
            code: [currency.id, *self._valid_lists(currency, today, None if named else self._forced.get(code))]
            for code, currency in sorted(self.currencies.items())
        }
        basis: dict[str, Json] = {"decimals": self.price_decimals, "price lists": valid, "units": self._unit_ids()}
        if named:
            basis["unit groups"] = {group: self._unit_ids(group) for group in sorted(self._groups)}
        return basis

    def _valid_lists(self, currency: Currency, today: date, forced: str | None) -> list[str]:
        """The price lists that a product may be on, by name; only the forced one, if there is one."""
        if self._price_lists is None:
            self._price_lists = price_lists(self._price_list_rows, self._references, self._zone)
        return [
            each.id
            for each in self._price_lists
            if each.currency == currency.id
            and each.is_valid(today)
            and (forced is None or folded_name(each.name) == folded_name(forced))
        ]

    def _unit_ids(self, group: str | None = None) -> dict[str, Json]:
        """The unit of each symbol of the value map, by symbol."""
        if group not in self._unit_ids_found:
            symbols = sorted({unit.finops for unit in self._maps.units})
            self._unit_ids_found[group] = {symbol: self._unit_id(symbol, group) for symbol in symbols}
        return self._unit_ids_found[group]

    def _unit_id(self, symbol: str, group: str | None) -> str | None:
        try:
            return self.unit(symbol, group)[1]
        except Unmappable:
            return None


def _is_active(row: Values) -> bool:
    return row.get("statecode", _ACTIVE) == _ACTIVE
