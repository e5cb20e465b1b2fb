"""What is to be written of a record, by its link, by its row in the target and by the policies of its route (protocol
A7, A8)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.errors import RecordRejected
from shared.mapping.verdicts import Filtered, Mapped, Rejected
from shared.records import Json, TargetRow
from shared.state.link_parts import LinkContent
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, LinkState
from shared.sync.apply.outcome import Kind
from shared.sync.apply.plan import by_route, plan, plan_taken_over, take_routes
from shared.sync.apply.record import Concluded, Ending, Judged, Occupied, Planned, Record
from shared.sync.flow import NO_TARGET_ROW, TARGET_DELETED, OnConflict, OnTargetDeleted, Route
from shared.sync.hints import Hint
from tests.support.doubles import ROUTE, FakeMapper
from tests.support.trade import CONTACT, CUSTOMER
from tests.support.world import TRADE, World


@dataclass
class Rows:
    """A target with these rows."""

    rows: Mapping[str, TargetRow] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)
    impossible: bool = False

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        self.asked.append(list(keys))
        return {key: self.rows[key] for key in keys if key in self.rows}

    def check_key(self, key: str) -> None:
        if self.impossible:
            raise RecordRejected("key_not_addressable", f"{key} cannot be a key", remedy="give it another one")


NEW = Link("parents", "1")
LINKED = replace(
    NEW,
    route=ROUTE,
    state=LinkState.WRITTEN,
    target_key="K",
    held_key="K",
    content=LinkContent(applied={"name": "old"}),
)
LEFT = FormerTarget(ROUTE, "K", ended=True)
CONTENT = Mapped("K", {"name": "new"}, {"group": "9"})
SAME = Mapped("K", {"name": "old"}, {"group": "9"})


def route(rows: Mapping[str, TargetRow] | None = None, **how: Any) -> Route:
    target: Any = Rows(rows or {})
    rules = how.pop("rules", FakeMapper())
    return Route(ROUTE, "Customers", target, rules, **how)


def there(name: str = "old", **more: Any) -> dict[str, TargetRow]:
    """The target with a row under the key."""
    return {"K": TargetRow({"name": name, "hold": more.pop("hold", None)}, etag="e1", **more)}


def judged(link: Link = LINKED, content: Mapped = CONTENT, *, trusted: bool = True, **more: Any) -> Judged:
    return Judged(Record.of(Hint("1"), link, trusted=trusted), content, **more)


def planned(to: Route, of: Judged) -> Planned:
    (found,) = plan(to, [of])
    assert isinstance(found, Planned)
    return found


def concluded(to: Route, of: Judged) -> Concluded:
    (found,) = plan(to, [of])
    assert isinstance(found, Concluded)
    return found


LOOKS = {"on_conflict": OnConflict.TARGET_WINS}


@pytest.mark.parametrize(
    ("link", "content", "trusted", "how", "reads"),
    [
        (LINKED, SAME, True, {}, False),
        (LINKED, CONTENT, True, {}, False),
        (LINKED, SAME, True, LOOKS, False),
        (LINKED, CONTENT, True, LOOKS, True),
        (LINKED, SAME, True, {"updates": True}, False),
        (LINKED, CONTENT, True, {"updates": True}, True),
        (LINKED, replace(CONTENT, fills=frozenset({"name"})), True, {}, True),
        (LINKED, replace(CONTENT, fills=frozenset({"phone"})), True, {}, False),
        (LINKED, SAME, False, {}, True),
        (NEW, CONTENT, True, {}, True),
    ],
)
def test_the_target_is_read_only_where_it_may_differ_from_what_was_applied(
    link: Link, content: Mapped, trusted: bool, how: dict[str, Any], reads: bool
) -> None:
    to = route(there(), **how)
    list(plan(to, [judged(link, content, trusted=trusted)]))
    assert to.target.asked == ([["K"]] if reads else [])  # type: ignore[attr-defined]


def test_equal_content_on_a_clean_link_ends_unchanged_and_a_difference_is_an_update_of_it() -> None:
    assert concluded(route(), judged(content=SAME)).outcome.kind is Kind.UNCHANGED
    write = planned(route(), judged()).write
    assert (write.values, write.create, write.before, write.alone) == ({"name": "new"}, False, None, False)


@pytest.mark.parametrize(("unanswered", "alone"), [(0, False), (1, True), (7, True)])
def test_a_record_whose_last_write_got_no_answer_goes_alone(unanswered: int, alone: bool) -> None:
    create = planned(route(), judged(replace(NEW, unanswered=unanswered)))
    update = planned(route(there()), judged(replace(LINKED, unanswered=unanswered), trusted=False))
    assert (create.write.create, update.write.create) == (True, False)
    assert (create.write.alone, update.write.alone) == (alone, alone)


@pytest.mark.parametrize(
    ("link", "row", "how", "is_occupied"),
    [
        (NEW, there(), {}, True),
        (NEW, there(), {"adopt_existing": True}, False),
        (NEW, there(ours=True), {}, False),
        (replace(NEW, former=(LEFT,)), there(), {}, False),
        (replace(NEW, former=(replace(LEFT, key="L"),)), there(), {}, True),
        (replace(NEW, former=(replace(LEFT, route="person"),)), there(), {}, True),
        (LINKED, there(), {}, False),
    ],
)
def test_a_row_of_others_is_left_alone_unless_the_flow_takes_rows_over(
    link: Link, row: dict[str, TargetRow], how: dict[str, Any], is_occupied: bool
) -> None:
    (found,) = plan(route(row, **how), [judged(link, trusted=False)])
    assert isinstance(found, Occupied if is_occupied else Planned)


def test_a_row_that_another_deployment_maintains_is_neither_linked_nor_written() -> None:
    elsewhere = Rejected("maintained_elsewhere", "another one keeps it", "ask there", value="K")
    to = route(there(), maintained_elsewhere=lambda key, row: elsewhere if key == "K" else None, adopt_existing=True)
    rejection = concluded(to, judged(NEW)).outcome.rejection
    assert rejection is not None
    assert (rejection.cause, rejection.message, rejection.remedy, rejection.value) == (
        "maintained_elsewhere", "another one keeps it", "ask there", "K",
    )  # fmt: skip
    for ours in (judged(LINKED, trusted=False), judged(replace(NEW, former=(LEFT,)))):
        assert isinstance(planned(to, ours), Planned)


RECREATE, UNLINK, LIST = OnTargetDeleted


@pytest.mark.parametrize(
    ("link", "how", "kind"),
    [
        (NEW, {}, None),
        (NEW, {"on_target_deleted": LIST}, None),
        (LINKED, {}, None),
        (LINKED, {"on_target_deleted": RECREATE}, None),
        (LINKED, {"on_target_deleted": UNLINK}, Kind.FILTERED),
        (LINKED, {"on_target_deleted": LIST}, Kind.REJECTED),
        (LINKED, {"once": True}, Kind.REJECTED),
        (replace(LINKED, intent=Intent("K", ())), {"once": True}, None),
        (replace(LINKED, intent=Intent("K", ())), {"once": True, "on_target_deleted": LIST}, None),
    ],
)
def test_a_row_that_is_gone_is_made_again_or_not_as_the_policy_says(
    link: Link, how: dict[str, Any], kind: Kind | None
) -> None:
    (found,) = plan(route(**how), [judged(link, trusted=False)])
    if kind is None:
        assert isinstance(found, Planned)
        assert found.write.create
        assert found.write.values == {"group": "9", "name": "new"}
        return
    assert isinstance(found, Concluded)
    assert found.outcome.kind is kind
    if kind is Kind.FILTERED:
        assert (found.outcome.reason, found.outcome.link.linked) == (TARGET_DELETED, False)
        assert found.outcome.link.former == (LEFT,)
    else:
        assert found.outcome.reason == "target_gone"
        assert found.outcome.link.target_key == "K"


def test_a_key_that_the_target_cannot_take_is_refused_before_it_is_created() -> None:
    to = route()
    to.target.impossible = True  # type: ignore[attr-defined]
    found = concluded(to, judged(NEW)).outcome
    assert (found.kind, found.reason) == (Kind.REJECTED, "key_not_addressable")


@pytest.mark.parametrize(
    ("link", "row", "values"),
    [
        (LINKED, there("other"), {"name": "new"}),
        (LINKED, there("new"), None),
        (NEW, there("other"), {"name": "new"}),
        (NEW, there("new"), {}),
    ],
)
def test_a_record_that_only_updates_sends_what_differs_and_takes_the_row_at_first(
    link: Link, row: dict[str, TargetRow], values: dict[str, Json] | None
) -> None:
    (found,) = plan(route(row, updates=True), [judged(link, trusted=False)])
    if values is None:
        assert isinstance(found, Concluded)
        assert found.outcome.kind is Kind.UNCHANGED
    else:
        assert isinstance(found, Planned)
        assert (found.write.values, found.write.create) == (values, False)


def test_a_record_that_only_updates_is_filtered_without_a_row_and_where_its_row_must_not_change() -> None:
    nothing = concluded(route(updates=True), judged(trusted=False)).outcome
    assert (nothing.kind, nothing.reason) == (Kind.FILTERED, NO_TARGET_ROW)
    to = route(there("other"), updates=True, left_out=lambda row: Filtered("closed"))
    closed = concluded(to, judged(trusted=False)).outcome
    assert (closed.kind, closed.reason) == (Kind.FILTERED, "closed")
    same = replace(to, target=Rows(there("new")))  # type: ignore[arg-type]
    assert concluded(same, judged(trusted=False)).outcome.kind is Kind.UNCHANGED
    free = replace(to, left_out=lambda row: None)
    assert planned(free, judged(trusted=False)).write.values == {"name": "new"}


@pytest.mark.parametrize(
    ("policy", "name", "values", "kind"),
    [
        (OnConflict.SOURCE_WINS, "theirs", {"name": "new"}, None),
        (OnConflict.TARGET_WINS, "theirs", None, Kind.UNCHANGED),
        (OnConflict.STOP, "theirs", None, Kind.REJECTED),
        (OnConflict.TARGET_WINS, "old", {"name": "new"}, None),
        (OnConflict.STOP, "old", {"name": "new"}, None),
        (OnConflict.STOP, "new", None, Kind.UNCHANGED),
    ],
)
def test_what_others_have_changed_is_written_over_or_stays_or_is_listed_as_the_policy_says(
    policy: OnConflict, name: str, values: dict[str, Json] | None, kind: Kind | None
) -> None:
    (found,) = plan(route(there(name), on_conflict=policy), [judged()])
    if values is not None:
        assert isinstance(found, Planned)
        looked = policy is not OnConflict.SOURCE_WINS
        assert (found.write.values, found.write.if_match) == (values, "e1" if looked else None)
        return
    assert isinstance(found, Concluded)
    assert found.outcome.kind is kind
    theirs = {"name": ("theirs", "new")} if name == "theirs" else {}
    assert found.outcome.kept == theirs
    if kind is Kind.REJECTED:
        rejection = found.outcome.rejection
        assert rejection is not None
        assert (rejection.cause, rejection.value) == ("conflict", "name")
        assert "name is 'theirs' there, 'new' was to be written over 'old'" in rejection.message


@pytest.mark.parametrize(
    ("link", "there_name", "trusted", "sends"),
    [
        (LINKED, "", True, True),
        (LINKED, "theirs", True, False),
        (LINKED, "", False, True),
        (LINKED, "theirs", False, False),
        (NEW, "", True, True),
        (NEW, "theirs", True, False),
    ],
)
def test_a_field_that_is_filled_if_it_is_blank_is_sent_only_where_the_target_has_nothing(
    link: Link, there_name: str, trusted: bool, sends: bool
) -> None:
    content = replace(CONTENT, fills=frozenset({"name"}))
    to = route(there(there_name), adopt_existing=True)
    (found,) = plan(to, [judged(link, content, trusted=trusted)])
    if link.linked and not sends:
        assert isinstance(found, Concluded)
        assert found.outcome.kind is Kind.UNCHANGED
    else:
        assert isinstance(found, Planned)
        assert found.write.values == ({"name": "new"} if sends else {})


HOLDS = FakeMapper(hold_on_end=True)
ENDING = Ending(Kind.ENDED, LinkState.ENDED, "inactive")


@pytest.mark.parametrize(
    ("row", "values"), [(there(hold="No"), {"hold": "All"}), (there(hold="All"), None), ({}, None)]
)
def test_the_end_of_a_record_writes_what_its_row_does_not_hold_yet(
    row: dict[str, TargetRow], values: dict[str, Json] | None
) -> None:
    (found,) = plan(route(row, rules=HOLDS), [judged(trusted=False, ending=ENDING)])
    if values is None:
        assert isinstance(found, Concluded)
        assert (found.outcome.kind, found.outcome.reason) == (Kind.ENDED, "inactive")
    else:
        assert isinstance(found, Planned)
        assert (found.write.values, found.write.create) == (values, False)


REUSED = Rejected("number_reused", "another one has it", "give it another number")


@pytest.mark.parametrize(
    ("row", "how", "end"),
    [({}, {}, Kind.RETRIED), (there(), {}, Kind.REJECTED), (there(), {"adopt_existing": True}, None)],
)
def test_another_document_with_the_number_of_a_linked_one_is_new_or_refused_or_takes_over(
    row: dict[str, TargetRow], how: dict[str, Any], end: Kind | None
) -> None:
    (found,) = plan(route(row, **how), [judged(content=replace(CONTENT, reused=REUSED))])
    if end is None:
        assert isinstance(found, Planned)
    else:
        assert isinstance(found, Concluded)
        assert found.outcome.kind is end
    (new,) = plan(route(row, adopt_existing=True), [judged(NEW, replace(CONTENT, reused=REUSED))])
    assert isinstance(new, Planned)


def test_a_record_leaves_its_row_only_for_a_key_that_is_free_or_was_its_own() -> None:
    content = replace(CONTENT, key="L")
    row = {"L": there()["K"]}
    leaving = judged(content=content, leaves=True)
    free = planned(route(rules=HOLDS), leaving).write
    assert (free.key, free.values, free.create) == ("K", {"hold": "All"}, False)
    (occupied,) = plan(route(row, rules=HOLDS), [leaving])
    assert isinstance(occupied, Occupied)
    assert planned(route(row, rules=HOLDS, adopt_existing=True), leaving).write.key == "K"
    back = judged(replace(LINKED, former=(replace(LEFT, key="l"),)), content, leaves=True)
    assert planned(route(row, rules=HOLDS), back).write.key == "K"


def routes(*of: Judged) -> Iterator[Judged]:
    return take_routes(World(flows=TRADE).service().flows["people"], of)


@pytest.mark.parametrize(
    ("at", "to", "key", "leaves", "linked", "ended"),
    [
        (CONTACT, CONTACT, "K", False, True, None),
        (CONTACT, CONTACT, "k ", False, True, None),
        (CONTACT, CONTACT, "L", True, True, None),
        (CUSTOMER, CUSTOMER, "L", False, False, True),
        (CONTACT, CUSTOMER, "K", False, False, False),
        (CUSTOMER, CONTACT, "K", False, False, False),
    ],
)
def test_a_record_stays_at_its_row_or_leaves_it_by_route_and_key(
    at: str, to: str, key: str, leaves: bool, linked: bool, ended: bool | None
) -> None:
    link = replace(LINKED, flow="people", route=at)
    (found,) = routes(judged(link, replace(CONTENT, key=key, route=to)))
    assert (found.leaves, found.record.link.linked) == (leaves, linked)
    assert [left.ended for left in found.record.link.former] == ([] if ended is None else [ended])


def test_records_are_planned_route_by_route() -> None:
    flow = World(flows=TRADE).service().flows["people"]
    every = [
        judged(replace(NEW, id=id), replace(CONTENT, route=to))
        for id, to in (("1", CONTACT), ("2", CUSTOMER), ("3", CONTACT))
    ]
    assert {name: [each.id for each in group] for name, group in by_route(flow, every).items()} == {
        CONTACT: ["1", "3"],
        CUSTOMER: ["2"],
    }


def test_a_row_that_is_taken_over_from_a_record_that_is_gone_is_emptied_where_that_one_had_filled_it() -> None:
    content = Mapped("K", {"name": "new", "phone": None}, {})
    heir = replace(NEW, former=(replace(LEFT, inherited=True),))
    row = TargetRow({"name": "old", "phone": "1"})
    to = route({"K": row}, adopt_existing=True)
    before = planned(to, judged(NEW, content))
    assert before.write.values == {"name": "new"}
    (unchanged,) = plan_taken_over(to, [before])
    assert unchanged == before
    (after,) = plan_taken_over(to, [before.with_record(Record.of(Hint("1"), heir, trusted=False))])
    assert isinstance(after, Planned)
    assert after.write.values == {"name": "new", "phone": ""}
