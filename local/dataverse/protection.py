"""Service protection: what one user may ask of one web server, and what a request costs.

Three limits hold side by side for each user on each web server. The number of requests and their combined execution
time are counted over a sliding window: a request is refused once the window before it is full, and from then on until
the announced Retry-After is over. Too many requests at the same time are refused at once, for as long as the others
take. A `$batch` or a bulk message is one request that takes as long as all its parts.

The documents do not say the following, so it is decided here:
- a user is the client of the token; impersonation (MSCRMCallerID) changes nothing;
- refused requests neither fill the window nor take time;
- execution time counts when a request is over;
- Retry-After is the time until one more request fits, in seconds rounded up; for the third limit it is 1 s;
- a request that comes before that time is over, but not within `grace_s` of the first refusal (those had been
  sent already), makes it longer by `extension_s`, to one window at most. For the third limit this is announced only;
- the combined execution time may reach its limit, only what is above it is refused;
- the affinity cookie is set when the request brings none that is known, and does not reveal its server.
"""

import asyncio
import hashlib
import math
import re
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Protocol

from local.dataverse.organisation import APPLICATION_USER_ID
from local.dataverse.refusals import Refused
from local.dataverse.settings import Limits
from local.dataverse.windows import Limit, LimitMet, Load
from local.simulator.auth import client_of
from local.simulator.messages import Reply, Request
from local.simulator.server import Handler

Monotonic = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

_AFFINITY = re.compile(r"(?:^|[;,]\s*)ARRAffinity=([0-9a-f]{64})(?=$|[;,])")
_WINDOWS_KEPT = 1000


class Backend(Protocol):
    """What answers the requests that are let in."""

    def refusal(self, refused: Refused) -> Reply:
        """The answer to a refusal, with the headers that every answer has."""
        ...

    def rows_written(self) -> int:
        """How many rows were written in all; the difference over a request is what it wrote."""
        ...


@dataclass(slots=True)
class _Count:
    """What was seen since the counters were last cleared. Times are monotonic seconds."""

    seen: int = 0
    highest_concurrency: int = 0
    first_s: float | None = None
    last_s: float | None = None
    refused: Counter[Limit] = field(default_factory=Counter)
    windows: deque[list[float]] = field(default_factory=lambda: deque(maxlen=_WINDOWS_KEPT))

    def see(self, now: float, window_s: float) -> None:
        """Count one request, in the window that began last or in a new one."""
        self.seen += 1
        self.first_s = now if self.first_s is None else self.first_s
        self.last_s = now
        began = self.windows[-1][0] if self.windows else now
        if not self.windows or now >= began + window_s:
            self.windows.append([began + math.floor((now - began) / window_s) * window_s, 0])
        self.windows[-1][1] += 1


class Protection:
    """Lets requests through to the handler or refuses them; `guard` is the guard of the simulator.

    One request comes at a time. Nothing is limited, delayed or counted while there are no limits.
    """

    def __init__(
        self,
        limits: Limits | None,
        backend: Backend,
        *,
        clock: Monotonic = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._limits = limits
        # The numbers stay known while the protection is off.
        self._numbers = limits or Limits()
        self._backend = backend
        self._clock = clock
        self._sleep = sleep
        self._next_server = 0
        self._loads: dict[tuple[str, int], Load] = {}
        self._count = _Count()

    async def guard(self, request: Request, handler: Handler) -> Reply:
        """The handler's answer after the time that the request costs, or 429."""
        limits = self._limits
        if limits is None:
            return handler(request)
        server, headers = self._server(request, limits)
        load = self._loads.setdefault((_user(request), server), Load())
        try:
            self._admit(load, limits)
        except LimitMet as met:
            reply = self._backend.refusal(met)
        else:
            reply = await self._run(load, limits, request, handler)
        return Reply(reply.status, {**reply.headers, **_left(load, limits), **headers}, reply.body)

    def control(self, method: str, body: object) -> object:
        """Control `protection`: numbers and counters.

        POST {"on": bool, "<number>": ..} with fields of Limits changes the numbers, which is followed by a new
        judgement of every wait; it switches the protection on unless `on` is false. DELETE forgets counters, windows
        and waits and keeps the numbers.
        """
        match method, body:
            case "POST", dict():
                self._change({str(name): value for name, value in body.items()})
            case "DELETE", None:
                self._loads.clear()
                self._count = _Count()
            case "GET", _:
                pass
            case _:
                raise ValueError('Use GET, DELETE, or POST with {"on": bool, "requests": number, ..}.')
        return self._state()

    def _change(self, given: Mapping[str, object]) -> None:
        numbers = {name: value for name, value in given.items() if name != "on"}
        changed = limits_from(numbers, self._numbers)
        match given.get("on", True):
            case bool() as on:
                self._numbers, self._limits = changed, changed if on else None
            case other:
                raise ValueError(f"on is {other!r}; give true or false.")
        for load in self._loads.values():
            load.wait = load.queue = None

    def _server(self, request: Request, limits: Limits) -> tuple[int, Mapping[str, str]]:
        """The web server that takes the request, and the header that would bind the client to it."""
        bound = _bound_to(request, limits.servers)
        if bound is not None:
            return bound, {}
        server = self._next_server % limits.servers
        self._next_server = server + 1
        secure = ";Secure" if request.base_url.startswith("https:") else ""
        return server, {"Set-Cookie": f"ARRAffinity={_affinity(server)};Path=/;HttpOnly{secure}"}

    def _admit(self, load: Load, limits: Limits) -> None:
        now = self._clock()
        self._count.see(now, limits.window_s)
        try:
            load.admit(now, limits)
        except LimitMet as met:
            self._count.refused[met.limit] += 1
            raise
        self._count.highest_concurrency = max(self._count.highest_concurrency, load.running)

    async def _run(self, load: Load, limits: Limits, request: Request, handler: Handler) -> Reply:
        began, rows = self._clock(), self._backend.rows_written()
        modelled_s = limits.request_ms / 1000
        handled_s = 0.0
        try:
            reply = handler(request)
            handled_s = self._clock() - began
            # Rows that were rolled back cost nothing.
            modelled_s += max(0, self._backend.rows_written() - rows) * limits.row_ms / 1000
            if modelled_s > 0:
                await self._sleep(modelled_s)
        finally:
            load.leave(self._clock(), handled_s + modelled_s)
        return reply

    def _state(self) -> dict[str, object]:
        now, count = self._clock(), self._count
        return {
            "on": self._limits is not None,
            "limits": asdict(self._numbers),
            "now_s": now,
            "seen": count.seen,
            "refused": {limit.value: count.refused[limit] for limit in Limit},
            "highest_concurrency": count.highest_concurrency,
            "first_request_s": count.first_s,
            "last_request_s": count.last_s,
            "windows": [{"from_s": began, "requests": int(seen)} for began, seen in count.windows],
            "loads": [self._load_state(*place, load, now) for place, load in sorted(self._loads.items(), key=_place)],
        }

    def _load_state(self, user: str, server: int, load: Load, now: float) -> dict[str, object]:
        load.slide(now, self._numbers)
        return {
            "user": user,
            "server": server,
            "requests_in_window": len(load.arrivals),
            "most_requests_in_window": load.most_arrivals,
            "execution_s_in_window": load.used_us / 1_000_000,
            "concurrent": load.running,
            "wait_s": max(0.0, load.wait.until - now) if load.wait else 0.0,
        }


def limits_from(given: Mapping[str, object], base: Limits) -> Limits:
    """The base with the given numbers. Raises ValueError naming what is wrong."""
    known = [each.name for each in fields(Limits)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ValueError(f"Service protection has no {', '.join(unknown)}; known: {', '.join(known)}.")
    return Limits(
        requests=_whole(given, "requests", base.requests),
        execution_s=_number(given, "execution_s", base.execution_s),
        concurrency=_whole(given, "concurrency", base.concurrency),
        window_s=_number(given, "window_s", base.window_s),
        servers=_whole(given, "servers", base.servers),
        request_ms=_number(given, "request_ms", base.request_ms),
        row_ms=_number(given, "row_ms", base.row_ms),
        grace_s=_number(given, "grace_s", base.grace_s),
        extension_s=_number(given, "extension_s", base.extension_s),
    )


def _user(request: Request) -> str:
    # Each client has an application user of its own; a token without a client is the seeded one.
    return (client_of(request.header("Authorization")) or APPLICATION_USER_ID).lower()


def _bound_to(request: Request, servers: int) -> int | None:
    known = _AFFINITY.search(request.header("Cookie") or "")
    if known is None:
        return None
    return next((server for server in range(servers) if _affinity(server) == known.group(1)), None)


def _affinity(server: int) -> str:
    return hashlib.sha256(f"web server {server}".encode()).hexdigest()


def _left(load: Load, limits: Limits) -> Mapping[str, str]:
    """What is left of the window. The form of the values is decided here."""
    left_s = limits.execution_s - load.used_us / 1_000_000
    return {
        "x-ms-ratelimit-burst-remaining-xrm-requests": str(max(0, limits.requests - len(load.arrivals))),
        "x-ms-ratelimit-time-remaining-xrm-requests": f"{max(0.0, left_s):,.2f}",
    }


def _place(item: tuple[tuple[str, int], Load]) -> tuple[str, int]:
    return item[0]


def _whole(given: Mapping[str, object], name: str, base: int) -> int:
    match given.get(name, base):
        case int() as value if not isinstance(value, bool):
            return value
        case other:
            raise ValueError(f"{name} is {other!r}; give a whole number.")


def _number(given: Mapping[str, object], name: str, base: float) -> float:
    match given.get(name, base):
        case int() | float() as value if not isinstance(value, bool):
            return float(value)
        case other:
            raise ValueError(f"{name} is {other!r}; give a number.")
