"""The order of all tests: several processes run them, and each begins with a share of the list."""

import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def sizes(count: int, workers: int) -> list[int]:
    """How many of so many tests each process is given at first, in the order of the list; what one has left, another
    one takes over later (pytest-xdist, `--dist worksteal`)."""
    given: list[int] = []
    for at in range(workers):
        given.append((count - sum(given)) // (workers - at))
    return given


def in_order(
    long: Sequence[T], waiting: Sequence[T], others: Sequence[T], workers: int, seconds: Callable[[T], float]
) -> list[T]:
    """All tests. The `long` ones are dealt out in their order, each to the process that has the fewest seconds of them
    so far, and head the share of each. An equal part of those that are `waiting` for other processes follows. Both
    leave cores free: so half of the processes, rounded down, begin with `others`, which only compute."""
    spare = workers // 2
    heads: list[list[T]] = [[] for _ in range(workers)]
    for each in long:
        min(heads[spare:], key=lambda head: sum(map(seconds, head))).append(each)
    left = iter(waiting)
    for head, size in zip(heads[spare:], sizes(len(waiting), workers - spare), strict=True):
        head.extend(itertools.islice(left, size))
    rest, ordered = iter(others), list[T]()
    for head, size in zip(heads, sizes(len(long) + len(waiting) + len(others), workers), strict=True):
        ordered += [*head, *itertools.islice(rest, max(size - len(head), 0))]
    return ordered + list(rest)
