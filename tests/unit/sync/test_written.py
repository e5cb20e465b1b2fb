"""What is known of a record after its write, or if it needs none (protocol A8, A9)."""

from dataclasses import replace
from typing import Any

import pytest

from shared.mapping.verdicts import Mapped, MappedLine
from shared.records import Json, LineAction, LineWrite, TargetRow, Write
from shared.state.link_parts import LinkContent
from shared.state.links import Link, LinkState
from shared.sync.apply.changes import digests
from shared.sync.apply.outcome import Kind
from shared.sync.apply.record import Ending, Judged, Planned, Record
from shared.sync.apply.written import target_of, unchanged, written
from shared.sync.flow import Route
from shared.sync.hints import Hint
from tests.support.clock import ManualClock
from tests.support.doubles import ROUTE, FakeMapper, FakeTarget
from tests.support.steps import Steps
from tests.unit.sync.test_changes import Detail

NEW = Link("parents", "1")
LINKED = replace(
    NEW,
    route=ROUTE,
    state=LinkState.WRITTEN,
    target_key="k",
    target_id="id1",
    held_key="k",
    content=LinkContent(applied={"name": "old"}, kept={"name": "theirs", "phone": "0", "gone": "x"}),
)
CONTENT = Mapped("K", {"name": "new", "phone": None, "fax": None}, {"group": "9"})
ENDING = Ending(Kind.ENDED, LinkState.ENDED, "inactive")


def to(**how: Any) -> Route:
    return Route(ROUTE, "Customers", FakeTarget(Steps(), ManualClock()), FakeMapper(), **how)


def judged(link: Link = LINKED, content: Mapped = CONTENT, *, trusted: bool = True, **more: Any) -> Judged:
    return Judged(Record.of(Hint("1"), link, trusted=trusted), content, **more)


def write(values: dict[str, Json] | None = None, **more: Any) -> Write:
    return Write("1", "K", values or {"name": "new"}, **{"create": False, "target_id": "id2", **more})


@pytest.mark.parametrize(
    ("create", "stays", "sent", "kept"),
    [
        (True, {"name": "theirs"}, {"name": "new"}, {}),
        (False, {"name": "theirs"}, {"fax": "1"}, {"name": "theirs"}),
        (False, {}, {"fax": "1"}, {}),
        (False, None, {"name": "new"}, {"phone": "0"}),
        (False, None, {"fax": "1"}, {"name": "theirs", "phone": "0"}),
    ],
    ids=["created", "looked at", "nothing stays", "not looked at and sent", "not looked at and not sent"],
)
def test_the_targets_own_values_stay_known_until_they_are_written_over(
    create: bool, stays: dict[str, Json] | None, sent: dict[str, Json], kept: dict[str, Json]
) -> None:
    done = written(to(), Planned(judged(stays=stays), write(sent, create=create)))
    assert done.outcome.link.content.kept == kept
    assert done.outcome.kind is (Kind.CREATED if create else Kind.UPDATED)


def test_a_record_without_a_write_keeps_them_as_well() -> None:
    done = unchanged(to(), judged()).outcome
    assert (done.link.content.kept, done.kind, done.fields) == (
        {"name": "theirs", "phone": "0"},
        Kind.UNCHANGED,
        (),
    )
    assert (done.link.target_id, done.write) == ("id1", None)


def test_what_stays_from_now_on_is_told_with_both_values() -> None:
    assert unchanged(to(), judged(stays={"name": "other"})).outcome.kept == {"name": ("other", "new")}
    assert unchanged(to(), judged(stays={"name": "theirs"})).outcome.kept == {}


def test_the_applied_content_is_what_is_mapped_without_its_blanks() -> None:
    done = written(to(), Planned(judged(), write())).outcome
    assert done.link.content.applied == {"name": "new"}
    assert (done.link.state, done.link.target_id, done.fields) == (LinkState.WRITTEN, "id2", ("name",))
    assert done.write == write()


def test_the_history_names_a_hundred_fields_and_lines_of_a_write_at_most() -> None:
    many: dict[str, Json] = {f"f{number}": number for number in range(99)}
    lines = tuple(LineWrite(number, LineAction.DELETE) for number in (7, 8))
    fields = written(to(), Planned(judged(), write(many, lines=lines))).outcome.fields
    assert len(fields) == 100
    assert fields[-2:] == ("f98", "line 7")


@pytest.mark.parametrize(("link", "key"), [(LINKED, "k"), (NEW, "K"), (replace(LINKED, route="person"), "K")])
def test_a_linked_record_keeps_its_key_as_it_was_written_first(link: Link, key: str) -> None:
    target = target_of(to(), Planned(judged(link), write()))
    assert (target.route, target.key, target.id) == (ROUTE, key, "id2")


DOCUMENT = Mapped(
    "K", {"name": "new"}, {}, lines={1: MappedLine({"price": 5, "text": None}), 2: MappedLine({"qty": 1})},
    numbers={1: "a", 2: "b"}, revisions={"r2": 1},
)  # fmt: skip
OF_LINES = replace(
    LINKED,
    content=LinkContent(
        applied={"name": "old"}, lines={1: "x"}, numbers={1: "a"}, line_fields=("text",), revisions={"r1": 0},
        places=({"list": "a"},),
    ),
)  # fmt: skip


def test_a_written_document_knows_its_lines_and_every_field_that_a_line_has_ever_filled() -> None:
    content = written(to(), Planned(judged(OF_LINES, DOCUMENT), write())).outcome.link.content
    assert (content.lines, content.numbers) == (digests(DOCUMENT), {1: "a", 2: "b"})
    assert (content.line_fields, content.revisions) == (("price", "qty", "text"), {"r2": 1})


def test_a_dependent_row_is_known_at_its_present_place_only() -> None:
    content = Mapped("K", {"list": "b"}, {})
    assert written(to(detail=Detail()), Planned(judged(OF_LINES, content), write())).outcome.link.content.places == (
        {"list": "b"},
    )


@pytest.mark.parametrize("trusted", [True, False])
def test_an_ended_record_keeps_what_is_known_of_its_row_and_stays_in_doubt_where_it_was(trusted: bool) -> None:
    planned = Planned(judged(OF_LINES, CONTENT, trusted=trusted, ending=ENDING), write({"hold": "All"}))
    done = written(to(), planned).outcome
    assert (done.kind, done.reason, done.link.state, done.link.rule) == (
        Kind.ENDED,
        "inactive",
        LinkState.ENDED,
        "inactive",
    )
    assert (done.link.dirty, done.fields, done.write) == (not trusted, ("hold",), write({"hold": "All"}))
    before, now = OF_LINES.content, done.link.content
    assert (now.lines, now.numbers, now.line_fields) == (before.lines, before.numbers, before.line_fields)
    assert (now.places, now.revisions, now.applied) == (before.places, before.revisions, {"name": "new"})
    assert done.link.target_key == "k"


def test_the_end_of_a_record_keeps_the_targets_own_values_too() -> None:
    planned = Planned(judged(ending=ENDING), write({"fax": "1"}, before=TargetRow({})))
    assert written(to(), planned).outcome.link.content.kept == {"name": "theirs", "phone": "0"}
