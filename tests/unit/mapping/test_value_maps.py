"""The map document: every mistake is told by place, value and remedy, all together."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import exact_json
from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from shared.records import Json
from tests.unit.mapping.samples import document, keeping, maps

# Reading the names of countries and states takes nearly all of the time.
SHORT = document(countries={"Germany": "DE"}, states={})


def refused(source: str) -> str:
    """The message that refuses a document."""
    with pytest.raises(SettingsInvalid) as raised:
        FLOWS.read_map_document(source)
    return str(raised.value)


def refused_with(**parts: Json) -> str:
    """The message that refuses the shipped document with parts replaced."""
    return refused(exact_json.dumps(document(**parts)))


def defaults(**values: Json) -> dict[str, Json]:
    """The shipped defaults with some replaced; one that is replaced by ... is left out."""
    shipped = document()["defaults"]
    assert isinstance(shipped, dict)
    return {**shipped, **values}


def test_the_shipped_document_is_taken_when_none_is_named() -> None:
    assert FLOWS.read_map_document(exact_json.dumps(SHORT)).country("germany") == "DE"
    assert FLOWS.read_map_document(None) == FLOWS.read_map_document("") == FLOWS.read_map_document(str(SHIPPED))


def test_a_document_is_taken_from_a_file_or_from_its_text(tmp_path: Path) -> None:
    text = exact_json.dumps(document(countries={"Schweiz": "CH"}))
    file = tmp_path / "maps.json"
    file.write_text(text, encoding="utf-8")
    assert FLOWS.read_map_document(str(file)) == FLOWS.read_map_document(f"\n  {text}")
    assert FLOWS.read_map_document(text).country("schweiz") == "CH"


def test_a_file_that_does_not_exist_is_named_with_the_remedy(tmp_path: Path) -> None:
    message = refused(str(tmp_path / "none.json"))
    assert message == (f"MAP_DOCUMENT: {tmp_path / 'none.json'} does not exist: create it, or name another file")


def test_a_value_that_is_no_path_is_told_what_may_stand_there() -> None:
    assert refused("ca5cade0-secret") == (
        "MAP_DOCUMENT: the file that it names does not exist: "
        "write the path of a JSON or YAML file, or the document itself"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_is_read_however_an_editor_has_saved_it(tmp_path: Path, encoding: str) -> None:
    text = exact_json.dumps(document(countries={"Österreich": "AT"}, states={}))
    file = tmp_path / "maps.json"
    file.write_bytes(text.encode(encoding))
    assert FLOWS.read_map_document(str(file)).country("österreich") == "AT"
    assert FLOWS.read_map_document(f"\ufeff{text}").country("österreich") == "AT"


def test_a_file_in_the_code_page_of_a_computer_is_named_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "maps.json"
    file.write_bytes(exact_json.dumps(document(countries={"Österreich": "AT"}, states={})).encode("cp1252"))
    assert refused(str(file)).endswith(f": {file} is neither UTF-8 nor UTF-16: save it as UTF-8")


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert f"{tmp_path} cannot be read (Is a directory)" in refused(str(tmp_path))


@pytest.mark.parametrize(
    "text",
    ["{", "{'a': 1}", '{"a": NaN}', '{"a": 1,}', '{"a":' + "[" * 99_999, '{"a":' + "9" * 9_999 + "}"],
    ids=["cut", "quotes", "NaN", "comma", "nesting", "digits"],
)
def test_what_is_not_json_is_refused(text: str) -> None:
    assert "is not JSON" in refused(text)


def test_a_file_whose_content_is_no_object_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "maps.json"
    file.write_text("[]", encoding="utf-8")
    assert "write an object in braces" in refused(str(file))


@pytest.mark.parametrize(
    ("name", "text"), [("a.yaml", ""), ("a.yaml", "# later\n"), ("a.json", " \n"), ("a.json", "null")]
)
def test_an_empty_document_is_told_with_what_to_begin(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    assert refused(str(file)) == (f"MAP_DOCUMENT: {file} is empty: begin with a copy of shared/mapping/value_maps.json")


def test_a_document_of_one_part_is_told_with_which_document_to_begin() -> None:
    told = refused('{"filters": {}}')
    for part in ("defaults", "countries", "states", "currencies", "text_lengths"):
        assert f"{part} is missing: begin with a copy of shared/mapping/value_maps.json, which has every part" in told


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"contries": {}}, "contries is unknown"),
        ({"defaults": {"site": "1"}}, "defaults.customer_group is missing: add it"),
        ({"defaults": defaults(colour="red")}, "defaults.colour is unknown"),
        ({"defaults": defaults(customer_group=10)}, "defaults.customer_group is 10: write a text in quotes"),
        ({"defaults": defaults(customer_group="")}, "defaults.customer_group is '': write at least one character"),
        ({"defaults": defaults(country="USA")}, "defaults.country is 'USA': write the ISO 3166 code"),
        ({"defaults": defaults(currency="usd")}, "defaults.currency is 'usd': write the ISO 4217 code"),
        ({"countries": {"Germany": "de"}}, "countries.Germany is 'de': write the ISO 3166 code"),
        ({"countries": {" ": "DE"}}, "write at least one character that is not blank"),
        ({"countries": {"Germany": "DE", "germany ": "AT"}}, "'germany ' is listed twice, as DE and as AT"),
        ({"countries": ["DE"]}, "countries is a list: write an object in braces"),
        ({"states": {"USA": {}}}, "states.USA is a wrong name: write the ISO 3166 code"),
        ({"states": {"US": {"Ohio": ""}}}, "states.US.Ohio is ''"),
        ({"states": {"US": {"Ohio": "OH", "OHIO": "XX"}}}, "'OHIO' is listed twice"),
        ({"currencies": {"EURO": "EUR"}}, "currencies.EURO is a wrong name: write the ISO 4217 code"),
        (
            {"text_lengths": {"CustomersV3": {"SiteId": 0}}},
            "text_lengths.CustomersV3.SiteId is 0: write a whole number",
        ),
        ({"text_lengths": {"CustomersV3": {"SiteId": "5"}}}, "SiteId is '5': write a whole number without quotes"),
        ({"text_lengths": {"CustomersV2": {}}}, "text_lengths.CustomersV2 is unknown: write 'CustomersV3'"),
        ({"fields": {"account": {}}}, "fields.account is unknown: write 'accounts'"),
        (
            {"fields": {"accounts": {"SalesMemo": "never"}}},
            "fields.accounts.SalesMemo is 'never': write 'owned', 'on_create', 'fill_if_blank' or 'off'",
        ),
        ({"filters": {"accounts": {}}}, "filters.accounts is an object: write a list in brackets"),
        ({"filters": keeping({"operator": "filled"})}, "filters.accounts.0.keep.and.0.column is missing"),
        (
            {"filters": keeping({"column": "the owner", "operator": "filled"})},
            "keep.and.0.column is 'the owner': write the logical name of a column",
        ),
        (
            {"filters": keeping({"column": "x", "operator": "like", "value": "a"})},
            "filters.accounts.0.keep.and.0.operator is 'like'",
        ),
        ({"filters": keeping({"column": "x", "operator": "eq"})}, "the operator eq takes a value"),
        ({"filters": keeping({"column": "x", "operator": "in", "value": []})}, "the operator in takes a list"),
        ({"filters": keeping({"column": "x", "operator": "blank", "value": 1})}, "the operator blank takes no value"),
        ({"filters": keeping({"column": "x", "operator": "contains", "value": 1})}, "contains takes a text"),
        ({"filters": keeping({"column": "x", "operator": "gt", "value": True})}, "gt takes a text or a number"),
    ],
)
def test_a_mistake_is_reported_by_place_value_and_remedy(parts: dict[str, Json], said: str) -> None:
    message = refused_with(**parts)
    assert message.startswith("MAP_DOCUMENT: the map document has ")
    assert said in message


def test_all_mistakes_are_reported_together() -> None:
    message = refused_with(defaults=defaults(country="USA"), countries={"Germany": "de"}, extra=1)
    assert "has 3 mistakes:" in message
    assert all(place in message for place in ("defaults.country", "countries.Germany", "extra"))


def test_no_mistake_is_reported_in_the_words_of_a_library() -> None:
    message = refused_with(
        defaults={},
        countries={"Germany": 5},
        currencies=5,
        filters=keeping({"column": "x", "operator": "eq", "value": [{}]}),
        text_lengths={"CustomersV3": {"SiteId": Decimal("1.5")}},
    )
    assert "Input should" not in message
    assert "Field required" not in message


def test_the_same_name_may_stand_twice_with_the_same_code() -> None:
    assert maps(countries={"Germany": "DE", "germany ": "DE"}).country("GERMANY") == "DE"


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda each: st.lists(each) | st.dictionaries(st.text(), each),
        max_leaves=8,
    )
)
def test_any_part_of_any_shape_is_taken_or_refused_and_never_breaks(value: Json) -> None:
    for part in SHORT:
        with suppress(SettingsInvalid):
            FLOWS.read_map_document(exact_json.dumps({**SHORT, part: value}))
