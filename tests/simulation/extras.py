"""What only some histories have beside the rest, each drawn by dice of its own: one more changes no other history."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.simulation.settings import ENTRIES, POLICIES

WITH_POLICIES, WITH_ENTRIES, WITH_RESULTS, WITH_HEIRS = "policies", "entries of value maps", "results", "heirs"


@dataclass(frozen=True, slots=True)
class Extra:
    """Acts that take the place of others in a history. `share` of the histories without and with orders have it; `acts`
    are their kinds with how often each comes, and `times` the fewest and the most of them."""

    share: tuple[float, float]
    acts: Mapping[str, float]
    times: tuple[int, int]


EXTRAS: Mapping[str, Extra] = {
    WITH_POLICIES: Extra(
        (0.29, 0.0), {"policy": 1, "theirs": 1.5, "contest": 4, "resolve": 3, "long text": 0.4}, (12, 20)
    ),
    WITH_ENTRIES: Extra((0.085, 0.085), {"map set": 3, "map unset": 2}, (4, 8)),
    WITH_RESULTS: Extra((0.125, 0.125), {"sweep": 1}, (4, 8)),
    WITH_HEIRS: Extra((0.02, 0.0), {"heir": 1}, (1, 2)),
}
# What these acts may be about.
EXTRA_ACTS: Mapping[str, Sequence[str]] = {
    **{kind: ("",) for extra in EXTRAS.values() for kind in extra.acts},
    "policy": tuple(POLICIES),
    "theirs": ("changed", "deleted"),
    "map set": tuple(ENTRIES),
    "map unset": tuple(ENTRIES),
}


def extras_of(seed: int, *, trades: bool) -> dict[str, random.Random]:
    """What the history of a seed has, with its dice."""
    dice = {name: random.Random(f"{name} in {seed}") for name in EXTRAS}
    return {name: own for name, own in dice.items() if own.random() < EXTRAS[name].share[trades]}
