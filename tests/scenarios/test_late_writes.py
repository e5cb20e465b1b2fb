"""What a worker writes after another one has had its record is found and mended (protocol A9)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pytest

from shared.errors import OutcomeUnknown, SyncError
from shared.records import TargetRow, Write
from shared.state.keys import Owner
from shared.state.link_parts import ClaimKind
from shared.state.links import LinkState
from shared.state.storage.tables import Cell, Foreign
from shared.sync.flow import OnConflict, OnTargetDeleted
from shared.sync.link_writer import change_link, link_operation
from shared.systems import System
from tests.scenarios.test_apply_rules import hint, link, one
from tests.scenarios.test_document_rules import quantities, written
from tests.scenarios.test_fault_damage import damage
from tests.scenarios.test_owned_keys import delete, keys_of, played_late
from tests.support.doubles import ROUTE, FakeTarget
from tests.support.invariants import check, check_at_rest, left
from tests.support.steps import Crash
from tests.support.world import TRADE, World

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


def test_a_field_of_a_row_that_a_late_worker_has_made_is_emptied_where_its_record_comes_back_to_it() -> None:
    world = World()
    world.source.save("p1", number="K", name="First", phone="1")

    def renumber() -> None:
        world.source.save("p1", number="L")
        world.target.lands = False
        world.target.fault = lambda write: LOST if write.key == "L" else None

    overtaken(world, "parents", hint("p1"), renumber)
    assert left(link(world, "p1"), ROUTE) == ["K"]
    world.source.save("p1", number="K", phone=None)
    world.settle()
    check(world)
    assert (world.target.rows["k"]["phone"], link(world, "p1").target_key) == ("", "K")
    assert left(link(world, "p1"), ROUTE) == []


def test_a_record_that_has_ended_is_ended_once_more_after_a_late_write() -> None:
    world = World(hold_on_end=True)
    world.source.save("p1", number="p1", name="First")
    world.settle()
    change_link(world.state.links, link(world, "p1"), lambda now: replace(now, dirty=True))
    overtaken(world, "parents", hint("p1"), lambda: world.source.save("p1", state="inactive"))
    assert world.target.rows["p1"]["hold"] == "No"
    world.settle()
    assert (world.target.rows["p1"]["hold"], link(world, "p1").state) == ("All", LinkState.ENDED)
    before = len(world.target.writes)
    world.apply(hint("p1"))
    assert len(world.target.writes) == before


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


def test_what_a_late_worker_has_written_before_the_policy_is_no_change_of_others() -> None:
    world = one()
    world.source.save("p1", name="Late")

    def decide() -> None:
        world.policies["parents"] = OnConflict.TARGET_WINS, OnTargetDeleted.RECREATE
        world.source.save("p1", name="First")

    overtaken(world, "parents", hint("p1"), decide)
    assert world.target.rows["p1"]["name"] == "Late"
    world.settle()
    check(world)
    assert world.target.rows["p1"]["name"] == "First"
    world.target.put_by_hand("p1", name="Theirs")
    world.source.save("p1", name="Second")
    world.settle()
    assert world.target.rows["p1"]["name"] == "Theirs"


class OwnRows(FakeTarget):
    """A target in which the id of a row says that we have made it."""

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        return {key: replace(row, id=f"row {key}", ours=True) for key, row in super().find(keys).items()}


def only_the_first_lands(world: World, *contents: dict[str, str]) -> None:
    """One creation of p1 after the other gets no answer; the first of them lands in the end."""
    sent: list[Write] = []

    def lost(write: Write) -> SyncError:
        sent.append(write)
        return LOST

    world.target.fault = lost
    for content in contents:
        world.source.save("p1", **content)
        world.apply(hint("p1"))
        world.clock.sleep(world.limits.unsettled_live_s + 1)
        world.sweep()
    assert [write.values["name"] for write in sent] == [content["name"] for content in contents]
    world.target.fault = lambda _write: None
    world.target._land(sent[0])
    world.settle()


@pytest.mark.parametrize("policy", [OnConflict.TARGET_WINS, OnConflict.STOP])
def test_what_the_first_of_two_creations_has_made_is_no_change_of_others(policy: OnConflict) -> None:
    world = World(flows=("parents",))
    world.target = OwnRows(world.steps, world.clock, lands=False)
    world.policies["parents"] = policy, OnTargetDeleted.RECREATE
    only_the_first_lands(world, {"number": "K", "name": "First"}, {"number": "K", "name": "Second"})
    check(world)
    assert world.target.rows["k"]["name"] == "Second"


def test_the_row_of_a_creation_is_its_records_though_the_number_is_in_another_case_by_now() -> None:
    world = World(flows=("parents",))
    world.target.lands = False
    only_the_first_lands(world, {"number": "K", "name": "First"}, {"number": "k", "name": "Second"})
    assert (world.target.rows["k"]["name"], link(world, "p1").state) == ("Second", LinkState.WRITTEN)


def test_a_row_that_another_record_has_got_holds_what_that_one_says_after_a_late_write() -> None:
    world = one()
    world.adopt = True
    world.source.save("p1", name="Late", phone="1")

    def hand_over() -> None:
        world.source.remove("p1")
        world.clock.sleep(world.limits.claim_live_s + 1)
        world.apply(hint("p1"))
        world.source.save("p2", number="p1", name="Second")
        world.apply(hint("p2"))
        assert world.target.rows["p1"]["name"] == "Second"

    overtaken(world, "parents", hint("p1"), hand_over)
    assert world.target.rows["p1"] == {"group": "10", "name": "Late", "phone": "1"}
    world.settle()
    check_at_rest(world)
    assert world.target.rows["p1"] == {"group": "10", "name": "Second", "phone": ""}
    assert link(world, "p2").target_key == "p1"


def test_a_record_of_another_flow_that_has_got_the_row_is_written_once_more() -> None:
    world = World(flows=TRADE, adopt=True)
    world.customers = world.target
    world.source.save("p1", number="K", name="First")
    world.settle()
    world.source.save("p1", name="Late")

    def hand_over() -> None:
        world.source.remove("p1")
        world.clock.sleep(world.limits.claim_live_s + 1)
        world.apply(hint("p1"))
        world.people.save("m1", number="K", name="Person", customer="yes")
        world.apply(hint("m1").replace("parents", "people"), "people")
        assert world.target.rows["k"]["name"] == "Person"

    overtaken(world, "parents", hint("p1"), hand_over)
    assert world.target.rows["k"]["name"] == "Late"
    world.settle()
    assert world.target.rows["k"]["name"] == "Person"
    assert link(world, "m1", "people").target_key == "K"


def test_a_row_that_a_late_worker_has_made_goes_to_the_record_of_the_same_message_that_has_got_its_key() -> None:
    world = World()
    world.source.save("p1", number="K", name="First")
    world.source.save("p2", number="K", name="Second")
    world.target.lands = False

    def hand_over() -> None:
        world.source.save("p1", bad="yes")
        world.target.fault = lambda write: LOST if write.id == "p2" else None
        world.clock.sleep(world.limits.claim_live_s + 1)
        world.apply(hint("p1"))
        world.apply(hint("p2"))

    overtaken(world, "parents", hint("p1", "p2"), hand_over)
    assert world.target.rows["k"]["name"] == "First"
    assert link(world, "p2").intent is not None
    world.target.fault = lambda _write: None
    world.settle()
    check_at_rest(world)
    assert world.target.rows["k"]["name"] == "Second"
    assert link(world, "p2").target_key == "K"


@pytest.mark.parametrize("cells", [{"flow": "newer"}, {"flow": Foreign("float")}], ids=str)
def test_a_row_that_a_late_worker_has_made_is_noted_as_its_records_where_nobody_knows_whose_its_key_is(
    cells: dict[str, Cell | None],
) -> None:
    world = World()
    world.source.save("p1", number="K", name="First")
    row = keys_of(world).row_of("K")

    def damage_key() -> None:
        world.source.remove("p1")
        world.clock.sleep(world.limits.claim_live_s + 1)
        world.apply(hint("p1"))
        keys_of(world).own({"K": Owner("parents", ROUTE, "p9")})
        damage(world.keys_table, row.partition, row.key, cells)

    overtaken(world, "parents", hint("p1"), damage_key)
    assert world.target.made == {"k"}
    assert link(world, "p1").held_key == "K"
    assert link(world, "p1").dirty


def test_a_late_write_without_answer_to_a_row_that_another_record_has_got_is_corrected_when_it_can_land_no_more() -> (
    None
):
    world = one()
    world.adopt = True
    world.source.save("p1", name="Late")
    world.target.late = world.limits.unsettled_live_s - 1

    def hand_over() -> None:
        world.source.remove("p1")
        world.clock.sleep(world.limits.claim_live_s + 1)
        world.apply(hint("p1"))
        world.source.save("p2", number="p1", name="Second")
        world.apply(hint("p2"))
        world.target.fault = lambda write: LOST if write.values.get("name") == "Late" else None

    overtaken(world, "parents", hint("p1"), hand_over)
    assert link(world, "p2").claim.kind is ClaimKind.UNSETTLED
    world.settle()
    check_at_rest(world)
    assert "Late" in [write.values.get("name") for write in world.target.writes]
    assert world.target.rows["p1"]["name"] == "Second"


def late_creation_without_answer(*, lands_after_s: float | None) -> World:
    """p1 was to be made under K when its worker stood still, and is under L by now."""
    world = World()
    world.source.save("p1", number="K", name="First")
    world.target.lands = False

    def renumber() -> None:
        world.source.save("p1", number="L")
        world.clock.sleep(world.limits.claim_live_s + 1)
        world.apply(hint("p1"))
        assert link(world, "p1").target_key == "L"
        world.target.fault = lambda write: LOST if write.key == "K" else None
        world.target.late = lands_after_s

    overtaken(world, "parents", hint("p1"), renumber)
    world.settle()
    return world


def test_a_row_that_a_late_creation_without_answer_has_made_elsewhere_is_known_as_the_records_own() -> None:
    world = late_creation_without_answer(lands_after_s=299)
    assert world.target.made == {"k", "l"}
    check_at_rest(world)
    assert (link(world, "p1").target_key, left(link(world, "p1"), ROUTE)) == ("L", ["K"])


def test_a_number_under_which_a_late_creation_without_answer_has_made_nothing_goes_to_whoever_needs_it() -> None:
    world = late_creation_without_answer(lands_after_s=None)
    world.target.fault = lambda _write: None
    world.source.save("p2", number="K", name="Second")
    world.settle()
    check_at_rest(world)
    assert (link(world, "p1").target_key, left(link(world, "p1"), ROUTE)) == ("L", [])
    assert link(world, "p2").target_key == "K"


def test_a_late_write_without_answer_is_corrected_also_where_another_worker_has_the_record_in_hands() -> None:
    world = one()
    world.source.save("p1", name="Late")
    world.target.late = world.limits.unsettled_live_s - 1

    def claim_again() -> None:
        world.source.save("p1", name="Third")
        world.clock.sleep(world.limits.claim_live_s + 1)
        world.apply(hint("p1"))
        world.target.fault = lambda write: LOST if write.values.get("name") == "Late" else None

    def stand_still(write: Write) -> SyncError | None:
        claim_again()
        world.source.save("p1", name="Fourth")
        claimed = link(world, "p1")
        in_hands = replace(claimed, claim=replace(claimed.claim, id="other", kind=ClaimKind.WORKING))
        world.links_table.transact([link_operation(in_hands)])
        return world.target.fault(write)

    world.target.fault = stand_still
    world.apply(hint("p1"))
    assert link(world, "p1").claim.kind is ClaimKind.UNSETTLED
    world.settle()
    check_at_rest(world)
    assert world.target.rows["p1"]["name"] == "Fourth"


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
