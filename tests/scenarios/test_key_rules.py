"""Who writes under a key that several records want (protocol A6)."""

from copy import deepcopy
from functools import cache

import pytest

from shared.errors import OutcomeUnknown, RecordRejected, RowConflict, StorageTrouble
from shared.state.failures import STATE_UNREADABLE
from shared.state.keys import Owner
from shared.state.links import LinkState
from shared.state.storage.tables import Foreign, Operation
from shared.sync.apply.outcome import Kind
from shared.systems import System
from tests.scenarios.test_apply_rules import failure, hint, link, refuse
from tests.scenarios.test_fault_damage import damage
from tests.support.doubles import ROUTE
from tests.support.invariants import check
from tests.support.world import World

REFUSAL = RecordRejected("finops.validateField.CustomerGroupId", "no group", remedy="")


def holding(number: str = "K") -> World:
    """p2 owns a key and was refused, so that nothing stands in the target. It is made once and copied."""
    return deepcopy(_made_holding(number))


@cache
def _made_holding(number: str) -> World:
    world = World()
    world.source.save("p2", number=number, name="Owner")
    world.target.fault = refuse(REFUSAL)
    world.settle(hours=0.1)
    assert link(world, "p2").held_key == number
    world.target.fault = lambda _write: None
    return world


def test_of_two_records_of_one_message_the_owner_of_the_key_is_written_and_the_other_names_it() -> None:
    world = holding()
    world.source.save("p1", number="K", name="Late")
    world.source.save("p2", name="Owner mended")
    world.apply(hint("p1", "p2"))
    assert (link(world, "p1").state, link(world, "p2").state) == (LinkState.REJECTED, LinkState.WRITTEN)
    assert "p2" in failure(world, "p1").message
    world.settle()
    check(world)


def test_a_key_that_its_owner_has_abandoned_goes_to_the_record_that_wants_it() -> None:
    world = holding()
    world.source.save("p2", number="OTHER", state="inactive")
    world.source.save("p1", number="K", name="Rightful")
    world.settle()
    check(world)
    assert world.target.rows["k"]["name"] == "Rightful"


def test_an_owner_that_comes_back_to_a_key_it_has_lost_is_rejected_and_touches_nothing() -> None:
    world = holding()
    world.source.save("p1", number="K", name="Taken over")
    world.settle(hours=0.1)
    assert world.target.rows["k"]["name"] == "Taken over"
    world.source.save("p2", name="Comes back")
    world.settle(hours=0.1)
    assert failure(world, "p2").cause == "key_taken"
    assert world.target.rows["k"]["name"] == "Taken over"
    check(world)


def test_a_key_under_which_a_create_may_still_land_is_not_handed_over() -> None:
    world = World()
    world.source.save("p2", number="K", name="Owner")
    world.target.lands = False
    world.target.fault = refuse(OutcomeUnknown(System.FINOPS, "no answer"))
    world.apply(hint("p2"))
    world.target.fault = lambda _write: None
    world.clock.sleep(10)
    world.source.save("p1", number="K", name="Late")
    world.apply(hint("p1"))
    assert failure(world, "p1").cause == "key_taken"
    world.settle()
    assert world.target.rows["k"]["name"] == "Owner"
    check(world)


@pytest.mark.parametrize("change", [{"bad": "x"}, {"state": "inactive"}], ids=["refused", "filtered"])
def test_a_key_under_which_a_create_never_landed_goes_to_the_record_that_wants_it(change: dict[str, str]) -> None:
    world = World()
    world.source.save("p2", number="K", name="Owner")
    world.target.lands = False
    world.target.fault = refuse(OutcomeUnknown(System.FINOPS, "no answer"))
    world.apply(hint("p2"))
    world.target.fault = lambda _write: None
    world.source.save("p2", **change)
    world.source.save("p1", number="K", name="Rightful")
    world.settle(hours=2)
    assert world.target.rows["k"]["name"] == "Rightful"
    assert link(world, "p1").state is LinkState.WRITTEN
    check(world)


def test_an_owner_that_claims_its_key_again_at_any_moment_of_a_hand_over_leaves_one_owner() -> None:
    clean = holding()
    clean.source.save("p1", number="K", name="Late")
    before = clean.steps.count
    clean.apply(hint("p1"))
    for step in range(1, clean.steps.count - before + 1):
        world = holding()
        world.source.save("p1", number="K", name="Late")
        world.steps.at[world.steps.count + step] = lambda world=world: world.apply(hint("p2"))  # type: ignore[misc]
        world.apply(hint("p1"))
        assert sum(write.create for write in world.target.writes) == 1, f"owner at step {step}"
        world.settle()
        check(world)
        flow = world.service().flows["parents"]
        owner = world.state.keys_of(flow, flow.route(ROUTE)).owners(["K"])["K"].owner
        assert link(world, owner.id).linked, f"owner at step {step}"


def test_keys_that_always_conflict_are_our_storages_trouble_after_some_rounds() -> None:
    world = World()
    world.source.save("p1", number="P1", name="x")
    rounds: list[int] = []

    def conflict(_operations: list[Operation]) -> list[str]:
        rounds.append(1)
        raise RowConflict(0, "TableBeingDeleted")

    object.__setattr__(world.state.keys, "transact", conflict)
    flow = world.service().flows["parents"]
    keys = world.state.keys_of(flow, flow.route(ROUTE))
    with pytest.raises(StorageTrouble, match="1 target keys could not be taken"):
        keys.own({"P1": Owner("parents", ROUTE, "p1")})
    assert len(rounds) == 5


def test_a_row_made_for_an_earlier_record_keeps_none_of_its_content() -> None:
    world = World(flows=("products",))
    world.stock.save("i1", number="K", name="First", phone="1")
    world.settle(hours=0.1)
    world.stock.remove("i1")
    world.stock.save("i2", number="K", name="Second")
    world.settle()
    check(world)
    assert world.product_target.rows["k"] == {"name": "Second", "phone": "", "group": "10"}


def test_a_record_whose_row_is_there_under_a_number_of_which_nobody_knows_the_owner_is_listed_for_that() -> None:
    world = holding()
    service = world.service()
    flow = service.flows["parents"]
    row = service.state.keys_of(flow, flow.route(ROUTE)).row_of("K")
    damage(world.keys_table, row.partition, row.key, {"flow": Foreign("float")})
    world.target.rows["k"] = {"name": "Of others"}
    world.source.save("p1", number="K", name="Late")
    world.settle(hours=0.1)
    assert failure(world, "p1").cause == STATE_UNREADABLE
    assert world.target.rows["k"]["name"] == "Of others"


def test_a_look_at_a_record_whose_number_is_taken_says_so_and_takes_nothing() -> None:
    world = World()
    world.source.save("p2", number="K", name="Owner")
    world.settle(hours=0.1)
    world.source.save("p1", number="K", name="Late")
    service = world.service()
    flow = service.flows["parents"]
    before = world.keys_table.content()
    (examined,) = service.examining.examine(flow, ["p1"])
    assert (examined.kind, examined.reason) == (Kind.REJECTED, "key_taken")
    assert world.keys_table.content() == before
