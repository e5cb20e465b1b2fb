"""Looks at the flows again and again: how they stand, record by record, without taking the machine from the sync."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.demo.flows import Systems, Watched
from local.demo.progress_reader import Account, Glance, ProgressReader
from shared.state.control import Control

# An account reads every link of a flow: it is taken when something has happened or after a while, and never takes more
# than a fifth of the time. Whoever changes links also leaves a run or takes a message, which a glance sees.
ANEW_AFTER_S = 10.0
_SHARE = 0.2

Standings = Mapping[str, ProgressReader]


@dataclass(frozen=True, slots=True)
class Position:
    """The state of one flow. `claims_until` is when the claims of a worker end at the latest, even if it has died."""

    glance: Glance
    account: Account
    claims_until: datetime | None = None

    @property
    def in_step(self) -> bool:
        """Whether every record of the flow is decided and nothing is under way."""
        return self.glance.quiet and not self.account.unaccounted and not self.account.claimed

    @property
    def waits(self) -> bool:
        """Whether records of it wait for records of another flow."""
        return self.account.waiting > 0

    @property
    def progress(self) -> tuple[object, ...]:
        """What changes when the flow gets on."""
        return (*self.glance.progress, self.account.decided, self.account.claimed)


@dataclass(slots=True)
class _Taken:
    glance: Glance
    account: Account
    at: float
    took_s: float
    claims_until: datetime | None


class Stocktaking:
    """Where each of these flows stands. `claim_live_s` is how long the claim of a worker that died holds."""

    def __init__(
        self,
        systems: Systems,
        flows: tuple[Watched, ...],
        standings: Standings,
        claim_live_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._systems = systems
        self._flows = flows
        self._standings = standings
        self._claim_live_s = claim_live_s
        self._clock = clock
        self._ids: dict[str, list[str]] = {}
        self._taken: dict[str, _Taken] = {}

    def look(self, *, anew: bool = False) -> dict[str, Position]:
        """Look now; `anew` reads the state of every record again, over the records that both systems have at this
        moment."""
        control = self._standings[self._flows[0].name].control()
        return {flow.name: self._look(flow, control, anew=anew) for flow in self._flows}

    def _look(self, flow: Watched, control: Control, *, anew: bool) -> Position:
        glance = self._standings[flow.name].glance(control, anew=anew)
        taken = self._taken.get(flow.name)
        if taken is None or anew or self._is_due(taken, glance):
            taken = self._taken[flow.name] = self._take(flow, glance, anew=anew)
        return Position(glance, taken.account, taken.claims_until)

    def _is_due(self, taken: _Taken, glance: Glance) -> bool:
        age = self._clock() - taken.at
        news = glance != taken.glance or age > ANEW_AFTER_S
        return news and age * _SHARE > taken.took_s

    def _take(self, flow: Watched, glance: Glance, *, anew: bool) -> _Taken:
        began = self._clock()
        if anew or flow.name not in self._ids:
            self._ids[flow.name] = flow.source.ids(self._systems)
        account = self._standings[flow.name].account_for(self._ids[flow.name])
        until = None
        if account.claim_age_s is not None:
            left = max(self._claim_live_s - account.claim_age_s, 0.0)
            until = datetime.now().astimezone() + timedelta(seconds=left)
        now = self._clock()
        return _Taken(glance, account, now, now - began, until)
