"""Conditions of the value-map document on columns of a source row."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from shared.mapping.value_maps import Condition
from shared.mapping.words import blank
from shared.records import Json, Values

_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "gt": lambda order: order > 0,
    "ge": lambda order: order >= 0,
    "lt": lambda order: order < 0,
    "le": lambda order: order <= 0,
}


def all_hold(conditions: Iterable[Condition], row: Values) -> bool:
    """Whether every condition holds. Texts are compared without case, as Dataverse compares them."""
    return all(_holds(condition, row.get(condition.column)) for condition in conditions)


def _holds(condition: Condition, found: Json) -> bool:
    wanted = condition.value
    match condition.operator:
        case "blank":
            return blank(found)
        case "filled":
            return not blank(found)
        case "eq":
            return _folded(found) == _folded(wanted)
        case "ne":
            return _folded(found) != _folded(wanted)
        case "contains":
            return isinstance(found, str) and str(_folded(wanted)) in str(_folded(found))
        case "begins":
            return isinstance(found, str) and str(_folded(found)).startswith(str(_folded(wanted)))
    order = _order(_folded(found), _folded(wanted))
    return order is not None and _COMPARISONS[condition.operator](order)


def _folded(value: Json) -> Json:
    return None if blank(value) else value.strip().casefold() if isinstance(value, str) else value


def _order(found: Json, wanted: Json) -> int | None:
    """-1, 0 or 1; None if the two cannot be compared."""
    if isinstance(found, str) and isinstance(wanted, str):
        return (found > wanted) - (found < wanted)
    if isinstance(found, int | Decimal) and isinstance(wanted, int | Decimal):
        return (found > wanted) - (found < wanted)
    return None
