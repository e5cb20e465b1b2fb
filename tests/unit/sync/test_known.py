"""What a mapping is told besides the row of a record, and what is kept of its verdict (protocol A5, W2)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pytest

from shared.errors import SchemaDrift
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.records import Json, SourceRow
from shared.state.link_parts import KnownKey, LinkContent
from shared.state.links import Link, LinkState
from shared.sync.apply.judge import judge
from shared.sync.apply.outcome import Kind
from shared.sync.apply.record import Concluded, Judged, Record
from shared.sync.hints import Hint
from shared.systems import System
from tests.support.clock import START
from tests.support.doubles import ROUTE, FakeMapper
from tests.support.world import World

NEW = Link("children", "c")
LINKED = replace(
    NEW, route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K",
    content=LinkContent(applied={"name": "old"}, numbers={1: "a"}, revisions={"r1": 0}),
)  # fmt: skip
PARENT = Link("parents", "p", route=ROUTE, state=LinkState.WRITTEN, target_key="P", target_id="row1", held_key="P")
BY_ID, BY_KEY = Parent("parents", ROUTE, "p"), Parent.with_key("Customers", "P")
OWNER = replace(PARENT, route=Parent.BY_KEY)
REVISED = LinkContent(revisions={"r1": 0, "r3": 2, "r2": 1})


@dataclass(frozen=True)
class Telling(FakeMapper):
    """Says this of every record, and keeps what it was told."""

    named: tuple[Parent, ...] = ()
    says: Callable[[Known], Verdict] = lambda known: Mapped("K", {}, {})
    told: list[Known] = field(default_factory=list)

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        return self.named

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        self.told.append(known)
        return self.says(known)


def judged(
    link: Link = NEW,
    parents: Mapping[Parent, Link] | None = None,
    says: Callable[[Known], Verdict] = lambda known: Mapped("K", {}, {}),
) -> tuple[Known, Judged | Concluded]:
    parents = parents or {}
    mapper = Telling(named=tuple(parents), says=says)
    flow = replace(World().service().flows["children"], mapper=mapper)
    record = Record.of(Hint("c"), link, trusted=True, row=SourceRow("c", 1, {"number": "K"}))
    (found,) = judge(flow, START, lambda wanted: {each: parents[each] for each in wanted}, [record])
    return mapper.told[0], found


@pytest.mark.parametrize(
    ("link", "route", "revisions"), [(LINKED, ROUTE, {"r1": 0}), (replace(LINKED, target_key=None), None, {})]
)
def test_a_mapping_knows_what_was_applied_and_where_the_record_is_linked(
    link: Link, route: str | None, revisions: dict[str, int]
) -> None:
    known, _ = judged(link)
    assert (known.now, known.applied, known.numbers) == (START, {"name": "old"}, {1: "a"})
    assert (known.route, known.revisions, known.references) == (route, revisions, {})


@pytest.mark.parametrize(
    ("parent", "link", "key", "row", "flow", "begun"),
    [
        (BY_ID, PARENT, "P", "row1", None, False),
        (BY_ID, replace(PARENT, target_id=None), "P", None, None, False),
        (BY_ID, replace(PARENT, route="person"), None, None, None, False),
        (BY_ID, replace(PARENT, target_key=None), None, None, None, False),
        (BY_KEY, OWNER, "P", "p", "parents", False),
        (BY_KEY, replace(OWNER, content=REVISED), "P", "r3", "parents", False),
        (BY_KEY, replace(OWNER, route=None, target_key=None), None, None, None, True),
        (BY_KEY, Link("Customers", "p"), None, None, None, False),
    ],
    ids=["by id", "no row known", "other route", "unlinked", "by key", "a document", "begun", "no owner"],
)
def test_a_mapping_knows_the_keys_and_rows_of_the_parents_that_are_linked(
    parent: Parent, link: Link, key: str | None, row: str | None, flow: str | None, begun: bool
) -> None:
    known, found = judged(parents={parent: link})
    assert known.keys == ({} if key is None else {parent: key})
    assert known.rows == ({} if row is None else {parent: row})
    assert known.flows == ({} if flow is None else {parent: flow})
    assert known.begun == (frozenset({parent}) if begun else frozenset())
    kept = [] if key is None or parent.is_by_key else [KnownKey("parents", ROUTE, "p", key)]
    assert list(found.record.known_keys) == kept


UNTIL = Filtered("foreign", until=(BY_ID, Parent("parents", ROUTE, "q")))


def test_a_filtered_record_is_parked_behind_those_that_may_change_that() -> None:
    other = Link("parents", "q")
    _, found = judged(parents={BY_ID: PARENT, UNTIL.until[1]: other}, says=lambda known: UNTIL)
    assert isinstance(found, Concluded)
    assert (found.outcome.kind, found.outcome.reason) == (Kind.FILTERED, "foreign")
    assert [(wait.parent, wait.is_parked, wait.child) for wait in found.outcome.waits] == [("q", True, "c")]


@pytest.mark.parametrize(
    ("link", "ends", "kind"),
    [(LINKED, True, Kind.ENDED), *((link, ends, Kind.FILTERED) for link, ends in ((LINKED, False), (NEW, True)))],
)
def test_only_a_linked_record_can_end(link: Link, ends: bool, kind: Kind) -> None:
    _, found = judged(link, says=lambda known: Filtered("foreign", ends=ends))
    assert isinstance(found, Concluded)
    assert (found.outcome.kind, found.outcome.reason) == (kind, "foreign")


def test_a_rejection_is_kept_with_what_is_wrong_and_what_a_value_map_lacks() -> None:
    _, found = judged(says=lambda known: Rejected("bad", "m", "r", value="v", lacks=("units", "X", "CODE")))
    assert isinstance(found, Concluded)
    rejection = found.outcome.rejection
    assert rejection is not None
    assert (rejection.cause, rejection.message, rejection.remedy) == ("bad", "m", "r")
    assert (rejection.value, rejection.lacks, rejection.rival) == ("v", ("units", "X", "CODE"), None)


def test_a_drift_that_a_mapping_meets_names_its_record() -> None:
    def drift(known: Known) -> Verdict:
        raise SchemaDrift(System.DATAVERSE, "no such column")

    with pytest.raises(SchemaDrift) as raised:
        judged(says=drift)
    assert raised.value.record == "c"


def test_parents_that_the_verdict_names_are_kept_with_the_record() -> None:
    _, found = judged(parents={BY_ID: PARENT}, says=lambda known: Mapped("K", {}, {}, (BY_ID,)))
    assert isinstance(found, Judged)
    assert found.record.parents == (BY_ID,)


def test_the_outcomes_of_a_message_keep_its_order_whatever_was_looked_up_again() -> None:
    class Once(Telling):
        def evaluate(self, row: SourceRow, known: Known) -> Verdict:
            self.told.append(known)
            missing = row.id == "a" and len(self.told) == 1
            return Rejected("unknown", "m", "r", looked_up=True) if missing else Mapped(row.id, {}, {})

    flow = replace(World().service().flows["children"], mapper=Once())
    values: dict[str, Json] = {"number": "K"}
    records = [Record.of(Hint(id), Link("children", id), trusted=True, row=SourceRow(id, 1, values)) for id in "ab"]
    gone = Record.of(Hint("z"), Link("children", "z"), trusted=True)
    found = list(judge(flow, START, lambda wanted: {}, [gone, *records]))
    assert [each.id for each in found] == ["z", "a", "b"]
    assert [isinstance(each, Judged) for each in found] == [False, True, True]
