"""Hints: the messages of the queues."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.state.links import Link
from shared.state.storage.tables import check_size, escape
from shared.state.waiting import Wait
from shared.sync.hints import Hint, HintMessage, HintUnreadable, Why, merge, messages, read_message, unusable_id

IDS = st.text(min_size=1, max_size=200).filter(lambda id: not unusable_id(id))
QUEUE_BYTES = 64 * 1024
HINTS = st.builds(Hint, IDS, st.integers(0, 2**63)) | st.builds(
    Hint, IDS, released=st.booleans(), awaited=st.booleans(), answered=st.booleans()
)


@given(
    st.lists(HINTS, min_size=1, max_size=100),
    st.none() | st.text(max_size=100),
    st.none() | st.sampled_from(Why),
    st.none() | st.text(max_size=100),
)
def test_a_message_survives_the_queue(
    hints: list[Hint], epoch: str | None, why: Why | None, asked_by: str | None
) -> None:
    message = HintMessage("accounts", "run", tuple(hints), epoch, why=why, asked_by=asked_by)
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
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[{"id":"1","released":"yes"}]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[{"id":"1","released":true,"version":"1"}]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[{"id":""}]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[{"id":"\\ud83d"}]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[{"id":"1","version":1e999}]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[{"id":"1","version":"' + "9" * 5000 + '"}]}',
        '{"format":1,"flow":"' + "a" * 5000 + '","run":"r","epoch":null,"hints":[{"id":"1"}]}',
        '{"format":1,"flow":"a","run":"r","epoch":null,"hints":[{"id":"' + "x" * 30_000 + '"}]}',
        '{"format":"' + "x" * 40_000 + '"}',
        "[" * 100_000,
        "[" * 20_000 + "]" * 20_000,
        '{"format":' + "[" * 20_000 + "]" * 20_000 + "}",
    ],
)
def test_a_malformed_hint_is_refused(body: str) -> None:
    with pytest.raises(HintUnreadable) as refused:
        read_message(body)
    assert len(str(refused.value)) < 1_000


def test_a_body_is_read_if_a_queue_could_hold_it_and_a_longer_one_is_refused_by_its_length() -> None:
    message = HintMessage("accounts", "run", (Hint("1"),))
    assert read_message(message.to_body().ljust(QUEUE_BYTES)) == message
    with pytest.raises(HintUnreadable, match=f"it has {QUEUE_BYTES + 1} characters"):
        read_message(message.to_body().ljust(QUEUE_BYTES + 1))


@given(st.lists(HINTS))
def test_merging_keeps_each_id_once_and_the_strongest_hint(hints: list[Hint]) -> None:
    merged = merge(hints)
    assert set(merged) == {hint.id for hint in hints}
    for id, kept in merged.items():
        mine = [hint for hint in hints if hint.id == id]
        versions = [hint.version for hint in mine if hint.version is not None]
        if len(versions) == len(mine):
            assert kept == Hint(id, max(versions))
        else:
            released, awaited, answered = (
                [getattr(hint, name) for hint in mine] for name in ("released", "awaited", "answered")
            )
            assert kept == Hint(id, released=all(released), awaited=any(awaited), answered=any(answered))


@given(st.lists(HINTS, min_size=1, max_size=20), st.sampled_from(["", " ", "\r\n"]))
def test_a_message_is_read_from_base64_too_with_blanks_and_line_breaks_inside(hints: list[Hint], inside: str) -> None:
    message = HintMessage("accounts", "run", tuple(hints))
    encoded = base64.b64encode(message.to_body().encode()).decode()
    assert read_message(inside.join(re.findall(".{1,76}", encoded))) == message


@given(st.lists(HINTS, min_size=1, max_size=20))
def test_a_message_is_ascii_so_that_every_id_can_stand_in_the_xml_of_a_queue(hints: list[Hint]) -> None:
    assert HintMessage("accounts", "run", tuple(hints)).to_body().isascii()


@given(st.lists(HINTS, max_size=300))
def test_every_message_fits_a_queue_whatever_its_ids_are(hints: list[Hint]) -> None:
    made = list(messages("quotations", "r" * 32, hints, 100, epoch="e" * 32))
    assert [hint for message in made for hint in message.hints] == hints
    assert all(len(message.to_body().encode()) <= QUEUE_BYTES for message in made)


@pytest.mark.parametrize(
    ("count", "first", "sizes"),
    [(450, 50, [50, 100, 200, 100]), (50, 50, [50]), (450, 300, [200, 200, 50]), (450, None, [200, 200, 50])],
)
def test_messages_grow_from_a_small_first_one(count: int, first: int | None, sizes: list[int]) -> None:
    hints = [Hint(str(number)) for number in range(count)]
    made = list(messages("accounts", "run", hints, 200, first=first))
    assert [len(message.hints) for message in made] == sizes
    assert [hint for message in made for hint in message.hints] == hints


def test_messages_of_the_longest_ids_fit_a_queue() -> None:
    hints = [Hint(character * (200 // len(escape(character)))) for character in "x\x01\N{GRINNING FACE}\\" * 75]
    made = list(messages("quotations", "r" * 32, hints, 1_000))
    assert sum(len(message.hints) for message in made) == 300
    assert all(len(message.to_body().encode()) <= QUEUE_BYTES for message in made)


@given(st.text(st.characters(exclude_categories=[]), max_size=300))
def test_an_id_that_is_not_refused_fits_every_key_of_our_tables(id: str) -> None:
    if unusable_id(id):
        return
    assert Hint(id) == read_message(HintMessage("f", "r", (Hint(id),)).to_body()).hints[0]
    check_size(Wait("quotations", id, "contacts", "contact person", id).to_row())
    check_size(Link("quotations", id).to_row())
