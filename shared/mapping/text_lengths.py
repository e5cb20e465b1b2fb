"""How long texts are for both systems."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


def length_of(text: str) -> int:
    """The length of a text for both systems: they count UTF-16 code units, so an emoji counts two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def counted(length: int) -> str:
    """A length in words: people count characters differently from the systems."""
    return f"{length} characters (UTF-16 units: an emoji counts two)"


@dataclass(frozen=True, slots=True)
class PlacedTexts:
    """Texts of the map document, each with its place there. A document may have thousands, and each address of each
    mapping asks whether one is too long: so the `longest` is known, and the places are told only where one is."""

    longest: int
    placed: Callable[[], Iterable[tuple[str, str]]]

    def longer_than(self, limit: int) -> Iterator[tuple[str, int]]:
        """The place and the length of each text that is longer."""
        if self.longest > limit:
            for place, text in self.placed():
                if (length := length_of(text)) > limit:
                    yield place, length


def longest_of(texts: Iterable[str]) -> int:
    """The length of the longest of these texts; 0 if there is none."""
    return max(map(length_of, texts), default=0)
