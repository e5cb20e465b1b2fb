"""Which quotes of a number are revisions of one another, by their ids and their count alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.flows.quotations.revisions import MOST_KEPT, chain_of, reuse_of
from tests.unit.mapping.quotes import header, mapped, quote

A0, A1, A2 = {"a0": 0}, {"a1": 1}, {"a2": 2}
B0, B1 = {"b0": 0}, {"b1": 1}


@pytest.mark.parametrize(
    ("chosen", "there", "known", "reused"),
    [
        ("a0", A0, {}, False),
        ("b0", A0 | B0, {}, False),
        ("a0", A0, A0, False),
        ("a1", A0 | A1, A0, False),
        ("a1", A1, A0, False),
        ("a0", A0 | B0, A0, False),
        ("a0", A0, A0 | A1, False),
        ("a2", A0 | A1 | A2, A0 | A1, False),
        # A former revision was made anew after the latest one had been deleted, or Sales was restored to an older day.
        ("x1", A0 | {"x1": 1}, A0 | A1, False),
        ("x2", A0 | A1 | {"x2": 2}, A0 | A1 | A2, False),
        ("b0", B0, A0, True),
        ("b0", B0, A0 | A1, True),
        ("b1", B0 | B1, A0, True),
        ("b1", B1, A0 | A1, True),
        ("b0", A0 | B0, A0, True),
        ("b1", A0 | B0 | B1, A0, True),
    ],
)
def test_a_quote_is_a_revision_or_has_only_the_number(
    chosen: str, there: dict[str, int], known: dict[str, int], *, reused: bool
) -> None:
    refusal = reuse_of("Q-1", chosen, there, known)
    assert (refusal is not None) is reused
    chain = chain_of(chosen, there, known)
    assert chain.items() >= {chosen: there[chosen]}.items()
    assert not reused or not chain.keys() & known.keys()
    assert reuse_of("Q-1", chosen, there, chain) is None


def test_a_reused_number_is_reported_with_both_quotes_and_every_way_out() -> None:
    gone = reuse_of("Q-1", "b0", B0, A0)
    assert gone is not None
    assert gone.cause == "number_reused"
    assert all(word in gone.message for word in ("Q-1", "a0, which is gone", "b0"))
    assert all(word in gone.remedy for word in ("create", "QUOTATIONS_ON_EXISTING", "delete the quotation"))
    there = reuse_of("Q-1", "b0", A0 | B0, A0)
    assert there is not None
    assert "which is gone" not in there.message


def test_at_first_only_what_is_certainly_of_the_chain_is_remembered() -> None:
    assert chain_of("a1", A0 | A1 | B0, {}) == A1
    assert chain_of("a1", A0 | A1, {}) == A0 | A1
    assert chain_of("a0", A0 | B0, {}) == A0


def test_a_stranger_is_not_remembered_and_a_gone_revision_stays() -> None:
    assert chain_of("a1", A1 | B0, A0 | A1) == A0 | A1


@given(st.integers(1, 3 * MOST_KEPT))
def test_a_chain_of_any_length_is_followed_and_kept_within_its_bound(length: int) -> None:
    known: dict[str, int] = {}
    for latest in range(length):
        there = {f"r{number}": number for number in range(latest + 1)}
        assert reuse_of("Q-1", f"r{latest}", there, known) is None
        known = chain_of(f"r{latest}", there, known)
    assert max(known.values()) == length - 1
    assert len(known) == min(length, MOST_KEPT)


def test_a_quote_says_of_what_revisions_it_is_made() -> None:
    first = header(quoteid="EEEEEEEE-0000-0000-0000-000000000001", statecode=3, statuscode=7)
    second = header(quoteid="eeeeeeee-0000-0000-0000-000000000002", revisionnumber=1)
    verdict = mapped(quote(first, second))
    assert verdict.reused is None
    assert verdict.revisions == {
        "eeeeeeee-0000-0000-0000-000000000001": 0,
        "eeeeeeee-0000-0000-0000-000000000002": 1,
    }
