"""The rules of pull (protocol P1, P2, P4, P5), each with a test that fails without it."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from shared.errors import LinkRefused, OperatorNeeded, Transient
from shared.records import ChangePage
from shared.state.checkpoint_parts import Phase
from shared.state.link_parts import Claim, ClaimKind
from shared.state.links import Link
from shared.state.storage.tables import Insert, Stored
from shared.sync.flow import WEEK_S
from shared.sync.hints import read_message
from shared.sync.limits import Limits
from shared.systems import System
from tests.support.invariants import check
from tests.support.steps import Crash
from tests.support.world import FAMILY, PRODUCTS, World


def filled(count: int, **limits: Any) -> World:
    """A world whose source has `count` records and whose flow has never run."""
    world = World(limits=Limits(hints_per_message=4, **limits))
    for number in range(count):
        world.source.save(f"p{number}", number=f"P{number}", name=f"Name {number}")
    return world


def in_step(count: int, **limits: int) -> World:
    """A world in step. It is made once and copied."""
    return deepcopy(_made_in_step(count, **limits))


@cache
def _made_in_step(count: int, **limits: int) -> World:
    world = filled(count, **limits)
    world.settle()
    check(world)
    return world


def hinted(world: World) -> list[str]:
    """The ids in the queue."""
    return [hint.id for body in world.queues.bodies("parents") for hint in read_message(body).hints]


def blocked(world: World) -> str:
    """Why the flow is blocked."""
    return world.state.control.flow("parents").blocked


def test_p1_hints_are_sent_before_the_checkpoint_is_saved() -> None:
    world = filled(2)
    world.pull()
    names = world.steps.names
    assert names.index("send parents done") < len(names) - names[::-1].index("checkpoints.transact done")
    first_send = names.index("send parents")
    saves_before = names[:first_send].count("checkpoints.transact done")
    assert saves_before == 2, "only the beginning and the baseline may have been saved before the first hint"


def test_p1_a_pull_that_meets_another_checkpoint_stops_quietly() -> None:
    world = filled(8)

    def another_pull() -> None:
        world.pull()

    world.steps.at[world.steps.count + 12] = another_pull
    world.pull()
    world.settle()
    check(world)


def test_p2_the_delta_link_is_kept_before_anything_is_read_so_that_nothing_falls_between() -> None:
    world = filled(7)
    changed = {"done": False}

    def change_during_the_full_read() -> None:
        world.source.save("p0", name="Changed while the first read was on its way")
        changed["done"] = True

    world.steps.at[world.steps.count + 30] = change_during_the_full_read
    world.pull()
    assert changed["done"]
    world.settle()
    check(world)


def test_p2_a_walk_resumes_in_the_middle() -> None:
    world = filled(9, pull_budget_s=0)
    phases = []
    for _ in range(12):
        world.pull()
        checkpoint = world.state.checkpoints.load("parents")
        assert checkpoint is not None
        phases.append((checkpoint.position.phase, checkpoint.position.cursor is not None))
    assert (Phase.BASELINE, True) in phases
    assert (Phase.FULL, True) in phases
    assert sorted(set(hinted(world))) == sorted(world.source.rows)


def test_p2_a_refused_next_link_restarts_from_the_last_delta_link() -> None:
    world = in_step(4)
    before = world.state.checkpoints.load("parents")
    for number in range(4):
        world.source.save(f"p{number}", name="Changed")
    refusals = iter([False, True])

    def refuse(name: str) -> None:
        if name == "follow" and next(refusals, False):
            raise LinkRefused("expired cookie")

    world.source.trouble = refuse
    world.settle()
    after = world.state.checkpoints.load("parents")
    assert before is not None
    assert after is not None
    assert after.epoch == before.epoch, "a refused next link is no reason to read everything"
    check(world)


def test_p2_only_a_refused_delta_link_means_a_full_read_in_a_new_epoch() -> None:
    world = in_step(4)
    before = world.state.checkpoints.load("parents")
    refusals = iter([True])

    def refuse(name: str) -> None:
        if name == "follow" and next(refusals, False):
            raise LinkRefused("token expired")

    world.source.remove("p3")
    world.source.save("p0", name="Changed while nobody could see it")
    world.source.trouble = refuse
    world.settle()
    after = world.state.checkpoints.load("parents")
    assert before is not None
    assert after is not None
    assert after.epoch != before.epoch
    check(world)
    assert world.state.links.load("parents", ["p3"])["p3"].state == "deleted", "the deletion was lost"


def test_p4_a_record_that_a_dead_worker_has_claimed_and_that_is_gone_is_met_by_the_next_full_read() -> None:
    world = in_step(2)
    world.source.save("p9", number="P9", name="Claimed")
    world.pull("parents")
    # A message whose worker has died is lost if no host runs for a week.
    world.state.links.table.transact([Insert(Link("parents", "p9", claim=Claim("dead", ClaimKind.WORKING)).to_row())])
    for message in world.queues.receive("parents", limit=32, invisible_s=60):
        world.queues.delete("parents", message)
    world.source.remove("p9")
    refusals = iter([True])

    def refuse(name: str) -> None:
        if name == "follow" and next(refusals, False):
            raise LinkRefused("token expired")

    world.source.trouble = refuse
    world.settle()
    check(world)
    assert world.state.links.load("parents", ["p9"])["p9"].etag is None


def test_p2_a_full_read_does_not_look_again_at_a_record_that_is_known_to_be_gone() -> None:
    world = in_step(4)
    world.source.remove("p3")
    world.settle()
    before, (gone,) = world.state.checkpoints.load("parents"), world.state.links.load("parents", ["p3"]).values()
    refusals = iter([True])

    def refuse(name: str) -> None:
        if name == "follow" and next(refusals, False):
            raise LinkRefused("token expired")

    world.source.trouble = refuse
    world.settle()
    after = world.state.checkpoints.load("parents")
    assert before is not None
    assert after is not None
    assert after.epoch != before.epoch
    assert world.state.links.load("parents", ["p3"])["p3"].etag == gone.etag


def test_p2_three_restarts_are_a_failure_that_an_operator_sees() -> None:
    world = in_step(2)

    def refuse(name: str) -> None:
        if name == "follow":
            raise LinkRefused("always")

    world.source.trouble = refuse
    with pytest.raises(OperatorNeeded, match="refused its own links 3 times"):
        world.pull()


def test_p2_a_changed_mapping_evaluates_every_record_again_and_keeps_the_delta_link() -> None:
    world = in_step(5)
    before = world.state.checkpoints.load("parents")
    writes = len(world.target.writes)
    world.mappers["parents"] = replace(world.mappers["parents"], fingerprint="f2", hold_on_end=True)
    world.settle()
    after = world.state.checkpoints.load("parents")
    assert before is not None
    assert after is not None
    assert after.epoch == before.epoch
    assert len(world.target.writes) == writes + 5
    check(world)


def test_p4_a_deletion_is_confirmed_by_a_read_before_anything_follows() -> None:
    world = in_step(3)
    world.source.remove("p1")
    world.pull()
    world.source.save("p1", number="P1", name="Restored before apply looked")
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == "Restored before apply looked"


def test_p4_more_deletions_than_the_limit_block_the_flow_until_an_operator_confirms() -> None:
    world = in_step(12, gone_limit_count=3)
    for number in range(4):
        world.source.remove(f"p{number}")
    world.pull()
    world.pull()
    assert "4 of 12 linked records would be gone" in blocked(world) or "gone" in blocked(world)
    control = world.state.control.flow("parents")
    checkpoint = world.state.checkpoints.load("parents")
    assert checkpoint is not None
    assert checkpoint.walk.id in control.blocked
    world.state.control.save_flow(control.accept())
    world.settle()
    check(world)
    assert world.state.links.load("parents", ["p0"])["p0"].state == "deleted"


def test_p4_a_walk_that_changes_more_than_a_fifth_of_the_linked_records_blocks_the_flow() -> None:
    world = in_step(12, gone_limit_count=3)
    for number in range(6):
        world.source.save(f"p{number}", name="Mass update")
    world.pull()
    assert "linked records would change" in blocked(world)


def test_p4_many_new_records_are_no_change_of_linked_ones() -> None:
    world = in_step(4, gone_limit_count=3)
    for number in range(50, 70):
        world.source.save(f"p{number}", number=f"P{number}", name="New")
    world.settle()
    assert blocked(world) == ""
    check(world)


def test_p4_a_full_walk_in_a_new_epoch_keeps_the_limit_of_changes() -> None:
    world = in_step(60)
    for number in range(60):
        world.source.save(f"p{number}", name="Restored, and old")
    expired = iter([True])

    def refuse(name: str) -> None:
        if name == "follow" and next(expired, False):
            raise LinkRefused("expired")

    world.source.trouble = refuse
    world.settle(hours=0.5)
    assert "linked records would change" in blocked(world)
    # What was queued before the limit was passed is written when an operator lets it.
    control = world.state.control.flow("parents")
    checkpoint = world.state.checkpoints.load("parents")
    assert checkpoint is not None
    assert checkpoint.walk.id in control.blocked
    assert {row["name"] for row in world.target.rows.values()} & {"Restored, and old"} == set()
    world.state.control.save_flow(control.accept())
    world.settle()
    check(world)


def test_p4_a_changed_mapping_is_exempt_from_the_limit_of_changes() -> None:
    world = in_step(60)
    world.mappers["parents"] = replace(world.mappers["parents"], fingerprint="f2", hold_on_end=True)
    world.settle()
    assert blocked(world) == ""
    check(world)


@pytest.mark.parametrize("full", [False, True], ids=["ordinary walk", "weekly walk"])
def test_p4_a_walk_without_versions_keeps_the_limit_of_changes_by_its_digests(full: bool) -> None:
    world = World(flows=PRODUCTS, limits=Limits(hints_per_message=100))
    for number in range(60):
        world.stock.save(f"i{number}", number=f"I{number}", name="x")
    world.settle()
    for number in range(60):
        world.stock.save(f"i{number}", name="Mass update")
    if full:
        world.clock.sleep(WEEK_S)
    world.settle()
    control = world.state.control.flow("products")
    assert "linked records would change" in control.blocked
    assert {row["name"] for row in world.product_target.rows.values()} == {"x"}
    checkpoint = world.state.checkpoints.load("products")
    assert checkpoint is not None
    assert checkpoint.walk.id in control.blocked
    world.state.control.save_flow(control.accept())
    world.settle()
    check(world)


def test_p4_judging_some_changes_does_not_read_every_link() -> None:
    world = filled(400)
    world.source.page_size = 400
    world.settle()
    scanned: list[int] = []
    scan = world.links_table.scan

    def counting(partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        found = scan(partition, start=start, end=end, limit=limit)
        scanned.append(len(found))
        return found

    object.__setattr__(world.links_table, "scan", counting)
    for number in range(25):
        world.source.save(f"p{number}", name="Changed")
    world.pull()
    assert blocked(world) == ""
    assert 0 < sum(scanned) <= 250


@pytest.mark.parametrize("flow", ["parents", "products"])
def test_after_a_deployment_no_record_stays_on_the_former_mapping(flow: str) -> None:
    world = World(flows=PRODUCTS if flow == "products" else FAMILY)
    world.sources[flow].save("p1", number="P1", name="x")
    world.settle()
    former = world.mappers[flow]
    new = replace(former, fingerprint="f2", hold_on_end=True)
    world.mappers[flow] = new
    world.pull(flow)
    world.mappers[flow] = former  # an instance that is being replaced takes the message of the new walk
    world.drain()
    world.mappers[flow] = new
    world.settle()
    assert world.targets_of(flow)[0].rows["p1"]["hold"] == "No"
    check(world)


def test_a_rolled_back_deployment_ends_on_the_former_mapping() -> None:
    world = in_step(3)
    former = world.mappers["parents"]
    world.mappers["parents"] = replace(former, fingerprint="f2", hold_on_end=True)
    world.pull()
    world.mappers["parents"] = former
    world.settle()
    check(world)
    links = world.state.links.load("parents", ["p0", "p1", "p2"])
    assert {link.seen.fingerprint for link in links.values()} == {"f1"}


def test_p5_a_pull_stops_at_its_time_budget_and_continues_at_the_next_tick() -> None:
    world = filled(9, pull_budget_s=10)
    world.source.trouble = lambda _name: world.clock.sleep(6)
    world.pull()
    checkpoint = world.state.checkpoints.load("parents")
    assert checkpoint is not None
    assert checkpoint.position.phase is Phase.BASELINE
    world.settle()
    check(world)


def test_a_source_in_trouble_closes_its_gate_and_loses_nothing() -> None:
    world = filled(3)

    def down(_name: str) -> None:
        raise Transient(System.DATAVERSE, "503 Service Unavailable")

    world.source.trouble = down
    world.pull()
    assert world.state.control.gate(System.DATAVERSE).closed
    world.source.trouble = None
    world.settle()
    check(world)


def test_a_tracked_page_without_any_link_is_the_sources_trouble_and_no_end_of_the_walk() -> None:
    world = filled(3)
    track_changes = world.source.track_changes
    broken = iter([True])

    def without_links() -> ChangePage:
        page = track_changes()
        return ChangePage(page.changes) if next(broken, False) else page

    object.__setattr__(world.source, "track_changes", without_links)
    world.pull()
    assert world.state.control.gate(System.DATAVERSE).closed
    world.settle()
    check(world)


def test_a_paused_flow_reads_nothing() -> None:
    world = filled(3)
    control = world.state.control.flow("parents")
    world.state.control.save_flow(replace(control, paused=True))
    world.pull()
    assert hinted(world) == []
    assert "source.track_changes" not in world.steps.names


def test_another_environment_than_at_the_first_run_blocks_the_flow_and_names_the_difference() -> None:
    world = in_step(2)
    world.settings["dataverse_origin"] = "https://sandbox"
    world.pull()
    assert "origin was https://a and is https://sandbox" in blocked(world)


def test_a_crash_between_sending_and_saving_sends_again_and_skips_nothing() -> None:
    world = filled(5)
    world.steps.crash_at(world.steps.count + 22)
    with pytest.raises(Crash):
        world.pull()
    world.settle()
    check(world)
