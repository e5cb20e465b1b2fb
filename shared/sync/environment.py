"""The environment of the first run, and whether today's is the same (rules.md, First start)."""

from collections.abc import Mapping

from shared.errors import OperatorNeeded, SchemaDrift, StateUnreadable, System
from shared.state.control import Control
from shared.sync.ports import Clock
from shared.sync.ports import System as SystemPort

ASK_AGAIN_AFTER_S = 3600.0


class Environment:
    """Compares who we are talking to with who it was at the first run: a sandbox copy must not be synced unasked.

    `settings` are the ids that the settings name (both origins, the company). What the systems say of themselves is
    asked once an hour per process: it can only change under us by a restored or copied environment.
    """

    def __init__(
        self, settings: Mapping[str, str], systems: Mapping[System, SystemPort], control: Control, clock: Clock
    ) -> None:
        self._settings = dict(settings)
        self._systems = systems
        self._control = control
        self._clock = clock
        self._asked: tuple[float, dict[str, str]] | None = None

    def change_by_settings(self) -> str:
        """What the settings have changed since the first run, as a sentence, empty when nothing. Costs one read of our
        table."""
        try:
            stored = self._control.environment()
        except StateUnreadable as unreadable:
            return _unreadable(unreadable)
        return "" if stored is None else _difference(stored, self._settings)

    def change(self) -> str:
        """What differs from the stored environment, as a sentence, empty when nothing. Stores it at the very first run.

        Raises SystemTrouble when a system cannot be asked.
        """
        today = self._settings | self._identities()
        try:
            stored = self._control.environment()
            if stored is None:
                self._control.store_environment(today)
                stored = self._control.environment() or today
        except StateUnreadable as unreadable:
            return _unreadable(unreadable)
        return _difference(stored, today)

    def accept(self, change: str) -> bool:
        """Take today's environment as the right one: an operator has seen this `change`. False when it is another one
        by now. Raises SystemTrouble."""
        self._asked = None
        today = self._settings | self._identities()
        try:
            stored = self._control.environment()
        except StateUnreadable as unreadable:
            return change == _unreadable(unreadable) and self._control.replace_unreadable_environment(today)
        if stored is None or _difference(stored, today) != change:
            return False
        return self._control.accept_environment(today, stored)

    def _identities(self) -> dict[str, str]:
        now = self._clock.monotonic()
        if self._asked is None or now - self._asked[0] > ASK_AGAIN_AFTER_S:
            self._asked = now, {f"{name}_identity": _identity_of(system) for name, system in self._systems.items()}
        return self._asked[1]


def _identity_of(system: SystemPort) -> str:
    """What a system says it is. One that does not even know what it is asked for is another one altogether: that is
    no matter of one flow."""
    try:
        return system.identity()
    except SchemaDrift as unknown:
        raise OperatorNeeded(unknown.system, str(unknown), said=unknown.said) from unknown


def _unreadable(unreadable: StateUnreadable) -> str:
    return f"nobody knows whether the environment changed: {unreadable}"


def _difference(stored: Mapping[str, str], today: Mapping[str, str]) -> str:
    changed = [
        f"{name} was {stored[name]} and is {value}" for name, value in today.items() if stored.get(name, value) != value
    ]
    return f"the environment changed: {'; '.join(changed)}" if changed else ""
