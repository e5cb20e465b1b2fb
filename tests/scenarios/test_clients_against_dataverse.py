"""The Dataverse client over real HTTP against the simulator: walks, bulk reads, refused links, faults."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
import requests

from local.dataverse.organisation import Organisation
from local.dataverse.schema import load_schema
from local.dataverse.settings import Settings
from local.dataverse.simulator import build_organisation, build_simulator
from local.simulator.auth import FixedToken
from local.simulator.exchanges import ExchangeLog
from local.simulator.faults import Faults, Kind, Rule
from local.simulator.server import Simulator, running
from shared.clients.channel import Channel
from shared.clients.dataverse import DataverseSystem, DataverseTable
from shared.clients.throttle import Throttle
from shared.errors import LinkRefused, OperatorNeeded, System, Transient
from shared.records import Change, ChangePage
from tests.support.channels import open_channel
from tests.support.clock import ManualClock

TOKEN = "scenario"
PAGE = 7


@dataclass
class Environment:
    simulator: Simulator
    organisation: Organisation
    channel: Channel
    throttle: Throttle
    accounts: DataverseTable

    def send(self, method: str, path: str, body: object = None) -> None:
        """What somebody does in Sales."""
        url = self.channel.origin.url(f"/api/data/v9.2/{path}")
        headers = {"Authorization": f"Bearer {TOKEN}"}
        requests.request(method, url, json=body, headers=headers, timeout=10).raise_for_status()

    def save(self, *numbers: int) -> None:
        for number in numbers:
            self.send("PATCH", f"accounts({id_of(number)})", {"name": f"Litra {number}"})

    def fail(self, kind: Kind, times: int | None = None) -> None:
        self.simulator.faults.add(Rule(kind, times=times))


@pytest.fixture
def environment() -> Iterator[Environment]:
    organisation = build_organisation(load_schema(), settings=Settings(page_cap=PAGE, dop_hint=3))
    simulator = build_simulator(organisation, FixedToken(TOKEN), Faults(), ExchangeLog("dataverse"), "admin")
    with running(simulator) as url:
        clock = ManualClock()
        throttle = Throttle(System.DATAVERSE, clock, start=4, maximum=8)
        with open_channel(System.DATAVERSE, url, TOKEN, throttle, clock) as channel:
            currency = {"transactioncurrencyid": ["isocurrencycode"]}
            table = DataverseTable(
                DataverseSystem(channel), "accounts", "accountid", ["name", "creditlimit", "statecode"], currency
            )
            yield Environment(simulator, organisation, channel, throttle, table)
    organisation.store.close()


def id_of(number: int) -> str:
    return str(UUID(int=number, version=4))


def walk(accounts: DataverseTable, page: ChangePage) -> tuple[list[Change], str | None]:
    changes = list(page.changes)
    for _ in range(50):
        if page.next_link is None:
            return changes, page.delta_link
        page = accounts.follow(page.next_link)
        changes += page.changes
    raise AssertionError("the walk does not end")


def test_a_tracked_walk_brings_every_row_and_then_the_changes_only(environment: Environment) -> None:
    environment.save(*range(20))
    changes, delta = walk(environment.accounts, environment.accounts.track_changes())
    assert {change.id for change in changes} == {id_of(number) for number in range(20)}
    assert delta is not None
    environment.save(3, 20)
    environment.send("DELETE", f"accounts({id_of(4)})")
    later, _ = walk(environment.accounts, environment.accounts.follow(delta))
    assert {change.id: change.gone for change in later} == {id_of(3): False, id_of(20): False, id_of(4): True}
    versions = {change.id: change.version or 0 for change in changes}
    assert all(change.gone or (change.version or 0) > versions.get(change.id, 0) for change in later)


def test_a_plain_walk_brings_every_row(environment: Environment) -> None:
    environment.save(*range(20))
    changes, delta = walk(environment.accounts, environment.accounts.list_rows())
    assert {change.id for change in changes} == {id_of(number) for number in range(20)}
    assert delta is None


def test_rows_are_read_in_bulk_over_many_pages(environment: Environment) -> None:
    environment.save(*range(30))
    ids = [id_of(number) for number in range(35)]
    rows = environment.accounts.read(ids)
    assert {row.id: row.values["name"] for row in rows.values()} == {id_of(n): f"Litra {n}" for n in range(30)}
    assert environment.accounts.existing(ids) == set(rows)
    seen = {change.id: change.version for change in walk(environment.accounts, environment.accounts.list_rows())[0]}
    assert {row.id: row.version for row in rows.values()} == seen


def test_the_environment_is_known_and_its_hint_taken(environment: Environment) -> None:
    system = DataverseSystem(environment.channel)
    system.probe()
    assert UUID(system.identity())
    assert environment.throttle.limit in (3, 4)


def test_refused_links_say_so(environment: Environment) -> None:
    environment.save(*range(20))
    page = environment.accounts.track_changes()
    _, delta = walk(environment.accounts, page)
    environment.organisation.switches.refuse_next_links = True
    environment.organisation.switches.refuse_delta_links = True
    for link in (page.next_link, delta):
        assert link is not None
        with pytest.raises(LinkRefused):
            environment.accounts.follow(link)


def test_an_unknown_column_calls_the_operator(environment: Environment) -> None:
    table = DataverseTable(DataverseSystem(environment.channel), "accounts", "accountid", ["no_such_column"])
    with pytest.raises(OperatorNeeded, match="no_such_column"):
        table.read([id_of(1)])


def test_a_missing_privilege_calls_the_operator(environment: Environment) -> None:
    environment.organisation.switches.read_denied.add("account")
    with pytest.raises(OperatorNeeded, match="accounts"):
        environment.accounts.track_changes()


@pytest.mark.parametrize(
    "kind", [Kind.ERROR_BEFORE, Kind.DROP_BEFORE, Kind.DROP_MID, Kind.HTML, Kind.TRUNCATE, Kind.THROTTLE]
)
def test_trouble_of_the_environment_is_no_answer(environment: Environment, kind: Kind) -> None:
    environment.save(1)
    environment.fail(kind)
    with pytest.raises(Transient):
        environment.accounts.read([id_of(1)])


def test_a_page_gets_over_a_short_fault(environment: Environment) -> None:
    environment.save(*range(3))
    environment.fail(Kind.DROP_MID, times=2)
    assert len(environment.accounts.list_rows().changes) == 3
