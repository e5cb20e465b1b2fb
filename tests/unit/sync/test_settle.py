"""What becomes of a first write whose answer, or whose worker, was lost (protocol A6)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from shared.records import Json, TargetRow
from shared.state.keys import Owner
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, LinkState
from shared.sync.apply.record import Concluded, Record
from shared.sync.apply.settle import back_at_former, settle
from shared.sync.hints import Hint
from tests.support.doubles import ROUTE
from tests.support.world import World
from tests.unit.sync.test_plan import Rows

NAME: dict[str, Json] = {"name": "new"}
BEGUN = Link("parents", "1", route=ROUTE, held_key="K", intent=Intent("K", (NAME,)))
OURS, ALIKE, OTHER = TargetRow({}, "id1", ours=True), TargetRow({"name": "new"}), TargetRow({"name": "old"})


def settled(
    *links: Link, row: TargetRow | None = None, owner: str | None = "1", **how: Any
) -> tuple[list[Record | Concluded], World]:
    """The records of these links after a look at the target, with the owner of the key K."""
    world = World()
    service = world.service()
    flow = service.flows["parents"]
    target: Any = Rows({} if row is None else {"K": row})
    flow = replace(flow, routes={ROUTE: replace(flow.route(ROUTE), target=target)})
    keys_of = partial(service.state.keys_of, flow)
    if owner is not None:
        keys_of(flow.route(ROUTE)).own({"K": Owner("parents", ROUTE, owner)})
    records = [Record.of(Hint(link.id), link, trusted=True) for link in links]
    return list(settle(flow, {"parents": flow}, keys_of, records, **how)), world


def one(link: Link = BEGUN, **how: Any) -> Record:
    ((found,), _) = settled(link, **how)
    assert isinstance(found, Record)
    return found


@pytest.mark.parametrize(
    ("row", "owner", "is_ours", "keeps_intent"),
    [
        (OURS, "1", True, True),
        (ALIKE, "1", True, False),
        (replace(ALIKE, id="id2"), "1", False, False),
        (OTHER, "1", False, False),
        (OURS, None, True, True),
        (ALIKE, None, True, False),
        (OURS, "2", False, False),
        (ALIKE, "2", False, False),
    ],
)
def test_a_row_is_the_records_own_if_its_id_or_its_content_says_so_and_its_key_is_the_records(
    row: TargetRow, owner: str | None, is_ours: bool, keeps_intent: bool
) -> None:
    link = one(row=row, owner=owner).link
    assert link.linked is is_ours
    assert (link.intent is not None) is keeps_intent
    if is_ours:
        assert (link.target_key, link.held_key, link.route, link.content.applied) == ("K", "K", ROUTE, NAME)


def test_a_record_that_has_its_row_is_not_trusted_until_the_row_is_compared() -> None:
    assert not one(row=OURS).trusted
    assert one(row=OTHER).trusted


def test_without_a_row_nothing_is_there_and_none_will_come_unless_a_worker_still_holds_the_record() -> None:
    gone = one()
    assert (gone.link.intent, gone.dropped, gone.trusted) == (None, BEGUN.intent, True)
    assert one(is_held=lambda link: True).link == BEGUN
    assert one(is_held=lambda link: False).link.intent is None


@pytest.mark.parametrize("link", [replace(BEGUN, intent=None), replace(BEGUN, target_key="K")])
def test_a_record_without_an_unsettled_create_is_left_as_it_is(link: Link) -> None:
    assert one(link, row=OURS).link == link


@pytest.mark.parametrize(("looks_only", "owned"), [(False, {"K": "1"}), (True, {})])
def test_a_dry_run_takes_no_key(looks_only: bool, owned: dict[str, str]) -> None:
    ((found,), world) = settled(BEGUN, row=OURS, owner=None, looks_only=looks_only)
    assert found.record.link.linked
    flow = world.service().flows["parents"]
    keys = world.state.keys_of(flow, flow.route(ROUTE))
    assert {each.key: each.owner.id for each in keys.walk()} == owned


def test_of_several_records_that_want_a_key_without_owner_the_first_gets_it() -> None:
    second = replace(BEGUN, id="2", intent=Intent("k", (NAME,)))
    found, _ = settled(BEGUN, second, row=OURS, owner=None)
    assert [(each.id, each.record.link.linked) for each in found] == [("1", True), ("2", False)]


@pytest.mark.parametrize(
    ("sent", "row", "applied"),
    [
        ((NAME, {"phone": "1"}), OURS, {"name": "new", "phone": "1"}),
        (({"name": "a"}, NAME), ALIKE, NAME),
        (({"name": "new", "phone": "1"},), ALIKE, {"name": "new", "phone": "1"}),
        ((NAME, {"name": "a"}), ALIKE, NAME),
        (({"name": "new", "phone": "1"}, NAME), ALIKE, NAME),
    ],
)
def test_what_a_row_may_hold_is_all_that_was_sent_or_the_last_content_that_agrees(
    sent: tuple[dict[str, Json], ...], row: TargetRow, applied: dict[str, Json]
) -> None:
    assert one(replace(BEGUN, intent=Intent("K", sent)), row=row).link.content.applied == applied


LEFT = FormerTarget(ROUTE, "J", ended=False)


@pytest.mark.parametrize(
    ("change", "is_back"),
    [
        (lambda link: link, True),
        (lambda link: replace(link, former=()), False),
        (lambda link: replace(link, former=(replace(LEFT, ended=True),)), False),
        (lambda link: replace(link, former=(LEFT, replace(LEFT, key="I", ended=True))), False),
        (lambda link: replace(link, target_key="K"), False),
    ],
)
def test_a_record_that_has_not_arrived_is_back_at_the_row_that_it_was_about_to_leave(
    change: Callable[[Link], Link], is_back: bool
) -> None:
    link = change(replace(BEGUN, state=LinkState.RETRYING, former=(LEFT,)))
    record = Record.of(Hint("1"), link, trusted=True)
    (found,) = back_at_former([record])
    assert found.trusted is not is_back
    if is_back:
        assert (found.link.target_key, found.link.held_key, found.link.intent) == ("J", "J", None)
    else:
        assert found is record
