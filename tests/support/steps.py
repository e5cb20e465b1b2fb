"""Counts every I/O step, and crashes or interrupts at a chosen one."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field


class Crash(BaseException):
    """The process dies here: not even `except Exception` may see it."""


@dataclass
class Steps:
    """Every double calls `step` before and after its effect; `at` maps a step number to what happens there."""

    count: int = 0
    names: list[str] = field(default_factory=list)
    at: dict[int, Callable[[], None]] = field(default_factory=dict)

    def __deepcopy__(self, memo: dict[int, object]) -> "Steps":
        """The same steps for a copied world; names are never changed in place."""
        return Steps(self.count, list(self.names), deepcopy(self.at, memo))

    def step(self, name: str) -> None:
        """One step of I/O."""
        self.count += 1
        self.names.append(name)
        action = self.at.pop(self.count, None)
        if action is not None:
            action()

    @property
    def disturbed(self) -> bool:
        """Whether something is still to happen at a later step."""
        return any(step > self.count for step in self.at)

    def crash_at(self, number: int) -> None:
        """Die at a step."""
        self.at[number] = _crash


def _crash() -> None:
    raise Crash
