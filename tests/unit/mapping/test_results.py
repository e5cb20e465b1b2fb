"""The columns for the result of a record, and what they get."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS
from shared.mapping.map_source import SHIPPED
from shared.mapping.results import ResultColumns, cut, digest_of
from shared.mapping.words import length_of

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
def test_a_cut_text_fits_and_is_the_beginning(text: str, length: int) -> None:
    found = cut(text, length)
    assert length_of(found) <= length
    assert found == text or text.startswith(found.removesuffix("\u2026"))


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
