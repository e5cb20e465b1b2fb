"""A real channel over real HTTP to a simulator, with a token and a clock of the test's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.clients.http.channel import Channel
from shared.clients.http.origin import Origin
from shared.clients.http.throttle import Throttle
from shared.clients.http.transport import HttpTransport
from shared.systems import System
from tests.support.clock import ManualClock
from tests.support.tokens import FixedTokens


@contextmanager
def open_channel(
    system: System, url: str, token: str, throttle: Throttle, clock: ManualClock, *, accept: str = "application/json"
) -> Iterator[Channel]:
    """A channel that is closed in the end."""
    origin = Origin.parse(url)
    transport = HttpTransport(system, origin, clock, pool_size=throttle.maximum)
    tokens = FixedTokens(token)
    channel = Channel(
        system, origin, transport, tokens=tokens, throttle=throttle, clock=clock, jitter=lambda: 0.5, accept=accept
    )
    yield channel
    channel.close()
    transport.close()
