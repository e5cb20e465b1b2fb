"""How owned keys are walked, taken, handed over and given up."""

from collections.abc import Callable

import pytest

from shared.state.keys import Keys, Owner
from shared.state.storage.memory import MemoryTable
from tests.support.clock import ManualClock

NUMBERS = ["A-1", "A-10", "A-2", "B", "\uff21"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 9])
def test_pages_of_any_size_give_each_key_once_and_in_order(limit: int) -> None:
    keys = Keys(MemoryTable(ManualClock()), "CustomersV3", "usmf")
    keys.own({number: Owner("accounts", "customer", number) for number in NUMBERS})
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page, after = keys.page(after, limit)
        assert len(page) <= limit
        found += [each.key for each in page]
        assert len(found) <= len(NUMBERS)
    assert found == NUMBERS


ME, OTHER, THIRD = (Owner("accounts", "customer", id) for id in ("m", "o", "t"))


class Racing:
    """Keys whose table another worker may change right before a transaction."""

    def __init__(self) -> None:
        self._before: list[Callable[[], object]] = []
        self.keys = Keys(MemoryTable(ManualClock(), "keys", self._step), "CustomersV3", "usmf")

    def before_the_next_write(self, change: Callable[[], object]) -> None:
        self._before.append(change)

    def _step(self, name: str) -> None:
        if name == "keys.transact" and self._before:
            self._before.pop()()

    def owned(self) -> dict[str, str]:
        """The ids of the owners by key."""
        return {each.key: each.owner.id for each in self.keys.walk()}


def test_a_key_is_taken_by_the_first_that_wants_it_whatever_its_letters_are_and_stays_with_it() -> None:
    at = Racing()
    assert at.keys.own({"A-1": ME, "B": ME}) == {}
    taken = at.keys.own({"a-1 ": OTHER, "B": ME, "C": OTHER})
    assert {key: owned.owner for key, owned in taken.items()} == {"a-1 ": ME}
    assert at.owned() == {"A-1": "m", "B": "m", "C": "o"}
    assert {key: owned.owner for key, owned in at.keys.owners(["A-1", "a-1", "D"]).items()} == {"A-1": ME, "a-1": ME}


@pytest.mark.parametrize("count", [1, 99, 100, 101, 250])
def test_any_number_of_keys_is_taken_and_given_up(count: int) -> None:
    at = Racing()
    at.keys.own({"K7": OTHER})
    wanted = {f"K{number}": ME for number in range(8, 8 + count)}
    assert set(at.keys.own({"K7": ME, **wanted})) == {"K7"}
    assert at.owned() == {"K7": "o", **dict.fromkeys(wanted, "m")}
    at.keys.release_all({"K7": ME, **wanted, "never": ME})
    assert at.owned() == {"K7": "o"}


def test_a_key_that_another_worker_takes_meanwhile_is_the_others_and_the_rest_is_ours() -> None:
    at = Racing()
    at.before_the_next_write(lambda: at.keys.own({"A": OTHER}))
    assert set(at.keys.own({"A": ME, "B": ME})) == {"A"}
    assert at.owned() == {"A": "o", "B": "m"}


def test_who_claims_its_key_again_keeps_it_from_a_worker_that_has_read_it_before() -> None:
    at = Racing()
    at.keys.own({"A": ME})
    read = at.keys.owners(["A"])["A"]
    at.keys.own({"A": ME})
    assert not at.keys.hand_over(read, OTHER)
    assert not at.keys.release(read)
    now = at.keys.owners(["A"])["A"]
    assert at.keys.hand_over(now, OTHER)
    assert at.owned() == {"A": "o"}
    assert at.keys.release(at.keys.owners(["A"])["A"])
    assert at.owned() == {}


def test_a_key_that_changes_hands_while_several_are_given_up_stays_and_the_others_go() -> None:
    at = Racing()
    at.keys.own({"A": ME, "B": ME, "C": OTHER})
    read = at.keys.owners(["B"])["B"]
    at.before_the_next_write(lambda: at.keys.hand_over(read, THIRD))
    at.keys.release_all({"A": ME, "B": ME, "C": ME})
    assert at.owned() == {"B": "t", "C": "o"}
