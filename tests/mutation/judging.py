"""Lets the tests judge mutants: a mutant is killed by the first test that fails, and survives when none does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.loaded import LoadedTests
from tests.mutation.mutants import Mutant
from tests.mutation.running import Change, Running, Stage, first_finished, start
from tests.mutation.swapping import NotSwapped


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests say of a mutant: the test that failed, or None when it survived."""

    mutant: Mutant
    killed_by: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """A mutant with its change, and the stages that judge it. `also_anew`: whoever survives a change in place is judged
    with the module imported anew, too, because what it does at import has left its results."""

    mutant: Mutant
    change: Change
    stages: Sequence[Stage]
    also_anew: bool = False


class _Trial:
    def __init__(self, root: Path, case: Case, loaded: LoadedTests | None) -> None:
        self._root, self.case, self._left = root, case, list(case.stages)
        self._loaded = loaded if case.change.function is not None else None
        self._also_anew = case.also_anew and self._loaded is not None
        self._stage = Stage()
        self.running: Running | None = None
        self._go_on()

    def take(self) -> tuple[bool, str | None]:
        """Whether there is a verdict, and which test failed."""
        assert self.running is not None
        try:
            failed = self.running.finish()
        except NotSwapped:
            self._loaded, self._also_anew = None, False
            self._left.insert(0, self._stage)
            failed = None
        self.running = None
        if failed is None:
            self._go_on()
        return self.running is None, failed

    def _go_on(self) -> None:
        if not self._left and self._also_anew:
            self._loaded, self._left, self._also_anew = None, list(self.case.stages), False
        if not self._left:
            return
        self._stage = self._left.pop(0)
        if self._loaded is not None:
            self.running = self._loaded.start(self._stage, self.case.change)
        else:
            self.running = start(self._root, self._stage, self.case.change)


def judge(
    root: Path,
    mutants: Sequence[Mutant],
    case_of: Callable[[Mutant], Case],
    *,
    jobs: int,
    loaded: LoadedTests | None = None,
) -> Iterator[Verdict]:
    """A verdict for each mutant, as soon as there is one. At most `jobs` processes run at once."""
    waiting, trials = list(mutants), dict[int, _Trial]()
    try:
        while waiting or trials:
            while waiting and len(trials) < jobs:
                trial = _Trial(root, case_of(waiting.pop(0)), loaded)
                if trial.running is None:
                    # No test comes near it.
                    yield Verdict(trial.case.mutant, None)
                else:
                    trials[trial.running.reading] = trial
            if not trials:
                continue
            over = first_finished([each.running for each in trials.values() if each.running is not None])
            trial = trials.pop(over.reading)
            decided, failed = trial.take()
            if decided:
                yield Verdict(trial.case.mutant, failed)
            elif trial.running is not None:
                trials[trial.running.reading] = trial
    finally:
        for left in trials.values():
            if left.running is not None:
                left.running.stop()
