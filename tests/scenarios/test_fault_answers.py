"""Systems that answer something else than they should: rights that are gone, schemas that have moved, tokens that have
run out, bodies that are missing."""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from local.simulator.faults import Kind, Rule
from shared.bootstrap import assemble
from shared.clients.finops.environment import FinopsCollection, FinopsSystem, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.http.exchange import Answer
from shared.errors import OperatorNeeded, SchemaDrift
from shared.flows.registry import FLOWS
from shared.mapping.verdicts import Verdict
from shared.records import SourceRow, Write
from shared.state.control import BlockKind
from shared.state.links import LinkState
from shared.systems import System
from tests.scenarios.test_fault_clock import Skewed
from tests.support.doubles import FakeMapper
from tests.support.invariants import check
from tests.support.product import FLOW, Product
from tests.support.world import World
from tests.unit.clients.fakes import line
from tests.unit.local import dataverse_world, finops_environment

READS, WRITES = frozenset({"GET"}), frozenset({"POST", "PATCH"})


def closed_for(sync: Product, system: System, words: str) -> None:
    """The gate of a system is closed, and its reason holds these words."""
    gate = sync.state.control.gate(system)
    assert gate.closed
    assert words in gate.reason


def blocked_by_drift(sync: Product, words: str) -> None:
    """The flow is blocked, with these words, and both systems are within reach of the others."""
    control = sync.state.control.flow(sync.flow)
    assert control.block_kind is BlockKind.DRIFT
    assert words in control.blocked
    assert not any(sync.state.control.gate(system).closed for system in System)


@pytest.mark.parametrize("right", ["read", "write"])
def test_a_right_that_is_missing_in_finops_closes_its_gate_blames_no_account_and_recovers(
    sync: Product, right: str
) -> None:
    ids = sync.linked()
    sync.finops.control("rights", {"entity": "CustomersV3", "right": right, "granted": False})
    ids.append(sync.account("A-9"))
    sync.edit(ids[0], name="Changed")
    sync.tick()
    closed_for(sync, System.FINOPS, "CustomersV3 (403)")
    assert all(sync.failure(id) is None for id in ids)
    sync.finops.control("rights", {"entity": "CustomersV3", "right": right, "granted": True})
    sync.settle(15)
    sync.check_in_step(ids)


def test_a_column_that_is_gone_in_sales_blocks_its_flow_by_its_name_and_recovers(sync: Product) -> None:
    ids = sync.linked()
    body = sync.sales.get("accounts?$select=gone").text.replace("'gone'", "'fax'")
    assert "'fax'" in body
    sync.sales.faults.add(Rule(Kind.ERROR_BEFORE, READS, "fax", status=400, body=body))
    sync.edit(ids[0], name="Changed")
    sync.settle(5)
    blocked_by_drift(sync, "'fax'")
    assert all(sync.failure(id) is None for id in ids)
    sync.sales.faults.clear()
    sync.settle(15)
    sync.check_in_step(ids)


@pytest.mark.parametrize("methods", [READS, WRITES], ids=["while reading", "while writing"])
def test_a_field_that_is_gone_in_finops_blocks_its_flow_by_its_name_and_recovers(
    sync: Product, methods: frozenset[str]
) -> None:
    ids = sync.linked()
    reply = sync.finops.get("CustomersV3?$select=Gone") if methods == READS else sync.finops.post("CustomersV3", _GONE)
    body = reply.text.replace("'Gone'", "'SalesMemo'")
    assert "'SalesMemo'" in body
    sync.finops.faults.add(Rule(Kind.ERROR_BEFORE, methods, "CustomersV3", status=400, body=body))
    ids.append(sync.account("A-9"))
    sync.tick()
    blocked_by_drift(sync, "'SalesMemo'")
    assert all(sync.failure(id) is None for id in ids)
    sync.finops.faults.clear()
    sync.settle(15)
    sync.check_in_step(ids)


_GONE = {"dataAreaId": "usmf", "CustomerAccount": "X", "Gone": 1}
_INCOMPLETE = {"dataAreaId": "usmf", "CustomerAccount": "X", "OrganizationName": "X", "PartyType": "Organization"}
_UNKNOWN_OPTION = {**_INCOMPLETE, "CustomerGroupId": "10", "SalesCurrencyCode": "USD", "OnHoldStatus": "Sometimes"}


@pytest.mark.parametrize(
    ("like", "cause", "words"),
    [
        (_INCOMPLETE, "finops.validateWrite.CustCustomerV3Entity", "must be filled in"),
        (_UNKNOWN_OPTION, "finops.refused", "Cannot convert the literal 'Sometimes'"),
    ],
    ids=["new mandatory field", "unknown option or other type"],
)
def test_what_finops_newly_refuses_is_listed_with_its_words_leaves_the_gate_open_and_recovers(
    sync: Product, like: dict[str, str], cause: str, words: str
) -> None:
    ids = sync.linked()
    refusal = sync.finops.post("CustomersV3", like)
    assert refusal.status_code == 400
    sync.finops.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"POST"}), status=400, body=refusal.text))
    ids.append(sync.account("A-9"))
    sync.edit(ids[0], name="Changed")
    sync.tick()
    failure = sync.failure(ids[-1])
    assert failure is not None
    assert failure.cause == cause
    assert words in failure.message
    assert (sync.customer("A-0") or {})["OrganizationName"] == "Changed"
    assert not sync.state.control.gate(System.FINOPS).closed
    sync.finops.faults.clear()
    sync.settle(70)
    sync.check_in_step(ids)


def test_a_customer_that_somebody_else_changes_at_the_same_moment_is_written_on_the_next_try(sync: Product) -> None:
    ids = sync.linked()
    sync.finops.control("conflicts", {"entity": "CustomersV3", "times": 2})
    for id in ids:
        sync.edit(id, name="Changed")
    sync.settle(10)
    sync.check_in_step(ids)


@dataclass(frozen=True)
class DriftedMapper(FakeMapper):
    """A mapping that meets a column of another type than it knows."""

    def evaluate(self, row: SourceRow, *known: object) -> Verdict:
        """Raises SchemaDrift: no record is to blame for the type of a column."""
        raise SchemaDrift(System.DATAVERSE, f"a column of {row.id} is not what the mapping expects")


def test_a_column_of_another_type_blocks_its_flow_blames_no_record_and_recovers() -> None:
    world = World()
    for number in range(3):
        world.source.save(f"p{number}", number=f"P{number}", name="x")
    known = world.mappers["parents"]
    world.mappers["parents"] = DriftedMapper()
    world.settle(hours=2)
    met = world.state.control.flow("parents").met
    assert met is not None
    assert met.strikes == 7
    assert not world.state.control.gate(System.DATAVERSE).closed
    assert world.state.failures.load("parents", list(world.source.rows)) == {}
    assert world.target.rows == {}
    world.mappers["parents"] = known
    world.settle(hours=2)
    check(world)
    assert len(world.target.rows) == 3


@dataclass
class CachingCredential:
    """Keeps handing out a token that the systems accept no more, until it is asked past its cache."""

    clock: Any
    tokens: dict[str, str]
    fresh: frozenset[str] = frozenset()

    def get_token(self, *scopes: str, claims: str | None = None, **_: Any) -> AccessToken:
        """A token of one hour."""
        origin = scopes[0].removesuffix("/.default")
        if claims:
            self.fresh |= {origin}
        token = self.tokens[origin] if origin in self.fresh else "expired"
        return AccessToken(token, int(self.clock.now().timestamp()) + 3600)


@pytest.mark.parametrize("hours", [-5, 0, 5])
def test_an_expired_token_is_replaced_within_the_run_whatever_our_clock_says(sync: Product, hours: float) -> None:
    tokens = {sync.sales.origin: dataverse_world.TOKEN, sync.finops.base_url: finops_environment.TOKEN}
    settings = FLOWS.read_settings(
        {
            "AzureWebJobsStorage": "UseDevelopmentStorage=true",
            "DATAVERSE_URL": sync.sales.origin,
            "FINOPS_URL": sync.finops.base_url,
            "COMPANY": "usmf",
        }
    )
    credential, ours = CachingCredential(sync.clock, tokens), Skewed(sync.clock, hours)
    sync.service = assemble(FLOWS.deployment(settings), sync.state, sync.queues, credential, ours)
    id = sync.account("A-1")
    sync.tick()
    assert not any(sync.state.control.gate(system).closed for system in System)
    sync.check_in_step([id])
    credential.fresh = frozenset()
    sync.edit(id, name="Changed when the next token had expired, too")
    sync.tick()
    sync.check_in_step([id])


def test_a_create_that_is_answered_without_a_body_and_without_an_id_is_applied() -> None:
    at = line(Answer(204))
    customers = FinopsCollection(
        FinopsTable(FinopsSystem(at.channel, "usmf"), "CustomersV3", FinopsKey("usmf", ("CustomerAccount",)), [])
    )
    write = Write("1", "A-1", {"OrganizationName": "Litra AG"}, create=True)
    assert customers.write([write], not_after=1000) == {"1": None}
    assert at.server.methods == ["POST"]


def test_what_the_sync_has_written_itself_brings_no_further_write(sync: Product) -> None:
    ids = sync.linked()
    sync.edit(ids[0], name="Changed")
    sync.tick()
    before = sync.service.systems[System.FINOPS].requests  # type: ignore[attr-defined]
    sync.settle(30)
    assert sync.service.systems[System.FINOPS].requests.writes == before.writes  # type: ignore[attr-defined]
    sync.check_in_step(ids)


def test_an_account_that_is_deleted_and_entered_again_is_distinguished_from_the_first_and_can_be_adopted(
    sync: Product,
) -> None:
    first, other = sync.linked()
    assert sync.sales.send("DELETE", f"accounts({first})").status_code == 204
    second = sync.account("A-0", name="Entered anew")
    sync.tick()
    failure = sync.failure(second)
    assert failure is not None
    assert failure.cause == "target_exists"
    assert (sync.customer("A-0") or {})["OrganizationName"] == "Account A-0"
    sync.start(ACCOUNTS_ON_EXISTING="adopt")
    sync.settle(3)
    sync.check_in_step([second, other])
    assert sync.link(first).target_key is None
    assert sync.customers() == 2


def test_a_delta_token_that_is_refused_for_an_hour_ends_in_step(sync: Product) -> None:
    ids = sync.linked(3)
    sync.sales.control("POST", "links", {"refuse_next": True, "refuse_delta": True})
    sync.edit(ids[0], name="Changed while nobody could see it")
    assert sync.sales.send("DELETE", f"accounts({ids[2]})").status_code == 204
    for _ in range(4):
        with suppress(OperatorNeeded):
            sync.service.pull(FLOW)
        sync.clock.sleep(900)
    sync.sales.control("POST", "links", {"refuse_next": False, "refuse_delta": False})
    sync.settle(10)
    assert sync.link(ids[2]).state is LinkState.DELETED
    assert (sync.customer("A-0") or {})["OrganizationName"] == "Changed while nobody could see it"
