"""Real HTTP: one pool of connections per target, without cookies, redirects or retries of its own. Proxies and
certificates of the environment count only if the caller passes them."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProxyError
from urllib3.util import make_headers, parse_url

from shared.clients.http.exchange import Answer, AnswerLost, CertificateRefused, NotConnected, PreparedCall, Transport
from shared.clients.http.origin import Origin, require_same_origin
from shared.clock import Clock
from shared.outbound import STRAIGHT, Outbound
from shared.systems import System

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 120.0
MAX_ANSWER_BYTES = 64 * 1024 * 1024

_CHUNK_BYTES = 64 * 1024
_IDLE_BEFORE_PROBE_S = 60
_HEADERS = {"User-Agent": "prospect-to-cash-sync", "Accept-Encoding": "gzip"}


class Carrier(Protocol):
    """Makes the transport to one origin."""

    def __call__(
        self, system: System, origin: Origin, clock: Clock, *, pool_size: int, read_timeout_s: float, outbound: Outbound
    ) -> Transport:
        """What carries the calls."""


class HttpTransport:
    """Sends prepared calls to one origin. Safe for use by many threads."""

    def __init__(
        self,
        system: System,
        origin: Origin,
        clock: Clock,
        *,
        pool_size: int,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        outbound: Outbound = STRAIGHT,
    ) -> None:
        self._system = system
        self._origin = origin
        self._clock = clock
        self._timeout_s = read_timeout_s
        self._timeouts = Timeout(connect=connect_timeout_s, read=read_timeout_s)
        self._max_answer_bytes = max_answer_bytes
        self._manager = _manager(origin, pool_size, outbound)
        self._pool = self._manager.connection_from_url(str(origin))

    def __call__(self, call: PreparedCall) -> Answer:
        """Send one call. Raises NotConnected or AnswerLost."""
        require_same_origin(call.url, self._origin, self._system)
        try:
            response = self._open(call)
        except (OSError, HTTPError, ValueError) as error:
            raise _translated(error) from error
        complete = False
        try:
            body, complete = self._body(response)
        finally:
            # What has been read to its end leaves a connection that can be used again.
            if not complete:
                response.close()
            response.release_conn()
        return Answer(response.status, dict(response.headers), body, complete)

    def _open(self, call: PreparedCall) -> BaseHTTPResponse:
        # The pool of one origin alone: a session of requests would add cookies, redirects and what the environment
        # says, of which we want none.
        parts = urlsplit(call.url)
        return self._pool.urlopen(
            call.method,
            f"{parts.path}?{parts.query}" if parts.query else parts.path,
            body=call.body,
            headers={**_HEADERS, **call.headers},
            retries=False,
            redirect=False,
            timeout=self._timeouts,
            preload_content=False,
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._manager.clear()

    def _body(self, response: BaseHTTPResponse) -> tuple[bytes, bool]:
        """The body as far as it arrived. A slow server gets the read timeout for the whole body."""
        deadline = self._clock.monotonic() + self._timeout_s
        parts: list[bytes] = []
        size_bytes = 0
        try:
            for part in response.stream(_CHUNK_BYTES, decode_content=True):
                parts.append(part)
                size_bytes += len(part)
                if size_bytes > self._max_answer_bytes or self._clock.monotonic() > deadline:
                    return b"", False
        except (OSError, HTTPError):
            return b"", False
        return b"".join(parts), True


def _manager(origin: Origin, pool_size: int, outbound: Outbound) -> PoolManager:
    """Probes idle connections, so that a connection that a firewall dropped is not first noticed by a write."""
    options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if hasattr(socket, "TCP_KEEPIDLE"):
        options.append((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_BEFORE_PROBE_S))
    # Plain http is allowed for loopback only, so the proxy never sees a token: it opens a tunnel.
    make: Callable[..., PoolManager] = PoolManager
    if outbound.proxy and origin.scheme == "https":
        # The library does not read the login of the address. Its bytes go as they are, whatever letters they make.
        login = parse_url(outbound.proxy).auth
        headers = make_headers(proxy_basic_auth=unquote(login, "latin-1")) if login else None
        make = partial(ProxyManager, outbound.proxy, proxy_headers=headers)
    authorities = outbound.ca_file or DEFAULT_CA_BUNDLE_PATH
    is_folder = Path(authorities).is_dir()
    return make(
        num_pools=1,
        maxsize=pool_size,
        block=True,
        socket_options=options,
        ca_certs=None if is_folder else authorities,
        ca_cert_dir=authorities if is_folder else None,
    )


def _translated(error: Exception) -> NotConnected | AnswerLost:
    name = type(error).__name__
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _chain(error)):
        return CertificateRefused(f"its certificate was refused ({name})")
    match error:
        case ProxyError():
            # There was no tunnel, so nothing was sent.
            return NotConnected(f"no connection through the proxy ({_said(error)})")
        case NewConnectionError() | ConnectTimeoutError():
            return NotConnected(f"no connection ({name})")
        case ValueError():
            # An address or header that the library refuses to send.
            return NotConnected(f"the request cannot be sent ({name})")
    return AnswerLost(f"no answer ({name})")


def _said(error: ProxyError) -> str:
    """The proxy's answer to the request for a tunnel, if any."""
    told = re.search(r"Tunnel connection failed: (\d{3})", str(error))
    return f"it answered {told[1]}" if told else "it does not answer"


def _chain(error: BaseException) -> Iterator[BaseException]:
    pending: list[BaseException] = [error]
    for _ in range(20):
        if not pending:
            return
        current = pending.pop()
        yield current
        inner = [current.__cause__, current.__context__, getattr(current, "reason", None), *current.args]
        pending += [one for one in inner if isinstance(one, BaseException)]
