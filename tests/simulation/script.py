"""A history before it is played: acts with dice of their own, so that one can be left out and the others stay."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.simulation.settings import VARIANTS

STEPS = 60
FLOWS = ("accounts", "contacts", "products", "quotations")

# How often each act comes in a history.
_WEIGHTS = {
    "edit": 17,
    "pull": 8,
    "deliver": 12,
    "crowd": 5,
    "drain": 5,
    "sweep": 5,
    "wait": 7,
    "repeat": 2,
    "garbage": 1,
    "weather": 4,
    "calm": 3,
    "others": 4,
    "price lists": 1,
    "deploy": 3,
    "take back": 2,
    "checkpoint": 2,
    "environment": 1,
    "operator": 7,
    "clock": 1,
    "crash loop": 1,
    "late worker": 2,
    "second thoughts": 2,
    "no answer": 1,
    "absence": 1,
    "housekeeping": 1,
    "damage": 1,
    "purge": 1,
    "rolled back": 1,
}
_OPERATORS = (
    "pause",
    "resume",
    "accept",
    "unblock",
    "sync some",
    "sync all",
    "retry",
    "dismiss",
    "forget",
    "unlink",
    "link",
    "repair",
)
# What an act may be about.
ACTS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(_WEIGHTS, ("",)),
    "deploy": tuple(VARIANTS),
    "rolled back": tuple(VARIANTS),
    "weather": ("finops", "dataverse", "storage"),
    "environment": ("renamed", "copied", "other company"),
    "checkpoint": ("keep", "put back", "lose", "tokens refused", "tokens of lines refused"),
    "operator": _OPERATORS,
    "housekeeping": ("cleanup", "reconcile"),
    "damage": ("link", "failure", "wait", "key", "checkpoint", "snapshot", "decided"),
}


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happens. `seed` is that of its dice; `troubled` workers may die, stand still and give way."""

    kind: str
    seed: int
    flow: str = ""
    what: str = ""
    troubled: bool = False

    def to_json(self) -> list[Any]:
        """As it stands in a file."""
        return [self.kind, self.seed, self.flow, self.what, self.troubled]


@dataclass(frozen=True, slots=True)
class Script:
    """The acts of one history, and the dice for its beginning and its end."""

    seed: int
    acts: tuple[Act, ...]

    def to_text(self) -> str:
        """As it stands in a file."""
        acts = ",\n  ".join(json.dumps(act.to_json()) for act in self.acts)
        return f'{{"seed": {self.seed}, "acts": [\n  {acts}\n]}}\n'

    def without(self, left_out: Sequence[Act]) -> "Script":
        """The same history, but for these acts."""
        gone = {id(act) for act in left_out}
        return Script(self.seed, tuple(act for act in self.acts if id(act) not in gone))


def read_script(path: Path) -> Script:
    """A script from its file. Raises OSError for a file that cannot be read, and ValueError for one that is none."""
    content = json.loads(path.read_text(encoding="utf-8"))
    match content:
        case {"seed": int(seed), "acts": [*acts]}:
            return Script(seed, tuple(map(_read_act, acts)))
    raise ValueError("it has no seed, or no list of acts")


def _read_act(act: object) -> Act:
    match act:
        case [str(kind), int(seed), str(flow), str(what), bool(troubled)] if kind in ACTS:
            return Act(kind, seed, flow, what, troubled)
    raise ValueError(f"{act!r} is no act")


def write_script(seed: int, steps: int = STEPS) -> Script:
    """The history of a seed. It is decided here, before anything is played."""
    dice = random.Random(seed)
    kinds = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=steps)
    # Half of the histories are about a single trouble, so that what follows from it is not hidden by the next one.
    spoilt = dice.random() < 0.5
    return Script(seed, tuple(_act(kind, dice, spoilt=spoilt) for kind in kinds))


def _act(kind: str, dice: random.Random, *, spoilt: bool) -> Act:
    flow = dice.choice(FLOWS)
    what = dice.choice(ACTS[kind])
    return Act(kind, dice.getrandbits(32), flow, what, troubled=spoilt and dice.random() < 0.4)
