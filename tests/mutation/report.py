"""The score of a sample, part by part, and what survived."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.mutation.choosing import GOALS, part_of
from tests.mutation.judging import Verdict


def reaches_goals(verdicts: Sequence[Verdict], goals: dict[str, float] = GOALS) -> bool:
    """Whether in each part the share of killed mutants is what it must be."""
    return all(_killed(value) >= goals[part] * len(value) for part, value in _by_part(verdicts).items())


def tell(verdicts: Sequence[Verdict], equivalent: int, root: Path) -> Iterator[str]:
    """The survivors as diffs, each with the command that plays it again, then the scores."""
    for verdict in sorted(verdicts, key=lambda each: each.mutant):
        if verdict.killed_by is None:
            yield "\n".join(["", *verdict.mutant.diff(root), f'  make mutate ARGS="--mutant {verdict.mutant.name}"'])
    yield ""
    for part, value in _by_part(verdicts).items():
        share = 100 * _killed(value) / len(value)
        yield f"{part}: {_killed(value)} of {len(value)} mutants killed ({share:.1f} %; goal {100 * GOALS[part]:.0f} %)"
    yield f"{equivalent} more are named as equivalent"


def _by_part(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    found: dict[str, list[Verdict]] = {part: [] for part in GOALS}
    for verdict in verdicts:
        found[part_of(verdict.mutant.file)].append(verdict)
    return {part: value for part, value in found.items() if value}


def _killed(verdicts: Sequence[Verdict]) -> int:
    return sum(verdict.killed_by is not None for verdict in verdicts)
