"""What is written of a document, from its lines as they are in the target (protocol A7, A8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.mapping.verdicts import Mapped, MappedLine, Rejected
from shared.records import Json, LineAction, LineWrite, TargetRow, Values, Write
from shared.state.link_parts import LinkContent
from shared.state.link_targets import Intent
from shared.state.links import Link, LinkState
from shared.sync.apply.changes import Changes, NumbersTaken, digests, line_fields, takes_over
from shared.sync.apply.outcome import Kind
from shared.sync.apply.plan import plan
from shared.sync.apply.record import Concluded, Judged, Planned, Record
from shared.sync.flow import Route
from shared.sync.hints import Hint
from tests.support.trade import DOCUMENT, DocumentMapper
from tests.unit.sync.test_changes import Adopting
from tests.unit.sync.test_plan import Rows

CREATE, UPDATE, DELETE = LineAction
NOT_OURS = Rejected("not_ours", "it is another one", "link it")


@dataclass(frozen=True)
class Rules(DocumentMapper):
    """Refuses a change, and keeps of what."""

    refused: Rejected | None = None
    asked: list[list[str]] = field(default_factory=list)

    def refusal(self, row: TargetRow, changed: Sequence[str]) -> Rejected | None:
        self.asked.append(list(changed))
        return self.refused


def line(qty: Json, note: Json = None) -> MappedLine:
    return MappedLine({"qty": qty, "note": note}, {"product": "P"})


NOW = Mapped("K", {"name": "new"}, {"group": "9"}, lines={1: line(10), 2: line(20)}, numbers={1: "a", 2: "b"})
KNOWN = LinkContent(applied={"name": "new"}, lines=digests(NOW), numbers={1: "a", 2: "b"}, line_fields=("qty",))
LINKED = Link("documents", "1", route=DOCUMENT, state=LinkState.WRITTEN, target_key="K", held_key="K", content=KNOWN)
NEW = Link("documents", "1")
THERE: dict[int, Values] = {1: {"qty": 10}, 2: {"qty": 20}}


def row(lines: Mapping[int, Values] | None = None, *, ours: bool = True, name: str = "new") -> TargetRow:
    return TargetRow({"name": name}, "id1", ours, lines=THERE if lines is None else lines)


def document(
    content: Mapped = NOW, link: Link = LINKED, there: TargetRow | None = None, *, trusted: bool = True, **how: Any
) -> Write | Rejected | NumbersTaken | None:
    rules = how.pop("rules", DocumentMapper())
    stays = how.pop("stays", None)
    target: Any = Rows()
    route = Route(DOCUMENT, "Documents", target, rules, document=rules, **how)
    judged = Judged(Record.of(Hint("1"), link, trusted=trusted), content, stays=stays)
    return Changes(route).document(judged, there or row(), rules, alone=True)


def lines_of(found: object) -> list[tuple[int, LineAction, dict[str, Json]]]:
    assert isinstance(found, Write)
    return [(each.number, each.action, dict(each.values)) for each in found.lines]


@pytest.mark.parametrize("trusted", [True, False])
def test_a_document_that_is_equal_needs_no_write(trusted: bool) -> None:
    assert document(trusted=trusted) is None


MORE = replace(NOW, lines={**NOW.lines, 3: line(30)}, numbers={1: "a", 2: "b", 3: "c"})
LESS = replace(NOW, lines={1: line(10)})
OTHER = replace(NOW, lines={1: line(11), 2: line(20)})


@pytest.mark.parametrize("trusted", [True, False])
@pytest.mark.parametrize(
    ("content", "there", "lines"),
    [
        (MORE, THERE, [(3, CREATE, {"product": "P", "qty": 30})]),
        (LESS, THERE, [(2, DELETE, {})]),
        (LESS, {1: {"qty": 10}}, None),
        (OTHER, THERE, [(1, UPDATE, {"qty": 11})]),
        (OTHER, {1: {"qty": 11}, 2: {"qty": 20}}, None),
        (OTHER, {2: {"qty": 20}}, [(1, CREATE, {"product": "P", "qty": 11})]),
        (OTHER, {**THERE, 9: {"qty": 1}}, [(1, UPDATE, {"qty": 11})]),
    ],
    ids=["added", "removed", "removed before", "changed", "changed before", "missing", "beside one of others"],
)
def test_a_line_is_added_changed_or_removed_as_it_is_in_the_target(
    trusted: bool, content: Mapped, there: dict[int, Values], lines: list[tuple[int, LineAction, Any]] | None
) -> None:
    found = document(content, there=row(there), trusted=trusted)
    assert found is None if lines is None else lines_of(found) == lines
    if isinstance(found, Write):
        assert (found.id, found.key, found.values, found.create) == ("1", "K", {}, False)
        assert (found.target_id, found.before, found.alone) == ("id1", row(there), True)


def test_what_others_have_changed_is_met_only_where_the_link_is_not_trusted() -> None:
    there = row({1: {"qty": 99}, 2: {"qty": 20}}, name="theirs")
    assert document(there=there) is None
    found = document(there=there, trusted=False)
    assert lines_of(found) == [(1, UPDATE, {"qty": 10})]
    assert isinstance(found, Write)
    assert found.values == {"name": "new"}


def test_lines_are_written_in_the_order_of_their_numbers() -> None:
    content = replace(NOW, lines={3: line(3), 10: line(4), 2: line(5)})
    assert [number for number, *_ in lines_of(document(content))] == [1, 2, 3, 10]


@pytest.mark.parametrize(
    ("noted", "there", "taken"), [((), {3}, {3}), ((3,), {3}, None), ((), {4}, None), ((), {3, 4}, {3})]
)
def test_a_new_line_needs_another_number_where_others_have_a_line_under_it(
    noted: tuple[int, ...], there: set[int], taken: set[int] | None
) -> None:
    link = replace(LINKED, content=replace(KNOWN, noted=noted))
    lines: dict[int, Values] = {**THERE, **{number: {"qty": 30} for number in there}}
    for trusted in (True, False):
        found = document(MORE, link, row(lines), trusted=trusted)
        if taken is None:
            assert not isinstance(found, NumbersTaken)
        else:
            assert found == NumbersTaken(frozenset(taken))


@pytest.mark.parametrize(
    ("fields", "note", "values"), [(("qty",), "x", None), (("qty", "note"), "x", {"note": ""}), (("note",), "", None)]
)
def test_a_blank_field_of_a_line_is_emptied_where_a_line_of_ours_has_filled_it_before(
    fields: tuple[str, ...], note: str, values: dict[str, Json] | None
) -> None:
    link = replace(LINKED, content=replace(KNOWN, line_fields=fields))
    found = document(link=link, there=row({1: {"qty": 10, "note": note}, 2: {"qty": 20}}), trusted=False)
    assert found is None if values is None else lines_of(found) == [(1, UPDATE, values)]


HEADER = replace(NOW, owned={"name": "newer"})


@pytest.mark.parametrize(
    ("there", "stays", "values"),
    [("new", None, {"name": "newer"}), ("newer", None, None), ("theirs", {"name": "theirs"}, None),
     ("theirs", {}, {"name": "newer"})],
)  # fmt: skip
def test_a_field_of_the_header_is_written_unless_it_is_there_or_the_targets_stays(
    there: str, stays: dict[str, Json] | None, values: dict[str, Json] | None
) -> None:
    found = document(HEADER, there=row(name=there), stays=stays)
    assert (found.values if isinstance(found, Write) else found) == values


REFUSED = Rejected("confirmed", "it is confirmed", "set it back")
BEGUN = replace(LINKED, intent=Intent("K", ()))


@pytest.mark.parametrize(
    ("content", "link", "there", "asked", "end"),
    [
        (HEADER, LINKED, row(), [["name"]], REFUSED),
        (MORE, LINKED, row(), [["line 3 product", "line 3 qty"]], REFUSED),
        (LESS, LINKED, row(), [["line 2"]], REFUSED),
        (NOW, LINKED, row(), [], None),
        (HEADER, BEGUN, row(), [], Write),
        (HEADER, BEGUN, row(ours=False), [["name"]], REFUSED),
        (NOW, replace(NEW, content=KNOWN), row(), [], Write),
    ],
    ids=["header", "new line", "gone line", "equal", "not complete yet", "not known as ours", "taken over as it is"],
)
def test_a_change_of_a_finished_document_asks_whether_it_may_be_made(
    content: Mapped, link: Link, there: TargetRow, asked: list[list[str]], end: object
) -> None:
    rules = Rules(refused=REFUSED)
    found = document(content, link, there, rules=rules)
    assert rules.asked == asked
    assert isinstance(found, Write) if end is Write else found == end
    free = Rules()
    assert not isinstance(document(content, link, there, rules=free), Rejected)


@pytest.mark.parametrize(("link", "key"), [(replace(LINKED, target_key="k"), "k"), (replace(NEW, route=DOCUMENT), "K")])
def test_a_document_is_written_under_the_key_that_it_has(link: Link, key: str) -> None:
    found = document(HEADER, link)
    assert isinstance(found, Write)
    assert found.key == key


BY_HAND = replace(LINKED, content=LinkContent())


@pytest.mark.parametrize(
    ("link", "takes"), [(NEW, True), (replace(NEW, content=KNOWN), True), (LINKED, False), (BY_HAND, True)]
)
def test_a_document_is_taken_over_until_its_lines_are_known_as_the_records(link: Link, takes: bool) -> None:
    assert takes_over(link) is takes


@pytest.mark.parametrize("link", [NEW, BY_HAND])
@pytest.mark.parametrize(
    ("there", "once", "message"),
    [
        (THERE, False, None),
        (THERE, True, None),
        ({1: {"qty": 1}}, False, None),
        ({1: {"qty": 1}}, True, "it lacks the lines 2 of the source"),
        ({}, True, "it lacks the lines 1, 2 of the source"),
        ({**THERE, 9: {}, 10: {}}, False, "its lines 9, 10 are not those of the source"),
        ({1: {"product": "Q"}, 2: {}}, False, "its lines 1 are not those of the source"),
        ({2: {}, 9: {}}, True, "its lines 9 are not those of the source and it lacks the lines 1 of the source"),
    ],
)
def test_a_document_is_taken_over_only_with_lines_of_the_source_and_all_of_them_where_it_is_written_once(
    link: Link, there: dict[int, Values], once: bool, message: str | None
) -> None:
    found = document(link=link, there=row(there, ours=False), once=once)
    if message is None:
        assert not isinstance(found, Rejected)
    else:
        assert isinstance(found, Rejected)
        assert (found.cause, found.message) == ("lines_differ", f"K exists already, and {message}")


def test_all_lines_of_a_document_that_is_taken_over_are_the_records() -> None:
    found = document(OTHER, BY_HAND, row(THERE, ours=False), trusted=True)
    assert lines_of(found) == [(1, UPDATE, {"qty": 11})]


@pytest.mark.parametrize(
    ("link", "ours", "is_refused"),
    [(NEW, False, True), (NEW, True, False), (BY_HAND, False, True), (LINKED, False, False)],
)
def test_whether_a_document_may_be_taken_over_is_asked_of_one_that_is_not_known_as_ours(
    link: Link, ours: bool, is_refused: bool
) -> None:
    found = document(link=link, there=row(ours=ours), adoption=Adopting(NOT_OURS))
    assert (found == NOT_OURS) is is_refused


@pytest.mark.parametrize(("link", "ours", "once", "stays"), [
    (NEW, False, True, True), (NEW, True, True, False), (NEW, False, False, False), (BY_HAND, False, True, True),
])  # fmt: skip
def test_a_document_of_others_stays_as_it_is_where_documents_are_written_once(
    link: Link, ours: bool, once: bool, stays: bool
) -> None:
    there = row({1: {"qty": 1}, 2: {"qty": 2}}, ours=ours, name="theirs")
    found = document(HEADER, link, there, once=once)
    assert isinstance(found, Write)
    assert (not found.values and not found.lines) is stays
    assert (found.id, found.key, found.create, found.target_id, found.before, found.alone) == (
        "1", "K", False, "id1", there, True,
    )  # fmt: skip


def test_a_document_is_created_complete_with_its_lines_in_order() -> None:
    content = replace(NOW, lines={2: line(20), 1: line(10, "x")})
    write = Changes(Route(DOCUMENT, "Documents", Rows(), DocumentMapper())).create(  # type: ignore[arg-type]
        Judged(Record.of(Hint("1"), NEW, trusted=True), content), alone=True
    )
    assert (write.values, write.create, write.alone, write.key) == ({"group": "9", "name": "new"}, True, True, "K")
    assert write.lines == (
        LineWrite(1, CREATE, {"product": "P", "qty": 10, "note": "x"}),
        LineWrite(2, CREATE, {"product": "P", "qty": 20}),
    )


def test_a_line_counts_as_changed_by_its_owned_fields_that_are_filled() -> None:
    same = replace(NOW, lines={1: MappedLine({"note": None, "qty": 10}, {"product": "Q"}), 2: line(20)})
    assert digests(same) == digests(NOW)
    assert digests(OTHER)[1] != digests(NOW)[1]
    assert digests(OTHER)[2] == digests(NOW)[2]
    assert line_fields(NOW) == {"qty"}


@pytest.mark.parametrize(
    ("content", "changed"), [(NOW, set()), (MORE, {3}), (LESS, {2}), (OTHER, {1}), (replace(NOW, lines={}), {1, 2})]
)
def test_a_line_that_was_added_changed_or_removed_is_changed_until_the_document_is_finished(
    content: Mapped, changed: set[int]
) -> None:
    judged = Judged(Record.of(Hint("1"), LINKED, trusted=True), content)
    route = Route(DOCUMENT, "Documents", Rows(), DocumentMapper())  # type: ignore[arg-type]
    assert Changes(route).changed_lines(judged) == changed
    assert Changes(replace(route, once=True)).changed_lines(judged) == set()


def planned(content: Mapped, there: TargetRow, link: Link = LINKED, **how: Any) -> Planned | Concluded:
    target: Any = Rows({"K": there})
    rules = how.pop("rules", DocumentMapper())
    route = Route(DOCUMENT, "Documents", target, rules, document=rules, **how)
    (found,) = plan(route, [Judged(Record.of(Hint("1"), link, trusted=True), content)])
    assert isinstance(found, Planned | Concluded)
    return found


def test_a_record_whose_lines_need_other_numbers_comes_back_at_once_and_knows_those_that_are_taken() -> None:
    found = planned(MORE, row({**THERE, 3: {"qty": 1}}))
    assert isinstance(found, Concluded)
    assert (found.outcome.kind, found.outcome.delay_s) == (Kind.RETRIED, 0.0)
    assert found.outcome.link.content.numbers == {1: "a", 2: "b", 3: ""}


def test_what_the_target_has_calculated_differently_is_listed_where_nothing_is_left_to_write() -> None:
    wrong = Rejected("total_differs", "the total is 1", "look at it", value="total")
    found = planned(HEADER, row(name="newer"), disagreement=lambda row, content: wrong)
    assert isinstance(found, Concluded)
    assert found.outcome.rejection is not None
    assert (found.outcome.reason, found.outcome.rejection.value) == ("total_differs", "total")
    assert isinstance(planned(HEADER, row(), disagreement=lambda row, content: wrong), Planned)
    unchanged = planned(HEADER, row(name="newer"), disagreement=lambda row, content: None)
    assert isinstance(unchanged, Concluded)
    assert unchanged.outcome.kind is Kind.UNCHANGED


def test_a_refused_change_lists_the_record_with_what_is_wrong() -> None:
    found = planned(HEADER, row(), rules=Rules(refused=replace(REFUSED, value="v")))
    assert isinstance(found, Concluded)
    rejection = found.outcome.rejection
    assert rejection is not None
    assert (rejection.cause, rejection.message, rejection.remedy, rejection.value) == (
        "confirmed", "it is confirmed", "set it back", "v",
    )  # fmt: skip


REUSED = Rejected("number_reused", "another one has it", "give it another number")


@pytest.mark.parametrize(
    ("there", "once", "cause"),
    [(THERE, False, ""), (THERE, True, ""), ({}, True, "lines_differ"), ({9: {}}, False, "")],
)
def test_another_document_with_the_number_of_a_finished_one_takes_it_over_only_with_its_lines(
    there: dict[int, Values], once: bool, cause: str
) -> None:
    found = planned(replace(NOW, reused=REUSED), row(there), once=once, adopt_existing=True)
    assert (found.outcome.reason if isinstance(found, Concluded) else "") == cause
