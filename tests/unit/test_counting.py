"""Numbers with their nouns."""

import pytest

from shared.counting import counted


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 settings"), (1, "1 setting"), (2, "2 settings"), (1000, "1000 settings")]
)
def test_one_is_singular_and_everything_else_is_plural(count: int, said: str) -> None:
    assert counted(count, "setting") == said


def test_a_plural_that_is_not_made_by_an_s_is_given() -> None:
    assert (counted(1, "history", "histories"), counted(2, "history", "histories")) == ("1 history", "2 histories")
