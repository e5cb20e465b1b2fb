"""A company's network: its proxy, its own authority for certificates, and a system on the internet behind them."""

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from p2c.network import CERTIFICATES
from tests.support.patience import PATIENCE_S

HOST = "contoso.operations.dynamics.com"
_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY")


@dataclass
class Proxy:
    """What a proxy was asked for, line by line, with the logins that came with it, and whatever went through its
    tunnels, as it saw it."""

    address: str
    asked: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    seen: bytearray = field(default_factory=bytearray)


def clear_network(patch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificates in the environment."""
    for name in (*_VARIABLES, *map(str.lower, _VARIABLES), *CERTIFICATES):
        patch.delenv(name, raising=False)


@contextmanager
def proxy(leads_to: int | None = None, refusal: str = "502 no") -> Iterator[Proxy]:
    """A proxy whose every tunnel leads to this port of this computer; without one it refuses."""
    with _listening() as (listener, serve):
        made = Proxy(f"http://127.0.0.1:{listener.getsockname()[1]}")
        serve(lambda client: _tunnel(client, made, leads_to, refusal))
        yield made


@contextmanager
def system(folder: Path, answer: bytes, host: str = HOST) -> Iterator[tuple[int, Path, list[bytes]]]:
    """A system whose certificate the company's authority has signed: its port, that authority's certificate, and the
    requests that it got."""
    context, authority = _certified(folder, host)
    requests: list[bytes] = []

    def reply(client: socket.socket) -> None:
        with suppress(OSError), context.wrap_socket(client, server_side=True) as secure:
            requests.append(_request(secure))
            secure.sendall(answer)

    with _listening() as (listener, serve):
        serve(reply)
        yield listener.getsockname()[1], authority, requests


@contextmanager
def _listening() -> Iterator[tuple[socket.socket, Callable[[Callable[[socket.socket], None]], None]]]:
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(handle: Callable[[socket.socket], None]) -> None:
            def accept() -> None:
                while True:
                    try:
                        client, _ = listener.accept()
                    except OSError:
                        return
                    client.settimeout(10)
                    with client:
                        handle(client)

            threads.append(threading.Thread(target=accept))
            threads[-1].start()

        try:
            yield listener, serve
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join(PATIENCE_S)


def _tunnel(client: socket.socket, made: Proxy, leads_to: int | None, refusal: str) -> None:
    asked, *headers = _head(client).decode().split("\r\n")
    made.asked.append(asked.partition(" HTTP/")[0])
    named = (header.partition(": ") for header in headers)
    made.logins += [value for name, _, value in named if name.lower() == "proxy-authorization"]
    if leads_to is None:
        client.sendall(f"HTTP/1.1 {refusal}\r\n\r\n".encode())
        return
    with socket.create_connection(("127.0.0.1", leads_to), timeout=PATIENCE_S) as beyond:
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        back = threading.Thread(target=_copy, args=(beyond, client, made.seen))
        back.start()
        _copy(client, beyond, made.seen)
        back.join(PATIENCE_S)


def _copy(source: socket.socket, target: socket.socket, seen: bytearray) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            seen += part
            target.sendall(part)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _head(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received and (part := connection.recv(65536)):
        received += part
    return received


def _request(connection: socket.socket) -> bytes:
    """A request to its end: a connection that is closed over an unread body is reset, and the answer may be lost."""
    received = _head(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    missing = int(length[1]) - len(body) if length else 0
    while missing > 0 and (part := connection.recv(65536)):
        received += part
        missing -= len(part)
    return received


def _certified(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root, name = _name("The company's proxy"), _name(host)
    signs = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    authority = _certificate(root, root, ca_key, ca_key, x509.BasicConstraints(True, None), signs)
    leaf = _certificate(name, root, key, ca_key, x509.SubjectAlternativeName([x509.DNSName(host)]))
    files = [folder / "authority.pem", folder / "leaf.pem", folder / "key.pem"]
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for file, content in zip(files, (authority.public_bytes(pem), leaf.public_bytes(pem), secret), strict=True):
        file.write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[2])
    return context, files[0]


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: Any, signer: Any, *extensions: x509.ExtensionType
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    identifiers = [x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
                   x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())]  # fmt: skip
    for each in (*extensions, *identifiers):
        builder = builder.add_extension(each, critical=isinstance(each, x509.BasicConstraints | x509.KeyUsage))
    return builder.sign(signer, hashes.SHA256())
