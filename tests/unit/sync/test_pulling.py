"""What a pull queues, saves, counts and tells of its pages (protocol P1, P2, P5)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.errors import NotSent, SchemaDrift, SystemTrouble, Transient
from shared.records import Change, ChangePage, SourceRow
from shared.state.checkpoint_parts import MadeFor, Phase, Position, Walk
from shared.state.checkpoints import Checkpoint
from shared.state.control import BlockKind
from shared.sync.flow import Flow, Tracked
from shared.sync.hints import Hint, HintMessage, Why, read_message
from shared.sync.limits import Limits
from shared.sync.pull.run import Pull
from shared.systems import System
from tests.support.clock import START
from tests.support.events import Heard, listening
from tests.support.world import TRADE, World
from tests.unit.sync.test_thresholds import linked

DELTA = Position(Phase.DELTA, delta_link="d1")
AT = Checkpoint("parents", "e1", Walk("w1"), DELTA, MadeFor("f1"), current_at=START)


@dataclass
class Feed:
    """A source that answers links with these pages, each after so many seconds."""

    world: World
    pages: Mapping[str, ChangePage]
    takes_s: float = 0.0
    trouble: SystemTrouble | NotSent | None = None
    asked: list[str] = field(default_factory=list)

    def follow(self, link: str) -> ChangePage:
        self.asked.append(link)
        self.world.clock.sleep(self.takes_s)
        if self.trouble is not None:
            raise self.trouble
        return self.pages[link]

    def list_rows(self) -> ChangePage:
        return self.follow("list")

    def track_changes(self) -> ChangePage:
        return self.follow("track")

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        return frozenset()

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        return self.world.source.read(ids)

    def forget(self, parts: Sequence[str]) -> None:
        self.asked.append(f"forget {' '.join(parts)}")


@dataclass
class Pulled:
    """What a pull has done."""

    world: World
    heard: Heard
    feed: Feed

    @property
    def messages(self) -> list[HintMessage]:
        return [read_message(body) for body in self.world.queues.bodies("parents")]

    @property
    def saved(self) -> Checkpoint:
        found = self.world.state.checkpoints.load("parents")
        assert found is not None
        return found

    @property
    def ended(self) -> str:
        (told,) = self.heard.of("pull_run")
        assert (told["flow"], told["run"]) == ("parents", "run")
        return str(told["ended"])

    @property
    def counts(self) -> dict[str, int]:
        (run,) = self.world.state.runs.latest("parents", 9)
        assert (run.flow, run.kind, run.id) == ("parents", "pull", "run")
        (told,) = self.heard.of("pull_run")
        assert {name: told[name] for name in run.counts} == run.counts
        assert told["ms"] == round(run.seconds * 1000)
        return dict(run.counts)


def pulled(
    pages: Mapping[str, ChangePage] | None = None,
    at: Checkpoint | None = AT,
    *,
    takes_s: float = 0.0,
    trouble: SystemTrouble | NotSent | None = None,
    change: Callable[[Flow], Flow] = lambda flow: flow,
    world: World | None = None,
    **limits: Any,
) -> Pulled:
    """A pull from a checkpoint."""
    world = world or World(flows=TRADE)
    if at is not None:
        assert world.state.checkpoints.save(at) is not None
    service = world.service()
    feed = Feed(world, pages or {}, takes_s, trouble)
    source: Any = feed
    flow = change(replace(service.flows["parents"], feed=Tracked(source)))
    ids = iter(range(99))
    with listening() as heard:
        Pull(
            flow, "run", control=world.state.control.at_once(), gates=service.gates, environment=service.environment,
            state=service.state, queues=world.queues, clock=world.clock, limits=Limits(hints_per_message=4, **limits),
            new_id=lambda: f"new{next(ids)}",
        ).run()  # fmt: skip
    assert heard.breaches == set()
    return Pulled(world, heard, feed)


def page(*ids: str, next_link: str | None = None, delta_link: str | None = None) -> ChangePage:
    return ChangePage(tuple(Change(id, 7) for id in ids), next_link, delta_link)


def test_a_page_is_queued_with_the_version_and_epoch_of_its_records_in_the_order_of_their_rows() -> None:
    found = pulled({"d1": page("b", "a", "B", delta_link="d2")})
    (message,) = found.messages
    assert message == HintMessage("parents", "run", (Hint("B", 7), Hint("a", 7), Hint("b", 7)), "e1", why=Why.CHANGE)
    assert (found.ended, found.counts) == ("caught_up", {"pages": 1, "hints": 3})
    assert (found.saved.position, found.saved.walk) == (Position(Phase.DELTA, delta_link="d2"), Walk("new0"))
    assert found.saved.current_at == found.world.clock.now()


def test_a_pull_without_changes_saves_its_new_link_and_sends_nothing() -> None:
    found = pulled({"d1": page(delta_link="d2")})
    assert (found.messages, found.ended, found.counts) == ([], "caught_up", {"pages": 1})
    assert found.saved.position.delta_link == "d2"


@pytest.mark.parametrize(("count", "sizes"), [(4, [4]), (5, [4, 1]), (8, [4, 4]), (9, [4, 4, 1])])
def test_a_page_is_queued_in_messages_of_so_many_records(count: int, sizes: list[int]) -> None:
    found = pulled({"d1": page(*(f"{number:02d}" for number in range(count)), delta_link="d2")})
    assert [len(message.hints) for message in found.messages] == sizes


@pytest.mark.parametrize(("count", "sizes"), [(400, [200, 200]), (401, [50, 100, 200, 51])])
def test_many_messages_begin_with_a_small_one_so_that_a_host_writes_while_it_reads(
    count: int, sizes: list[int]
) -> None:
    world = World(flows=TRADE)
    at = replace(AT, etag=None)
    assert world.state.checkpoints.save(at) is not None
    service = world.service()
    feed: Any = Feed(world, {"d1": page(*(f"{number:03d}" for number in range(count)), delta_link="d2")})
    Pull(
        replace(service.flows["parents"], feed=Tracked(feed)), "run", control=world.state.control.at_once(),
        gates=service.gates, environment=service.environment, state=service.state, queues=world.queues,
        clock=world.clock, limits=Limits(hints_per_message=200), new_id=lambda: "new",
    ).run()  # fmt: skip
    assert [len(read_message(body).hints) for body in world.queues.bodies("parents")] == sizes


def test_a_record_whose_id_no_message_can_carry_is_listed_and_the_others_are_queued() -> None:
    found = pulled({"d1": page("a", "x" * 201, delta_link="d2")})
    assert [hint.id for message in found.messages for hint in message.hints] == ["a"]
    assert found.counts == {"pages": 1, "hints": 1}
    (failure,) = found.world.state.failures.page("parents", "", 9)[0]
    assert failure.cause == "key_too_long"


THREE = {"d1": page("a", next_link="n1"), "n1": page("b", next_link="n2"), "n2": page("c", delta_link="d2")}


@pytest.mark.parametrize(
    ("takes_s", "budget_s", "asked", "ended", "cursor"),
    [
        (10, 31, ["d1", "n1", "n2"], "caught_up", None),
        (10, 20, ["d1", "n1"], "out_of_time", "n2"),
        (10, 21, ["d1", "n1", "n2"], "caught_up", None),
        (10, 10, ["d1"], "out_of_time", "n1"),
        (10, 1, ["d1"], "out_of_time", "n1"),
    ],
)
def test_a_pull_reads_pages_as_far_as_there_is_time_and_saves_where_the_next_one_continues(
    takes_s: float, budget_s: float, asked: list[str], ended: str, cursor: str | None
) -> None:
    found = pulled(THREE, takes_s=takes_s, pull_budget_s=budget_s)
    assert (found.feed.asked, found.ended) == (asked, ended)
    assert found.saved.position.cursor == cursor
    assert found.counts == {"pages": len(asked), "hints": len(asked)}
    assert (found.saved.current_at == START) is (ended == "out_of_time")


@pytest.mark.parametrize(
    ("budget_s", "pages", "walk", "changed"), [(10, 1, "w1", 1), (20, 2, "w1", 2), (30, 3, "new0", 0)]
)
def test_the_walk_counts_the_linked_records_that_its_pages_would_change_until_it_ends(
    budget_s: float, pages: int, walk: str, changed: int
) -> None:
    by_link = {
        "d1": page("r00", "r02", "unlinked", next_link="n1"),
        "n1": page("r01", next_link="n2"),
        "n2": page("r03", delta_link="d2"),
    }
    world = linked(4, "r00", "r01", "r03")
    found = pulled(by_link, world=world, takes_s=10, pull_budget_s=budget_s)
    assert (found.counts["pages"], found.saved.walk.id, found.saved.walk.changed) == (pages, walk, changed)


@pytest.mark.parametrize(
    ("remapped", "phase", "why"),
    [
        (False, Phase.DELTA, Why.CHANGE),
        (True, Phase.FULL, Why.AGAIN),
        (False, Phase.FULL, Why.CHANGE),
        (True, Phase.DELTA, Why.AGAIN),
    ],
)
def test_records_are_looked_at_again_where_a_changed_mapping_is_read_and_else_because_they_have_changed(
    remapped: bool, phase: Phase, why: Why
) -> None:
    at = replace(AT, walk=Walk("w1", remapped=remapped)).in_phase(phase).at("n1")
    found = pulled({"n1": page("a", next_link="n2"), "n2": page(next_link="n3")}, at, takes_s=10, pull_budget_s=15)
    assert [message.why for message in found.messages] == [why]


def test_what_is_gone_is_never_so_because_of_a_mapping() -> None:
    at = replace(AT, walk=Walk("w1", remapped=True)).in_phase(Phase.ABSENT)
    world = World(flows=TRADE)
    world.source.save("1", number="K", name="x")
    world.settle(0.1)
    saved = world.state.checkpoints.load("parents")
    assert saved is not None
    found = pulled({"d1": page(delta_link="d2")}, replace(at, etag=saved.etag), world=world)
    assert [(message.hints, message.why) for message in found.messages] == [((Hint("1"),), Why.CHANGE)]


def test_the_very_first_pull_saves_where_it_begins_before_it_reads() -> None:
    found = pulled(None, None, trouble=Transient(System.DATAVERSE, "busy"))
    assert (found.saved.epoch, found.saved.walk, found.saved.current_at) == ("new0", Walk("new1"), START)
    assert (found.ended, found.feed.asked) == ("trouble", ["track"])


@pytest.mark.parametrize(
    ("trouble", "ended", "closed", "blocked"),
    [
        (Transient(System.DATAVERSE, "busy"), "trouble", True, False),
        (SchemaDrift(System.DATAVERSE, "no such column"), "blocked", False, True),
        (NotSent("no time"), "out_of_time", False, False),
    ],
)
def test_trouble_of_the_source_ends_a_pull_and_nothing_is_saved(
    trouble: SystemTrouble | NotSent, ended: str, closed: bool, blocked: bool
) -> None:
    found = pulled(THREE, trouble=trouble)
    assert (found.ended, found.messages, found.saved.position) == (ended, [], DELTA)
    assert found.world.state.control.gate(System.DATAVERSE).closed is closed
    assert bool(found.world.state.control.flow("parents").blocked) is blocked
    assert list(found.world.state.runs.latest("parents", 9)) == []


def test_a_flow_that_must_not_run_reads_nothing_and_says_why() -> None:
    world = World(flows=TRADE)
    world.state.control.change_flow("parents", lambda now: replace(now, paused=True))
    found = pulled(THREE, world=world)
    (told,) = found.heard.of("pull_skipped")
    assert (told["flow"], told["run"], told["reason"]) == ("parents", "run", "flow parents is paused")
    assert (found.feed.asked, found.heard.of("pull_run")) == ([], [])


def test_another_environment_blocks_the_flow_before_anything_is_read() -> None:
    world = World(flows=TRADE)
    world.state.control.store_environment("parents", {"company": "demf"})
    found = pulled(THREE, world=world)
    control = world.state.control.flow("parents")
    assert (control.block_kind, found.ended, found.feed.asked) == (BlockKind.ENVIRONMENT, "blocked", [])
    (told,) = found.heard.of("flow_blocked")
    assert (told["kind"], told["reason"]) == ("environment", control.blocked)


def test_a_walk_beyond_a_limit_queues_nothing_and_says_what_helps() -> None:
    gone = ChangePage(tuple(Change(f"{number:02d}", None, gone=True) for number in range(3)), delta_link="d2")
    world = World(flows=TRADE)
    for number in range(3):
        world.source.save(f"{number:02d}", number=f"K{number}", name="x")
    world.settle(0.1)
    saved = world.state.checkpoints.load("parents")
    assert saved is not None
    found = pulled({"d1": gone}, replace(AT, etag=saved.etag), world=world, gone_limit_count=2)
    control = world.state.control.flow("parents")
    assert (found.ended, found.messages) == ("blocked", [])
    assert (control.block_kind, control.block_walk, control.block_gone, control.block_changed) == (
        BlockKind.THRESHOLD, "w1", 3, 0,
    )  # fmt: skip
    assert control.blocked.startswith("3 of 3 known records would be gone in walk w1; look at the source")
    assert "`p2c accept parents`" in control.blocked
    assert "`p2c unblock parents`" in control.blocked
    assert found.saved.position == DELTA


def test_another_pull_that_is_ahead_ends_this_one_quietly() -> None:
    world = World(flows=TRADE)

    def overtake(name: str) -> None:
        if name == "send parents done":
            at = world.state.checkpoints.load("parents")
            assert at is not None
            assert world.state.checkpoints.save(replace(at, walk=Walk("w9"))) is not None

    world.queues.step = overtake
    last = pulled(THREE, world=world)
    assert (last.ended, last.saved.walk.id, last.feed.asked) == ("overtaken", "w9", ["d1"])
