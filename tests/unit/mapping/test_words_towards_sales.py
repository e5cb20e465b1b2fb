"""Words that a mapping to Sales cannot take: each has one message, with the place, the value and what is allowed."""

# ruff: noqa: E501 - tables of cases, one a line

from typing import Any

import pytest

from shared.errors import SettingsInvalid
from shared.records import Json
from tests.unit.mapping.samples import document
from tests.unit.mapping.test_any_value import OWN, VALUE_MAPS
from tests.unit.mapping.test_wrong_map_documents import check, word

IF_NAMED: Json = {"column": "ProductName", "operator": "eq", "value": "x"}
WRONG: list[tuple[str, Json, str]] = [
    ("new_flag", word("yes_no", source="ContosoMember"), "from: ContosoMember has the members None, Gold, Silver, and yes_no needs No and Yes"),
    ("new_flag", word("yes_no", source="ProductName"), "from: ProductName is a text: this word reads a member of an enumeration"),
    ("new_text", word("yes_no", source="IsStockedProduct"), "word: yes_no: new_text takes a text"),
    ("new_day", word("day", source="ProductName"), "from: ProductName is a text: this word reads a date"),
    ("new_text", word("day", source="ContosoDate"), "word: day: new_text takes a text"),
    ("new_moment", word("day", source="ContosoDate"), "word: day: new_moment holds a moment (UserLocal); use date_time"),
    ("new_day", word("date_time", source="ContosoDate"), "word: date_time: new_day holds a day without time; use day"),
    ("new_text", word("date_time", source="ContosoDate"), "word: date_time: new_text takes a text"),
    ("new_text", word("currency", source="CurrencyCode"), "word: currency: it gives codes of F&O, and this mapping goes to Sales"),
    ("new_whole", word("currency", source="CurrencyCode"), "word: currency: new_whole takes a whole number"),
    ("new_number", word("unit", source="SalesUnitSymbol"), "word: unit: new_number takes a number"),
    ("new_text", word("unit", source="SalesPrice"), "from: SalesPrice is a number: this word reads a text"),
    ("new_text", word("decimal", source="SalesPrice", decimals=2), "word: decimal: new_text takes a text"),
    ("new_number", word("decimal", source="ProductName", decimals=2), "from: ProductName is a text: this word reads a number or a whole number"),
    ("new_flag", word("option", source="ContosoMember", to={"Gold": "x"}), "word: option: new_flag takes yes or no"),
    ("new_tier", word("option", source="ContosoMember", to={"Golden": 1}), "to.Golden: 'Golden' is no member of ContosoMember: write None, Gold, Silver"),
    ("new_tier", word("option", source="ContosoMember", to={"Gold": 9}), "to.Gold: 9: new_tier takes an option (1, 2, 3)"),
    ("new_tier", word("option", source="ContosoMember", to={"Gold": "Gold"}), "to.Gold: 'Gold': new_tier takes an option (1, 2, 3)"),
    ("new_tier", word("option", source="ProductName", to={"Gold": 1}), "from: ProductName is a text: this word reads an option or a member of an enumeration"),
    ("new_flag", word("value_map", source="ProductName", map="codes"), "word: value_map: new_flag takes yes or no"),
    ("new_text", word("value_map", source="ProductName", map="colours"), "map: 'colours' is not in `value_maps`, which has codes"),
    ("new_text", word("value_map", source="ProductName", map="codes", otherwise=5), "otherwise: 5: new_text takes a text"),
    ("new_text", word("value_map", source="SalesPrice", map="codes"), "from: SalesPrice is a number: this word reads a text or an id or a member of an enumeration"),
    ("new_whole", word("joined", source=["ProductName", "ProductNumber"]), "word: joined: new_whole takes a whole number"),
    ("new_text", word("joined", source=["ProductName", "SalesPrice"]), "from.1: SalesPrice is a number: this word reads a text or an id"),
    ("new_text", word("first_of", source=["ProductName", "SalesPrice"]), "from.1: SalesPrice is a number, and new_text takes a text"),
    ("new_whole", word("default", name="currency"), "name: 'currency': new_whole takes a whole number"),
    ("new_Keeper", word("lookup", source="SalesPrice", by="fullname"), "from: SalesPrice is a number: this word reads a text or an id or a member of an enumeration"),
    ("new_flag", word("constant", value="Yes"), "value: 'Yes': new_flag takes yes or no"),
    ("new_tier", word("constant", value=4), "value: 4: new_tier takes an option (1, 2, 3)"),
    ("new_whole", word("constant", value=True), "value: True: new_whole takes a whole number"),
    ("new_number", word("constant", value="x"), "value: 'x': new_number takes a number"),
    ("new_text", word("copy", source="ProductName", length=13), "length: 13: new_text takes 12 characters at most"),
    ("new_whole", word("constant", value=1, length=3), "length: 3: new_whole is a whole number, and only a text has a length"),
    ("new_text", word("rules", rules=[{"when": IF_NAMED, "value": 5}]), "rules.0.value: 5: new_text takes a text"),
    ("new_text", word("rules", rules=[{"when": IF_NAMED, "value": "a"}], otherwise=5), "otherwise: 5: new_text takes a text"),
]  # fmt: skip


def mistakes(part: str, field: str, entry: Json) -> list[str]:
    """What is told of a document with this entry."""
    given = document(countries={}, states={}, own_columns=OWN, value_maps=VALUE_MAPS, fields={part: {field: entry}})
    with pytest.raises(SettingsInvalid) as refused:
        check(given)
    return [line.strip() for line in str(refused.value).splitlines()[1:]]


@pytest.mark.parametrize(("field", "entry", "told"), WRONG)
def test_a_word_that_does_not_fit_its_column_has_one_message(field: str, entry: Json, told: str) -> None:
    (message,) = mistakes("products", field, entry)
    assert message.startswith(f"fields.products.{field}.{told}"), message


def test_each_code_of_a_value_map_that_the_column_does_not_take_is_told_with_its_place() -> None:
    value_maps: Any = VALUE_MAPS
    codes = value_maps["codes"]
    assert mistakes("products", "new_whole", word("value_map", source="ProductName", map="codes")) == [
        f"fields.products.new_whole.map: {code!r} in value_maps.codes.{text}: new_whole takes a whole number"
        for text, code in codes.items()
    ]


@pytest.mark.parametrize(
    ("part", "column", "told"),
    [
        ("products", "productid", "it is the key, which the sync writes itself"),
        ("products", "productnumber", "it is the key, which the sync writes itself"),
        ("products", "createdon", "it is read-only"),
        ("orders_back", "ordernumber", "it is the key, which the sync writes itself"),
        ("order_lines_back", "sequencenumber", "it is the key, which the sync writes itself"),
        ("invoices", "invoicenumber", "it is the key, which the sync writes itself"),
        ("invoice_lines", "sequencenumber", "it is the key, which the sync writes itself"),
    ],
)
def test_what_the_sync_or_sales_itself_writes_takes_no_word(part: str, column: str, told: str) -> None:
    (message,) = mistakes(part, column, word("constant", value="x"))
    assert message.endswith(f"does not let it be written: {told}"), message
    assert message.startswith(f"fields.{part}.{column}: "), message


def test_a_lookup_of_sales_takes_the_word_lookup_only() -> None:
    (message,) = mistakes("products", "new_Keeper", word("copy", source="ProductName"))
    assert message == (
        "fields.products.new_Keeper: it is a lookup of products: use the word lookup, and name the navigation"
    )
