"""Mistakes of the map document: a text that several fields get, and that is too long for them, is told once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class TakesLess:
    """A field that takes at most so many characters. `said_in` is the place of the document that says so, empty for a
    length that is known for sure."""

    field: str
    most: int
    said_in: str


@dataclass(frozen=True, slots=True)
class TooLong:
    """A text that is too long. `place` is that of the text, `size` is its length in words, `by` are the fields that
    take less: the text may be secret, so it is not told."""

    place: str
    size: str
    by: tuple[TakesLess, ...]

    def __str__(self) -> str:
        fields: dict[int, dict[str, None]] = {}
        for each in self.by:
            fields.setdefault(each.most, {})[each.field] = None
        taken = " and ".join(_takes(list(names), most) for most, names in fields.items())
        corrected = list(dict.fromkeys(each.said_in for each in self.by if each.said_in))
        where = "the field takes" if len(corrected) == 1 else "the fields take"
        helps = f", or correct {', '.join(corrected)} if {where} more" if corrected else ""
        return f"{self.place} has {self.size}, and {taken}: shorten it{helps}"


MapMistake: TypeAlias = str | TooLong
"""A mistake; its `str` tells it in words, with place, value and remedy."""


def told_once(mistakes: Iterable[MapMistake]) -> tuple[MapMistake, ...]:
    """Mistakes in their order, each once; a text that is too long for several fields is one mistake."""
    found: dict[str, MapMistake] = {}
    for mistake in mistakes:
        if isinstance(mistake, str):
            found[mistake] = mistake
            continue
        known = found.get(mistake.place)
        by = (*known.by, *mistake.by) if isinstance(known, TooLong) else mistake.by
        found[mistake.place] = TooLong(mistake.place, mistake.size, tuple(dict.fromkeys(by)))
    return tuple(found.values())


def _takes(fields: Sequence[str], most: int) -> str:
    return f"{', '.join(fields)} {'takes' if len(fields) == 1 else 'take'} {most}"
