"""Lets the tests judge mutants: a mutant is killed by the first test that fails, and survives when none does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.mutation.choosing import Stage
from tests.mutation.mutants import Mutant
from tests.mutation.running import Change, Running, first_finished, start


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests say of a mutant: the test that failed, or None when it survived."""

    mutant: Mutant
    killed_by: str | None


@dataclass(slots=True)
class _Trial:
    mutant: Mutant
    change: Change
    left: list[Stage]
    running: Running = field(init=False)


def failing_unchanged(root: Path, stages: Sequence[Stage], *, jobs: int) -> list[str]:
    """The tests that fail without any change. While there is one, no mutant can be judged by it."""
    waiting, running, failed = list(stages), list[Running](), list[str]()
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(start(root, waiting.pop(0), None))
            over = first_finished(running)
            running.remove(over)
            failed += [name for name in [over.finish()] if name is not None]
    finally:
        for left in running:
            left.stop()
    return failed


def judge(
    root: Path, mutants: Sequence[Mutant], stages_for: Callable[[Mutant], Sequence[Stage]], *, jobs: int
) -> Iterator[Verdict]:
    """A verdict for each mutant, as soon as there is one. At most `jobs` processes run at once."""
    waiting, trials = list(mutants), list[_Trial]()
    try:
        while waiting or trials:
            while waiting and len(trials) < jobs:
                mutant = waiting.pop(0)
                trial = _Trial(mutant, Change(mutant.file, mutant.source(root)), list(stages_for(mutant)))
                trial.running = start(root, trial.left.pop(0), trial.change)
                trials.append(trial)
            over = first_finished([trial.running for trial in trials])
            trial = next(trial for trial in trials if trial.running is over)
            trials.remove(trial)
            failed = over.finish()
            if failed is None and trial.left:
                trial.running = start(root, trial.left.pop(0), trial.change)
                trials.append(trial)
            else:
                yield Verdict(trial.mutant, failed)
    finally:
        for left in trials:
            left.running.stop()
