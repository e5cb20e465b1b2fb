"""What becomes of a record by its own row and by its parents (protocol A4, A5, W1, W2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.mapping.verdicts import Known, Mapped, Parent, Rejected, Verdict
from shared.records import Json, References, SourceRow
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, LinkState
from shared.state.waiting import Wait
from shared.sync.apply.judge import MOST_PARKED, judge
from shared.sync.apply.outcome import Kind
from shared.sync.apply.record import Concluded, Judged, Record
from shared.sync.flow import TARGET_DELETED, Flow
from shared.sync.hints import Hint
from tests.support.clock import START
from tests.support.doubles import ROUTE, FakeMapper
from tests.support.world import World

NEW = Link("children", "c")
LINKED = replace(NEW, route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K")


@dataclass(frozen=True)
class ManyParents(FakeMapper):
    """A mapping whose records have these parents, and tell by which keys they know them."""

    given: tuple[Parent, ...] = ()
    key: str = "K"
    told: list[Known] = field(default_factory=list)

    def parents(self, row: SourceRow) -> tuple[Parent, ...]:
        return self.given

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        self.told.append(known)
        found = super().evaluate(row, known)
        return replace(found, key=self.key) if isinstance(found, Mapped) else found


def parent(id: str, *, optional: bool = False) -> Parent:
    return Parent("parents", ROUTE, id, optional)


def state(id: str) -> Link:
    """The link of a parent, whose id says how it stands."""
    link = Link("parents", id)
    match id.rstrip("0123456789"):
        case "linked":
            return replace(link, route=ROUTE, state=LinkState.WRITTEN, target_key=id.upper(), held_key=id.upper())
        case "filtered":
            return replace(link, state=LinkState.FILTERED, rule=f"rule_{id}")
        case "rejected":
            return replace(link, state=LinkState.REJECTED)
    return link


def judged(
    *parents: Parent,
    link: Link = NEW,
    hint: Hint = Hint("c"),  # noqa: B008 - a value
    mapper: FakeMapper | None = None,
    row: Mapping[str, Json] | None = {"number": "K", "name": "x"},
    trusted: bool = True,
) -> Judged | Concluded:
    flow = flow_of(mapper or ManyParents(given=parents))
    record = Record.of(hint, link, trusted=trusted, row=None if row is None else SourceRow("c", 1, row))
    (found,) = judge(flow, START, lambda wanted: {each: state(each.id) for each in wanted}, [record])
    return found


def flow_of(mapper: FakeMapper) -> Flow:
    flow = World().service().flows["children"]
    route = replace(flow.route(ROUTE), rules=mapper)
    return replace(flow, mapper=mapper, routes={ROUTE: route})


def ended(found: Judged | Concluded) -> tuple[Kind, str, list[tuple[str, bool]]]:
    """The outcome, its reason, and for whom it waits, parked or not."""
    assert isinstance(found, Concluded)
    waits: list[Wait] = list(found.outcome.waits)
    return found.outcome.kind, found.outcome.reason, [(each.parent, each.is_parked) for each in waits]


def test_a_record_whose_parents_are_linked_is_mapped_with_their_keys() -> None:
    mapper = ManyParents(given=(parent("linked1"), parent("linked2")))
    found = judged(mapper=mapper)
    assert isinstance(found, Judged)
    assert {each.id: key for each, key in mapper.told[0].keys.items()} == {"linked1": "LINKED1", "linked2": "LINKED2"}
    assert [(each.id, each.key) for each in found.record.known_keys] == [("linked1", "LINKED1"), ("linked2", "LINKED2")]


@pytest.mark.parametrize(
    ("parents", "kind", "reason", "waits"),
    [
        (["new"], Kind.WAITING, "", [("new", False)]),
        (["linked", "new"], Kind.WAITING, "", [("new", False)]),
        (["rejected"], Kind.WAITING, "", [("rejected", False)]),
        (["filtered1"], Kind.FILTERED, "parent filtered by rule_filtered1", [("filtered1", True)]),
        (
            ["new", "filtered1", "linked", "filtered2"],
            Kind.FILTERED,
            "parent filtered by rule_filtered1",
            [("filtered1", True), ("filtered2", True), ("new", True)],
        ),
        (["filtered2", "filtered1"], Kind.FILTERED, "parent filtered by rule_filtered2",
         [("filtered2", True), ("filtered1", True)]),
    ],
)  # fmt: skip
def test_a_record_waits_for_its_parents_or_is_parked_behind_the_first_that_is_filtered(
    parents: list[str], kind: Kind, reason: str, waits: list[tuple[str, bool]]
) -> None:
    assert ended(judged(*map(parent, parents))) == (kind, reason, waits)


def test_a_parent_that_is_optional_is_waited_for_unless_it_is_filtered() -> None:
    assert isinstance(judged(parent("filtered", optional=True)), Judged)
    assert ended(judged(parent("new", optional=True))) == (Kind.WAITING, "", [("new", False)])


def test_of_many_parents_forty_are_waited_for_at_a_time_and_each_once() -> None:
    found = ended(judged(*(parent(f"new{at}") for at in range(MOST_PARKED + 5))))
    assert [id for id, _ in found[2]] == [f"new{at}" for at in range(40)]
    assert ended(judged(parent("new"), parent("new")))[2] == [("new", False)]


@pytest.mark.parametrize(
    ("looked", "hint", "link", "waits"),
    [
        ("new", Hint("c"), NEW, True),
        ("linked", Hint("c"), NEW, True),
        ("new", Hint("c", answered=True), NEW, False),
        ("rejected", Hint("c"), NEW, False),
        ("new", Hint("c"), LINKED, False),
        ("new", Hint("c"), replace(NEW, intent=Intent("K", ())), False),
        ("new", Hint("c"), replace(NEW, former=(FormerTarget(ROUTE, "J"),)), False),
    ],
)
def test_only_the_first_write_waits_for_a_look(looked: str, hint: Hint, link: Link, waits: bool) -> None:
    found = judged(Parent.looked_at("parents", looked), hint=hint, link=link)
    assert isinstance(found, Concluded if waits else Judged)


@pytest.mark.parametrize(
    ("link", "in_scope", "is_out"),
    [
        (NEW, True, False),
        (NEW, False, True),
        (LINKED, False, False),
        (replace(NEW, intent=Intent("K", ())), False, False),
        (replace(NEW, former=(FormerTarget(ROUTE, "J"),)), False, False),
    ],
)
def test_the_scope_of_the_first_run_is_about_records_that_have_nothing_in_the_target(
    link: Link, in_scope: bool, is_out: bool
) -> None:
    found = judged(link=link, mapper=ManyParents(scope=lambda row: in_scope))
    if is_out:
        assert ended(found) == (Kind.FILTERED, "out_of_scope", [])
    else:
        assert isinstance(found, Judged)


@pytest.mark.parametrize(
    ("committed", "key", "moves", "cause"),
    [
        ("K", "K", False, None),
        ("K", "k ", False, None),
        ("K", "L", False, "key_changed"),
        ("N/A", "N/B", False, "key_changed"),
        ("N/A", "N/B", True, None),
        ("N/A", "M/A", True, "key_changed"),
        (None, "k" * 200, False, None),
        (None, "k" * 201, False, "key_too_long"),
    ],
)
def test_the_number_of_a_linked_record_stays_and_a_key_has_two_hundred_characters_at_most(
    committed: str | None, key: str, moves: bool, cause: str | None
) -> None:
    mapper = ManyParents(key=key)
    flow = flow_of(mapper)
    flow = replace(flow, routes={ROUTE: replace(flow.route(ROUTE), moves=moves)})
    link = NEW if committed is None else replace(LINKED, target_key=committed, held_key=committed)
    record = Record.of(Hint("c"), link, trusted=True, row=SourceRow("c", 1, {"number": "x"}))
    (found,) = judge(flow, START, lambda _: {}, [record])
    if cause is None:
        assert isinstance(found, Judged)
    else:
        assert ended(found)[:2] == (Kind.REJECTED, cause)


GONE_THERE = replace(NEW, rule=TARGET_DELETED, former=(FormerTarget(ROUTE, "K", ended=True),))


@pytest.mark.parametrize(
    ("link", "kind", "reason"),
    [
        (GONE_THERE, Kind.FILTERED, TARGET_DELETED),
        (replace(GONE_THERE, former=()), None, ""),
        (replace(GONE_THERE, rule="other"), None, ""),
        (replace(LINKED, rule=TARGET_DELETED, former=GONE_THERE.former), None, ""),
    ],
)
def test_a_record_whose_row_was_deleted_stays_out_of_the_target(link: Link, kind: Kind | None, reason: str) -> None:
    found = judged(link=link)
    if kind is None:
        assert isinstance(found, Judged)
    else:
        assert ended(found) == (kind, reason, [])
    gone = ended(judged(link=link, row=None))
    assert gone == (Kind.DELETED, TARGET_DELETED if kind is Kind.FILTERED else "deleted", [])


HOLDS = {"hold": "All"}


@pytest.mark.parametrize(
    ("link", "trusted", "holds", "writes"),
    [
        (LINKED, True, True, True),
        (LINKED, True, False, False),
        (replace(LINKED, content=replace(LINKED.content, applied=dict(HOLDS))), True, True, False),
        (replace(LINKED, content=replace(LINKED.content, applied=dict(HOLDS))), False, True, True),
        (LINKED, False, False, False),
    ],
)
def test_the_end_of_a_linked_record_writes_only_what_its_end_changes_and_is_not_known_to_be_there(
    link: Link, trusted: bool, holds: bool, writes: bool
) -> None:
    mapper = ManyParents(hold_on_end=holds)
    found = judged(link=link, mapper=mapper, row={"number": "K", "state": "inactive"}, trusted=trusted)
    if writes:
        assert isinstance(found, Judged)
        assert found.ending is not None
        assert (found.ending.kind, found.ending.rule) == (Kind.ENDED, "inactive")
        assert found.content.owned == {**link.content.applied, **HOLDS}
    else:
        assert ended(found)[:2] == (Kind.ENDED, "inactive")
    unlinked = judged(mapper=mapper, row={"number": "K", "state": "inactive"}, trusted=trusted)
    assert ended(unlinked)[:2] == (Kind.FILTERED, "inactive")


MISSING = Rejected("unknown", "it is not listed", "add it", looked_up=True)


@dataclass(frozen=True)
class Missing(ManyParents):
    """Refuses a record the first time."""

    refusal: Rejected = MISSING

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        found = super().evaluate(row, known)
        return self.refusal if len(self.told) == 1 else found


@pytest.mark.parametrize(("looked_up", "ages"), [(True, [300, 5]), (False, [300])])
def test_a_name_that_is_missing_in_the_small_tables_is_looked_for_in_fresh_ones(
    looked_up: bool, ages: list[float]
) -> None:
    asked = list[float]()

    class Tables:
        def rows(self, *, max_age_s: float) -> References:
            asked.append(max_age_s)
            return {}

    tables: Any = Tables()
    mapper = Missing(refusal=replace(MISSING, looked_up=looked_up))
    flow = replace(flow_of(mapper), lookup=tables)
    record = Record.of(Hint("c"), NEW, trusted=True, row=SourceRow("c", 1, {"number": "K"}))
    (found,) = judge(flow, START, lambda _: {}, [record])
    assert asked == ages
    assert isinstance(found, Judged if looked_up else Concluded)
