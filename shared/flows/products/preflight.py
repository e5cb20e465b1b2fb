"""Preflight's checks of what products refer to in Sales: units, currencies and price lists."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem
from shared.errors import SystemTrouble
from shared.flows.checks import SALES, Check, CheckResult, one_of_several, unanswered
from shared.flows.choices import zone_of
from shared.flows.products import catalogue, price_lists
from shared.flows.products.catalogue import Catalogue, ProductMaps
from shared.flows.spec import Deployment
from shared.mapping.date_columns import SELECT, metadata_of
from shared.mapping.dates import today
from shared.mapping.value_maps import as_known_to
from shared.mapping.words import Unmappable
from shared.records import Json
from shared.setupguide import section


def catalogue_checks(deployment: Deployment, dataverse: DataverseSystem, now: datetime) -> Iterator[Check]:
    """Whether Sales has what the map document names, and the document what Sales has."""
    maps, zone = as_known_to(ProductMaps, deployment.maps), zone_of(deployment.settings)
    references: dict[str, tuple[Mapping[str, Json], ...]] = {}
    days_of_lists = [metadata_of(table) for table in price_lists.DATE_COLUMNS]
    for name, select in {**catalogue.TABLES, **dict.fromkeys(days_of_lists, SELECT)}.items():
        url = dataverse.url(name, {"$select": quoting.columns(select)})
        try:
            references[name] = tuple(dataverse.rows(name, url))
        except SystemTrouble as trouble:
            yield unanswered(SALES, f"rows of {name}", trouble)
    tables = Catalogue(references, maps, zone)
    # What is unknown is not reported as missing.
    if {catalogue.UNITS, catalogue.UNIT_GROUPS} <= references.keys():
        for symbol in sorted({unit.finops for unit in maps.units}):
            check = _mapped(f"unit {symbol} of F&O", partial(tables.unit, symbol))
            yield one_of_several(check, "units {} of F&O", symbol)
    if catalogue.CURRENCIES in references:
        yield from _currencies(tables, maps)
    if {catalogue.CURRENCIES, catalogue.PRICE_LISTS, *days_of_lists} <= references.keys():
        yield from _price_lists(tables, maps, today(now, zone))


def _currencies(tables: Catalogue, maps: ProductMaps) -> Iterator[Check]:
    """A missing currency is wrong only if a record uses it."""
    for code in sorted(tables.currencies):
        what, found = f"currency {code} is in the value map", "it is not; customers and quotes in it would be rejected"
        check = _or_by_hand(what, "" if maps.currency(code) else found, f"{section('4')}: `currencies`")
        yield one_of_several(check, "currencies {} are in the value map", code)


def _price_lists(tables: Catalogue, maps: ProductMaps, today: date) -> Iterator[Check]:
    """A currency without a price list is wrong only if a product uses it, which only the products show."""
    for code, currency in sorted(tables.currencies.items()):
        found = ""
        try:
            tables.price_list(currency, today=today, kept=None)
        except Unmappable as missing:
            found = f"{missing}; products in it would be rejected"
        check = _or_by_hand(f"currency {code} has a price list", found, section("2.3"))
        yield one_of_several(check, "currencies {} have a price list", code)
    for code, name in maps.price_lists.items():
        yield _mapped(
            f"price list {name} of {code}",
            lambda code=code: tables.price_list(tables.currency(code), today=today, kept=None),  # type: ignore[misc]
        )


def _or_by_hand(what: str, found: str, remedy: str) -> Check:
    return Check(SALES, what, CheckResult.BY_HAND, found, remedy) if found else Check(SALES, what, CheckResult.WELL)


def _mapped(what: str, look_up: Callable[[], object]) -> Check:
    try:
        look_up()
    except Unmappable as missing:
        return Check(SALES, what, CheckResult.WRONG, str(missing), missing.remedy)
    return Check(SALES, what, CheckResult.WELL)
