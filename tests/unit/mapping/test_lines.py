"""rules.md, Quotes: a line keeps its number for good, and no number is ever given to another line."""

from hypothesis import given
from hypothesis import strategies as st

from shared.flows.sales_documents.lines import Place, number_lines

places = st.builds(
    Place,
    id=st.uuids().map(str),
    number=st.none() | st.integers(min_value=-1, max_value=6),
    product=st.sampled_from(["D0001", "D0002", "S0001"]),
)
documents = st.lists(places, max_size=8, unique_by=lambda place: place.id)


def place(number: int | None, id: str = "", product: str = "D0001") -> Place:
    return Place(id or f"id-{number}", number, product)


def numbers(*lines: Place, used: dict[int, str] | None = None) -> list[int]:
    return list(number_lines(lines, used or {}).numbers)


def after(*lines: Place) -> dict[int, str]:
    """What is known of the numbers once these lines were mapped."""
    return dict(number_lines(lines, {}).ever)


def test_a_line_takes_its_own_number_of_sales() -> None:
    assert numbers(place(7), place(2)) == [7, 2]


def test_a_number_that_is_not_positive_is_no_number() -> None:
    assert numbers(place(0, "a"), place(-4, "b"), place(None, "c"), place(9)) == [11, 10, 12, 9]


def test_lines_of_the_same_number_get_the_next_free_ones() -> None:
    assert numbers(place(1, "a"), place(1, "b"), place(2)) == [3, 4, 2]


def test_a_line_keeps_its_number_when_its_number_of_sales_changes() -> None:
    used = after(place(1, "a"), place(2, "b"))
    assert numbers(place(2, "a"), place(1, "b"), used=used) == [1, 2]


def test_a_line_keeps_its_number_when_another_one_gets_the_same() -> None:
    used = after(place(1, "a"))
    assert numbers(place(1, "a"), place(1, "new"), used=used) == [1, 2]


def test_a_line_of_a_revision_has_the_number_of_the_line_that_it_copies() -> None:
    used = after(place(None, "a"), place(3, "b"), place(4, "c", "S0001"))
    revised = [place(None, "x"), place(3, "y"), place(4, "z", "S0001")]
    assert numbers(*revised, used=used) == numbers(place(None, "a"), place(3, "b"), place(4, "c", "S0001")) == [5, 3, 4]


def test_lines_that_cannot_be_distinguished_inherit_each_one_number() -> None:
    used = after(place(None, "a"), place(None, "b"))
    assert sorted(numbers(place(None, "x"), place(None, "y"), place(None, "z"), used=used)) == [1, 2, 3]


def test_a_line_inherits_nothing_from_a_line_that_is_still_there() -> None:
    used = after(place(1, "a"))
    assert numbers(place(5, "a"), place(1, "new"), used=used) == [1, 2]


def test_another_product_makes_another_line() -> None:
    used = after(place(1, "a", "D0001"))
    numbered = number_lines([place(1, "a", "D0002")], used)
    assert numbered.numbers == (2,)
    assert numbered.ever[1] == ""


def test_a_product_number_in_other_letters_is_the_same_product() -> None:
    assert numbers(place(3, "a", "d0001"), used=after(place(3, "a", "D0001"))) == [3]


def test_the_number_of_a_line_that_is_gone_is_never_given_again() -> None:
    gone = dict(number_lines([place(2)], after(place(1, "a"), place(2))).ever)
    assert gone[1] == ""
    assert numbers(place(1, "a"), place(2), used=gone) == [3, 2]


def test_500_lines_stay_small() -> None:
    ever = number_lines([place(n, f"id-{n}", "P" * 70) for n in range(1, 501)], {}).ever
    assert max(len(identity) for identity in ever.values()) <= 25


@given(documents)
def test_every_line_has_a_positive_number_of_its_own(lines: list[Place]) -> None:
    given = number_lines(lines, {}).numbers
    assert len(given) == len(set(given)) == len(lines)
    assert all(number > 0 for number in given)


@given(documents)
def test_the_order_in_which_lines_are_read_means_nothing(lines: list[Place]) -> None:
    mixed = lines[::-1]
    by_id = dict(zip((line.id for line in lines), number_lines(lines, {}).numbers, strict=True))
    assert dict(zip((line.id for line in mixed), number_lines(mixed, {}).numbers, strict=True)) == by_id


@given(documents, documents)
def test_lines_keep_their_numbers_whatever_else_comes_and_goes(before: list[Place], added: list[Place]) -> None:
    first = number_lines(before, {})
    kept = before[::2]
    there = {line.id for line in kept}
    later = number_lines([*kept, *(line for line in added if line.id not in there)], first.ever)
    assert list(later.numbers[: len(kept)]) == list(first.numbers[::2])


@given(st.lists(documents, max_size=5))
def test_no_number_is_given_to_a_line_of_another_product(history: list[list[Place]]) -> None:
    used: dict[int, str] = {}
    product: dict[int, str] = {}
    for lines in history:
        numbered = number_lines(lines, used)
        assert set(used) <= set(numbered.ever)
        for number, line in zip(numbered.numbers, lines, strict=True):
            assert product.setdefault(number, line.product) == line.product
        used = dict(numbered.ever)


@given(documents)
def test_the_same_lines_again_change_nothing(lines: list[Place]) -> None:
    first = number_lines(lines, {})
    assert number_lines(lines, first.ever) == first
