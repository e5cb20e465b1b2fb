"""What the host reports to an observer: one frozen record for each thing that happened."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class InvocationStarted:
    """A function was handed to its thread."""

    function: str
    invocation_id: str


@dataclass(frozen=True)
class InvocationSucceeded:
    """A function returned and its outputs were sent."""

    function: str
    invocation_id: str
    seconds: float


@dataclass(frozen=True)
class InvocationFailed:
    """A function raised, ran over the limit, or its outputs could not be sent; `error` is the class's name only."""

    function: str
    invocation_id: str
    seconds: float
    error: str


@dataclass(frozen=True)
class MessagePoisoned:
    """A message went to its poison queue; `ran` is false when its dequeue count was already over the limit."""

    function: str
    queue: str
    message_id: str
    dequeue_count: int
    ran: bool


Event = InvocationStarted | InvocationSucceeded | InvocationFailed | MessagePoisoned
OnEvent = Callable[[Event], None]


def event_as_dict(event: Event) -> dict[str, object]:
    """Return the event as one flat JSON object, its kind under `event`."""
    return {"event": type(event).__name__, **dataclasses.asdict(event)}


def ignore(_: Event) -> None:
    """Observe nothing."""
