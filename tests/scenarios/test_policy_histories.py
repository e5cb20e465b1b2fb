"""Policies in any history of edits on both sides, with lost answers, refusals and crashes: nothing that people have put
into the target is written over unless the source is to win, and nothing of ours stays there that is outdated."""

import contextlib
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import OutcomeUnknown, SyncError, Transient
from shared.operations.audit_log import Refused
from shared.records import Json, Write
from shared.state.links import Link, LinkState
from shared.sync.flow import OnConflict, OnTargetDeleted
from shared.systems import System
from tests.support.doubles import FakeTarget
from tests.support.steps import Crash
from tests.support.thinned import few_examples, share, share_of_steps
from tests.support.world import World

SOURCE_WINS, TARGET_WINS, STOP = OnConflict.SOURCE_WINS, OnConflict.TARGET_WINS, OnConflict.STOP
FIELDS = ("name", "phone")


@dataclass
class Watched(FakeTarget):
    """A target in which people's values are known: `lost` are those that a write has replaced."""

    theirs: dict[str, Json] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    def people_change(self, name: str, value: str) -> None:
        """Somebody changes the only row, where there is one."""
        if "p1" in self.rows:
            self.put_by_hand("P1", **{name: value})
            self.theirs[name] = value

    def _land(self, write: Write) -> SyncError | None:
        there = self.rows.get(write.key.casefold(), {})
        for name, value in write.values.items():
            if name in self.theirs and there.get(name) == self.theirs[name] != value:
                self.lost.append(name)
        return super()._land(write)


@cache
def in_step() -> World:
    """One record in step."""
    world = World(flows=("parents",))
    world.target = Watched(world.steps, world.clock)
    world.source.save("p1", number="P1", name="ours 0", phone="ours 0")
    world.settle()
    assert set(world.target.rows) == {"p1"}
    return world


def world_with(conflict: OnConflict, deleted: OnTargetDeleted = OnTargetDeleted.RECREATE) -> tuple[World, Watched]:
    """One record in step, and its policies."""
    world = deepcopy(in_step())
    world.policies["parents"] = conflict, deleted
    assert isinstance(world.target, Watched)
    return world, world.target


def tick(world: World) -> None:
    """A pull and what follows, survived."""
    for step in (world.pull, world.drain):
        with contextlib.suppress(Crash, SyncError):
            step()
    world.clock.sleep(60)


def link(world: World) -> Link:
    return world.state.links.load("parents", ["p1"])["p1"]


def decide(world: World, system: System) -> tuple[str, ...]:
    """An operator decides a conflict for one side; the fields that were in conflict."""
    service = world.service()
    resolving = service.resolving("parents")
    try:
        shown = resolving.look("p1")
        takes = {each.field: system for each in shown.fields}
        resolving.resolve(shown, takes, "as agreed", service.audit_log("operator"))
    except (Refused, SyncError):
        return ()
    return tuple(takes)


# Edits, also such that their write gets no clear answer, or is throttled.
EDITS = st.tuples(st.sampled_from(["source", "people", "lost", "unsent", "throttled"]), st.sampled_from(FIELDS))
TIMES = st.tuples(st.sampled_from(["tick", "wait", "repair"]), st.just(""))
CRASHES = st.tuples(st.just("crash"), st.integers(1, 30))
HISTORIES = st.lists(st.one_of(EDITS, EDITS, TIMES, CRASHES), min_size=1, max_size=12)


def unanswered(_: Write) -> SyncError:
    return OutcomeUnknown(System.FINOPS, "no answer")


def throttled(_: Write) -> SyncError:
    return Transient(System.FINOPS, "throttled", retry_after_s=30.0)


def play(world: World, target: Watched, history: list[tuple[str, object]]) -> None:
    for at, (deed, what) in enumerate(history, 1):
        match deed:
            case "source":
                world.source.save("p1", **{str(what): f"ours {at}"})
            case "people":
                target.people_change(str(what), f"theirs {at}")
            case "lost" | "unsent" | "throttled":
                world.source.save("p1", **{str(what): f"ours {at}"})
                target.lands = deed == "lost"
                target.fault = throttled if deed == "throttled" else unanswered
                tick(world)
                target.fault = lambda _: None
            case "crash":
                world.steps.crash_at(world.steps.count + int(str(what)))
            case "repair":
                with contextlib.suppress(Crash, SyncError):
                    service = world.service()
                    drifted = list(service.reconciling("parents").drifted())
                    service.reconciling("parents").repair(drifted, service.audit_log("operator"), service.sender)
            case _:
                tick(world)
                if deed == "wait":
                    world.settle()
    world.settle()


@pytest.mark.parametrize("conflict", OnConflict)
@few_examples()
@given(history=HISTORIES)
def test_what_people_put_there_is_lost_only_if_the_source_is_to_win_and_nothing_of_ours_is_outdated(
    conflict: OnConflict, history: list[tuple[str, object]]
) -> None:
    world, target = world_with(conflict)
    play(world, target, history)
    if conflict is not SOURCE_WINS:
        assert target.lost == []
    stopped = link(world).state is LinkState.REJECTED
    row, source = target.rows["p1"], world.source.rows["p1"].values
    theirs = [name for name in FIELDS if name in target.theirs and row[name] == target.theirs[name]]
    assert all(row[name] == source[name] for name in FIELDS if name not in theirs) or stopped
    # Only what people have put there stops a record.
    assert not stopped or (conflict is STOP and any(row[name] != source[name] for name in theirs))
    # Perhaps people have changed it once more since it was looked at.
    for kept in link(world).content.kept.values():
        assert conflict is TARGET_WINS
        assert str(kept).startswith("theirs")
    assert link(world).content.sent == () or stopped


@pytest.mark.parametrize("conflict", [STOP, TARGET_WINS])
@few_examples()
@given(history=HISTORIES, taken=st.sampled_from(System))
def test_after_a_decision_both_systems_hold_what_was_decided(
    conflict: OnConflict, history: list[tuple[str, object]], taken: System
) -> None:
    world, target = world_with(conflict)
    play(world, target, history)
    before = dict(target.rows["p1"])
    decided = decide(world, taken)
    if not decided:
        assert link(world).state is LinkState.WRITTEN
        return
    world.settle()
    assert link(world).state is LinkState.WRITTEN
    assert world.state.failures.load("parents", ["p1"]) == {}
    for name in decided:
        ours = world.source.rows["p1"].values[name]
        assert target.rows["p1"][name] == (ours if taken is System.DATAVERSE else before[name])
    settled = dict(target.rows["p1"])
    world.settle()
    assert target.rows["p1"] == settled


def contested(conflict: OnConflict, deleted: OnTargetDeleted) -> tuple[World, Watched]:
    """A record of which one field is in conflict, or whose row is gone, and another one has changed."""
    world, target = world_with(conflict, deleted)
    if deleted is OnTargetDeleted.RECREATE:
        target.people_change("name", "theirs")
    else:
        target.take_by_hand("P1")
    world.source.save("p1", name="ours 1", phone="ours 1")
    return world, target


def ends(world: World, target: Watched) -> object:
    """What both systems, and the sync, hold at last."""
    at, failures = link(world), world.state.failures.load("parents", ["p1"])
    causes = [failure.cause for failure in failures.values()]
    return target.rows, at.state, at.rule, at.content.kept, causes, at.claim.id, target.lost


CONTESTED = [
    (TARGET_WINS, OnTargetDeleted.RECREATE, None),
    (STOP, OnTargetDeleted.RECREATE, None),
    (STOP, OnTargetDeleted.RECREATE, System.DATAVERSE),
    (STOP, OnTargetDeleted.RECREATE, System.FINOPS),
    (SOURCE_WINS, OnTargetDeleted.UNLINK, None),
    (STOP, OnTargetDeleted.UNLINK, None),
    (SOURCE_WINS, OnTargetDeleted.LIST, None),
]


@pytest.mark.parametrize(("conflict", "deleted", "taken"), CONTESTED)
@share_of_steps(5)
def test_a_crash_at_any_step_ends_as_if_there_was_none(
    conflict: OnConflict, deleted: OnTargetDeleted, taken: System | None, every: int
) -> None:
    before, _ = contested(conflict, deleted)
    if taken is not None:
        before.settle()
        assert decide(before, taken)

    def begun() -> tuple[World, Watched]:
        world = deepcopy(before)
        assert isinstance(world.target, Watched)
        return world, world.target

    world, target = begun()
    first = world.steps.count
    tick(world)
    steps = world.steps.count - first
    world.settle()
    expected = ends(world, target)
    tried = share(range(1, steps + 1), every, CONTESTED.index((conflict, deleted, taken)))
    assert len(tried) > 20 / every
    for step in tried:
        world, target = begun()
        world.steps.crash_at(world.steps.count + step)
        tick(world)
        world.settle()
        assert ends(world, target) == expected, f"a crash at step {step}"


def test_a_kept_value_stays_though_the_source_is_emptied_and_filled_again() -> None:
    world, target = world_with(TARGET_WINS)
    target.people_change("name", "theirs")
    for value in ("ours 1", None, "ours 2"):
        world.source.save("p1", name=value)
        world.settle()
        assert target.rows["p1"]["name"] == "theirs"
    assert link(world).content.kept == {"name": "theirs"}


def test_texts_of_which_no_more_can_be_remembered_list_their_record_and_nothing_else_fails() -> None:
    world, target = world_with(STOP)
    texts = [letter * 11_000 for letter in "abcd"]
    target.fault = unanswered
    for text in texts:
        world.source.save("p1", name=text)
        tick(world)
        world.clock.sleep(600)
    failure = world.state.failures.load("parents", ["p1"])["p1"]
    assert failure.cause == "state_too_large"
    target.fault = lambda _: None
    world.source.save("p1", name="short")
    world.settle()
    assert (target.rows["p1"]["name"], link(world).state) == ("short", LinkState.WRITTEN)
    assert not world.state.failures.load("parents", ["p1"])


def test_a_decision_of_which_no_room_is_left_is_refused_and_nothing_is_noted() -> None:
    world, target = world_with(STOP)
    target.people_change("name", "theirs")
    world.source.save("p1", name="a" * 40_000)
    world.settle()
    service, before = world.service(), link(world)
    resolving = service.resolving("parents")
    shown = resolving.look("p1")
    takes = {each.field: System.FINOPS for each in shown.fields}
    with pytest.raises(Refused, match=r"P1 cannot be decided: .*65536 fit.*shorten its texts in the source"):
        resolving.resolve(shown, takes, "as agreed", service.audit_log("operator"))
    assert link(world) == before
    assert not service.state.audit.latest(1)
