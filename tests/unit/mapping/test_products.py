"""rules.md, Products: what a sellable product of F&O becomes in Sales, and which one is refused."""

from collections import UserDict
from collections.abc import ItemsView
from dataclasses import replace
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from local.finops.loading import open_tables
from local.finops.products import SET_NAME
from local.finops.schema import load_schema
from local.finops.settings import Settings
from local.finops.values import shown
from local.simulator.filters import Condition
from shared import exact_json
from shared.errors import OperatorNeeded, SchemaDrift, SettingsInvalid
from shared.flows.products.catalogue import (
    CURRENCIES,
    ORGANIZATION,
    PRICE_LISTS,
    UNIT_GROUPS,
    UNITS,
)
from shared.flows.products.mapping import (
    DRAFT,
    ITEM,
    STATE,
    PriceItems,
    ProductChoices,
    ProductMapper,
    Vanished,
    ZeroPrice,
    late_columns,
)
from shared.flows.products.price_lists import DATE_COLUMNS
from shared.mapping.verdicts import Known, Mapped, Rejected
from shared.records import Json, References, SourceRow, TargetRow, Values
from tests.support.clock import START
from tests.unit.mapping.samples import DATA, maps, metadata
from tests.unit.mapping.test_catalogue import (
    BOXES,
    EACH,
    GROUP,
    LIST,
    USD,
    in_group,
    price_list_row,
    tables,
    unit_row,
)

LATER = "00000000-0000-4000-8000-00000000000f"
RETIRING = ProductChoices(when_vanished=Vanished.RETIRE)
SYNC = ProductChoices(price_items=PriceItems.SYNC)


def product(**values: Json) -> SourceRow:
    """A product with everything that Sales needs."""
    given: dict[str, Json] = {
        "ProductNumber": "P-1",
        "ProductName": "Bike",
        "ProductDescription": "Fast",
        "CurrencyCode": "USD",
        "SalesUnitSymbol": "EA",
        "SalesPrice": Decimal("12.5"),
        "UnitCost": Decimal(7),
        "SalesUnitDecimalPrecision": 2,
        "ProductType": "Item",
        **values,
    }
    return SourceRow(str(given["ProductNumber"]), None, given)


def knowing(references: References | None = None, *, decimals: int = 2, applied: Values | None = None) -> Known:
    """An organisation's small tables and what was applied before."""
    organisation: Values = {"organizationid": LIST, "pricingdecimalprecision": decimals}
    known = {**(tables() if references is None else references), ORGANIZATION: (organisation,)}
    return Known(START, applied or {}, known)


def mapper(choices: ProductChoices | None = None, **parts: Json) -> ProductMapper:
    return ProductMapper(maps(**parts), choices)


MAPPER = mapper()
KNOWN = knowing()


def mapped(row: SourceRow, known: Known = KNOWN, mapping: ProductMapper = MAPPER) -> Mapped:
    verdict = mapping.evaluate(row, known)
    assert isinstance(verdict, Mapped), verdict
    return verdict


def rejected(row: SourceRow, known: Known = KNOWN, mapping: ProductMapper = MAPPER) -> Rejected:
    verdict = mapping.evaluate(row, known)
    assert isinstance(verdict, Rejected), verdict
    assert verdict.remedy
    return verdict


def item(verdict: Mapped) -> dict[str, Json]:
    found = verdict.owned[ITEM]
    assert isinstance(found, dict)
    return found


def test_a_product_becomes_exactly_this_one() -> None:
    verdict = mapped(product())
    assert verdict.key == "P-1"
    assert dict(verdict.owned) == {
        "name": "Bike",
        "description": "Fast",
        "transactioncurrencyid": USD,
        "defaultuomid": EACH,
        "defaultuomscheduleid": GROUP,
        "pricelevelid": LIST,
        "price": Decimal("12.50"),
        "currentcost": Decimal("7.00"),
        "quantitydecimal": 2,
        "producttypecode": 1,
        "msdynce_ismaintainedexternally": True,
        ITEM: {"pricelevelid": LIST, "uomid": EACH, "amount": Decimal("12.50")},
    }
    assert dict(verdict.on_create) == {STATE: 0}


# The range of a price in Dataverse; F&O's real numbers have far more digits behind the point than Sales keeps.
amounts = st.decimals(0, 10**12, allow_nan=False, allow_infinity=False, places=12)


@given(amounts, st.integers(0, 10))
def test_price_cost_and_item_are_rounded_half_up_to_the_pricing_precision(amount: Decimal, decimals: int) -> None:
    exact = Context(prec=60, rounding=ROUND_HALF_UP).quantize(amount, Decimal(1).scaleb(-decimals))
    assume(exact != 0)
    verdict = mapped(product(SalesPrice=amount, UnitCost=amount), knowing(decimals=decimals))
    assert (verdict.owned["price"], verdict.owned["currentcost"], item(verdict)["amount"]) == (exact, exact, exact)


@pytest.mark.parametrize(
    ("amount", "decimals", "rounded"),
    [("0.5", 0, "1"), ("1.5", 0, "2"), ("2.345", 2, "2.35"), ("2.3449999", 2, "2.34"), ("9.995", 2, "10.00")],
)
def test_the_half_goes_up_always(amount: str, decimals: int, rounded: str) -> None:
    verdict = mapped(product(SalesPrice=Decimal(amount)), knowing(decimals=decimals))
    assert str(verdict.owned["price"]) == rounded


def test_a_whole_number_on_the_wire_is_an_amount() -> None:
    assert mapped(product(SalesPrice=3, UnitCost=0)).owned["price"] == 3


@given(amounts, st.integers(0, 10), st.data())
def test_what_differs_below_the_precision_only_is_the_same_content(
    amount: Decimal, decimals: int, data: st.DataObject
) -> None:
    step = Decimal(1).scaleb(-decimals)
    middle = Context(prec=60, rounding=ROUND_HALF_UP).quantize(amount, step)
    below = data.draw(st.decimals(0, Decimal("0.499"), places=3)) * step
    known = knowing(decimals=decimals)
    other = mapped(product(SalesPrice=Context(prec=60).add(middle, below)), known)
    assert mapped(product(SalesPrice=middle), known) == other


@given(amounts, st.integers(0, 10), st.integers(0, 4))
def test_the_amount_that_sales_gives_back_agrees_however_many_zeros_it_shows(
    amount: Decimal, decimals: int, zeros: int
) -> None:
    ours = mapped(product(SalesPrice=amount), knowing(decimals=decimals)).owned["price"]
    assume(isinstance(ours, Decimal))
    theirs = exact_json.loads(f"{ours:f}" + ("0" * zeros if decimals else ""))
    assert MAPPER.agree("price", ours, theirs)
    assert not MAPPER.agree("price", ours, Decimal(str(theirs)) + 1)


@pytest.mark.parametrize("decimals", [4, 10])
def test_the_longest_amount_of_finops_gets_a_verdict(decimals: int) -> None:
    assert rejected(product(SalesPrice=10**25), knowing(decimals=decimals)).cause == "number_out_of_range"


@pytest.mark.parametrize("column", ["SalesPrice", "UnitCost"])
@pytest.mark.parametrize("amount", [Decimal(-5), Decimal("-0.005"), Decimal("1000000000000.005"), 10**12 + 1])
def test_an_amount_that_sales_does_not_take_is_rejected_by_its_column_with_the_range(
    column: str, amount: Decimal | int
) -> None:
    verdict = rejected(product(**{column: amount}))
    assert verdict.cause == "number_out_of_range"
    assert verdict.message.startswith(f"{column} is ")
    assert "0 to 1000000000000" in verdict.message
    assert column in verdict.remedy


def test_a_price_that_no_item_takes_is_rejected_also_where_the_product_has_no_price() -> None:
    mapping = mapper(SYNC, fields={"products": {"price": "off"}})
    mapped(product(SalesPrice=10**13), mapping=mapping)
    verdict = rejected(product(SalesPrice=10**15), mapping=mapping)
    assert (verdict.cause, "amount of productpricelevels" in verdict.message) == ("number_out_of_range", True)


@pytest.mark.parametrize("amount", [Decimal("-0.0049"), Decimal("1000000000000.0049"), 10**12])
def test_an_amount_is_judged_as_it_is_sent(amount: Decimal | int) -> None:
    mapped(product(SalesPrice=amount, UnitCost=amount))


@given(st.sampled_from(["0", "0.00", "0.004", "0.0049999", "-0.001", "0E-6"]))
def test_a_price_that_is_0_in_sales_has_no_price_and_no_item(price: str) -> None:
    verdict = mapped(product(SalesPrice=Decimal(price)))
    assert verdict.owned["price"] is None
    assert item(verdict) == {"pricelevelid": LIST, "uomid": EACH, "amount": None}


@given(st.sampled_from(["0", "0.004", "0E-6"]))
def test_a_price_of_0_is_a_price_where_the_setting_says_so(price: str) -> None:
    verdict = mapped(product(SalesPrice=Decimal(price)), mapping=mapper(ProductChoices(zero_price=ZeroPrice.ITEM)))
    assert (verdict.owned["price"], item(verdict)["amount"]) == (0, 0)


def test_a_cost_of_0_stays_0() -> None:
    assert mapped(product(UnitCost=Decimal(0))).owned["currentcost"] == 0


def test_a_price_of_a_half_is_no_price_of_0() -> None:
    assert mapped(product(SalesPrice=Decimal("0.005"))).owned["price"] == Decimal("0.01")


def test_the_kept_price_list_is_that_of_the_item_that_was_applied() -> None:
    references = tables(pricelevels=[price_list_row(), price_list_row("Zebra", LATER)])
    applied: Json = {"pricelevelid": LATER, "uomid": EACH, "amount": 1}
    verdict = mapped(product(), knowing(references, applied={ITEM: applied}))
    assert (verdict.owned["pricelevelid"], item(verdict)["pricelevelid"]) == (LATER, LATER)
    assert mapped(product(), knowing(references)).owned["pricelevelid"] == LIST


def test_the_list_of_a_product_without_an_item_is_kept_too() -> None:
    references = tables(pricelevels=[price_list_row(), price_list_row("Zebra", LATER)])
    applied: Json = {"pricelevelid": LATER, "uomid": EACH, "amount": None}
    assert mapped(product(), knowing(references, applied={ITEM: applied})).owned["pricelevelid"] == LATER


def test_a_new_reading_of_the_small_tables_is_used() -> None:
    mapping = mapper()
    assert rejected(product(), knowing(tables(pricelevels=[])), mapping).cause == "no_price_list"
    assert mapped(product(), KNOWN, mapping).owned["pricelevelid"] == LIST


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"CurrencyCode": "GBP"}, "currency_unknown"),
        ({"SalesUnitSymbol": "DZ"}, "unit_unknown"),
        ({"CurrencyCode": "EUR"}, "no_price_list"),
    ],
)
def test_what_is_missing_in_sales_may_have_come_since_the_tables_were_read(values: dict[str, Json], cause: str) -> None:
    verdict = rejected(product(**values))
    assert (verdict.cause, verdict.looked_up) == (cause, True)


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        ({"ProductNumber": None}, "number_missing"),
        ({"ProductNumber": "  "}, "number_missing"),
        ({"ProductNumber": "P\t1"}, "text_not_allowed"),
        ({"ProductNumber": "P\n1"}, "text_not_allowed"),
        ({"ProductNumber": "P\x00"}, "text_not_allowed"),
        ({"ProductNumber": "P\ud83d"}, "text_not_allowed"),
        ({"ProductName": None}, "name_missing"),
        ({"ProductName": " \u00a0"}, "name_missing"),
        ({"CurrencyCode": ""}, "currency_missing"),
        ({"SalesUnitSymbol": " "}, "unit_missing"),
        ({"SalesUnitSymbol": "XX"}, "unit_unknown"),
        ({"SalesUnitDecimalPrecision": 6}, "number_out_of_range"),
        ({"SalesUnitDecimalPrecision": -1}, "number_out_of_range"),
        ({"ProductType": "BillOfMaterials"}, "option_unknown"),
        ({"ProductName": "Bi\x07ke"}, "text_not_allowed"),
        ({"ProductDescription": "Fa\x1bst"}, "text_not_allowed"),
        ({"ProductDescription": "\udc00"}, "text_not_allowed"),
    ],
)
def test_what_finops_has_to_correct_is_refused_without_a_look_at_sales(values: dict[str, Json], cause: str) -> None:
    verdict = rejected(product(**values))
    assert (verdict.cause, verdict.looked_up) == (cause, False)


@given(
    st.sampled_from([("ProductNumber", 100, "number_too_long"), ("ProductName", 100, "text_too_long"),
                     ("ProductDescription", 2000, "text_too_long")]),
    st.sampled_from(["a", "ä", "名", "🚲", "a🚲"]),
    st.integers(-2, 2),
)  # fmt: skip
def test_a_text_has_as_many_characters_as_both_systems_count(
    field: tuple[str, int, str], sign: str, beyond: int
) -> None:
    name, limit, cause = field
    units = len(sign.encode("utf-16-le")) // 2
    text = sign * (limit // units + beyond)
    if len(text.encode("utf-16-le")) // 2 <= limit:
        mapped(product(**{name: text}))
    else:
        assert rejected(product(**{name: text})).cause == cause


def test_line_breaks_of_a_description_are_kept() -> None:
    text = "Fast\r\nand\tlight\n"
    assert mapped(product(ProductDescription=text)).owned["description"] == text


def test_a_blank_description_is_blank_and_emptied_by_null() -> None:
    assert mapped(product(ProductDescription="")).owned["description"] is None
    assert MAPPER.empty("description") is None


@pytest.mark.parametrize(("member", "option"), [("Item", 1), ("Service", 3), (None, None), ("", None)])
def test_a_product_type_becomes_its_option(member: str | None, option: int | None) -> None:
    assert mapped(product(ProductType=member)).owned["producttypecode"] == option


def test_a_product_type_is_mapped_as_the_value_map_says() -> None:
    assert mapped(product(), mapping=mapper(product_types={"Item": 4})).owned["producttypecode"] == 4


@pytest.mark.parametrize("decimals", range(6))
def test_every_precision_that_sales_takes_is_taken(decimals: int) -> None:
    assert mapped(product(SalesUnitDecimalPrecision=decimals)).owned["quantitydecimal"] == decimals


def test_a_product_number_is_the_key_as_finops_writes_it() -> None:
    assert mapped(product(ProductNumber="a'B*c Ä")).key == "a'B*c Ä"


def test_where_the_automation_writes_items_the_product_names_its_list_after_creation() -> None:
    assert mapped(product()).owned["pricelevelid"] == LIST
    assert late_columns(ProductChoices()) == {"statecode": 2, "pricelevelid": None, "price": None}


def test_where_the_sync_writes_items_the_product_names_no_list_and_the_item_does() -> None:
    verdict = mapped(product(), mapping=mapper(SYNC))
    assert "pricelevelid" not in verdict.owned
    assert "pricelevelid" not in verdict.on_create
    assert item(verdict)["pricelevelid"] == LIST
    assert late_columns(SYNC) == {"statecode": 2, "pricelevelid": None}


def test_the_sync_can_name_the_list_of_a_product_by_ownership() -> None:
    mapping = mapper(SYNC, fields={"products": {"pricelevelid": "owned"}})
    assert mapped(product(), mapping=mapping).owned["pricelevelid"] == LIST


def test_the_mark_of_the_solution_can_be_left_out_by_ownership() -> None:
    mapping = mapper(fields={"products": {"msdynce_ismaintainedexternally": "off"}})
    assert "msdynce_ismaintainedexternally" not in mapped(product(), mapping=mapping).owned


def test_a_field_that_people_of_sales_may_change_is_sent_at_creation_only() -> None:
    verdict = mapped(product(), mapping=mapper(fields={"products": {"description": "on_create"}}))
    assert verdict.on_create["description"] == "Fast"
    assert "description" not in verdict.owned


def test_a_field_that_the_mapping_does_not_have_is_a_mistake_of_the_document() -> None:
    with pytest.raises(SettingsInvalid, match="descripton"):
        mapper(fields={"products": {"descripton": "off"}})


@pytest.mark.parametrize("field", ["CurrencyCode", "SalesUnitSymbol", "SalesPrice", "ProductNumber"])
def test_what_the_look_up_needs_is_read_even_where_its_columns_are_off(field: str) -> None:
    off: Json = dict.fromkeys(["transactioncurrencyid", "price", "pricelevelid"], "off")
    assert field in mapper(fields={"products": off}).select


@pytest.mark.parametrize(("publish", "on_create"), [(True, {STATE: 0}), (False, {})])
def test_a_new_product_is_published_by_setting(publish: bool, on_create: Values) -> None:
    assert mapped(product(), mapping=mapper(ProductChoices(publish=publish))).on_create == on_create


def test_the_state_of_a_product_is_nothing_of_ours_unless_we_retire() -> None:
    assert STATE not in mapped(product()).owned
    assert MAPPER.ended() == {}


def test_the_state_is_blank_where_we_retire_and_emptied_by_active() -> None:
    mapping = mapper(RETIRING)
    assert mapped(product(), mapping=mapping).owned[STATE] is None
    assert (mapping.ended(), mapping.empty(STATE)) == ({STATE: 1}, 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ProductNumber", 1),
        ("ProductName", 1),
        ("ProductDescription", True),
        ("CurrencyCode", 840),
        ("SalesUnitSymbol", 3),
        ("SalesPrice", "12.5"),
        ("SalesPrice", True),
        ("UnitCost", "7"),
        ("SalesUnitDecimalPrecision", "2"),
        ("SalesUnitDecimalPrecision", Decimal("2.5")),
        ("ProductType", 1),
    ],
)
def test_a_field_of_another_type_calls_the_operator_of_finops_and_names_the_field(field: str, value: Json) -> None:
    with pytest.raises(SchemaDrift, match=field) as drift:
        MAPPER.evaluate(SourceRow("P-1", None, {**product().values, field: value}), KNOWN)
    assert drift.value.system == "finops"


def test_an_organisation_without_a_pricing_precision_calls_the_operator_of_dataverse() -> None:
    with pytest.raises(OperatorNeeded) as hidden:
        MAPPER.evaluate(product(), Known(START, {}, tables(organizations=[])))
    assert hidden.value.system == "dataverse"


def test_a_field_that_the_mapping_does_not_read_changes_nothing() -> None:
    assert mapped(product(IsSalesStopped="Yes", dataAreaId="usmf")) == mapped(product())


@pytest.mark.parametrize(
    "choices",
    [
        replace(ProductChoices(), publish=False),
        replace(ProductChoices(), when_vanished=Vanished.RETIRE),
        replace(ProductChoices(), price_items=PriceItems.SYNC),
        replace(ProductChoices(), zero_price=ZeroPrice.ITEM),
    ],
)
def test_a_choice_that_changes_what_is_written_changes_the_fingerprint(choices: ProductChoices) -> None:
    assert mapper(choices).fingerprint != MAPPER.fingerprint


@pytest.mark.parametrize(
    "parts",
    [
        {"units": [{"sales": "Each", "finops": "EA"}]},
        {"price_lists": {"USD": "List"}},
        {"product_types": {"Item": 2}},
        {"defaults": in_group("Other")},
        {"fields": {"products": {"description": "off"}}},
        {"text_lengths": {"products": {"name": 50}}},
    ],
)
def test_a_value_map_that_changes_what_is_written_changes_the_fingerprint(parts: dict[str, Json]) -> None:
    assert ProductMapper(maps(**parts)).fingerprint != MAPPER.fingerprint


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    assert mapper().fingerprint == MAPPER.fingerprint


def test_adoption_and_scope_are_those_of_the_choices() -> None:
    assert (MAPPER.choices.adopt_existing, MAPPER.in_scope(product())) == (False, True)
    assert mapper(ProductChoices(adopt_existing=True)).choices.adopt_existing
    assert not mapper(ProductChoices(linked_only=True)).in_scope(product())


@pytest.mark.parametrize(
    ("state", "publishes", "change"),
    [
        (0, True, {}),
        (3, True, {}),
        (1, True, {STATE: 0}),
        (2, True, {STATE: 0}),
        (0, False, {}),
        (1, False, "product_not_published"),
    ],
)
def test_a_product_that_is_taken_over_can_be_quoted_then_or_is_refused(
    state: int, publishes: bool, change: object
) -> None:
    found = mapper(ProductChoices(publish=publishes)).adopt(TargetRow({STATE: state}))
    assert (found.cause if isinstance(found, Rejected) else found) == change


def test_another_unit_of_the_group_moves_product_and_item() -> None:
    verdict = mapped(product(SalesUnitSymbol="BOX"), knowing(tables(uoms=[unit_row(), unit_row(BOXES, "Boxes")])))
    assert (verdict.owned["defaultuomid"], item(verdict)["uomid"]) == (BOXES, BOXES)


@cache
def sample_products() -> tuple[SourceRow, ...]:
    """The sample products as F&O serves them to this mapping."""
    kept = open_tables(None, DATA, Settings())
    of = load_schema().entities[SET_NAME]
    found = kept.select(of, Condition("1"), names=tuple(of.properties), order=(), limit=10_000, offset=0)
    rows = [{name: shown(of.properties[name], value) for name, value in record.row.items()} for record in found]
    kept.close()
    return tuple(SourceRow(str(row["ProductNumber"]), None, row) for row in rows)


@cache
def sample_references() -> References:
    """The small tables of the sample organisation."""
    files = {
        CURRENCIES: "transactioncurrencies",
        UNITS: "uoms",
        UNIT_GROUPS: "uomschedules",
        PRICE_LISTS: "pricelevels",
    }
    read: dict[str, tuple[Values, ...]] = dict(metadata(DATE_COLUMNS))
    for name, file in files.items():
        lines = (DATA / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()
        read[name] = tuple(row for row in map(exact_json.loads, lines) if isinstance(row, dict))
    return read


SAMPLE_MAPPER = mapper(defaults=in_group("AdventureWorks units"))


def test_today_is_that_of_the_business() -> None:
    ends = tables(pricelevels=[price_list_row(enddate=f"{START.date()}T00:00:00Z")])
    late = replace(knowing(ends), now=START.replace(hour=23))
    assert isinstance(mapper().evaluate(product(), late), Mapped)
    zurich = mapper(ProductChoices(zone=ZoneInfo("Europe/Zurich")))
    assert rejected(product(), late, zurich).cause == "no_price_list"


def test_every_sample_product_is_mapped_with_the_sample_catalogue() -> None:
    known = knowing(sample_references(), decimals=4)
    verdicts = [SAMPLE_MAPPER.evaluate(row, known) for row in sample_products()]
    assert len(verdicts) == 504
    assert [verdict for verdict in verdicts if not isinstance(verdict, Mapped)] == []


def test_no_digit_of_a_sample_price_or_cost_is_lost_with_a_precision_of_4() -> None:
    known = knowing(sample_references(), decimals=4)
    for row in sample_products():
        verdict = mapped(row, known, SAMPLE_MAPPER)
        price, cost = (Decimal(str(row.values[name])) for name in ("SalesPrice", "UnitCost"))
        assert (verdict.owned["price"] or 0, verdict.owned["currentcost"]) == (price, cost), row.id


def test_200_sample_products_have_a_price_of_0_and_no_item() -> None:
    known = knowing(sample_references(), decimals=4)
    items = [item(mapped(row, known, SAMPLE_MAPPER)) for row in sample_products()]
    assert sum(each["amount"] is None for each in items) == 200


class Asked(UserDict[str, tuple[Values, ...]]):
    """Small tables that count how often somebody goes through all of them."""

    times = 0

    def items(self) -> ItemsView[str, tuple[Values, ...]]:
        """The items."""
        self.times += 1
        return super().items()


def test_the_small_tables_are_put_in_order_once_until_they_are_read_again() -> None:
    mapping = mapper()
    first, anew = Asked(KNOWN.references), Asked(KNOWN.references)
    for known in (first, first, anew, anew, anew):
        mapped(product(), replace(KNOWN, references=known), mapping)
    assert (first.times, anew.times) == (1, 1)


@pytest.mark.parametrize(
    ("field", "ours", "theirs", "agree"),
    [
        ("statecode", 0, 0, True),
        ("statecode", 0, 3, True),
        ("statecode", 0, 2, False),
        ("statecode", 0, 1, False),
        ("statecode", 1, 1, True),
        ("statecode", 1, 3, False),
        ("statecode", 0, None, False),
        ("statecode", None, None, True),
        ("quantitydecimal", 0, 3, False),
        ("quantitydecimal", 2, 2, True),
    ],
)
def test_a_product_under_review_counts_as_active_and_any_other_state_as_itself(
    field: str, ours: Json, theirs: Json, agree: bool
) -> None:
    assert MAPPER.agree(field, ours, theirs) is agree


PLACE: dict[str, Json] = {"pricelevelid": LIST, "uomid": EACH}


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({}, None),
        ({ITEM: None}, None),
        ({ITEM: {**PLACE, "amount": None}}, None),
        ({ITEM: {**PLACE, "amount": Decimal(0)}}, PLACE),
        ({ITEM: {**PLACE, "amount": Decimal(3)}}, PLACE),
    ],
)
def test_the_item_of_a_product_is_at_its_list_and_unit_where_it_has_an_amount(
    content: dict[str, Json], place: dict[str, Json] | None
) -> None:
    assert MAPPER.place(content) == place


@pytest.mark.parametrize(
    ("content", "places", "is_readable"),
    [
        ({}, [], True),
        ({ITEM: None}, [PLACE], True),
        ({ITEM: {**PLACE, "amount": None}}, [], True),
        ({ITEM: PLACE}, [], False),
        ({ITEM: {"uomid": EACH, "amount": 1}}, [], False),
        ({ITEM: "x"}, [], False),
        ({}, [{"uomid": EACH}], False),
        ({}, [PLACE, {"pricelevelid": 1, "uomid": EACH}], False),
    ],
)
def test_what_is_kept_of_an_item_has_the_form_in_which_it_is_kept(
    content: dict[str, Json], places: list[dict[str, Json]], is_readable: bool
) -> None:
    assert MAPPER.is_readable(content, places) is is_readable


OURS_THERE: dict[str, Json] = {**PLACE, "amount": 1, "ours": True}
THEIRS_THERE: dict[str, Json] = {"pricelevelid": GROUP, "uomid": EACH, "amount": 2, "ours": False}


def test_items_of_others_are_told_from_ours_and_only_those_at_former_places_are_left() -> None:
    row = TargetRow({ITEM: [OURS_THERE, THEIRS_THERE, "x"]})
    assert MAPPER.places_of_ours(row) == (PLACE,)
    assert MAPPER.left_at((PLACE,), row) == (ITEM, [OURS_THERE])
    assert MAPPER.left_at((), row) is None
    assert MAPPER.left_at((PLACE,), TargetRow({})) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "agree"),
    [
        ({**PLACE, "amount": 1}, [OURS_THERE, THEIRS_THERE], True),
        ({**PLACE, "amount": 2}, [OURS_THERE, THEIRS_THERE], False),
        ({**PLACE, "amount": None}, [THEIRS_THERE], True),
        ({**PLACE, "amount": None}, [OURS_THERE], False),
        ({**PLACE, "amount": 1}, [], False),
    ],
)
def test_an_item_agrees_with_the_one_at_its_place(ours: dict[str, Json], theirs: list[Json], agree: bool) -> None:
    assert MAPPER.agree(ITEM, ours, theirs) is agree


@pytest.mark.parametrize(("items", "price"), [(PriceItems.AUTOMATION, True), (PriceItems.SYNC, False)])
def test_a_new_product_begins_as_a_draft_without_list_and_without_a_price_where_the_automation_writes_items(
    items: PriceItems, price: bool
) -> None:
    assert late_columns(ProductChoices(price_items=items)) == {
        STATE: DRAFT, "pricelevelid": None, **({"price": None} if price else {}),
    }  # fmt: skip
