"""What goes wrong in the systems and in the storage, for a while, as the dice of each worker decide."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.errors import (
    AccessRefused,
    NotSent,
    OperatorNeeded,
    OutcomeUnknown,
    RecordRejected,
    SchemaDrift,
    StorageTrouble,
    SyncError,
    SystemTrouble,
    Transient,
)
from shared.systems import System
from tests.simulation.threads import Threads

# What a system may do to a write, with its weight.
WRITE_FAULTS = {
    "throttled": 3,
    "lost before": 3,
    "lost behind": 3,
    "late": 3,
    "refused access": 1,
    "conflict": 2,
    "not sent": 1,
}
READ_FAULTS = {"throttled": 6, "down": 4, "refused access": 3, "wrong set-up": 3, "drift": 3}
STORAGE_FAULTS = {"unreachable": 3, "answer lost": 2, "own success": 3}
_WAITS = (None, 0.0, 3.0, 60.0, 900.0, 4000.0)
_LATE_S = (20.0, 90.0, 200.0)
# So often at least a read of the kind that is doubted fails.
_DOUBTED = 0.75


@dataclass(slots=True)
class Weather:
    """The chances of trouble for each call. Without a worker, and when all is calm, nothing goes wrong. Where reads
    fail, those fail mostly that are `doubted`: steps with that word."""

    threads: Threads
    reads: dict[System, float] = field(default_factory=dict)
    writes: dict[System, float] = field(default_factory=dict)
    storage: float = 0.0
    mute: str = ""
    doubted: str = ""
    met: Callable[[str], None] = lambda _fault: None

    def calm_down(self) -> None:
        """Nothing goes wrong any more."""
        self.reads, self.writes, self.storage, self.mute, self.doubted = {}, {}, 0.0, "", ""

    def read(self, system: System, step: str) -> None:
        """A read is about to be answered. Raises SystemTrouble where it is not."""
        chance = self.reads.get(system, 0.0)
        if chance and self.doubted and self.doubted in step.split(" "):
            chance = max(chance, _DOUBTED)
        dice = self._dice(chance)
        if dice is not None:
            fault = self._pick(dice, READ_FAULTS, step)
            raise _read_trouble(fault, system, dice)

    def write(self, system: System, step: str, key: str = "") -> "WriteFault | None":
        """What becomes of a write. Those of the record that is `mute` never get an answer."""
        if self.mute and key == self.mute and self.threads.current is not None:
            self.met(f"{step}: mute")
            own = self.threads.current.dice
            return _write_fault(own.choice(["lost before", "lost behind"]), system, own)
        dice = self._dice(self.writes.get(system, 0.0))
        if dice is None:
            return None
        fault = self._pick(dice, WRITE_FAULTS, step)
        return _write_fault(fault, system, dice)

    def storage_fault(self, step: str) -> str | None:
        """What the storage does to a transaction."""
        dice = self._storage_dice(self.storage)
        return None if dice is None else self._pick(dice, STORAGE_FAULTS, step)

    def storage_read(self, step: str) -> None:
        """A read of the storage is about to be answered. Raises StorageTrouble where it is not."""
        dice = self._storage_dice(self.storage / 2)
        if dice is not None:
            self.met(f"{step}: unread")
            raise StorageTrouble("the storage did not answer a read")

    def _storage_dice(self, chance: float) -> random.Random | None:
        """A late worker can say what it has done: that it cannot is beyond what is promised (docs/reliability.md)."""
        worker = self.threads.current
        return None if worker is not None and worker.is_late else self._dice(chance)

    def _dice(self, chance: float) -> random.Random | None:
        worker = self.threads.current
        if not chance or worker is None or worker.dice.random() >= chance:
            return None
        return worker.dice

    def _pick(self, dice: random.Random, faults: dict[str, int], step: str) -> str:
        fault = dice.choices(list(faults), list(faults.values()))[0]
        self.met(f"{step}: {fault}")
        return fault


@dataclass(frozen=True, slots=True)
class WriteFault:
    """The error that the caller sees, and what becomes of the write: it takes effect now, after some seconds, or
    never."""

    error: SyncError
    lands: bool = False
    lands_after_s: float | None = None


def _read_trouble(fault: str, system: System, dice: random.Random) -> SystemTrouble:
    match fault:
        case "throttled":
            return Transient(system, "throttled", retry_after_s=dice.choice(_WAITS))
        case "refused access":
            return AccessRefused(system, "the token is refused", lacks="token")
        case "drift":
            return SchemaDrift(system, "a column is not there")
        case "wrong set-up":
            return OperatorNeeded(system, "the answer makes no sense")
        case _:
            return Transient(system, "no answer")


def _write_fault(fault: str, system: System, dice: random.Random) -> WriteFault:
    unknown = OutcomeUnknown(system, "no answer to a write")
    match fault:
        case "throttled":
            return WriteFault(Transient(system, "throttled", retry_after_s=dice.choice(_WAITS)))
        case "lost before":
            return WriteFault(unknown)
        case "lost behind":
            return WriteFault(unknown, lands=True)
        case "late":
            return WriteFault(unknown, lands_after_s=dice.choice(_LATE_S))
        case "refused access":
            return WriteFault(AccessRefused(system, "the token is refused", lacks="token"))
        case "not sent":
            return WriteFault(NotSent("no time was left"))
        case _:
            return WriteFault(
                RecordRejected("simulated.update_conflict", "somebody else writes", remedy="wait", repeatable=True)
            )
