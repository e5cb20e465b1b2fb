"""What a sweep brings back, and what it tells (protocol A1, F2, F4, W1, W4)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import SchemaDrift, SystemTrouble, Transient
from shared.mapping.verdicts import Filter, Parent
from shared.state.control import BlockKind, FlowControl, MetDrift
from shared.state.failures import Failure
from shared.state.links import Link, LinkState
from shared.state.storage.queues import hold_queue
from shared.state.storage.tables import Insert
from shared.state.waiting import Wait
from shared.sync.drift_probe import Probing
from shared.sync.flow import Flow
from shared.sync.hints import Hint, HintMessage, Why, read_message
from shared.sync.limits import Limits
from shared.sync.rejections import RejectionLimit
from shared.sync.sweep import Sweep
from shared.systems import System
from tests.support.clock import START
from tests.support.doubles import ROUTE
from tests.support.events import Heard, listening
from tests.support.world import World

PARENT = Link("parents", "p", route=ROUTE, state=LinkState.WRITTEN, target_key="P", held_key="P")
WAIT = Wait("children", "c", "parents", ROUTE, "p")
PARKED = replace(WAIT, is_parked=True)
CHILD = Link("children", "c", state=LinkState.WAITING, waits=(WAIT.key,))
PARKED_CHILD = replace(CHILD, state=LinkState.FILTERED)
FILTERED = replace(PARENT, state=LinkState.FILTERED, target_key=None)


@dataclass
class Swept:
    """What a sweep has sent."""

    world: World
    heard: Heard

    def to(self, flow: str) -> list[tuple[Hint, Why | None]]:
        messages = [read_message(body) for body in self.world.queues.bodies(flow)]
        assert all(message.run == "run" for message in messages)
        return [(hint, message.why) for message in messages for hint in message.hints]


def world_of(*links: Link, waits: Sequence[Wait] = (), failures: Sequence[Failure] = (), **limits: Any) -> World:
    world = World(limits=Limits(**limits))
    for link in links:
        world.links_table.transact([Insert(link.to_row())])
    for wait in waits:
        world.links_table.transact([Insert(wait.to_row())])
    for failure in failures:
        world.state.failures.put(failure)
    return world


def swept(world: World, flows: Callable[[Mapping[str, Flow]], Mapping[str, Flow]] = lambda flows: flows) -> Swept:
    service = world.service()
    with listening() as heard:
        Sweep(
            flows(service.flows), "run", gates=service.gates, state=service.state, queues=world.queues,
            clock=world.clock, limits=service.limits,
        ).run()  # fmt: skip
    assert heard.breaches == set()
    return Swept(world, heard)


@pytest.mark.parametrize(
    ("child", "parent", "wait", "is_sent"),
    [
        (CHILD, None, WAIT, False),
        (CHILD, PARENT, WAIT, True),
        (CHILD, replace(PARENT, route="person"), WAIT, False),
        (CHILD, FILTERED, WAIT, True),
        (CHILD, replace(FILTERED, state=LinkState.REJECTED), WAIT, False),
        (PARKED_CHILD, FILTERED, PARKED, False),
        (PARKED_CHILD, PARENT, PARKED, True),
        (PARKED_CHILD, None, PARKED, True),
        (PARKED_CHILD, replace(FILTERED, state=LinkState.WAITING), PARKED, True),
        (replace(PARKED_CHILD, state=LinkState.WAITING), FILTERED, PARKED, True),
    ],
)
def test_a_child_goes_on_when_its_parent_has_moved(child: Link, parent: Link | None, wait: Wait, is_sent: bool) -> None:
    found = swept(world_of(child, *([parent] if parent else []), waits=[wait]))
    assert found.to("children") == ([(Hint("c", released=True), Why.RELEASED)] if is_sent else [])
    sent = found.heard.of("records_sent_again", flow="children", run="run")
    assert [event["records"] for event in sent] == ([1] if is_sent else [])
    assert found.world.state.waits.page("children", "", 9)[0] == [wait]


def test_a_child_with_several_parents_goes_on_once_if_any_of_them_has_moved() -> None:
    other = replace(WAIT, parent="q")
    child = replace(CHILD, waits=(WAIT.key, other.key))
    assert len(swept(world_of(child, PARENT, waits=[WAIT, other])).to("children")) == 1
    parked = [replace(each, is_parked=True) for each in (WAIT, other)]
    kept_off = replace(child, state=LinkState.FILTERED)
    assert swept(world_of(kept_off, PARENT, replace(FILTERED, id="q"), waits=parked)).to("children") == []


@pytest.mark.parametrize(
    ("child", "is_sent"),
    [(replace(CHILD, waits=()), False), (replace(CHILD, state=LinkState.NEW, waits=()), False), (None, True)],
)
def test_a_wait_that_its_record_does_not_name_is_removed_and_a_record_without_a_link_is_looked_at(
    child: Link | None, is_sent: bool
) -> None:
    found = swept(world_of(*([child] if child else []), waits=[WAIT]))
    assert found.world.state.waits.page("children", "", 9)[0] == []
    assert found.to("children") == ([(Hint("c"), Why.AGAIN)] if is_sent else [])


def test_waits_are_looked_through_page_by_page_over_several_sweeps() -> None:
    children = [replace(CHILD, id=id, waits=(replace(WAIT, child=id).key,)) for id in "abc"]
    world = world_of(PARENT, *children, waits=[replace(WAIT, child=id) for id in "abc"], sweep_rows=2)
    assert [hint.id for hint, _ in swept(world).to("children")] == ["a", "b"]
    assert world.state.control.flow("children").waiting_cursor != ""
    assert [hint.id for hint, _ in swept(world).to("children")] == ["a", "b", "c"]
    assert world.state.control.flow("children").waiting_cursor == ""


LOOK = Wait("children", "c", "parents", Parent.LOOK, "p")


@pytest.mark.parametrize(
    ("age_s", "wait", "state", "queued", "closed", "is_asked"),
    [
        (300, LOOK, LinkState.WRITTEN, 0, False, True),
        (299, LOOK, LinkState.WRITTEN, 0, False, False),
        (300, replace(LOOK, is_parked=True), LinkState.WRITTEN, 0, False, False),
        (300, WAIT, LinkState.NEW, 0, False, False),
        (300, LOOK, LinkState.WAITING, 0, False, False),
        (300, LOOK, LinkState.WRITTEN, 3, False, True),
        (300, LOOK, LinkState.WRITTEN, 4, False, False),
        (300, LOOK, LinkState.WRITTEN, 0, True, False),
    ],
)
def test_a_look_that_was_not_answered_for_five_minutes_is_asked_for_again_where_one_would_help(
    age_s: float, wait: Wait, state: LinkState, queued: int, closed: bool, is_asked: bool
) -> None:
    child = replace(CHILD, state=LinkState.FILTERED if wait.is_parked else LinkState.WAITING, waits=(wait.key,))
    parent = replace(PARENT, state=state, target_key=None)
    world = world_of(child, parent, waits=[wait], sweep_messages=3)
    message = HintMessage("parents", "run", (Hint("x"),)).to_body()
    for _ in range(queued):
        world.queues.send("parents", message)
    if closed:
        world.state.control.change_flow("parents", lambda now: replace(now, paused=True))
    world.clock.sleep(age_s)
    found = [each for each in swept(world).to("parents") if each[0].id != "x"]
    assert found == ([(Hint("p", awaited=True), Why.RELEASED)] if is_asked else [])


@pytest.mark.parametrize(("passes", "is_asked"), [(True, False), (False, True)])
def test_a_record_whose_filter_passes_by_itself_is_not_asked_for(passes: bool, is_asked: bool) -> None:
    parent = replace(PARENT, state=LinkState.FILTERED, target_key=None, rule="soon")
    world = world_of(replace(CHILD, waits=(LOOK.key,)), parent, waits=[LOOK])
    world.clock.sleep(300)

    def with_rule(flows: Mapping[str, Flow]) -> Mapping[str, Flow]:
        rules = {"soon": Filter("it is not finished", "wait", passes=passes)}
        return {**flows, "parents": replace(flows["parents"], filters=rules)}

    assert bool(swept(world, with_rule).to("parents")) is is_asked


FAILURE = Failure("parents", "f", "bad", "m", "r", START, START, tries=2, next_try=START)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("next_try", "is_due"),
    [
        (START, True),
        (START - HOUR, True),
        *((START + each * HOUR, each > 24) for each in (1, 24, 25)),
        (None, False),
    ],
)
def test_a_failure_is_tried_when_it_is_due_and_then_after_a_longer_time(next_try: Any, is_due: bool) -> None:
    world = world_of(failures=[replace(FAILURE, next_try=next_try)])
    found = swept(world)
    assert found.to("parents") == ([(Hint("f"), Why.RETRY)] if is_due else [])
    (failure,) = world.state.failures.page("parents", "", 9)[0]
    assert (failure.tries, failure.next_try) == ((3, START + 8 * HOUR) if is_due else (2, next_try))


def test_failures_are_tried_page_by_page_in_messages_and_as_far_as_there_is_time() -> None:
    failures = [replace(FAILURE, id=id) for id in "abcde"]
    world = world_of(failures=failures, sweep_rows=4, hints_per_message=2)
    assert [len(read_message(body).hints) for body in swept(world).world.queues.bodies("parents")] == [2, 2]
    assert world.state.control.flow("parents").failures_cursor != ""
    assert len(swept(world).to("parents")) == 5
    assert world.state.control.flow("parents").failures_cursor == ""
    slow = world_of(failures=failures, hints_per_message=2, run_budget_s=10)
    slow.queues.step = lambda name: slow.clock.sleep(10 if name == "send parents" else 0)
    assert len(swept(slow).to("parents")) == 2
    assert slow.state.control.flow("parents").failures_cursor == ""
    assert sum(each.tries == 3 for each in slow.state.failures.page("parents", "", 9)[0]) == 2


@pytest.mark.parametrize(
    ("held", "at_most", "returned"), [(3, 320, 3), (33, 320, 33), (70, 33, 64), (70, 32, 32), (0, 320, 0)]
)
def test_held_messages_return_as_they_are_and_little_more_than_so_many_at_a_time(
    held: int, at_most: int, returned: int
) -> None:
    world = world_of(sweep_messages=at_most)
    bodies = [HintMessage("parents", "run", (Hint(f"{number}"),), "e1").to_body() for number in range(held)]
    for body in bodies:
        world.queues.send(hold_queue("parents"), body)
    found = swept(world)
    assert world.queues.bodies("parents") == bodies[:returned]
    assert world.queues.depth(hold_queue("parents")) == held - returned
    told = [event["messages"] for event in found.heard.of("held_returned", flow="parents", run="run")]
    assert told == ([returned] if returned else [])


@pytest.mark.parametrize("why", ["paused", "system"])
def test_a_flow_that_must_not_run_is_left_out_and_its_state_is_told_all_the_same(why: str) -> None:
    world = world_of(failures=[FAILURE])
    if why == "paused":
        world.state.control.change_flow("parents", lambda now: replace(now, paused=True))
    else:
        world.gates().close(Transient(System.FINOPS, "busy", retry_after_s=600))
    found = swept(world)
    assert found.to("parents") == []
    (told,) = found.heard.of("sweep_skipped", flow="parents", run="run")
    assert ("is paused" in told["reason"]) is (why == "paused")
    assert len(found.heard.of("flow_state", run="run")) == 2
    assert len(found.heard.of("gate_state", run="run")) == 2


def test_the_state_of_a_flow_is_told_as_it_is() -> None:
    world = world_of(
        CHILD, waits=[WAIT, replace(PARKED, child="d")],
        failures=[replace(FAILURE, next_try=None), replace(FAILURE, id="g", next_try=None, dismissed="fine")],
    )  # fmt: skip
    world.state.control.change_flow("children", lambda now: replace(now, paused=True))
    world.state.control.change_flow("parents", lambda now: now.block(BlockKind.DRIFT, "why"))
    world.queues.send("parents", "x")
    world.queues.send("parents", "y", delay_s=999)
    world.clock.sleep(100.6)
    heard = swept(world).heard
    (parents,) = heard.of("flow_state", flow="parents")
    (children,) = heard.of("flow_state", flow="children")
    assert (parents["paused"], parents["blocked"], parents["checkpoint_age_s"]) == (False, "why", None)
    assert (parents["queued"], parents["queued_s"], parents["poison_s"]) == (2, 101, None)
    assert (parents["failures_open"], parents["waiting"], parents["waiting_s"]) == (1, 0, None)
    assert (children["paused"], children["waiting"], children["waiting_s"]) == (True, 1, 101)
    assert (children["queued"], children["queued_s"], children["held"], children["poison"]) == (0, None, 0, 0)


REJECTED = replace(FAILURE, first_seen=START)


@pytest.mark.parametrize(
    ("limit", "age_s", "change", "control", "blocks"),
    [
        (2, 0, {}, {}, True),
        (3, 0, {}, {}, False),
        (0, 0, {}, {}, False),
        (2, 599, {}, {}, True),
        (2, 600, {}, {}, False),
        (2, 0, {"dismissed": "fine"}, {}, False),
        (2, 0, {"cause": "other"}, {}, False),
        (2, 5, {}, {"rejections_until": START}, False),
        (2, 5, {}, {"rejections_until": START - HOUR}, True),
        (2, 0, {}, {"paused": True}, False),
        (2, 0, {}, {"blocked": "before"}, False),
    ],
)
def test_more_rejections_of_one_cause_than_the_limit_within_some_minutes_block_a_flow_that_runs(
    limit: int, age_s: float, change: dict[str, Any], control: dict[str, Any], blocks: bool
) -> None:
    failures = [replace(REJECTED, id=id) for id in "ab"] + [replace(REJECTED, id="c", **change)]
    world = world_of(failures=failures)
    world.state.control.change_flow("parents", lambda now: replace(now, **control))
    world.clock.sleep(age_s)
    limits = Limits(rejection_limit=limit, rejection_window_s=600)
    with listening() as heard:
        RejectionLimit("run", world.state, world.clock, limits).look(world.service().flows["parents"])
    now = world.state.control.flow("parents")
    assert (now.block_kind is BlockKind.REJECTIONS) is blocks
    assert len(heard.of("flow_blocked", flow="parents", run="run", kind="rejections", reason=now.blocked)) == blocks
    if blocks:
        assert now.rejections_until == world.clock.now()
        assert now.blocked.startswith("3 records were rejected as bad within 10 min, more than 2; ")


MET = MetDrift("no such column", "p", START, 2)


@pytest.mark.parametrize(
    ("met", "trouble", "lifted", "strikes", "probes_at"),
    [
        (MET, None, True, 3, None),
        (replace(MET, probe_at=START + HOUR), None, False, 2, None),
        (replace(MET, probe_at=START + timedelta(seconds=1)), None, False, 2, None),
        (replace(MET, probe_at=START + timedelta(seconds=3601)), None, True, 3, None),
        (MET, SchemaDrift(System.DATAVERSE, "no such column"), False, 3, 240),
        (MET, Transient(System.DATAVERSE, "busy"), False, 3, 240),
    ],
)
def test_a_drift_is_probed_when_it_is_due_and_lifted_if_the_record_that_met_it_can_be_read(
    met: MetDrift, trouble: SystemTrouble | None, lifted: bool, strikes: int, probes_at: float | None
) -> None:
    world = world_of()
    world.source.save("p", number="P", name="x")
    world.state.control.change_flow("parents", lambda now: now.block_by(met, "drift"))
    read = list[str]()

    def answer(name: str) -> None:
        read.append(name)
        if trouble is not None:
            raise trouble

    world.source.trouble = answer
    service = world.service()
    with listening() as heard:
        Probing("run", gates=service.gates, state=service.state, clock=world.clock).look(service.flows["parents"])
    control = world.state.control.flow("parents")
    assert bool(control.blocked) is not lifted
    assert control.met is not None
    assert control.met.strikes == strikes
    if probes_at is not None:
        assert control.met.probe_at == START + timedelta(seconds=probes_at)
    assert world.source.read_ids == (["p"] if lifted else [])
    released = heard.of("flow_released", flow="parents", run="run")
    assert [event["reason"] for event in released] == (["drift"] if lifted else [])
    assert world.state.control.gate(System.DATAVERSE).closed is (
        isinstance(trouble, Transient) and not isinstance(trouble, SchemaDrift)
    )
    assert bool(read) is (strikes == 3)


def test_a_drift_that_no_single_record_has_met_is_probed_with_some_that_are_known() -> None:
    world = world_of(*(Link("parents", f"{number:02d}") for number in range(25)))
    for number in range(25):
        world.source.save(f"{number:02d}", number=f"K{number}", name="x")
    world.state.control.change_flow("parents", lambda now: now.block_by(replace(MET, record=""), "drift"))
    service = world.service()
    Probing("run", gates=service.gates, state=service.state, clock=world.clock).look(service.flows["parents"])
    assert world.source.read_ids == [f"{number:02d}" for number in range(20)]
    assert not world.state.control.flow("parents").blocked


@pytest.mark.parametrize("control", [FlowControl("parents", paused=False), FlowControl("parents", blocked="x")])
def test_nothing_is_probed_where_no_record_has_met_a_drift(control: FlowControl) -> None:
    world = world_of()
    world.state.control.change_flow("parents", lambda now: replace(control, etag=now.etag))
    service = world.service()
    Probing("run", gates=service.gates, state=service.state, clock=world.clock).look(service.flows["parents"])
    assert world.state.control.flow("parents").blocked == control.blocked
