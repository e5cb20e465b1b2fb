"""Lets the tests judge mutants: a mutant is killed by the first test that fails, and survives when none does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.loaded import LoadedTests
from tests.mutation.mutants import Mutant
from tests.mutation.running import Change, Died, Running, Stage, first_finished, start
from tests.mutation.swapping import NotSwapped


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the tests say of a mutant: the test that failed, or None when it survived."""

    mutant: Mutant
    killed_by: str | None


@dataclass(frozen=True, slots=True)
class Case:
    """A mutant with its change, and the stages that judge it: those that play it in place, and then those that import
    its module anew."""

    mutant: Mutant
    change: Change
    in_place: Sequence[Stage]
    anew: Sequence[Stage]


class _Trial:
    def __init__(self, root: Path, case: Case, loaded: LoadedTests | None) -> None:
        self._root, self.case, self._loaded = root, case, loaded
        in_place = case.in_place if loaded is not None else ()
        self._left = [*((stage, True) for stage in in_place), *((stage, False) for stage in case.anew)]
        self.running: Running | None = None
        self._go_on()

    def take(self) -> tuple[bool, str | None]:
        """Whether there is a verdict, and which test failed."""
        assert self.running is not None
        try:
            failed = self.running.finish()
        except Died as died:
            raise Died(f"{self.case.mutant.name}: {died}") from died
        except NotSwapped:
            # Nothing was played.
            self._left = [(stage, False) for stage in self.case.anew or self.case.in_place]
            failed = None
        self.running = None
        if failed is None:
            self._go_on()
        return self.running is None, failed

    def _go_on(self) -> None:
        if not self._left:
            return
        stage, in_place = self._left.pop(0)
        if in_place and self._loaded is not None:
            self.running = self._loaded.start(stage, self.case.change)
        else:
            self.running = start(self._root, stage, self.case.change)


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
