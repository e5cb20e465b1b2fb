"""What each change tries of a search that repeats the same code, and `make nightly` tries whole.

Every flow runs through the same engine and the same two clients. So a flow meets the spot faults by turns, two at each
change, and over three tests with different turns each of them is played. Its policies meet one at each change, and over
their tests each one; so do the words, ownerships, lookups and rules of the map document. At each change the accounts
meet every fault of F&O, and bulk messages to Sales every spot fault; the other faults of Sales are for the night.

Of the steps at which a worker can die, each change tries a share, which each test names. Where a test has several
cases, each may begin at another step.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

import pytest
from _pytest.mark.structures import ParameterSet
from hypothesis import settings

from local.simulator.faults import Rule
from tests.support.faults import SPOT_FAULTS, name_of

T = TypeVar("T")


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


def spot_faults(turn: int, *others: Rule, among: int = 3) -> pytest.MarkDecorator:
    """Gives a test a `rule`: none, those of `others`, and the spot faults by turns."""
    named = [pytest.param(rule, id=name_of(rule)) for rule in others]
    return pytest.mark.parametrize("rule", [pytest.param(None, id="none"), *named, *by_turns(turn, among=among)])


def few_examples(**options: Any) -> settings:
    """For a property of which each example plays a whole world, or one that is looked at in many cases: half of the
    examples of other properties, but by night as many. `options` are further ones of Hypothesis."""
    part = 1 if settings.get_current_profile_name() == "nightly" else 2
    return settings(max_examples=settings().max_examples // part, **options)


def share_of_steps(every: int, *, by_night: int = 1) -> pytest.MarkDecorator:
    """Gives a test `every`: each so many-th step is tried at each change, and by night each one, or each
    `by_night`-th."""
    whole = pytest.param(by_night, marks=pytest.mark.nightly, id="all" if by_night == 1 else "a larger share")
    return pytest.mark.parametrize("every", [whole, pytest.param(every, id="a share")])


def share(steps: Sequence[T], every: int, case: int = 0) -> Sequence[T]:
    """Every so many-th of these. Each case of a test begins at another one, so that together they miss none."""
    return steps[case % every :: every]
