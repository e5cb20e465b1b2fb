"""The columns for the result of a record, and what they get."""

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.errors import SettingsInvalid
from shared.flows.quotations.results import QuotationColumns
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from shared.mapping.results import STATE_LENGTH, ResultColumns, cut, digest_of
from shared.mapping.text_lengths import length_of
from shared.state.links import LinkState
from tests.support.project import ROOT
from tests.unit.mapping.test_wrong_map_documents import SETTINGS

MOMENT = datetime(2026, 7, 14, 0, 30, tzinfo=timezone(timedelta(hours=2)))


def refusal(results: object) -> str:
    """What is said of a document with this part."""
    document = {**json.loads(SHIPPED.read_text(encoding="utf-8")), "results": results}
    with pytest.raises(SettingsInvalid) as refused:
        FLOWS.read_map_document(json.dumps(document))
    return str(refused.value)


def test_only_the_columns_that_are_named_are_written() -> None:
    columns = ResultColumns(state="new_state", since="new_since")
    assert columns.values("rejected", "because", MOMENT) == {
        "new_state": "rejected",
        "new_since": "2026-07-13T22:30:00Z",
    }


def test_what_is_not_known_empties_its_column() -> None:
    columns = ResultColumns(reason="new_reason", since="new_since")
    assert columns.values("waiting", "", None) == {"new_reason": None, "new_since": None}


def test_a_character_that_would_be_obeyed_is_written_as_its_number() -> None:
    columns = ResultColumns(reason="new_reason")
    assert columns.values("rejected", "a\u202eb\x00", None) == {"new_reason": "a\\u202eb\\x00"}


@given(st.text(), st.integers(min_value=1, max_value=20))
def test_a_cut_text_fits_and_is_the_beginning_as_far_as_there_is_room(text: str, length: int) -> None:
    found = cut(text, length)
    if length_of(text) <= length:
        assert found == text
    else:
        assert found.endswith("\u2026")
        assert text.startswith(found.removesuffix("\u2026"))
        # Half of a pair is left out.
        assert length_of(found) in (length - 1, length)


def test_a_reason_is_cut_to_500_units_unless_the_document_says_another_length() -> None:
    usual, long = ResultColumns(reason="new_reason"), ResultColumns(reason="new_reason", reason_length=501)
    assert usual.values("", "x" * 500, None) == {"new_reason": "x" * 500}
    assert usual.values("", "x" * 501, None) == {"new_reason": "x" * 499 + "\u2026"}
    assert long.values("", "x" * 501, None) == {"new_reason": "x" * 501}


@pytest.mark.parametrize(("length", "taken"), [(49, False), (50, True), (4000, True), (4001, False)])
def test_a_reason_has_from_50_to_4000_units(length: int, taken: bool) -> None:
    with nullcontext() if taken else pytest.raises(ValidationError, match="a whole number from 50 to 4000"):
        assert ResultColumns(reason="new_reason", reason_length=length).reason_length == length


@pytest.mark.parametrize(("minutes", "taken"), [(0, False), (1, True), (1440, True), (1441, False)])
def test_quotations_are_looked_at_from_once_a_minute_to_once_a_day(minutes: int, taken: bool) -> None:
    with nullcontext() if taken else pytest.raises(ValidationError, match="a whole number from 1 to 1440"):
        assert QuotationColumns(order="new_order", look_every_minutes=minutes).look_every_s == 60 * minutes


def test_quotations_are_looked_at_every_15_minutes_and_nothing_is_of_other_records() -> None:
    of_quote = QuotationColumns(state="new_state", status="new_status", number="new_number", order="new_order")
    assert (of_quote.look_every_s, ResultColumns(state="new_state").look_every_s) == (900, 0)
    assert of_quote.of_target == {
        "new_status": "SalesQuotationStatus",
        "new_number": "SalesQuotationNumber",
        "new_order": "GeneratedSalesOrderNumber",
    }
    assert QuotationColumns(state="new_state").of_target == ResultColumns(state="new_state").of_target == {}


ENTRA = "0F8FAD5B-d9cb-469f-a165-70867728950e"


@pytest.mark.parametrize(
    ("user", "taken"),
    [(ENTRA, True), (f"{ENTRA}0", False), (ENTRA.replace("-", ""), False), (f"{{{ENTRA}}}", False), ("", False)],
)
def test_the_user_for_whom_results_are_written_is_an_object_id(user: str, taken: bool) -> None:
    with nullcontext() if taken else pytest.raises(ValidationError, match="the object id of a user in Entra"):
        assert ResultColumns(state="new_state", written_for=user).written_for == ENTRA.lower()


@pytest.mark.parametrize(
    ("column", "taken"),
    [
        ("ab_x", True),
        ("a1234567_x_2", True),
        ("a_x", False),
        ("a12345678_x", False),
        ("1ab_x", False),
        ("ab_X", False),
        ("ab_", False),
        ("msdyn_x", False),
        ("shipto_name", False),
    ],
)
def test_a_column_of_ones_own_begins_with_a_prefix_of_two_to_eight_characters(column: str, taken: bool) -> None:
    with nullcontext() if taken else pytest.raises(ValidationError, match="a column of your own"):
        assert ResultColumns(state=column).named == {"state": column}


PLACES = st.tuples(st.text(), st.none() | st.text(), st.dictionaries(st.text(), st.text()))


@given(PLACES, PLACES)
def test_results_that_differ_in_row_key_or_values_have_other_digests(
    one: tuple[str, str | None, dict[str, str]], other: tuple[str, str | None, dict[str, str]]
) -> None:
    columns = ResultColumns(state="new_state")
    assert (digest_of(columns, *one) == digest_of(columns, *other)) == (one == other)
    assert digest_of(ResultColumns(reason="new_state"), *one) != digest_of(columns, *one)


def test_the_digest_of_a_result_does_not_depend_on_where_the_moment_was_taken() -> None:
    columns = ResultColumns(since="new_since")
    assert columns.values("", "", MOMENT) == columns.values("", "", MOMENT.astimezone(UTC))


MISTAKES = {
    "a flow that has no rows of Sales": ({"products": {"state": "new_state"}}, "results.products"),
    "a column of Microsoft's": ({"accounts": {"state": "address1_name"}}, "a column of your own"),
    "a column without a prefix": ({"accounts": {"state": "description"}}, "a column of your own"),
    "a column of the solution": ({"accounts": {"state": "msdynce_x"}}, "a column of your own"),
    "no column": ({"accounts": {}}, "name a column for state or reason or since"),
    "one column for two": ({"accounts": {"state": "new_x", "reason": "new_x"}}, "a column of its own"),
    "an unknown part": ({"accounts": {"status": "new_x"}}, "results.accounts.status is unknown"),
    "a user that is none": ({"accounts": {"state": "new_x", "written_for": "me"}}, "the object id of a user in Entra"),
    "what only a quote has": ({"accounts": {"order": "new_x"}}, "results.accounts.order is unknown"),
    "looks that are too rare": (
        {"quotations": {"order": "new_x", "look_every_minutes": 0}},
        "results.quotations.look_every_minutes is 0: write a whole number from 1 to 1440",
    ),
    "a reason that is too short": (
        {"accounts": {"reason": "new_x", "reason_length": 5}},
        "results.accounts.reason_length is 5: write a whole number from 50 to 4000",
    ),
}


@pytest.mark.parametrize(("results", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_its_place_and_what_is_allowed(results: object, told: str) -> None:
    assert told in refusal(results)


def test_columns_for_results_change_no_mapping() -> None:
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    named = {**shipped, "results": {"accounts": {"state": "new_x"}}}
    assert FLOWS.read_map_document(json.dumps(named)).in_order == FLOWS.read_map_document(json.dumps(shipped)).in_order


def test_a_column_that_a_mapping_reads_or_writes_takes_no_result() -> None:
    document = {
        **json.loads(SHIPPED.read_text(encoding="utf-8")),
        "own_columns": {"accounts": {"new_alias": {"type": "text"}}},
        "fields": {"accounts": {"NameAlias": {"word": "copy", "from": "new_alias"}}},
    }

    def read(**results: object) -> None:
        content = json.dumps({**document, "results": results})
        FLOWS.deployment(FLOWS.read_settings({**SETTINGS, "MAP_DOCUMENT": content}))

    read(accounts={"state": "new_state"}, contacts={"state": "new_alias"})
    with pytest.raises(SettingsInvalid) as refused:
        read(accounts={"state": "new_state", "reason": "new_alias"})
    told = "results.accounts.reason is new_alias, which the mapping of accounts uses: name another column"
    assert told in str(refused.value)
    assert "1 mistake" in str(refused.value)


def test_every_state_fits_into_a_column_as_long_as_the_page_says() -> None:
    page = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    assert f"text, {STATE_LENGTH} characters or more" in page
    assert max(len(state.value) for state in LinkState) <= STATE_LENGTH
