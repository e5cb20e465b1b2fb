"""What keeps a test process small."""

import sys
from functools import cache, lru_cache

from tests.support import memory


@cache
def _made_once() -> list[int]:
    return []


@lru_cache(maxsize=4)
def _made_for(_number: int) -> list[int]:
    return []


@cache
def _borrowed() -> list[int]:
    return []


_borrowed.__module__ = "tests.support.elsewhere"


def test_what_a_module_has_made_once_is_forgotten_with_its_tests_and_what_it_borrows_is_kept() -> None:
    first, second, borrowed = _made_once(), _made_for(1), _borrowed()
    assert _made_once() is first
    assert _made_for(1) is second
    memory.forget(sys.modules[__name__])
    assert _made_once() is not first
    assert _made_for(1) is not second
    assert _borrowed() is borrowed
