"""A system at the end of a channel, without a network."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from shared import exact_json
from shared.clients.http.channel import Channel
from shared.clients.http.exchange import Answer, PreparedCall
from shared.clients.http.origin import Origin
from shared.clients.http.throttle import Throttle
from shared.records import Json
from shared.systems import System
from tests.support.clock import ManualClock

ORIGIN = Origin.parse("https://org.crm4.dynamics.com")

Reply = Answer | Exception | Callable[[PreparedCall], Answer]


def ok(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer with a JSON body."""
    given = {"Content-Type": "application/json", **(headers or {})}
    return Answer(status, given, exact_json.dumps(body).encode())


def refused(text: str, status: int = 400) -> Answer:
    """How F&O refuses."""
    return ok({"error": {"code": "", "message": "An error has occurred.", "innererror": {"message": text}}}, status)


@dataclass
class FakeTokens:
    """Tokens that count."""

    issued: int = 1

    def token(self) -> str:
        """The newest token."""
        return f"token-{self.issued}"

    def refresh(self, refused: str) -> str:
        """A newer token than the refused one."""
        if refused == self.token():
            self.issued += 1
        return self.token()


@dataclass
class FakeServer:
    """Answers in order; the last reply stays. Keeps what it was sent."""

    replies: list[Reply] = field(default_factory=list)
    calls: list[PreparedCall] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call: PreparedCall) -> Answer:
        """The transport."""
        with self.lock:
            self.calls.append(call)
            reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Answer) else reply(call)

    def reply(self, *replies: Reply) -> None:
        """Answer like this from now on."""
        self.replies = list(replies)

    @property
    def methods(self) -> list[str]:
        """The methods of what was sent."""
        return [call.method for call in self.calls]


@dataclass
class Line:
    """A channel with everything around it that a test looks at."""

    server: FakeServer
    clock: ManualClock
    tokens: FakeTokens
    throttle: Throttle
    channel: Channel


def line(
    *replies: Reply,
    system: System = System.FINOPS,
    parallel: int = 1,
) -> Line:
    """A channel to a fake server. With `parallel` 1 the requests of a call come in order."""
    clock, tokens, server = ManualClock(), FakeTokens(), FakeServer(list(replies))
    throttle = Throttle(system, clock, start=parallel, maximum=parallel)
    channel = Channel(system, ORIGIN, server, tokens=tokens, throttle=throttle, clock=clock, jitter=lambda: 0.5)
    return Line(server, clock, tokens, throttle, channel)


def values_of(rows: Iterable[Mapping[str, Json]]) -> Answer:
    """A collection."""
    return ok({"value": [dict(row) for row in rows]})
