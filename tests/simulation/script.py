"""A history before it is played: acts with dice of their own, so that one can be left out and the others stay."""

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.simulation.extras import EXTRA_ACTS, EXTRAS, extras_of
from tests.simulation.settings import NOTHING_BACK, STATUS_BACK, VARIANTS

STEPS = 60
FLOWS: tuple[str, ...] = ("accounts", "contacts", "products", "quotations")
# Those that only some histories have: orders, what comes back of them, and invoices.
TRADE_FLOWS = ("orders", "ordersback", "invoices")
ALL_FLOWS = (*FLOWS, *TRADE_FLOWS)
# The share of these histories. Whether a seed is one of them, and what happens in it, is drawn by dice of its own.
_TRADES = 1 / 3

# How often each act comes in a history.
_WEIGHTS: Mapping[str, float] = {
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
# The same where there are orders: their flows need others to have done their work before.
_TRADE_WEIGHTS: Mapping[str, float] = {
    "edit": 6,
    "sell": 9,
    "desk": 9,
    "bill": 1,
    "tick": 3,
    "pull": 8,
    "deliver": 12,
    "crowd": 5,
    "drain": 6,
    "sweep": 5,
    "wait": 6,
    "repeat": 2,
    "garbage": 1,
    "weather": 4,
    "calm": 3,
    "others": 2,
    "price lists": 0.5,
    "come back": 2,
    "deploy": 2,
    "take back": 1,
    "checkpoint": 2,
    "environment": 0.7,
    "operator": 7,
    "clock": 0.7,
    "crash loop": 1,
    "late worker": 2,
    "second thoughts": 1,
    "absence": 0.7,
    "housekeeping": 1,
    "damage": 1,
    "purge": 1,
    "rolled back": 0.7,
}
# The flows of orders come oftener there.
_TRADE_FLOWS_MEANT: tuple[str, ...] = (*ALL_FLOWS, *TRADE_FLOWS)
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
    **dict.fromkeys((*_WEIGHTS, *_TRADE_WEIGHTS), ("",)),
    "deploy": tuple(VARIANTS),
    "rolled back": tuple(VARIANTS),
    "weather": ("finops", "dataverse", "storage"),
    "environment": ("renamed", "copied", "other company"),
    "checkpoint": ("keep", "put back", "lose", "tokens refused", "tokens of lines refused"),
    "operator": _OPERATORS,
    "housekeeping": ("cleanup", "reconcile"),
    "damage": ("link", "failure", "wait", "key", "checkpoint", "snapshot", "decided"),
    "come back": (NOTHING_BACK, STATUS_BACK),
    **EXTRA_ACTS,
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
    """The acts of one history, and the dice for its beginning and its end. `trades` says that it has orders, `extras`
    what else only some have."""

    seed: int
    acts: tuple[Act, ...]
    trades: bool = False
    extras: tuple[str, ...] = ()

    @property
    def flows(self) -> tuple[str, ...]:
        """The flows that are played."""
        return ALL_FLOWS if self.trades else FLOWS

    def to_text(self) -> str:
        """As it stands in a file."""
        acts = ",\n  ".join(json.dumps(act.to_json()) for act in self.acts)
        trades = ' "trades": true,' if self.trades else ""
        extras = f' "extras": {json.dumps(self.extras)},' if self.extras else ""
        return f'{{"seed": {self.seed},{trades}{extras} "acts": [\n  {acts}\n]}}\n'

    def of(self, acts: Iterable[Act]) -> "Script":
        """The same history with these acts."""
        return replace(self, acts=tuple(acts))


def read_script(path: Path) -> Script:
    """A script from its file. Raises OSError for a file that cannot be read, and ValueError for one that is none."""
    content = json.loads(path.read_text(encoding="utf-8"))
    match content:
        case {"seed": int(seed), "acts": [*acts]}:
            extras = tuple(name for name in EXTRAS if name in content.get("extras", ()))
            return Script(seed, tuple(map(_read_act, acts)), content.get("trades") is True, extras)
    raise ValueError("it has no seed, or no list of acts")


def _read_act(act: object) -> Act:
    match act:
        case [str(kind), int(seed), str(flow), str(what), bool(troubled)] if kind in ACTS:
            return Act(kind, seed, flow, what, troubled)
    raise ValueError(f"{act!r} is no act")


def write_script(seed: int, steps: int = STEPS) -> Script:
    """The history of a seed. It is decided here, before anything is played."""
    dice, weights, flows = random.Random(seed), _WEIGHTS, FLOWS
    trade = random.Random(f"invoices in {seed}")
    if trades := trade.random() < _TRADES:
        dice, weights, flows = trade, _TRADE_WEIGHTS, _TRADE_FLOWS_MEANT
    kinds = dice.choices(list(weights), list(weights.values()), k=steps)
    # Half of the histories are about a single trouble, so that what follows from it is not hidden by the next one.
    spoilt = dice.random() < 0.5
    acts = [_act(kind, dice, flows, spoilt=spoilt) for kind in kinds]
    extras = extras_of(seed, trades=trades)
    for name, own in extras.items():
        extra = EXTRAS[name]
        times = min(steps, own.randint(*extra.times))
        kinds = own.choices(list(extra.acts), list(extra.acts.values()), k=times)
        for place, kind in zip(sorted(own.sample(range(steps), k=times)), kinds, strict=True):
            acts[place] = _act(kind, own, flows, spoilt=spoilt)
    return Script(seed, tuple(acts), trades, tuple(extras))


def _act(kind: str, dice: random.Random, flows: Sequence[str], *, spoilt: bool) -> Act:
    flow = dice.choice(flows)
    what = dice.choice(ACTS[kind])
    return Act(kind, dice.getrandbits(32), flow, what, troubled=spoilt and dice.random() < 0.4)
