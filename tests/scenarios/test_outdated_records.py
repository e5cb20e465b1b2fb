"""What was applied with what is not true any more is looked at again, whoever applied it and whenever: with a mapping
that was taken back before any pull saw it, or with the former key of a parent."""

import contextlib
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mapping.verdicts import Filtered, Known, Mapped, Verdict
from shared.operations.audit_log import Refused
from shared.records import References, SourceRow
from shared.state.links import LinkState
from shared.sync.flow import Flow
from shared.sync.hints import Hint, HintMessage
from shared.sync.limits import Limits
from shared.systems import System
from tests.scenarios.test_crashes import fresh, moments, steps_of
from tests.support.doubles import FakeMapper
from tests.support.invariants import check
from tests.support.product import product
from tests.support.steps import Crash
from tests.support.thinned import few_examples, share, share_of_steps
from tests.support.trading import trading
from tests.support.world import PRODUCTS, TRADE, World


@dataclass(frozen=True)
class Loud(FakeMapper):
    """Another mapping: names in capitals, and no records whose name begins with Q."""

    fingerprint: str = "f2"

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        verdict = super().evaluate(row, known)
        name = str(row.values.get("name"))
        if name.startswith("Q"):
            return Filtered("quiet")
        if isinstance(verdict, Mapped):
            return replace(verdict, owned={**verdict.owned, "name": name.upper()})
        return verdict


def mapped_by(world: World, mapper: FakeMapper, flow: str = "parents") -> None:
    """The next invocations are those of a deployment with this mapping."""
    world.mappers[flow] = replace(mapper, target_entity=world.mappers[flow].target_entity)


def look(world: World, *ids: str, flow: str = "parents") -> None:
    """Something lets records be looked at that is no pull: a retry, a parent, an operator."""
    world.queues.send(flow, HintMessage(flow, "somebody", tuple(map(Hint, ids))).to_body())


def in_step(flow: str = "parents") -> World:
    """Four records in step. They are made once and copied."""
    return deepcopy(_made_in_step(flow))


@cache
def _made_in_step(flow: str) -> World:
    world = World(flows=(flow,)) if flow == "parents" else World(flows=PRODUCTS)
    for number in range(4):
        world.sources[flow].save(f"r{number}", number=f"R{number}", name=f"Name {number}")
    world.settle()
    check(world)
    return world


@pytest.mark.parametrize("flow", ["parents", "products"])
def test_a_record_that_was_written_with_a_mapping_that_is_taken_back_is_written_again(flow: str) -> None:
    world = in_step(flow)
    mapped_by(world, Loud(), flow)
    look(world, "r1", flow=flow)
    world.drain()
    assert world.targets_of(flow)[0].rows["r1"]["name"] == "NAME 1"
    mapped_by(world, FakeMapper(), flow)
    world.settle()
    assert world.targets_of(flow)[0].rows["r1"]["name"] == "Name 1"
    check(world)


def test_a_record_that_was_filtered_by_a_mapping_that_is_taken_back_is_written() -> None:
    world = in_step()
    world.source.save("q1", number="Q1", name="Quiet")
    world.pull()
    mapped_by(world, Loud())
    world.drain()
    assert world.state.links.load("parents", ["q1"])["q1"].state is LinkState.FILTERED
    mapped_by(world, FakeMapper())
    world.settle()
    assert "q1" in world.target.rows
    check(world)


def test_a_record_whose_first_write_was_noted_and_not_sent_is_not_skipped_by_a_mapping_that_has_filtered_it() -> None:
    world = in_step()
    world.source.save("q1", number="Q1", name="Quiet")
    mapped_by(world, Loud())
    world.settle()
    seen = world.state.links.load("parents", ["q1"])["q1"].seen
    mapped_by(world, FakeMapper())
    world.target.trouble = lambda _name: world.clock.sleep(world.limits.run_budget_s + 1)
    world.apply(HintMessage("parents", "former", (Hint("q1", seen.version),), seen.epoch).to_body())
    assert world.state.links.load("parents", ["q1"])["q1"].intent is not None
    world.target.trouble = None
    mapped_by(world, Loud())
    world.settle()
    filtered = world.state.links.load("parents", ["q1"])["q1"]
    assert (filtered.state, filtered.intent) == (LinkState.FILTERED, None)
    check(world)


def test_a_mapping_that_comes_and_goes_while_everything_is_read_leaves_no_trace() -> None:
    world = World(flows=("parents",))
    for number in range(12):
        world.source.save(f"r{number}", number=f"R{number}", name=f"Name {number}")
    world.limits = replace(world.limits, pull_budget_s=0.0)
    for _ in range(6):
        world.pull()
    checkpoint = world.state.checkpoints.load("parents")
    assert checkpoint is not None
    assert checkpoint.position.cursor is not None
    mapped_by(world, Loud())
    world.drain()
    assert world.target.rows["r0"]["name"] == "NAME 0"
    mapped_by(world, FakeMapper())
    world.limits = replace(world.limits, pull_budget_s=240)
    world.settle()
    check(world)


@share_of_steps(5)
def test_a_worker_that_dies_at_any_step_of_a_withdrawn_mapping_leaves_no_trace(every: int) -> None:
    steps, number = 1, 0
    while number < steps:
        number += every
        world = in_step()
        mapped_by(world, Loud())
        look(world, "r1", "r2")
        before = world.steps.count
        world.steps.crash_at(before + number)
        try:
            world.drain()
        except Crash:
            steps = number + every
        mapped_by(world, FakeMapper())
        world.settle(hours=1)
        check(world)
    assert number > 10


def test_a_worker_of_the_former_mapping_that_goes_on_for_a_while_ends_in_step() -> None:
    world = in_step()
    for _ in range(5):
        mapped_by(world, Loud())
        world.pull()
        mapped_by(world, FakeMapper())
        world.host_once()
        world.sweep()
        mapped_by(world, Loud())
        world.host_once()
        world.sweep()
        world.clock.sleep(60)
    world.settle()
    assert {row["name"] for row in world.target.rows.values()} == {f"NAME {number}" for number in range(4)}
    check(world)


@dataclass(frozen=True)
class InSeason(FakeMapper):
    """A name with the season that is looked up in the target."""

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        verdict = super().evaluate(row, known)
        assert isinstance(verdict, Mapped)
        season = known.references["seasons"][0]["name"]
        return replace(verdict, owned={**verdict.owned, "name": f"{row.values['name']} in {season}"})


class Seasonal(World):
    """Products whose mapping looks up the season."""

    season = "summer"
    system = System.DATAVERSE

    def rows(self, *, max_age_s: float) -> References:
        """The small tables."""
        return {"seasons": ({"name": self.season},)}

    def _flow(self, name: str) -> Flow:
        return replace(super()._flow(name), lookup=self, basis=lambda tables, _now: dict(tables["seasons"][0]))


def test_what_is_looked_up_for_every_record_and_taken_back_leaves_no_trace() -> None:
    world = Seasonal(flows=PRODUCTS)
    world.mappers["products"] = InSeason(target_entity="Products")
    for number in range(4):
        world.stock.save(f"r{number}", number=f"R{number}", name=f"Name {number}")
    world.settle()
    world.season = "winter"
    look(world, "r1", flow="products")
    world.drain()
    assert world.product_target.rows["r1"]["name"] == "Name 1 in winter"
    world.season = "summer"
    world.settle()
    assert [row["name"] for row in world.product_target.rows.values()] == [f"Name {n} in summer" for n in range(4)]


_MAPPERS = [FakeMapper(), Loud(), FakeMapper(fingerprint="f3"), Loud(fingerprint="f4")]
_DEEDS = ["0", "1", "2", "3", "pull", "look", "look", "look", "sweep", "edit"]


@few_examples()
@given(st.lists(st.sampled_from(_DEEDS), min_size=4, max_size=25), st.integers(0, 3))
def test_whatever_mappings_come_and_go_all_ends_as_the_last_one_says(acts: Sequence[str], last: int) -> None:
    world = in_step()
    for at, act in enumerate(acts):
        match act:
            case "pull":
                world.pull()
            case "look":
                look(world, f"r{at % 4}")
                world.host_once()
            case "sweep":
                world.sweep()
            case "edit":
                world.source.save(f"r{at % 4}", name=f"Edited {at}" if at % 3 else "Quiet")
            case _:
                mapped_by(world, _MAPPERS[int(act)])
    mapped_by(world, _MAPPERS[last])
    world.settle(hours=1)
    check(world)


def test_where_nobody_asks_no_link_is_looked_at() -> None:
    world = in_step()
    world.sweep()
    before = world.steps.names.count("links.scan")
    world.sweep()
    quiet = world.steps.names.count("links.scan") - before
    world.state.control.ask_to_look_again("parents")
    world.sweep()
    assert world.steps.names.count("links.scan") - before - quiet == quiet + 1


def test_a_look_at_many_links_continues_where_there_was_no_time_left() -> None:
    world = World(flows=("parents",), limits=Limits(hints_per_message=100))
    world.source.page_size = 5000
    for number in range(1100):
        world.source.save(f"r{number}", number=f"R{number}", name=f"Name {number}")
    world.settle()
    mapped_by(world, Loud())
    look(world, "r999")
    world.drain()
    mapped_by(world, FakeMapper())
    step = world.links_table.step

    def slow(name: str) -> None:
        step(name)
        world.clock.sleep(60 if name == "links.scan" else 0)

    world.links_table.step = slow
    runs = 0
    while not runs or world.state.control.flow("parents").look_cursor:
        world.sweep()
        runs += 1
    assert runs > 1
    world.links_table.step = step
    world.settle()
    check(world)


# --- another key of a parent ------------------------------------------------------------------------------------------


def family() -> World:
    """A person is the contact of a parent, another a customer with a document. They are made once and copied."""
    return deepcopy(_made_family())


@cache
def _made_family() -> World:
    world = World(flows=TRADE)
    world.source.save("p1", number="P1", name="Parent")
    world.people.save("m1", number="M1", name="Contact", parent="p1")
    world.people.save("m2", number="M2", name="Customer", customer="yes")
    world.documents.save("d1", name="Document", customer="m2")
    world.settle()
    check(world)
    return world


def renumber(world: World, flow: str, id: str, number: str) -> None:
    """As the runbook says: the record is unlinked, and gets another number. The row that it leaves is people's now."""
    service = world.service()
    link = service.linking(flow, service.audit_log("operator")).unlink(id)
    for target in world.targets_of(flow):
        target.made.discard((link.target_key or "").casefold())
    world.sources[flow].save(id, number=number)


def test_a_contact_follows_its_parent_to_another_number() -> None:
    world = family()
    renumber(world, "parents", "p1", "P9")
    world.settle()
    assert world.contacts.rows["m1/p9"]["hold"] == "No"
    assert world.contacts.rows["m1/p1"]["hold"] == "All"
    check(world)


def test_a_document_follows_its_customer_to_another_number() -> None:
    world = family()
    renumber(world, "people", "m2", "M9")
    world.settle()
    assert world.document_target.rows["d1"]["customer"] == "M9"
    check(world)


def test_what_cannot_follow_is_listed_until_it_can() -> None:
    world = family()
    world.document_target.rows["d1"]["status"] = "confirmed"
    renumber(world, "people", "m2", "M9")
    world.settle()
    assert world.state.failures.load("documents", ["d1"])["d1"].cause == "confirmed"
    world.document_target.rows["d1"]["status"] = "open"
    world.settle(hours=30)
    assert world.document_target.rows["d1"]["customer"] == "M9"
    check(world)


def renumbered_family() -> World:
    """A family whose second person has another number."""
    world = family()
    renumber(world, "people", "m2", "M9")
    return world


def follow(world: World) -> None:
    """Pull and work until the sweep has told the children."""
    world.pull("people")
    world.drain()
    world.sweep()
    world.drain()


@share_of_steps(4)
def test_a_crash_at_any_step_of_the_parents_way_to_another_number_leaves_no_child_behind(every: int) -> None:
    total = steps_of(follow, renumbered_family)
    of_effect = fresh(renumbered_family)
    # A crash before a step that leaves nothing behind is the crash before the next one.
    effects = moments(of_effect, partial(follow, of_effect))
    tried = range(1, total + 1) if every == 1 else share(effects, every)
    for number in tried:
        world = fresh(renumbered_family)
        world.steps.crash_at(world.steps.count + number)
        with pytest.raises(Crash):
            follow(world)
        world.settle(hours=1)
        assert world.document_target.rows["d1"]["customer"] == "M9"
        check(world)
    assert len(tried) > 20 / every


_FAMILY = ["p1", "m2", "parents", "people", "documents", "host", "host", "sweep", "move", "edit", "loud", "plain"]


@few_examples()
@given(st.lists(st.sampled_from(_FAMILY), min_size=4, max_size=25))
def test_whatever_numbers_parents_get_their_children_follow(acts: Sequence[str]) -> None:
    world = family()
    world.source.save("p2", number="P2", name="Other parent")
    plain = world.mappers["documents"]
    for at, act in enumerate(acts):
        match act:
            case "p1" | "m2":
                flow = "parents" if act == "p1" else "people"
                with contextlib.suppress(Refused):
                    renumber(world, flow, act, f"{act.upper()}-{at}")
            case "host":
                for flow in world.flows:
                    world.host_once(flow)
            case "sweep":
                world.sweep()
            case "move":
                world.people.save("m1", parent=f"p{1 + at % 2}")
            case "edit":
                world.documents.save_line("d1", 1 + at % 2, at)
            case "loud":
                world.mappers["documents"] = replace(plain, fingerprint=f"f{at}")
            case "plain":
                world.mappers["documents"] = plain
            case _:
                world.pull(act)
    world.settle(hours=1)
    check(world)


def test_a_parent_that_is_unlinked_and_keeps_its_number_lets_nobody_be_looked_at() -> None:
    world = family()
    renumber(world, "people", "m2", "M2")
    del world.customers.rows["m2"]
    world.settle()
    assert not world.state.control.flow("documents").look_again
    check(world)


# --- between both simulators ------------------------------------------------------------------------------------------


def test_a_scope_that_is_set_and_taken_back_before_a_pull_keeps_nobody_out() -> None:
    with product() as sync:
        sync.tick()
        id = sync.account("A-1")
        sync.service.pull(sync.flow)
        sync.start(ACCOUNTS_SCOPE="linked")
        sync.drain()
        assert sync.link(id).state is LinkState.FILTERED
        sync.start(ACCOUNTS_SCOPE="all")
        sync.settle()
        sync.check_in_step([id])


def test_contacts_and_quotes_follow_an_account_to_another_number() -> None:
    with trading() as desk:
        account = desk.account("A-1")
        desk.tick()
        contact = desk.contact(account)
        _, open_one = desk.quote(account)
        _, gone_on = desk.quote(account)
        desk.tick()
        desk.at_finops(gone_on, SalesQuotationStatus="Confirmed")
        service = desk.service
        service.linking("accounts", service.audit_log("operator")).unlink(account)
        reply = desk.sales.patch(f"accounts({account})", {"accountnumber": "A-9"}, If_Match="*")
        assert reply.status_code == 204
        for _ in range(3):
            desk.tick()
            desk.service.sweep()
            desk.clock.sleep(60)
        desk.tick()
        number = desk.contact_number(contact)
        assert desk.persons()[number, "A-9"]["IsInactive"] == "No"
        assert desk.persons()[number, "A-1"]["IsInactive"] == "Yes"
        assert (desk.quotation(open_one) or {})["RequestingCustomerAccountNumber"] == "A-9"
        failures, _ = desk.state.failures.page("quotations", "", 10)
        assert [failure.cause for failure in failures] == ["quotation_status"]
