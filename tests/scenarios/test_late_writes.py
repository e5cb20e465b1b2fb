"""What a worker writes after another one has had its record is found and mended (protocol A9)."""

from collections.abc import Callable

import pytest

from shared.errors import OutcomeUnknown, SyncError
from shared.records import Write
from shared.state.keys import Owner
from shared.state.link_parts import ClaimKind
from shared.state.links import LinkState
from shared.systems import System
from tests.scenarios.test_apply_rules import hint, link, one
from tests.scenarios.test_document_rules import quantities, written
from tests.scenarios.test_owned_keys import delete, keys_of, played_late
from tests.support.doubles import ROUTE
from tests.support.invariants import check
from tests.support.steps import Crash
from tests.support.world import World

LOST = OutcomeUnknown(System.FINOPS, "no answer")


def overtaken(world: World, flow: str, body: str, meanwhile: Callable[[], None]) -> None:
    """A worker stands still before it writes, until its claim has ended; meanwhile something happens to the record, and
    another worker takes it."""
    target = world.document_target if flow == "documents" else world.target
    fault = target.fault

    def stand_still(write: Write) -> SyncError | None:
        target.fault = fault
        meanwhile()
        world.clock.sleep(world.limits.claim_live_s + 1)
        world.apply(body, flow)
        return target.fault(write)

    target.fault = stand_still
    world.apply(body, flow)


def test_a_field_that_a_late_worker_has_filled_is_emptied() -> None:
    world = one()
    world.source.save("p1", phone="1")
    overtaken(world, "parents", hint("p1"), lambda: world.source.save("p1", phone=None))
    assert world.target.rows["p1"]["phone"] == "1"
    world.settle()
    check(world)
    assert world.target.rows["p1"]["phone"] == ""


def test_a_field_that_the_late_creation_of_a_record_has_filled_is_emptied() -> None:
    for step, world in played_late(lambda world: world.source.save("p1", phone=None), phone="1"):
        world.settle()
        check(world)
        assert not world.target.rows["k"].get("phone"), f"late at step {step}"


def test_a_line_that_a_late_worker_has_added_is_removed() -> None:
    world = written(n1=10)
    world.documents.save_line("d1", 2, 20)
    body = hint("d1").replace("parents", "documents")
    overtaken(world, "documents", body, lambda: world.documents.remove_line("d1", 2))
    assert quantities(world) == {1: 10, 2: 20}
    world.settle()
    check(world)
    assert quantities(world) == {1: 10}


def test_the_key_of_a_row_that_a_late_worker_has_made_is_its_records_at_once() -> None:
    for step, world in played_late(delete):
        if world.target.made:
            (owned,) = keys_of(world).owners(["K"]).values()
            assert owned.owner == Owner("parents", ROUTE, "p1"), f"late at step {step}"


def test_a_late_write_without_answer_is_looked_for_when_it_can_land_no_more() -> None:
    world = one()
    world.source.save("p1", name="Second")
    world.target.late = world.limits.unsettled_live_s - 1

    def lost() -> None:
        world.source.save("p1", name="Third")
        world.target.fault = lambda write: LOST if write.values.get("name") == "Second" else None

    overtaken(world, "parents", hint("p1"), lost)
    assert link(world, "p1").claim.kind is ClaimKind.UNSETTLED
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == "Third"


@pytest.mark.parametrize("lands", [True, False])
def test_a_row_that_a_record_may_have_taken_over_goes_to_no_other_record(lands: bool) -> None:
    world = World(adopt=True)
    world.target.put_by_hand("K", name="Theirs")
    world.source.save("p1", number="K", name="First")
    world.target.lands, world.target.fault = lands, lambda _write: LOST
    world.apply(hint("p1"))
    world.target.trouble = die
    for _ in range(2):
        world.clock.sleep(world.limits.claim_live_s + 1)
        with pytest.raises(Crash):
            world.apply(hint("p1"))
    world.clock.sleep(world.limits.claim_live_s + 1)
    world.apply(hint("p1"))
    assert link(world, "p1").state is LinkState.REJECTED
    world.target.trouble, world.target.fault = None, lambda _write: None
    world.source.save("p2", number="K", name="Second")
    world.apply(hint("p2"))
    world.settle(hours=30)
    check(world)
    assert (link(world, "p1").target_key, link(world, "p2").target_key) == ("K", None)


def die(_what: str) -> None:
    raise Crash
