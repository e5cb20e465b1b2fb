"""What operators' commands are given."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared.clock import Clock
from shared.state.storage.queues import Queues
from shared.sync.environment import Environment
from shared.sync.flow import Flow
from shared.sync.limits import Limits
from shared.sync.ports import SystemPort
from shared.sync.state import State
from shared.systems import System


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
