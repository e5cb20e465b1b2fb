"""The way from the product, and from a test, to simulators of the same process: without HTTP where it does not matter.

To write, read and parse HTTP on both sides takes more time than the answer. So a call goes straight to the simulator
while it runs and no fault is on. With a fault, to a simulator that does not run, and to any other address, it goes over
real HTTP, as do all calls of the tests of clients (`tests/scenarios/test_*_against_*.py`) and of the end-to-end tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from multidict import CIMultiDict, CIMultiDictProxy
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from local.simulator.control import PREFIX
from local.simulator.messages import Request
from local.simulator.server import ADMIN_HEADER, Simulator
from shared.clients.http.exchange import Answer, PreparedCall, Transport
from shared.clients.http.origin import Origin, require_same_origin
from shared.clients.http.transport import HttpTransport
from shared.clock import Clock
from shared.outbound import Outbound
from shared.systems import System


@dataclass(frozen=True)
class Shortcut:
    """Carries calls to the simulators that are known by their address."""

    simulators: Mapping[str, Simulator]

    def __call__(
        self, system: System, origin: Origin, clock: Clock, *, pool_size: int, read_timeout_s: float, outbound: Outbound
    ) -> Transport:
        """The transport to one of them."""
        http = HttpTransport(
            system, origin, clock, pool_size=pool_size, read_timeout_s=read_timeout_s, outbound=outbound
        )
        simulator = self.simulators.get(str(origin))
        if simulator is None:
            return http

        def carry(call: PreparedCall) -> Answer:
            """Send one call. Raises NotConnected or AnswerLost."""
            if not _may_be_asked(simulator):
                return http(call)
            require_same_origin(call.url, origin, system)
            reply = simulator.ask(_request(call, origin))
            return Answer(reply.status, reply.headers, reply.body)

        return carry


def _may_be_asked(simulator: Simulator) -> bool:
    return simulator.listens and simulator.faults.idle


def _request(call: PreparedCall, origin: Origin) -> Request:
    parts, body = urlsplit(call.url), call.body or b""
    headers = CIMultiDict({"Host": parts.netloc, "Accept-Encoding": "gzip", **call.headers})
    if body:
        headers["Content-Length"] = str(len(body))
    return Request(call.method, parts.path, parts.query, CIMultiDictProxy(headers), body, str(origin))


class SessionShortcut(HTTPAdapter):
    """Carries what a test itself asks a simulator for. No fault is played to whoever steers the simulator."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self._simulator = simulator

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """The simulator's reply to one request."""
        parts = urlsplit(request.url or "")
        steers = parts.path.startswith(PREFIX) or ADMIN_HEADER in request.headers
        if not (self._simulator.listens if steers else _may_be_asked(self._simulator)):
            return super().send(request, *args, **options)
        body = request.body or b""
        reply = self._simulator.ask(
            Request(
                request.method or "",
                parts.path,
                parts.query,
                CIMultiDictProxy(CIMultiDict({"Host": parts.netloc, **request.headers})),
                body.encode() if isinstance(body, str) else body,
                f"{parts.scheme}://{parts.netloc}",
            )
        )
        response = requests.Response()
        response.status_code, response.headers = reply.status, CaseInsensitiveDict(reply.headers)
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw, response.url, response.request = BytesIO(reply.body), request.url or "", request
        return response


def mount(session: requests.Session, simulator: Simulator) -> None:
    """Let a session take the shortcut, and not look up each time what the environment says of proxies and logins."""
    session.trust_env = False
    session.mount("http://", SessionShortcut(simulator))
