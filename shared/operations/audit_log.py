"""What operators do is noted with their name before it is done."""

from shared.state.audit import Deed
from shared.sync.parts import Parts


class Refused(Exception):
    """It must not be done; the message says why, and what helps."""


class Deeds:
    """Notes the deeds of one operator."""

    def __init__(self, parts: Parts, who: str) -> None:
        self._parts = parts
        self._who = who

    def note(self, what: str, flow: str, subject: str = "", reason: str = "", *, anywhere: bool = False) -> None:
        """Note a deed. Raises StorageTrouble, and Refused where the settings name other systems than those of the first
        run: what is looked at there says nothing of the records that are remembered. `anywhere` is for deeds that
        look at no record."""
        change = "" if anywhere else self._parts.environment.change_by_settings(flow)
        if change:
            raise Refused(f"{change}; correct the settings, or `p2c accept` the change where a flow is blocked by it")
        deed = Deed(self._parts.clock.now(), self._who, what, flow, subject, reason)
        self._parts.state.audit.add(deed, self._parts.new_id())
