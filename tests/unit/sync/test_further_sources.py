"""How a pull brings the changes of a further source together with those of the records' own (protocol P2)."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.errors import Transient
from shared.records import Change, ChangePage
from shared.state.checkpoint_parts import MadeFor, Phase, Position, Walk
from shared.state.checkpoints import Checkpoint
from shared.sync.flow import Tracked
from shared.sync.hints import Hint, HintMessage, Why, read_message
from shared.sync.limits import Limits
from shared.sync.pull.run import Pull
from shared.systems import System
from tests.support.clock import START
from tests.support.events import listening
from tests.support.world import TRADE, World
from tests.unit.sync.test_pulling import Feed, page

OWN = Checkpoint("documents", "e1", Walk("w1"), Position(Phase.DELTA, delta_link="d1"), MadeFor("f1"), current_at=START)
LINES = replace(OWN, epoch="e9", walk=Walk("w9"), position=Position(Phase.DELTA, delta_link="l1"), source="lines",
                made_for=MadeFor())  # fmt: skip


@dataclass
class Pulled:
    """What a pull of documents has left."""

    world: World
    headers: Feed
    lines: Feed
    ended: str

    @property
    def messages(self) -> list[HintMessage]:
        return [read_message(body) for body in self.world.queues.bodies("documents")]

    def link_of(self, source: str | None) -> str | None:
        found = self.world.state.checkpoints.load("documents", source)
        assert found is not None
        return found.position.delta_link


def pulled(
    headers: ChangePage,
    lines: ChangePage,
    *,
    takes_s: float = 0.0,
    budget_s: float = 99.0,
    trouble: Transient | None = None,
    world: World | None = None,
) -> Pulled:
    world = world or World(flows=TRADE)
    for checkpoint in (OWN, LINES):
        assert world.state.checkpoints.save(checkpoint) is not None
    service = world.service()
    own, further = Feed(world, {"d1": headers}, takes_s, trouble), Feed(world, {"l1": lines}, takes_s)
    sources: list[Any] = [own, further]
    flow = replace(service.flows["documents"], feed=Tracked(sources[0], {"lines": sources[1]}))
    with listening() as heard:
        Pull(
            flow, "run", control=world.state.control.at_once(), gates=service.gates, environment=service.environment,
            state=service.state, queues=world.queues, clock=world.clock,
            limits=Limits(hints_per_message=4, pull_budget_s=budget_s), new_id=lambda: "new",
        ).run()  # fmt: skip
    (told,) = heard.of("pull_run")
    return Pulled(world, own, further, str(told["ended"]))


def lines(*ids: str, gone: tuple[str, ...] = ()) -> ChangePage:
    return ChangePage(tuple(Change(id, None) for id in ids), delta_link="l2", gone_parts=gone)


def test_a_document_of_which_header_and_line_have_changed_is_queued_once_and_every_other_one_too() -> None:
    found = pulled(page("a", "b", delta_link="d2"), lines("b", "c", gone=("x1",)))
    hinted = [(message.hints, message.epoch, message.why) for message in found.messages]
    assert hinted == [((Hint("c"),), None, Why.CHANGE), ((Hint("a"), Hint("b")), "e1", Why.CHANGE)]
    assert (found.ended, found.link_of(None), found.link_of("lines")) == ("caught_up", "d2", "l2")
    assert found.lines.asked == ["l1", "forget x1"]


@pytest.mark.parametrize(("takes_s", "messages"), [(0, 3), (10, 2)], ids=["headers are read", "no time for headers"])
def test_the_checkpoint_of_the_lines_is_saved_once_all_their_hints_are_sent(takes_s: float, messages: int) -> None:
    world = World(flows=TRADE)
    kept = list[str | None]()

    def look(name: str) -> None:
        if name == "send documents done":
            checkpoint = world.state.checkpoints.load("documents", "lines")
            kept.append(checkpoint.position.delta_link if checkpoint is not None else None)

    world.queues.step = look
    found = pulled(
        page("a", delta_link="d2"), lines("b", "c", "d", "e", "f"), takes_s=takes_s, budget_s=10, world=world
    )
    assert (kept, found.link_of("lines")) == (["l1"] * messages, "l2")
    current = found.world.state.checkpoints.load("documents", "lines")
    assert current is not None
    assert current.current_at == found.world.clock.now()


@pytest.mark.parametrize("how", ["out of time", "trouble"])
def test_what_the_lines_tell_is_not_lost_where_the_headers_cannot_be_read(how: str) -> None:
    trouble = Transient(System.DATAVERSE, "busy") if how == "trouble" else None
    takes_s, budget_s = (0.0, 99.0) if trouble else (10.0, 10.0)
    found = pulled(
        page("a", delta_link="d2"), lines("b", gone=("x1",)), takes_s=takes_s, budget_s=budget_s, trouble=trouble
    )
    if how == "trouble":
        # Their link is still the former one: they are told again.
        assert (found.ended, found.messages, found.link_of("lines")) == ("trouble", [], "l1")
        return
    assert (found.ended, found.link_of("lines"), found.link_of(None)) == ("out_of_time", "l2", "d1")
    assert [message.hints for message in found.messages] == [(Hint("b"),)]
    assert found.lines.asked == ["l1", "forget x1"]
    assert found.headers.asked == []


@pytest.mark.parametrize(("age_s", "kept", "ends"), [(601, False, "d2"), (600, True, "d2"), (601, True, None)])
def test_records_that_an_ended_worker_was_reading_are_forgotten_once_all_is_read(
    age_s: float, kept: bool, ends: str | None
) -> None:
    world = World(flows=TRADE)
    for checkpoint in (OWN, LINES):
        assert world.state.checkpoints.save(checkpoint) is not None
    world.state.batches.note("documents", "c1", ["d9"])
    world.clock.sleep(age_s)
    service = world.service()
    own = Feed(world, {"d1": page(delta_link="d2")}, trouble=None if ends else Transient(System.DATAVERSE, "busy"))
    sources: list[Any] = [own, Feed(world, {"l1": lines()})]
    flow = replace(service.flows["documents"], feed=Tracked(sources[0], {"lines": sources[1]}))
    Pull(
        flow, "run", control=world.state.control.at_once(), gates=service.gates, environment=service.environment,
        state=service.state, queues=world.queues, clock=world.clock, limits=Limits(), new_id=lambda: "new",
    ).run()  # fmt: skip
    assert list(world.state.batches.ids("documents")) == (["d9"] if kept else [])
