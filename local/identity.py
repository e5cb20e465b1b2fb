"""The identity endpoint of App Service on loopback: azure-identity's managed identity client gets its tokens here.

    python -m local.identity --port 0 --key-file F --header-file F --resource URL --ready-file F

The client finds it through IDENTITY_ENDPOINT and proves itself by IDENTITY_HEADER. The simulators check the tokens
with the key of the same key file. Key and header are random unless their files exist; they are never shown.
"""

import argparse
import asyncio
import hmac
import os
import re
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from aiohttp import web

from local.command_line import Parser
from local.simulator.auth import mint, system_clock

API_VERSION = "2019-08-01"
PATH = "/msi/token"
# Real endpoints hand out tokens for a day; an hour lets a long demo see a renewal.
LIFETIME_S = 3600
CLIENT_ID = "00000000-0000-4000-8000-000000000001"
SECRET_BYTES = 32
HEX_SECRET = re.compile(r"(?:[0-9a-fA-F]{2}){32,}")
START_TIMEOUT_S = 60.0


class SecretInvalid(Exception):
    """A secret file cannot be used; the message names it and says what to do."""


@dataclass(frozen=True)
class Identity:
    """What the endpoint knows: the signing key, the header it expects, and for whom it signs."""

    key: bytes = field(repr=False)
    header: str = field(repr=False)
    resources: frozenset[str]
    client_id: str = CLIENT_ID
    lifetime_s: int = LIFETIME_S
    clock: Callable[[], datetime] = system_clock

    def allows(self, resource: str) -> bool:
        """True for a resource of the list; a slash at its end makes no difference."""
        return resource.rstrip("/") in {allowed.rstrip("/") for allowed in self.resources}


def application(identity: Identity) -> web.Application:
    """Return the endpoint as an aiohttp application."""

    async def answer(request: web.Request) -> web.Response:
        return _answer(identity, request)

    app = web.Application()
    app.router.add_get(PATH, answer)
    return app


def _answer(identity: Identity, request: web.Request) -> web.Response:
    sent = request.headers.get("X-IDENTITY-HEADER", "")
    if not hmac.compare_digest(sent.encode(), identity.header.encode()):
        return _refusal(401, "The X-IDENTITY-HEADER is missing or wrong.")
    if request.query.get("api-version") != API_VERSION:
        return _refusal(400, f"The api-version must be {API_VERSION}.")
    resource = request.query.get("resource", "")
    if not identity.allows(resource):
        return _refusal(400, f"The resource {resource!r} is not one that this identity may request a token for.")
    client_id = request.query.get("client_id", identity.client_id)
    if client_id != identity.client_id:
        return _refusal(400, f"No user-assigned identity has the client id {client_id!r}.")
    return web.json_response(_token(identity, resource))


def _token(identity: Identity, resource: str) -> dict[str, str]:
    now = identity.clock()
    token = mint(identity.key, resource, now=now, lifetime_s=identity.lifetime_s, client_id=identity.client_id)
    return {
        "access_token": token,
        "client_id": identity.client_id,
        "expires_on": str(int(now.timestamp()) + identity.lifetime_s),
        "not_before": str(int(now.timestamp())),
        "resource": resource,
        "token_type": "Bearer",
    }


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"statusCode": status, "message": message}, status=status)


class IdentityServer:
    """The endpoint on a thread of its own, from `__enter__` to `__exit__`."""

    def __init__(self, identity: Identity, *, port: int = 0) -> None:
        self._identity = identity
        self._port = port
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="identity", daemon=True)

    @property
    def endpoint(self) -> str:
        """The value of IDENTITY_ENDPOINT."""
        return f"http://127.0.0.1:{self._port}{PATH}"

    def __enter__(self) -> "IdentityServer":
        self._thread.start()
        if not self._started.wait(START_TIMEOUT_S) or self._failure is not None:
            raise TimeoutError(f"the identity endpoint did not start on port {self._port}") from self._failure
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stopped is not None:
            self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(START_TIMEOUT_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()

        def ready(port: int) -> None:
            self._port = port
            self._started.set()

        await serve(self._identity, self._port, self._stopped, ready)


async def serve(identity: Identity, port: int, stopped: asyncio.Event, ready: Callable[[int], None]) -> None:
    """Answer on 127.0.0.1 until `stopped`; `ready` gets the port once requests are answered."""
    runner = web.AppRunner(application(identity), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        ready(runner.addresses[0][1])
        await stopped.wait()
    finally:
        await runner.cleanup()


def secret_file(path: Path) -> str:
    """Return the secret in `path`; make a random one, readable by its owner only, if there is no file."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _existing_secret(path)
    except OSError as error:
        raise SecretInvalid(
            f"{path} cannot be written ({error.strerror}): name a file in a folder that exists"
        ) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        secret = secrets.token_hex(SECRET_BYTES)
        file.write(secret)
    return secret


def _existing_secret(path: Path) -> str:
    if path.stat().st_mode & 0o077:
        raise SecretInvalid(f"{path} can be read by others: run chmod 600 on it, or remove it for a new one")
    secret = path.read_text(encoding="ascii").strip()
    if not HEX_SECRET.fullmatch(secret):
        raise SecretInvalid(f"{path} holds no secret of {SECRET_BYTES} bytes or more as hex: remove it for a new one")
    return secret


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer until SIGTERM or SIGINT; return 2 for a mistake in the arguments."""
    options = _parse(arguments)
    try:
        key, header = secret_file(options.key_file), secret_file(options.header_file)
    except SecretInvalid as error:
        sys.stderr.write(f"{error}\n")
        return 2
    identity = Identity(
        bytes.fromhex(key), header, frozenset(options.resource), options.client_id, lifetime_s=options.lifetime_seconds
    )
    try:
        asyncio.run(_serve_until_signal(identity, options.port, options.ready_file))
    except OSError as error:
        sys.stderr.write(
            f"port {options.port} cannot be used ({error.strerror}): choose another, or 0 for a free one\n"
        )
        return 2
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python -m local.identity", description="Identity endpoint on 127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--key-file", type=Path, required=True, help="signing key; made when missing")
    parser.add_argument("--header-file", type=Path, required=True, help="value of IDENTITY_HEADER; made when missing")
    parser.add_argument(
        "--resource", action="append", required=True, metavar="URL", help="may be requested; repeatable"
    )
    parser.add_argument("--client-id", default=CLIENT_ID, help="client id of the identity (default: %(default)s)")
    parser.add_argument("--lifetime-seconds", type=int, default=LIFETIME_S, help="lifetime of a token")
    parser.add_argument("--ready-file", type=Path, help="gets the port once requests are answered")
    return parser.parse_args(arguments)


async def _serve_until_signal(identity: Identity, port: int, ready_file: Path | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)

    def ready(bound: int) -> None:
        if ready_file is not None:
            part = ready_file.with_name(f"{ready_file.name}.part")
            part.write_text(f"{bound}\n", encoding="utf-8")
            part.replace(ready_file)

    await serve(identity, port, stopped, ready)


if __name__ == "__main__":
    sys.exit(main())
