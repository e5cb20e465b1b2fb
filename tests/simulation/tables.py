"""The small tables of Sales for a user's value map: those of the sample, and made-up ones that fit the map."""

from collections.abc import Iterator, Mapping, Sequence

from shared.flows.products import catalogue
from shared.flows.products.catalogue import ProductMaps
from shared.flows.registry import FLOWS
from shared.mapping.value_maps import ValueMaps, as_known_to
from shared.records import Json, Values
from tests.simulation.company import small_tables
from tests.simulation.sample import Sample, rows_in

Rows = list[Values]
_USUAL_LISTS = ("Retail", "Trade")
_CURRENCY, _LIST, _GROUP, _UNIT = 1, 2, 3, 4


def tables_for(maps: str, sample: Sample) -> Mapping[str, Sequence[Values]]:
    """Every small table. What the sample has is taken as it is; but the time of a history is its own, so that price
    lists begin and end only when its people say so."""
    given = {name: list(rows) for name, rows in sample.references.items() if rows}
    known = FLOWS.read_map_document(maps)
    tables: dict[str, Rows] = {**{name: list(rows) for name, rows in small_tables().items()}, **given}
    if not given.keys() & {catalogue.UNITS, catalogue.UNIT_GROUPS}:
        tables |= _units(known)
    if catalogue.CURRENCIES not in given:
        tables[catalogue.CURRENCIES] = _currencies(known, sample)
    lists = given.get(catalogue.PRICE_LISTS) or _price_lists(known, tables[catalogue.CURRENCIES])
    tables[catalogue.PRICE_LISTS] = [{**each, "begindate": None, "enddate": None} for each in lists]
    return tables


def currencies_of(maps: ValueMaps) -> list[str]:
    """Two currencies of Sales that a value map knows, the usual one first; or one, where it knows only that."""
    usual = next((sales for sales, finops in maps.currencies.items() if finops == maps.defaults.currency), None)
    codes = [*([usual] if usual else []), *maps.currencies, maps.defaults.currency]
    return list(dict.fromkeys(codes))[:2]


def _currencies(maps: ValueMaps, sample: Sample) -> Rows:
    codes = dict.fromkeys([*currencies_of(maps), *_codes_in(sample)])
    return [
        {"transactioncurrencyid": _id(_CURRENCY, number), "isocurrencycode": code, "statecode": 0}
        for number, code in enumerate(codes)
    ]


def _codes_in(sample: Sample) -> Iterator[str]:
    for row in (row.values for rows in sample.records.values() for row in rows):
        for values in (row, *rows_in(row, "revisions")):
            currency = values.get("transactioncurrencyid")
            code = currency.get("isocurrencycode") if isinstance(currency, dict) else values.get("CurrencyCode")
            if isinstance(code, str) and code.strip():
                yield code.strip().upper()


def _units(maps: ValueMaps) -> dict[str, Rows]:
    group = _id(_GROUP, 0)
    names = dict.fromkeys(unit.sales for unit in maps.units)
    return {
        catalogue.UNIT_GROUPS: [{"uomscheduleid": group, "name": maps.defaults.unit_group, "statecode": 0}],
        catalogue.UNITS: [
            {"uomid": _id(_UNIT, number), "name": name, "_uomscheduleid_value": group}
            for number, name in enumerate(names)
        ],
    }


def _price_lists(maps: ValueMaps, currencies: Sequence[Values]) -> Rows:
    lists: Rows = []
    for currency in currencies:
        forced = as_known_to(ProductMaps, maps).price_lists.get(str(currency["isocurrencycode"]))
        for name in dict.fromkeys([*([forced] if forced else []), *_USUAL_LISTS]):
            place: Json = currency["transactioncurrencyid"]
            row: Values = {"pricelevelid": _id(_LIST, len(lists)), "name": name, "statecode": 0}
            lists.append({**row, "_transactioncurrencyid_value": place})
    return lists


def _id(kind: int, number: int) -> str:
    return f"ca{kind:06x}-0000-4000-8000-{number:012x}"
