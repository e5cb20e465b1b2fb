"""What pull, apply, sweep and poison are built from."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from zlib import crc32

from shared.clock import Clock
from shared.state.audit import Audit
from shared.state.checkpoints import Checkpoints
from shared.state.control import Control
from shared.state.failures import Failures
from shared.state.keys import Keys
from shared.state.links import Links
from shared.state.runs import Runs
from shared.state.storage.queues import HOLD_SUFFIX, POISON_SUFFIX, Queues
from shared.state.storage.tables import Table
from shared.state.waiting import Waits
from shared.sync.environment import Environment
from shared.sync.flow import Flow, Route
from shared.sync.ports import SystemPort
from shared.systems import System


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds and counts, all from the settings.

    `run_budget_s`: after how long an invocation begins nothing more; a pull stops after `pull_budget_s` already.
    `claim_live_s`: how long a claim holds off others, longer than any invocation and its last request can last.
    `unsettled_live_s`: how long a request of unknown outcome may still land. `change_limit_percent` and the two
    gone limits are the thresholds of protocol P4.
    """

    hints_per_message: int = 100
    pull_budget_s: float = 240
    run_budget_s: float = 150
    claim_live_s: float = 600
    unsettled_live_s: float = 300
    max_attempts: int = 5
    retry_delay_s: float = 30
    gone_limit_count: int = 20
    gone_limit_percent: int = 5
    change_limit_percent: int = 20
    max_restarts: int = 3
    sweep_rows: int = 1000
    sweep_messages: int = 320


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is remembered."""

    links: Links
    failures: Failures
    waits: Waits
    checkpoints: Checkpoints
    control: Control
    runs: Runs
    audit: Audit
    keys: Table
    snapshots: Table

    def keys_of(self, flow: Flow, route: Route) -> Keys:
        """The owned keys of a route's target collection."""
        return Keys(self.keys, route.entity, flow.company)


def new_id() -> str:
    """A random id."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Parts:
    """What every half of the engine is given."""

    flows: Mapping[str, Flow]
    systems: Mapping[System, SystemPort]
    environment: Environment
    state: State
    queues: Queues
    clock: Clock
    limits: Limits
    new_id: Callable[[], str] = new_id

    def flows_in_turn(self, run_id: str) -> list[Flow]:
        """Every flow; each run begins with another one, so that none is always last."""
        flows = list(self.flows.values())
        first = crc32(run_id.encode()) % len(flows)
        return flows[first:] + flows[:first]

    def dependents(self, flow: str) -> list[Flow]:
        """The flows whose records wait for records of `flow`."""
        return [other for other in self.flows.values() if flow in other.parents]


def hold_queue(flow: str) -> str:
    """Where the messages of a flow wait while its gate is closed; no function listens there."""
    return flow + HOLD_SUFFIX


def poison_queue(flow: str) -> str:
    """Where the host puts messages that failed too often."""
    return flow + POISON_SUFFIX
