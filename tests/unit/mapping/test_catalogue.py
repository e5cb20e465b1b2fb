"""What a product refers to in Sales: currencies, units of the unit group, price lists, the pricing precision."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.errors import OperatorNeeded, SchemaDrift
from shared.flows.products.catalogue import (
    CURRENCIES,
    ORGANIZATION,
    PRICE_LISTS,
    UNIT_GROUPS,
    UNITS,
    Catalogue,
    Currency,
    NotThere,
)
from shared.flows.products.price_lists import DATE_COLUMNS
from shared.mapping.words import Unmappable
from shared.records import Json, References, Values
from tests.unit.mapping.samples import document, maps, metadata

TODAY = date(2026, 1, 5)
UTC = ZoneInfo("UTC")
USD, EUR, GROUP, OTHER_GROUP, EACH, BOXES, OTHER_EACH, LIST = (str(UUID(int=number, version=4)) for number in range(8))
DOLLAR = Currency("USD", USD)


def currency_row(id: str = USD, code: str = "USD", **values: Json) -> Values:
    return {"transactioncurrencyid": id, "isocurrencycode": code, "statecode": 0, **values}


def price_list_row(name: str = "List", id: str = LIST, currency: str = USD, **values: Json) -> Values:
    row: dict[str, Json] = {"pricelevelid": id, "name": name, "_transactioncurrencyid_value": currency, "statecode": 0}
    return {**row, "begindate": None, "enddate": None, **values}


def unit_row(id: str = EACH, name: str = "Each", group: str = GROUP) -> Values:
    return {"uomid": id, "name": name, "_uomscheduleid_value": group}


def group_row(id: str = GROUP, name: str = "Default unit", **values: Json) -> Values:
    return {"uomscheduleid": id, "name": name, "statecode": 0, **values}


def tables(**replaced: Sequence[Values]) -> References:
    """The small tables of an organisation, whole ones replaced by the given ones."""
    whole: dict[str, Sequence[Values]] = {
        CURRENCIES: [currency_row(), currency_row(EUR, "EUR")],
        UNIT_GROUPS: [group_row(), group_row(OTHER_GROUP, "Other")],
        UNITS: [unit_row(), unit_row(BOXES, "Boxes"), unit_row(OTHER_EACH, group=OTHER_GROUP)],
        PRICE_LISTS: [price_list_row()],
        **metadata(DATE_COLUMNS),
        ORGANIZATION: [{"organizationid": LIST, "pricingdecimalprecision": 2}],
    }
    return {name: tuple(rows) for name, rows in (whole | replaced).items()}


def catalogue(references: References | None = None, zone: ZoneInfo = UTC, **parts: Json) -> Catalogue:
    return Catalogue(tables() if references is None else references, maps(**parts), zone)


def with_lists(*rows: Values, forced: str | None = None) -> Catalogue:
    return catalogue(tables(pricelevels=rows), price_lists={} if forced is None else {"USD": forced})


def chosen(among: Catalogue, kept: str | None = None) -> str:
    return among.price_list(DOLLAR, today=TODAY, kept=kept)


def cause(ask: Callable[[], object]) -> str:
    """Why a question is refused because something is missing in Sales."""
    with pytest.raises(NotThere) as refused:
        ask()
    assert refused.value.remedy
    return refused.value.cause


moments = st.integers(-3, 3).map(lambda days: f"{TODAY + timedelta(days=days)}T23:30:00Z")
lists = st.builds(
    price_list_row,
    name=st.text("abcA ", min_size=1, max_size=4).filter(str.strip),
    id=st.uuids(version=4).map(str),
    currency=st.sampled_from([USD, EUR]),
    begindate=st.none() | moments,
    enddate=st.none() | moments,
    statecode=st.sampled_from([0, 0, 1]),
)
several = st.lists(lists, min_size=1, max_size=8, unique_by=lambda row: str(row["pricelevelid"]))


def usable(row: Values) -> bool:
    """The rule in words: of the currency, active, and today within its days, both included."""
    begins, ends = (row[name] and date.fromisoformat(str(row[name])[:10]) for name in ("begindate", "enddate"))
    within = (not isinstance(begins, date) or begins <= TODAY) and (not isinstance(ends, date) or ends >= TODAY)
    return within and row["statecode"] == 0 and row["_transactioncurrencyid_value"] == USD


def folded(row: Values) -> str:
    return " ".join(str(row["name"]).split()).casefold()


@given(several)
def test_a_new_product_gets_the_first_usable_list_by_name(rows: list[Values]) -> None:
    names = {row["pricelevelid"]: folded(row) for row in rows if usable(row)}
    if names:
        assert names[chosen(with_lists(*rows))] == min(names.values())
    else:
        assert cause(lambda: chosen(with_lists(*rows))) == "no_price_list"


@given(several, st.data())
def test_a_product_stays_on_its_list_as_long_as_that_is_usable(rows: list[Values], data: st.DataObject) -> None:
    assume(any(usable(row) for row in rows))
    held = data.draw(st.sampled_from(rows))
    found = chosen(with_lists(*rows), kept=str(held["pricelevelid"]))
    if usable(held):
        assert found == held["pricelevelid"]
    else:
        assert found == chosen(with_lists(*rows))


@given(several, st.data())
def test_a_forced_list_goes_before_any_other_and_before_the_kept_one(rows: list[Values], data: st.DataObject) -> None:
    forced = data.draw(st.sampled_from(rows))
    named = {row["pricelevelid"] for row in rows if usable(row) and folded(row) == folded(forced)}
    among = with_lists(*rows, forced=f"  {str(forced['name']).upper()} ")
    kept = data.draw(st.none() | st.sampled_from([str(row["pricelevelid"]) for row in rows]))
    if named:
        assert chosen(among, kept) in named
    else:
        assert cause(lambda: chosen(among, kept)) == "no_price_list"


@given(several, st.randoms(use_true_random=False))
def test_the_order_in_which_lists_are_read_does_not_choose_among_their_names(
    rows: list[Values], random: Random
) -> None:
    assume(any(usable(row) for row in rows))
    names = {str(row["pricelevelid"]): folded(row) for row in rows}
    shuffled = random.sample(rows, len(rows))
    assert names[chosen(with_lists(*rows))] == names[chosen(with_lists(*shuffled))]


@pytest.mark.parametrize(
    ("begins", "ends", "there"),
    [
        ("2026-01-05T00:00:00Z", None, True),
        (None, "2026-01-05T00:00:00Z", True),
        ("2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z", True),
        ("2026-01-06T00:00:00Z", None, False),
        (None, "2026-01-04T23:59:59Z", False),
    ],
)
def test_the_first_and_the_last_day_of_a_list_belong_to_it(begins: str | None, ends: str | None, there: bool) -> None:
    among = with_lists(price_list_row(begindate=begins, enddate=ends))
    if there:
        assert chosen(among) == LIST
    else:
        assert cause(lambda: chosen(among)) == "no_price_list"


@pytest.mark.parametrize(
    ("zone", "ends", "last"),
    [
        ("Europe/Zurich", "2026-12-30T23:00:00Z", 31),
        ("Europe/Zurich", "2026-12-31T00:00:00Z", 31),
        ("America/Los_Angeles", "2026-12-31T08:00:00Z", 31),
        ("America/Los_Angeles", "2026-12-31T03:15:42Z", 30),
        ("Pacific/Auckland", "2026-12-31T00:00:00Z", 31),
        ("Pacific/Auckland", "2026-12-30T11:00:00Z", 31),
    ],
)
def test_a_list_ends_with_the_day_that_sales_shows(zone: str, ends: str, last: int) -> None:
    among = catalogue(tables(pricelevels=[price_list_row(enddate=ends)]), ZoneInfo(zone))
    assert among.price_list(DOLLAR, today=date(2026, 12, last), kept=None) == LIST
    behind = date(2026, 12, last) + timedelta(days=1)
    assert cause(lambda: among.price_list(DOLLAR, today=behind, kept=None)) == "no_price_list"


@pytest.mark.parametrize(("behavior", "last"), [("UserLocal", 31), ("DateOnly", 30), ("TimeZoneIndependent", 30)])
def test_the_behaviour_of_its_column_decides_on_which_day_a_list_ends(behavior: str, last: int) -> None:
    rows = {"pricelevels": [price_list_row(enddate="2026-12-30T23:00:00Z")]}
    among = catalogue({**tables(**rows), **metadata(DATE_COLUMNS, enddate=behavior)}, ZoneInfo("Europe/Zurich"))
    assert among.price_list(DOLLAR, today=date(2026, 12, last), kept=None) == LIST
    behind = date(2026, 12, last) + timedelta(days=1)
    assert cause(lambda: among.price_list(DOLLAR, today=behind, kept=None)) == "no_price_list"


def test_a_list_without_end_may_end_with_the_calendar() -> None:
    among = catalogue(tables(pricelevels=[price_list_row(enddate="9999-12-31T23:00:00Z")]), ZoneInfo("Europe/Zurich"))
    assert chosen(among) == LIST


@pytest.mark.parametrize("behavior", [{}, {"enddate": "Lunar"}])
def test_a_date_column_of_which_metadata_tells_nothing_is_schema_drift(behavior: dict[str, str]) -> None:
    told = metadata(DATE_COLUMNS, **behavior) if behavior else dict.fromkeys(metadata(DATE_COLUMNS), ())
    with pytest.raises(SchemaDrift, match=r"how .*enddate behaves"):
        chosen(catalogue({**tables(), **told}))


def test_a_list_whose_date_is_none_is_schema_drift() -> None:
    with pytest.raises(SchemaDrift, match="enddate of the price list List is 'soon'"):
        chosen(with_lists(price_list_row(enddate="soon")))


def test_what_is_looked_up_changes_on_the_days_on_which_lists_begin_and_end() -> None:
    among = with_lists(
        price_list_row(enddate="2026-01-06T00:00:00Z"), price_list_row("Next", EACH, begindate="2026-01-08T00:00:00Z")
    )
    days = [TODAY + timedelta(days=number) for number in range(6)]
    changes = [day.day for day, before in zip(days[1:], days, strict=False) if among.basis(day) != among.basis(before)]
    assert changes == [7, 8]


@pytest.mark.parametrize(
    "other",
    [
        catalogue(tables(organizations=[{"organizationid": LIST, "pricingdecimalprecision": 4}])),
        catalogue(tables(uoms=[unit_row(id=BOXES), unit_row(EACH, "Boxes")])),
        catalogue(tables(transactioncurrencies=[currency_row(), currency_row(EUR, "EUR", statecode=1)])),
        with_lists(price_list_row(), price_list_row("Another", EACH)),
        with_lists(price_list_row(currency=EUR)),
    ],
    ids=["precision", "unit", "currency", "further list", "list of another currency"],
)
def test_what_is_looked_up_changes_with_whatever_could_change_a_product(other: Catalogue) -> None:
    assert other.basis(TODAY) != catalogue().basis(TODAY)


def test_what_no_product_can_refer_to_changes_nothing_that_is_looked_up() -> None:
    further = tables(
        uoms=[*tables()[UNITS], unit_row(LIST, "Pallet of another kind")],
        pricelevels=[price_list_row(), price_list_row("Past", EACH, enddate="2020-01-01T00:00:00Z")],
    )
    assert catalogue(further).basis(TODAY) == catalogue().basis(TODAY)


def test_a_kept_list_that_is_gone_from_sales_is_left() -> None:
    assert chosen(with_lists(price_list_row()), kept=EUR) == LIST


@pytest.mark.parametrize(
    "row",
    [price_list_row(currency=EUR), price_list_row(statecode=1), price_list_row(enddate="2020-01-01T00:00:00Z")],
    ids=["other currency", "inactive", "past"],
)
def test_a_forced_list_that_is_not_usable_is_refused_by_name(row: Values) -> None:
    among = with_lists(row, price_list_row("Another", EACH), forced="list")
    with pytest.raises(NotThere, match="'list' in USD") as refused:
        chosen(among)
    assert "price_lists" in refused.value.remedy


def test_a_list_that_is_forced_for_one_currency_leaves_the_others_free() -> None:
    among = catalogue(
        tables(pricelevels=[price_list_row(), price_list_row("Euro", EACH, EUR)]), price_lists={"USD": "None"}
    )
    assert among.price_list(Currency("EUR", EUR), today=TODAY, kept=None) == EACH


@pytest.mark.parametrize("code", ["USD", "usd", " USD "])
def test_a_currency_is_found_by_its_code_without_case_and_blanks(code: str) -> None:
    assert catalogue().currency(code) == DOLLAR


def test_a_currency_that_sales_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(NotThere, match="'GBP'") as refused:
        catalogue().currency("GBP")
    assert refused.value.cause == "currency_unknown"


def test_an_inactive_currency_is_none() -> None:
    among = catalogue(tables(transactioncurrencies=[currency_row(statecode=1)]))
    assert cause(lambda: among.currency("USD")) == "currency_unknown"


def test_a_product_without_a_currency_is_the_fault_of_finops_and_not_of_sales() -> None:
    with pytest.raises(Unmappable) as refused:
        catalogue().currency(None)
    assert refused.value.cause == "currency_missing"
    assert not isinstance(refused.value, NotThere)


def pair(sales: str, finops: str, direction: str = "both") -> Json:
    return {"sales": sales, "finops": finops, "direction": direction}


def in_group(name: str) -> Json:
    """The defaults of the document with another unit group."""
    defaults = document()["defaults"]
    assert isinstance(defaults, dict)
    return {**defaults, "unit_group": name}


cased = st.sampled_from(["ea", "EA", "Ea", "eA"])
blanks = st.text(" \t", max_size=3)


@given(cased, blanks, blanks, st.sampled_from(["Each", "EACH", " each"]), st.sampled_from(["Each", "each ", "eACH"]))
def test_a_unit_is_found_without_case_and_outer_blanks(
    symbol: str, before: str, after: str, mapped: str, named: str
) -> None:
    among = catalogue(tables(uoms=[unit_row(name=named)]), units=[pair(mapped, "ea")])
    assert among.unit(f"{before}{symbol}{after}") == (GROUP, EACH)


@pytest.mark.parametrize("name", ["default unit", " Default  Unit "])
def test_the_unit_group_is_found_without_case_and_blanks(name: str) -> None:
    assert catalogue(tables(uomschedules=[group_row(name=name)])).unit("EA") == (GROUP, EACH)


def test_a_unit_is_looked_for_in_the_unit_group_of_the_defaults_only() -> None:
    assert catalogue(defaults=in_group("Other")).unit("EA") == (OTHER_GROUP, OTHER_EACH)
    among = catalogue(tables(uoms=[unit_row(), unit_row(BOXES, "Boxes")]), defaults=in_group("Other"))
    assert cause(lambda: among.unit("EA")) == "unit_unknown"


def test_a_pair_for_the_way_to_finops_says_nothing_about_the_way_to_sales() -> None:
    units = [pair("Boxes", "EA", "to_finops"), pair("Each", "EA", "to_sales")]
    assert catalogue(units=units).unit("EA") == (GROUP, EACH)
    with pytest.raises(Unmappable) as refused:
        catalogue(units=units[:1]).unit("EA")
    assert refused.value.cause == "unit_unknown"


def test_a_symbol_outside_the_value_map_is_not_looked_for_in_sales() -> None:
    with pytest.raises(Unmappable, match="'Each'") as refused:
        catalogue(units=[pair("Each", "EA")]).unit("Each")
    assert refused.value.cause == "unit_unknown"
    assert not isinstance(refused.value, NotThere)


def test_a_product_without_a_unit_is_refused() -> None:
    with pytest.raises(Unmappable) as refused:
        catalogue().unit(None)
    assert refused.value.cause == "unit_missing"


def test_a_unit_group_that_is_missing_or_inactive_is_refused_by_name() -> None:
    for groups in ([], [group_row(statecode=1)]):
        among = catalogue(tables(uomschedules=groups))
        assert cause(lambda among=among: among.unit("EA")) == "unit_group_unknown"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("names", "there"),
    [
        ((), ""),
        (("Weights", "Boxes"), "; Sales has 'Boxes', 'Weights'"),
        (tuple("GFEDCBA"), "; Sales has 'A', 'B', 'C', 'D', 'E' and 2 more"),
    ],
)
def test_a_missing_unit_group_is_told_with_those_that_sales_has(names: Sequence[str], there: str) -> None:
    groups = [group_row(str(place), name) for place, name in enumerate(names)]
    with pytest.raises(NotThere) as refused:
        catalogue(tables(uomschedules=groups)).unit("EA")
    assert refused.value.remedy == f"create the unit group, or correct defaults.unit_group of the map document{there}"


def test_a_unit_that_the_group_does_not_have_is_refused_with_group_name_and_symbol() -> None:
    with pytest.raises(NotThere) as refused:
        catalogue(tables(uoms=[unit_row()])).unit("BOX")
    assert refused.value.cause == "unit_unknown"
    assert all(word in str(refused.value) for word in ("'Default unit'", "'Boxes'", "'BOX'"))


def test_ids_are_lower_case_however_sales_writes_them() -> None:
    given_ids = [currency_row(USD.upper()), currency_row(EUR.upper(), "EUR")]
    among = catalogue(
        tables(
            transactioncurrencies=given_ids,
            uomschedules=[group_row(GROUP.upper())],
            uoms=[unit_row(EACH.upper(), group=GROUP.upper())],
            pricelevels=[price_list_row(id=LIST.upper(), currency=USD.upper())],
        )
    )
    assert (among.currency("USD").id, among.unit("EA"), chosen(among)) == (USD, (GROUP, EACH), LIST)


@given(st.integers(0, 10))
def test_the_precision_is_that_of_the_organisation(decimals: int) -> None:
    among = catalogue(tables(organizations=[{"organizationid": LIST, "pricingdecimalprecision": decimals}]))
    assert among.price_decimals == decimals
    assert among.rounded_price(Decimal("0.5")) == (1 if decimals == 0 else Decimal("0.5"))


@pytest.mark.parametrize("rows", [[], [{"organizationid": LIST}]])
def test_an_organisation_that_hides_its_precision_calls_the_operator(rows: list[Values]) -> None:
    with pytest.raises(OperatorNeeded, match="pricingdecimalprecision"):
        _ = catalogue(tables(organizations=rows)).price_decimals
