"""Service protection of the simulated Dataverse."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.dataverse.__main__ import main
from local.dataverse.protection import Protection, Sleep
from local.dataverse.refusals import Refused
from local.dataverse.service import Service
from local.dataverse.settings import Limits, Settings
from local.simulator.auth import mint
from local.simulator.messages import Reply, Request, headers_of
from shared import exact_json
from tests.support.patience import PATIENCE_S
from tests.unit.local.dataverse_world import code, dataverse

BASE = "http://127.0.0.1"
COOKIE = "Set-Cookie"


class ManualClock:
    """Monotonic seconds that move by hand, or by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


class Organisation:
    """Answers every request after `takes_s`, and writes `writes` rows for it."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.takes_s = 0.0
        self.writes = 0
        self.handled = 0
        self._rows = 0

    def handle(self, request: Request) -> Reply:
        self.handled += 1
        self._rows += self.writes
        self.clock.now += self.takes_s
        return Reply(204)

    def refusal(self, refused: Refused) -> Reply:
        return Reply(refused.status, refused.headers, refused.body())

    def rows_written(self) -> int:
        return self._rows


class Bench:
    """Service protection in front of such an organisation."""

    def __init__(self, sleep: Sleep | None = None, **numbers: Any) -> None:
        self.clock = ManualClock()
        self.organisation = Organisation(self.clock)
        self.protection = Protection(
            Limits(**numbers), self.organisation, clock=self.clock, sleep=sleep or self.clock.sleep
        )

    def request(self, path: str = "/", **headers: str) -> Coroutine[Any, Any, Reply]:
        sent = Request("GET", path, "", headers_of(headers), b"", BASE)
        return self.protection.guard(sent, self.organisation.handle)

    def send(self, times: int = 1, **headers: str) -> Reply:
        """The last answer."""
        for _ in range(times):
            reply = asyncio.run(self.request(**headers))
        return reply

    def state(self) -> dict[str, Any]:
        found = self.protection.control("GET", None)
        assert isinstance(found, dict)
        return found


class Doorkeeper:
    """A sleep that ends for everybody when the door opens."""

    def __init__(self) -> None:
        self.door = asyncio.Event()

    async def sleep(self, _seconds: float) -> None:
        await self.door.wait()


def error(reply: Reply) -> tuple[int, object, object]:
    content = exact_json.loads(reply.body)
    assert isinstance(content, dict)
    inner = content["error"]
    assert isinstance(inner, dict)
    return reply.status, inner["code"], inner["message"]


def wait_s(reply: Reply) -> int:
    assert reply.status == 429
    return int(reply.headers["Retry-After"])


def authorization(client_id: str) -> str:
    token = mint(b"k" * 32, BASE, now=datetime(2026, 1, 31, tzinfo=UTC), lifetime_s=60, client_id=client_id)
    return f"Bearer {token}"


def test_the_defaults_are_the_documented_numbers() -> None:
    bench = Bench()
    limits = bench.state()["limits"]
    assert (limits["requests"], limits["execution_s"], limits["concurrency"]) == (6000, 1200, 52)
    assert (limits["window_s"], limits["servers"], limits["request_ms"], limits["row_ms"]) == (300, 1, 0, 0)


def test_requests_beyond_the_limit_are_refused_until_the_window_has_slid() -> None:
    bench = Bench(requests=2)
    bench.send()
    bench.clock.now += 100
    assert bench.send().status == 204
    bench.clock.now += 0.5
    reply = bench.send()
    assert error(reply) == (
        429,
        "0x80072322",
        "Number of requests exceeded the limit of 2 over time window of 300 seconds.",
    )
    assert wait_s(reply) == 200
    bench.clock.now += 199.5
    assert bench.send().status == 204
    assert bench.organisation.handled == 3


def test_execution_time_beyond_the_limit_is_refused_until_enough_of_it_has_slid_out() -> None:
    bench = Bench(execution_s=1200)
    bench.organisation.takes_s = 600
    bench.protection.control("POST", {"window_s": 10_000})
    assert bench.send(3).status == 204
    reply = bench.send()
    assert error(reply) == (
        429,
        "0x80072321",
        "Combined execution time of incoming requests exceeded limit of 1,200,000 milliseconds over time window of "
        "10000 seconds. Decrease number of concurrent requests or reduce the duration of requests and try again later.",
    )
    assert wait_s(reply) == 8800
    bench.clock.now += 8800
    assert bench.send().status == 204


def test_execution_time_may_reach_its_limit() -> None:
    bench = Bench(execution_s=2)
    bench.organisation.takes_s = 1
    assert bench.send(3).status == 204
    assert bench.send().status == 429


def test_concurrency_is_refused_at_once_and_a_free_place_is_given_at_once() -> None:
    async def crowd() -> tuple[Bench, list[Reply]]:
        keeper = Doorkeeper()
        bench = Bench(keeper.sleep, concurrency=2, request_ms=10)
        inside = [asyncio.create_task(bench.request()) for _ in range(2)]
        await asyncio.sleep(0)
        third = await bench.request()
        keeper.door.set()
        return bench, [third, *await asyncio.gather(*inside), await bench.request()]

    bench, (third, *others) = asyncio.run(crowd())
    assert error(third) == (429, "0x80072326", "Number of concurrent requests exceeded the limit of 2.")
    assert wait_s(third) == 1
    assert [reply.status for reply in others] == [204, 204, 204]
    assert bench.state()["highest_concurrency"] == 2


def test_hammering_makes_the_wait_longer_up_to_one_window() -> None:
    bench = Bench(requests=1, window_s=10)
    bench.send()
    bench.clock.now += 5
    waits = [wait_s(bench.send())]
    bench.clock.now += 1
    waits += [wait_s(bench.send()) for _ in range(8)]
    assert waits == [5, 5, 6, 7, 8, 9, 10, 10, 10]
    bench.clock.now += 9.9
    assert bench.send().status == 429


def test_a_client_that_waits_as_told_is_served() -> None:
    bench = Bench(requests=3, window_s=10)
    for _ in range(20):
        bench.clock.now += 0.3
        reply = bench.send()
        if reply.status == 429:
            bench.clock.now += wait_s(reply)
            assert bench.send().status == 204


def test_requests_that_were_on_their_way_make_no_wait_longer() -> None:
    bench = Bench(requests=1, window_s=10)
    assert [wait_s(bench.send(2)) for _ in range(5)] == [10] * 5


def test_each_user_has_limits_of_its_own() -> None:
    bench = Bench(requests=1)
    for client in ("a", "b"):
        assert bench.send(Authorization=authorization(client)).status == 204
    assert bench.send(Authorization=authorization("a")).status == 429


def test_requests_are_spread_over_servers_which_have_limits_of_their_own() -> None:
    bench = Bench(requests=2, servers=3)
    assert bench.send(6).status == 204
    assert bench.send().status == 429


def test_a_client_that_sends_the_affinity_cookie_back_stays_on_one_server() -> None:
    bench = Bench(requests=2, servers=3)
    given = bench.send().headers[COOKIE]
    assert given.startswith("ARRAffinity=")
    cookie = f"other=1; {given.split(';')[0]}"
    reply = bench.send(Cookie=cookie)
    assert (reply.status, COOKIE in reply.headers) == (204, False)
    assert bench.send(Cookie=cookie).status == 429
    assert bench.send().status == 204


def test_a_request_costs_its_handling_and_what_is_modelled_and_takes_that_long() -> None:
    bench = Bench(request_ms=100, row_ms=10)
    bench.organisation.takes_s, bench.organisation.writes = 0.5, 20
    began = bench.clock.now
    bench.send()
    assert bench.clock.now - began == pytest.approx(0.8)
    [load] = bench.state()["loads"]
    assert load["execution_s_in_window"] == pytest.approx(0.8)


def test_answers_tell_what_is_left_of_the_window() -> None:
    bench = Bench(execution_s=1200, requests=6000)
    bench.organisation.takes_s = 0.25
    headers = bench.send().headers
    assert headers["x-ms-ratelimit-burst-remaining-xrm-requests"] == "5999"
    assert headers["x-ms-ratelimit-time-remaining-xrm-requests"] == "1,199.75"


def test_the_counters_tell_what_was_seen_and_refused() -> None:
    bench = Bench(requests=2, window_s=10)
    bench.send(3)
    bench.clock.now += 25
    bench.send()
    state = bench.state()
    assert (state["seen"], state["refused"]) == (4, {"requests": 1, "execution_time": 0, "concurrency": 0})
    assert (state["first_request_s"], state["last_request_s"]) == (1000, 1025)
    assert state["windows"] == [{"from_s": 1000, "requests": 3}, {"from_s": 1020, "requests": 1}]
    [load] = state["loads"]
    assert (load["requests_in_window"], load["most_requests_in_window"]) == (1, 2)


def test_numbers_change_while_it_runs_and_waits_are_judged_again() -> None:
    bench = Bench(requests=1)
    assert bench.send(2).status == 429
    bench.protection.control("POST", {"requests": 2})
    assert bench.send().status == 204
    assert bench.send().status == 429
    bench.protection.control("POST", {"on": False})
    assert bench.send(5).status == 204
    bench.protection.control("POST", {})
    assert bench.send().status == 429


def test_deleting_forgets_windows_and_counters_but_no_numbers() -> None:
    bench = Bench(requests=1)
    bench.send(2)
    bench.protection.control("DELETE", None)
    assert bench.state()["seen"] == 0
    assert bench.send().status == 204
    assert bench.send().status == 429


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"requests": 0},
        {"requests": 1.5},
        {"window_s": -1},
        {"row_ms": "1"},
        {"servers": True},
        {"on": "yes"},
        {"limit": 1},
    ],
)
def test_numbers_that_cannot_work_are_refused_and_change_nothing(body: object) -> None:
    bench = Bench()
    with pytest.raises(ValueError, match=r"\w"):
        bench.protection.control("POST", body)
    assert bench.state()["limits"] == Bench().state()["limits"]


@given(st.lists(st.sampled_from([0.0, 0.1, 0.7, 3.0, 11.0]), max_size=40))
def test_no_window_ever_holds_more_answered_requests_than_the_limit(pauses: list[float]) -> None:
    bench = Bench(requests=4, window_s=10)
    answered: list[float] = []
    for pause in pauses:
        bench.clock.now += pause
        if bench.send().status == 204:
            answered.append(bench.clock.now)
    for moment in answered:
        assert sum(moment - 10 < other <= moment for other in answered) <= 4


def test_without_limits_nothing_is_refused_or_counted() -> None:
    with dataverse() as world:
        assert world.get("WhoAmI").status_code == 200
        state = world.control("GET", "protection").json()
    assert (state["on"], state["seen"]) == (False, 0)


def test_a_refusal_over_http_has_the_headers_of_every_answer() -> None:
    with dataverse(settings=Settings(limits=Limits(requests=1), dop_hint=7)) as world:
        assert world.get("WhoAmI").status_code == 200
        reply = world.get("WhoAmI")
        assert code(reply) == (429, "0x80072322")
        assert 1 <= int(reply.headers["Retry-After"]) <= 300
        assert reply.headers["x-ms-dop-hint"] == "7"
        assert reply.headers["Content-Type"].startswith("application/json")
        assert world.control("GET", "protection").json()["refused"]["requests"] == 1


def test_requests_without_a_valid_token_and_those_of_the_operator_are_not_counted() -> None:
    with dataverse(settings=Settings(limits=Limits(requests=1))) as world:
        assert world.get("WhoAmI", Authorization="Bearer wrong").status_code == 401
        assert world.get("WhoAmI", x_simulator_admin="1").status_code == 200
        assert world.get("WhoAmI").status_code == 200
        assert world.control("GET", "protection").json()["seen"] == 1


def test_a_batch_is_one_request() -> None:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary"
    part = f"--b\r\n{head}\r\n\r\nGET /api/data/v9.2/WhoAmI HTTP/1.1\r\n\r\n\r\n"
    headers = {"Content-Type": "multipart/mixed;boundary=b"}
    with dataverse(settings=Settings(limits=Limits(requests=2))) as world:
        reply = world.session.post(
            f"{world.api}/$batch", data=part * 3 + "--b--\r\n", headers=headers, timeout=PATIENCE_S
        )
        assert (reply.status_code, reply.text.count("UserId")) == (200, 3)
        assert world.control("GET", "protection").json()["loads"][0]["requests_in_window"] == 1


def test_every_row_that_a_request_makes_the_service_write_is_counted() -> None:
    with dataverse() as world:
        service = Service(world.organisation)
        before = service.rows_written()
        world.create("uomschedules", name="Units", baseuomname="Each")
        assert service.rows_written() - before == 2
        world.get("uomschedules")
        assert service.rows_written() - before == 2


def test_a_number_without_protection_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0", "--token", "t", "--limit-requests", "5"]) == 2
    assert "--limit-requests without --protect" in capsys.readouterr().err


def test_a_number_that_cannot_work_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0", "--token", "t", "--protect", "--servers", "0"]) == 2
    assert "servers is 0" in capsys.readouterr().err
