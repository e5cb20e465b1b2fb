"""Compares both systems row by row and field by field. It looks at the systems only, never at the links.

What F&O shall hold is worked out anew from each source row; a row that the mapping filters or rejects is not
expected. Of several rows with one key exactly one may be there: which one does not matter.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.mapping.verdicts import Known, Mapped
from shared.records import Json, SourceRow, Values
from shared.state.keys import fold
from shared.sync.flow import Mapper


@dataclass(frozen=True, slots=True)
class Difference:
    """One field whose value in the target is not what the mapping makes of the source."""

    key: str
    field: str
    expected: Json
    found: Json


@dataclass(frozen=True, slots=True)
class Comparison:
    """`expected` and `present` count target records; the lists name them by key."""

    expected: int
    present: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    different: tuple[Difference, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the target holds exactly what it should."""
        return not (self.missing or self.extra or self.different)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known from before.

    `before`: keys in the target before the first sync, left alone unless adopted. `keys`: by source id, the key
    under which a record was expected at an earlier comparison; it never changes, and stays when its source ends.
    `refused`: ids of records that the target itself refuses at present, which no mapping can foresee.
    `adopt`: whether rows that were there before become ours.
    """

    before: frozenset[str] = frozenset()
    keys: Mapping[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    adopt: bool = False


def expected_keys(sources: Iterable[SourceRow], mapper: Mapper, past: Past) -> dict[str, list[tuple[str, Mapped]]]:
    """What the target shall hold: by folded key, the source records that ask for it."""
    expected: dict[str, list[tuple[str, Mapped]]] = defaultdict(list)
    before = {fold(key) for key in past.before}
    for row in sources:
        verdict = mapper.evaluate(row, Known(datetime.now(UTC)))
        if not isinstance(verdict, Mapped) or row.id in past.refused:
            continue
        key = fold(verdict.key)
        if fold(past.keys.get(row.id, key)) != key or (key in before and not past.adopt):
            continue
        expected[key].append((row.id, verdict))
    return expected


def compare(
    sources: Sequence[SourceRow], targets: Iterable[tuple[str, Values]], mapper: Mapper, past: Past
) -> Comparison:
    """Compare every source row with every target row (key and fields)."""
    expected = expected_keys(sources, mapper, past)
    found = {fold(key): (key, values) for key, values in targets}
    tolerated = {fold(key) for key in (*past.before, *past.keys.values(), *_refused_keys(sources, mapper, past))}
    adopted = {fold(key) for key in past.before}
    differences = [
        difference
        for key, candidates in expected.items()
        if key in found
        for difference in _closest(found[key], candidates, mapper, blanks=key not in adopted)
    ]
    return Comparison(
        expected=len(expected),
        present=sum(key in found for key in expected),
        missing=tuple(sorted(candidates[0][1].key for key, candidates in expected.items() if key not in found)),
        extra=tuple(sorted(found[key][0] for key in found if key not in expected and key not in tolerated)),
        different=tuple(differences),
    )


def differences(key: str, mapped: Mapped, values: Values, mapper: Mapper, *, blanks: bool = True) -> list[Difference]:
    """The owned fields in which a target row is not as it should be; `blanks` counts those that should be empty."""
    wrong = []
    for name, wanted in mapped.owned.items():
        if wanted is None and not blanks:
            continue
        ours = mapper.empty(name) if wanted is None else wanted
        if not mapper.agree(name, ours, values.get(name)):
            wrong.append(Difference(key, name, ours, values.get(name)))
    return wrong


def _refused_keys(sources: Iterable[SourceRow], mapper: Mapper, past: Past) -> Iterator[str]:
    for row in sources:
        verdict = mapper.evaluate(row, Known(datetime.now(UTC))) if row.id in past.refused else None
        if isinstance(verdict, Mapped):
            yield verdict.key


def _closest(
    found: tuple[str, Values], candidates: list[tuple[str, Mapped]], mapper: Mapper, *, blanks: bool
) -> list[Difference]:
    each = [differences(found[0], mapped, found[1], mapper, blanks=blanks) for _, mapped in candidates]
    return min(each, key=len)
