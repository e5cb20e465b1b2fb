"""Waits for the result of an edit, and measures how long it takes."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from local.demo.comparison import differences
from local.demo.customers import kept_numbers
from local.demo.flows import Watched
from local.demo.memory import Memory
from local.demo.progress_reader import ProgressReader
from local.demo.session import Session
from local.demo.standstill import Standstill
from shared.mapping.verdicts import Mapped
from shared.records import SourceRow
from shared.state.failures import Failure
from shared.state.links import LinkState
from shared.state.storage.queues import Queues
from shared.sync.hints import Hint, HintMessage

_LOOK_EVERY_S = 0.2
PATIENCE_S = 90.0
_OPERATOR = "demo"
_TRIES = 20
_ENDED = (LinkState.ENDED, LinkState.DELETED)


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Looks at one flow from outside, in both systems. It remembers what it has seen: a record may appear and end
    between two comparisons."""

    session: Session
    flow: Watched
    reader: ProgressReader
    memory: Memory

    def some(self, chance: random.Random) -> SourceRow | None:
        """A source record that is in the target and may be edited, or None."""
        rows = self.flow.sources(self.session.systems)
        for row in chance.sample(rows, min(len(rows), _TRIES)):
            if self.reader.link(row.id).state is LinkState.WRITTEN:
                return row
        return None

    def mapped(self, id: str) -> Mapped | None:
        """What the mapping makes of a source record as it is now; None if it is not for the target."""
        verdict = self.flow.verdict(self.session.systems, id, kept_numbers(self.memory))
        return verdict if isinstance(verdict, Mapped) else None

    def seen(self, id: str) -> float | None:
        """Seconds until the target has every field as in the source; None if it takes too long."""
        began = time.monotonic()
        mapped = self.mapped(id)
        if mapped is None:
            return None
        seconds = self._until(lambda: self._holds(mapped), began)
        if seconds is not None:
            self.memory.expect(self.flow.name, {id: mapped.key})
        return seconds

    def ended(self, id: str) -> float | None:
        """Seconds until the sync has noted that a source record has ended, or is gone."""
        return self._until(lambda: self.reader.link(id).state in _ENDED)

    def failed(self, id: str) -> tuple[float, Failure] | None:
        """Seconds until a record is listed as rejected, and why."""
        found: list[Failure] = []

        def listed() -> bool:
            failure = self.reader.failure(id)
            found.extend([failure] if failure else [])
            return bool(found)

        seconds = self._until(listed)
        return None if seconds is None else (seconds, found[0])

    def retry(self, id: str) -> None:
        """Have a record processed again now, as an operator's retry does."""
        queues: Queues = self.session.storage.queues
        queues.send(self.flow.name, HintMessage(self.flow.name, _OPERATOR, (Hint(id),)).to_body())

    def trouble(self) -> str:
        """Why the flow does not run, in brackets; empty if it may run."""
        closed = self.reader.closed()
        return f"({closed})" if closed else ""

    def _holds(self, mapped: Mapped) -> bool:
        found = self.flow.targets(self.session.systems, mapped.key)
        return len(found) == 1 and not differences(mapped.key, mapped.owned, found[0][1], self.flow)

    def _until(self, condition: Callable[[], bool], began: float | None = None) -> float | None:
        began = time.monotonic() if began is None else began
        standstill = Standstill()
        while not condition():
            self.session.require_alive()
            if standstill.look() > PATIENCE_S:
                return None
            time.sleep(_LOOK_EVERY_S)
        return time.monotonic() - began
