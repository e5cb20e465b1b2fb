"""The daily digest: what is open, as one event for each flow, so that nobody needs to look."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from shared.clock import Clock
from shared.sync.flow import Flow
from shared.sync.flow_states import counted_of
from shared.sync.state import State
from shared.telemetry import log_event

_CAUSES_TOLD = 10
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Digest:
    """Tells what is open: it reads failures and waits, and changes nothing."""

    run_id: str
    state: State
    clock: Clock

    def tell(self, flows: Iterable[Flow]) -> None:
        """Log one event for each flow that is on. Raises StorageTrouble."""
        for flow in flows:
            if not flow.off:
                self._tell(flow)

    def _tell(self, flow: Flow) -> None:
        now = self.clock.now()
        open_ones = [each for each in counted_of(self.state.failures.page, flow) if not each.dismissed]
        waits = [each for each in counted_of(self.state.waits.page, flow) if not each.is_parked]
        causes = sorted(Counter(each.cause for each in open_ones).items(), key=lambda item: (-item[1], item[0]))
        oldest = min((each.first_seen for each in open_ones if not each.is_unread), default=now)
        longest = max(waits, key=lambda each: each.age_s, default=None)
        log_event(
            "digest",
            flow=flow.name,
            run=self.run_id,
            failures=len(open_ones),
            causes=", ".join(f"{cause} {count}" for cause, count in causes[:_CAUSES_TOLD]),
            unassigned=sum(not each.assigned for each in open_ones),
            oldest_h=round((now - oldest).total_seconds() / _HOUR_S),
            waiting=len({each.child for each in waits}),
            waiting_h=0 if longest is None else round(longest.age_s / _HOUR_S),
            waiting_id="" if longest is None else longest.child,
        )
