"""What a test or an operator can switch while the simulator runs: rights and update conflicts."""

from collections import Counter
from enum import StrEnum
from threading import Lock

from local.finops.refusals import right_missing, update_conflict
from local.finops.schema import EntityType
from local.finops.served import SERVED


class Right(StrEnum):
    """What the user of the tokens may do with a collection."""

    READ = "read"
    WRITE = "write"


class Switches:
    """The rights that are taken away and the conflicts that wait to happen."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._taken: set[tuple[str, Right]] = set()
        self._conflicts: Counter[str] = Counter()

    def take(self, set_name: str, right: Right) -> None:
        """From now on requests that need this right are answered 403."""
        with self._lock:
            self._taken.add((set_name, right))

    def give(self, set_name: str, right: Right) -> None:
        """Give a right back."""
        with self._lock:
            self._taken.discard((set_name, right))

    def expect_conflicts(self, set_name: str, count: int) -> None:
        """The next `count` changes of records of this collection meet another writer."""
        with self._lock:
            self._conflicts[set_name] = count

    def clear(self) -> None:
        """Give every right back and expect no conflict."""
        with self._lock:
            self._taken.clear()
            self._conflicts.clear()

    def require(self, of: EntityType, right: Right) -> None:
        """Raises Refused (403) if the right was taken."""
        with self._lock:
            if (of.set_name, right) in self._taken:
                raise right_missing(of.aot)

    def meet_conflict(self, of: EntityType) -> None:
        """Raises Refused as long as conflicts are expected for this collection."""
        with self._lock:
            if not self._conflicts[of.set_name]:
                return
            self._conflicts[of.set_name] -= 1
        raise update_conflict(of.aot, SERVED[of.set_name].table)

    def state(self) -> dict[str, list[str] | dict[str, int]]:
        """What is switched now, for people."""
        with self._lock:
            taken = sorted(f"{set_name}.{right}" for set_name, right in self._taken)
            return {"rights_taken": taken, "conflicts": {name: left for name, left in self._conflicts.items() if left}}
