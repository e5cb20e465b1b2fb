"""Values of Kusto and its functions on them. Null is None; a text is never null."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


class Unknown(Exception):
    """The evaluator does not know something that a query uses: teach it, from the documentation of Kusto."""


def to_string(value: Any) -> str:
    """A value as text: null is empty, truth in small letters."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case dict() | list():
            return json.dumps(value, separators=(",", ":"))
    return str(value)


def to_long(value: Any) -> int | None:
    """A whole number, null for what is none."""
    try:
        return None if value is None or isinstance(value, dict | list) else int(float(value))
    except ValueError:
        return None


def to_bool(value: Any) -> bool | None:
    """A truth value, null for what is none."""
    match value:
        case bool():
            return value
        case int():
            return value != 0
        case str() if value.casefold() in ("true", "false", "1", "0"):
            return value.casefold() in ("true", "1")
    return None


def parse_json(text: str) -> Any:
    """What stands in a text; a text that is no JSON stays one."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def timespan(text: str) -> timedelta:
    """A literal such as 5m."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text)
    if found is None:
        raise Unknown(f"the timespan {text}")
    return timedelta(seconds=float(found[1]) * _UNITS_S[found[2]])


def rounded_down(value: datetime, step: timedelta) -> datetime:
    """`bin` of a moment."""
    return _EPOCH + (value - _EPOCH) // step * step


def _extract(pattern: str, group: int, text: str) -> str:
    found = re.search(pattern, text)
    return found[group] if found else ""


def _split(text: str, by: str) -> list[str]:
    return text.split(by)


def _coalesce(*values: Any) -> Any:
    return next((value for value in values if value is not None and value != ""), values[-1])


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "bin": rounded_down,
    "coalesce": _coalesce,
    "extract": _extract,
    "iff": lambda condition, yes, no: yes if condition else no,
    "isempty": lambda value: value is None or value == "",
    "isnotempty": lambda value: value is not None and value != "",
    "not": lambda value: None if value is None else not value,
    "parse_json": parse_json,
    "split": _split,
    "tobool": to_bool,
    "tolong": to_long,
    "tostring": to_string,
}


def _known(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value is not None]


AGGREGATES: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "count": len,
    "countif": lambda values: sum(value is True for value in values),
    "dcount": lambda values: len({to_string(value) for value in _known(values)}),
    "max": lambda values: max(_known(values), default=None),
    "min": lambda values: min(_known(values), default=None),
    "sum": lambda values: sum(_known(values)),
}
"""Of the values of a group. Nulls do not count, but for `count`, which counts rows."""


def equal(left: Any, right: Any) -> bool | None:
    """Null where one side is null."""
    return None if left is None or right is None else left == right


def greater(left: Any, right: Any) -> bool | None:
    """Null where one side is null."""
    return None if left is None or right is None else left > right


def both(left: bool | None, right: bool | None) -> bool | None:
    """`and` of three values."""
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def either(left: bool | None, right: bool | None) -> bool | None:
    """`or` of three values."""
    if left or right:
        return True
    return None if left is None or right is None else False


def difference(left: Any, right: Any) -> Any:
    """Null where one side is null."""
    return None if left is None or right is None else left - right


def quotient(left: Any, right: Any) -> Any:
    """Of whole numbers a whole one; null where a side is null, or the divisor 0."""
    if left is None or right is None or right == 0:
        return None
    return int(left / right) if isinstance(left, int) and isinstance(right, int) else left / right
