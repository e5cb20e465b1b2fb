"""The made-up records for a user's value map: they have countries, currencies, units and types that this map knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from shared.flows.registry import FLOWS
from shared.mapping.value_maps import ValueMaps
from tests.simulation.company import Pool, standard_pools
from tests.simulation.finops import COMPANIES
from tests.simulation.settings import URL, VARIANTS, SettingsKey, mappers_of
from tests.simulation.tables import currencies_of


@dataclass(frozen=True, slots=True)
class _Words:
    """Names that a value map knows: the first one is that with which records begin."""

    countries: Sequence[str | None]
    state: str | None
    currencies: Sequence[str]
    units: Sequence[tuple[str, str]]
    types: Sequence[str]


def adapted_pools(maps: str) -> Mapping[str, Pool]:
    """The standard records, with the words of this value map beside some that it does not know."""
    pools = standard_pools()
    words = _words(FLOWS.read_map_document(maps))
    people = {name: _of_people(pools[name], words) for name in ("accounts", "contacts")}
    quotes = _with(pools["quotes"], {"transactioncurrencyid": [_currency(code) for code in words.currencies]})
    return {**people, "quotes": quotes, "products": _products(pools["products"], words), "lines": _lines(maps, words)}


def _words(maps: ValueMaps) -> _Words:
    usual = "United States"
    named = [usual] if maps.country(usual) else []
    countries = list(dict.fromkeys([*named, *maps.countries]))[:2]
    code = maps.country(countries[0]) if countries else None
    states = maps.states.get(code, {}) if code else {}
    units = [(unit.sales, unit.finops) for unit in maps.units][:2]
    return _Words(
        countries=countries or [None],
        state=next(iter(states), None),
        currencies=currencies_of(maps),
        units=units or [("Each", "EA")],
        types=list(maps.product_types)[:1] or ["Item"],
    )


def _of_people(pool: Pool, words: _Words) -> Pool:
    changes: dict[str, Sequence[Any]] = {
        "address1_country": [*words.countries, "Atlantis", None],
        "address1_stateorprovince": [words.state, words.state, "Utopia", None],
        "transactioncurrencyid": [*map(_currency, words.currencies), _currency("XXX"), None],
    }
    return _with(pool, {name: values for name, values in changes.items() if name in pool.columns or name in pool.start})


def _products(pool: Pool, words: _Words) -> Pool:
    return _with(
        pool,
        {
            "CurrencyCode": [*words.currencies, "XXX"],
            "SalesUnitSymbol": [*(finops for _, finops in words.units), "??"],
            "ProductType": [*words.types, *words.types, "Subscription"],
        },
    )


def _with(pool: Pool, changes: Mapping[str, Sequence[Any]]) -> Pool:
    """With other values; records begin with the first of them where they have any."""
    begins = {name: values[0] for name, values in changes.items() if pool.start.get(name) is not None}
    return replace(pool, start={**pool.start, **begins}, columns={**pool.columns, **changes})


def _lines(maps: str, words: _Words) -> Pool:
    mapper = mappers_of(SettingsKey(next(iter(VARIANTS)), URL, COMPANIES[0], maps)).quotations
    blank: dict[str, Any] = dict.fromkeys((*mapper.line_select, *mapper.line_expand))
    row = {
        **blank,
        "isproductoverridden": False,
        "quantity": Decimal(1),
        "priceperunit": Decimal("7.25"),
        "manualdiscountamount": Decimal(0),
        "volumediscountamount": Decimal(0),
        "productid": _product("P-1"),
        "uomid": {"name": words.units[0][0]},
    }
    columns: dict[str, Sequence[Any]] = {
        "isproductoverridden": [*[False] * 12, True],
        "quantity": [Decimal(1), Decimal(2), Decimal(3), None],
        "priceperunit": [Decimal(5), Decimal("7.25"), None],
        "manualdiscountamount": [Decimal(0), Decimal(1)],
        "productid": [
            *map(_product, ("P-1", "P-2", "P-3")),
            {**_product("P-1"), "msdynce_ismaintainedexternally": False},
        ],
        "uomid": [*({"name": sales} for sales, _ in words.units), {"name": "Bushel of nothing"}],
    }
    return Pool(row, columns, "", (), rows=(row,))


def _product(number: str) -> dict[str, Any]:
    return {"productnumber": number, "msdynce_ismaintainedexternally": True, "producttypecode": 1}


def _currency(code: str) -> dict[str, str]:
    return {"isocurrencycode": code}
