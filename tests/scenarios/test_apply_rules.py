"""The rules of apply (protocol A1 to A11, F1 to F3, W1, W2), each with a test that fails without it."""

import itertools
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache

import pytest

from shared.errors import OperatorNeeded, OutcomeUnknown, RecordRejected, SyncError, Transient
from shared.mapping.verdicts import Parent
from shared.records import SourceRow, Write
from shared.state.failures import Failure
from shared.state.link_parts import Claim, ClaimKind
from shared.state.links import Link, LinkState
from shared.state.storage.queues import hold_queue, poison_queue
from shared.state.storage.tables import Replace
from shared.sync.hints import Hint, HintMessage, HintUnreadable, Why, read_message
from shared.sync.limits import Limits
from shared.systems import System
from tests.support.doubles import ROUTE, FakeMapper
from tests.support.invariants import check
from tests.support.steps import Crash
from tests.support.world import World


def link(world: World, id: str, flow: str = "parents") -> Link:
    """The link of a record."""
    return world.state.links.load(flow, [id])[id]


def failure(world: World, id: str) -> Failure:
    """The listed failure of a record."""
    return world.state.failures.load("parents", [id])[id]


def hint(*ids: str, version: int | None = None, epoch: str | None = None) -> str:
    """A message body."""
    return HintMessage("parents", "run", tuple(Hint(id, version) for id in ids), epoch).to_body()


def one(**values: str) -> World:
    """A world in step with one record, p1, whose number is P1. It is made once and copied."""
    return deepcopy(_made_one(**values))


@cache
def _made_one(**values: str) -> World:
    world = World(flows=("parents",))
    world.source.save("p1", **{"number": "P1", "name": "First", **values})
    world.settle()
    check(world)
    return world


def unknown(*, times: int = 1) -> Callable[[Write], SyncError | None]:
    """A target whose first answers get lost."""
    left = iter(range(times))

    def fault(_write: Write) -> SyncError | None:
        return None if next(left, None) is None else OutcomeUnknown(System.FINOPS, "connection reset after sending")

    return fault


def refuse(refusal: SyncError) -> Callable[[Write], SyncError | None]:
    """A target that refuses every write."""
    return lambda _write: refusal


def claim_as_other(world: World, id: str, kind: ClaimKind = ClaimKind.WORKING) -> None:
    """Another worker has claimed a record just now."""
    held = link(world, id)
    claimed = replace(held, claim=Claim("other", kind))
    world.links_table.transact([Replace(claimed.to_row(), held.etag or "")])


# A1


@pytest.mark.parametrize(
    ("closed", "waits_in"),
    [
        ("paused", "parents-hold"),
        ("blocked", "parents-hold"),
        ("target for long", "parents-hold"),
        ("target for seconds", "parents"),
        ("source for seconds", "parents"),
    ],
)
def test_a1_a_message_that_meets_a_closed_gate_waits_and_no_attempt_is_counted(closed: str, waits_in: str) -> None:
    world = one()
    world.source.save("p1", name="Changed")
    world.pull()
    control = world.state.control.flow("parents")
    match closed:
        case "paused":
            world.state.control.save_flow(replace(control, paused=True))
        case "blocked":
            world.state.control.save_flow(replace(control, blocked="threshold"))
        case "target for long":
            world.gates().close(Transient(System.FINOPS, "throttled", retry_after_s=600))
        case "target for seconds":
            world.gates().close(Transient(System.FINOPS, "throttled", retry_after_s=60))
        case "source for seconds":
            world.gates().close(Transient(System.DATAVERSE, "throttled", retry_after_s=60))
    world.drain()
    assert world.queues.depth(waits_in) == 1
    assert world.depth() == 1
    assert world.target.rows["p1"]["name"] == "First"
    assert link(world, "p1").attempts == 0
    control = world.state.control.flow("parents")
    world.state.control.save_flow(replace(control, paused=False, blocked=""))
    world.settle()
    check(world)


def test_a1_the_sweep_brings_held_messages_back_when_the_gate_opens() -> None:
    world = one()
    world.source.save("p1", name="Changed")
    world.pull()
    world.gates().close(Transient(System.FINOPS, "throttled", retry_after_s=600))
    world.drain()
    world.sweep()
    assert world.queues.depth(hold_queue("parents")) == 1
    world.clock.sleep(601)
    world.sweep()
    assert world.queues.depth(hold_queue("parents")) == 0
    world.drain()
    check(world)


# A2


def test_f1_an_outage_of_writes_alone_is_no_records_fault() -> None:
    world = one()
    world.source.save("p1", name="Second")
    world.target.lands = False
    world.target.fault = refuse(OutcomeUnknown(System.FINOPS, "503"))
    world.settle(hours=3)
    assert world.state.failures.load("parents", ["p1"]) == {}
    world.target.fault = lambda _write: None
    world.settle(hours=0.5)
    check(world)


def test_a2_each_id_is_loaded_once_per_batch() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x")
    world.apply(hint("p1", "p1", "p1"))
    assert len(world.target.writes) == 1


def test_a2_a_hint_of_a_seen_version_is_skipped_without_reading_the_source() -> None:
    world = one()
    seen = link(world, "p1")
    reads = world.steps.names.count("source.read")
    world.apply(hint("p1", version=seen.seen.version, epoch=seen.seen.epoch))
    assert world.steps.names.count("source.read") == reads


@pytest.mark.parametrize("unlike", ["no version", "other epoch", "newer version", "dirty", "other fingerprint"])
def test_a2_only_an_ordinary_hint_on_a_clean_link_of_this_epoch_and_mapping_is_skipped(unlike: str) -> None:
    world = one()
    seen = link(world, "p1")
    assert seen.seen.version is not None
    version: int | None = seen.seen.version
    epoch = seen.seen.epoch
    match unlike:
        case "no version":
            version = None
        case "other epoch":
            epoch = "another"
        case "newer version":
            version = seen.seen.version + 1
        case "dirty":
            world.links_table.transact([Replace(replace(seen, dirty=True).to_row(), seen.etag or "")])
        case "other fingerprint":
            world.mappers["parents"] = replace(world.mappers["parents"], fingerprint="f2")
    reads = world.steps.names.count("source.read")
    world.apply(hint("p1", version=version, epoch=epoch))
    assert world.steps.names.count("source.read") == reads + 1


# A3


def test_a3_a_record_that_another_worker_has_claimed_is_left_to_it_and_comes_back() -> None:
    world = one()
    claim_as_other(world, "p1")
    world.source.save("p1", name="Changed")
    world.apply(hint("p1"))
    assert world.target.rows["p1"]["name"] == "First"
    assert [h.id for body in world.queues.bodies("parents") for h in read_message(body).hints] == ["p1"]
    world.settle()
    check(world)


def test_a3_records_that_somebody_else_has_claimed_come_back_together_near_the_end_of_their_claims() -> None:
    world = World(limits=Limits(hints_per_message=10))
    ids = [f"p{number}" for number in range(6)]
    for id in ids:
        world.source.save(id, number=id, name="First")
    world.settle()
    for id in ids:
        claim_as_other(world, id)
        world.clock.sleep(0.1)
    world.clock.sleep(world.limits.claim_live_s - 8)
    world.apply(hint(*ids))
    assert [len(read_message(body).hints) for body in world.queues.bodies("parents")] == [6]


def test_a3_a_claim_expires_only_after_its_whole_time_by_the_storage_clock() -> None:
    world = one()
    claim_as_other(world, "p1")
    world.source.save("p1", name="Changed")
    world.clock.sleep(world.limits.claim_live_s - 1)
    world.apply(hint("p1"))
    assert world.target.rows["p1"]["name"] == "First"
    world.clock.sleep(2)
    world.apply(hint("p1"))
    assert world.target.rows["p1"]["name"] == "Changed"


def test_a3_no_target_request_starts_after_half_the_function_timeout() -> None:
    world = one()
    world.source.save("p1", name="Changed")
    world.source.trouble = lambda name: world.clock.sleep(world.limits.run_budget_s + 1) if name == "read" else None
    world.apply(hint("p1"))
    assert world.target.rows["p1"]["name"] == "First"
    world.source.trouble = None
    world.settle()
    check(world)


def test_a3_two_workers_on_one_record_write_it_once() -> None:
    clean = World()
    clean.source.save("p1", number="P1", name="x")
    before = clean.steps.count
    clean.apply(hint("p1"))
    for step in range(1, clean.steps.count - before + 1):
        world = World()
        world.source.save("p1", number="P1", name="x")
        world.steps.at[world.steps.count + step] = lambda world=world: world.apply(hint("p1"))  # type: ignore[misc]
        world.apply(hint("p1"))
        assert len(world.target.writes) == 1, f"second worker at step {step}"
        world.settle()
        check(world)


# A4, A5


def test_a4_the_source_row_is_read_after_the_claim() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x")
    world.apply(hint("p1"))
    assert world.steps.names.index("links.transact done") < world.steps.names.index("source.read")


def test_a4_a_record_that_is_gone_ends_as_deleted_and_leaves_its_target_row() -> None:
    world = one()
    world.source.remove("p1")
    world.settle()
    assert link(world, "p1").state is LinkState.DELETED
    assert world.target.rows["p1"]["name"] == "First"


def test_a5_a_filtered_record_is_not_written() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x", state="foreign")
    world.settle()
    check(world)
    assert world.target.rows == {}
    assert link(world, "p1").rule == "foreign"


def test_a_linked_record_that_ends_keeps_its_target_row_and_resumes_when_it_is_active_again() -> None:
    world = one()
    world.source.save("p1", state="inactive", name="Changed while inactive")
    world.settle()
    assert link(world, "p1").state is LinkState.ENDED
    assert world.target.rows["p1"]["name"] == "First"
    world.source.save("p1", state=None)
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == "Changed while inactive"


def test_a_setting_puts_the_target_of_an_ended_record_on_hold_and_takes_it_off_again() -> None:
    world = World(hold_on_end=True)
    world.source.save("p1", number="P1", name="First")
    world.settle()
    world.source.save("p1", state="inactive")
    world.settle()
    assert world.target.rows["p1"]["hold"] == "All"
    world.source.save("p1", state=None)
    world.settle()
    assert world.target.rows["p1"]["hold"] == "No"
    world.source.remove("p1")
    world.settle()
    assert world.target.rows["p1"]["hold"] == "All"


def test_the_end_of_a_record_whose_target_is_in_doubt_writes_no_old_content_back() -> None:
    world = World(hold_on_end=True)
    world.source.save("p1", number="P1", name="Old")
    world.settle()
    world.target.fault = unknown()
    world.source.save("p1", name="New")
    world.pull()
    world.drain()
    assert world.target.rows["p1"]["name"] == "New"
    world.source.save("p1", state="inactive")
    world.settle()
    assert (world.target.rows["p1"]["name"], world.target.rows["p1"]["hold"]) == ("New", "All")
    assert link(world, "p1").dirty, "whether the target holds the applied content is still not known"
    world.source.save("p1", state=None, name="Newer")
    world.settle()
    check(world)


def test_a_record_outside_the_scope_of_the_first_run_is_filtered_unless_it_is_linked() -> None:
    world = one()
    world.mappers["parents"] = replace(world.mappers["parents"], scope=lambda _row: False)
    world.source.save("p1", name="Linked before")
    world.source.save("p2", number="P2", name="New")
    world.settle()
    assert world.target.rows["p1"]["name"] == "Linked before"
    assert link(world, "p2").rule == "out_of_scope"


# A6


def test_a6_two_records_with_one_number_the_first_is_written_the_second_names_it() -> None:
    world = World()
    world.source.save("p1", number="P1", name="First")
    world.source.save("p2", number="p1 ", name="Second")
    world.settle()
    check(world)
    states = {id: link(world, id).state for id in ("p1", "p2")}
    assert sorted(states.values()) == [LinkState.REJECTED, LinkState.WRITTEN]
    loser, winner = sorted(states, key=lambda id: states[id])
    assert failure(world, loser).cause == "key_taken"
    assert winner in failure(world, loser).message


def test_a6_an_owner_whose_source_row_is_gone_hands_its_key_over() -> None:
    world = World(adopt=True)
    world.source.save("p1", number="P1", name="First")
    world.settle()
    world.source.remove("p1")
    world.source.save("p2", number="P1", name="Second")
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == "Second"
    assert link(world, "p1").target_key is None


def test_a6_a_row_that_is_taken_over_from_a_record_that_is_gone_keeps_no_field_of_it_and_a_look_says_so() -> None:
    world = World(adopt=True)
    world.source.save("p1", number="P1", name="First", phone="111")
    world.settle()
    world.source.remove("p1")
    world.source.save("p2", number="P1", name="Second")
    service = world.service()
    (examined,) = service.examining.examine(service.flows["parents"], ["p2"])
    assert {(change.field, change.new) for change in examined.changes} == {("name", "Second"), ("phone", "")}
    world.settle()
    check(world)
    assert world.target.rows["p1"] == {"name": "Second", "phone": "", "group": "10"}


def test_a6_a_row_that_was_in_the_target_before_is_rejected_and_not_touched() -> None:
    world = World()
    world.target.rows["p1"] = {"name": "Entered by hand"}
    world.source.save("p1", number="P1", name="First")
    world.settle()
    check(world)
    assert world.target.rows["p1"] == {"name": "Entered by hand"}
    assert failure(world, "p1").cause == "target_exists"


def test_a6_adoption_sends_owned_fields_only() -> None:
    world = World(adopt=True)
    world.target.rows["p1"] = {"name": "Entered by hand", "group": "30"}
    world.source.save("p1", number="P1", name="First")
    world.settle()
    check(world)
    assert world.target.rows["p1"] == {"name": "First", "group": "30"}


@pytest.mark.parametrize("lands", [True, False])
def test_a6_a_create_with_a_lost_answer_is_settled_by_reading_the_key_never_by_a_second_create(lands: bool) -> None:
    world = World()
    world.target.fault, world.target.lands = unknown(), lands
    world.source.save("p1", number="P1", name="First")
    world.settle()
    check(world)
    assert sum(write.create for write in world.target.writes) == 1


def test_a6_a_row_that_appears_after_an_unknown_create_is_ours_only_if_it_agrees() -> None:
    world = World()
    world.target.fault, world.target.lands = unknown(), False
    world.source.save("p1", number="P1", name="First")
    world.pull()
    world.drain()
    world.target.rows["p1"] = {"name": "Somebody else", "group": "10"}
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == "Somebody else"
    assert failure(world, "p1").cause == "target_exists"


def test_a6_a_committed_key_never_changes() -> None:
    world = one()
    world.source.save("p1", number="P9", name="Changed")
    world.settle()
    assert failure(world, "p1").cause == "key_changed"
    assert "P1 became P9" in failure(world, "p1").message
    assert "p9" not in world.target.rows
    world.source.save("p1", number="P1")
    world.settle()
    check(world)


def test_a6_a_record_that_was_never_linked_gives_its_former_number_free() -> None:
    world = World()
    refusal = RecordRejected("group", "no such group", remedy="create it")
    world.target.fault = refuse(refusal)
    world.source.save("p1", number="P1", name="First")
    world.settle()
    world.target.fault = lambda _write: None
    world.source.save("p1", number="P2")
    world.settle()
    world.source.save("p2", number="P1", name="Takes the free number")
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == "Takes the free number"


# A7, A8


def test_a7_equal_content_on_a_clean_link_writes_nothing() -> None:
    world = one()
    writes = len(world.target.writes)
    world.source.save("p1", name="First")
    world.settle()
    assert len(world.target.writes) == writes


def test_a7_a_difference_on_a_clean_link_sends_the_changed_field_only() -> None:
    world = one(phone="1")
    world.source.save("p1", name="Second")
    world.settle()
    assert world.target.writes[-1].values == {"name": "Second"}


def test_a7_where_the_source_wins_a_difference_on_a_clean_link_is_sent_without_a_look_at_the_target() -> None:
    world = one()
    world.target.put_by_hand("P1", name="Theirs")
    looks = world.steps.names.count("target.find")
    world.source.save("p1", name="Second")
    world.settle()
    assert world.target.rows["p1"]["name"] == "Second"
    assert world.steps.names.count("target.find") == looks


def test_a7_after_a_crash_behind_a_write_equal_content_does_not_count_as_unchanged() -> None:
    world = one()
    world.source.save("p1", name="Second")
    world.pull()
    landed = world.steps.names.count("target.write done")
    while world.steps.names.count("target.write done") == landed:
        world.steps.at[world.steps.count + 1] = lambda: None
        clean = one()
        clean.source.save("p1", name="Second")
        clean.pull()
        start = clean.steps.count
        clean.drain(["parents"])
        offset = clean.steps.names[start:].index("target.write done") + 1
        world.steps.crash_at(world.steps.count + offset)
        with pytest.raises(Crash):
            world.drain(["parents"])
    assert world.target.rows["p1"]["name"] == "Second"
    world.source.save("p1", name="First")  # what the link still holds as applied
    world.settle()
    check(world)


def test_a3_of_several_records_those_that_a_worker_has_not_finished_come_back_one_by_one() -> None:
    world = one()
    for number in ("2", "3"):
        world.source.save(f"p{number}", number=f"P{number}", name="First")
    world.settle()
    for id in ("p1", "p2"):
        claim_as_other(world, id)
    world.clock.sleep(world.limits.claim_live_s + 1)
    for id in ("p1", "p2", "p3"):
        world.source.save(id, name="Second")
    world.apply(hint("p1", "p2", "p3"))
    assert [world.target.rows[id]["name"] for id in ("p1", "p2", "p3")] == ["First", "First", "Second"]
    assert [[each.id for each in read_message(body).hints] for body in world.queues.bodies("parents")] == [
        ["p1"],
        ["p2"],
    ]
    world.settle()
    check(world)


def test_a8_an_update_of_a_row_that_is_gone_is_repeated_once_as_a_complete_record() -> None:
    world = one(phone="1")
    del world.target.rows["p1"]
    world.source.save("p1", name="Second")
    world.pull()
    world.host_once()
    # At once: nobody waits for another look.
    assert world.target.rows["p1"] == {"name": "Second", "phone": "1", "group": "10"}
    world.settle()
    check(world)


def test_a8_a_field_that_was_cleared_is_emptied_only_if_we_had_written_it() -> None:
    world = one(phone="1")
    world.source.save("p1", phone=None)
    world.settle()
    assert world.target.rows["p1"]["phone"] == ""
    world = one()
    world.target.rows["p1"]["phone"] = "entered by hand"
    world.source.save("p1", name="Second", phone=None)
    world.settle()
    assert world.target.rows["p1"]["phone"] == "entered by hand"


def test_a8_a_field_that_was_filled_by_a_write_with_a_lost_answer_is_emptied_again() -> None:
    world = one()
    world.target.fault = unknown()
    world.source.save("p1", phone="1")
    world.pull()
    world.drain()
    assert world.target.rows["p1"]["phone"] == "1"
    world.source.save("p1", phone=None)
    world.settle()
    check(world)


# A9, A10, A11


def test_a9_an_unknown_result_keeps_the_claim_and_the_record_comes_back_after_five_minutes() -> None:
    world = one()
    world.target.fault, world.target.lands = unknown(), False
    world.source.save("p1", name="Second")
    world.pull()
    world.drain()
    held = link(world, "p1")
    assert (held.claim.kind, held.dirty) == (ClaimKind.UNSETTLED, True)
    world.apply(hint("p1"))
    assert world.target.rows["p1"]["name"] == "First", "the first request may still land"
    world.clock.sleep(world.limits.unsettled_live_s + 10)
    world.sweep()
    world.drain()
    world.sweep()
    check(world)


def test_a9_it_comes_back_only_when_its_request_can_no_longer_land() -> None:
    world = one()
    world.target.fault, world.target.lands = unknown(), False
    world.source.save("p1", name="Second")
    world.pull()
    world.drain()
    world.clock.sleep(world.limits.unsettled_live_s)
    assert world.queues.receive("parents", limit=1, invisible_s=0) == []
    world.clock.sleep(10)
    assert len(world.queues.receive("parents", limit=2, invisible_s=0)) == 1


def test_a9_a_commit_that_meets_a_foreign_version_marks_the_link_dirty_and_sends_the_record_again() -> None:
    world = one()
    world.source.save("p1", name="Second")
    start = world.steps.count
    probe = one()
    probe.source.save("p1", name="Second")
    begin = probe.steps.count
    probe.apply(hint("p1"))
    commit = len(probe.steps.names) - probe.steps.names[::-1].index("links.transact done") - 1
    world.steps.at[start + commit - begin] = lambda: claim_as_other(world, "p1")
    world.apply(hint("p1"))
    assert link(world, "p1").dirty
    assert link(world, "p1").claim.id == "other"
    assert world.queues.depth("parents") == 1
    world.settle()
    check(world)


def test_a9_a_record_too_large_for_its_row_is_rejected_and_the_others_are_written() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x" * 40_000)
    world.source.save("p2", number="P2", name="y")
    world.settle()
    assert failure(world, "p1").cause == "state_too_large"
    assert world.target.rows["p2"]["name"] == "y"


def test_a10_a_write_that_meets_its_own_first_success_continues() -> None:
    world = one()
    world.source.save("p1", name="Second")
    transact, repeated = world.links_table.transact, {"count": 0}

    def with_sdk_retry(operations):  # type: ignore[no-untyped-def]
        transact(operations)
        repeated["count"] += 1
        return transact(operations)

    object.__setattr__(world.links_table, "transact", with_sdk_retry)
    world.apply(hint("p1"))
    object.__setattr__(world.links_table, "transact", transact)
    assert repeated["count"] >= 2
    world.settle()
    check(world)


def test_a11_follow_ups_are_sent_after_the_commit() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x")
    world.target.fault, world.target.lands = unknown(), False
    world.apply(hint("p1"))
    names = world.steps.names
    assert len(names) - names[::-1].index("links.transact done") < len(names) - names[::-1].index("send parents")


# F1, F2, F3


@pytest.mark.parametrize(
    "trouble",
    [
        Transient(System.FINOPS, "429", retry_after_s=30),
        Transient(System.FINOPS, "503"),
        OperatorNeeded(System.FINOPS, "token refused"),
        OperatorNeeded(System.FINOPS, "missing privilege"),
    ],
)
def test_f1_a_systems_trouble_closes_its_gate_and_counts_no_attempt(trouble: SyncError) -> None:
    world = World()
    world.source.save("p1", number="P1", name="x")
    world.target.fault = refuse(trouble)
    world.pull()
    world.drain()
    assert world.state.control.gate(System.FINOPS).closed
    assert link(world, "p1").attempts == 0
    assert world.state.failures.load("parents", ["p1"]) == {}
    world.target.fault = lambda _write: None
    world.settle()
    check(world)


def test_f1_retry_after_is_obeyed_and_capped_at_fifteen_minutes() -> None:
    world = World()
    world.gates().close(Transient(System.FINOPS, "429", retry_after_s=10**6))
    gate = world.state.control.gate(System.FINOPS)
    assert gate.blocked_until is not None
    assert (gate.blocked_until - world.clock.now()).total_seconds() == 900


def test_f1_the_end_of_a_block_moves_forward_only() -> None:
    world = World()
    world.gates().close(Transient(System.FINOPS, "429", retry_after_s=600))
    until = world.state.control.gate(System.FINOPS).blocked_until
    world.gates().close(Transient(System.FINOPS, "429", retry_after_s=5))
    assert world.state.control.gate(System.FINOPS).blocked_until == until


def test_f1_one_probe_reopens_a_gate_and_a_failed_probe_backs_off() -> None:
    world = World()

    def down() -> None:
        raise Transient(System.FINOPS, "still down")

    world.systems[System.FINOPS].trouble = down
    world.gates().close(Transient(System.FINOPS, "down"))
    pauses = []
    for _ in range(8):
        gate = world.state.control.gate(System.FINOPS)
        assert gate.blocked_until is not None
        pauses.append((gate.blocked_until - world.clock.now()).total_seconds())
        world.clock.sleep(pauses[-1] + 1)
        world.sweep()
    assert pauses == sorted(pauses)
    assert pauses[-1] == 300
    assert world.systems[System.FINOPS].probes == 8
    world.systems[System.FINOPS].trouble = None
    world.clock.sleep(301)
    world.sweep()
    assert not world.state.control.gate(System.FINOPS).closed


def test_f2_a_refused_record_is_listed_at_once_with_its_remedy_and_the_others_are_written() -> None:
    world = World()
    for number in (1, 2, 3):
        world.source.save(f"p{number}", number=f"P{number}", name="x")
    refusal = RecordRejected("group", "customer group 10 does not exist", remedy="create the group")
    world.target.fault = lambda write: refusal if write.id == "p2" else None
    world.settle(hours=0.1)
    assert (failure(world, "p2").cause, failure(world, "p2").remedy) == ("group", "create the group")
    assert set(world.target.rows) == {"p1", "p3"}


def test_f2_a_repeatable_refusal_is_tried_again_until_its_attempts_are_used_up() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x")
    tried: list[str] = []

    def conflict(write: Write) -> SyncError:
        tried.append(write.id)
        return RecordRejected("update_conflict", "changed by another user", remedy="", repeatable=True)

    world.target.fault = conflict
    world.settle(hours=0.2)
    assert len(tried) == world.limits.max_attempts
    assert failure(world, "p1").cause == "update_conflict"


def test_f2_the_sweep_tries_a_failure_again_after_an_hour_then_two_up_to_a_day() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x")
    tried: list[float] = []

    def refused(_write: Write) -> SyncError:
        tried.append(world.clock.seconds / 3600)
        return RecordRejected("group", "no such group", remedy="create it")

    world.target.fault = refused
    for _ in range(24 * 12):
        world.clock.sleep(1800)
        world.sweep()
        world.pull()
        world.drain()
    gaps = [round(after - before) for before, after in itertools.pairwise(tried)]
    assert gaps[:5] == [1, 2, 4, 8, 16]
    assert set(gaps[6:]) <= {24}


def test_f2_a_failure_that_is_queued_for_its_next_try_is_not_queued_again_meanwhile() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x", bad="yes")
    world.settle()
    world.clock.sleep(2 * 3600)
    for _ in range(3):
        world.sweep()
        world.clock.sleep(600)
    assert len(world.queues.bodies("parents")) == 1


def test_f2_a_failure_closes_automatically_when_the_record_succeeds() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x", bad="yes")
    world.settle()
    assert failure(world, "p1").cause == "bad"
    world.source.save("p1", bad=None)
    world.settle()
    check(world)
    assert world.state.failures.load("parents", ["p1"]) == {}


def test_one_record_that_always_gets_no_answer_is_listed_in_the_end_and_stops_nobody() -> None:
    world = World()
    for number in (1, 2, 3):
        world.source.save(f"p{number}", number=f"P{number}", name="x")
    world.target.lands = False
    world.target.fault = lambda write: OutcomeUnknown(System.FINOPS, "500") if write.id == "p2" else None
    for edit in range(12):
        world.source.save("p1", name=f"edit {edit}")
        world.settle(hours=0.15)
    assert failure(world, "p2").cause == "outcome_unknown"
    assert set(world.target.rows) == {"p1", "p3"}
    assert world.target.rows["p1"]["name"] == "edit 11"
    world.target.fault = lambda _write: None
    world.settle(hours=2)
    check(world)


def test_f3_of_a_message_that_fails_only_the_record_at_fault_is_listed() -> None:
    world = World()
    for number in (1, 2, 3):
        world.source.save(f"p{number}", number=f"P{number}", name="x")
    broken = {"on": True}

    def break_on_p2(_name: str) -> None:
        pass

    def mapper_bug(write: Write) -> SyncError | None:
        return SyncError("bug") if write.id == "p2" and broken["on"] else None

    world.source.trouble = break_on_p2
    world.target.fault = mapper_bug
    world.settle(hours=2)
    assert failure(world, "p2").cause == "crashed"
    assert set(world.target.rows) == {"p1", "p3"}
    broken["on"] = False
    world.settle(hours=3)
    check(world)


def test_f3_an_unreadable_message_becomes_a_failure_under_its_digest() -> None:
    world = World()
    with pytest.raises(HintUnreadable):
        world.apply("not a hint")
    world.queues.send(poison_queue("parents"), "not a hint")
    world.drain()
    listed, _ = world.state.failures.page("parents", "", 10)
    assert [(entry.cause, entry.next_try) for entry in listed] == [("message_unreadable", None)]
    assert listed[0].id.startswith("message-")


# W1, W2


def family() -> World:
    """A child whose parent is not there yet."""
    world = World()
    world.child_source.save("c1", number="C1", name="Child", parent="p1")
    world.pull("children")
    world.drain()
    assert link(world, "c1", "children").state is LinkState.WAITING
    return world


def test_w1_a_child_continues_the_moment_its_parent_is_committed() -> None:
    world = family()
    world.source.save("p1", number="P1", name="Parent")
    world.pull()
    world.drain(["parents"])
    assert [read_message(body).flow for body in world.queues.bodies("children")] == ["children"]
    world.drain()
    assert "c1" in world.child_target.rows


def test_w1_the_sweep_releases_a_child_whose_parents_commit_told_nobody() -> None:
    world = family()
    world.source.save("p1", number="P1", name="Parent")
    service = replace(world.service(), flows={"parents": world.service().flows["parents"]})
    world.pull()
    for body in world.queues.bodies("parents"):
        service.apply("parents", body.encode())
    world.drain(["children"])
    assert "c1" not in world.child_target.rows
    world.sweep()
    world.drain(["children"])
    assert "c1" in world.child_target.rows


def test_w1_a_child_looks_once_more_after_parking() -> None:
    clean = World()
    clean.child_source.save("c1", number="C1", name="Child", parent="p1")
    clean.pull("children")
    start = clean.steps.count
    clean.host_once("children")
    taken = clean.steps.names[start:]
    parking = len(taken) - taken[::-1].index("links.transact")

    world = World()
    world.source.save("p1", number="P1", name="Parent")
    world.child_source.save("c1", number="C1", name="Child", parent="p1")
    world.pull("children")
    world.steps.at[world.steps.count + parking] = lambda: world.apply(hint("p1"))
    world.host_once("children")
    again = [read_message(body) for body in world.queues.bodies("children")]
    assert {(each.hints, each.why) for each in again} == {((Hint("c1", released=True),), Why.RELEASED)}
    world.host_once("children")
    assert "c1" in world.child_target.rows


def test_w1_a_child_of_a_filtered_parent_is_filtered_by_that_rule_and_resumes_with_it() -> None:
    world = family()
    world.source.save("p1", number="P1", name="Parent", state="foreign")
    world.settle(hours=0.1)
    assert link(world, "c1", "children").rule == "parent filtered by foreign"
    world.source.save("p1", state=None)
    world.settle(hours=0.1)
    check(world)
    assert "c1" in world.child_target.rows


@dataclass(frozen=True)
class TwoParents(FakeMapper):
    """A child of the parents f and m."""

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The records whose target keys the mapping wants to know (Known.keys), whatever becomes of this one."""
        return (Parent("parents", ROUTE, "f"), Parent("parents", ROUTE, "m"))


def test_w1_a_child_of_a_filtered_and_a_missing_parent_rests_until_none_is_filtered() -> None:
    world = World()
    world.mappers["children"] = TwoParents(target_entity="Contacts")
    world.source.save("f", number="F", name="x", state="foreign")
    world.child_source.save("c1", number="C1", name="a")
    world.settle(hours=0.5)
    before = world.steps.names.count("source.read")
    world.settle(hours=1)
    assert world.steps.names.count("source.read") == before
    world.source.save("f", state=None)
    world.settle(hours=0.1)
    assert link(world, "c1", "children").state is LinkState.WAITING
    world.source.save("m", number="M", name="y")
    world.settle(hours=0.1)
    check(world)
    assert "c1" in world.child_target.rows


def test_w2_a_claimed_parent_does_not_count_as_linked() -> None:
    world = family()
    world.source.save("p1", number="P1", name="Parent")
    world.target.fault, world.target.lands = unknown(), True
    world.pull()
    world.drain()
    assert "p1" in world.target.rows
    assert "c1" not in world.child_target.rows, "the parent's create is not settled yet"
    world.settle()
    check(world)


def test_limits_of_a_message_are_kept_when_records_come_back() -> None:
    world = World(limits=Limits(hints_per_message=2))
    for number in range(6):
        world.source.save(f"p{number}", number=f"P{number}", name="x")
    world.gates().close(Transient(System.FINOPS, "429", retry_after_s=30))
    world.pull()
    assert all(len(read_message(body).hints) <= 2 for body in world.queues.bodies("parents"))
