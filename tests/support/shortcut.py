"""The way from the product to simulators of the same process: without HTTP, where nothing of HTTP matters.

To write, read and parse HTTP on both sides takes more time than the answer. So a call goes straight to the simulator
while no fault is on; with one, and to any other address, it goes over real HTTP, as do all calls of the tests of
clients (`tests/scenarios/test_*_against_*.py`) and of the end-to-end tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

from local.simulator.messages import Request
from local.simulator.server import Simulator
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
            if not simulator.faults.idle:
                return http(call)
            require_same_origin(call.url, origin, system)
            reply = simulator.ask(_request(call, origin))
            return Answer(reply.status, reply.headers, reply.body)

        return carry


def _request(call: PreparedCall, origin: Origin) -> Request:
    parts, body = urlsplit(call.url), call.body or b""
    headers = CIMultiDict({"Host": parts.netloc, "Accept-Encoding": "gzip", **call.headers})
    if body:
        headers["Content-Length"] = str(len(body))
    return Request(call.method, parts.path, parts.query, CIMultiDictProxy(headers), body, str(origin))
