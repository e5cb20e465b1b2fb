"""What is noted of a write that a worker has sent after another one had its record (protocol A9)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import pytest

from shared.records import Json
from shared.state.keys import Owner
from shared.state.link_parts import Claim, ClaimKind, LinkContent
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, LinkState
from shared.state.storage.tables import Insert
from shared.sync.apply.late import note_late_writes
from shared.sync.apply.outcome import Kind, WrittenTarget
from shared.sync.apply.record import Concluded, Record
from shared.sync.hints import Hint
from tests.support.doubles import ROUTE
from tests.support.world import World

MINE, THEIRS = Claim("mine", ClaimKind.WORKING), Claim("theirs", ClaimKind.WORKING)
BLANK = Link("parents", "1", claim=MINE)
LINKED = replace(
    BLANK,
    route=ROUTE,
    state=LinkState.WRITTEN,
    target_key="K",
    held_key="K",
    content=LinkContent(applied={"name": "old"}),
)
BEGUN = replace(BLANK, route=ROUTE, held_key="K", intent=Intent("K", ({"name": "x", "phone": "1"},)))

INHERITED = FormerTarget(ROUTE, "K", ended=True, inherited=True)


@dataclass
class Late:
    """The link of the record, and that of the one that has its row, after the late write was noted."""

    now: Link
    other: Link
    owner: str | None
    told: list[str]


def written(of: Record, kind: Kind = Kind.UPDATED) -> Concluded:
    return of.concluded(kind, LinkState.WRITTEN, applied={"name": "new"}, target=WrittenTarget(ROUTE, "K"))


def unanswered(of: Record) -> Concluded:
    return of.unsettled(delay_s=305, unknowns=1, unanswered=1)


def late(
    stored: Link,
    now: Link | None,
    *,
    ends: object = written,
    owner: str | None = "1",
    other: Link | None = None,
    owner_flow: str = "parents",
) -> Late:
    """A worker has stored this link and written; by now the link is `now` (None: forgotten)."""
    world = World()
    service = world.service()
    flow = service.flows["parents"]
    keys_of = partial(service.state.keys_of, flow)
    for link in (now, other):
        if link is not None:
            world.links_table.transact([Insert(link.to_row())])
    if owner is not None:
        keys_of(flow.route(ROUTE)).own({"K": Owner(owner_flow, ROUTE, owner)})
    links = service.state.links
    assert callable(ends)
    decided = ends(Record.of(Hint("1"), stored, trusted=True))
    told = note_late_writes(flow, links, keys_of, [decided], links.load("parents", ["1"]))
    owned = keys_of(flow.route(ROUTE)).owners(["K"]).get("K")
    at = links.load("parents", ["1", "2"])
    return Late(at["1"], at["2"], owned.owner.id if owned else None, [each.id for each in told])


def filtered(of: Record) -> Concluded:
    return of.concluded(Kind.FILTERED, LinkState.FILTERED, reason="foreign")


@pytest.mark.parametrize(
    ("stored", "now", "ends", "becomes"),
    [
        (LINKED, LINKED, written, {"dirty": True}),
        (LINKED, replace(LINKED, target_key="k"), written, {"dirty": True}),
        (LINKED, LINKED, filtered, {"dirty": True}),
        (BLANK, BLANK, filtered, {"dirty": True}),
        (BEGUN, BLANK, written, {"dirty": True, "route": ROUTE, "held_key": "K", "intent": BEGUN.intent}),
        (BEGUN, BLANK, unanswered, {"dirty": True, "route": ROUTE, "held_key": "K", "intent": BEGUN.intent}),
        (BEGUN, replace(BEGUN, intent=Intent("K", ())), written, {"dirty": True}),
        (BEGUN, replace(LINKED, target_key="J", held_key="J"), written,
         {"dirty": True, "former": (FormerTarget(ROUTE, "K"),)}),
        (BEGUN, replace(LINKED, target_key="J", held_key="J", former=(FormerTarget(ROUTE, "I"),)), written,
         {"dirty": True, "former": (FormerTarget(ROUTE, "K"), FormerTarget(ROUTE, "I"))}),
        (BEGUN, replace(LINKED, target_key="J", held_key="J"), unanswered,
         {"dirty": True, "former": (INHERITED,)}),
        (BEGUN, replace(BEGUN, held_key="J", intent=Intent("J", ())), written,
         {"dirty": True, "former": (FormerTarget(ROUTE, "K"),)}),
        (BEGUN, replace(LINKED, target_key="J", held_key="J", former=(FormerTarget(ROUTE, "K"),)), written,
         {"dirty": True}),
    ],
    ids=[
        "written", "in another case", "no write", "nothing there", "made", "may have made", "made twice", "left behind",
        "left behind after another", "may have left behind", "about to be made elsewhere", "left before",
    ],
)  # fmt: skip
def test_a_late_write_leaves_its_record_dirty_at_its_row_and_knows_a_row_that_it_has_made(
    stored: Link, now: Link, ends: object, becomes: dict[str, object]
) -> None:
    found = late(stored, now, ends=ends)
    assert (found.told, found.owner) == ([], "1")
    for name in ("dirty", "route", "held_key", "target_key", "intent", "former", "state"):
        assert getattr(found.now, name) == becomes.get(name, getattr(now, name)), name


@pytest.mark.parametrize(
    ("ends", "claim"), [(written, THEIRS), (unanswered, replace(THEIRS, id="mine", kind=ClaimKind.UNSETTLED))]
)
def test_a_late_write_that_may_still_land_keeps_other_workers_off(ends: object, claim: Claim) -> None:
    assert late(LINKED, replace(LINKED, claim=THEIRS), ends=ends).now.claim == claim


@pytest.mark.parametrize("stored", [LINKED, BLANK])
def test_a_record_that_is_forgotten_by_now_is_not_made_anew_by_an_update(stored: Link) -> None:
    assert late(stored, None, ends=filtered if stored is BLANK else written).now.etag is None


def test_a_row_that_was_made_late_for_a_forgotten_record_is_its_own_again() -> None:
    found = late(BEGUN, None, owner=None)
    assert (found.now.intent, found.now.held_key, found.owner) == (BEGUN.intent, "K", "1")


@pytest.mark.parametrize(
    ("stored", "now", "ends", "owner", "owns"),
    [
        (BEGUN, BLANK, written, None, "1"),
        (BEGUN, BLANK, unanswered, None, "1"),
        (BEGUN, BLANK, filtered, None, "1"),
        (LINKED, LINKED, written, None, None),
        (BLANK, BLANK, filtered, None, None),
    ],
)
def test_the_key_of_a_row_that_was_made_late_is_taken_for_its_record(
    stored: Link, now: Link, ends: object, owner: str | None, owns: str | None
) -> None:
    assert late(stored, now, ends=ends, owner=owner).owner == owns


OTHER = Link("parents", "2", route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K")


@pytest.mark.parametrize(
    ("other", "former"),
    [
        (OTHER, ()),
        (replace(OTHER, target_key="k"), ()),
        (replace(OTHER, target_key=None, state=LinkState.REJECTED), (INHERITED,)),
        (replace(OTHER, target_key=None, former=(INHERITED,)),
         (INHERITED,)),
    ],
    ids=["linked", "in another case", "not linked", "inherited before"],
)  # fmt: skip
def test_the_record_that_has_the_row_by_now_is_dirty_and_is_written_once_more(
    other: Link, former: tuple[FormerTarget, ...]
) -> None:
    found = late(LINKED, replace(LINKED, target_key=None, state=LinkState.FILTERED), owner="2", other=other)
    assert found.told == ["2"]
    assert (found.other.dirty, found.other.former, found.other.target_key) == (True, former, other.target_key)
    assert (found.now.dirty, found.now.former, found.now.target_key) == (True, (), None)


@pytest.mark.parametrize(
    ("ends", "other", "owner_flow"),
    [
        (filtered, OTHER, "parents"),
        (written, None, "parents"),
        (written, OTHER, "lost"),
    ],
    ids=["nothing was written", "no link", "no such flow"],
)
def test_nobody_else_is_told_where_nothing_was_written_or_the_owner_has_no_link(
    ends: object, other: Link | None, owner_flow: str
) -> None:
    found = late(LINKED, LINKED, ends=ends, owner="2", other=other, owner_flow=owner_flow)
    assert found.told == []
    assert not found.other.dirty
    assert found.now.dirty


def test_the_record_that_has_the_row_is_kept_off_while_the_late_write_may_still_land() -> None:
    claim = late(LINKED, LINKED, ends=unanswered, owner="2", other=replace(OTHER, claim=THEIRS)).other.claim
    assert (claim.id, claim.kind) == ("mine", ClaimKind.UNSETTLED)


def content(**of: object) -> Link:
    return replace(LINKED, content=replace(LINKED.content, **of))  # type: ignore[arg-type]


A, B = {"name": "a"}, {"name": "b"}


@pytest.mark.parametrize(
    ("stored", "now", "becomes"),
    [
        (content(applied={"name": "old", "phone": "1"}), content(), {"touched": ("phone",)}),
        (content(touched=("fax",)), content(touched=("phone",)), {"touched": ("fax", "phone")}),
        (content(touched=("name",)), content(), {"touched": ()}),
        (content(line_fields=("b",)), content(line_fields=("a", "b")), {"line_fields": ("a", "b")}),
        (content(noted=(3, 1)), content(noted=(2,)), {"noted": (1, 2, 3)}),
        (content(numbers={1: "x", 2: "y"}), content(numbers={1: "z"}), {"numbers": {1: "z", 2: "y"}}),
        (content(revisions={"r1": 0}), content(), {"revisions": {"r1": 0}}),
        (content(revisions={"r1": 0}), content(revisions={"r2": 1}), {"revisions": {"r2": 1}}),
        (content(places=(A, B)), content(places=(B,)), {"places": (B, A)}),
        (content(sent=(A, B)), content(sent=(B,)), {"sent": (B, A)}),
    ],
)
def test_what_a_late_write_may_have_filled_and_added_is_known_so_that_it_can_be_taken_back(
    stored: Link, now: Link, becomes: Mapping[str, object]
) -> None:
    after = late(stored, now).now.content
    assert {name: getattr(after, name) for name in becomes} == becomes
    assert after.applied == now.content.applied


@pytest.mark.parametrize(
    ("now", "ends", "knows"),
    [
        (LINKED, written, True),
        (LINKED, filtered, False),
        (replace(LINKED, route="person"), written, False),
        (replace(LINKED, target_key="J"), written, False),
        (replace(LINKED, target_key=None, intent=Intent("K", ())), written, True),
    ],
)
def test_what_it_has_filled_counts_at_that_row_only(now: Link, ends: object, knows: bool) -> None:
    filled: dict[str, Json] = {"name": "old", "phone": "1"}
    after = late(content(applied=filled), now, ends=ends).now.content
    assert ("phone" in after.touched) is knows


def test_what_a_late_create_has_sent_counts_as_filled() -> None:
    assert late(BEGUN, replace(LINKED, content=LinkContent(applied={"name": "y"}))).now.content.touched == ("phone",)


@pytest.mark.parametrize(
    ("ours", "theirs", "overwrites"), [(True, False, True), (False, True, True), (False, False, False)]
)
def test_a_worker_that_writes_over_others_is_remembered_on_either_side(
    ours: bool, theirs: bool, overwrites: bool
) -> None:
    stored = replace(LINKED, claim=replace(MINE, overwrites=ours))
    now = replace(LINKED, claim=replace(THEIRS, overwrites=theirs))
    assert late(stored, now).now.claim.overwrites is overwrites


def test_without_an_overtaken_record_nothing_is_read() -> None:
    world = World()
    flow = world.service().flows["parents"]
    world.steps.names.clear()
    assert note_late_writes(flow, world.state.links, partial(world.state.keys_of, flow), [], {}) == []
    assert world.steps.names == []


def test_a_key_that_the_late_worker_held_and_the_link_no_longer_names_is_given_up() -> None:
    found = late(replace(BLANK, route=ROUTE, held_key="K"), BLANK, ends=filtered)
    assert found.owner is None
