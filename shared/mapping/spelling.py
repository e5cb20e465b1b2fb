"""Names that are misspelt: the known one that is most like them."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """The one of some names that is most like another; empty if none is."""
    by_case = {each.casefold(): each for each in known}
    found = difflib.get_close_matches(name.casefold(), by_case, 1)
    return by_case[found[0]] if found else ""
