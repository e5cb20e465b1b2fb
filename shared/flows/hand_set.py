"""The flows of a deployment with what operators have set by hand above its map document."""

import threading
from collections.abc import Mapping, Sequence

from shared.flows.spec import Deployment, Systems
from shared.records import MapEntry
from shared.sync.flow import Flow


class HandSet:
    """Makes the flows with such entries. Those made last are kept: an entry changes seldom, and every message asks."""

    def __init__(self, deployment: Deployment, systems: Systems) -> None:
        self._deployment = deployment
        self._systems = systems
        self._making = threading.Lock()
        self._entries: tuple[MapEntry, ...] = ()
        self._flows: Mapping[str, Flow] = {}

    def flows_with(self, entries: Sequence[MapEntry]) -> Mapping[str, Flow]:
        """Every flow by name, with these entries; those that contradict the document do not count. Raises
        SettingsInvalid if the document itself is wrong."""
        with self._making:
            if not self._flows or self._entries != tuple(entries):
                deployment, _ = self._deployment.with_entries(entries)
                self._flows = deployment.wired(self._systems)
                self._entries = tuple(entries)
            return self._flows
