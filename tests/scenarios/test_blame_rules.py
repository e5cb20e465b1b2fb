"""What is a record's fault and what is not (protocol F1 to F3), also where records share requests."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from shared.errors import NotSent, OutcomeUnknown, RecordRejected, StorageTrouble, SyncError, Transient
from shared.mapping.verdicts import Parent
from shared.records import SourceRow, Write
from shared.state.links import LinkState
from shared.sync.hints import Hint, HintMessage
from shared.sync.limits import Limits
from shared.systems import System
from tests.scenarios.test_apply_rules import failure, hint, link, one, refuse
from tests.support.doubles import ROUTE, FakeMapper
from tests.support.invariants import check
from tests.support.world import PRODUCTS, World


def test_a_table_of_runs_that_fails_decides_about_no_record() -> None:
    world = one()

    def down(name: str) -> None:
        if name == "runs.transact":
            raise StorageTrouble("runs answered 503")

    object.__setattr__(world.state.runs.table, "step", down)
    world.source.save("p1", name="Changed")
    world.settle(hours=1.2)
    check(world)
    assert world.target.rows["p1"]["name"] == "Changed"
    assert not world.state.failures.load("parents", ["p1"])


def test_a_lone_record_that_never_gets_an_answer_is_listed_within_a_working_day() -> None:
    world = one()
    world.target.lands = False
    world.target.fault = refuse(OutcomeUnknown(System.FINOPS, "500"))
    world.source.save("p1", name="Bad")
    world.settle(hours=4)
    assert not world.state.failures.load("parents", ["p1"]), "a system that takes no writes for hours looks the same"
    world.settle(hours=4)
    assert failure(world, "p1").cause == "outcome_unknown"
    world.target.fault = lambda _write: None
    world.settle(hours=2)
    check(world)
    assert not world.state.failures.load("parents", ["p1"])


@pytest.mark.parametrize(("sent", "closes"), [(False, True), (True, False)])
def test_only_a_refusal_of_the_system_itself_counts_as_its_answer(sent: bool, closes: bool) -> None:
    world = World(limits=Limits(hints_per_message=100))
    for number in range(4):
        world.source.save(f"p{number}", number=f"P{number}", name="x")

    def fault(write: Write) -> SyncError:
        if write.id == "p0":
            return RecordRejected("key_not_addressable", "holds /", remedy="", sent=sent)
        return OutcomeUnknown(System.FINOPS, "503")

    world.target.fault, world.target.lands = fault, False
    world.apply(hint("p0", "p1", "p2", "p3"))
    assert world.state.control.gate(System.FINOPS).closed is closes
    assert [link(world, f"p{number}").unknowns for number in (1, 2, 3)] == [0 if closes else 1] * 3


@dataclass(frozen=True)
class ManyParents(FakeMapper):
    """A document that names as many parents as its column `lines` says."""

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The records whose target keys the mapping wants to know (Known.keys), whatever becomes of this one."""
        count = int(str(row.values.get("lines") or 0))
        return tuple(Parent("parents", ROUTE, f"x{number}") for number in range(count))


def test_a_record_with_more_parents_than_a_transaction_holds_waits_for_all_and_holds_up_nobody() -> None:
    world = World(limits=Limits(hints_per_message=100))
    world.mappers["children"] = ManyParents(target_entity="Contacts")
    world.child_source.save("c1", number="C1", name="a")
    world.child_source.save("c2", number="C2", name="b", lines=120)
    world.settle(hours=0.1)
    assert "c1" in world.child_target.rows
    assert link(world, "c2", "children").state is LinkState.WAITING
    for number in range(120):
        world.source.save(f"x{number}", number=f"X{number}", name="Parent")
    world.settle(hours=0.3)
    check(world)
    assert "c2" in world.child_target.rows


def test_a_record_whose_commit_does_not_fit_is_rejected_alone() -> None:
    world = World(limits=Limits(hints_per_message=100))
    world.mappers["children"] = ManyParents(target_entity="Contacts")
    world.child_source.save("c1", number="C1", name="a")
    world.child_source.save("c" * 190, number="C2", name="b", lines=2)
    world.mappers["children"] = _LongParents(target_entity="Contacts")
    world.settle(hours=0.1)
    assert "c1" in world.child_target.rows
    listed = world.state.failures.load("children", ["c" * 190])["c" * 190]
    assert listed.cause == "state_too_large"


@dataclass(frozen=True)
class _LongParents(FakeMapper):
    """Names parents by ids that are too long for a key of a row together with the child's."""

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        """The records whose target keys the mapping wants to know (Known.keys), whatever becomes of this one."""
        return (Parent("parents", ROUTE, "x" * 400),) if row.values.get("lines") else ()


def test_a_failure_of_a_poison_message_is_closed_by_the_next_success() -> None:
    world = one()
    world.queues.send("parents-poison", hint("p1"))
    world.poison_once()
    assert failure(world, "p1").cause == "poison"
    world.source.save("p1", name="Changed")
    world.settle(hours=0.2)
    check(world)
    assert not world.state.failures.load("parents", ["p1"])


def test_a_failure_keeps_its_first_sighting_while_its_record_is_tried_again() -> None:
    world = one()
    world.target.fault = refuse(RecordRejected("group", "no group", remedy=""))
    world.source.save("p1", name="A")
    world.pull()
    world.drain()
    first = failure(world, "p1").first_seen
    world.clock.sleep(600)
    world.target.fault = refuse(RecordRejected("finops.update_conflict", "x", remedy="", repeatable=True))
    world.source.save("p1", name="B")
    world.settle(hours=0.3)
    assert failure(world, "p1").cause == "finops.update_conflict"
    assert failure(world, "p1").first_seen == first


# Records that share a request


def products(count: int, bulk: int) -> World:
    """Products that have never been written, to a target that takes `bulk` of them at once."""
    world = World(flows=PRODUCTS, limits=Limits(hints_per_message=100))
    world.stock.page_size = 100
    world.product_target.bulk = bulk
    for number in range(count):
        world.stock.save(f"i{number}", number=f"I{number}", name="x", phone=str(number))
    return world


def product_hint(count: int) -> str:
    """A message that names that many products."""
    return HintMessage("products", "run", tuple(Hint(f"i{number}") for number in range(count))).to_body()


def first_only(error: SyncError) -> Callable[[Write], SyncError | None]:
    """The first request gets no answer. Its records share that error."""
    errors = iter([error])
    return lambda _write: next(errors, None)


@pytest.mark.parametrize("lands", [True, False])
def test_a_request_of_a_hundred_records_without_an_answer_is_one_trouble_and_its_records_go_alone_then(
    lands: bool,
) -> None:
    world = products(100, bulk=100)
    target = world.product_target
    target.later = frozenset()
    target.fault, target.lands = first_only(OutcomeUnknown(System.DATAVERSE, "no answer")), lands
    world.apply(product_hint(100), "products")
    gate = world.state.control.gate(System.DATAVERSE)
    assert (gate.closed, gate.strikes) == (True, 1)
    links = world.state.links.load("products", [f"i{number}" for number in range(100)])
    assert {(each.unanswered, each.unknowns) for each in links.values()} == {(1, 1)}, (
        "suspected, as the system had answered"
    )
    world.settle()
    check(world)
    assert [len(request) for request in target.requests] == [100, *[1] * 100]
    assert world.state.failures.load("products", list(world.stock.rows)) == {}


def test_of_a_shared_request_only_the_record_that_provokes_it_is_listed_in_the_end() -> None:
    world = products(30, bulk=10)
    target = world.product_target
    target.lands = False
    target.fault = lambda write: OutcomeUnknown(System.DATAVERSE, "500") if write.id == "i7" else None
    for edit in range(12):
        world.stock.save("i20", name=f"edit {edit}")
        world.settle(hours=0.15)
    listed, _ = world.state.failures.page("products", "", 100)
    assert [(entry.id, entry.cause) for entry in listed] == [("i7", "outcome_unknown")]
    assert set(target.rows) == {f"i{number}" for number in range(30)} - {"i7"}
    target.fault = lambda _write: None
    world.settle(hours=2)
    check(world)


def test_an_outage_of_bulk_writes_for_hours_blames_nobody() -> None:
    world = products(6, bulk=3)
    world.product_target.lands = False
    world.product_target.fault = refuse(OutcomeUnknown(System.DATAVERSE, "503"))
    world.settle(hours=8)
    assert world.state.failures.page("products", "", 100)[0] == []
    world.product_target.fault = lambda _write: None
    world.settle(hours=1)
    check(world)


@pytest.mark.parametrize(
    "error",
    [
        OutcomeUnknown(System.DATAVERSE, "no answer"),
        Transient(System.DATAVERSE, "429", retry_after_s=10),
        NotSent("no time left"),
        RecordRejected("price", "no such unit", remedy="", repeatable=True),
    ],
)
@pytest.mark.parametrize("lands", [True, False])
def test_a_later_part_that_fails_leaves_the_record_dirty_and_is_made_good(error: SyncError, lands: bool) -> None:
    world = products(6, bulk=3)
    target = world.product_target
    target.later_fault, target.lands = first_only(error), lands
    world.apply(product_hint(6), "products")
    assert set(target.rows) == {f"i{number}" for number in range(6)}
    assert link(world, "i0", "products").dirty
    world.settle()
    check(world)
    assert sum(write.create for write in target.writes) == 6
    assert world.state.failures.page("products", "", 100)[0] == []


def test_a_later_part_that_is_refused_for_good_lists_the_record_and_leaves_it_dirty() -> None:
    world = products(3, bulk=3)
    refusal = RecordRejected("price", "no such unit", remedy="")
    world.product_target.later_fault = lambda write: refusal if write.id == "i1" else None
    world.settle(hours=0.2)
    listed, _ = world.state.failures.page("products", "", 100)
    assert [entry.id for entry in listed] == ["i1"]
    assert link(world, "i1", "products").dirty
    world.product_target.later_fault = lambda _write: None
    world.settle(hours=1.5)
    check(world)
    assert world.product_target.rows["i1"]["phone"] == "1"
