"""How owned keys are walked."""

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
