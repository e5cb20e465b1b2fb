"""NCRONTAB expressions as the timer triggers accept them; what the host would silently misread is refused."""

import re
from collections.abc import Mapping, Sequence

from shared.discretion import HIDDEN, is_harmless

_ITEM = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?", re.ASCII)
_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS: Mapping[str, tuple[int, int, Sequence[str]]] = {
    "second": (0, 59, ()),
    "minute": (0, 59, ()),
    "hour": (0, 23, ()),
    "day": (1, 31, ()),
    "month": (1, 12, _MONTHS),
    "weekday": (0, 6, _WEEKDAYS),
}
_DAYS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


def check(text: str) -> str:
    """The expression itself. Raises ValueError, which says what is wrong with it."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"an NCRONTAB expression has six fields ({' '.join(_FIELDS)}), not {len(fields)}")
    values = {}
    for given, (name, (low, high, words)) in zip(fields, _FIELDS.items(), strict=True):
        items = [_values(item, low, high, words) for item in given.split(",")]
        if not all(items):
            value = repr(given) if is_harmless(text) else HIDDEN
            names = ", a name" if words else ""
            raise ValueError(
                f"the field for the {name} is {value}; it takes {low} to {high}{names}, *, lists as 1,2, ranges as 1-5 "
                "and steps as */5"
            )
        values[name] = {value for item in items for value in item}
    if min(values["day"]) > max(_DAYS.get(month, 31) for month in values["month"]):
        raise ValueError("it names a day that none of its months has, so it never comes")
    return text


def _values(item: str, low: int, high: int, words: Sequence[str]) -> range:
    """What an item of a list stands for; nothing where it is wrong. A step behind a single value goes on to the end."""
    found = _ITEM.fullmatch(item)
    nothing = range(0)
    if found is None or (found[4] is not None and int(found[4]) == 0):
        return nothing
    first, last = low, high
    if not found[1]:
        ends = [_number(end, low, words) for end in found.group(2, 3) if end]
        if not all(low <= end <= high for end in ends) or ends != sorted(ends):
            return nothing
        first, last = ends[0], high if found[4] and len(ends) == 1 else ends[-1]
    return range(first, last + 1, int(found[4] or 1))


def _number(end: str, low: int, words: Sequence[str]) -> int:
    """A number, or the place of a name, which may be cut; -1 for anything else, and for a name that is cut so short
    that it is that of two. The host would take the first of them."""
    if end.isdigit():
        return int(end)
    meant = [number for number, word in enumerate(words, low) if word.startswith(end.casefold())]
    return meant[0] if len(meant) == 1 else -1
