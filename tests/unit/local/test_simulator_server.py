"""The server that both simulators share: tokens, faults, recording, control plane."""

import itertools
import json
import socket
from asyncio import sleep
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest
import requests
from multidict import CIMultiDict, CIMultiDictProxy

from local.simulator.auth import FixedToken, SignedToken, client_of, mint
from local.simulator.exchanges import ExchangeLog, collection_of
from local.simulator.faults import Faults, Kind, Rule
from local.simulator.messages import headers_of
from local.simulator.server import Handler, Reply, Request, Simulator, running
from local.space import NoSpaceLeft
from shared.clients.http.exchange import AnswerLost, NotConnected, PreparedCall
from shared.clients.http.origin import Origin
from shared.clock import SystemClock
from shared.outbound import STRAIGHT
from shared.systems import System
from tests.support.patience import PATIENCE_S
from tests.support.shortcut import Shortcut, mount

KEY = b"k" * 32
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}


class Bench:
    """A simulator whose handler notes what reached it."""

    def __init__(self) -> None:
        self.handled: list[Request] = []
        self.faults = Faults()
        self.exchanges = ExchangeLog("bench")
        self.slept_s: list[float] = []
        self.handled_before_sleep: list[int] = []
        self.simulator = Simulator(
            "bench", self._handle, FixedToken("t"), self.faults, self.exchanges, "admin", sleep=self._sleep
        )
        self.url = ""

    async def _sleep(self, delay_s: float) -> None:
        self.slept_s.append(delay_s)
        self.handled_before_sleep.append(len(self.handled))

    def _handle(self, request: Request) -> Reply:
        self.handled.append(request)
        if request.raw_path == "/defect":
            raise LookupError("a defect")
        if request.raw_path == "/full":
            raise NoSpaceLeft(Path("/data"))
        return Reply(200, JSON, b'{"value":["0123456789"]}')

    def send(self, method: str = "GET", path: str = "/data/Things", **extra: object) -> requests.Response:
        headers = {"Authorization": "Bearer t", **extra}
        return requests.request(method, self.url + path, headers=headers, timeout=PATIENCE_S)  # type: ignore[arg-type]

    def control(self, method: str, name: str, body: object = None, token: str = "admin") -> requests.Response:
        headers = {"x-simulator-admin-token": token}
        return requests.request(method, f"{self.url}/_simulator/{name}", json=body, headers=headers, timeout=PATIENCE_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    found = Bench()
    with running(found.simulator) as found.url:
        yield found


def test_url_and_body_reach_the_handler_exactly_as_sent(bench: Bench) -> None:
    address = urlsplit(bench.url)
    head = f"Host: {address.netloc}\r\nAuthorization: Bearer t\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
    line = "POST /data/Things(k='a%2fB%c3%a9+~')?$filter=a%20eq%20'%2f'&x=1 HTTP/1.1\r\n"
    sent = line.encode() + head.encode() + b"\xff\r\n{}"
    with closing(socket.create_connection((address.hostname or "", address.port or 0), timeout=PATIENCE_S)) as wire:
        wire.sendall(sent)
        while wire.recv(4096):
            pass
    [request] = bench.handled
    assert request.url == f"{bench.url}/data/Things(k='a%2fB%c3%a9+~')?$filter=a%20eq%20'%2f'&x=1"
    assert request.body == b"\xff\r\n{}"


def test_without_a_token_nothing_is_handled(bench: Bench) -> None:
    reply = requests.get(bench.url, timeout=PATIENCE_S)
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")
    assert "resource_id=" in reply.headers["WWW-Authenticate"]
    assert bench.handled == []


@pytest.mark.parametrize("token", ["t", "another"])
def test_without_a_connection_the_reply_is_the_same_and_recorded(bench: Bench, token: str) -> None:
    sent = bench.send(Authorization=f"Bearer {token}")
    handled = len(bench.handled)
    reply = bench.simulator.ask(
        Request("GET", "/data/Things", "", headers_of({"Authorization": f"Bearer {token}"}), b"", bench.url)
    )
    assert (reply.status, reply.body) == (sent.status_code, sent.content)
    assert len(bench.handled) == 2 * handled
    assert [(each.url, each.status) for each in bench.exchanges.last()] == [(sent.url, sent.status_code)] * 2


def test_whoever_asks_without_a_connection_is_told_where_the_reply_would_have_to_wait() -> None:
    async def guard(request: Request, handler: Handler) -> Reply:
        await sleep(0)
        return handler(request)

    bench = Bench()
    simulator = Simulator("bench", bench._handle, FixedToken("t"), Faults(), ExchangeLog("bench"), "admin", guard=guard)
    with running(simulator) as url:
        asked = Request("GET", "/data/Things", "", headers_of({"Authorization": "Bearer t"}), b"", url)
        with pytest.raises(RuntimeError, match="ask it over HTTP"):
            simulator.ask(asked)
        assert bench.handled == []
        assert requests.get(url, headers={"Authorization": "Bearer t"}, timeout=PATIENCE_S).status_code == 200


def test_one_request_at_a_time_comes_to_the_handler_however_it_comes() -> None:
    inside, most = 0, 0

    def handler(request: Request) -> Reply:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        # Meanwhile other threads may run.
        Path(__file__).read_bytes()
        inside -= 1
        return Reply(200, JSON, b"{}")

    simulator = Simulator("bench", handler, FixedToken("t"), Faults(), ExchangeLog("bench"), "admin")
    given, answered = {"Authorization": "Bearer t"}, Event()
    with running(simulator) as url, ThreadPoolExecutor(2) as threads:
        asked = Request("GET", "/data/Things", "", headers_of(given), b"", url)

        def ask_meanwhile() -> int:
            return next(count for count in itertools.count(1) if simulator.ask(asked) and answered.is_set())

        straight = [threads.submit(ask_meanwhile) for _ in range(2)]
        by_http = [requests.get(url, headers=given, timeout=PATIENCE_S).status_code for _ in range(10)]
        answered.set()
        assert by_http == [200] * 10
        assert all(each.result() for each in straight)
    assert most == 1


def test_a_call_takes_the_shortcut_only_while_no_fault_is_on(bench: Bench) -> None:
    """The shortcut cannot cut a connection: a call that does not meet the fault goes over HTTP, too."""
    made = Shortcut({bench.url: bench.simulator})
    carry = made(
        System.FINOPS, Origin.parse(bench.url), SystemClock(), pool_size=1, read_timeout_s=PATIENCE_S, outbound=STRAIGHT
    )
    call = PreparedCall("GET", f"{bench.url}/data/Things?$top=1", {"Authorization": "Bearer t"})
    straight = carry(call)
    fault = bench.faults.add(Rule(Kind.DROP_AFTER, methods=frozenset({"DELETE"})))
    by_http = carry(call)
    assert (straight.status, straight.body, straight.complete) == (by_http.status, by_http.body, by_http.complete)
    assert straight.headers.items() <= by_http.headers.items()
    assert "Server" in by_http.headers
    assert "Server" not in straight.headers
    assert bench.handled[0].url == bench.handled[1].url == call.url
    with pytest.raises(AnswerLost):
        carry(PreparedCall("DELETE", f"{bench.url}/data/Things", {"Authorization": "Bearer t"}))
    bench.faults.remove(fault)
    assert "Server" not in carry(call).headers


def test_a_call_to_a_simulator_that_does_not_run_goes_over_http_and_is_refused() -> None:
    bench = Bench()
    with running(bench.simulator) as url:
        pass
    made = Shortcut({url: bench.simulator})
    carry = made(
        System.FINOPS, Origin.parse(url), SystemClock(), pool_size=1, read_timeout_s=PATIENCE_S, outbound=STRAIGHT
    )
    with pytest.raises(NotConnected):
        carry(PreparedCall("GET", f"{url}/data/Things", {"Authorization": "Bearer t"}))
    with requests.Session() as session:
        mount(session, bench.simulator)
        with pytest.raises(requests.ConnectionError):
            session.get(url, timeout=PATIENCE_S)


@pytest.mark.parametrize("connected", [True, False])
def test_a_full_disk_is_told_with_and_without_a_connection(bench: Bench, connected: bool) -> None:
    ended = Event()
    bench.simulator.on_failure = ended.set
    if connected:
        status = bench.send(path="/full").status_code
    else:
        asked = Request("GET", "/full", "", headers_of({"Authorization": "Bearer t"}), b"", bench.url)
        status = bench.simulator.ask(asked).status
    assert (status, ended.is_set()) == (507, True)
    assert isinstance(bench.simulator.failure, NoSpaceLeft)


def test_what_a_test_asks_is_answered_by_the_shortcut_as_over_http(bench: Bench) -> None:
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer t"

        def ask(path: str) -> requests.Response:
            return session.post(
                f"{bench.url}{path}", params={"$filter": "a eq 'é/'"}, json={"a": 1}, timeout=PATIENCE_S
            )

        by_http = ask("/data/Things")
        mount(session, bench.simulator)
        straight = ask("/data/Things")
        assert (straight.status_code, straight.text, straight.url) == (by_http.status_code, by_http.text, by_http.url)
        assert straight.encoding == by_http.encoding
        first, second = bench.handled
        assert (first.method, first.url, first.body) == (second.method, second.url, second.body)
        assert dict(first.headers) == dict(second.headers)
        bench.faults.add(Rule(Kind.DROP_BEFORE))
        with pytest.raises(requests.ConnectionError):
            ask("/data/Things")


def test_whoever_steers_a_simulator_is_answered_by_the_shortcut_as_over_http_whatever_faults_are_on(
    bench: Bench,
) -> None:
    bench.faults.add(Rule(Kind.DROP_BEFORE, path="Things"))

    def answers(session: requests.Session) -> Iterator[requests.Response]:
        for token in ("admin", "another"):
            headers = {"x-simulator-admin-token": token}
            for name in ("faults", "unknown"):
                yield session.get(f"{bench.url}/_simulator/{name}", headers=headers, timeout=PATIENCE_S)
        for token in ("t", "another"):
            headers = {"Authorization": f"Bearer {token}", "x-simulator-admin": "1"}
            yield session.get(f"{bench.url}/data/Things", headers=headers, timeout=PATIENCE_S)

    with requests.Session() as by_http, requests.Session() as straight:
        mount(straight, bench.simulator)
        served, told = list(answers(by_http)), list(answers(straight))
    assert [(each.status_code, each.text) for each in told] == [(each.status_code, each.text) for each in served]
    assert {each.status_code for each in told} == {200, 401, 403, 404}
    assert all("Server" in each.headers for each in served)
    assert not any("Server" in each.headers for each in told)
    assert [each.url for each in bench.exchanges.last()] == []


def test_a_defect_of_the_handler_is_500_and_the_server_lives_on(bench: Bench) -> None:
    assert bench.send(path="/defect").status_code == 500
    assert bench.send().status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "handled"),
    [
        (Kind.THROTTLE, 429, 0),
        (Kind.ERROR_BEFORE, 503, 0),
        (Kind.ERROR_AFTER, 503, 1),
        (Kind.REFUSE_TOKEN, 401, 0),
        (Kind.HTML, 200, 0),
        (Kind.TRUNCATE, 200, 1),
        (Kind.SLOW, 200, 1),
    ],
)
def test_a_fault_answers_in_its_way(bench: Bench, kind: Kind, status: int, handled: int) -> None:
    bench.faults.add(Rule(kind, times=1))
    reply = bench.send()
    assert (reply.status_code, len(bench.handled)) == (status, handled)
    if kind is Kind.HTML:
        assert reply.text.startswith("<!DOCTYPE html>")
    if kind is Kind.TRUNCATE:
        with pytest.raises(json.JSONDecodeError):
            reply.json()
    assert bench.send().text == '{"value":["0123456789"]}'


@pytest.mark.parametrize(("kind", "handled"), [(Kind.DROP_BEFORE, 0), (Kind.DROP_AFTER, 1), (Kind.DROP_MID, 1)])
def test_a_fault_cuts_the_connection(bench: Bench, kind: Kind, handled: int) -> None:
    bench.faults.add(Rule(kind, times=1))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        bench.send()
    assert len(bench.handled) == handled
    assert bench.exchanges.last()[-1].status == 0
    assert bench.send().status_code == 200


@pytest.mark.parametrize("wait", ["17", "Sat, 31 Jan 2026 12:00:17 GMT", None])
def test_throttling_says_how_long_as_it_was_told(bench: Bench, wait: str | None) -> None:
    bench.faults.add(Rule(Kind.THROTTLE, retry_after=wait))
    assert bench.send().headers.get("Retry-After") == wait


@pytest.mark.parametrize(("body", "text"), [("html", "<!DOCTYPE"), ("json", '{"error"'), ("gone", "gone")])
def test_an_error_has_the_body_that_it_was_given(bench: Bench, body: str, text: str) -> None:
    bench.faults.add(Rule(Kind.ERROR_BEFORE, status=502, body=body))
    reply = bench.send()
    assert reply.status_code == 502
    assert reply.text.startswith(text)


def test_a_fault_hits_only_its_methods_paths_and_times(bench: Bench) -> None:
    bench.faults.add(Rule(Kind.ERROR_BEFORE, methods=frozenset({"POST"}), path=r"/Things\?x", times=2))
    statuses = [bench.send("GET", "/data/Things?x"), bench.send("POST", "/data/Other?x")]
    statuses += [bench.send("POST", "/data/Things?x") for _ in range(3)]
    assert [reply.status_code for reply in statuses] == [200, 200, 503, 503, 200]


def test_a_probable_fault_hits_the_same_requests_in_every_run() -> None:
    def run() -> list[bool]:
        faults = Faults(seed=7)
        faults.add(Rule(Kind.HTML, probability=0.5))
        return [faults.hit("GET", "/") is not None for _ in range(50)]

    assert run() == run()
    assert {True, False} == set(run())


def test_faults_are_switched_on_and_off_over_http(bench: Bench) -> None:
    rule = {"kind": "error_before", "status": 500, "methods": ["get"]}
    rule_id = bench.control("POST", "faults", rule).json()["id"]
    assert bench.send().status_code == 500
    assert bench.control("GET", "faults").json()[0]["hits"] == 1
    assert bench.control("DELETE", f"faults/{rule_id}").json() == {"removed": True}
    assert bench.send().status_code == 200


@pytest.mark.parametrize(
    "rule",
    [{"kind": "nope"}, {"kind": "html", "nope": 1}, {"kind": "html", "path": "("}, {"kind": "html", "times": 0},
     {"kind": "html", "probability": 2}, {"kind": "html", "methods": "GET"}, {"kind": "slow", "delay_s": "1"}],
)  # fmt: skip
def test_a_fault_that_cannot_work_is_refused(bench: Bench, rule: object) -> None:
    assert bench.control("POST", "faults", rule).status_code == 400
    assert bench.control("GET", "faults").json() == []


def test_latency_is_set_over_http(bench: Bench) -> None:
    bench.control("POST", "latency", {"latency_ms": 30})
    bench.send()
    assert bench.slept_s == [0.03]
    assert bench.control("DELETE", "latency").json() == {"latency_ms": 0}
    assert bench.control("POST", "latency", {"latency_ms": -1}).status_code == 400


def test_an_answer_waits_behind_the_work_so_that_requests_of_one_moment_are_answered_one_after_the_other(
    bench: Bench,
) -> None:
    bench.control("POST", "latency", {"latency_ms": 30})
    bench.send()
    assert bench.handled_before_sleep == [1]


def test_the_control_plane_needs_its_own_token(bench: Bench) -> None:
    refused = bench.control("GET", "counters", token="t")
    assert refused.status_code == 403
    assert "--admin-token-file FILE" in refused.json()["error"]
    assert bench.control("GET", "nope").status_code == 404


def test_reads_and_writes_are_counted_per_collection(bench: Bench) -> None:
    for method, path in (
        ("GET", "/data/A"),
        ("GET", "/data/A(1)"),
        ("PATCH", "/api/data/v9.2/b(1)"),
        ("POST", "/data/A"),
    ):
        bench.send(method, path)
    counted = bench.control("GET", "counters").json()
    assert (counted["reads"], counted["writes"]) == ({"A": 2}, {"b": 1, "A": 1})
    assert (counted["total_reads"], counted["total_writes"]) == (2, 2)
    bench.control("POST", "counters")
    assert bench.control("GET", "counters").json()["total_reads"] == 0


@pytest.mark.parametrize(
    ("parts", "reads", "writes"),
    [(["GET"], 1, 0), (["GET", "GET"], 1, 0), (["GET", "PATCH"], 0, 1), ([], 0, 1)],
)
def test_a_batch_that_only_reads_is_a_read(bench: Bench, parts: list[str], reads: int, writes: int) -> None:
    body = "".join(f"--b\r\n\r\n{method} /data/A(1) HTTP/1.1\r\n\r\n\r\n" for method in parts)
    requests.post(f"{bench.url}/data/$batch", data=body, headers={"Authorization": "Bearer t"}, timeout=PATIENCE_S)
    counted = bench.exchanges.counters()
    assert (counted["total_reads"], counted["total_writes"]) == (reads, writes)


def test_admin_traffic_is_neither_counted_nor_logged_nor_faulted_but_checked(bench: Bench) -> None:
    bench.faults.add(Rule(Kind.ERROR_BEFORE))
    admin = {"x-simulator-admin": "1"}
    assert bench.send(**admin).status_code == 200
    assert requests.get(bench.url, headers=admin, timeout=PATIENCE_S).status_code == 401
    assert bench.exchanges.last() == []
    assert bench.exchanges.counters()["total_reads"] == 0


def test_an_exchange_is_recorded_without_the_token(bench: Bench, tmp_path: Path) -> None:
    bench.send("POST", "/data/A?x=%2f", Prefer="a")
    [exchange] = bench.exchanges.last()
    assert (exchange.system, exchange.method, exchange.status) == ("bench", "POST", 200)
    assert exchange.url.startswith(bench.url)
    assert exchange.request_headers["Prefer"] == "a"
    assert "Authorization" not in exchange.request_headers
    assert exchange.response_body == '{"value":["0123456789"]}'


def test_exchanges_go_to_a_file_as_json_lines(tmp_path: Path) -> None:
    file = tmp_path / "exchanges.jsonl"
    bench = Bench()
    bench.exchanges = ExchangeLog("bench", file=file)
    bench.simulator.exchanges = bench.exchanges
    with running(bench.simulator) as bench.url:
        bench.send()
        bench.send("POST")
    bench.exchanges.close()
    assert [json.loads(line)["method"] for line in file.read_text().splitlines()] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("path", "collection"),
    [("/data/A", "A"), ("/data/A(k='b')/c", "A"),
     ("/api/data/v9.2/accounts(1)", "accounts"), ("/data/$batch", "$batch"),
     ("/api/data/v9.2/%24batch", "$batch"), ("/other", "/other")],
)  # fmt: skip
def test_the_collection_of_a_path(path: str, collection: str) -> None:
    assert collection_of(path) == collection


def _token(**changes: object) -> str:
    arguments = {"key": KEY, "audience": "https://org.example/", "now": NOW, "lifetime_s": 60, "client_id": "app"}
    return mint(**{**arguments, **changes})  # type: ignore[arg-type]


def _check(token: str, at: datetime = NOW) -> str | None:
    return SignedToken(KEY, "https://org.example", lambda: at).refusal(f"Bearer {token}")


def test_a_minted_token_is_accepted_while_it_lasts() -> None:
    assert _check(_token()) is None
    assert _check(_token(), NOW + timedelta(seconds=59)) is None
    assert _check(_token(), NOW + timedelta(seconds=60)) == "The token has expired."
    assert _check(_token(), NOW - timedelta(seconds=1)) == "The token is not valid yet."
    assert client_of(f"Bearer {_token()}") == "app"


@pytest.mark.parametrize(
    "token", [_token(key=b"x" * 32), _token(audience="https://other.example"), "garbage", _token()[:-2] + "xx"]
)
def test_another_token_is_refused(token: str) -> None:
    assert _check(token) is not None


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic t", "Bearer x"])
def test_a_fixed_token_refuses_every_other_header(header: str | None) -> None:
    assert FixedToken("t").refusal(header) is not None


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        SignedToken(b"short", "a", lambda: NOW)


def test_a_log_of_exchanges_ends_at_its_limit_with_a_line_that_says_so(tmp_path: Path) -> None:
    file = tmp_path / "exchanges.jsonl"
    log = ExchangeLog("bench", file=file, most_bytes=2_000)
    request = Request("GET", "/data/Things", "", CIMultiDictProxy(CIMultiDict()), b"", "http://127.0.0.1")
    for _ in range(50):
        log.record(NOW, request, Reply(200, JSON, b"x" * 100))
    log.close()

    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert file.stat().st_size < 2_500
    assert {line["method"] for line in lines[:-1]} == {"GET"}
    assert (lines[-1]["method"], lines[-1]["status"]) == ("", 0)
    assert lines[-1]["response_body"] == "The log has reached its limit and ends here; the exchanges went on."
    assert lines[-1].keys() == lines[0].keys()
    assert log.counters()["total_reads"] == len(log.last()) == 50
