"""The word `lookup`: a lookup of Sales, set by an alternate key of the row to which it refers."""

# ruff: noqa: E501 - tables of cases, one a line

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.quoting import row_address
from shared.flows.products.mapping import ProductMapper
from shared.flows.required_columns import keyed_by
from shared.mapping.type_names import LOOKUP
from shared.mapping.words import Unmappable
from shared.records import Json
from tests.unit.mapping.samples import maps
from tests.unit.mapping.test_rules import deployment
from tests.unit.mapping.test_wrong_map_documents import mistakes, word

OWN: Json = {
    "products": {
        "new_Keeper": {"type": "lookup", "table": "contacts"},
        "new_Brand": {"type": "lookup", "table": "new_brands"},
        "new_Brand.new_code": {"type": "text", "length": 8},
        "new_Brand.new_rank": {"type": "whole"},
        "new_Brand.new_share": {"type": "decimal"},
    }
}
KEEPER: Json = word("lookup", source="ProductDescription", by="msdynce_contactnumber")
BRAND: Json = word("lookup", source="ProductDescription", by="new_code")


def mapper(**fields: Json) -> ProductMapper:
    return ProductMapper(maps(countries={}, states={}, own_columns=OWN, fields={"products": fields}))


def value(entry: Json, found: Json, field: str = "new_Keeper") -> Json:
    return mapper(**{field: entry}).table.value(
        field, {"ProductDescription": found, "SalesUnitDecimalPrecision": found}
    )


@pytest.mark.parametrize(("found", "expected"), [("CON-1", "CON-1"), (" CON-1 ", "CON-1"), (None, None), (" ", None)])
def test_the_value_is_the_key_without_outer_blanks(found: Json, expected: Json) -> None:
    assert value(KEEPER, found) == expected


def test_a_key_may_be_a_whole_number() -> None:
    by_rank = word("lookup", source="SalesUnitDecimalPrecision", by="new_rank")
    assert value(by_rank, 3, "new_Brand") == 3


def test_a_key_with_a_character_by_which_sales_finds_no_row_is_refused_by_name() -> None:
    with pytest.raises(Unmappable) as refused:
        value(KEEPER, "A/B")
    assert refused.value.cause == "key_not_addressable"
    assert "ProductDescription is 'A/B'" in str(refused.value)


KEEPERS = mapper(new_Keeper=KEEPER)


@given(st.text())
def test_any_key_is_sent_as_it_is_or_refused_by_its_column(text: str) -> None:
    try:
        found = KEEPERS.table.value("new_Keeper", {"ProductDescription": text})
    except Unmappable as unmappable:
        refused = unmappable
        assert set(text) & set("/<>*%&:\\?+")
        assert str(refused).startswith("ProductDescription is ")
    else:
        assert found == (text.strip() or None)


def test_a_key_that_is_longer_than_its_column_is_refused() -> None:
    table = mapper(new_Brand=BRAND).table
    assert next(row.length for row in table.rows() if row.field == "new_Brand") == 8


def test_the_key_is_quoted_in_the_address_of_the_row() -> None:
    assert row_address("new_brands", "new_code", "O'Hara ä") == "/new_brands(new_code='O''Hara%20%C3%A4')"
    assert row_address("new_brands", "new_rank", 5) == "/new_brands(new_rank=5)"


def test_what_sales_gives_back_is_ours_in_any_case_since_keys_have_none() -> None:
    assert KEEPERS.table.agree("new_Keeper", "con-1", "CON-1")
    assert not KEEPERS.table.agree("new_Keeper", "con-1", "CON-2")
    assert keyed_by(KEEPERS.table) == {"new_Keeper": ("contacts", "msdynce_contactnumber")}


def test_the_column_of_the_lookup_is_what_a_preflight_looks_for() -> None:
    of = deployment(own_columns=OWN, fields={"products": {"new_Keeper": KEEPER}})
    tables = of.flows["products"].required_columns(of).sales
    assert any(table.columns.get("new_keeper") == LOOKUP for table in tables if table.entity_set == "products")


@pytest.mark.parametrize(
    ("part", "field", "entry", "told"),
    [
        ("products", "new_Kepper", KEEPER, "is no navigation of products: did you mean new_Keeper? One of your own"),
        ("products", "new_Keeper", word("lookup", source="ProductDescription", by="number"),
         "number is no column of contacts"),
        ("products", "new_Keeper", word("lookup", source="SalesPrice", by="msdynce_contactnumber"),
         "SalesPrice is a number: this word reads a text or an id or a member of an enumeration"),
        ("products", "new_Brand", word("lookup", source="ProductName", by="new_share"),
         "new_share is a number: a key is a text or a whole number"),
        ("products", "new_Keeper", word("lookup", source="ProductName", by="msdynce_contactnumber", length=5),
         "5: new_Keeper is a lookup, and only a text has a length"),
        ("products", "createdby", word("lookup", source="ProductName", by="fullname"), "it is read-only"),
        ("products", "transactioncurrencyid", word("lookup", source="CurrencyCode", by="isocurrencycode"),
         "the sync itself finds the value of transactioncurrencyid"),
        ("products", "pricelevelid", word("lookup", source="CurrencyCode", by="name"), "the sync itself finds the price list"),
        ("products", "new_Keeper", word("copy", source="ProductName"), "use the word lookup, and name the navigation"),
        ("accounts", "NameAlias", word("lookup", source="name", by="name"), "a field of F&O holds the key itself; use copy"),
        ("orders_back", "customerid_account", word("lookup", source="SalesOrderName", by="accountnumber"),
         "the sync itself finds the value of customerid_account"),
    ],
)  # fmt: skip
def test_a_wrong_lookup_has_one_message(part: str, field: str, entry: Json, told: str) -> None:
    (message,) = mistakes(own_columns=OWN, fields={part: {field: entry}})
    assert message.startswith(f"fields.{part}.{field}")
    assert told in message


def test_a_lookup_of_ones_own_says_to_which_table_it_leads() -> None:
    (message,) = mistakes(own_columns={"products": {"new_Keeper": {"type": "lookup"}}})
    assert "a lookup needs `table`" in message
