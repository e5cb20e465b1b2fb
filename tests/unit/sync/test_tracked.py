"""What a walk by change tracking reads, queues and counts, and where it continues (protocol P2, P4)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from shared.errors import LinkElsewhere, LinkRefused, OperatorNeeded, Transient
from shared.records import Change, ChangePage
from shared.state.checkpoint_parts import MadeFor, Phase, Position, Walk
from shared.state.checkpoints import Checkpoint
from shared.state.link_parts import Claim, ClaimKind, Seen
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Insert
from shared.sync.flow import Tracked
from shared.sync.hints import Hint
from shared.sync.limits import Limits
from shared.sync.pull.changes import ABSENT_PAGE, Step
from shared.sync.pull.tracked import FurtherReader, TrackedReader
from tests.scenarios.test_fault_damage import damage
from tests.support.clock import START
from tests.support.doubles import ROUTE
from tests.support.events import listening
from tests.support.world import TRADE, World

LIMITS = Limits(gone_limit_count=2)


@dataclass
class Feed:
    """A source with one page, or one refusal, however it is asked; `asked` says how."""

    page: ChangePage | LinkRefused = field(default_factory=lambda: ChangePage(()))
    there: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def _answer(self, asked: str) -> ChangePage:
        self.asked.append(asked)
        if isinstance(self.page, LinkRefused):
            raise self.page
        return self.page

    def track_changes(self) -> ChangePage:
        return self._answer("track")

    def list_rows(self) -> ChangePage:
        return self._answer("list")

    def follow(self, link: str) -> ChangePage:
        return self._answer(link)

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        self.asked.append(f"existing {' '.join(ids)}")
        return self.there & frozenset(ids)

    def forget(self, parts: Sequence[str]) -> None:
        self.asked.append(f"forget {' '.join(parts)}")


def reader(feed: Feed, world: World | None = None, flow: str = "parents") -> TrackedReader:
    service = (world or World(flows=TRADE)).service()
    source: Any = feed
    of = service.flows[flow]
    assert isinstance(of.feed, Tracked)
    of = replace(of, feed=replace(of.feed, source=source))
    assert isinstance(of.feed, Tracked)
    ids = count()
    return TrackedReader(of, of.feed, "run", state=service.state, limits=LIMITS, new_id=lambda: f"new{next(ids)}")


BASE = Checkpoint(
    "parents", "e1", Walk("w1", gone=1, changed=2), Position(Phase.DELTA, delta_link="d1"), MadeFor("f1"),
    current_at=START - timedelta(hours=1),
)  # fmt: skip
FULL = BASE.in_phase(Phase.FULL)
FIRST = replace(BASE, position=Position())


def test_the_very_first_pull_begins_with_a_new_epoch_and_walk_for_todays_mapping() -> None:
    assert reader(Feed()).begin(None) == Checkpoint("parents", "new0", Walk("new1"), made_for=MadeFor("f1"))


@pytest.mark.parametrize(
    ("checkpoint", "begins"),
    [
        (BASE, BASE),
        (FIRST, replace(FIRST, epoch="new0")),
        (FIRST.at("n1"), FIRST.at("n1")),
        (replace(BASE, made_for=MadeFor("f0")),
         replace(FULL, made_for=MadeFor("f1", ("f0",)), walk=replace(BASE.walk, remapped=True))),
        (replace(BASE, made_for=MadeFor("f0")).at("n1"), replace(BASE, made_for=MadeFor("f0")).at("n1")),
        (replace(FULL, made_for=MadeFor("f0")), replace(FULL, made_for=MadeFor("f0"))),
    ],
    ids=["goes on", "no delta link", "in the first walk", "other mapping", "other mapping later", "in a full walk"],
)  # fmt: skip
def test_a_pull_goes_on_where_the_last_one_was_and_a_changed_mapping_is_read_between_walks(
    checkpoint: Checkpoint, begins: Checkpoint
) -> None:
    assert reader(Feed()).begin(checkpoint) == begins


@pytest.mark.parametrize(
    ("checkpoint", "asked"),
    [
        (FIRST, "track"),
        (FIRST.at("n1"), "n1"),
        (FULL, "list"),
        (FULL.at("n1"), "n1"),
        (BASE, "d1"),
        (BASE.at("n1"), "n1"),
    ],
)
def test_a_page_is_asked_for_by_its_link_or_else_as_its_phase_begins(checkpoint: Checkpoint, asked: str) -> None:
    feed = Feed(ChangePage((), next_link="n2"))
    reader(feed).next(checkpoint)
    assert feed.asked == [asked]


@pytest.mark.parametrize("checkpoint", [FIRST, BASE])
def test_a_tracked_page_without_a_link_is_the_sources_trouble(checkpoint: Checkpoint) -> None:
    with pytest.raises(Transient, match="parents: a tracked page came with neither a next link nor a delta link"):
        reader(Feed(ChangePage(()))).next(checkpoint)


CHANGES = (Change("1", 7), Change("2", None, gone=True))


def test_the_first_walk_with_tracking_queues_nothing_and_keeps_its_delta_link_for_afterwards() -> None:
    more = reader(Feed(ChangePage(CHANGES, next_link="n1"))).next(FIRST)
    assert more == Step((), FIRST.at("n1"), pages=1)
    last = reader(Feed(ChangePage(CHANGES, delta_link="d2"))).next(FIRST.at("n1"))
    position = Position(Phase.FULL, delta_link="d2")
    assert last == Step((), replace(FIRST, position=position), pages=1)


@pytest.mark.parametrize(
    ("remapped", "link", "after"),
    [
        (False, "n1", FULL.at("n1")),
        (False, None, BASE.in_phase(Phase.ABSENT).with_gone(0)),
        (True, "n1", FULL.at("n1")),
    ],
)
def test_a_full_walk_queues_every_row_and_counts_no_change_of_a_changed_mapping(
    remapped: bool, link: str | None, after: Checkpoint
) -> None:
    walk = replace(FULL.walk, remapped=remapped)
    step = reader(Feed(ChangePage(CHANGES, next_link=link))).next(replace(FULL, walk=walk))
    after = replace(after, walk=replace(after.walk, remapped=remapped))
    assert step == Step((Hint("1", 7), Hint("2")), after, news=() if remapped else CHANGES, pages=1)


def link(id: str, **of: Any) -> Link:
    return replace(
        Link("parents", id, route=ROUTE, state=LinkState.WRITTEN, target_key=id, held_key=id, seen=Seen(1, "e0")), **of
    )


def with_links(*links: Link) -> World:
    world = World(flows=TRADE)
    for each in links:
        world.links_table.transact([Insert(each.to_row())])
    return world


def test_what_a_full_walk_has_not_met_is_queued_where_a_read_confirms_that_it_is_gone() -> None:
    world = with_links(
        link("there"),
        link("gone"),
        link("filtered", state=LinkState.FILTERED, target_key=None),
        link("seen", seen=Seen(1, "e1")),
        link("known", state=LinkState.DELETED),
        link("claimed", state=LinkState.DELETED, claim=Claim("c", ClaimKind.WORKING)),
        link("new", state=LinkState.NEW, target_key=None),
    )
    feed = Feed(there=frozenset({"there"}))
    step = reader(feed, world).next(BASE.in_phase(Phase.ABSENT))
    gone = [Hint(id) for id in ("claimed", "filtered", "gone")]
    assert sorted(step.hints, key=lambda hint: hint.id) == gone
    assert (step.gone, step.pages, step.caught_up) == (1 + 3, 0, False)
    assert step.after == replace(BASE, walk=Walk("new0"))


def test_links_are_looked_through_page_by_page_and_the_count_of_those_gone_goes_on() -> None:
    world = with_links(*(link(f"{number:04d}") for number in range(ABSENT_PAGE)), link("9999"))
    at, steps = BASE.in_phase(Phase.ABSENT), list[Step]()
    while at.position.phase is Phase.ABSENT:
        steps.append(reader(Feed(), world).next(at))
        at = steps[-1].after
    assert [len(step.hints) for step in steps] == [ABSENT_PAGE, 1]
    assert [step.gone for step in steps] == [1 + ABSENT_PAGE, 2 + ABSENT_PAGE]
    assert steps[0].after.walk.gone == 1 + ABSENT_PAGE


def test_changes_are_queued_by_their_version_and_the_last_page_ends_the_walk() -> None:
    more = reader(Feed(ChangePage(CHANGES, next_link="n2", gone_parts=("p",)))).next(BASE)
    assert more == Step(
        (Hint("1", 7), Hint("2")), BASE.at("n2").with_gone(2), 2, (CHANGES[0],), pages=1, gone_parts=("p",)
    )
    last = reader(Feed(ChangePage(CHANGES, delta_link="d2", gone_parts=("p",)))).next(BASE.at("n2"))
    after = replace(BASE, walk=Walk("new0"), position=Position(Phase.DELTA, delta_link="d2"))
    assert last == Step((Hint("1", 7), Hint("2")), after, 2, (CHANGES[0],), pages=1, caught_up=True, gone_parts=("p",))


def test_a_record_that_is_on_several_pages_changes_once() -> None:
    page = ChangePage((Change("1", 7), Change("1", 8), Change("3", 9)), next_link="n2")
    at = reader(Feed(page))
    assert at.next(BASE).news == (Change("1", 8), Change("3", 9))
    assert at.next(BASE).news == ()


def test_a_document_is_queued_without_a_version_and_is_gone_only_if_no_header_of_it_is_left() -> None:
    gone = (Change("1", 7), Change("2", None, gone=True), Change("3", None, gone=True))
    feed = Feed(ChangePage(gone, next_link="n2"), there=frozenset({"3"}))
    step = reader(feed, flow="documents").next(replace(BASE, flow="documents"))
    assert (step.hints, step.gone) == ((Hint("1"), Hint("2"), Hint("3")), 2)
    assert feed.asked[-1] == "existing 2 3"


def test_records_that_are_being_read_are_queued_where_nobody_knows_whose_part_was_deleted() -> None:
    world = World(flows=TRADE)
    world.state.batches.note("documents", "c1", ["8", "9"])
    for unknown in (True, False):
        feed = Feed(ChangePage((Change("1", 7),), next_link="n2", has_unknown_parts=unknown))
        step = reader(feed, world, "documents").next(replace(BASE, flow="documents"))
        assert {hint.id for hint in step.hints} == ({"1", "8", "9"} if unknown else {"1"})


@pytest.mark.parametrize(
    ("so_far", "gone", "counted"),
    [
        (0, ("linked", "unlinked"), 2),
        (1, ("linked", "unlinked"), 2),
        (0, ("linked", "unlinked", "known"), 1),
        (2, ("unlinked",), 2),
        (2, ("known",), 2),
        (2, ("damaged",), 3),
        (2, ("unknown",), 2),
        (2, ("linked", "damaged"), 4),
    ],
)
def test_beyond_the_limit_only_linked_records_that_are_not_known_to_be_gone_count(
    so_far: int, gone: tuple[str, ...], counted: int
) -> None:
    world = with_links(
        link("linked"), link("unlinked", target_key=None), link("known", state=LinkState.DELETED), link("damaged")
    )
    row = link("damaged").to_row()
    damage(world.links_table, row.partition, row.key, {"state": "x"})
    page = ChangePage(tuple(Change(id, None, gone=True) for id in gone), next_link="n2")
    step = reader(Feed(page), world).next(BASE.with_gone(so_far))
    assert (step.gone, step.after.walk.gone) == (counted, counted)


REFUSED, ELSEWHERE = LinkRefused("410 Gone"), LinkElsewhere("a link leads to b instead of a")


@pytest.mark.parametrize(
    ("checkpoint", "refused", "anew", "event"),
    [
        (BASE.at("n1"), REFUSED, False, "link_refused"),
        (FULL.at("n1"), REFUSED, False, "link_refused"),
        (BASE, REFUSED, True, "link_refused"),
        (BASE.at("n1"), ELSEWHERE, True, "link_dropped"),
        (BASE, ELSEWHERE, True, "link_dropped"),
    ],
)
def test_a_refused_next_link_restarts_the_walk_and_a_refused_delta_link_everything(
    checkpoint: Checkpoint, refused: LinkRefused, anew: bool, event: str
) -> None:
    at = replace(checkpoint, position=replace(checkpoint.position, restarts=1))
    with listening() as heard:
        step = reader(Feed(refused)).next(at)
    assert (step.hints, step.pages, step.caught_up) == ((), 0, False)
    after = step.after
    assert after.position.restarts == 2
    if anew:
        assert (after.position, after.epoch, after.walk) == (Position(restarts=2), "new0", Walk("new1"))
    else:
        assert after.position == replace(at.position, cursor=None, restarts=2)
        assert (after.epoch, after.walk) == ("e1", Walk("new0"))
    (told,) = heard.of(event)
    assert (told["flow"], told["run"]) == ("parents", "run")
    if event == "link_refused":
        assert (told["phase"], told["restarts"]) == (checkpoint.position.phase, 2)
    assert heard.breaches == set()


@pytest.mark.parametrize(("restarts", "ends"), [(1, False), (2, True), (3, True)])
def test_three_refusals_in_a_row_are_for_an_operator_and_the_restart_is_saved(restarts: int, ends: bool) -> None:
    world = World(flows=TRADE)
    etag = world.state.checkpoints.save(BASE)
    at = replace(BASE, etag=etag, position=replace(BASE.position, restarts=restarts)).at("n1")
    of = reader(Feed(REFUSED), world)
    if not ends:
        of.next(at)
    else:
        with pytest.raises(OperatorNeeded, match=f"{restarts + 1} times in a row") as raised:
            of.next(at)
        assert raised.value.__cause__ is REFUSED
    saved = world.state.checkpoints.load("parents")
    assert saved is not None
    assert saved.position.restarts == (restarts + 1 if ends else 0)


def test_without_a_delta_link_everything_is_read_again() -> None:
    lost = replace(BASE, position=replace(BASE.position, delta_link=None))
    feed = Feed()
    assert reader(feed).next(lost).after.position == Position(restarts=1)
    assert feed.asked == []


@pytest.mark.parametrize(("seen", "version", "is_news"), [(7, 7, False), (7, 8, True), (7, 6, True), (None, 7, True)])
def test_a_change_is_news_if_its_version_is_not_the_one_that_was_seen(
    seen: int | None, version: int, is_news: bool
) -> None:
    assert reader(Feed()).is_news(link("1", seen=Seen(seen, "e1")), Change("1", version)) is is_news


def test_only_deleted_parts_are_forgotten() -> None:
    feed = Feed()
    reader(feed).forget(())
    reader(feed).forget(("p1", "p2"))
    assert feed.asked == ["forget p1 p2"]


def further(world: World, feed: Feed) -> FurtherReader:
    source: Any = feed
    service, ids = world.service(), count()
    of = service.flows["documents"]
    tracked = Tracked(of.feed.source, {"lines": source})  # type: ignore[arg-type]
    return FurtherReader(
        of, tracked, "run", "lines", state=service.state, limits=LIMITS, new_id=lambda: f"new{next(ids)}"
    )


LINES = Checkpoint("documents", "e1", Walk("w1"), source="lines")


def test_a_further_source_begins_with_its_delta_link_and_reads_no_rows() -> None:
    world = World(flows=TRADE)
    at = further(world, Feed(ChangePage(CHANGES, next_link="n1")))
    assert at.begin(None) == Checkpoint("documents", "new0", Walk("new1"), source="lines")
    assert at.begin(LINES) is LINES
    assert at.source_name == "lines"
    assert at.next(LINES) == Step((), LINES.at("n1"), pages=1)
    last = further(world, Feed(ChangePage(CHANGES, delta_link="d1"))).next(LINES)
    assert last == Step((), replace(LINES, position=Position(Phase.DELTA, delta_link="d1")), pages=1)


OWN = replace(BASE, flow="documents", walk=Walk("w7", gone=3, changed=4))


@pytest.mark.parametrize(
    ("own", "is_new", "phase", "walk"),
    [
        (OWN, True, Phase.FULL, Walk("w7")),
        (OWN, False, Phase.DELTA, OWN.walk),
        (OWN.in_phase(Phase.BASELINE), True, Phase.BASELINE, OWN.walk),
        (None, True, None, None),
    ],
)
def test_a_new_delta_link_of_a_further_source_has_every_record_read_once_more(
    own: Checkpoint | None, is_new: bool, phase: Phase | None, walk: Walk | None
) -> None:
    world = World(flows=TRADE)
    if own is not None:
        assert world.state.checkpoints.save(own) is not None
    at = further(world, Feed(ChangePage((), delta_link="d1")))
    if is_new:
        after = at.next(LINES).after
        assert at.keep(replace(after, position=Position(Phase.BASELINE)))
        assert at.keep(after)
    else:
        assert at.keep(replace(LINES, position=Position(Phase.DELTA, delta_link="d1")))
    saved = world.state.checkpoints.load("documents")
    assert (saved and saved.position.phase, saved and saved.walk) == (phase, walk)
    if own is not None and is_new:
        # Once is enough.
        assert world.state.checkpoints.save(replace(own, etag=saved.etag if saved else None)) is not None
        assert at.keep(after)
        again = world.state.checkpoints.load("documents")
        assert again is not None
        assert again.position.phase is own.position.phase
