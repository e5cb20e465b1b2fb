"""The order of all tests: several processes run them, and each begins with a share of the list."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def sizes(count: int, workers: int) -> list[int]:
    """How many of so many tests each process is given at first, in the order of the list; what one has left, another
    one takes over later (pytest-xdist, `--dist worksteal`)."""
    given: list[int] = []
    for at in range(workers):
        given.append((count - sum(given)) // (workers - at))
    return given


def in_order(long: Sequence[T], others: Sequence[T], workers: int) -> list[T]:
    """All tests, so that the long ones are dealt out to the processes, and head the share of each."""
    rest, ordered = iter(others), list[T]()
    for at, size in enumerate(sizes(len(long) + len(others), workers)):
        first = long[at::workers]
        ordered += first
        ordered += [other for _, other in zip(range(size - len(first)), rest, strict=False)]
    return ordered + list(rest)
