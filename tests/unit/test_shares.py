"""The order of the tests for several processes."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.shares import in_order, sizes


@given(long=st.integers(0, 9), others=st.integers(20, 60), workers=st.integers(1, 4))
def test_every_test_is_run_once_and_each_process_begins_with_its_part_of_the_long_ones(
    long: int, others: int, workers: int
) -> None:
    numbers = range(long + others)
    ordered = in_order(numbers[:long], numbers[long:], workers)
    assert sorted(ordered) == [*numbers]
    begins = 0
    for at, size in enumerate(sizes(len(numbers), workers)):
        own = [*range(at, long, workers)]
        assert ordered[begins : begins + len(own)] == own
        begins += size
