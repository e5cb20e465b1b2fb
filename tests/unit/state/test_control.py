"""What is kept of gates."""

from shared.state.control import BlockKind, Control, FlowControl, Gate
from shared.state.storage.memory import MemoryTable
from shared.systems import System
from tests.support.clock import ManualClock


def test_of_a_long_reason_its_beginning_is_kept() -> None:
    control = Control(MemoryTable(ManualClock()))
    assert control.save_gate(Gate(System.FINOPS, closed=True, reason="r" * 9000, said="s" * 9000))
    gate = control.gate(System.FINOPS)
    assert gate.closed
    assert (gate.reason, gate.said) == ("r" * 2000, "s" * 2000)


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
