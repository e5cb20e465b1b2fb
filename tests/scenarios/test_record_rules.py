"""What a commit leaves to be read, and whom it wakes (protocol A9, A11)."""

from collections.abc import Mapping, Sequence

import pytest

from shared.errors import NotSent, RecordRejected, SchemaDrift
from shared.records import SourceRow
from shared.state.failures import Failure
from shared.state.history import Histories
from shared.state.links import LinkState
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Stored
from shared.sync.flow_states import MOST_COUNTED, Observing
from shared.sync.gates import LONGEST_DRIFT_PAUSE_S
from shared.sync.hints import read_message
from shared.systems import System
from tests.scenarios.test_apply_rules import claim_as_other, family, hint, link, one, refuse, unknown
from tests.scenarios.test_pull_rules import filled
from tests.support.events import Heard
from tests.support.world import World


def outcomes(world: World, id: str = "p1") -> list[str]:
    """What the history of a record says, the oldest first."""
    entries = Histories(world.links_table).latest("parents", id, 100)
    return [entry.outcome.partition(":")[0] for entry in reversed(entries)]


def test_a9_the_history_tells_what_was_done_and_not_what_was_found_in_step() -> None:
    world = one()
    world.apply(hint("p1"))
    assert outcomes(world) == ["created"]
    world.source.save("p1", name="Second")
    world.settle()
    world.target.fault = refuse(RecordRejected("finops.refused", "no", remedy="mend it", sent=True))
    world.source.save("p1", name="Third")
    world.pull()
    world.drain()
    assert outcomes(world) == ["created", "updated", "rejected"]
    world.clock.sleep(60)
    world.source.remove("p1")
    world.settle()
    assert outcomes(world)[-1] == "deleted"


def test_a11_a_parent_that_is_refused_releases_none_of_its_children() -> None:
    world = family()
    world.source.save("p1", number="P1", name="Parent")
    world.target.fault = refuse(RecordRejected("finops.refused", "no", remedy="mend it", sent=True))
    world.pull()
    world.drain(["parents"])
    assert not link(world, "p1").linked
    assert world.queues.bodies("children") == []


def test_a11_a_parent_that_is_written_again_releases_none_of_its_children() -> None:
    world = family()
    world.source.save("p1", number="P1", name="Parent")
    world.settle()
    world.source.save("p1", name="Renamed")
    world.pull()
    world.drain(["parents"])
    assert world.queues.bodies("children") == []


@pytest.mark.parametrize("in_doubt", [False, True])
def test_a8_a_record_that_ends_when_its_target_row_is_gone_ends_and_makes_none(in_doubt: bool) -> None:
    world = World(hold_on_end=True)
    world.source.save("p1", number="P1", name="First")
    world.settle()
    if in_doubt:
        world.target.fault, world.target.lands = unknown(), False
    world.source.remove("p1")
    world.target.rows.clear()
    world.settle()
    assert world.target.rows == {}
    assert link(world, "p1").state is LinkState.DELETED
    assert outcomes(world)[-1] == "deleted"
    assert world.state.failures.load("parents", ["p1"]) == {}


def test_f1_a_drift_that_the_target_meets_blocks_until_the_target_can_be_looked_up_again(heard: Heard) -> None:
    world = one()
    world.target.trouble = drifting
    world.gates().meet(SchemaDrift(System.FINOPS, "field x is gone"), world.service().flows["parents"], run="r")
    world.clock.sleep(2 * LONGEST_DRIFT_PAUSE_S)
    world.sweep()
    assert "field x is gone" in world.state.control.flow("parents").blocked
    assert heard.of("flow_released") == []
    world.target.trouble = None
    world.clock.sleep(2 * LONGEST_DRIFT_PAUSE_S)
    world.sweep()
    assert world.state.control.flow("parents").blocked == ""
    (told,) = heard.of("flow_released", flow="parents")
    assert "field x is gone" in told["reason"]


def drifting(_call: str) -> None:
    """A target that has lost a field."""
    raise SchemaDrift(System.FINOPS, "field x is gone")


def test_f1_a_drift_that_blocks_a_flow_is_reported_once(heard: Heard) -> None:
    world = one()
    flow = world.service().flows["parents"]
    for run in ("r1", "r2"):
        world.gates().meet(SchemaDrift(System.FINOPS, "column x is gone"), flow, run=run)
    (told,) = heard.of("flow_blocked", flow="parents")
    assert told["run"] == "r1"
    assert "column x is gone" in told["reason"]


def test_of_a_long_list_of_failures_so_many_are_counted_and_no_more() -> None:
    world = World()
    now = world.clock.now()
    flow = world.service().flows["parents"]
    observing = Observing("run", state=world.state, queues=world.queues, clock=world.clock)
    listed = 0
    for count, counted in ((MOST_COUNTED - 1, MOST_COUNTED - 1), (MOST_COUNTED + 1, MOST_COUNTED)):
        for number in range(listed, count):
            world.state.failures.put(
                Failure("parents", f"{number:06}", "finops.refused", "no", "mend it", first_seen=now, last_seen=now)
            )
        listed = count
        assert observing.flow(flow).failures_open == counted


def test_p4_the_pages_of_a_walk_do_not_count_the_links_again_and_again() -> None:
    world = filled(400)
    world.source.page_size = 400
    world.settle()
    for number in range(60):
        world.source.save(f"p{number}", name="Changed")
    world.source.page_size = 10
    counted, scan = [0], world.links_table.scan

    def counting(partition: str, *, start: str, end: str, limit: int) -> Sequence[Stored]:
        found = scan(partition, start=start, end=end, limit=limit)
        counted[0] += len(found)
        return found

    object.__setattr__(world.links_table, "scan", counting)
    world.pull()
    assert world.state.control.flow("parents").blocked == ""
    assert 0 < counted[0] < 3 * 400


def test_a3_records_that_another_worker_holds_are_counted_as_busy(heard: Heard) -> None:
    world = one()
    claim_as_other(world, "p1")
    world.apply(hint("p1"))
    assert heard.of("batch_applied")[-1]["busy"] == 1


def test_two_records_for_which_the_source_has_no_time_come_back_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    for id in ("p1", "p2"):
        world.source.save(id, number=id, name="x")

    def read(ids: Sequence[str]) -> Mapping[str, SourceRow]:
        raise NotSent("no time is left")

    with monkeypatch.context() as patched:
        patched.setattr(world.source, "read", read)
        world.apply(hint("p1", "p2"))
    sent = [[each.id for each in read_message(body).hints] for body in world.queues.bodies("parents")]
    assert sorted(sent) == [["p1"], ["p2"]]


def looked_at(world: World, *ids: str) -> dict[str, str]:
    """What a look at records says: the cause of a refusal, or what would be done."""
    found = world.service().examining.examine(world.service().flows["parents"], ids)
    return {each.id: each.failure.cause if each.failure is not None else str(each.kind) for each in found}


def test_a6_a_look_names_a_key_that_is_taken_and_takes_none() -> None:
    world = one()
    world.source.save("p2", number="P1", name="Second")
    world.source.save("p3", number="P3", name="Third")
    world.source.save("p4", number="P3", name="Fourth")
    keys = world.state.keys
    assert isinstance(keys, MemoryTable)
    before = keys.content()
    assert looked_at(world, "p2", "p3", "p4") == {"p2": "key_taken", "p3": "created", "p4": "key_taken"}
    assert keys.content() == before


def test_a6_a_look_names_a_key_whose_owner_has_lost_its_row() -> None:
    world = one()
    world.target.rows.clear()
    world.source.save("p2", number="P1", name="Late")
    assert looked_at(world, "p2") == {"p2": "key_taken"}
