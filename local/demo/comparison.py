"""Compares both systems row by row and field by field. It looks at the systems only, never at the links.

What the target should hold is computed again from each source row; a row that the mapping filters or rejects is not
expected. If several rows have one key, exactly one may be there, no matter which.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from shared.mapping.verdicts import Filtered, Mapped, Verdict
from shared.records import KEY_SEPARATOR, Json, Values, fold


class Fields(Protocol):
    """What is known about the fields of a target."""

    def ended(self, key: str) -> Mapping[str, Json]:
        """What changes in a target row when its source record ends."""

    def empty(self, field: str) -> Json:
        """What an emptied field holds."""

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours, after the normalisation that the target applies."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field whose value in the target is not what the mapping makes of the source."""

    key: str
    field: str
    expected: Json
    found: Json


@dataclass(frozen=True, slots=True)
class Comparison:
    """`expected` and `present` count target records; the lists name them by key. `doubled` are those that the
    target has more than once."""

    expected: int
    present: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    different: tuple[Difference, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether the target holds exactly what it should."""
        return not (self.missing or self.extra or self.doubled or self.different)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known from earlier.

    `before`: keys in the target before the first sync, or made there by users, ignored unless adopted. `keys`: by
    source id, the key under which a record was expected at an earlier comparison; it never changes, and stays when its
    source ends.
    `refused`: ids of records that the target itself refuses at present, which no mapping can foresee.
    `adopt`: whether rows that were there before become ours. `moves`: whether a record may get another key with the
    same number; what it leaves behind is then ignored. `left`: the keys that records had before the last one.
    """

    before: frozenset[str] = frozenset()
    keys: Mapping[str, str] = field(default_factory=dict)
    refused: frozenset[str] = frozenset()
    adopt: bool = False
    moves: bool = False
    left: frozenset[str] = frozenset()


def expected_keys(verdicts: Mapping[str, Verdict], past: Past) -> dict[str, list[tuple[str, Mapped]]]:
    """What the target should hold: by folded key, the source records that need it."""
    expected: dict[str, list[tuple[str, Mapped]]] = defaultdict(list)
    before = {fold(key) for key in past.before}
    for id, verdict in verdicts.items():
        if not isinstance(verdict, Mapped) or id in past.refused:
            continue
        key = fold(verdict.key)
        known = fold(past.keys.get(id, key))
        is_refused = known != key and not (past.moves and _number_in(known) == _number_in(key))
        if is_refused or (key in before and not past.adopt):
            continue
        expected[key].append((id, verdict))
    return expected


def compare(
    verdicts: Mapping[str, Verdict], targets: Sequence[tuple[str, Values]], fields: Fields, past: Past
) -> Comparison:
    """Compare what the mapping makes of every source record (by id) with every target row (key and fields)."""
    expected = expected_keys(verdicts, past)
    found = {fold(key): (key, values) for key, values in targets}
    refused = (verdict.key for id, verdict in verdicts.items() if id in past.refused and isinstance(verdict, Mapped))
    tolerated = {fold(key) for key in (*past.before, *past.keys.values(), *past.left, *refused)}
    adopted = {fold(key) for key in past.before}
    times = Counter(fold(key) for key, _ in targets)
    different = [
        difference
        for key, candidates in expected.items()
        if key in found
        for difference in _closest(found[key], candidates, fields, blanks=key not in adopted)
    ]
    different += [
        difference
        for key in _ended_keys(verdicts, past)
        if key in found and key not in expected
        for difference in differences(found[key][0], fields.ended(found[key][0]), found[key][1], fields)
    ]
    return Comparison(
        expected=len(expected),
        present=sum(key in found for key in expected),
        missing=tuple(sorted(candidates[0][1].key for key, candidates in expected.items() if key not in found)),
        extra=tuple(sorted(found[key][0] for key in found if key not in expected and key not in tolerated)),
        doubled=tuple(sorted(found[key][0] for key in expected if times[key] > 1)),
        different=tuple(different),
    )


def differences(
    key: str, owned: Mapping[str, Json], values: Values, fields: Fields, *, blanks: bool = True
) -> list[Difference]:
    """The owned fields in which a target row is wrong; `blanks` counts those that should be empty."""
    wrong = []
    for name, wanted in owned.items():
        if wanted is None and not blanks:
            continue
        ours = fields.empty(name) if wanted is None else wanted
        if not fields.agree(name, ours, values.get(name)):
            wrong.append(Difference(key, name, ours, values.get(name)))
    return wrong


def _number_in(key: str) -> str:
    """The number of a record in its key, which has the route before it and may have another record's number behind."""
    return (key.partition(" ")[2] or key).partition(KEY_SEPARATOR)[0]


def _ended_keys(verdicts: Mapping[str, Verdict], past: Past) -> Iterator[str]:
    """The folded keys that were expected before and whose source record has ended."""
    for id, key in past.keys.items():
        verdict = verdicts.get(id)
        is_over = verdict is None or (isinstance(verdict, Filtered) and verdict.ends)
        if is_over and id not in past.refused:
            yield fold(key)


def _closest(
    found: tuple[str, Values], candidates: list[tuple[str, Mapped]], fields: Fields, *, blanks: bool
) -> list[Difference]:
    each = [differences(found[0], mapped.owned, found[1], fields, blanks=blanks) for _, mapped in candidates]
    return min(each, key=len)
