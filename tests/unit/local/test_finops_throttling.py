"""Resource-based throttling of the F&O simulator."""

import asyncio

import pytest

from local.finops.settings import Priority, Settings
from local.finops.throttling import Level, Pressure
from local.simulator.messages import Reply, Request, headers_of
from tests.unit.local.finops_environment import environment

TEXT = "This request could not be processed at this time due to system experiencing high resource utilization."


def send(pressure: Pressure) -> Reply:
    request = Request("GET", "/data/CustomersV3", "", headers_of(), b"", "http://127.0.0.1")
    return asyncio.run(pressure.guard(request, lambda _: Reply(200)))


@pytest.mark.parametrize(
    ("level", "passes"),
    [
        (Level.LOW, {Priority.LOW, Priority.MEDIUM, Priority.HIGH}),
        (Level.MEDIUM, {Priority.MEDIUM, Priority.HIGH}),
        (Level.HIGH, {Priority.HIGH}),
    ],
)
@pytest.mark.parametrize("priority", list(Priority))
def test_pressure_refuses_by_priority(level: Level, passes: set[Priority], priority: Priority) -> None:
    assert send(Pressure(priority, level)).status == (200 if priority in passes else 429)


@pytest.mark.parametrize("retry_after", [0, 5, None])
def test_a_refusal_says_how_long_to_wait_where_it_was_told(retry_after: int | None) -> None:
    pressure = Pressure(Priority.MEDIUM)
    pressure.control("POST", {"level": "high", "retry_after": retry_after})
    given = None if retry_after is None else str(retry_after)
    assert send(pressure).headers.get("Retry-After") == given


def test_the_control_counts_until_it_is_deleted() -> None:
    pressure = Pressure(Priority.LOW)
    send(pressure)
    pressure.control("POST", {"level": "medium"})
    send(pressure)
    assert pressure.control("GET", None) == {
        "level": "medium",
        "retry_after": None,
        "priority": "low",
        "seen": 2,
        "refused": 1,
    }
    pressure.control("DELETE", None)
    assert send(pressure).status == 200


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"level": "extreme"},
        {"level": "high", "retry_after": -1},
        {"level": "high", "retry_after": "5"},
        {"level": "high", "wait": 5},
    ],
)
def test_a_pressure_that_does_not_exist_is_refused_and_changes_nothing(body: object) -> None:
    pressure = Pressure(Priority.LOW)
    with pytest.raises(ValueError, match=r"\w"):
        pressure.control("POST", body)
    assert pressure == Pressure(Priority.LOW)


def test_a_fresh_environment_refuses_nothing_until_pressure_is_put_on_it() -> None:
    with environment(Settings(priority=Priority.LOW)) as finops:
        finops.customer()
        assert finops.control("pressure", {"level": "medium", "retry_after": 3}).status_code == 200
        reply = finops.get("CustomersV3")
        assert (reply.status_code, reply.headers["Retry-After"]) == (429, "3")
        assert reply.json()["error"]["message"] == TEXT
        finops.control("pressure", {"level": "low"})
        assert len(finops.rows("CustomersV3")) == 1


def test_nothing_of_a_refused_write_is_applied() -> None:
    with environment() as finops:
        finops.control("pressure", {"level": "high"})
        reply = finops.post("CustomersV3", {"CustomerAccount": "US-1"})
        assert (reply.status_code, "Retry-After" in reply.headers) == (429, False)
        finops.control("pressure", {"level": "low"})
        assert finops.rows("CustomersV3") == []


def test_requests_of_the_operator_pass_at_any_pressure() -> None:
    with environment() as finops:
        finops.control("pressure", {"level": "high"})
        assert finops.get("CustomersV3", headers={"x-simulator-admin": "1"}).status_code == 200
