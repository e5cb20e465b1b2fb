"""The F&O client over real HTTP against the simulator, with its faults."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from local.finops.environment import finops_simulator
from local.finops.loading import open_tables
from local.finops.settings import Settings
from local.simulator.auth import FixedToken
from local.simulator.faults import Kind, Rule
from local.simulator.server import Simulator, running
from shared.clients.channel import Channel
from shared.clients.finops import ACCEPT, FinopsCollection, FinopsSystem
from shared.clients.origin import Origin
from shared.clients.throttle import Throttle
from shared.errors import (
    OperatorNeeded,
    OutcomeUnknown,
    RecordMissing,
    RecordRejected,
    SyncError,
    System,
    Transient,
)
from shared.records import Json, Write
from tests.support.channels import open_channel
from tests.support.clock import ManualClock

TOKEN = "scenario"
FOREVER = 1_000_000.0


@dataclass
class Environment:
    simulator: Simulator
    origin: Origin
    clock: ManualClock
    channel: Channel
    system: FinopsSystem
    customers: FinopsCollection

    def fail(self, kind: Kind, method: str, *, times: int | None = None, retry_after: str | None = None) -> None:
        rule = Rule(kind, methods=frozenset({method}), times=times, retry_after=retry_after)
        self.simulator.faults.add(rule)


@pytest.fixture
def environment() -> Iterator[Environment]:
    settings = Settings()
    tables = open_tables(None, None, settings)
    simulator = finops_simulator(tables, settings, FixedToken(TOKEN), admin_token="admin")
    with running(simulator) as url:
        clock = ManualClock()
        throttle = Throttle(System.FINOPS, clock, start=4, maximum=8)
        with open_channel(System.FINOPS, url, TOKEN, throttle, clock, accept=ACCEPT) as channel:
            system = FinopsSystem(channel, "usmf")
            customers = FinopsCollection(
                system, "CustomersV3", "CustomerAccount", "usmf", ["OrganizationName", "CustomerGroupId", "PartyType"]
            )
            yield Environment(simulator, channel.origin, clock, channel, system, customers)
    tables.close()


def customer(number: int | str, *, create: bool = True, **values: Json) -> Write:
    complete: dict[str, Json] = {
        "OrganizationName": f"Litra {number}",
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
        "PartyType": "Organization",
        "PartyNumber": f"P{number}",
    }
    return Write(f"id-{number}", f"ACC-{number}", {**complete, **values} if create else values, create)


def write(at: Environment, *writes: Write) -> list[SyncError | None]:
    return list(at.customers.write(writes, not_after=FOREVER).values())


def test_customers_are_created_found_and_updated(environment: Environment) -> None:
    numbers = range(60)
    assert write(environment, *(customer(number) for number in numbers)) == [None] * 60
    keys = [f"acc-{number} " for number in numbers]
    found = environment.customers.find([*keys, "ACC-none"])
    named = {key: row.values["OrganizationName"] for key, row in found.items()}
    assert named == {key: f"Litra {number}" for number, key in enumerate(keys)}
    assert write(environment, customer(7, create=False, OrganizationName="O'Neil & Söhne")) == [None]
    assert environment.customers.find(["ACC-7"])["ACC-7"].values["OrganizationName"] == "O'Neil & Söhne"


def test_the_environment_is_known_by_its_company(environment: Environment) -> None:
    environment.system.probe()
    assert environment.system.identity() == "usmf"
    with pytest.raises(OperatorNeeded):
        FinopsSystem(environment.channel, "none").probe()


def test_each_refusal_says_what_to_do(environment: Environment) -> None:
    assert write(environment, customer(1)) == [None]
    unknown_group, duplicate, missing = write(
        environment,
        customer(2, CustomerGroupId="Local"),
        customer(1, PartyNumber="P-other"),
        customer(9, create=False, OrganizationName="x"),
    )
    assert isinstance(unknown_group, RecordRejected)
    assert unknown_group.cause == "finops.validateField.CustomerGroupId"
    assert isinstance(duplicate, RecordRejected)
    assert duplicate.cause == "target_exists"
    assert isinstance(missing, RecordMissing)


def test_an_unknown_field_calls_the_operator(environment: Environment) -> None:
    [result] = write(environment, customer(1, NoSuchField="x"))
    assert isinstance(result, OperatorNeeded)
    assert "NoSuchField" in str(result)
    collection = FinopsCollection(environment.system, "CustomersV3", "CustomerAccount", "usmf", ["NoSuchField"])
    with pytest.raises(OperatorNeeded, match="NoSuchField"):
        collection.find(["ACC-1"])


@pytest.mark.parametrize(
    "key", ["O'Neil", "A&B=C;D", "Zoë 1", " lead", "名前", "a(b),c", '"q"', "<a>", "~!@$^", "a''b"]
)
def test_a_key_with_unusual_characters_finds_itself(environment: Environment, key: str) -> None:
    write_it = Write("1", key, customer(1).values, create=True)
    assert write(environment, write_it) == [None]
    assert list(environment.customers.find([key])) == [key]
    assert write(environment, Write("1", key, {"OrganizationName": "new"}, create=False)) == [None]
    assert environment.customers.find([key])[key].values["OrganizationName"] == "new"


@pytest.mark.parametrize(
    ("kind", "expected", "applied"),
    [
        (Kind.ERROR_BEFORE, OutcomeUnknown, False),
        (Kind.ERROR_AFTER, OutcomeUnknown, True),
        (Kind.DROP_BEFORE, OutcomeUnknown, False),
        (Kind.DROP_AFTER, OutcomeUnknown, True),
        (Kind.HTML, OutcomeUnknown, False),
        (Kind.REFUSE_TOKEN, OperatorNeeded, False),
        (Kind.THROTTLE, Transient, False),
    ],
)
def test_a_fault_while_writing_is_told_as_what_it_is(
    environment: Environment, kind: Kind, expected: type[SyncError], applied: bool
) -> None:
    environment.fail(kind, "POST")
    [result] = write(environment, customer(1))
    assert isinstance(result, expected)
    environment.simulator.faults.clear()
    assert bool(environment.customers.find(["ACC-1"])) == applied


@pytest.mark.parametrize("kind", [Kind.DROP_MID, Kind.TRUNCATE])
def test_a_create_whose_answer_breaks_off_behind_its_status_is_applied(environment: Environment, kind: Kind) -> None:
    environment.fail(kind, "POST")
    assert write(environment, customer(1)) == [None]
    assert environment.customers.find(["ACC-1"])


@pytest.mark.parametrize(
    "kind", [Kind.ERROR_BEFORE, Kind.DROP_BEFORE, Kind.DROP_AFTER, Kind.DROP_MID, Kind.HTML, Kind.TRUNCATE]
)
def test_a_read_gets_over_a_short_fault(environment: Environment, kind: Kind) -> None:
    environment.fail(kind, "GET", times=2)
    environment.system.probe()
    environment.fail(kind, "GET")
    with pytest.raises(Transient):
        environment.system.probe()


def test_a_short_throttling_is_waited_for_in_place(environment: Environment) -> None:
    environment.fail(Kind.THROTTLE, "POST", times=1, retry_after="3")
    assert write(environment, *(customer(number) for number in range(8))) == [None] * 8
    assert environment.clock.seconds >= 3
    assert environment.channel.requests.throttled == 1
