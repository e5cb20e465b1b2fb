"""Any value of a source column becomes a value of the field's type, or is refused by the name of its column: for every
word of the map document, in both directions."""

# ruff: noqa: E501 - tables of cases, one a line

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as given_by
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flows.products.mapping import ProductMapper
from shared.mapping import field_specs as specs
from shared.mapping.field_table import FieldTable
from shared.mapping.words import Unmappable
from shared.records import Json
from tests.support.thinned import few_examples
from tests.unit.mapping.samples import mapper, maps
from tests.unit.mapping.test_wrong_map_documents import word

KINDS: Mapping[str, Json] = {
    "Text": {"type": "text", "length": 12},
    "Whole": {"type": "whole"},
    "Number": {"type": "decimal"},
    "Date": {"type": "date"},
}
OWN: Json = {
    "accounts": {
        "new_text": {"type": "text"},
        "new_tier": {"type": "option", "options": [1, 2, 3]},
        "new_flag": {"type": "yes_no"},
        "new_number": {"type": "decimal"},
        "new_day": {"type": "date", "behavior": "DateOnly"},
        "new_moment": {"type": "date", "behavior": "UserLocal"},
        "new_Region.new_name": {"type": "text"},
    },
    "CustomersV3": {
        **{f"Contoso{name}": facts for name, facts in KINDS.items()},
        "ContosoMember": {"type": "member", "members": ["None", "Gold", "Silver"]},
        "ContosoFlag": {"type": "member", "members": ["No", "Yes"]},
    },
    "SellableReleasedProducts": {
        "ContosoDate": {"type": "date"},
        "ContosoMember": {"type": "member", "members": ["None", "Gold", "Silver"]},
    },
    "products": {
        **{f"new_{name.lower()}": facts for name, facts in KINDS.items() if name != "Date"},
        "new_day": {"type": "date", "behavior": "DateOnly"},
        "new_moment": {"type": "date", "behavior": "UserLocal"},
        "new_flag": {"type": "yes_no"},
        "new_tier": {"type": "option", "options": [1, 2, 3]},
        "new_Keeper": {"type": "lookup", "table": "contacts"},
    },
}
VALUE_MAPS: Json = {"codes": {"Retail trade": "RTL", "Wholesale": "WHS"}}
ROOM: Mapping[str, st.SearchStrategy[Json]] = {
    "text": st.none() | st.text() | st.sampled_from(["Retail  trade", "dozen", "EA", "usd"]),
    "option": st.none() | st.integers(-(2**31), 2**31 - 1) | st.sampled_from([1, 2, 3]),
    "yes_no": st.none() | st.booleans(),
    "number": st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=6),
    "whole": st.none() | st.integers(-(2**31), 2**31 - 1),
    "moment": st.none() | st.datetimes().map(lambda at: f"{at.isoformat(timespec='seconds')}Z") | st.text(max_size=20),
    "day": st.none() | st.dates().map(str) | st.text(max_size=10),
    "member": st.none() | st.sampled_from(["None", "Gold", "Silver", "Bronze"]),
    "flag": st.none() | st.sampled_from(["No", "Yes"]),
}


@dataclass(frozen=True)
class Case:
    """An entry of the document, and what its columns may hold. With `refuses`, some values have no counterpart."""

    field: str
    entry: Json
    columns: Mapping[str, str] = given_by(default_factory=dict)
    refuses: bool = False


WHEN: Json = {"column": "new_tier", "operator": "in", "value": [1, 2]}
TO_FINOPS = [
    Case("ContosoText", word("copy", source="new_text"), {"new_text": "text"}, refuses=True),
    Case("ContosoText", word("copy", source="new_Region.new_name"), {"new_Region.new_name": "text"}, refuses=True),
    Case("ContosoNumber", word("copy", source="new_number"), {"new_number": "number"}, refuses=True),
    Case("ContosoText", word("constant", value="A")),
    Case("ContosoText", word("default", name="site")),
    Case(
        "ContosoText", word("first_of", source=["new_text", "fax"]), {"new_text": "text", "fax": "text"}, refuses=True
    ),
    Case("ContosoText", word("joined", source=["new_text", "fax"]), {"new_text": "text", "fax": "text"}, refuses=True),
    Case("ContosoMember", word("option", source="new_tier", to={"1": "Gold"}), {"new_tier": "option"}, refuses=True),
    Case(
        "ContosoWhole", word("option", source="new_tier", to={"1": 10, "2": 20}), {"new_tier": "option"}, refuses=True
    ),
    Case("ContosoFlag", word("yes_no", source="new_flag"), {"new_flag": "yes_no"}),
    Case("ContosoText", word("value_map", source="new_text", map="codes"), {"new_text": "text"}, refuses=True),
    Case("ContosoText", word("value_map", source="new_text", map="codes", otherwise="X"), {"new_text": "text"}),
    Case("ContosoText", word("currency", source="new_text"), {"new_text": "text"}, refuses=True),
    Case("ContosoText", word("unit", source="new_text"), {"new_text": "text"}, refuses=True),
    Case("ContosoDate", word("day", source="new_day"), {"new_day": "day"}, refuses=True),
    Case("ContosoDate", word("day", source="new_moment"), {"new_moment": "moment"}, refuses=True),
    Case("ContosoDate", word("date_time", source="new_moment"), {"new_moment": "moment"}, refuses=True),
    Case("ContosoNumber", word("decimal", source="new_number", decimals=2), {"new_number": "number"}, refuses=True),
    Case("ContosoText", word("rules", rules=[{"when": WHEN, "value": "A"}], otherwise="B"), {"new_tier": "option"}),
]
TO_SALES = [
    Case("new_text", word("copy", source="ProductName"), {"ProductName": "text"}, refuses=True),
    Case("new_whole", word("copy", source="SalesUnitDecimalPrecision"), {"SalesUnitDecimalPrecision": "whole"}, refuses=True),
    Case("new_flag", word("constant", value=True)),
    Case("new_text", word("default", name="site")),
    Case("new_text", word("first_of", source=["ProductName", "ProductDescription"]),
         {"ProductName": "text", "ProductDescription": "text"}, refuses=True),
    Case("new_text", word("joined", source=["ProductName", "ProductDescription"], separator=", "),
         {"ProductName": "text", "ProductDescription": "text"}, refuses=True),
    Case("new_tier", word("option", source="ContosoMember", to={"Gold": 1}), {"ContosoMember": "member"}, refuses=True),
    Case("new_flag", word("yes_no", source="IsStockedProduct", opposite=True), {"IsStockedProduct": "flag"}),
    Case("new_text", word("value_map", source="ProductName", map="codes"), {"ProductName": "text"}, refuses=True),
    Case("new_text", word("unit", source="SalesUnitSymbol"), {"SalesUnitSymbol": "text"}, refuses=True),
    Case("new_day", word("day", source="ContosoDate"), {"ContosoDate": "moment"}, refuses=True),
    Case("new_moment", word("date_time", source="ContosoDate"), {"ContosoDate": "moment"}, refuses=True),
    Case("new_number", word("decimal", source="SalesPrice", decimals=1), {"SalesPrice": "number"}, refuses=True),
    Case("new_Keeper", word("lookup", source="ProductName", by="msdynce_contactnumber"), {"ProductName": "text"}, refuses=True),
    Case("new_tier", word("rules", rules=[{"when": {"column": "ProductName", "operator": "begins", "value": "a"}, "value": 2}]),
         {"ProductName": "text"}, refuses=True),
]  # fmt: skip


def fields(part: str, case: Case) -> Json:
    return {part: {case.field: case.entry}}


def accounts(case: Case) -> FieldTable:
    return mapper(
        countries={}, states={}, own_columns=OWN, value_maps=VALUE_MAPS, fields=fields("accounts", case)
    ).table


def products(case: Case) -> FieldTable:
    own = maps(countries={}, states={}, own_columns=OWN, value_maps=VALUE_MAPS, fields=fields("products", case))
    return ProductMapper(own).table


CASES: list[tuple[Callable[[Case], FieldTable], Case]] = [
    *((accounts, case) for case in TO_FINOPS),
    *((products, case) for case in TO_SALES),
]
_WORDS = {str(get_args(spec.model_fields["word"].annotation)[0]) for spec in get_args(specs.WordSpec)}


def names_of(cases: list[Case]) -> set[str]:
    return {str(case.entry["word"]) for case in cases if isinstance(case.entry, dict)}


def test_every_word_is_tried_in_every_direction_that_it_has() -> None:
    assert names_of(TO_FINOPS) == _WORDS - {"lookup"}
    assert names_of(TO_SALES) == _WORDS - {"currency"}


def kind_of(table: FieldTable, name: str) -> type:
    (field,) = (field for field in table.fields if field.name == name)
    return field.type


@pytest.mark.parametrize(
    ("make", "case"), CASES, ids=[f"{make.__name__}-{case.field}-{n}" for n, (make, case) in enumerate(CASES)]
)
def test_any_value_is_sent_with_the_type_of_its_field_or_refused_by_name(
    make: Callable[[Case], FieldTable], case: Case
) -> None:
    table = make(case)
    wanted = (Decimal, int) if kind_of(table, case.field) is Decimal else kind_of(table, case.field)

    @few_examples()
    @given(st.fixed_dictionaries({column: ROOM[kind] for column, kind in case.columns.items()}))
    def holds(found: dict[str, Json]) -> None:
        row: dict[str, Json] = {"name": "A", "ProductName": "Bike", "SalesUnitDecimalPrecision": 2}
        for path, value in found.items():
            navigation, dot, column = path.partition(".")
            row |= {navigation: {column: value}} if dot else {path: value}
        table.check_source(row)
        try:
            content = table.content(row)
        except Unmappable as unmappable:
            told = f"{unmappable} {unmappable.remedy}"
            assert case.refuses, told
            assert any(column in told for column in case.columns), told
        else:
            value = {**content.owned, **content.on_create}[case.field]
            assert value is None or isinstance(value, wanted), (value, wanted)
            assert not isinstance(value, float)

    holds()
