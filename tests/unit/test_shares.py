"""The order of the tests for several processes."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.shares import in_order, sizes


def shares(ordered: list[int], workers: int) -> list[list[int]]:
    """What each process is given at first."""
    left = iter(ordered)
    return [[next(left) for _ in range(size)] for size in sizes(len(ordered), workers)]


@given(long=st.integers(0, 9), waiting=st.integers(0, 9), others=st.integers(40, 60), workers=st.integers(1, 4))
def test_every_test_is_run_once_and_half_of_several_processes_begin_with_others(
    long: int, waiting: int, others: int, workers: int
) -> None:
    numbers = range(long + waiting + others)
    first, second, third = numbers[:long], numbers[long : long + waiting], numbers[long + waiting :]
    ordered = in_order(first, second, third, workers, seconds=float)
    assert sorted(ordered) == [*numbers]
    given_out = shares(ordered, workers)
    computing, playing = given_out[: workers // 2], given_out[workers // 2 :]
    assert [test for share in computing for test in share] == [*third[: sum(map(len, computing))]]
    for share in playing:
        kinds = [0 if test in first else 1 if test in second else 2 for test in share]
        assert kinds == sorted(kinds)
    assert sum(share.count(test) for share in playing for test in (*first, *second)) == long + waiting


def test_a_long_test_goes_to_the_process_that_has_least_to_do_and_those_that_wait_are_split() -> None:
    seconds = {1: 70.0, 2: 100.0, 3: 85.0, 4: 45.0, 5: 35.0, 6: 25.0}
    ordered = in_order([*seconds], [7, 8, 9, 10], range(11, 41), 3, seconds=seconds.__getitem__)
    own, one, another = shares(ordered, 3)
    assert own == [*range(11, 24)]
    assert one[:5] == [1, 3, 6, 7, 8]
    assert another[:5] == [2, 4, 5, 9, 10]
