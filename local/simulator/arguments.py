"""The part of the command line that both simulators share."""

import argparse
import asyncio
import contextlib
import os
import secrets
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from local import space
from local.command_line import whole_number
from local.simulator.auth import FixedToken, SignedToken, TokenCheck, system_clock
from local.simulator.exchanges import ExchangeLog
from local.simulator.faults import Faults
from local.simulator.server import Simulator, Tls


class ArgumentsRefused(Exception):
    """An argument cannot work; the message names it, its value and the remedy."""


@dataclass(frozen=True, slots=True)
class Common:
    """What the shared arguments amount to."""

    host: str
    port: int
    data: Path | None
    token_check: TokenCheck
    tls: Tls | None
    latency_ms: float
    exchanges: Path | None
    ready_file: Path | None
    admin_token: str
    skipped: Path | None = None


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the shared arguments to a simulator's parser."""
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the rows; without it they are in memory")
    parser.add_argument("--token", metavar="FIXED", help="accept this one bearer token")
    parser.add_argument("--identity-key-file", type=Path, help="accept tokens signed with the key in this file")
    parser.add_argument("--audience", help="the audience of signed tokens: the address of this service")
    parser.add_argument("--tls-cert", type=Path, help="certificate file (PEM): speak https")
    parser.add_argument("--tls-key", type=Path, help="key file (PEM) of the certificate")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every answer (default: 0)")
    parser.add_argument("--exchanges", type=Path, metavar="FILE", help="append every exchange as a JSON line")
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="gets the port once requests are answered")
    parser.add_argument(
        "--max-filter-nodes",
        type=whole_number(1),
        metavar="N",
        help="refuse a $filter with more nodes, such as 100 (default: no limit)",
    )
    parser.add_argument(
        "--skip-refused",
        type=Path,
        metavar="FILE",
        help="leave sample records out that are refused, and name them there",
    )
    parser.add_argument("--admin-token-file", type=Path, metavar="FILE", help="admin token of the control plane")


def common_from(parsed: argparse.Namespace) -> Common:
    """Check the shared arguments together. Raises ArgumentsRefused."""
    return Common(
        host=parsed.host,
        port=parsed.port,
        data=parsed.data,
        token_check=_token_check(parsed),
        tls=_tls(parsed),
        latency_ms=parsed.latency_ms,
        exchanges=parsed.exchanges,
        ready_file=parsed.ready_file,
        admin_token=_admin_token(parsed.admin_token_file),
        skipped=parsed.skip_refused,
    )


def faults_and_exchanges(system: str, common: Common, *, throttle_body: str) -> tuple[Faults, ExchangeLog]:
    """The faults and the record of exchanges that the arguments name. Raises ArgumentsRefused."""
    try:
        exchanges = ExchangeLog(system, file=common.exchanges)
    except OSError as error:
        raise ArgumentsRefused(f"--exchanges {common.exchanges}: {error.strerror}; name a file to write.") from error
    return Faults(latency_ms=common.latency_ms, throttle_body=throttle_body), exchanges


def serve(simulator: Simulator, common: Common) -> None:
    """Serve until interrupted or terminated. Raises ArgumentsRefused if the port is taken, NoSpaceLeft."""
    try:
        asyncio.run(_serve(simulator, common))
    except OSError as error:
        raise ArgumentsRefused(f"--port {common.port} on {common.host}: {error.strerror}; take another.") from error


async def _serve(simulator: Simulator, common: Common) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Windows has no signal handlers on the loop; there Ctrl-C ends asyncio.run itself.
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    port = await simulator.start(common.host, common.port)
    if common.ready_file is not None:
        _write_whole(common.ready_file, f"{port}\n")
    sys.stdout.write(f"{simulator.system} simulator listens on {simulator.scheme}://{common.host}:{port}\n")
    sys.stdout.flush()
    simulator.on_failure = stopped.set
    try:
        await stopped.wait()
    finally:
        await simulator.stop()
    if simulator.failure is not None:
        raise simulator.failure


def _write_whole(file: Path, text: str) -> None:
    # A reader that waits for the file never sees half of it.
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    with space.named(file.absolute().parent):
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)


def _token_check(parsed: argparse.Namespace) -> TokenCheck:
    match parsed.token, parsed.identity_key_file:
        case str() as token, None if token:
            return FixedToken(token)
        case None, Path() as file:
            if not parsed.audience:
                raise ArgumentsRefused("--identity-key-file needs --audience, the address of this service.")
            try:
                return SignedToken(bytes.fromhex(_read(file, "--identity-key-file")), parsed.audience, system_clock)
            except ValueError as error:
                raise ArgumentsRefused(f"--identity-key-file {file}: {error} Write 32 bytes or more as hex.") from error
    raise ArgumentsRefused("Give either --token FIXED or --identity-key-file FILE with --audience URL.")


def _tls(parsed: argparse.Namespace) -> Tls | None:
    match parsed.tls_cert, parsed.tls_key:
        case None, None:
            return None
        case Path() as certificate, Path() as key:
            for file in (certificate, key):
                if not file.is_file():
                    raise ArgumentsRefused(f"--tls-cert / --tls-key: {file} is not a file.")
            return Tls(certificate, key)
    raise ArgumentsRefused("--tls-cert and --tls-key go together: give both or none.")


def _admin_token(file: Path | None) -> str:
    if file is None:
        # The secret is not known to anybody: the control plane is closed.
        return secrets.token_urlsafe(32)
    token = _read(file, "--admin-token-file")
    if not token:
        raise ArgumentsRefused(f"--admin-token-file {file} is empty; write a token into it.")
    return token


def _read(file: Path, argument: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ArgumentsRefused(f"{argument} {file}: {error.strerror}; name a readable file.") from error
