"""What operators do is noted with their name before it is done."""

from shared.state.audit import Deed
from shared.sync.parts import Parts


class Deeds:
    """Notes the deeds of one operator."""

    def __init__(self, parts: Parts, who: str) -> None:
        self._parts = parts
        self._who = who

    def note(self, what: str, flow: str, subject: str = "", reason: str = "") -> None:
        """Note a deed. Raises StorageTrouble."""
        deed = Deed(self._parts.clock.now(), self._who, what, flow, subject, reason)
        self._parts.state.audit.add(deed, self._parts.new_id())
