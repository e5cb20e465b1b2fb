"""What is kept of a record beside its outcome: since when it is linked, and which values a write has changed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.records import Json, LineAction, LineWrite, TargetRow, Write
from shared.state.links import Link, LinkState
from shared.sync.apply.changed_values import changed_values
from shared.sync.apply.outcome import Kind, Outcome
from shared.sync.apply.record import Concluded, Record
from shared.sync.apply.result import linked_at
from shared.sync.hints import Hint
from tests.support.clock import START

NOW = START + timedelta(microseconds=5)
BEFORE = START - timedelta(days=1)
LINKED = Link("accounts", "1", route="customer", target_key="A-1", linked_at=BEFORE)


@pytest.mark.parametrize(
    ("found", "link", "since"),
    [
        (LINKED, LINKED, BEFORE),
        (Link("accounts", "1"), replace(LINKED, linked_at=None), START),
        (replace(LINKED, linked_at=None), replace(LINKED, linked_at=None), START),
        (LINKED, replace(LINKED, target_key="A-2"), START),
        (LINKED, replace(LINKED, route="person"), START),
        (LINKED, replace(LINKED, target_key=None), None),
        (Link("accounts", "1"), Link("accounts", "1"), None),
    ],
    ids=["stays", "new", "linked by hand", "another key", "another route", "not linked any more", "never linked"],
)
def test_a_record_is_linked_since_it_got_its_present_row(found: Link, link: Link, since: object) -> None:
    assert linked_at(found, link, NOW) == since


ROW = TargetRow({"name": "old", "fax": "1"}, lines={1: {"price": 5}, 2: {"price": 6, "text": "b"}})
APPLIED: dict[str, Json] = {"name": "applied"}


@pytest.mark.parametrize(
    ("create", "before", "old"),
    [(False, ROW, "old"), (False, None, "applied"), (True, None, None), (True, ROW, None)],
    ids=["as read", "as applied", "new", "new though a row was read"],
)
def test_the_old_value_is_the_one_that_was_read_or_else_the_applied_one(
    create: bool, before: TargetRow | None, old: Json
) -> None:
    write = Write("1", "A-1", {"name": "new"}, create=create, before=before)
    assert changed_values(write, APPLIED) == {"name": (old, "new")}


def test_the_values_of_a_line_have_its_number_and_a_line_is_told_as_added_or_removed() -> None:
    lines = (
        LineWrite(1, LineAction.UPDATE, {"price": 7}),
        LineWrite(2, LineAction.DELETE, {}),
        LineWrite(3, LineAction.CREATE, {"price": 8}),
    )
    found = changed_values(Write("1", "A-1", {}, create=False, before=ROW, lines=lines), APPLIED)
    assert list(found.items()) == [
        ("line 1 price", (5, 7)),
        ("line 2 price", (6, None)),
        ("line 2 text", ("b", None)),
        ("line 2", (None, "removed")),
        ("line 3", (None, "added")),
        ("line 3 price", (None, 8)),
    ]
    unread = changed_values(Write("1", "A-1", {}, create=False, lines=lines[:2]), APPLIED)
    assert unread == {"line 1 price": (None, 7), "line 2": (None, "removed")}


@pytest.mark.parametrize(
    ("link", "trusted", "attempts", "stays_clean", "dirty"),
    [
        (LINKED, True, 0, False, False),
        (LINKED, True, 1, False, True),
        (LINKED, True, 4, False, True),
        (LINKED, True, 1, True, False),
        (LINKED, False, 0, False, True),
        (LINKED, False, 1, True, True),
        (replace(LINKED, dirty=True), True, 0, True, True),
    ],
)
def test_a_record_that_was_refused_is_compared_as_a_whole_when_it_comes_back(
    link: Link, trusted: bool, attempts: int, stays_clean: bool, dirty: bool
) -> None:
    record = Record.of(Hint("1"), link, trusted=trusted)
    back = record.retried(delay_s=5.0, attempts=attempts, stays_clean=stays_clean).outcome
    assert (back.link.dirty, back.link.attempts, back.delay_s) == (dirty, attempts, 5.0)
    assert (back.link.state is LinkState.RETRYING) is (attempts > 0)
    assert back.link.claim.id is None


@pytest.mark.parametrize(
    ("kind", "is_final"),
    [(kind, kind not in {Kind.RETRIED, Kind.UNSETTLED, Kind.SKIPPED}) for kind in Kind],
)
def test_an_outcome_is_final_unless_the_record_comes_back(kind: Kind, is_final: bool) -> None:
    of = Concluded(Record.of(Hint("1"), LINKED, trusted=True), Outcome(kind, LINKED))
    assert of.needs_no_second_try is is_final
