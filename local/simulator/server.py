"""The HTTP server of a simulator: tokens, latency, faults and recording around one plain handler."""

import asyncio
import logging
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from local import space
from local.simulator.auth import Clock, TokenCheck, system_clock
from local.simulator.control import PREFIX, Control, ControlPlane
from local.simulator.exchanges import ExchangeLog
from local.simulator.faults import Faults, Kind, Rule
from local.simulator.messages import Reply, Request

__all__ = ["Guard", "Handler", "Reply", "Request", "Simulator", "Tls", "running"]

Handler = Callable[[Request], Reply]

Guard = Callable[[Request, Handler], Awaitable[Reply]]
"""Called before the handler: calls it or answers in its place, and may wait, which holds up no other request. Whoever
asks without a connection calls it on a thread of its own, and then it cannot wait."""

_log = logging.getLogger(__name__)

ADMIN_HEADER = "x-simulator-admin"
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>"
# Far above the limits of the services for a URL: the handler decides what is too long.
_LONGEST_LINE = 1_000_000
_START_LIMIT_S = 30.0
# Where whoever asks without a connection is.
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate and key files in PEM form."""

    certificate: Path
    key: Path


class Simulator:
    """Serves one system. The handler is plain code to which one request comes at a time: over a connection on the
    server's own thread, otherwise on that of whoever asks."""

    def __init__(  # noqa: PLR0917 - the parts of a simulator in their fixed order
        self,
        system: str,
        handler: Handler,
        token_check: TokenCheck,
        faults: Faults,
        exchanges: ExchangeLog,
        admin_token: str,
        tls: Tls | None = None,
        *,
        guard: Guard | None = None,
        controls: Mapping[str, Control] | None = None,
        authority: str = "https://login.microsoftonline.com/common/oauth2/authorize",
        clock: Clock = system_clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.system = system
        self.faults = faults
        self.exchanges = exchanges
        self._handler = handler
        self._guard = guard
        self._token_check = token_check
        self._control = ControlPlane(faults, exchanges, admin_token, controls)
        self._tls = tls
        self._authority = authority
        self._clock = clock
        self._sleep = sleep
        # Whoever has it works on the rows.
        self._turn = threading.RLock()
        self._runner: web.ServerRunner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.failure: space.NoSpaceLeft | None = None
        self.on_failure: Callable[[], None] = lambda: None

    @property
    def scheme(self) -> str:
        """http or https."""
        return "https" if self._tls else "http"

    async def start(self, host: str, port: int) -> int:
        """Listen; port 0 takes a free one. Returns the port. Raises OSError if it is taken."""
        server = web.Server(self._serve, access_log=None, max_line_size=_LONGEST_LINE, max_field_size=_LONGEST_LINE)
        runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, host, port, ssl_context=_context(self._tls))
        await site.start()
        self._runner, self._loop = runner, asyncio.get_running_loop()
        return int(runner.addresses[0][1])

    async def stop(self) -> None:
        """Stop listening and bring the record of exchanges into its file."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = self._loop = None
        self.exchanges.flush()

    @property
    def listens(self) -> bool:
        """Whether it has been started, and not stopped since."""
        return self._loop is not None

    def ask(self, request: Request) -> Reply:
        """The reply to a request of this process, without a connection: nothing of HTTP is read or written, no other
        thread is waited for, and no fault is played. Everything else is as for any client. The simulator must be
        running. Raises RuntimeError where the guard would wait: only over a connection it can."""
        assert self._loop is not None, "the simulator is not running"
        with self._turn:
            return _at_once(self._plain(request))

    async def _plain(self, request: Request) -> Reply:
        try:
            if request.raw_path.startswith(PREFIX):
                return self._control.answer(request, _LOOPBACK)
            if request.headers.get(ADMIN_HEADER) == "1":
                return self._unauthorised(request) or self._handled(request)
            reply = self._unauthorised(request) or await self._guarded(request)
            self.exchanges.record(self._clock(), request, reply)
        except space.NoSpaceLeft as full:
            return self._failed(full)
        return reply

    async def _serve(self, incoming: web.BaseRequest) -> web.StreamResponse:
        if incoming.headers.get("Expect", "").lower() == "100-continue" and incoming.transport is not None:
            incoming.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        try:
            return await self._replied(incoming, await self._received(incoming))
        except space.NoSpaceLeft as full:
            return _response(self._failed(full))

    def _failed(self, full: space.NoSpaceLeft) -> Reply:
        # A retry would not find more space: the simulator's caller ends it.
        self.failure = full
        self.on_failure()
        return Reply(507, _JSON, b'{"error":{"code":"507","message":"The disk of the simulator is full."}}')

    async def _replied(self, incoming: web.BaseRequest, request: Request) -> web.StreamResponse:
        if request.raw_path.startswith(PREFIX):
            with self._turn:
                return _response(self._control.answer(request, incoming.remote))
        if request.headers.get(ADMIN_HEADER) == "1":
            return _response(self._unauthorised(request) or self._handled(request))
        return await self._answer(incoming, request)

    async def _received(self, incoming: web.BaseRequest) -> Request:
        body = await incoming.content.read()
        path, _, query = incoming.raw_path.partition("?")
        return Request(incoming.method, path, query, incoming.headers, body, f"{self.scheme}://{incoming.host}")

    async def _answer(self, incoming: web.BaseRequest, request: Request) -> web.StreamResponse:
        reply = self._unauthorised(request)
        rule = None if reply else self.faults.hit(request.method, request.target)
        if reply is None:
            reply = self._before(rule, request) or await self._guarded(request)
        if self.faults.latency_ms:
            # Behind the work, and not before it: requests that come together would otherwise be waited for together,
            # worked on together, and answered together, and none of the next ones would travel meanwhile.
            await self._sleep(self.faults.latency_ms / 1000)
        if rule is None:
            return self._sent(request, reply)
        return await self._troubled(incoming, request, rule, reply)

    async def _guarded(self, request: Request) -> Reply:
        return self._handled(request) if self._guard is None else await self._guard(request, self._handled)

    def _handled(self, request: Request) -> Reply:
        try:
            with self._turn:
                return self._handler(request)
        except space.NoSpaceLeft:
            raise
        except Exception:  # noqa: BLE001 - the border of the server: a defect must not end it
            _log.exception("%s %s failed", request.method, request.raw_path)
            return Reply(500, _JSON, b'{"error":{"code":"500","message":"The simulator has a defect; see its log."}}')

    def _before(self, rule: Rule | None, request: Request) -> Reply | None:
        """The reply of a rule that keeps the handler from running."""
        match rule:
            case Rule(kind=Kind.THROTTLE):
                wait = {} if rule.retry_after is None else {"Retry-After": rule.retry_after}
                return Reply(429, {**_JSON, **wait}, self._throttle_body(rule))
            case Rule(kind=Kind.ERROR_BEFORE):
                return _error(rule)
            case Rule(kind=Kind.REFUSE_TOKEN):
                return self._refused(request)
            case Rule(kind=Kind.HTML):
                return Reply(200, _HTML, _PAGE % (b"Sign in", b"Sign in to your account"))
            case Rule(kind=Kind.DROP_BEFORE):
                return Reply(0)
        return None

    async def _troubled(
        self, incoming: web.BaseRequest, request: Request, rule: Rule, reply: Reply
    ) -> web.StreamResponse:
        """The reply of a rule that lets the handler run, or that cuts the connection."""
        match rule.kind:
            case Kind.SLOW:
                await self._sleep(rule.delay_s)
            case Kind.ERROR_AFTER:
                return self._sent(request, _error(rule), rule)
            case Kind.TRUNCATE:
                half = reply.body[: len(reply.body) // 2]
                return self._sent(request, Reply(reply.status, reply.headers, half), rule)
            case Kind.DROP_BEFORE | Kind.DROP_AFTER:
                self.exchanges.record(self._clock(), request, None, fault=rule.kind)
                return _cut(incoming)
            case Kind.DROP_MID:
                self.exchanges.record(self._clock(), request, None, fault=rule.kind)
                return await _cut_midway(incoming, reply)
            case _:
                pass
        return self._sent(request, reply, rule)

    def _sent(self, request: Request, reply: Reply, rule: Rule | None = None) -> web.Response:
        self.exchanges.record(self._clock(), request, reply, fault=rule.kind if rule else "")
        return _response(reply)

    def _unauthorised(self, request: Request) -> Reply | None:
        refusal = self._token_check.refusal(request.header("Authorization"))
        return self._refused(request) if refusal else None

    def _refused(self, request: Request) -> Reply:
        challenge = f"Bearer authorization_uri={self._authority}, resource_id={request.base_url}/"
        return Reply(401, {"WWW-Authenticate": challenge})

    def _throttle_body(self, rule: Rule) -> bytes:
        return (self.faults.throttle_body if rule.body == "json" else _error(rule).body.decode()).encode()


@contextmanager
def running(simulator: Simulator, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Run a simulator on a thread of its own for as long as the block lasts; gives its base URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name=f"{simulator.system}-simulator", daemon=True)
    thread.start()
    try:
        bound = asyncio.run_coroutine_threadsafe(simulator.start(host, port), loop).result(_START_LIMIT_S)
        yield f"{simulator.scheme}://{host}:{bound}"
    finally:
        asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result(_START_LIMIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_LIMIT_S)
        loop.close()


def _context(tls: Tls | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def _at_once(answering: Coroutine[Any, Any, Reply]) -> Reply:
    """What this gives that has nothing to wait for."""
    try:
        answering.send(None)
    except StopIteration as answered:
        return answered.value  # type: ignore[no-any-return]
    answering.close()
    raise RuntimeError("The simulator would have to wait before it answers: ask it over HTTP.")


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, headers=dict(reply.headers), body=reply.body)


def _error(rule: Rule) -> Reply:
    status = str(rule.status).encode()
    match rule.body:
        case "html":
            return Reply(rule.status, _HTML, _PAGE % (b"Server Error", status + b" - The service is unavailable"))
        case "json":
            body = b'{"error":{"code":"' + status + b'","message":"The service is unavailable."}}'
            return Reply(rule.status, _JSON, body)
        case text:
            return Reply(rule.status, _JSON, text.encode())


def _cut(incoming: web.BaseRequest) -> web.StreamResponse:
    if incoming.transport is not None:
        incoming.transport.abort()
    return web.Response()


async def _cut_midway(incoming: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=dict(reply.headers))
    response.content_length = len(reply.body)
    await response.prepare(incoming)
    await response.write(reply.body[: len(reply.body) // 2])
    if incoming.transport is not None:
        incoming.transport.close()
    return response
