"""Texts of the map document that are too long, as mistakes of it: one text that several fields get is told once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

# Of the fields that a text is too long for, so many are named.
_TOLD = 3


@dataclass(frozen=True, slots=True)
class TakesLess:
    """A field that takes at most so many characters. `said_in` is the place of the document that says so, empty for a
    length that is known for sure."""

    field: str
    most: int
    said_in: str


class TooLong(str):
    """The mistake in words. `place` is that of the text, `size` is its length in words, `by` are the fields that take
    less: the text may be secret, so it is not told."""

    place: str
    size: str
    by: tuple[TakesLess, ...]

    def __new__(cls, place: str, size: str, by: tuple[TakesLess, ...]) -> Self:
        fields: dict[int, dict[str, None]] = {}
        for each in by:
            fields.setdefault(each.most, {})[each.field] = None
        taken = " and ".join(
            f"{_some(list(names))} {'takes' if len(names) == 1 else 'take'} {most}" for most, names in fields.items()
        )
        corrected = list(dict.fromkeys(each.said_in for each in by if each.said_in))
        where = "the field takes" if len(corrected) == 1 else "the fields take"
        helps = f", or correct {_some(corrected)} if {where} more" if corrected else ""
        made = super().__new__(cls, f"{place} has {size}, and {taken}: shorten it{helps}")
        made.place, made.size, made.by = place, size, by
        return made


def told_once(mistakes: Iterable[str]) -> list[str]:
    """Mistakes in their order, each once; a text that is too long for several fields is one mistake."""
    found: dict[str, str] = {}
    for mistake in mistakes:
        if not isinstance(mistake, TooLong):
            found[mistake] = mistake
            continue
        known = found.get(mistake.place)
        by = (*known.by, *mistake.by) if isinstance(known, TooLong) else mistake.by
        found[mistake.place] = TooLong(mistake.place, mistake.size, tuple(dict.fromkeys(by)))
    return list(found.values())


def _some(names: Sequence[str]) -> str:
    """The first of these names, and how many more there are."""
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")
