"""Conditions of the map document, judged by us: a query that leaves rows out would make change tracking and walks take
them for deleted ones (docs/decisions.md)."""

from collections.abc import Callable, Iterator
from decimal import Decimal

from shared.discretion import shown
from shared.mapping.condition_specs import AllOf, AnyOf, Condition, Not, leaves_of
from shared.mapping.names import TYPES, ColumnKind, Names
from shared.mapping.words import Column, blank, value_of
from shared.records import Json, Values

AnyCondition = Condition | AllOf | AnyOf | Not
_COMPARISONS: dict[str, Callable[[int], bool]] = {
    "gt": lambda order: order > 0,
    "ge": lambda order: order >= 0,
    "lt": lambda order: order < 0,
    "le": lambda order: order <= 0,
}
_TEXTS = (ColumnKind.TEXT, ColumnKind.ID, ColumnKind.DATE, ColumnKind.MEMBER)
_NUMBERS = (ColumnKind.WHOLE, ColumnKind.DECIMAL, ColumnKind.OPTION)


def holds(condition: AnyCondition, row: Values) -> bool:
    """Whether a condition holds. Texts are compared without case, as Dataverse compares them."""
    match condition:
        case AllOf(conditions=several):
            return all(holds(each, row) for each in several)
        case AnyOf(conditions=several):
            return any(holds(each, row) for each in several)
        case Not(condition=inner):
            return not holds(inner, row)
        case Condition():
            return _holds(condition, value_of(row, condition.column))


def described(condition: AnyCondition) -> str:
    """A condition in words, for tables and explanations."""
    match condition:
        case AllOf(conditions=several):
            return f"({' and '.join(map(described, several))})"
        case AnyOf(conditions=several):
            return f"({' or '.join(map(described, several))})"
        case Not(condition=inner):
            return f"not {described(inner)}"
        case Condition(column=column, operator=operator, value=value):
            listed = value if isinstance(value, list) else [] if value is None else [value]
            return " ".join([f"`{column}`", operator, ", ".join(f"`{each}`" for each in listed)]).strip()


def columns_in(condition: AnyCondition, table: str, names: Names) -> tuple[Column, ...]:
    """The columns that a condition reads, with their types."""
    found: dict[str, Column] = {}
    for _, leaf in leaves_of(condition, ""):
        known = names.find(table, leaf.column)
        if known is not None and known.kind in TYPES:
            found[leaf.column] = Column(leaf.column, TYPES[known.kind], is_date=known.kind is ColumnKind.DATE)
    return tuple(found.values())


def mistakes_in(condition: AnyCondition, place: str, table: str, names: Names) -> Iterator[str]:
    """What is wrong with a condition: names that the table does not have, and values of another type."""
    for at, leaf in leaves_of(condition, place):
        known = names.find(table, leaf.column)
        if known is None:
            yield f"{at}.column: {names.unknown(table, leaf.column, 'column')}"
        elif known.kind is ColumnKind.LOOKUP:
            yield f"{at}.column: {leaf.column} is a lookup: write its id, _{leaf.column}_value"
        else:
            yield from _wrong_values(leaf, at, known.kind, known.options, known.members)


def _wrong_values(
    leaf: Condition, place: str, kind: ColumnKind, options: tuple[int, ...], members: tuple[str, ...]
) -> Iterator[str]:
    listed: tuple[int, ...] | tuple[str, ...] = options or members
    for value in leaf.value if isinstance(leaf.value, list) else () if leaf.value is None else (leaf.value,):
        if kind is ColumnKind.YES_NO:
            fits, wanted = isinstance(value, bool), "true or false"
        elif kind in _TEXTS:
            fits, wanted = isinstance(value, str), "a text"
        else:
            fits, wanted = isinstance(value, int | Decimal) and not isinstance(value, bool), "a number"
        if not fits:
            yield f"{place}.value: {shown(value)}: {leaf.column} holds {wanted}"
        elif listed and leaf.operator in {"eq", "ne", "in"} and value not in listed:
            yield f"{place}.value: {shown(value)}: {leaf.column} holds one of {', '.join(map(str, listed))}"


def _holds(condition: Condition, found: Json) -> bool:
    wanted = condition.value
    if isinstance(wanted, list):
        return any(_folded(found) == _folded(value) for value in wanted)
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
