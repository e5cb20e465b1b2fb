"""Hints: the messages of the queues."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sync.hints import Hint, HintMessage, HintUnreadable, merge, read_message

HINTS = st.builds(Hint, st.text(min_size=1), st.none() | st.integers(0, 2**63))


@given(st.lists(HINTS, min_size=1, max_size=100), st.none() | st.text())
def test_a_message_survives_the_queue(hints: list[Hint], epoch: str | None) -> None:
    message = HintMessage("accounts", "run", tuple(hints), epoch)
    assert read_message(message.to_body()) == message


@given(st.text())
def test_any_other_text_is_refused_with_our_own_error(body: str) -> None:
    with pytest.raises(HintUnreadable):
        read_message(body)


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{}",
        '{"format":2,"flow":"a","run":"r","epoch":null,"hints":[{"id":"1"}]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[{"id":1}]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[{"id":"1","version":"x"}]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":["1"]}',
    ],
)
def test_a_malformed_hint_is_refused(body: str) -> None:
    with pytest.raises(HintUnreadable):
        read_message(body)


@given(st.lists(HINTS))
def test_merging_keeps_each_id_once_and_the_strongest_hint(hints: list[Hint]) -> None:
    merged = merge(hints)
    assert set(merged) == {hint.id for hint in hints}
    for id, kept in merged.items():
        versions = [hint.version for hint in hints if hint.id == id]
        known = [version for version in versions if version is not None]
        assert kept.version == (None if None in versions else max(known))


def test_a_full_message_fits_a_storage_queue_in_base64() -> None:
    hints = tuple(Hint("00000000-0000-0000-0000-000000000000", 2**63 - 1) for _ in range(100))
    assert len(HintMessage("accounts", "r" * 32, hints, "e" * 32).to_body().encode()) < 49_152
