"""What a link remembers of a write before it is sent, in case the answer or the worker is lost (protocol A6, A8)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.mapping.verdicts import Mapped
from shared.records import Json, LineAction, LineWrite, TargetRow, Write
from shared.state.link_parts import Claim, ClaimKind, LinkContent
from shared.state.link_targets import Intent
from shared.state.links import Link, Links, LinkState, Place
from shared.state.storage.tables import Insert, Operation
from shared.sync.apply.note import note
from shared.sync.apply.outcome import Kind
from shared.sync.apply.record import Concluded, Ending, Judged, Planned, Record
from shared.sync.flow import OnConflict
from shared.sync.hints import Hint
from shared.sync.link_writer import change_link
from tests.support.doubles import ROUTE
from tests.support.trade import DOCUMENT
from tests.support.world import TRADE, World
from tests.unit.sync.test_changes import Detail

CLAIM = Claim("mine", ClaimKind.WORKING)
NEW = Link("parents", "1", claim=CLAIM)
LINKED = replace(
    NEW,
    route=ROUTE,
    state=LinkState.WRITTEN,
    target_key="K",
    held_key="K",
    content=LinkContent(applied={"name": "old"}),
)
NAME: dict[str, Json] = {"name": "new"}
PHONE: dict[str, Json] = {"phone": "1"}
ROW = TargetRow({"name": "old"})
LOOKS: dict[str, Any] = {"on_conflict": OnConflict.TARGET_WINS}
INTENT = Intent("K", ({"name": "first"},))


@dataclass
class Noted:
    """What was noted of one record: what goes on, its link as it was and as it is stored now, and the keys that were
    given up."""

    found: Planned | Concluded
    before: Link
    now: Link
    released: list[dict[str, set[Place]]] = field(default_factory=list)

    @property
    def is_written(self) -> bool:
        return self.now.etag != self.before.etag

    @property
    def planned(self) -> Planned:
        assert isinstance(self.found, Planned)
        return self.found


def noted(
    link: Link,
    values: Mapping[str, Json],
    *,
    create: bool = False,
    before: TargetRow | None = None,
    found: Link | None = None,
    content: Mapped | None = None,
    lines: tuple[LineWrite, ...] = (),
    judged: Mapping[str, Any] | None = None,
    foreign: bool = False,
    flow: str = "parents",
    **how: Any,
) -> Noted:
    """A record of this link, about to send these values; `how` changes its route. `found` is its link as it is stored,
    if that is another one. `foreign`: another worker has changed its link meanwhile."""
    world = World(flows=TRADE)
    world.links_table.transact([Insert(replace(found or link, flow=flow).to_row())])
    links, of = Links(world.links_table), world.service().flows[flow]
    read = links.load(flow, ["1"])["1"]
    if foreign:
        assert change_link(links, read, lambda now: replace(now, dirty=True))
    record = Record.of(Hint("1"), read, trusted=True)
    if found is not None:
        record = replace(record, link=replace(link, etag=read.etag))
    content = content or Mapped("K", {**values}, {})
    write = Write("1", content.key, values, create=create, before=before, lines=lines)
    released: list[dict[str, set[Place]]] = []

    def release(dropped: Mapping[str, Any], stored: Mapping[str, Link]) -> int:
        released.append({id: set(places) for id, places in dropped.items()})
        assert all(stored[id].etag == read.etag for id in dropped)
        return 0

    (route,) = of.routes.values()
    planned = Planned(Judged(record, content, **(judged or {})), write)
    (result,) = note(replace(route, **how), links, release, [planned])
    return Noted(result, read, links.load(flow, ["1"])["1"], released)


CREATED = Intent("K", (NAME,))


@pytest.mark.parametrize(
    ("link", "values", "how", "intent", "touched"),
    [
        (NEW, NAME, {"create": True}, CREATED, ()),
        (NEW, NAME, {"before": ROW}, CREATED, ("name",)),
        (NEW, {**PHONE, **NAME}, {"before": ROW}, Intent("K", ({**PHONE, **NAME},)), ("name", "phone")),
        (LINKED, NAME, {"create": True}, CREATED, ()),
        (LINKED, PHONE, {"create": True}, Intent("K", (PHONE,)), ("phone",)),
        (LINKED, {**NAME, **PHONE}, {}, None, ("phone",)),
        (replace(LINKED, content=LinkContent(touched=("name",))), {**NAME, **PHONE}, {}, None, ("name", "phone")),
        (replace(NEW, intent=INTENT), NAME, {"create": True}, Intent("K", (*INTENT.sent, NAME)), ()),
        (replace(NEW, intent=replace(INTENT, key="k ")), NAME, {"create": True}, Intent("K", (*INTENT.sent, NAME)), ()),
        (replace(NEW, intent=replace(INTENT, key="J")), NAME, {"create": True}, CREATED, ()),
    ],
)
def test_the_intent_of_a_first_write_and_the_fields_that_a_write_fills_first_are_noted(
    link: Link, values: dict[str, Json], how: dict[str, Any], intent: Intent | None, touched: tuple[str, ...]
) -> None:
    result = noted(link, values, **how)
    assert result.is_written
    assert (result.now.intent, result.now.content.touched) == (intent, touched)
    assert (result.now.route, result.now.held_key, result.now.target_key) == (ROUTE, "K", link.target_key)
    assert (result.now.claim, result.now.state, result.now.content.applied) == (
        CLAIM,
        link.state,
        link.content.applied,
    )
    record = result.planned.record
    assert (record.stored, record.link, record.before) == (result.now, result.now, result.before)


@pytest.mark.parametrize(
    ("link", "how"),
    [
        (LINKED, {}),
        (replace(LINKED, content=LinkContent(touched=("name",))), {}),
        (LINKED, {"before": ROW}),
        (LINKED, LOOKS),
    ],
)
def test_a_write_of_fields_that_were_written_before_needs_no_note(link: Link, how: dict[str, Any]) -> None:
    result = noted(link, NAME, **how)
    assert not result.is_written
    assert result.planned.record.before is None


def test_a_record_whose_create_was_just_found_to_be_applied_is_stored_as_linked_before_its_next_write() -> None:
    claimed = replace(NEW, route=ROUTE, state=LinkState.RETRYING, held_key="K", intent=INTENT)
    result = noted(replace(claimed, target_key="K", content=LINKED.content), NAME, found=claimed)
    assert (result.before.linked, result.before.target_key) == (False, None)
    assert (result.now.linked, result.now.target_key, result.now.state) == (True, "K", LinkState.RETRYING)
    assert result.now.content.applied == {"name": "old"}


def named(text: str) -> dict[str, Json]:
    return {"name": text}


A, B, C, D = map(named, "abcd")


@pytest.mark.parametrize(
    ("sent", "there", "kept"),
    [
        ((), "old", (NAME,)),
        ((A,), "old", (A, NAME)),
        ((A, B), "a", (A, B, NAME)),
        ((A, B, C), "a", (A, B, C, NAME)),
        ((A, B, C), "b", (B, C, NAME)),
        ((A, B, C, D), "b", (B, C, D, NAME)),
        ((NAME, A), "old", (A, NAME)),
        (({**A, "phone": "1"}, B, C), "a", (A, B, C, NAME)),
    ],
)
def test_where_changes_of_others_count_the_last_three_writes_are_known_and_what_the_row_shows_of_earlier_ones(
    sent: tuple[dict[str, Json], ...], there: str, kept: tuple[dict[str, Json], ...]
) -> None:
    link = replace(LINKED, content=replace(LINKED.content, sent=sent))
    result = noted(link, NAME, before=TargetRow({"name": there}), **LOOKS)
    assert result.is_written
    assert result.now.content.sent == kept
    assert noted(link, NAME, before=TargetRow({"name": there})).now.content.sent == sent


@pytest.mark.parametrize(
    ("sent", "there", "values", "kept"),
    [
        ((), "old", NAME, (named("old"),)),
        ((), "new", NAME, ()),
        ((), "old", {**NAME, **PHONE}, (named("old"),)),
        ((A,), "b", NAME, (A, B)),
        ((A,), "a", NAME, (A,)),
        ((A, B), "a", NAME, (B, A)),
        ((A, B, C), "d", NAME, (B, C, D)),
    ],
)
def test_of_a_row_that_is_taken_over_what_it_held_is_known_and_the_intent_says_what_was_sent(
    sent: tuple[dict[str, Json], ...], there: str, values: dict[str, Json], kept: tuple[dict[str, Json], ...]
) -> None:
    link, row = replace(NEW, content=LinkContent(sent=sent)), TargetRow({"name": there})
    result = noted(link, values, before=row, **LOOKS)
    assert result.now.content.sent == kept
    assert result.now.intent == Intent("K", (values,))
    assert noted(link, values, before=row).now.content.sent == sent
    assert noted(link, values, create=True, **LOOKS).now.content.sent == sent


def test_a_record_that_leaves_its_row_notes_the_key_that_it_is_about_to_own_and_nothing_else() -> None:
    result = noted(
        replace(LINKED, intent=INTENT), {"hold": "All"}, content=Mapped("L", NAME, {}), judged={"leaves": True}
    )
    assert result.now.held_key == "L"
    assert result.now == replace(result.before, held_key="L", etag=result.now.etag)


def test_a_key_that_a_note_drops_is_given_up_and_one_that_stays_is_not() -> None:
    dropped = noted(replace(NEW, route=ROUTE, held_key="OLD"), NAME, create=True)
    assert dropped.released == [{"1": {(ROUTE, "old")}}]
    assert noted(replace(NEW, route=ROUTE, held_key="k"), NAME, create=True).released == [{"1": set()}]


def test_a_record_whose_link_has_changed_meanwhile_comes_back_soon_and_nothing_is_noted() -> None:
    found = noted(NEW, NAME, create=True, foreign=True).found
    assert isinstance(found, Concluded)
    assert (found.outcome.kind, found.outcome.delay_s) == (Kind.RETRIED, 15.0)


@pytest.mark.parametrize(
    ("link", "how"),
    [(NEW, {"create": True}), (LINKED, {"before": ROW, **LOOKS}), (LINKED, {"judged": {"leaves": True}})],
)
def test_a_record_whose_state_would_not_fit_into_its_row_is_listed_before_anything_is_noted_or_sent(
    link: Link, how: dict[str, Any]
) -> None:
    result = noted(link, {"name": "x" * 70_000}, **how)
    assert isinstance(result.found, Concluded)
    assert (result.found.outcome.kind, result.found.outcome.reason) == (Kind.REJECTED, "state_too_large")
    assert not result.is_written
    assert result.released in ([], [{}])


def test_what_earlier_writes_have_sent_counts_towards_the_size() -> None:
    half = named("y" * 20_000)
    link = replace(LINKED, content=replace(LINKED.content, sent=(half,)))
    assert isinstance(noted(link, {"name": "x" * 20_000}, before=ROW, **LOOKS).found, Concluded)
    assert isinstance(noted(link, {"name": "x" * 20_000}, before=ROW).found, Planned)


LINES = (LineWrite(1, LineAction.CREATE, {"p": 1}), LineWrite(2, LineAction.UPDATE, {"p": 2}))
ORDER = Mapped("K", NAME, {}, numbers={1: "a", 2: "b"}, revisions={"r2": 1})
WRITTEN = replace(LINKED, route=DOCUMENT, content=LinkContent(applied=NAME, numbers={2: "b"}, revisions={"r1": 0}))
THERE = TargetRow({}, lines={7: {}, 8: {}})


@pytest.mark.parametrize(
    ("link", "before", "lines"),
    [
        (WRITTEN, None, (1,)),
        (WRITTEN, THERE, (1,)),
        (replace(WRITTEN, content=replace(WRITTEN.content, noted=(5,))), THERE, (1, 5)),
        (replace(WRITTEN, content=replace(WRITTEN.content, numbers={})), THERE, (1, 7, 8)),
        (replace(NEW, route=DOCUMENT), THERE, (1, 7, 8)),
        (replace(NEW, route=DOCUMENT), None, (1,)),
    ],
    ids=["unread", "ours", "added before", "linked by hand", "taken over", "new"],
)
def test_of_a_document_its_numbers_rows_and_the_lines_that_a_write_adds_or_takes_over_are_noted(
    link: Link, before: TargetRow | None, lines: tuple[int, ...]
) -> None:
    result = noted(link, NAME, flow="documents", content=ORDER, lines=LINES, before=before)
    content = result.now.content
    assert content.noted == lines
    assert content.numbers == {1: "a", 2: "b"}
    assert content.revisions == {**link.content.revisions, "r2": 1}


def test_the_end_of_a_document_notes_none_of_its_lines() -> None:
    ending = Ending(Kind.ENDED, LinkState.ENDED, "inactive")
    result = noted(WRITTEN, PHONE, flow="documents", content=ORDER, judged={"ending": ending})
    assert (result.now.content.numbers, result.now.content.noted) == ({2: "b"}, ())
    assert result.now.content.touched == ("phone",)


@pytest.mark.parametrize(
    ("link", "place", "ends", "places"),
    [
        (LINKED, "a", False, ["a"]),
        (replace(LINKED, content=replace(LINKED.content, places=({"list": "b"},))), "a", False, ["b", "a"]),
        (LINKED, "a", True, []),
    ],
)
def test_the_place_of_a_dependent_row_is_noted_beside_those_before(
    link: Link, place: str, ends: bool, places: list[str]
) -> None:
    ending = Ending(Kind.ENDED, LinkState.ENDED, "inactive") if ends else None
    result = noted(
        link, NAME, content=Mapped("K", {**NAME, "list": place}, {}), detail=Detail(), judged={"ending": ending}
    )
    assert [each["list"] for each in result.now.content.places] == places
    assert result.is_written is bool(places)


class Twice(Links):
    """A storage whose client repeats a transaction that was applied: it meets its own row."""

    def __init__(self, world: World) -> None:
        table, transact = world.links_table, world.links_table.transact

        def twice(operations: list[Operation]) -> Any:
            transact(operations)
            return transact(operations)

        table.transact = twice  # type: ignore[method-assign, assignment]
        super().__init__(table)


def test_a_note_that_meets_its_own_first_success_counts_as_written() -> None:
    world = World()
    world.links_table.transact([Insert(NEW.to_row())])
    read = Links(world.links_table).load("parents", ["1"])["1"]
    route = world.service().flows["parents"].route(ROUTE)
    planned = Planned(
        Judged(Record.of(Hint("1"), read, trusted=True), Mapped("K", NAME, {})), Write("1", "K", NAME, create=True)
    )
    (found,) = note(route, Twice(world), lambda dropped, stored: 0, [planned])
    assert isinstance(found, Planned)
    assert found.record.link.intent == CREATED
