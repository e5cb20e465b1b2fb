"""The words of the map document: what each makes of a row, and that any value round-trips or is refused by name."""

import re
from decimal import ROUND_HALF_UP, Decimal

# ruff: noqa: E501 - tables of cases, one a line
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import SettingsInvalid
from shared.flows.products.mapping import ProductMapper
from shared.mapping.field_table import FieldTable
from shared.mapping.type_names import LOOKUP
from shared.mapping.verdicts import Filtered, Mapped
from shared.mapping.words import Unmappable
from shared.records import Json
from tests.unit.mapping.samples import KNOWN, account, document, filtered, mapped, mapper, maps
from tests.unit.mapping.test_rules import deployment

OWN: Json = {
    "accounts": {
        "new_tier": {"type": "option", "options": [1, 2, 3]},
        "new_since": {"type": "date", "behavior": "DateOnly"},
        "new_called": {"type": "date", "behavior": "UserLocal"},
        "new_score": {"type": "decimal"},
        "new_Region.new_name": {"type": "text"},
    },
    "CustomersV3": {
        "ContosoTier": {"type": "member", "members": ["None", "Gold", "Silver"]},
        "ContosoSince": {"type": "date"},
        "ContosoScore": {"type": "decimal"},
        "ContosoRegion": {"type": "text", "length": 30},
    },
}
MAPS: Json = {"industries": {"Retail trade": "RTL", "Wholesale": "WHS"}}


def table(**fields: Json) -> FieldTable:
    """The mapping of accounts with further fields."""
    return mapper(countries={}, states={}, own_columns=OWN, value_maps=MAPS, fields={"accounts": fields}).table


def value(entry: Json, field: str = "NameAlias", **columns: Json) -> Json:
    """What an entry makes of a row."""
    return table(**{field: entry}).content({"name": "Litware", **columns}).owned[field]


def word(name: str, /, **arguments: Json) -> dict[str, Json]:
    """An entry with a word; `source` stands for `from`."""
    return {"word": name, **{"from" if key == "source" else key: value for key, value in arguments.items()}}


@pytest.mark.parametrize(
    ("entry", "field", "columns", "expected"),
    [
        (word("copy", source="yominame"), "NameAlias", {"yominame": "Lit"}, "Lit"),
        (word("copy", source="primarycontactid.fullname"), "NameAlias", {"primarycontactid": {"fullname": "Ana"}}, "Ana"),
        (word("copy", source="new_Region.new_name"), "ContosoRegion", {"new_Region": {"new_name": "North"}}, "North"),
        (word("copy", source="primarycontactid.fullname"), "NameAlias", {"primarycontactid": None}, None),
        (word("copy", source="creditlimit"), "ContosoScore", {"creditlimit": Decimal("1.50")}, Decimal("1.50")),
        (word("constant", value="DOM"), "SalesTaxGroup", {}, "DOM"),
        (word("constant", value="Yes"), "IsOneTimeCustomer", {}, "Yes"),
        (word("default", name="site"), "SalesTaxGroup", {}, "1"),
        (word("first_of", source=["yominame", "name"]), "NameAlias", {"yominame": " "}, "Litware"),
        (word("joined", source=["name", "fax"], separator=", "), "NameAlias", {"fax": "7"}, "Litware, 7"),
        (word("joined", source=["name", "fax"]), "NameAlias", {"fax": None}, "Litware"),
        (word("option", source="new_tier", to={"1": "Gold", "2": "Silver"}), "ContosoTier", {"new_tier": 2}, "Silver"),
        (word("option", source="new_tier", to={"1": "Gold"}), "ContosoTier", {"new_tier": None}, None),
        (word("yes_no", source="donotphone"), "IsOneTimeCustomer", {"donotphone": True}, "Yes"),
        (word("yes_no", source="donotphone", opposite=True), "IsOneTimeCustomer", {"donotphone": True}, "No"),
        (word("yes_no", source="donotphone"), "IsOneTimeCustomer", {"donotphone": None}, None),
        (word("value_map", source="sic", map="industries"), "LineOfBusinessId", {"sic": " retail  TRADE "}, "RTL"),
        (word("value_map", source="sic", map="industries", otherwise="X"), "LineOfBusinessId", {"sic": "Fishing"}, "X"),
        (word("currency", source="transactioncurrencyid.isocurrencycode"), "NameAlias",
         {"transactioncurrencyid": {"isocurrencycode": "usd"}}, "USD"),
        (word("unit", source="yominame"), "NameAlias", {"yominame": "dozen"}, "DZ"),
        (word("day", source="new_since"), "ContosoSince", {"new_since": "2026-07-14"}, "2026-07-14T12:00:00Z"),
        (word("day", source="new_called"), "ContosoSince", {"new_called": "2026-07-14T00:00:00Z"}, "2026-07-14T12:00:00Z"),
        (word("date_time", source="new_called"), "ContosoSince", {"new_called": "2026-07-14T09:30:15.5+02:00"},
         "2026-07-14T07:30:15Z"),
        (word("decimal", source="new_score", decimals=1), "ContosoScore", {"new_score": Decimal("2.25")}, Decimal("2.3")),
        (word("rules", rules=[{"when": {"column": "new_tier", "operator": "eq", "value": 1}, "value": "20"}], otherwise="10"),
         "SalesTaxGroup", {"new_tier": 1}, "20"),
        (word("rules", rules=[{"when": {"column": "new_tier", "operator": "eq", "value": 1}, "value": "20"}], otherwise="10"),
         "SalesTaxGroup", {"new_tier": 2}, "10"),
        (word("rules", rules=[{"when": {"column": "new_tier", "operator": "eq", "value": 1}, "value": "20"}]),
         "SalesTaxGroup", {"new_tier": 2}, None),
    ],
)  # fmt: skip
def test_a_word_makes_of_a_row_what_it_says(entry: Json, field: str, columns: dict[str, Json], expected: Json) -> None:
    assert value(entry, field, **columns) == expected


@pytest.mark.parametrize(
    ("entry", "field", "columns", "cause", "remedy"),
    [
        (word("option", source="new_tier", to={"1": "Gold"}), "ContosoTier", {"new_tier": 3}, "option_unknown",
         "add it to the field ContosoTier of the map document"),
        (word("value_map", source="sic", map="industries"), "LineOfBusinessId", {"sic": "Fishing"}, "value_unknown",
         "`value_maps.industries`"),
        (word("unit", source="yominame"), "NameAlias", {"yominame": "Firkin"}, "unit_unknown", "value map"),
        (word("currency", source="yominame"), "NameAlias", {"yominame": "XXX"}, "currency_unknown", "value map"),
        (word("copy", source="description"), "NameAlias", {"description": "x" * 21}, "text_too_long", "shorten it"),
        (word("copy", source="name", length=5), "SalesTaxGroup", {}, "text_too_long", "shorten it"),
        (word("date_time", source="new_called"), "ContosoSince", {"new_called": "soon"}, "date_invalid", "date"),
    ],
)  # fmt: skip
def test_a_value_without_counterpart_is_refused_with_the_remedy(
    entry: Json, field: str, columns: dict[str, Json], cause: str, remedy: str
) -> None:
    with pytest.raises(Unmappable) as refused:
        value(entry, field, **columns)
    assert refused.value.cause == cause
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    ("field", "entry", "told"),
    [
        ("ContosoTier", word("option", source="new_tier", to={"3": "Gold"}), None),
        ("ContosoTier", word("option", source="new_tier", to={"4": "Gold"}), "'4' is no option of new_tier: write 1, 2, 3"),
        ("NameAlias", word("option", source="accountcategorycode", to={"-1": "A", "0": "B"}), None),
        ("NameAlias", word("option", source="accountcategorycode", to={"--1": "A"}),
         "'--1' is no option of accountcategorycode: write whole numbers"),
        ("NameAlias", word("copy", source="yominame", length=20), None),
        ("NameAlias", word("copy", source="yominame", length=21), "21: NameAlias takes 20 characters at most"),
        ("ContosoRegion", word("joined", source=["name", "fax"], separator="-" * 10), None),
        ("ContosoRegion", word("joined", source=["name", "fax"], separator="-" * 11), "write at most ten characters"),
        ("ContosoScore", word("decimal", source="new_score", decimals=0), None),
        ("ContosoScore", word("decimal", source="new_score", decimals=6), None),
        ("ContosoScore", word("decimal", source="new_score", decimals=7), "write a whole number from 0 to 6"),
        ("ContosoScore", word("decimal", source="new_score", decimals=-1), "write a whole number from 0 to 6"),
        ("ContosoSince", word("date_time", source="new_since"), "new_since holds a day without time; use day"),
        ("ContosoScore", word("default", name="site"), "'site': ContosoScore takes a number"),
        ("ContosoScore", word("option", source="new_tier", to={"1": "A"}), "option: ContosoScore takes a number"),
        ("ContosoScore", word("value_map", source="sic", map="industries"), "value_map: ContosoScore takes a number"),
        ("ContosoScore", word("currency", source="name"), "currency: ContosoScore takes a number"),
        ("ContosoScore", word("unit", source="name"), "unit: ContosoScore takes a number"),
        ("NameAlias", word("date_time", source="new_called"), "date_time: NameAlias takes a text"),
        ("NameAlias", word("decimal", source="new_score", decimals=1), "decimal: NameAlias takes a text"),
        ("ContosoTier", word("value_map", source="sic", map="industries"), "'RTL' in value_maps.industries.Retail trade: ContosoTier takes a member"),
        ("ContosoRegion", word("value_map", source="sic", map="industries", otherwise=5), "5: ContosoRegion takes a text"),
    ],
)  # fmt: skip
def test_a_word_takes_what_its_column_and_its_field_allow(field: str, entry: Json, told: str | None) -> None:
    if told is None:
        assert field in table(**{field: entry}).target_fields
    else:
        with pytest.raises(SettingsInvalid, match=re.escape(told)):
            table(**{field: entry})


SCORES = table(ContosoScore=word("decimal", source="new_score", decimals=2))
TIERS = table(ContosoTier=word("option", source="new_tier", to={"1": "Gold", "2": "Silver"}))
INDUSTRIES = table(LineOfBusinessId=word("value_map", source="sic", map="industries"))
ALIASES = table(NameAlias=word("first_of", source=["yominame", "name"]))


@settings(deadline=None)
@given(st.decimals(-(10**15), 10**15, places=6))
def test_any_number_is_rounded_half_up_and_never_a_float(number: Decimal) -> None:
    found = SCORES.content({"name": "A", "new_score": number}).owned["ContosoScore"]
    assert found == number.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert isinstance(found, Decimal)


@settings(deadline=None)
@given(st.integers())
def test_any_option_is_mapped_or_refused_by_name(option: int) -> None:
    row: dict[str, Json] = {"name": "A", "new_tier": option}
    if option in (1, 2):
        assert TIERS.content(row).owned["ContosoTier"] == ("Gold", "Silver")[option - 1]
    else:
        with pytest.raises(Unmappable, match=f"new_tier is {option}"):
            TIERS.content(row)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_copied_unchanged_or_refused_by_the_name_of_its_column(text: str) -> None:
    try:
        found = ALIASES.content({"name": "A", "yominame": text}).owned["NameAlias"]
    except Unmappable as unmappable:
        refused = str(unmappable)
        assert "yominame" in refused
    else:
        assert found == (text if text.strip() else "A")


OWNERSHIPS = {
    name: table(NameAlias={**word("copy", source="yominame"), "ownership": name})
    for name in ("owned", "on_create", "fill_if_blank", "off")
}


@settings(deadline=None)
@given(st.text(alphabet="aB7 \u00e9", max_size=20), st.sampled_from(sorted(OWNERSHIPS)))
def test_any_text_is_where_its_ownership_says(text: str, ownership: str) -> None:
    of = OWNERSHIPS[ownership]
    content = of.content({"name": "A", "yominame": text})
    expected = text if text.strip() else None
    owned, created = content.owned.get("NameAlias", "none"), content.on_create.get("NameAlias", "none")
    assert (owned, created, "NameAlias" in of.fills) == {
        "owned": (expected, "none", False),
        "fill_if_blank": (expected, "none", True),
        "on_create": ("none", expected, False),
        "off": ("none", "none", False),
    }[ownership]


@settings(deadline=None)
@given(st.text(max_size=20))
def test_any_text_is_in_the_value_map_or_refused_by_the_name_of_the_map(text: str) -> None:
    try:
        found = INDUSTRIES.content({"name": "A", "sic": text}).owned["LineOfBusinessId"]
    except Unmappable as unmappable:
        refused = str(unmappable)
        assert "industries" in refused
    else:
        assert found in {None, "RTL", "WHS"}


def test_a_further_field_is_read_from_its_source_and_navigation() -> None:
    found = table(
        NameAlias=word("copy", source="primarycontactid.fullname"), ContosoScore=word("copy", source="new_score")
    )
    assert "new_score" in found.select
    assert found.expand["primarycontactid"] == ("fullname",)
    assert {"NameAlias", "ContosoScore"} <= set(found.target_fields)


def test_a_standard_field_gets_another_word_and_keeps_its_ownership() -> None:
    again = table(CustomerGroupId=word("constant", value="30"), SalesMemo=word("copy", source="fax"))
    content = again.content({"name": "A", "fax": "7", "description": "not read"})
    assert content.on_create["CustomerGroupId"] == "30"
    assert content.owned["SalesMemo"] == "7"
    assert "description" not in again.select


def test_a_field_that_is_off_is_neither_read_nor_sent() -> None:
    off = table(NameAlias={**word("copy", source="yominame"), "ownership": "off"})
    assert "yominame" not in off.select
    assert "NameAlias" not in off.target_fields


def test_what_empties_a_further_field_follows_from_its_type() -> None:
    of = table(
        ContosoTier=word("option", source="new_tier", to={"1": "Gold"}),
        ContosoScore=word("copy", source="new_score"),
        ContosoRegion=word("copy", source="yominame"),
        ContosoSince=word("day", source="new_since"),
    )
    fields = ("ContosoTier", "ContosoScore", "ContosoRegion", "ContosoSince")
    assert [of.empty(name) for name in fields] == ["None", 0, "", "1900-01-01T12:00:00Z"]


PRODUCTS: Json = {
    "isstockitem": word("yes_no", source="IsStockedProduct"),
    "suppliername": word(
        "rules", rules=[{"when": {"column": "ProductName", "operator": "begins", "value": "a"}, "value": "A"}]
    ),
    "stockvolume": word("decimal", source="SalesPrice", decimals=2),
}


def test_a_further_column_of_sales_is_made_of_a_field_of_finops() -> None:
    mapping = ProductMapper(maps(countries={}, states={}, fields={"products": PRODUCTS})).table
    row: dict[str, Json] = {"IsStockedProduct": "Yes", "ProductName": "Adapter", "SalesPrice": Decimal("1.005")}
    assert mapping.content(row).owned.items() >= {
        "isstockitem": True, "suppliername": "A", "stockvolume": Decimal("1.01"),
    }.items()  # fmt: skip
    assert {"IsStockedProduct"} <= set(mapping.select)


@pytest.mark.parametrize(
    ("field", "entry", "row", "expected"),
    [
        ("PrimaryContactTwitter", "owned", {"primarytwitterid": "@lit"}, "@lit"),
        ("PaymentTerms", "owned", {}, "Net30"),
        ("SalesTaxGroup", "owned", {}, None),
        ("InvoiceAddressCity", "owned", {"address1_city": "Berlin", "address1_country": "Germany"}, "Berlin"),
        ("TaxExemptNumber", word("copy", source="yominame"), {"yominame": "DE1"}, "DE1"),
    ],
)
def test_what_is_off_as_shipped_is_turned_on_by_one_line(
    field: str, entry: Json, row: dict[str, Json], expected: Json
) -> None:
    shipped = document()["defaults"]
    assert isinstance(shipped, dict)
    terms: Json = {**shipped, "payment_terms": "Net30"}
    own = mapper(defaults=terms, countries={"Germany": "DE"}, states={}, fields={"accounts": {field: entry}}).table
    assert field not in mapper(countries={}, states={}).table.target_fields
    assert own.content({"name": "A", **row}).owned[field] == expected


# The fingerprint


def prints(**parts: Json) -> str:
    return mapper(None, countries={}, states={}, own_columns=OWN, value_maps=MAPS, **parts).fingerprint


ALIAS = {"NameAlias": word("copy", source="yominame")}


@pytest.mark.parametrize(
    "parts",
    [
        {"fields": {"accounts": ALIAS}},
        {"fields": {"accounts": {"SalesMemo": "off"}}},
        {"fields": {"accounts": {"SalesMemo": {"ownership": "on_create"}}}},
        {"filters": {"accounts": [{"name": "pilot", "keep": {"column": "name", "operator": "filled"}}]}},
    ],
)
def test_a_changed_map_changes_the_fingerprint(parts: dict[str, Json]) -> None:
    assert prints(**parts) != prints()


@pytest.mark.parametrize(
    "parts",
    [
        {"fields": {"accounts": {"SalesMemo": "owned"}}},
        {"fields": {"accounts": {}}},
        {"fields": {"contact_persons": {"Notes": "off"}}},
        {"filters": {"contacts": [{"name": "pilot", "keep": {"column": "lastname", "operator": "filled"}}]}},
    ],
)
def test_what_changes_nothing_for_a_flow_leaves_its_fingerprint(parts: dict[str, Json]) -> None:
    assert prints(**parts) == prints()


def test_the_order_of_further_fields_does_not_matter() -> None:
    tax = {"SalesTaxGroup": word("constant", value="DOM")}
    assert prints(fields={"accounts": {**ALIAS, **tax}}) == prints(fields={"accounts": {**tax, **ALIAS}})


# Filters


def kept(keep: Json, **columns: Json) -> bool:
    """Whether an account passes a filter."""
    some = mapper(countries={}, states={}, own_columns=OWN, filters={"accounts": [{"name": "pilot", "keep": keep}]})
    verdict = some.evaluate(account(**columns), KNOWN)
    assert isinstance(verdict, Mapped) or verdict == Filtered("filter.pilot", ends=False)
    return isinstance(verdict, Mapped)


NAMED: Json = {"column": "name", "operator": "begins", "value": "lit"}
GOLD: Json = {"column": "new_tier", "operator": "in", "value": [1, 2]}


@pytest.mark.parametrize(
    ("keep", "columns", "expected"),
    [
        (NAMED, {}, True),
        ({"not": NAMED}, {}, False),
        ({"and": [NAMED, GOLD]}, {"new_tier": 1}, True),
        ({"and": [NAMED, GOLD]}, {"new_tier": 3}, False),
        ({"or": [GOLD, NAMED]}, {"new_tier": 3}, True),
        ({"or": [GOLD, {"not": NAMED}]}, {"new_tier": None}, False),
        ({"not": {"and": [NAMED, {"or": [GOLD, {"column": "fax", "operator": "blank"}]}]}}, {}, False),
    ],
)
def test_a_filter_keeps_what_its_condition_holds_for(keep: Json, columns: dict[str, Json], expected: bool) -> None:
    assert kept(keep, **columns) is expected


def test_the_first_filter_that_a_record_does_not_pass_is_named() -> None:
    both: Json = [{"name": "named", "keep": NAMED}, {"name": "gold", "keep": GOLD}]
    some = mapper(countries={}, states={}, own_columns=OWN, filters={"accounts": both})
    assert filtered(some, account(new_tier=3)) == Filtered("filter.gold")
    assert {"name", "new_tier"} <= set(some.select)
    assert mapped(some, account(new_tier=1)).key == "A-1"


def test_the_document_of_the_tests_is_the_shipped_one_with_more() -> None:
    assert {"fields", "filters", "value_maps", "own_columns"} <= set(document())


def test_a_preflight_looks_for_what_is_read_behind_a_lookup_as_far_as_its_table_is_known() -> None:
    copies: Json = {
        "NameAlias": word("copy", source="primarycontactid.fullname"),
        "ContosoRegion": word("copy", source="new_Region.new_name"),
    }
    own: Json = {
        "accounts": {"new_Region.new_name": {"type": "text"}},
        "CustomersV3": {"ContosoRegion": {"type": "text"}},
    }
    of = deployment(own_columns=own, fields={"accounts": copies})
    used = of.flows["accounts"].required_columns(of).sales
    assert {table.entity_set for table in used} == {"accounts", "contacts", "transactioncurrencies"}
    behind = [table for table in used if table.entity_set == "contacts"]
    assert [(table.id_column, set(table.columns)) for table in behind] == [("contactid", {"fullname"})]
    lookups = {name for table in used for name, types in table.columns.items() if types == LOOKUP}
    assert lookups == {"primarycontactid", "new_region", "transactioncurrencyid"}
    assert [table.tracked for table in used].count(True) == 1
