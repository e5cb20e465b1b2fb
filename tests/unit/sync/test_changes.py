"""What is written of a record, and which values of the target count as those of others (protocol A7, A8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from shared.mapping.verdicts import Mapped, Rejected
from shared.records import Json, TargetRow, Write
from shared.state.link_parts import Claim, LinkContent
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, LinkState
from shared.sync.apply.changes import Changes
from shared.sync.apply.record import Judged, Record
from shared.sync.flow import AdoptionRules, OnConflict, Route
from shared.sync.hints import Hint
from tests.support.clock import ManualClock
from tests.support.doubles import ROUTE, FakeMapper, FakeTarget
from tests.support.steps import Steps

OLD: dict[str, Json] = {"name": "old"}
NEW: dict[str, Json] = {"name": "new"}
THEIRS: dict[str, Json] = {"name": "theirs"}
INTENT = Intent("K", ({"phone": "1"},))


@dataclass(frozen=True)
class Case:
    """A record with the field `name`: what was applied, what is mapped now, what the target holds, and what is known
    besides."""

    applied: dict[str, Json] = field(default_factory=lambda: OLD)
    owned: Mapping[str, Json] = field(default_factory=lambda: NEW)
    there: Mapping[str, Json] = field(default_factory=lambda: THEIRS)
    kept: dict[str, Json] = field(default_factory=dict)
    overruled: dict[str, Json] = field(default_factory=dict)
    sent: tuple[dict[str, Json], ...] = ()
    intent: Intent | None = None
    trusted: bool = True
    overwrites: bool = False
    fills: frozenset[str] = frozenset()

    @property
    def judged(self) -> Judged:
        content = LinkContent(applied=self.applied, kept=self.kept, overruled=self.overruled, sent=self.sent)
        link = replace(LINKED, content=content, intent=self.intent, claim=Claim("c", overwrites=self.overwrites))
        record = Record.of(Hint("1"), link, trusted=self.trusted)
        return Judged(record, Mapped("K", self.owned, {}, fills=self.fills))

    @property
    def row(self) -> TargetRow:
        return TargetRow(dict(self.there))


LINKED = Link("parents", "1", route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K")


def route(on_conflict: OnConflict = OnConflict.TARGET_WINS) -> Route:
    return Route(ROUTE, "Customers", FakeTarget(Steps(), ManualClock()), FakeMapper(), on_conflict=on_conflict)


@pytest.mark.parametrize(
    ("case", "is_conflict"),
    [
        (Case(), True),
        (Case(there=OLD), False),
        (Case(there=NEW), False),
        (Case(there={}), False),
        (Case(owned=OLD), False),
        (Case(applied={}), False),
        (Case(applied={}, kept=THEIRS), True),
        (Case(fills=frozenset({"name"})), False),
        (Case(overwrites=True), False),
        (Case(sent=(THEIRS,)), False),
        (Case(sent=({"phone": "1"},)), True),
        (Case(sent=({"name": "sent"}, THEIRS)), False),
        (Case(there={"name": ""}), True),
        (Case(there={"name": ""}, intent=INTENT), False),
        (Case(intent=INTENT), True),
        (Case(intent=Intent("K", (THEIRS,))), False),
        (Case(owned=OLD, overruled=THEIRS), False),
        (Case(owned=OLD, overruled={"name": "earlier"}), True),
        (Case(owned=OLD, overruled={"name": "earlier"}, there=OLD), False),
        (Case(owned=NEW, overruled={"name": "earlier"}, there=OLD), True),
        (Case(owned=NEW, overruled={"name": "earlier"}, sent=(THEIRS,)), False),
        (Case(owned=OLD, kept=THEIRS), False),
        (Case(owned=NEW, kept=THEIRS), True),
        (Case(owned=OLD, trusted=False), True),
        (Case(owned=OLD, trusted=False, there=OLD), False),
        (Case(owned=OLD, trusted=False, kept=THEIRS), False),
        (Case(owned=OLD, trusted=False, kept={"name": "earlier"}), True),
        (Case(owned=OLD, trusted=False, kept=THEIRS, overruled={"name": "earlier"}), True),
    ],
)
def test_a_value_is_that_of_others_if_we_have_neither_written_nor_sent_nor_left_it(
    case: Case, is_conflict: bool
) -> None:
    assert Changes(route()).conflicts(case.judged, case.row) == (["name"] if is_conflict else [])


@pytest.mark.parametrize(
    ("intent", "there", "is_conflict"),
    [(INTENT, "begun", False), (INTENT, "theirs", True), (None, "begun", True)],
)
def test_what_a_row_begins_with_is_not_that_of_others_until_the_creation_is_finished(
    intent: Intent | None, there: str, is_conflict: bool
) -> None:
    begins = replace(route(), begins={"name": "begun"})
    case = Case(intent=intent, there={"name": there})
    assert Changes(begins).conflicts(case.judged, case.row) == (["name"] if is_conflict else [])


STOPS = OnConflict.STOP


@pytest.mark.parametrize(
    ("case", "on_conflict", "conflicts", "stays"),
    [
        (Case(owned=OLD, kept=THEIRS), OnConflict.TARGET_WINS, [], THEIRS),
        (Case(owned=OLD, kept={"name": "earlier"}), OnConflict.TARGET_WINS, [], THEIRS),
        (Case(owned=OLD, kept={"name": "earlier"}), STOPS, [], {"name": "earlier"}),
        (Case(owned=OLD, kept=THEIRS, there=OLD), OnConflict.TARGET_WINS, [], {}),
        (Case(owned=OLD, kept=THEIRS, there={}), OnConflict.TARGET_WINS, [], {}),
        (Case(owned={}, kept=THEIRS), OnConflict.TARGET_WINS, [], {}),
        (Case(owned=NEW, kept=THEIRS), OnConflict.TARGET_WINS, [], {}),
        (Case(owned=NEW, kept=THEIRS), OnConflict.TARGET_WINS, ["name"], THEIRS),
        (Case(owned=OLD), OnConflict.TARGET_WINS, [], {}),
        (Case(owned=OLD, kept=THEIRS, trusted=False), OnConflict.TARGET_WINS, [], THEIRS),
        (Case(owned=OLD, kept={"name": "earlier"}, trusted=False), OnConflict.TARGET_WINS, [], {}),
        (Case(owned=OLD, kept=THEIRS, overruled=THEIRS), OnConflict.TARGET_WINS, [], {}),
    ],
)
def test_what_was_left_to_the_target_stays_until_the_source_changes_or_the_values_are_equal(
    case: Case, on_conflict: OnConflict, conflicts: list[str], stays: Mapping[str, Json]
) -> None:
    assert Changes(route(on_conflict)).stays(case.judged, case.row, conflicts) == stays


@pytest.mark.parametrize(
    ("case", "difference"),
    [
        (Case(), NEW),
        (Case(owned=OLD), {}),
        (Case(owned=OLD, overruled=THEIRS), OLD),
        (Case(owned={"name": None}), {"name": ""}),
        (Case(applied={}, owned={"name": None}), {}),
        (Case(applied={"name": "old", "phone": "1"}, owned={"name": "old", "phone": "2"}), {"phone": "2"}),
    ],
)
def test_what_differs_from_what_was_applied_is_written_and_a_blank_as_the_target_knows_it(
    case: Case, difference: Mapping[str, Json]
) -> None:
    assert Changes(route()).difference(case.judged) == difference
    once = Changes(replace(route(), once=True))
    assert once.difference(case.judged) == {}
    assert once.difference(replace(case, intent=INTENT).judged) == difference


NOT_LINKED = replace(LINKED, target_key=None)
LEFT = FormerTarget(ROUTE, "k", ended=True)


@pytest.mark.parametrize(
    ("link", "ours", "created", "emptied"),
    [
        (LINKED, False, False, False),
        (LINKED, True, False, False),
        (replace(LINKED, content=LinkContent(applied={"name": "x"})), False, False, True),
        (replace(LINKED, content=LinkContent(touched=("name",))), False, False, True),
        (replace(LINKED, former=(LEFT,)), False, False, True),
        (replace(LINKED, former=(replace(LEFT, key="L"),)), False, False, False),
        (replace(LINKED, intent=INTENT), True, True, False),
        (replace(LINKED, intent=INTENT), False, False, False),
        (NOT_LINKED, True, True, True),
        (NOT_LINKED, False, False, False),
        (replace(NOT_LINKED, intent=INTENT), True, True, True),
    ],
)
def test_a_row_gets_what_is_sent_at_creation_while_it_is_ours_and_not_finished_and_is_emptied_where_we_have_written(
    link: Link, ours: bool, created: bool, emptied: bool
) -> None:
    judged = Judged(
        Record.of(Hint("1"), link, trusted=False), Mapped("K", {"name": None, "phone": "1"}, {"group": "9"})
    )
    write = Changes(route()).overwrite(judged, TargetRow({}, "id1", ours), alone=True)
    assert isinstance(write, Write)
    expected: dict[str, Json] = {"phone": "1"}
    expected |= {"group": "9"} if created else {}
    expected |= {"name": ""} if emptied else {}
    assert write.values == expected
    assert (write.create, write.key, write.target_id, write.alone) == (False, "K", "id1", True)
    assert write.before is not None


@dataclass(frozen=True)
class Adopting(AdoptionRules):
    """Takes a row over with one more field, or not at all."""

    found: Mapping[str, Json] | Rejected

    def adopt(self, row: TargetRow) -> Mapping[str, Json] | Rejected:
        return self.found


@pytest.mark.parametrize(
    ("link", "ours", "adopts"),
    [
        (NOT_LINKED, False, True),
        (LINKED, False, True),
        (LINKED, True, True),
        (replace(LINKED, content=LinkContent(applied=OLD)), False, False),
        (NOT_LINKED, True, False),
        (replace(LINKED, intent=INTENT), True, False),
    ],
)
def test_a_row_that_is_taken_over_gets_what_it_needs_or_says_why_not(link: Link, ours: bool, adopts: bool) -> None:
    judged = Judged(Record.of(Hint("1"), link, trusted=False), Mapped("K", {"phone": "1"}, {}))
    row, refused = TargetRow({}, "id1", ours), Rejected("not_ours", "it is another one", "link it")
    takes = replace(route(), adoption=Adopting({"extra": "x", "phone": "0"}))
    write = Changes(takes).overwrite(judged, row, alone=False)
    assert isinstance(write, Write)
    assert write.values == ({"extra": "x", "phone": "1"} if adopts else {"phone": "1"})
    found = Changes(replace(takes, adoption=Adopting(refused))).overwrite(judged, row, alone=False)
    assert found == refused if adopts else isinstance(found, Write)


@dataclass(frozen=True)
class Detail:
    """A dependent row whose place is the field `list`; those of ours in a row are listed under `ours`."""

    def place(self, content: Mapping[str, Json]) -> Mapping[str, Json] | None:
        return None if content.get("list") is None else {"list": content["list"]}

    def is_readable(self, content: Mapping[str, Json], places: Sequence[Mapping[str, Json]]) -> bool:
        return True

    def places_of_ours(self, row: TargetRow) -> Sequence[Mapping[str, Json]]:
        found = row.values.get("ours")
        return [{"list": each} for each in found] if isinstance(found, list) else []

    def left_at(self, places: Sequence[Mapping[str, Json]], row: TargetRow) -> tuple[str, Json] | None:
        found = row.values.get("items")
        left = [each for each in found if {"list": each} in places] if isinstance(found, list) else []
        return ("items", left) if left else None


@pytest.mark.parametrize(
    ("known", "now", "ours", "former", "noted"),
    [
        ([], "a", None, [], ["a"]),
        (["a"], "a", None, [], ["a"]),
        (["a"], "b", None, ["a"], ["a", "b"]),
        (["a", "b"], "b", None, ["a"], ["a", "b"]),
        (["a"], None, None, ["a"], ["a"]),
        ([], "a", ["a", "c"], ["c"], ["a"]),
        (["c"], "a", ["a", "c"], ["c"], ["c", "a"]),
        (["a"], "a", ["d"], ["d"], ["a"]),
    ],
)
def test_dependent_rows_of_ours_are_removed_from_every_place_but_the_present_one(
    known: list[str], now: str | None, ours: list[str] | None, former: list[str], noted: list[str]
) -> None:
    link = replace(LINKED, content=LinkContent(places=tuple({"list": each} for each in known)))
    judged = Judged(Record.of(Hint("1"), link, trusted=True), Mapped("K", {"list": now}, {}))
    changes = Changes(replace(route(), detail=Detail()))
    row = None if ours is None else TargetRow({"ours": list[Json](ours)})
    assert [place["list"] for place in changes.former_places(judged, row)] == former
    assert [place["list"] for place in changes.noted_places(judged)] == noted
    assert [place["list"] for place in changes.places_now(judged)] == ([] if now is None else [now])
    without = Changes(route())
    assert (without.former_places(judged, row), without.places_now(judged)) == ((), ())


@pytest.mark.parametrize(
    ("intent", "sent", "items", "is_conflict"),
    [
        (None, (), ["b"], True),
        (INTENT, (), ["b"], False),
        (None, ({"phone": "1"},), ["b"], False),
        (INTENT, (), ["a", "b"], True),
        (INTENT, (), [], False),
    ],
)
def test_a_dependent_row_that_a_write_without_an_answer_may_not_have_made_is_no_change_of_others(
    intent: Intent | None, sent: tuple[dict[str, Json], ...], items: list[str], is_conflict: bool
) -> None:
    content = LinkContent(applied={"list": "z"}, sent=sent)
    link = replace(LINKED, content=content, intent=intent)
    judged = Judged(Record.of(Hint("1"), link, trusted=True), Mapped("K", {"list": "a"}, {}))
    row = TargetRow({"list": "theirs", "items": list[Json](items)})
    found = Changes(replace(route(), detail=Detail())).conflicts(judged, row)
    assert found == (["list"] if is_conflict else [])
