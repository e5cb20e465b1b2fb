"""What SQL calls back for $filter: the wildcard of text comparisons and exact arithmetic."""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, DivisionByZero, InvalidOperation
from functools import lru_cache

from local.simulator.store import Store, Value, padded

LIKE = "finops_like"
CALCULATE = "finops_calculate"


def install(store: Store) -> None:
    """Teach a store the functions that conditions use."""
    store.add_function(LIKE, 2, _like)
    store.add_function(CALCULATE, 3, _calculate)


def _like(value: str | None, pattern: str) -> Value:
    return int(value is not None and _compiled(pattern).fullmatch(padded(value)) is not None)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in padded(pattern).split("*")), re.DOTALL)


_OPERATIONS: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
    "add": Decimal.__add__,
    "sub": Decimal.__sub__,
    "mul": Decimal.__mul__,
    "div": Decimal.__truediv__,
    "mod": Decimal.__mod__,
}


def _calculate(operation: str, left: str | int, right: str | int) -> Value:
    try:
        return format(_OPERATIONS[operation](Decimal(left), Decimal(right)), "f")
    except (DivisionByZero, InvalidOperation):
        # A row without a result matches nothing.
        return None
