"""Whose turn it is to write results, when the target's rows are looked at, and how long is waited after trouble
(protocol A13)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import OutcomeUnknown, SyncError, Transient
from shared.mapping.results import ResultColumns
from shared.records import Write
from shared.state.results import Result, ResultTurn
from shared.systems import System
from tests.support.clock import START
from tests.support.doubles import WatchedTarget
from tests.support.world import World

STATE, STATUS, EVERY_S = "new_state", "new_status", 300.0


class WithStatus(ResultColumns):
    """Columns of which one shows a field of the target's row."""

    @property
    def of_target(self) -> Mapping[str, str]:
        return {STATUS: "status"}

    @property
    def look_every_s(self) -> float:
        return EVERY_S


def due(turn: ResultTurn | None = None, *, watches: bool = False) -> World:
    """A result that is due, with this turn."""
    world = World()
    world.results = {"parents": WithStatus(state=STATE) if watches else ResultColumns(state=STATE)}
    if watches:
        world.watched = {"parents": WatchedTarget(world.target, STATUS, "status")}
    else:
        world.source.save("p1", number="P1", name="Good")
        world.state.results.ask([Result("parents", "p1", "p1", {STATE: "written"})])
    if turn is not None:
        assert world.state.results.save_turn(turn) is not None
    return world


def looks(world: World) -> bool:
    before = len(world.steps.names)
    world.sweep()
    return "watched.page" in world.steps.names[before:]


def writes(world: World) -> bool:
    world.sweep()
    return bool(world.source_rows["parents"].writes)


def ago(seconds: float) -> ResultTurn:
    """A turn whose last look was finished so long ago."""
    return ResultTurn("parents", looked_at=START - timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("turn", "is_time"),
    [
        (None, True),
        (ResultTurn("parents"), True),
        (ago(0), False),
        (ago(299), False),
        (ago(300), True),
        (ago(-1), True),
        (replace(ago(0), look_walk="w1"), True),
    ],
)
def test_the_target_is_looked_at_when_the_last_look_is_old_enough_or_not_finished(
    turn: ResultTurn | None, is_time: bool
) -> None:
    assert looks(due(turn, watches=True)) is is_time


def test_rows_that_nobody_watches_are_never_looked_at() -> None:
    assert not looks(due())


@pytest.mark.parametrize(
    ("turn", "age_s", "is_ours"),
    [
        (None, 0, True),
        (ResultTurn("parents"), 0, True),
        (ResultTurn("parents", holder="other"), 599, False),
        (ResultTurn("parents", holder="other"), 600, True),
        (ResultTurn("parents", holder="other", is_unsure=True), 299, False),
        (ResultTurn("parents", holder="other", is_unsure=True), 300, True),
        (ResultTurn("parents", next_try=START + timedelta(seconds=60)), 59, False),
        (ResultTurn("parents", next_try=START + timedelta(seconds=60)), 60, True),
        (ResultTurn("parents", next_try=START + timedelta(seconds=3600)), 0, False),
        (ResultTurn("parents", next_try=START + timedelta(seconds=3601)), 0, True),
    ],
)
def test_a_turn_is_another_ones_as_long_as_its_requests_may_land_and_rests_after_trouble(
    turn: ResultTurn | None, age_s: float, is_ours: bool
) -> None:
    world = due(turn)
    world.clock.sleep(age_s)
    assert writes(world) is is_ours
    if is_ours:
        assert world.state.results.turn("parents").holder == ""


@pytest.mark.parametrize(
    ("strikes", "asked_s", "pause_s"),
    [(0, None, 60), (1, None, 120), (2, None, 240), (5, None, 1920), (6, None, 3600), (40, None, 3600),
     (0, 30.0, 60), (0, 90.0, 90), (0, 9999.0, 900)],
)  # fmt: skip
def test_trouble_is_waited_for_as_long_as_asked_and_twice_as_long_each_time_up_to_an_hour(
    strikes: int, asked_s: float | None, pause_s: float
) -> None:
    world = due(ResultTurn("parents", strikes=strikes))
    trouble = Transient(System.DATAVERSE, "busy", retry_after_s=asked_s, said="later")
    world.source_rows["parents"].fault = lambda write: trouble
    world.sweep()
    turn = world.state.results.turn("parents")
    assert (turn.holder, turn.strikes, turn.trouble, turn.said) == ("", strikes + 1, "busy", "later")
    assert turn.next_try == world.clock.now() + timedelta(seconds=pause_s)
    world.source_rows["parents"].fault = lambda write: None
    world.clock.sleep(pause_s)
    world.sweep()
    turn = world.state.results.turn("parents")
    assert (turn.strikes, turn.trouble, turn.said, turn.next_try) == (0, "", "", None)


def test_a_result_without_an_answer_keeps_the_turn_and_goes_alone_then() -> None:
    world, sent = due(), list[Write]()

    def fault(write: Write) -> SyncError | None:
        sent.append(write)
        return OutcomeUnknown(System.DATAVERSE, "no answer") if len(sent) == 1 else None

    world.source_rows["parents"].fault = fault
    world.sweep()
    turn = world.state.results.turn("parents")
    assert (bool(turn.holder), turn.is_unsure, turn.strikes) == (True, True, 0)
    world.clock.sleep(7200)
    world.sweep()
    assert [write.alone for write in sent] == [False, True]
    assert world.source.rows["p1"].values[STATE] == "written"
