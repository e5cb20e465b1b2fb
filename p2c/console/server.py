"""Serves the pages on loopback until Ctrl-C."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvicorn

from p2c.connection import Connection
from p2c.console.application import application
from p2c.console.guard import KEY, Secrets
from p2c.console.site import Site
from p2c.mistakes import Mistake

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Serving:
    """A server whose port is bound. `address` holds the secret of this start."""

    address: str
    server: uvicorn.Server
    listening: socket.socket

    def run(self) -> None:
        """Serve until Ctrl-C, which is how it ends."""
        with suppress(KeyboardInterrupt):
            self.server.run(sockets=[self.listening])


@contextmanager
def serving(to: Connection, *, port: int = 0, writes: bool) -> Iterator[Serving]:
    """The pages of a deployment on a port of loopback, 0 for a free one. Raises Mistake if the port is taken."""
    with socket.socket() as listening:
        try:
            listening.bind((LOOPBACK, port))
        except OSError as taken:
            raise Mistake(f"--port {port} is not free ({taken.strerror}); leave it out, or name another one") from taken
        listening.listen()
        bound = listening.getsockname()[1]
        kept = Secrets()
        site = Site.of(to, token=kept.token, writes=writes)
        pages = application(site, kept, hosts=(f"{LOOPBACK}:{bound}", f"localhost:{bound}"))
        # An access log would hold what was searched for.
        server = uvicorn.Server(
            uvicorn.Config(pages, log_level="warning", access_log=False, server_header=False, lifespan="off")
        )
        try:
            yield Serving(f"http://{LOOPBACK}:{bound}/?{KEY}={kept.key}", server, listening)
        finally:
            # A count of many records would keep the process for minutes.
            site.end()
