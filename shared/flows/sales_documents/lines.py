"""The numbers of a document's lines: a line keeps its number, and no number is ever given to another line."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.records import fold

_DIGEST_CHARACTERS = 12
_APART = "."


@dataclass(frozen=True, slots=True)
class Place:
    """What identifies a line of a document: the id of its row, its own number in Sales (None: it has none), and its
    product. A revision copies the lines: the ids are new, number and product stay."""

    id: str
    number: int | None
    product: str

    @property
    def identity(self) -> str:
        """The line itself and its place in the document, as short as can be told apart: `<digest>.<digest>`."""
        own, place = _digest(self.id.lower(), fold(self.product)), _digest(str(self.number), fold(self.product))
        return f"{own}{_APART}{place}"


@dataclass(frozen=True, slots=True)
class Numbered:
    """`numbers` are the numbers of the lines in their order; `ever` are all that the document has used, each with the
    identity of the line that has it now (empty: none has)."""

    numbers: tuple[int, ...]
    ever: Mapping[int, str]


def number_lines(places: Sequence[Place], used: Mapping[int, str]) -> Numbered:
    """Give every line its number: the one that it has, the one that it had in an earlier revision, its own number of
    Sales where that is free, or the next one that was never used."""
    identities = [place.identity for place in places]
    given = _kept(identities, used)
    given |= _inherited(identities, given, used)
    given |= _own_numbers(places, given, used)
    highest = max((0, *used, *given.values()))
    fresh = [index for index in _in_order(places) if index not in given]
    given |= {index: highest + step for step, index in enumerate(fresh, 1)}
    numbers = tuple(given[index] for index in range(len(places)))
    return Numbered(numbers, dict.fromkeys(used, "") | dict(zip(numbers, identities, strict=True)))


def _kept(identities: Sequence[str], used: Mapping[int, str]) -> dict[int, int]:
    """The lines that have a number already."""
    numbers = {_own(identity): number for number, identity in used.items() if identity}
    return {index: numbers[_own(identity)] for index, identity in enumerate(identities) if _own(identity) in numbers}


def _inherited(identities: Sequence[str], given: Mapping[int, int], used: Mapping[int, str]) -> dict[int, int]:
    """The lines at the place of a line of an earlier revision whose row no longer belongs to the document."""
    taken = set(given.values())
    vacant: dict[str, list[int]] = defaultdict(list)
    for number, identity in sorted(used.items(), reverse=True):
        if identity and number not in taken:
            vacant[_place(identity)].append(number)
    heirs = [(index, _place(identity)) for index, identity in sorted(enumerate(identities), key=lambda each: each[1])]
    return {index: vacant[place].pop() for index, place in heirs if index not in given and vacant.get(place)}


def _own_numbers(places: Sequence[Place], given: Mapping[int, int], used: Mapping[int, str]) -> dict[int, int]:
    """The lines whose number in Sales is positive, occurs once, and was never used before."""
    times = Counter(place.number for place in places)
    return {
        index: place.number
        for index, place in enumerate(places)
        if place.number is not None and place.number > 0 and times[place.number] == 1
        if index not in given and place.number not in used
    }


def _in_order(places: Sequence[Place]) -> Iterator[int]:
    """The lines by number and id, so that the same lines get the same numbers in whatever order they are read."""
    return iter(sorted(range(len(places)), key=lambda index: (places[index].number or 0, places[index].id.lower())))


def _digest(*parts: str) -> str:
    text = "\n".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:_DIGEST_CHARACTERS]


def _own(identity: str) -> str:
    return identity.partition(_APART)[0]


def _place(identity: str) -> str:
    return identity.partition(_APART)[2]
