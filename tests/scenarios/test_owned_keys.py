"""No target key is left without a living owner, and no row of ours without a record: whoever dies, whenever (A6)."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from functools import cache

import pytest

from shared.errors import OutcomeUnknown, RecordRejected, SyncError, Transient
from shared.operations.audit_log import AuditLog, Refused
from shared.records import Write
from shared.state.checkpoint_parts import Position
from shared.state.failures import STATE_UNREADABLE
from shared.state.keys import Keys, Owner
from shared.state.links import LinkState, link_key
from shared.state.storage.tables import Cell, Delete, Foreign, Put, Row, escape
from shared.sync.apply.outcome import Kind
from shared.systems import System
from tests.scenarios.test_apply_rules import failure, hint, link, refuse, unknown
from tests.scenarios.test_crashes import moments
from tests.scenarios.test_fault_damage import damage
from tests.support.doubles import ROUTE
from tests.support.invariants import check, left
from tests.support.steps import Crash
from tests.support.thinned import share, share_of_steps
from tests.support.trade import CONTACT
from tests.support.world import PRODUCTS, TRADE, World, restore

REFUSAL = RecordRejected("finops.validateField.CustomerGroupId", "no group", remedy="")
Deed = Callable[[World], None]


def refused(number: str = "K") -> World:
    """A world whose record p1 was refused: it owns its number, and nothing stands in the target."""
    world = World()
    world.source.save("p1", number=number, name="First")
    world.target.fault = refuse(REFUSAL)
    world.settle(hours=0.1)
    world.target.fault = lambda _write: None
    return world


def keys_of(world: World, flow: str = "parents", route: str = ROUTE) -> Keys:
    service = world.service()
    return service.state.keys_of(service.flows[flow], service.flows[flow].route(route))


def stored(world: World) -> str:
    """Everything that is remembered, as one text."""
    tables = world.links_table, world.keys_table, world.checkpoints_table
    return " ".join(str(row) for table in tables for row in table.content().values())


def audit_log(world: World) -> AuditLog:
    return world.service().audit_log("operator")


def forgotten(world: World, id: str) -> int:
    service = world.service()
    return service.forget("parents", id, audit_log(world))


def test_the_number_of_a_record_that_was_refused_and_then_deleted_is_kept_nowhere() -> None:
    world = refused("K-77")
    world.source.remove("p1")
    world.settle()
    check(world)
    assert "K-77" not in stored(world)
    assert world.keys_table.content() == {}


@pytest.mark.parametrize("change", [{"number": "L", "bad": "x"}, {"state": "foreign"}, {"bad": "x"}], ids=str)
def test_a_record_that_was_refused_changes_and_is_deleted_leaves_no_key(change: dict[str, str]) -> None:
    world = refused()
    world.source.save("p1", **change)
    world.settle(hours=0.1)
    check(world)
    world.source.remove("p1")
    world.settle()
    check(world)
    assert world.keys_table.content() == {}


def renumber(world: World) -> None:
    world.source.save("p1", number="L")


def filter_out(world: World) -> None:
    world.source.save("p1", state="foreign")


def delete(world: World) -> None:
    world.source.remove("p1")


# In this order a record is renumbered, at each change, while its row is written and not committed.
DEEDS: list[Deed] = [delete, renumber, filter_out]
ANSWERS: dict[str, Callable[[Write], SyncError | None]] = {
    "": lambda _write: None,
    "refused": refuse(REFUSAL),
    "lost": unknown(times=9),
}


@share_of_steps(3)
@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("answer", ANSWERS)
def test_a_worker_that_dies_at_any_step_leaves_no_key_behind(answer: str, deed: Deed, every: int) -> None:
    before = World()
    before.source.save("p1", number="K", name="First")
    before.target.fault = ANSWERS[answer]
    before.target.lands = False
    clean = deepcopy(before)
    steps = moments(clean, lambda: clean.apply(hint("p1")))
    # Each answer and each deed meets every step once in three cases.
    tried = share(steps, every, [*ANSWERS].index(answer) + DEEDS.index(deed))
    assert tried
    for step in tried:
        world = deepcopy(before)
        world.steps.crash_at(world.steps.count + step)
        try:
            world.apply(hint("p1"))
        except Crash:
            world.queues.send("parents", hint("p1"))
        world.steps.at.clear()
        deed(world)
        world.target.fault = lambda _write: None
        world.settle()
        check(world)


def played_late(
    meanwhile: Deed, *, fault: Callable[[Write], SyncError | None] = lambda _write: None, **values: str
) -> Iterator[tuple[int, World]]:
    """A worker that takes a new record and stands still, in each world at another step, until its claim has ended:
    `meanwhile` something happens to the record, and another worker takes it. Yields the step and the world, not yet at
    rest."""
    steps = 0
    while True:
        steps += 1
        world = World()
        world.source.save("p1", number="K", name="First", **values)
        world.target.fault = fault

        def overtake(world: World = world) -> None:
            meanwhile(world)
            world.clock.sleep(world.limits.claim_live_s + 1)
            world.apply(hint("p1"))
            world.target.lands = True

        world.steps.at[world.steps.count + steps] = overtake
        world.apply(hint("p1"))
        if world.steps.disturbed:
            # The worker has come to its end before.
            return
        yield steps, world


def test_a_worker_that_continues_after_its_record_was_deleted_leaves_no_key_and_no_row_behind() -> None:
    for _, world in played_late(delete):
        world.settle()
        check(world)


def test_a_row_that_a_late_worker_may_have_made_of_a_deleted_record_is_the_records_own() -> None:
    lost = refuse(OutcomeUnknown(System.FINOPS, "no answer"))
    for step, world in played_late(delete, fault=lost):
        world.target.fault = lambda _write: None
        world.settle()
        check(world)
        if world.target.made:
            assert link(world, "p1").target_key == "K", f"late at step {step}"


def test_a_row_that_a_worker_makes_after_its_record_was_refused_is_the_records_own() -> None:
    for step, world in played_late(lambda world: world.source.save("p1", bad="x")):
        world.settle()
        check(world)
        world.source.save("p1", bad="")
        world.settle()
        check(world)
        assert link(world, "p1").target_key == "K", f"late at step {step}"


def test_a_row_that_a_worker_makes_after_another_one_has_sent_something_else_is_the_records_own() -> None:
    def changed(world: World) -> None:
        world.source.save("p1", name="Second")
        world.target.fault, world.target.lands = unknown(), False

    for step, world in played_late(changed):
        world.settle()
        check(world)
        assert link(world, "p1").state is LinkState.WRITTEN, f"late at step {step}"


def test_a_number_whose_row_is_another_ones_is_not_said_to_be_taken_by_a_record_that_has_abandoned_it() -> None:
    world = refused()
    world.source.save("p1", bad="x")
    world.settle(hours=0.1)
    world.target.put_by_hand("K", name="Theirs")
    world.source.save("p2", number="K", name="Second")
    world.settle(hours=0.1)
    assert failure(world, "p2").cause == "target_exists"
    check(world)


def test_a_number_whose_row_its_owner_has_made_is_said_to_be_taken() -> None:
    world = World()
    world.source.save("p1", number="K", name="First")
    world.settle(hours=0.1)
    world.source.save("p2", number="K", name="Second")
    world.settle(hours=0.1)
    assert failure(world, "p2").cause == "key_taken"


def test_a_contact_that_is_deleted_on_its_way_to_another_parent_keeps_the_row_that_it_has_left() -> None:
    world = World(flows=TRADE)
    world.source.save("a", number="A", name="A")
    world.source.save("b", number="B", name="B")
    world.people.save("m1", number="M", name="M", parent="a")
    world.settle(hours=0.1)
    world.contacts.fault = lambda write: REFUSAL if write.create else None
    world.people.save("m1", parent="b")
    world.settle(hours=0.1)
    assert left(link(world, "m1", "people"), CONTACT) == ["M/A"]
    world.people.remove("m1")
    world.settle()
    check(world)
    assert link(world, "m1", "people").state is LinkState.DELETED
    assert set(keys_of(world, "people", CONTACT).owners(["M/A", "M/B"])) == {"M/A"}


def test_a_record_that_is_gone_loses_the_key_that_another_one_gets_and_no_other() -> None:
    world = World(flows=TRADE, adopt=True)
    world.source.save("a", number="A", name="A")
    world.source.save("b", number="B", name="B")
    world.people.save("m1", number="M", name="M", parent="a")
    world.settle(hours=0.1)
    world.people.save("m1", parent="b")
    world.settle(hours=0.1)
    world.people.remove("m1")
    world.people.save("m2", number="M", name="Second", parent="a")
    world.settle()
    check(world)
    assert link(world, "m2", "people").target_key == "M/A"
    assert link(world, "m1", "people").target_key == "M/B"


def successor(world: World) -> None:
    """i1 has made a row and is gone; i2 has its number now."""
    world.stock.save("i1", number="K", name="First")
    world.settle(hours=0.1)
    world.stock.remove("i1")
    world.settle(hours=0.1)
    world.stock.save("i2", number="K", name="Second")


def test_a_row_of_a_record_that_is_gone_always_has_an_owner_however_its_next_owner_ends() -> None:
    for change in ({"state": "foreign"}, {"number": "L"}, None):
        world = World(flows=PRODUCTS)
        successor(world)
        world.product_target.fault = refuse(REFUSAL)
        world.settle(hours=0.1)
        assert not link(world, "i2", "products").linked
        world.product_target.fault = lambda _write: None
        if change is None:
            world.stock.remove("i2")
        else:
            world.stock.save("i2", **change)
        world.settle()
        check(world)


def inheriting(every: int = 1, case: int = 0) -> Iterator[World]:
    """Worlds in which a worker dies while a record inherits a row, one for each effect, or for each so many-th; and one
    in which none dies."""
    before = _about_to_inherit()
    clean = deepcopy(before)
    steps = moments(clean, clean.drain)
    assert len(steps) > 5
    for step in share(steps, every, case):
        world = deepcopy(before)
        world.steps.crash_at(world.steps.count + step)
        with pytest.raises(Crash):
            world.drain()
        yield world
    yield clean


@cache
def _about_to_inherit() -> World:
    world = World(flows=PRODUCTS)
    successor(world)
    world.pull("products")
    return world


def test_a_worker_that_dies_while_a_record_inherits_a_row_leaves_one_owner() -> None:
    for filtered in (True, False):
        for world in inheriting():
            if filtered:
                world.stock.save("i2", state="foreign")
            world.settle()
            check(world)


def owner_of(world: World, flow: str, key: str) -> str:
    """The record that the row of a key names."""
    row = keys_of(world, flow).row_of(key)
    return str(world.keys_table.content()[row.partition, row.key].cells["record_id"])


DAMAGED_LINKS: list[dict[str, Cell | None]] = [{"state": "parked"}, {"route": "newer"}, {"route": None}]


@pytest.mark.parametrize("cells", DAMAGED_LINKS[:2], ids=str)
def test_a_record_that_is_gone_keeps_its_key_once_its_link_is_damaged_although_another_one_was_to_inherit_it(
    cells: dict[str, Cell | None],
) -> None:
    kept = 0
    for world in inheriting():
        before = owner_of(world, "products", "K")
        damage(world.links_table, "products", link_key("i1"), cells)
        world.settle()
        assert owner_of(world, "products", "K") == before
        kept += before == "i1"
    assert kept > 0


OWNERS_NOBODY_KNOWS: list[dict[str, Cell | None]] = [
    {"flow": Foreign("float")},
    {"flow": "newer"},
    {"route": "newer"},
]


@share_of_steps(3)
@pytest.mark.parametrize("case", range(len(OWNERS_NOBODY_KNOWS)))
def test_a_key_of_which_nobody_knows_the_owner_is_inherited_by_nobody(case: int, every: int) -> None:
    for world in inheriting(every, case):
        row = keys_of(world, "products").row_of("K")
        damage(world.keys_table, row.partition, row.key, OWNERS_NOBODY_KNOWS[case])
        damaged = world.keys_table.content()[row.partition, row.key]
        world.settle()
        assert world.keys_table.content()[row.partition, row.key] == damaged
        assert world.depth() == 0


def test_a_record_whose_number_nobody_knows_the_owner_of_does_not_hold_the_key() -> None:
    world = refused()
    row = keys_of(world).row_of("K")
    damage(world.keys_table, row.partition, row.key, {"flow": Foreign("float")})
    world.source.save("p2", number="K", name="Second")
    world.settle(hours=0.1)
    assert failure(world, "p2").cause == STATE_UNREADABLE
    assert link(world, "p2").owned == frozenset()


@pytest.mark.parametrize("cells", DAMAGED_LINKS, ids=str)
def test_a_look_tells_of_a_damaged_owner_what_the_sync_would(cells: dict[str, Cell | None]) -> None:
    world = World(flows=PRODUCTS, adopt=True)
    successor(world)
    damage(world.links_table, "products", link_key("i1"), cells)
    service = world.service()
    (examined,) = service.examining.examine(service.flows["products"], ["i2"])
    world.settle(hours=0.1)
    assert (examined.kind, examined.reason) == (Kind.REJECTED, "key_taken")
    assert world.state.failures.load("products", ["i2"])["i2"].cause == "key_taken"


def test_a_row_that_was_inherited_and_not_written_goes_on_to_whoever_has_its_number_next() -> None:
    world = World(flows=PRODUCTS)
    successor(world)
    world.product_target.fault = refuse(REFUSAL)
    world.settle(hours=0.1)
    world.product_target.fault = lambda _write: None
    world.stock.save("i2", state="foreign")
    world.stock.save("i3", number="K", name="Third")
    world.settle()
    check(world)
    assert link(world, "i3", "products").target_key == "K"
    assert world.product_target.rows["k"]["name"] == "Third"


def come_back(fault: SyncError) -> World:
    """p1 is gone, and p2 inherits its row, but its first write gets this answer; then p1 is restored under its id."""
    world = World(adopt=True)
    world.source.save("p1", number="K", name="First")
    world.settle(hours=0.1)
    world.source.remove("p1")
    world.settle(hours=0.1)
    world.source.save("p2", number="K", name="Second")
    world.target.fault = refuse(fault)
    world.settle(hours=0.1)
    assert (link(world, "p2").linked, left(link(world, "p2"), ROUTE)) == (False, ["K"])
    world.target.fault = lambda _write: None
    world.source.save("p1", number="K", name="First")
    return world


@pytest.mark.parametrize(("first", "state"), [("p1", LinkState.REJECTED), ("p2", LinkState.WRITTEN)])
def test_a_record_that_is_restored_after_another_one_has_got_its_number_is_rejected_and_the_other_is_written(
    first: str, state: LinkState
) -> None:
    world = come_back(Transient(System.FINOPS, "throttled"))
    world.clock.sleep(world.limits.unsettled_live_s)
    world.apply(hint(first))
    assert link(world, first).state is state
    world.settle()
    check(world)
    assert link(world, "p2").target_key == "K"
    assert world.target.rows["k"]["name"] == "Second"
    assert (link(world, "p1").owned, failure(world, "p1").cause) == (frozenset(), "key_taken")


def test_a_record_that_is_restored_gets_its_row_again_if_the_one_that_has_got_it_was_refused() -> None:
    world = come_back(REFUSAL)
    world.apply(hint("p1"))
    world.settle()
    check(world)
    assert link(world, "p1").target_key == "K"
    assert world.target.rows["k"]["name"] == "First"
    assert link(world, "p2").owned == frozenset()


def test_a_key_that_no_link_names_is_forgotten_with_its_record() -> None:
    world = World()
    keys_of(world).own({"K-77": Owner("parents", ROUTE, "p1"), "K-78": Owner("parents", ROUTE, "p2")})
    assert forgotten(world, "p1") == 1
    assert "K-77" not in stored(world)
    assert set(keys_of(world).owners(["K-78"])) == {"K-78"}
    with pytest.raises(Refused, match="nothing is stored"):
        forgotten(world, "p1")


def test_the_cleanup_gives_up_keys_that_no_link_names_and_no_others() -> None:
    world = refused()
    world.source.save("p2", number="L", name="Second")
    world.settle(hours=0.1)
    keys_of(world).own({"X": Owner("parents", ROUTE, "p1"), "Y": Owner("parents", ROUTE, "gone")})
    world.clean_up()
    assert set(keys_of(world).owners(["K", "L", "X", "Y"])) == {"K", "L", "X", "Y"}, "they may be named soon"
    world.clock.sleep(world.limits.claim_live_s + 1)
    world.clean_up()
    assert set(keys_of(world).owners(["K", "L", "X", "Y"])) == {"K", "L"}


@pytest.mark.parametrize("cells", [{"state": "parked"}, {"route": "newer"}], ids=str)
def test_the_cleanup_keeps_every_key_of_a_record_whose_link_is_damaged(cells: dict[str, Cell | None]) -> None:
    world = refused()
    damage(world.links_table, "parents", link_key("p1"), cells)
    world.clock.sleep(world.limits.claim_live_s + 1)
    world.clean_up()
    assert set(keys_of(world).owners(["K"])) == {"K"}


def lose_link(world: World, id: str) -> None:
    """The row of a link vanishes."""
    world.links_table.transact([Delete(Row("parents", link_key(id), {}))])


def test_the_cleanup_keeps_the_key_of_a_record_whose_link_is_lost() -> None:
    world = refused()
    lose_link(world, "p1")
    world.clock.sleep(world.limits.claim_live_s + 1)
    world.clean_up()
    assert set(keys_of(world).owners(["K"])) == {"K"}


def test_the_cleanup_keeps_the_key_of_a_lost_link_while_the_source_cannot_be_asked() -> None:
    world = refused()
    lose_link(world, "p1")
    world.source.remove("p1")
    world.clock.sleep(world.limits.claim_live_s + 1)

    def down(_name: str) -> None:
        raise Transient(System.DATAVERSE, "503")

    world.source.trouble = down
    world.clean_up()
    assert set(keys_of(world).owners(["K"])) == {"K"}
    world.source.trouble = None
    world.clean_up()
    assert keys_of(world).owners(["K"]) == {}


def test_the_number_of_a_record_whose_link_is_lost_goes_to_no_other_one_while_the_record_is_there() -> None:
    world = World(adopt=True)
    world.source.save("p1", number="K", name="First")
    world.settle(hours=0.1)
    lose_link(world, "p1")
    world.source.save("p2", number="K", name="Second")
    world.settle(hours=0.1)
    assert failure(world, "p2").cause == "key_taken"
    assert world.target.rows["k"]["name"] == "First"
    world.source.remove("p1")
    world.settle(hours=2)
    assert link(world, "p2").state is LinkState.WRITTEN
    assert world.target.rows["k"]["name"] == "Second"
    check(world)


def test_a_record_whose_link_is_damaged_while_a_worker_holds_it_keeps_its_key() -> None:
    clean = World()
    clean.source.save("p1", number="K", name="First")
    clean.apply(hint("p1"))
    damaged = 0
    for step in range(1, clean.steps.count + 1):
        world = World()
        world.source.save("p1", number="K", name="First")

        def meanwhile(world: World = world) -> None:
            nonlocal damaged
            if (escape("parents"), link_key("p1")) in world.links_table.content() and keys_of(world).owners(["K"]):
                damaged += 1
                damage(world.links_table, "parents", link_key("p1"), {"state": "parked"})

        world.steps.at[step] = meanwhile
        world.apply(hint("p1"))
        assert set(keys_of(world).owners(["K"])) == {"K"}, f"lost at step {step}"
    assert damaged > 0


def test_a_record_whose_key_cannot_be_read_does_not_forget_that_it_may_have_made_the_row() -> None:
    world = World()
    world.source.save("p1", number="K", name="First")
    world.target.fault = unknown()
    world.apply(hint("p1"))
    damage(world.keys_table, keys_of(world).partition, keys_of(world).row_of("K").key, {"flow": True})
    world.source.save("p1", name="Second")
    world.settle()
    assert failure(world, "p1").cause == STATE_UNREADABLE
    service = world.service()
    assert service.repairing("parents", audit_log(world)).repair("p1") == "K"
    world.settle()
    check(world)
    assert world.target.rows["k"]["name"] == "Second"


def test_a_record_that_is_gone_and_whose_key_cannot_be_read_does_not_forget_that_it_may_have_made_the_row() -> None:
    world = World()
    world.source.save("p1", number="K", name="First")
    world.target.fault = unknown()
    world.apply(hint("p1"))
    damage(world.keys_table, keys_of(world).partition, keys_of(world).row_of("K").key, {"flow": True})
    world.source.remove("p1")
    world.settle()
    assert failure(world, "p1").cause == STATE_UNREADABLE
    service = world.service()
    assert service.repairing("parents", audit_log(world)).repair("p1") == "K"
    world.settle()
    check(world)
    assert world.state.links.load("parents", ["p1"])["p1"].state is LinkState.DELETED


def test_a_link_by_hand_that_meets_a_damaged_link_keeps_the_keys_of_the_record() -> None:
    world = World()
    world.source.save("p1", number="K", name="First")
    world.target.put_by_hand("K", name="First")
    world.settle(hours=0.1)
    service = world.service()
    linking = service.linking("parents", audit_log(world))

    def step(name: str) -> None:
        if name == "keys.transact":
            world.links_table.step = lambda _name: None
            damage(world.links_table, "parents", link_key("p1"), {"state": "parked"})

    world.keys_table.step = step
    with pytest.raises(Refused, match="changed meanwhile"):
        linking.link("p1")
    assert set(keys_of(world).owners(["K"])) == {"K"}


def test_a_link_by_hand_that_fails_keeps_no_key() -> None:
    world = World()
    world.source.save("p1", number="K", name="First")
    world.target.put_by_hand("K", name="First")
    world.settle(hours=0.1)
    service = world.service()
    linking = service.linking("parents", audit_log(world))

    def meanwhile() -> None:
        held = link(world, "p1")
        world.links_table.transact([Put(replace(held, dirty=True).to_row())])

    transacts = 0

    def step(name: str) -> None:
        nonlocal transacts
        if name == "links.transact":
            transacts += 1
            if transacts == 1:
                meanwhile()

    world.links_table.step = step
    with pytest.raises(Refused, match="changed meanwhile"):
        linking.link("p1")
    assert keys_of(world).owners(["K"]) == {}


def test_a_deletion_is_reported_although_the_first_checkpoint_was_restored() -> None:
    world = World()
    world.source.save("p1", number="K", name="First")
    world.settle(hours=0.1)
    checkpoint = world.state.checkpoints.load("parents")
    assert checkpoint is not None
    first = replace(checkpoint, position=Position())
    world.state.checkpoints.save(first)
    world.source.remove("p1")
    world.source.deleted.clear()
    world.settle()
    assert link(world, "p1").state is LinkState.DELETED


def test_whoever_restores_the_snapshot_of_a_walk_loses_no_deletion_and_no_change() -> None:
    world = World(flows=PRODUCTS)
    world.stock.save("i1", number="K", name="First")
    world.settle(hours=0.1)
    kept = dict(world.checkpoints_table.content())
    world.stock.save("i1", name="Changed")
    world.stock.save("i2", number="L", name="Second")
    world.settle(hours=0.1)
    restore(world.checkpoints_table, kept)
    world.stock.save("i1", name="First")
    world.stock.remove("i2")
    world.settle(hours=0.5)
    check(world)
    assert link(world, "i2", "products").state is LinkState.DELETED
