"""No value ever leaves the place in an address that it was put into."""

import json
from decimal import Decimal
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odata_query import ast
from odata_query.grammar import ODataLexer, ODataParser
from requests import Request, Session

from shared.clients import quoting
from shared.clients.quoting import EnumMember, Guid, Literal
from shared.errors import RecordRejected

ID = "2e451703-0000-0000-0000-00000000000A"
sendable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
keys = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\?#%+:*"), min_size=1, max_size=20
).filter(lambda key: key.strip(" "))


def as_sent(url: str) -> str:
    """The address as requests puts it on the wire."""
    sent = Session().prepare_request(Request("GET", url)).url
    assert sent is not None
    return sent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("O'Neil", "'O''Neil'"),
        ("", "''"),
        (" RFI", "' RFI'"),
        (True, "true"),
        (5637144576, "5637144576"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12.50"), "12.50"),
        (Guid(ID), ID.lower()),
        (EnumMember("Microsoft.Dynamics.DataEntities.NoYes", "Yes"), "Microsoft.Dynamics.DataEntities.NoYes'Yes'"),
    ],
)
def test_a_value_becomes_the_literal_of_its_type(value: Literal, text: str) -> None:
    assert quoting.literal(value) == text


@pytest.mark.parametrize("value", ["a\0b", "\ud800", Guid("1 or 1 eq 1")])
def test_a_value_that_cannot_be_sent_is_refused_with_a_remedy(value: Literal) -> None:
    with pytest.raises(RecordRejected) as caught:
        quoting.literal(value)
    assert caught.value.remedy


@given(text=sendable)
def test_any_text_survives_the_way_through_a_filter(text: str) -> None:
    filtered = quoting.all_of(quoting.equals("dataAreaId", "usmf"), quoting.any_of("K", [text, "other"]))
    url = as_sent("https://host/data/Set?" + quoting.query({"$filter": filtered, "cross-company": "true"}))
    pairs = [pair.partition("=") for pair in urlsplit(url).query.split("&")]
    assert [name for name, _, _ in pairs] == ["$filter", "cross-company"]
    assert unquote(pairs[0][2], errors="strict") == filtered
    head, _, tail = filtered.partition("K eq ")
    assert head == "dataAreaId eq 'usmf' and ("
    assert tail == "'" + text.replace("'", "''") + "' or K eq 'other')"


@given(text=st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), max_size=20))
def test_an_independent_parser_reads_the_text_that_was_meant(text: str) -> None:
    tree = ODataParser().parse(ODataLexer().tokenize(quoting.equals("K", text)))
    assert isinstance(tree, ast.Compare)
    assert isinstance(tree.right, ast.String)
    assert tree.right.val == text


@given(key=keys)
def test_any_addressable_key_survives_the_way_through_a_path(key: str) -> None:
    segment = quoting.key_segment({"dataAreaId": "usmf", "CustomerAccount": key})
    path = urlsplit(as_sent(f"https://host/data/CustomersV3{segment}?cross-company=true")).path
    assert path.count("/") == 2
    escaped = key.replace("'", "''")
    assert unquote(path, errors="strict") == f"/data/CustomersV3(dataAreaId='usmf',CustomerAccount='{escaped}')"


@pytest.mark.parametrize("key", [*(f"A{sign}1" for sign in "/\\?#%+:*\n\x7f\x85"), "", "  ", "A\ud8001"])
def test_a_key_that_no_address_can_hold_is_refused(key: str) -> None:
    with pytest.raises(RecordRejected) as caught:
        quoting.key_segment({"CustomerAccount": key})
    assert caught.value.cause == "key_not_addressable"
    assert caught.value.remedy


@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), min_size=1))
def test_the_values_of_a_bulk_filter_stay_apart(names: list[str]) -> None:
    text = quoting.one_of("accountid", names)
    opening = "Microsoft.Dynamics.CRM.In(PropertyName='accountid',PropertyValues="
    assert text.startswith(opening)
    listed = text.removeprefix(opening)[:-1]
    assert json.loads(listed) == names
    assert (listed.count("["), listed.count("]")) == (1, 1)


def test_expansions_name_the_columns_of_each_navigation() -> None:
    parts = {"primarycontactid": ["fullname"], "transactioncurrencyid": ["isocurrencycode"]}
    expected = "primarycontactid($select=fullname),transactioncurrencyid($select=isocurrencycode)"
    assert quoting.expansions(parts) == expected
