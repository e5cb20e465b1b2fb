"""Every action of an operator is written to the audit log, with their name, before it is done."""

from collections.abc import Callable

from shared.clock import Clock
from shared.state.audit import Audit, AuditEntry
from shared.sync.environment import Environment


class Refused(Exception):
    """The action is not allowed; the message says why, and what helps."""


class AuditLog:
    """Writes the actions of one operator to the audit log."""

    def __init__(
        self, who: str, *, audit: Audit, environment: Environment, clock: Clock, new_id: Callable[[], str]
    ) -> None:
        self._who = who
        self._audit = audit
        self._environment = environment
        self._clock = clock
        self._new_id = new_id

    @property
    def who(self) -> str:
        """The operator."""
        return self._who

    def note(
        self, what: str, flow: str, subject: str = "", reason: str = "", *, anywhere: bool = False, run: str = ""
    ) -> None:
        """Write an action to the audit log. Raises StorageTrouble, and Refused if the settings name other systems than
        those of the first run: what is read there says nothing about the records in storage. `anywhere` is for actions
        that read no record; `run` is the id under which this one queues records, or tells their history what it has put
        back."""
        change = "" if anywhere else self._environment.change_by_settings(flow)
        if change:
            raise Refused(f"{change}; correct the settings, or run `p2c accept` if a flow is blocked by the change")
        entry = AuditEntry(self._clock.now(), self._who, what, flow, subject, reason, run)
        self._audit.add(entry, self._new_id())
