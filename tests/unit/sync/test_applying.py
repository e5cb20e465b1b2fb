"""What one invocation of apply counts, tells and sends back as a whole (protocol A1, A9, A11)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.errors import NotSent, RecordRejected, SchemaDrift, StorageTrouble, SyncError, Transient
from shared.records import Write
from shared.state.link_parts import Claim, ClaimKind, LinkContent, Seen
from shared.state.link_targets import Intent
from shared.state.links import Link, LinkState
from shared.state.storage.queues import hold_queue
from shared.state.storage.tables import Insert
from shared.sync.apply.run import Apply
from shared.sync.flow import Flow, OnConflict, OnTargetDeleted
from shared.sync.hints import Hint, HintMessage, HintUnreadable, Why, read_message
from shared.sync.limits import Limits
from shared.sync.link_writer import change_link
from shared.systems import System
from tests.scenarios.test_fault_damage import damage
from tests.support.doubles import ROUTE, FakeMapper
from tests.support.events import Heard, listening
from tests.support.world import World
from tests.unit.sync.test_looks_asked import Lookup

LINKED = Link(
    "parents", "p1", route=ROUTE, state=LinkState.WRITTEN, target_key="p1", held_key="p1", seen=Seen(1, "e1", "f1"),
    content=LinkContent(applied={"name": "old"}),
)  # fmt: skip


@dataclass
class Applied:
    """What an invocation has left in the queues."""

    world: World
    heard: Heard

    def back(self, queue: str = "parents") -> list[tuple[HintMessage, float]]:
        return [(read_message(body), delay_s) for body, delay_s in self.world.queues.delayed(queue)]

    @property
    def counts(self) -> dict[str, int]:
        (told,) = self.heard.of("batch_applied", flow="parents", run="run", sent_by="pull")
        (run,) = self.world.state.runs.latest("parents", 9)
        assert (run.kind, run.id) == ("apply", "run")
        assert {name: told[name] for name in run.counts} == run.counts
        assert told["ms"] == round(run.seconds * 1000)
        return dict(run.counts)


def message(*hints: Hint) -> HintMessage:
    return HintMessage("parents", "pull", hints, "e1", why=Why.CHANGE)


def applied(world: World, *hints: Hint, body: str | None = None, flows: Mapping[str, Flow] | None = None) -> Applied:
    """One invocation; `flows` are the flows as the control rows want them."""
    service = world.service()
    apply = Apply(
        service.flows, "parents", lambda control: flows or service.flows, "run", claim_id="mine", gates=service.gates,
        environment=service.environment, state=service.state, queues=world.queues, clock=world.clock,
        limits=world.limits,
    )  # fmt: skip
    with listening() as heard:
        apply.run(message(*hints).to_body() if body is None else body)
    assert heard.breaches == set()
    return Applied(world, heard)


def world_of(*links: Link, **limits: Any) -> World:
    world = World(limits=Limits(**{"hints_per_message": 4, **limits}))
    for link in links:
        world.links_table.transact([Insert(link.to_row())])
    return world


def test_every_record_of_a_message_is_counted_by_what_became_of_it() -> None:
    world = world_of(
        replace(LINKED, id="seen"),
        replace(LINKED, id="same", target_key="same", held_key="same"),
        replace(LINKED, id="busy", claim=Claim("theirs", ClaimKind.WORKING)),
        replace(LINKED, id="lost"),
    )
    row = replace(LINKED, id="lost").to_row()
    damage(world.links_table, row.partition, row.key, {"state": "x"})
    world.source.save("same", number="same", name="old")
    world.source.save("new", number="new", name="x")
    world.source.save("bad", number="bad", bad="x")
    ids = ("same", "new", "bad", "busy", "lost", "gone")
    found = applied(world, Hint("seen", 1), *(Hint(id) for id in ids))
    assert found.counts == {
        "created": 1, "unchanged": 1, "rejected": 2, "deleted": 1, "skipped": 1, "busy": 1, "read": 3,
    }  # fmt: skip
    rejected = found.heard.of("record_rejected", flow="parents", run="run")
    assert {(event["id"], event["cause"]) for event in rejected} == {("bad", "bad"), ("lost", "state_unreadable")}


def test_a_message_is_applied_with_the_flows_as_operators_want_them_now() -> None:
    world = world_of()
    world.source.save("p1", number="p1", name="new")
    flows = world.service().flows
    by_hand = replace(flows["parents"], mapper=FakeMapper(fingerprint="by hand"))
    applied(world, Hint("p1"), flows={**flows, "parents": by_hand})
    assert world.state.links.load("parents", ["p1"])["p1"].seen.fingerprint == "by hand"


def test_a_record_that_a_worker_has_not_finished_is_counted_as_one_that_goes_alone() -> None:
    world = world_of(replace(LINKED, claim=Claim("theirs", ClaimKind.WORKING)))
    world.clock.sleep(600)
    world.source.save("p1", number="p1", name="old")
    found = applied(world, Hint("p1"), Hint("p2"))
    assert found.counts == {"alone": 1, "deleted": 1}


def test_a_record_that_another_worker_has_taken_meanwhile_is_counted_and_comes_back() -> None:
    world = world_of(LINKED)
    world.source.save("p1", number="p1", name="new")
    world.target.rows["p1"] = {"name": "old"}

    def overtaken(write: Write) -> None:
        links = world.state.links
        assert change_link(links, links.load("parents", ["p1"])["p1"], lambda now: replace(now, claim=Claim("theirs")))

    world.target.fault = overtaken
    found = applied(world, Hint("p1", 7))
    assert found.counts == {"updated": 1, "overtaken": 1, "read": 1}
    assert [(each.hints, delay) for each, delay in found.back()] == [((Hint("p1"),), 15)]


def test_values_that_stay_in_the_target_are_told_by_the_names_of_their_fields() -> None:
    world = world_of(LINKED)
    world.policies["parents"] = OnConflict.TARGET_WINS, OnTargetDeleted.RECREATE
    world.source.save("p1", number="p1", name="new")
    world.target.rows["p1"] = {"name": "theirs"}
    found = applied(world, Hint("p1"))
    assert found.counts == {"unchanged": 1, "kept": 1, "read": 1}
    assert [event["fields"] for event in found.heard.of("fields_kept", flow="parents", run="run", id="p1")] == ["name"]


def test_a_conflict_that_stops_a_record_is_no_value_that_stays() -> None:
    world = world_of(LINKED)
    world.policies["parents"] = OnConflict.STOP, OnTargetDeleted.RECREATE
    world.source.save("p1", number="p1", name="new")
    world.target.rows["p1"] = {"name": "theirs"}
    found = applied(world, Hint("p1"))
    assert (found.counts, found.heard.of("fields_kept")) == ({"rejected": 1, "read": 1}, [])


@pytest.mark.parametrize(("records", "sizes"), [(4, [2, 2]), (3, [1, 1, 1]), (1, [1]), (5, [2, 2, 1])])
def test_records_for_which_there_was_no_time_come_back_in_messages_of_half_as_many(
    records: int, sizes: list[int]
) -> None:
    world = world_of()

    def slow(name: str) -> None:
        if name == "read":
            raise NotSent("no time left")

    world.source.trouble = slow
    found = applied(world, *(Hint(f"p{number}", 7) for number in range(records)))
    assert [len(each.hints) for each, _ in found.back()] == sizes
    told = {(each.epoch, each.why, each.asked_by, delay) for each, delay in found.back()}
    assert told == {("e1", Why.CHANGE, "pull", 5)}
    assert found.counts == {"retried": records}
    assert world.state.links.load("parents", ["p0"])["p0"].claim.id is None


@pytest.mark.parametrize(
    ("trouble", "queue", "gate", "met"),
    [
        (Transient(System.DATAVERSE, "busy", retry_after_s=60), "parents", True, None),
        (Transient(System.DATAVERSE, "busy", retry_after_s=600), "parents-hold", True, None),
        (SchemaDrift(System.DATAVERSE, "no such column"), "parents-hold", False, "p0"),
    ],
)
def test_records_that_meet_trouble_of_a_system_wait_until_it_is_over(
    trouble: SyncError, queue: str, gate: bool, met: str | None
) -> None:
    world = world_of()

    def fail(name: str) -> None:
        raise trouble

    world.source.trouble = fail
    found = applied(world, Hint("p0", 7), Hint("p1", 7))
    ((back, _),) = found.back(queue)
    assert (back.hints, back.epoch) == ((Hint("p0", 7), Hint("p1", 7)), "e1")
    assert world.state.control.gate(System.DATAVERSE).closed is gate
    control = world.state.control.flow("parents")
    assert (control.met.record if control.met else None) == met


def paused(world: World) -> None:
    world.state.control.change_flow("parents", lambda now: replace(now, paused=True))


def moved(world: World) -> None:
    world.state.control.store_environment("parents", {"company": "demf"})


def busy(world: World) -> None:
    world.gates().close(Transient(System.FINOPS, "busy", retry_after_s=60))


@pytest.mark.parametrize(
    ("close", "queue", "delay_s", "reason"),
    [
        (paused, hold_queue("parents"), 0, "flow parents is paused"),
        (moved, hold_queue("parents"), 0, "the environment changed: company was demf and is usmf"),
        (busy, "parents", 60, "F&O is blocked until 08:01:00 UTC: Transient: busy"),
    ],
)
def test_a_message_that_meets_a_closed_gate_waits_as_it_is_and_counts_nothing(
    close: Callable[[World], None], queue: str, delay_s: float, reason: str
) -> None:
    world = world_of()
    close(world)
    found = applied(world, Hint("p1", 7))
    assert found.back(queue) == [(message(Hint("p1", 7)), delay_s)]
    (told,) = found.heard.of("message_held", flow="parents", run="run")
    assert told["reason"] == reason
    assert list(world.state.runs.latest("parents", 9)) == []


def test_a_message_that_meets_storage_trouble_comes_back_after_a_minute_and_says_whose_claims_have_ended() -> None:
    world = world_of(LINKED)

    def fail(name: str) -> None:
        if name == "links.transact done":
            raise StorageTrouble("503")

    world.links_table.step = fail
    found = applied(world, Hint("p1", 7))
    assert world.state.links.load("parents", ["p1"])["p1"].claim.id == "mine"
    assert found.back() == [(replace(message(Hint("p1", 7)), ended="mine"), 60)]
    assert len(found.heard.of("storage_trouble", flow="parents", run="run")) == 1


def test_a_body_that_is_no_hint_is_an_error() -> None:
    with pytest.raises(HintUnreadable):
        applied(world_of(), body="x")


def test_a_record_that_two_workers_have_not_finished_is_listed_and_not_read() -> None:
    world = world_of(replace(LINKED, claim=Claim("theirs", ClaimKind.WORKING, unfinished=1)))
    world.clock.sleep(600)
    world.source.save("p1", number="p1", name="new")
    found = applied(world, Hint("p1"))
    assert (found.counts, world.source.read_ids) == ({"rejected": 1}, [])
    failure = world.state.failures.load("parents", ["p1"])["p1"]
    assert failure.cause == "crashed"
    assert failure.message.startswith("2 workers in a row")
    assert world.state.links.load("parents", ["p1"])["p1"].claim.unfinished == 1


@pytest.mark.parametrize(("unfinished", "crashes"), [(0, False), (1, True), (4, True)])
def test_one_worker_that_has_not_finished_a_record_may_have_ended_by_another_one(
    unfinished: int, crashes: bool
) -> None:
    world = world_of(replace(LINKED, claim=Claim("theirs", ClaimKind.WORKING, unfinished=unfinished)))
    world.clock.sleep(600)
    assert ("rejected" in applied(world, Hint("p1")).counts) is crashes


@pytest.mark.parametrize(("budget_s", "written"), [(10, True), (9, False)])
def test_no_request_of_a_write_begins_after_the_time_of_the_invocation(budget_s: float, written: bool) -> None:
    world = world_of(run_budget_s=budget_s)
    world.source.save("p1", number="p1", name="new")
    world.source.trouble = lambda name: world.clock.sleep(10 if name == "read" else 0)
    found = applied(world, Hint("p1"))
    assert bool(world.target.writes) is written
    assert found.counts == ({"created": 1, "read": 1} if written else {"retried": 1, "read": 1})


@pytest.mark.parametrize(("attempts", "listed"), [(3, False), (4, True)])
def test_a_record_is_tried_five_times_and_half_a_minute_apart(attempts: int, listed: bool) -> None:
    world = world_of(replace(LINKED, attempts=attempts))
    world.source.save("p1", number="p1", name="new")
    refusal = RecordRejected("busy", "it is open", remedy="close it", repeatable=True)
    world.target.fault = lambda write: refusal
    world.target.rows["p1"] = {"name": "old"}
    found = applied(world, Hint("p1"))
    assert [delay for _, delay in found.back()] == ([] if listed else [30])
    assert ("rejected" in found.counts) is listed


@pytest.mark.parametrize(
    ("error", "closes", "delay_s"),
    [(NotSent("no time left"), False, 5), (Transient(System.FINOPS, "busy", retry_after_s=60), True, 60)],
)
def test_a_message_waits_as_it_is_while_the_small_tables_cannot_be_read(
    error: SyncError, closes: bool, delay_s: float
) -> None:
    world = world_of()
    lookup: Any = Lookup(error)
    flows = world.service().flows
    parents = replace(flows["parents"], lookup=lookup, basis=lambda tables, now: [])
    found = applied(world, Hint("p1", 7), flows={**flows, "parents": parents})
    assert found.back() == [(message(Hint("p1", 7)), delay_s)]
    assert world.state.control.gate(System.FINOPS).closed is closes
    assert world.source.read_ids == []


def test_the_key_of_a_row_that_a_lost_worker_has_made_is_taken_for_its_record() -> None:
    intent = Intent("p1", ({"name": "new"},))
    world = world_of(replace(LINKED, target_key=None, held_key="p1", intent=intent, content=LinkContent()))
    world.source.save("p1", number="p1", name="new")
    world.target.rows["p1"] = {"name": "new"}
    assert applied(world, Hint("p1")).counts == {"updated": 1, "read": 1}
    flow = world.service().flows["parents"]
    assert world.state.keys_of(flow, flow.route(ROUTE)).owners(["p1"])["p1"].owner.id == "p1"
