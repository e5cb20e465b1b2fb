"""The environment of a flow's first run, and whether today's is the same (protocol P6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.clock import Clock
from shared.errors import OperatorNeeded, SchemaDrift, StateUnreadable
from shared.state.control import Control
from shared.sync.ports import SystemPort
from shared.systems import System

ASK_AGAIN_AFTER_S = 3600.0
COMPANY = "company"
# Stands beside the ids while an acceptance changes the links: they are about two environments until it ends.
UNFINISHED = "acceptance_of_another_environment"
_BEGUN = "begun"


@dataclass(frozen=True, slots=True)
class Difference:
    """An id that has changed."""

    name: str
    was: str
    now: str


def describe(differences: Sequence[Difference]) -> str:
    """The differences as a sentence, empty when there are none."""
    changed = (f"{difference.name} was {difference.was} and is {difference.now}" for difference in differences)
    return f"the environment changed: {'; '.join(changed)}" if differences else ""


def may_be_another(system: System, differences: Sequence[Difference]) -> bool:
    """Whether a system may hold other rows than it did. Dataverse shows it by the id of its organisation,
    whatever its address is; F&O has no such id."""
    names = {difference.name for difference in differences}
    if UNFINISHED in names:
        return True
    if system is System.DATAVERSE:
        return f"{system}_identity" in names
    return bool(names & {f"{system}_origin", f"{system}_identity", COMPANY})


class Environment:
    """Compares the environment with that of the first run: a sandbox copy must not be synced unasked.

    `settings` are the ids that the settings name (both origins, the company). What the systems say about themselves is
    requested once an hour per process: it can only change if an environment is restored or copied. Each flow has its
    own environment, which its links are about, and an operator accepts another one flow by flow.
    """

    def __init__(
        self, settings: Mapping[str, str], systems: Mapping[System, SystemPort], control: Control, clock: Clock
    ) -> None:
        self._settings = dict(settings)
        self._systems = systems
        self._control = control
        self._clock = clock
        self._asked: tuple[float, dict[str, str]] | None = None

    def change_by_settings(self, flow: str, now: Control | None = None) -> str:
        """What the settings have changed since the first run, as a sentence, empty if nothing. `now` are the control
        rows where they are read already."""
        try:
            stored = (now or self._control).environment(flow)
        except StateUnreadable as unreadable:
            return _unreadable(unreadable)
        return "" if stored is None else describe(_differences(stored, self._settings))

    def change(self, flow: str) -> str:
        """What differs from the stored environment, as a sentence, empty if nothing. Stores it at the very first run.

        Raises SystemTrouble if a system does not answer.
        """
        today = self._settings | self._identities()
        try:
            stored = self._control.environment(flow)
            if stored is None:
                self._control.store_environment(flow, today)
                stored = self._control.environment(flow) or today
        except StateUnreadable as unreadable:
            return _unreadable(unreadable)
        return describe(_differences(stored, today))

    def differences(self, flow: str) -> list[Difference]:
        """What differs, by a new request. Raises SystemTrouble and StateUnreadable."""
        self._asked = None
        return _differences(self._control.environment(flow) or {}, self._settings | self._identities())

    def begin_acceptance(self, flow: str) -> bool:
        """Note that an operator has begun to accept another environment: should that be interrupted, and the settings
        name the former one again, the flow stays blocked. False if the stored ids have changed meanwhile. Raises
        StateUnreadable."""
        stored = self._control.environment(flow)
        return stored is not None and self._control.accept_environment(flow, {**stored, UNFINISHED: _BEGUN}, stored)

    def accept(self, flow: str, change: str) -> bool:
        """Store the current environment as the right one: an operator has seen this `change`. False if it has changed
        again meanwhile. Raises SystemTrouble."""
        today = self._settings | self._identities()
        try:
            stored = self._control.environment(flow)
        except StateUnreadable as unreadable:
            return change == _unreadable(unreadable) and self._control.replace_unreadable_environment(flow, today)
        if stored is None or describe(_differences(stored, today)) != change:
            return False
        return self._control.accept_environment(flow, today, stored)

    def _identities(self) -> dict[str, str]:
        now = self._clock.monotonic()
        if self._asked is None or now - self._asked[0] > ASK_AGAIN_AFTER_S:
            self._asked = now, {f"{name}_identity": _identity_of(system) for name, system in self._systems.items()}
        return self._asked[1]


def _identity_of(system: SystemPort) -> str:
    """The id that a system reports. A system that does not know the request is a different system, so this is trouble
    of the system and not of one flow."""
    try:
        return system.identity()
    except SchemaDrift as unknown:
        raise OperatorNeeded(unknown.system, str(unknown), said=unknown.said) from unknown


def _unreadable(unreadable: StateUnreadable) -> str:
    return f"it is not known whether the environment changed: {unreadable}"


def _differences(stored: Mapping[str, str], today: Mapping[str, str]) -> list[Difference]:
    found = [Difference(name, stored[name], value) for name, value in today.items() if stored.get(name, value) != value]
    return found or [Difference(UNFINISHED, stored[UNFINISHED], "not finished")] if UNFINISHED in stored else found
