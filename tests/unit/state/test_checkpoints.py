"""How far a flow has read: what each step changes, and that a checkpoint is saved as it is."""

from dataclasses import replace

import pytest

from shared.state.checkpoint_parts import MadeFor, Phase, Position, Walk
from shared.state.checkpoints import Checkpoint, Checkpoints
from shared.state.storage.memory import MemoryTable
from tests.support.clock import START, ManualClock

BEGUN = Checkpoint("parents", "e1", Walk("w1"))


def test_a_walk_is_remapped_only_by_another_mapping_than_that_of_the_walk_before() -> None:
    first = BEGUN.with_mapping("f1")
    assert [each.walk.remapped for each in (first, first.with_mapping("f1"), first.with_mapping("f2"))] == [
        False, False, True,
    ]  # fmt: skip
    assert not first.with_mapping("f2").with_mapping("f2").walk.remapped
    assert first.with_mapping("f2").made_for.fingerprint == "f2"


def test_a_phase_begins_at_its_start_and_goes_on_behind_the_last_page() -> None:
    on = BEGUN.in_phase(Phase.FULL).at("c1")
    assert (on.position.phase, on.position.cursor, on.epoch, on.walk) == (Phase.FULL, "c1", "e1", BEGUN.walk)
    assert (on.in_phase(Phase.ABSENT).position.phase, on.in_phase(Phase.ABSENT).position.cursor) == (Phase.ABSENT, None)
    counted = on.with_gone(3).with_changed(4)
    assert (counted.walk.gone, counted.walk.changed, counted.position) == (3, 4, on.position)


def test_a_flow_that_begins_anew_has_no_link_and_another_epoch() -> None:
    names = iter(["w2", "e2"])
    linked = replace(BEGUN, position=Position(Phase.FULL, cursor="c", delta_link="d", restarts=1))
    anew = linked.begun_anew(lambda: next(names), restarts=2)
    assert {anew.epoch, anew.walk.id} == {"w2", "e2"}
    assert anew.position == Position(restarts=2)


def test_a_checkpoint_is_saved_as_it_is_and_only_over_the_version_that_was_read() -> None:
    of = Checkpoints(MemoryTable(ManualClock()))
    assert of.load("parents") is None
    some = replace(BEGUN.with_mapping("f1").in_phase(Phase.FULL).at("c1").with_gone(3), current_at=START)
    lines = replace(some, source="lines", epoch="e9")
    assert of.save(some) is not None
    assert of.save(lines) is not None
    assert of.save(some) is None
    read, read_lines = of.load("parents"), of.load("parents", "lines")
    assert read is not None
    assert read_lines is not None
    assert (replace(read, etag=None), replace(read_lines, etag=None)) == (some, lines)
    assert of.save(read.at("c2")) is not None
    assert of.save(read.at("c3")) is None


@pytest.mark.parametrize("phase", Phase)
def test_the_next_walk_may_begin_where_a_delta_or_a_scan_has_ended(phase: Phase) -> None:
    assert Position(phase).is_between_walks is (phase in {Phase.DELTA, Phase.WALK})
    assert not Position(phase, cursor="c").is_between_walks


def test_the_last_five_mappings_before_todays_are_known_the_latest_first() -> None:
    made_for = MadeFor()
    for number in range(8):
        made_for = made_for.followed_by(f"f{number}").followed_by(f"f{number}")
    assert made_for == MadeFor("f7", ("f6", "f5", "f4", "f3", "f2"))
    assert made_for.followed_by("f4") == MadeFor("f4", ("f7", "f6", "f5", "f3", "f2"))
