"""What is kept of gates."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import StorageTrouble
from shared.state.control import ENVIRONMENT, BlockKind, Control, FlowControl, Gate, MetDrift
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put, Row
from shared.systems import System
from tests.support.clock import START, ManualClock


def test_of_two_workers_that_save_a_gate_at_once_one_does() -> None:
    control = Control(MemoryTable(ManualClock()))
    assert control.save_gate(Gate(System.FINOPS, strikes=1))
    met = control.gate(System.FINOPS)
    assert control.save_gate(met)
    assert not control.save_gate(met)
    assert not control.save_gate(Gate(System.FINOPS, strikes=2))
    assert control.gate(System.FINOPS).strikes == 1


def test_only_a_walk_that_was_counted_shows_numbers_when_it_is_blocked() -> None:
    drifted = FlowControl("parents").block(BlockKind.DRIFT, "a column is gone")
    assert (drifted.block_gone, drifted.block_changed, drifted.block_walk) == (0, 0, "")
    counted = drifted.block(BlockKind.THRESHOLD, "too many", "w1", gone=30)
    assert (counted.block_gone, counted.block_changed, counted.block_walk) == (30, 0, "w1")
    accepted = counted.accept()
    assert (accepted.blocked, accepted.accepted_walk, accepted.accepted_gone, accepted.accepted_changed) == (
        "", "w1", 30, 0,
    )  # fmt: skip


def control() -> Control:
    return Control(MemoryTable(ManualClock()))


EVERYTHING = FlowControl(
    "accounts",
    paused=False,
    blocked="too many",
    block_kind=BlockKind.DRIFT,
    block_walk="w2",
    block_gone=3,
    block_changed=4,
    met=MetDrift("said", "r1", START, 5),
    accepted_walk="w1",
    accepted_gone=6,
    accepted_changed=7,
    waiting_cursor="W|a",
    failures_cursor="F|a",
    history_cursor="H|a",
    keys_cursor="K",
    compared=8,
    look_again=True,
    look_cursor="L|a",
    walks=9,
    rejections_until=START + timedelta(hours=1),
)


def test_a_flow_of_which_nothing_is_known_is_paused_and_a_gate_is_open() -> None:
    assert control().flow("accounts") == FlowControl("accounts", paused=True)
    assert control().gate(System.FINOPS) == Gate(System.FINOPS, closed=False)


def test_a_flow_without_its_block_shows_nothing_of_it_and_keeps_the_rest() -> None:
    kept = {"blocked": "", "block_kind": None, "block_walk": "", "block_gone": 0, "block_changed": 0, "met": None}
    assert EVERYTHING.unblock() == replace(EVERYTHING, **kept)  # type: ignore[arg-type]
    again = EVERYTHING.block(BlockKind.THRESHOLD, "why", "w3", changed=9)
    assert (again.met, again.block_gone, again.block_changed) == (None, 0, 9)
    assert EVERYTHING.block_by(MetDrift("s", "", START, 1), "why").met == MetDrift("s", "", START, 1)


def test_both_limits_of_one_walk_can_be_accepted_and_those_of_another_walk_count_no_more() -> None:
    first = FlowControl("accounts").block(BlockKind.THRESHOLD, "gone", "w1", gone=30).accept()
    both = first.block(BlockKind.THRESHOLD, "changed", "w1", changed=50).accept()
    other = both.block(BlockKind.THRESHOLD, "changed", "w2", changed=60).accept()
    accepted = [(each.accepted_walk, each.accepted_gone, each.accepted_changed) for each in (first, both, other)]
    assert accepted == [("w1", 30, 0), ("w1", 30, 50), ("w2", 0, 60)]
    drifted = both.block(BlockKind.DRIFT, "a column is gone").accept()
    assert (drifted.blocked, drifted.accepted_walk, drifted.accepted_gone) == ("", "w1", 30)


@pytest.mark.parametrize(("others", "is_saved"), [(0, True), (4, True), (5, False)])
def test_a_row_that_others_change_all_the_time_is_tried_five_times(others: int, is_saved: bool) -> None:
    of, tries = control(), list[int]()

    def change(now: FlowControl) -> FlowControl:
        tries.append(now.walks)
        if len(tries) <= others:
            assert of.save_flow(replace(now, compared=len(tries)))
        return replace(now, walks=1)

    if is_saved:
        assert of.change_flow("accounts", change) is not None
        assert (of.flow("accounts").walks, of.flow("accounts").compared) == (1, others)
    else:
        with pytest.raises(StorageTrouble, match="could not be saved in 5 rounds"):
            of.change_flow("accounts", change)
    assert len(tries) == min(others + 1, 5)


def test_a_look_is_asked_for_once() -> None:
    of = control()
    of.ask_to_look_again("accounts")
    asked = of.flow("accounts")
    of.ask_to_look_again("accounts")
    assert (asked.look_again, of.flow("accounts").etag) == (True, asked.etag)


def test_an_environment_is_stored_once_and_accepted_instead_of_the_one_that_was_shown() -> None:
    of, old, new = control(), {"company": "usmf"}, {"company": "dat"}
    assert of.environment("accounts") is None
    assert not of.accept_environment("accounts", new, old)
    assert of.store_environment("accounts", old)
    assert not of.store_environment("accounts", new)
    assert not of.accept_environment("accounts", new, {"company": "other"})
    assert not of.replace_unreadable_environment("accounts", new)
    assert of.environment("accounts") == old
    assert of.accept_environment("accounts", new, old)
    assert of.environment("accounts") == new


def test_an_environment_that_cannot_be_read_is_replaced() -> None:
    of = control()
    of.table.transact([Put(Row("accounts", ENVIRONMENT, {"company": 5}))])
    assert of.replace_unreadable_environment("accounts", {"company": "usmf"})
    assert of.environment("accounts") == {"company": "usmf"}
    assert not control().replace_unreadable_environment("accounts", {"company": "usmf"})


def test_a_drift_that_is_over_keeps_its_strikes_and_one_that_an_operator_lifts_does_not() -> None:
    met = MetDrift("said", "r1", START, 5)
    drifted = FlowControl("accounts").block_by(met, "why")
    assert (drifted.blocked, drifted.block_kind) == ("why", BlockKind.DRIFT)
    assert drifted.release() == replace(FlowControl("accounts"), met=met)
    assert drifted.unblock() == drifted.accept() == FlowControl("accounts")


def test_a_change_that_changes_nothing_writes_nothing() -> None:
    of = control()
    assert of.change_flow("accounts", lambda now: None) is None
    assert of.flow("accounts").etag is None


@pytest.mark.parametrize(
    ("name", "cursor", "is_read"),
    [
        ("waiting_cursor", "", True),
        ("waiting_cursor", "W|accounts|customer|p|c ", True),
        ("waiting_cursor", "F|1", False),
        ("waiting_cursor", "W", False),
        ("waiting_cursor", "W|a/b", False),
        ("waiting_cursor", "W|" + "x" * 511, True),
        ("waiting_cursor", "W|" + "x" * 512, False),
        ("failures_cursor", "F|1 ", True),
        ("failures_cursor", "W|1 ", False),
        ("history_cursor", "H|1 ", True),
        ("history_cursor", "L|1 ", False),
        ("look_cursor", "L|1 ", True),
        ("look_cursor", "H|1 ", False),
        ("keys_cursor", "anything", True),
    ],
)
def test_only_a_key_of_its_own_kind_of_rows_is_a_place_to_continue_from(name: str, cursor: str, is_read: bool) -> None:
    of = control()
    assert of.save_flow(FlowControl("accounts", paused=False, **{name: cursor}))  # type: ignore[arg-type]
    found = of.flow("accounts")
    assert (getattr(found, name), found.block_kind) == ((cursor, None) if is_read else ("", BlockKind.STATE))
    assert found.look_again is not is_read


def test_a_gate_is_read_with_its_age_by_the_clock_of_the_storage() -> None:
    clock = ManualClock()
    of = Control(MemoryTable(clock))
    assert of.save_gate(Gate(System.FINOPS, closed=True))
    clock.sleep(7)
    assert [of.gate(System.FINOPS).age_s, of.at_once().gate(System.FINOPS).age_s] == [7, 7]
    assert of.gate(System.DATAVERSE) == Gate(System.DATAVERSE)
