"""Waits for what the sync makes of an edit, and measures how long it takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from local.demo.comparison import differences
from local.demo.flows import Watched
from local.demo.session import Session
from local.demo.standing import Standing
from shared.mapping.verdicts import Known, Mapped
from shared.state.failures import Failure
from shared.state.links import LinkState
from shared.state.queues import Queues
from shared.sync.hints import Hint, HintMessage

_LOOK_EVERY_S = 0.1
PATIENCE_S = 90.0
_OPERATOR = "demo"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Looks at one flow from outside, with both systems at hand."""

    session: Session
    flow: Watched
    standing: Standing

    def mapped(self, id: str) -> Mapped | None:
        """What the mapping makes of a source record as it is now, None when it is not for the target."""
        row = self.flow.source(self.session.sales, id)
        verdict = None if row is None else self.flow.mapper.evaluate(row, Known(datetime.now(UTC)))
        return verdict if isinstance(verdict, Mapped) else None

    def seen(self, id: str) -> float | None:
        """Seconds until the target holds every field as the source says; None when it takes too long."""
        mapped = self.mapped(id)
        return None if mapped is None else self._until(lambda: self._holds(mapped))

    def ended(self, id: str) -> float | None:
        """Seconds until the sync has noted that a source record came to its end."""
        return self._until(lambda: self.standing.link(self.flow.route, id).state is LinkState.ENDED)

    def failed(self, id: str) -> tuple[float, Failure] | None:
        """Seconds until a record is listed as rejected, and why."""
        found: list[Failure] = []

        def listed() -> bool:
            failure = self.standing.failure(id)
            found.extend([failure] if failure else [])
            return bool(found)

        seconds = self._until(listed)
        return None if seconds is None else (seconds, found[0])

    def retry(self, id: str) -> None:
        """Have a record looked at again now, as an operator's retry does."""
        queues: Queues = self.session.storage.queues
        queues.send(self.flow.name, HintMessage(self.flow.name, _OPERATOR, (Hint(id),)).to_body())

    def _holds(self, mapped: Mapped) -> bool:
        row = self.flow.target(self.session.finops, mapped.key)
        return row is not None and not differences(mapped.key, mapped, row, self.flow.mapper)

    def _until(self, condition: Callable[[], bool]) -> float | None:
        began = time.monotonic()
        while not condition():
            self.session.require_alive()
            if time.monotonic() - began > PATIENCE_S:
                return None
            time.sleep(_LOOK_EVERY_S)
        return time.monotonic() - began
