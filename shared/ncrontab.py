"""NCRONTAB expressions, as the timer triggers take them."""

import re
from collections.abc import Mapping

from shared.discretion import HIDDEN, is_harmless

_ITEM = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?", re.ASCII)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Mapping[str, tuple[int, int, Mapping[str, int]]] = {
    "second": (0, 59, {}),
    "minute": (0, 59, {}),
    "hour": (0, 23, {}),
    "day": (1, 31, {}),
    "month": (1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    "weekday": (0, 6, {name: number for number, name in enumerate(_WEEKDAYS)}),
}


def check(text: str) -> str:
    """The expression itself. Raises ValueError, which says what is wrong with it."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ValueError(f"an NCRONTAB expression has six fields ({' '.join(_FIELDS)}), not {len(fields)}")
    for given, (name, (low, high, words)) in zip(fields, _FIELDS.items(), strict=True):
        if not all(_is_item(item, low, high, words) for item in given.split(",")):
            value = repr(given) if is_harmless(text) else HIDDEN
            raise ValueError(
                f"the field for the {name} is {value}; it takes {low} to {high}, *, lists as 1,2, ranges as 1-5 and "
                "steps as */5"
            )
    return text


def _is_item(item: str, low: int, high: int, words: Mapping[str, int]) -> bool:
    found = _ITEM.fullmatch(item)
    if found is None or (found[3] is not None and int(found[3]) == 0):
        return False
    ends = [words.get(end.casefold(), int(end) if end.isdigit() else -1) for end in found.group(1, 2) if end]
    return all(low <= end <= high for end in ends) and ends == sorted(ends)
