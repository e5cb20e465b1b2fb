"""What each change tries of a search that repeats the same code, and `make nightly` tries whole.

Every flow runs through the same engine and the same two clients. So each client meets all faults in one flow, and each
other promise meets two of those with different consequences, by turns: over three promises every fault is played. Of
the steps at which a worker can die, each change tries a share.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet
from hypothesis import settings

from local.simulator.faults import Rule
from tests.support.faults import SPOT_FAULTS, name_of


def by_turns(turn: int, rules: Sequence[Rule] = tuple(SPOT_FAULTS), *, among: int = 3) -> list[ParameterSet]:
    """All of these faults as parameters. Every `among`-th one is played at each change, and which ones differs from
    turn to turn."""
    return [
        pytest.param(rule, marks=() if at % among == turn % among else pytest.mark.nightly, id=name_of(rule))
        for at, rule in enumerate(rules)
    ]


def each_with(first: object, faults: Sequence[ParameterSet]) -> list[ParameterSet]:
    """The same faults as second parameters beside a first one."""
    return [pytest.param(first, *fault.values, marks=fault.marks, id=f"{first}-{fault.id}") for fault in faults]


def spot_faults(turn: int, *others: Rule) -> pytest.MarkDecorator:
    """Gives a test a `rule`: none, those of `others`, and the spot faults by turns."""
    named = [pytest.param(rule, id=name_of(rule)) for rule in others]
    return pytest.mark.parametrize("rule", [pytest.param(None, id="none"), *named, *by_turns(turn)])


def few_examples(**options: Any) -> settings:
    """For a property of which each example plays a whole world: a third of the examples of other properties. `options`
    are further ones of Hypothesis."""
    return settings(max_examples=settings().max_examples // 3, **options)


def share_of_steps(every: int) -> pytest.MarkDecorator:
    """Gives a test `every`: each so many-th step is tried at each change, and by night each one."""
    whole = pytest.param(1, marks=pytest.mark.nightly, id="all")
    return pytest.mark.parametrize("every", [whole, pytest.param(every, id="a share")])
