"""What a seed decides: which trouble comes when, what people do meanwhile, and which garbage lies where."""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from local.demo.systems import DATAVERSE, FINOPS
from shared.flows.registry import FLOWS
from shared.state.storage.queues import queues_of
from tests.e2e.two_hosts.garbage import BODIES, STRAYS, TOUCHES

STORAGE = "storage"
HOSTS = ("first host", "second host")


class Deed(StrEnum):
    """What people do in one of the systems."""

    ACCOUNTS_CHANGE = "some accounts change"
    ACCOUNT_OPENS = "an account is opened, and gets a contact"
    ACCOUNT_RESTS = "an account is deactivated, or active again"
    CONTACT_CHANGES = "a contact changes"
    CONTACT_MOVES = "a contact moves to another account"
    CONTACT_RESTS = "a contact is deactivated, or active again"
    QUOTE = "an account is quoted"
    QUOTE_REVISED = "a quote is revised"
    QUOTE_LOST = "a quote is lost"
    ORDER = "an account orders"
    ORDER_TAKEN = "a clerk takes an order"
    ORDERS_HANDLED = "a clerk goes on with some orders"
    PRICES_CHANGE = "some products get other prices"
    PRODUCT_APPEARS = "a product is released"
    PRODUCT_RESTS = "a product is not sellable, or sellable again"


class Trouble(StrEnum):
    """What befalls a part."""

    KILLED = "killed (SIGKILL)"
    ORPHANS = "killed (SIGKILL), and its worker lives on"
    HANGS = "hangs (SIGSTOP)"
    CUT_BEFORE = "cuts connections instead of working"
    CUT_AFTER = "cuts connections instead of answering"


@dataclass(frozen=True, slots=True)
class Edit:
    """A deed; `pick`, from 0 to below 1, tells at which record, `number` what is written."""

    deed: Deed
    pick: float
    number: int

    def __str__(self) -> str:
        return f"{self.deed} [{self.pick:.3f} {self.number}]"


@dataclass(frozen=True, slots=True)
class Litter:
    """Garbage in a queue; `kind` says of what kind the body is. `is_encoded`: as base64, as the portal writes it."""

    queue: str
    kind: str
    body: bytes
    is_encoded: bool = True

    def __str__(self) -> str:
        return f"{self.kind} in the queue {self.queue}"


@dataclass(frozen=True, slots=True)
class Touch:
    """Somebody writes into the link of a record, which also changes its ETag."""

    flow: str
    pick: float
    kind: str

    def __str__(self) -> str:
        return f"{self.kind} in a link of {self.flow} [{self.pick:.3f}]"


@dataclass(frozen=True, slots=True)
class Stray:
    """A row that is none of ours; `number` is its place among all of them."""

    number: int

    def __str__(self) -> str:
        return f"a stray row in the table {STRAYS[self.number][0]}"


@dataclass(frozen=True, slots=True)
class Strike:
    """A trouble of a part, which ends after what is done meanwhile."""

    trouble: Trouble
    part: str
    meanwhile: tuple["Edit | Garbage", ...]

    def __str__(self) -> str:
        return f"{self.part} {self.trouble}"


Garbage = Litter | Touch | Stray
Step = Edit | Garbage | Strike

_OF_QUOTES = frozenset({Deed.QUOTE, Deed.QUOTE_REVISED, Deed.QUOTE_LOST})
_OF_PRODUCTS = frozenset({Deed.PRICES_CHANGE, Deed.PRODUCT_APPEARS, Deed.PRODUCT_RESTS})
_OF_FINOPS = _OF_PRODUCTS | {Deed.ORDER_TAKEN, Deed.ORDERS_HANDLED}
# What needs customers or products of the other system.
_LATER = _OF_QUOTES | {Deed.ORDER, Deed.ORDER_TAKEN}
# What is noted for the comparison of a record that moves or ends is read from both systems, and so is what is sold.
_OF_BOTH = _OF_QUOTES | {Deed.ORDER, Deed.CONTACT_MOVES, Deed.CONTACT_RESTS, Deed.PRODUCT_RESTS}
_QUEUES = tuple(queue for flow in FLOWS.names for queue in queues_of(flow))
_KILLS = ((Trouble.ORPHANS, HOSTS[0]), *((Trouble.KILLED, part) for part in (HOSTS[1], DATAVERSE, FINOPS)))
_OTHERS = (
    *((Trouble.HANGS, part) for part in (*HOSTS, DATAVERSE, FINOPS, STORAGE)),
    *((cut, part) for cut in (Trouble.CUT_BEFORE, Trouble.CUT_AFTER) for part in (DATAVERSE, FINOPS)),
)
_MEANWHILE, _BETWEEN = 3, 2


def plan(seed: int) -> tuple[Step, ...]:
    """The steps in their order: each part is killed, and two of the other troubles come. The same seed gives the
    same steps on any machine; how far the hosts are when a step comes is up to the machine."""
    chance = random.Random(seed)
    strikes = [*_KILLS, *chance.sample(_OTHERS, 2)]
    chance.shuffle(strikes)
    # What meets a storage account without answers comes back after a minute: that minute shall pass among the others.
    strikes.insert(chance.randrange(2), (Trouble.KILLED, STORAGE))
    edits = _Deck(chance, tuple(Deed))
    litter: list[Litter | Stray] = [*litter_of(chance), *map(Stray, range(len(STRAYS)))]
    chance.shuffle(litter)
    touches = itertools.cycle(chance.sample(sorted(TOUCHES), len(TOUCHES)))
    steps: list[Step] = []
    for number, (trouble, part) in enumerate(strikes):
        # Products are in Sales some seconds after the start.
        edits.without = _LATER if number < len(strikes) // 3 else frozenset()
        for _ in range(_BETWEEN):
            steps += [edits.draw(), *_some(litter, chance)]
        steps += [_edit(chance, deed) for deed in (Deed.ACCOUNTS_CHANGE, Deed.PRICES_CHANGE, Deed.ORDERS_HANDLED)]
        edits.without |= _impossible(part)
        meanwhile: list[Edit | Garbage] = [edits.draw() for _ in range(_MEANWHILE)]
        if part != STORAGE:
            flow = chance.choice(_readable(part))
            meanwhile += [Touch(flow, chance.random(), next(touches)), *_some(litter, chance)]
        steps.append(Strike(trouble, part, tuple(meanwhile)))
    return (*steps, *litter)


class _Deck:
    """Gives every deed before one comes again, in an order of chance. `without` are those that cannot be done now."""

    def __init__(self, chance: random.Random, deeds: Sequence[Deed]) -> None:
        self._chance = chance
        self._deeds = deeds
        self._left: list[Deed] = []
        self.without: frozenset[Deed] = frozenset()

    def draw(self) -> Edit:
        """The next deed that can be done."""
        if not set(self._left) - self.without:
            self._left += self._chance.sample(self._deeds, len(self._deeds))
        deed = next(deed for deed in self._left if deed not in self.without)
        self._left.remove(deed)
        return _edit(self._chance, deed)


def _edit(chance: random.Random, deed: Deed) -> Edit:
    return Edit(deed, chance.random(), chance.randrange(1, 10_000))


def _impossible(part: str) -> frozenset[Deed]:
    """What nobody can do while a part is in trouble."""
    if part not in (DATAVERSE, FINOPS):
        return frozenset()
    return _OF_BOTH | (_OF_FINOPS if part == FINOPS else frozenset(Deed) - _OF_FINOPS)


def _readable(part: str) -> tuple[str, ...]:
    """The flows whose source answers while a part is in trouble."""
    return tuple(flow.name for flow in FLOWS if part != str(flow.source))


def litter_of(chance: random.Random) -> list[Litter]:
    """Each kind of garbage once in a queue, and each queue with one kind at least; and one text as somebody types it,
    which reaches a function and is listed, too."""
    kinds: list[tuple[str, Callable[[random.Random], bytes]]] = list(BODIES.items())
    chance.shuffle(kinds)
    queues = chance.sample(_QUEUES, len(_QUEUES))
    count = max(len(kinds), len(queues))
    placed = ((queues[at % len(queues)], *kinds[at % len(kinds)]) for at in range(count))
    plain = Litter(chance.choice(_QUEUES), "no base64", b"no base64, put here by hand!", is_encoded=False)
    return [*(Litter(queue, kind, make(chance)) for queue, kind, make in placed), plain]


def _some(litter: list[Litter | Stray], chance: random.Random) -> list[Litter | Stray]:
    taken = litter[: chance.randrange(4)]
    del litter[: len(taken)]
    return taken
