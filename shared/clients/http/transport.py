"""Real HTTP: one pool of connections per target, without cookies, redirects or retries of its own. Proxies and
certificates of the environment count only if the caller passes them."""

import re
import socket
import ssl
from collections.abc import Iterator

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, MaxRetryError, NewConnectionError, ProxyError

from shared.clients.http.exchange import Answer, AnswerLost, CertificateRefused, NotConnected, PreparedCall
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
        self._timeouts = connect_timeout_s, read_timeout_s
        self._max_answer_bytes = max_answer_bytes
        self._adapter = _KeptAlive(pool_connections=1, pool_maxsize=pool_size, max_retries=0, pool_block=True)
        self._verify = outbound.ca_file or True
        # Plain http is allowed for loopback only, so the proxy never sees a token: it opens a tunnel.
        self._proxies = {"https": outbound.proxy} if outbound.proxy else {}

    def __call__(self, call: PreparedCall) -> Answer:
        """Send one call. Raises NotConnected or AnswerLost."""
        try:
            response = self._open(call)
        except (OSError, HTTPError) as error:
            raise _translated(error) from error
        with response:
            body, complete = self._body(response)
            return Answer(response.status_code, dict(response.headers), body, complete)

    def _open(self, call: PreparedCall) -> requests.Response:
        # The adapter alone: a session would add cookies, redirects and what the environment says, of which we want
        # none, for a fifth of the processor time of a request.
        prepared = requests.PreparedRequest()
        prepared.prepare(call.method, call.url, headers={**_HEADERS, **call.headers}, data=call.body)
        # Checked again on the request that is really sent: preparing it may rewrite its address.
        require_same_origin(prepared.url or "", self._origin, self._system)
        return self._adapter.send(
            prepared, stream=True, timeout=self._timeouts, verify=self._verify, proxies=self._proxies
        )

    def close(self) -> None:
        """Close the pooled connections."""
        self._adapter.close()

    def _body(self, response: requests.Response) -> tuple[bytes, bool]:
        """The body as far as it arrived. A slow server gets the read timeout for the whole body."""
        deadline = self._clock.monotonic() + self._timeouts[1]
        parts: list[bytes] = []
        size_bytes = 0
        try:
            for part in _chunks(response):
                parts.append(part)
                size_bytes += len(part)
                if size_bytes > self._max_answer_bytes or self._clock.monotonic() > deadline:
                    return b"", False
        except (OSError, HTTPError):
            return b"", False
        return b"".join(parts), True


def _chunks(response: requests.Response) -> Iterator[bytes]:
    chunks: Iterator[bytes] = response.iter_content(_CHUNK_BYTES)
    return chunks


class _KeptAlive(HTTPAdapter):
    """Probes idle connections, so that a connection that a firewall dropped is not first noticed by a write."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: object) -> None:
        options = [*HTTPConnection.default_socket_options, (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
        if hasattr(socket, "TCP_KEEPIDLE"):
            options.append((socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE_BEFORE_PROBE_S))
        super().init_poolmanager(connections, maxsize, block, socket_options=options, **pool_kwargs)


def _translated(error: Exception) -> NotConnected | AnswerLost:
    reason = error.args[0] if error.args else None
    if isinstance(reason, MaxRetryError):
        reason = reason.reason
    name = type(reason if isinstance(reason, Exception) else error).__name__
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _chain(error)):
        return CertificateRefused(f"its certificate was refused ({name})")
    if isinstance(reason, ProxyError):
        # There was no tunnel, so nothing was sent.
        return NotConnected(f"no connection through the proxy ({_said(reason)})")
    if isinstance(reason, NewConnectionError | ConnectTimeoutError) or isinstance(error, requests.ConnectTimeout):
        return NotConnected(f"no connection ({name})")
    if isinstance(error, ValueError):
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
