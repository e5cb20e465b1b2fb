"""Plays many seeds, on as many processes as there are cores, and tells what broke."""

import gc
import logging
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

from tests.simulation.history import History, Played
from tests.simulation.material import STANDARD, Material
from tests.simulation.mutations import as_mutated
from tests.simulation.sample import Sample
from tests.simulation.script import STEPS, Script, write_script
from tests.simulation.space import Events
from tests.simulation.stage import Stage
from tests.support.quick import quicken

_AT_ONCE = 20


@dataclass(slots=True)
class Report:
    """What many histories have come to."""

    histories: int = 0
    steps: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[Played] = field(default_factory=list)

    def take(self, played: Iterable[Played]) -> None:
        """Count some more."""
        for each in played:
            self.histories += 1
            self.steps += each.steps
            self.counts += each.counts
            if each.problems:
                self.broken.append(each)


@lru_cache(maxsize=1)
def stage_of_process() -> Stage:
    """The stage of this process."""
    return Stage()


@contextmanager
def _counted_events(counts: Counter[str]) -> Iterator[None]:
    """What the engine logs is counted, and goes nowhere else."""
    logger, events = logging.getLogger("p2c"), Events()
    level = logger.level
    setattr(logger, "_log", events.take)  # noqa: B010 - in the place of its own method, which makes a record
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        del logger._log
        logger.setLevel(level)
        counts.update(events.counts)


def play(script: Script, material: Material = STANDARD, mutation: str = "") -> Played:
    """Play one script and judge it, where asked for with a repair of the engine taken away. What the engine raises and
    nobody may see is a problem as well."""
    history = History(stage_of_process(), script, material)
    try:
        with _counted_events(history.played.counts), as_mutated(mutation):
            return history.play()
    except Exception as broken:  # noqa: BLE001 - whatever it is, it is told with its seed
        history.played.problems.append(f"{type(broken).__name__}: {broken}")
        return history.played
    finally:
        history.count_steps()


def play_seeds(
    seeds: Sequence[int],
    *,
    steps: int = STEPS,
    material: Material = STANDARD,
    mutation: str = "",
    told: Callable[[Report], None] = lambda _: None,
) -> Report:
    """Play seeds on all cores. `told` hears of every broken history at once, and of the progress."""
    report, began = Report(), time.monotonic()
    parts = [(tuple(seeds[at : at + _AT_ONCE]), steps) for at in range(0, len(seeds), _AT_ONCE)]
    cores = len(os.sched_getaffinity(0))
    if cores == 1 or len(parts) == 1:
        found: Iterable[list[Played]] = (_play_seeds(part, material, mutation) for part in parts)
        _collect(found, report, began, told)
    else:
        # The material goes to each process by its pipe, once: a sample is on no disk.
        with _deaf_to_ctrl_c():
            pool = multiprocessing.get_context("spawn").Pool(cores, _take, (material.maps, material.sample, mutation))
        with pool:
            _collect(pool.imap_unordered(_play_part, parts), report, began, told)
    return report


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are started now never hear of Ctrl-C, also while they load: whoever has started them ends them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _collect(found: Iterable[list[Played]], report: Report, began: float, told: Callable[[Report], None]) -> None:
    for part in found:
        report.take(part)
        report.seconds = time.monotonic() - began
        told(report)


_taken, _mutation = STANDARD, ""


def _take(maps: str, sample: Sample | None, mutation: str) -> None:
    """With what this process plays, which does nothing else."""
    global _taken, _mutation
    _taken, _mutation = Material(maps, sample), mutation
    quicken()


def _play_part(part: tuple[tuple[int, ...], int]) -> list[Played]:
    return _play_seeds(part, _taken, _mutation)


def _play_seeds(part: tuple[tuple[int, ...], int], material: Material, mutation: str) -> list[Played]:
    seeds, steps = part
    with _collected_once():
        return [play(write_script(seed, steps), material, mutation) for seed in seeds]


@contextmanager
def _collected_once() -> Iterator[None]:
    """What refers to itself is collected at the end alone: little of a history does, and to look for it takes time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # Not the oldest ones: the mappings that a process keeps are many.
        gc.collect(1)
        if was_on:
            gc.enable()
