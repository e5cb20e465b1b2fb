"""What happens on real sockets: what was surely not sent, what may have arrived, and what is never done."""

import base64
import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.clients.http.exchange import Answer, AnswerLost, CertificateRefused, NotConnected, PreparedCall
from shared.clients.http.origin import Origin
from shared.clients.http.transport import HttpTransport
from shared.errors import OperatorNeeded
from shared.outbound import Outbound
from shared.systems import System
from tests.support.clock import ManualClock
from tests.support.company import HOST, proxy, system
from tests.support.patience import PATIENCE_S

Script = Callable[[socket.socket, bytes], None]


@contextmanager
def served(script: Script) -> Iterator[tuple[Origin, list[bytes]]]:
    """A server that reads one request per connection and then does as the script says."""
    requests: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(10)
                    requests.append(_request(connection))
                    script(connection, requests[-1])

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield Origin.parse(f"http://127.0.0.1:{listener.getsockname()[1]}"), requests
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE_S)


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < int((lengths or [b"0"])[0]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def answer(head: str, body: bytes = b"") -> Script:
    """Answer and close."""
    text = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    return lambda connection, _: connection.sendall(text + body)


def raw(text: bytes) -> Script:
    """Send these bytes and close."""
    return lambda connection, _: connection.sendall(text)


def send(origin: Origin, path: str = "/data", method: str = "GET", body: bytes | None = None) -> Answer:
    transport = HttpTransport(
        System.FINOPS,
        origin,
        ManualClock(),
        pool_size=2,
        connect_timeout_s=2,
        read_timeout_s=0.2,
        max_answer_bytes=100_000,
    )
    try:
        return transport(PreparedCall(method, origin.url(path), {"Authorization": "Bearer x"}, body))
    finally:
        transport.close()


def test_an_answer_comes_back_with_status_headers_and_body() -> None:
    with served(answer("201 Created\r\nms-dyn-aid: 7", b'{"a":1}')) as (origin, requests):
        got = send(origin, "/data/X?$filter=A%20eq%20%27b%27", "POST", b"{}")
    assert (got.status, got.header("MS-DYN-AID"), got.body, got.complete) == (201, "7", b'{"a":1}', True)
    assert requests[0].startswith(b"POST /data/X?$filter=A%20eq%20%27b%27 HTTP/1.1\r\n")
    assert requests[0].endswith(b"{}")


def test_a_refused_connection_was_certainly_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(NotConnected):
        send(Origin.parse(f"http://127.0.0.1:{port}"))


def test_a_name_that_does_not_exist_was_certainly_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotConnected, match="NameResolutionError"):
        send(Origin.parse("https://no-such-host.invalid"))


def test_a_header_that_the_library_refuses_was_certainly_not_sent() -> None:
    origin = Origin.parse("http://127.0.0.1:1")
    transport = HttpTransport(System.FINOPS, origin, ManualClock(), pool_size=1)
    with pytest.raises(NotConnected):
        transport(PreparedCall("GET", origin.url("/data"), {"Authorization": "Bearer a\nb"}))
    transport.close()


@pytest.mark.parametrize(
    "script",
    [
        lambda connection, request: None,
        raw(b"HTTP/1.1 2"),
        raw(b"garbage\r\n\r\n"),
        lambda connection, request: connection.recv(1),
    ],
    ids=["closed", "half a status", "no HTTP", "silent"],
)
def test_an_answer_that_does_not_come_leaves_the_outcome_open(script: Script) -> None:
    with served(script) as (origin, requests), pytest.raises(AnswerLost):
        send(origin, method="POST", body=b"{}")
    assert len(requests) == 1


def test_a_server_that_speaks_no_tls_gives_no_answer() -> None:
    def hang_up(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10)
            connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=hang_up, args=(listener,))
        thread.start()
        with pytest.raises(AnswerLost):
            send(Origin.parse(f"https://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join(PATIENCE_S)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\r\n",
        b"HTTP/1.1 201 Created\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
    ids=["cut", "cut chunk", "no gzip"],
)
def test_a_status_counts_even_if_its_body_is_lost(text: bytes) -> None:
    with served(raw(text)) as (origin, _):
        got = send(origin)
    assert (got.status, got.complete) == (201, False)


def test_a_body_is_never_taken_beyond_its_bound() -> None:
    bomb = gzip.compress(bytes(10_000_000))
    with served(answer("200 OK\r\nContent-Encoding: gzip", bomb)) as (origin, _):
        got = send(origin)
    assert (got.status, got.body, got.complete) == (200, b"", False)


def test_a_redirect_is_not_followed() -> None:
    with served(answer("307 Temporary Redirect\r\nLocation: /elsewhere")) as (origin, requests):
        assert send(origin).status == 307
    assert len(requests) == 1


def test_a_cookie_is_not_kept() -> None:
    with served(answer("200 OK\r\nSet-Cookie: ARRAffinity=1; Path=/")) as (origin, requests):
        transport = HttpTransport(System.FINOPS, origin, ManualClock(), pool_size=2)
        for _ in range(2):
            transport(PreparedCall("GET", origin.url("/data")))
        transport.close()
    assert len(requests) == 2
    assert b"cookie" not in requests[1].lower()


def test_the_environment_names_no_proxy_and_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with served(answer("200 OK")) as (origin, _):
        assert send(origin).status == 200


def through(outbound: Outbound, url: str = f"https://{HOST}") -> Answer:
    """Ask a system by this way."""
    origin = Origin.parse(url)
    transport = HttpTransport(System.FINOPS, origin, ManualClock(), pool_size=1, outbound=outbound)
    try:
        return transport(PreparedCall("GET", origin.url("/data"), {"Authorization": "Bearer the-token"}))
    finally:
        transport.close()


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


def test_a_proxy_makes_a_tunnel_and_never_sees_the_token(tmp_path: Path) -> None:
    with system(tmp_path, ANSWER) as (port, authority, requests), proxy(port) as company:
        assert through(Outbound(company.address, str(authority))).body == b"ok"
    assert company.asked == [f"CONNECT {HOST}:443"]
    assert b"Authorization: Bearer the-token" in requests[0]
    assert company.seen
    assert b"the-token" not in company.seen


@pytest.mark.parametrize(
    ("login", "sent"), [("u:p%40", b"u:p@"), ("u:%E2%82%AC", b"u:\xe2\x82\xac"), ("u:\u00fc", b"u:\xc3\xbc")]
)
def test_a_proxy_gets_the_name_and_the_password_of_its_address(tmp_path: Path, login: str, sent: bytes) -> None:
    with system(tmp_path, ANSWER) as (port, authority, requests), proxy(port) as company:
        address = company.address.replace("http://", f"http://{login}@")
        assert through(Outbound(address, str(authority))).body == b"ok"
    assert company.logins == [f"Basic {base64.b64encode(sent).decode()}"]
    assert b"proxy-authorization" not in requests[0].lower()


def test_a_certificate_of_an_authority_that_was_not_named_is_refused(tmp_path: Path) -> None:
    with system(tmp_path, ANSWER) as (port, _, requests), proxy(port) as company, pytest.raises(CertificateRefused):
        through(Outbound(company.address))
    assert requests in ([], [b""])


def test_a_folder_of_authorities_is_read_as_a_folder(tmp_path: Path) -> None:
    none = tmp_path / "none"
    none.mkdir()
    with system(tmp_path, ANSWER) as (port, _, requests), proxy(port) as company, pytest.raises(CertificateRefused):
        through(Outbound(company.address, str(none)))
    assert requests in ([], [b""])


@pytest.mark.parametrize("status", [407, 502])
def test_a_proxy_that_makes_no_tunnel_has_sent_nothing(status: int) -> None:
    answered = rf"no connection through the proxy \(it answered {status}\)"
    with proxy(refusal=f"{status} no") as company, pytest.raises(NotConnected, match=answered):
        through(Outbound(company.address))
    with pytest.raises(NotConnected, match=r"no connection through the proxy \(it does not answer\)"):
        through(Outbound(company.address))


def test_nothing_is_sent_to_another_origin() -> None:
    transport = HttpTransport(System.FINOPS, Origin.parse("https://good.example.com"), ManualClock(), pool_size=1)
    with pytest.raises(OperatorNeeded):
        transport(PreparedCall("GET", "https://evil.example.com/data"))
    transport.close()
