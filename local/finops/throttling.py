"""Resource-based throttling: an environment that is short of CPU or memory refuses requests by their priority.

There are no limits per user: the service withdrew them. A fresh environment is under low pressure and refuses nothing,
as a real one with free resources.

Documented are the status 429, the text, a Retry-After that may be missing, and that requests are refused by the
priority of their app or user in the throttling priority mapping. The documents are silent on the following, so it is
decided here:
- which priorities a pressure refuses: medium refuses low, high refuses low and medium; high priority always passes;
- all clients of the simulator have the one priority of its settings, medium if nothing is said;
- every request with a valid token is judged, for any address; a `$batch` is one request, refused as a whole;
- the body around the text has no innererror: the request never reached the business logic;
- the pressure lasts until it is changed; waiting out a Retry-After does not end it.
"""

from dataclasses import dataclass
from enum import StrEnum

from local.finops.settings import Priority
from local.simulator.messages import Reply, Request
from local.simulator.server import Handler

THROTTLE_BODY = (
    '{"error":{"code":"","message":"This request could not be processed at this time '
    'due to system experiencing high resource utilization."}}'
)


class Level(StrEnum):
    """How short of resources the environment is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_PASSES = {
    Level.LOW: frozenset(Priority),
    Level.MEDIUM: frozenset({Priority.MEDIUM, Priority.HIGH}),
    Level.HIGH: frozenset({Priority.HIGH}),
}


@dataclass(slots=True)
class Pressure:
    """The pressure that the environment is under; `guard` is the guard of the simulator.

    `retry_after_s` is sent with a refusal, None = no such header. One request comes at a time.
    """

    priority: Priority
    level: Level = Level.LOW
    retry_after_s: int | None = None
    seen: int = 0
    refused: int = 0

    async def guard(self, request: Request, handler: Handler) -> Reply:
        """The handler's answer, or 429 where the pressure is too high for the client's priority."""
        self.seen += 1
        if self.priority in _PASSES[self.level]:
            return handler(request)
        self.refused += 1
        wait = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
        headers = {"Content-Type": "application/json; charset=utf-8", **wait}
        return Reply(429, headers, THROTTLE_BODY.encode())

    def control(self, method: str, body: object) -> object:
        """Control `pressure`: POST {"level": "high", "retry_after": 5}; without retry_after, or null: no such header.

        DELETE relieves the pressure and resets the counts. `seen` and `refused` count requests.
        """
        match method, body:
            case "POST", {"level": str() as level, **others} if others.keys() <= {"retry_after"}:
                retry_after_s = _seconds(others.get("retry_after"))
                self.level, self.retry_after_s = _level(level), retry_after_s
            case "DELETE", None:
                self.level, self.retry_after_s = Level.LOW, None
                self.seen = self.refused = 0
            case "GET", _:
                pass
            case _:
                raise ValueError(
                    'Use GET, DELETE, or POST with {"level": low, medium or high, "retry_after": seconds or null}.'
                )
        return {
            "level": self.level.value,
            "retry_after": self.retry_after_s,
            "priority": self.priority.value,
            "seen": self.seen,
            "refused": self.refused,
        }


def _level(text: str) -> Level:
    try:
        return Level(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a level of pressure; choose one of: {', '.join(Level)}.") from error


def _seconds(given: object) -> int | None:
    match given:
        case None:
            return None
        case int() as seconds if not isinstance(seconds, bool) and seconds >= 0:
            return seconds
    raise ValueError(f"retry_after is {given!r}; give whole seconds from 0, or null for no such header.")
