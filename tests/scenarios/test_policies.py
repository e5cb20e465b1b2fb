"""What happens to changes that others have made in the target: the policies of the map document."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.simulator.faults import Kind, Rule
from shared.clients.finops.environment import FinopsSystem
from shared.mapping.map_source import SHIPPED
from shared.state.links import LinkState
from shared.systems import System
from tests.support.events import listening
from tests.support.faults import WRITES
from tests.support.operator import answer, operated, p2c
from tests.support.product import Product
from tests.support.thinned import spot_faults

SHORT: dict[str, Any] = {**json.loads(SHIPPED.read_text(encoding="utf-8")), "countries": {}, "states": {}}


# The steps of our storage in a message, until its records are claimed, and until what is sent is noted: the target is
# read between the two, and written after them.
CLAIMED, NOTED = 4, 7


@pytest.fixture
def decided(sync: Product) -> Callable[..., Product]:
    """The product with policies for accounts."""

    def start(**policy: str) -> Product:
        sync.start(MAP_DOCUMENT=json.dumps({**SHORT, "policies": {"accounts": policy}}))
        return sync

    return start


def people_change(sync: Product, number: str, **values: str) -> None:
    """Somebody changes a customer in F&O."""
    reply = sync.finops.patch(
        f"CustomersV3(dataAreaId='usmf',CustomerAccount='{number}')", values, {"cross-company": "true"}
    )
    assert reply.status_code == 204, reply.text


def memo_and_name(sync: Product, number: str) -> tuple[str, str]:
    customer = sync.customer(number) or {}
    return customer["SalesMemo"], customer["OrganizationName"]


def phone(sync: Product, number: str) -> str:
    return str((sync.customer(number) or {})["PrimaryContactPhone"])


def in_conflict(sync: Product) -> str:
    """An account whose memo people have changed in F&O, and whose memo and name change in Sales."""
    id = sync.account("A-1", name="Litware", description="Ours")
    sync.tick()
    people_change(sync, "A-1", SalesMemo="Theirs")
    sync.clock.sleep(1)
    sync.edit(id, name="Litware II", description="Ours again")
    return id


def reads(sync: Product) -> int:
    """How many requests to F&O read something."""
    finops = sync.service.systems[System.FINOPS]
    assert isinstance(finops, FinopsSystem)
    return finops.requests.reads


def test_the_source_wins_unless_the_document_says_otherwise_and_nothing_is_read_for_it(sync: Product) -> None:
    id = in_conflict(sync)
    before = reads(sync)
    sync.tick()
    assert memo_and_name(sync, "A-1") == ("Ours again", "Litware II")
    assert sync.link(id).state is LinkState.WRITTEN
    assert reads(sync) == before


@spot_faults(0, among=6)
def test_where_the_target_wins_its_value_stays_and_everything_else_is_written(
    decided: Callable[..., Product], rule: Rule | None
) -> None:
    sync = decided(on_conflict="target_wins")
    id = in_conflict(sync)
    if rule is not None:
        sync.finops.faults.add(rule)
        sync.settle(60)
        sync.finops.faults.clear()
    sync.settle(90)
    assert memo_and_name(sync, "A-1") == ("Theirs", "Litware II")
    assert sync.link(id).state is LinkState.WRITTEN
    sync.edit(id, name="Litware III")
    sync.settle()
    assert memo_and_name(sync, "A-1") == ("Theirs", "Litware III")


def test_what_stays_in_the_target_is_told_counted_and_listed(
    decided: Callable[..., Product],
) -> None:
    sync = decided(on_conflict="target_wins")
    id = in_conflict(sync)
    with operated(sync), listening() as heard:
        sync.tick()
        assert len(heard.of("fields_kept", flow="accounts", id=id, fields="SalesMemo")) == 1
        assert len(heard.of("batch_applied", kept=1)) == 1
        assert "kept" in answer("runs", "accounts")[0]["counts"]
        assert [each["kept"] for each in answer("records", "accounts", "--kept")] == ["SalesMemo"]
        assert answer("status", "accounts")["flows"][0]["kept"] == 1
        assert "What F&O has stays in SalesMemo, though Sales differs" in p2c("explain", "accounts", "A-1")
        last = answer("history", "accounts", "A-1")[0]
        assert last["values"] == {"OrganizationName": ["Litware", "Litware II"]}
        assert last["kept"] == {"SalesMemo": ["Theirs", "Ours again"]}
        assert "SalesMemo stays" in p2c("history", "accounts", "A-1")
        sync.edit(id, description="Theirs")
        sync.tick()
        assert answer("records", "accounts", "--kept") == []


def test_an_operator_may_have_the_source_win_once_where_the_target_wins(decided: Callable[..., Product]) -> None:
    sync = decided(on_conflict="target_wins")
    id = in_conflict(sync)
    sync.tick()
    with operated(sync):
        p2c("resolve", "accounts", "A-1", "--take", "sales", "--reason", "theirs is old", "--yes")
    sync.drain()
    assert memo_and_name(sync, "A-1") == ("Ours again", "Litware II")
    people_change(sync, "A-1", SalesMemo="Theirs once more")
    sync.edit(id, description="Ours the third time")
    sync.tick()
    assert memo_and_name(sync, "A-1") == ("Theirs once more", "Litware II")


@pytest.mark.parametrize("policy", ["target_wins", "stop"])
def test_a_value_of_ours_whose_answer_was_lost_is_no_change_of_others(
    decided: Callable[..., Product], policy: str
) -> None:
    sync = decided(on_conflict=policy)
    id = sync.account("A-1", name="Litware", description="First")
    sync.tick()
    sync.finops.faults.add(Rule(Kind.DROP_AFTER, WRITES, times=1))
    sync.edit(id, description="Second")
    sync.tick()
    assert memo_and_name(sync, "A-1") == ("Second", "Litware")
    sync.edit(id, description="Third")
    sync.settle()
    assert memo_and_name(sync, "A-1") == ("Third", "Litware")
    assert (sync.link(id).state, sync.failure(id)) == (LinkState.WRITTEN, None)
    assert sync.link(id).content.sent == ()


@pytest.mark.parametrize("policy", ["target_wins", "stop"])
def test_a_value_of_ours_whose_answer_was_lost_before_the_policy_is_no_change_of_others(
    decided: Callable[..., Product], policy: str
) -> None:
    sync = decided()
    id = sync.account("A-1", name="Litware", description="First")
    sync.tick()
    sync.finops.faults.add(Rule(Kind.DROP_AFTER, WRITES, times=1))
    sync.edit(id, description="Second")
    sync.tick()
    decided(on_conflict=policy)
    sync.edit(id, description="Third")
    sync.settle()
    assert memo_and_name(sync, "A-1") == ("Third", "Litware")
    assert (sync.link(id).state, sync.failure(id)) == (LinkState.WRITTEN, None)
    people_change(sync, "A-1", SalesMemo="Theirs")
    sync.clock.sleep(1)
    sync.edit(id, description="Fourth")
    sync.tick()
    assert memo_and_name(sync, "A-1") == ("Theirs", "Litware")


def test_values_stay_in_the_history_as_long_as_it_where_a_policy_has_looked(decided: Callable[..., Product]) -> None:
    sync = decided(on_conflict="target_wins")
    in_conflict(sync)
    sync.tick()
    sync.clock.sleep(30 * 86_400)
    with operated(sync):
        sync.service.cleanup()
        assert answer("history", "accounts", "A-1")[0]["kept"]
        sync.start(MAP_DOCUMENT=json.dumps(SHORT))
        sync.service.cleanup()
        last = answer("history", "accounts", "A-1")[0]
        assert (last["kept"], last["values"]) == ({}, {})


def test_a_conflict_stops_the_record_with_both_values_until_they_are_equal(decided: Callable[..., Product]) -> None:
    sync = decided(on_conflict="stop")
    id = in_conflict(sync)
    sync.tick()
    failure = sync.failure(id)
    assert failure is not None
    assert (failure.cause, failure.value) == ("conflict", "SalesMemo")
    assert "SalesMemo is 'Theirs' there, 'Ours again' was to be written over 'Ours'" in failure.message
    assert memo_and_name(sync, "A-1") == ("Theirs", "Litware")
    sync.edit(id, description="Theirs")
    sync.settle()
    assert memo_and_name(sync, "A-1") == ("Theirs", "Litware II")
    assert (sync.link(id).state, sync.failure(id)) == (LinkState.WRITTEN, None)


@pytest.mark.parametrize(
    ("policy", "cause", "memo"),
    [("target_wins", "", "Theirs"), ("stop", "conflict", "Theirs"), ("source_wins", "", "Ours again")],
)
def test_what_others_change_between_the_read_and_the_write_is_not_written_over(
    decided: Callable[..., Product], policy: str, cause: str, memo: str
) -> None:
    sync = decided(on_conflict=policy)
    id = sync.account("A-1", name="Litware", description="Ours", telephone1="11")
    sync.tick()
    sync.edit(id, name="Litware II", description="Ours again")
    sync.service.pull("accounts")
    during = sync.steps.count + (NOTED if policy != "source_wins" else CLAIMED)
    sync.steps.at[during] = lambda: people_change(sync, "A-1", SalesMemo="Theirs", PrimaryContactPhone="99")
    sync.drain()
    assert not sync.steps.disturbed
    # Without a policy nothing is read, and nothing can be refused.
    assert sync.refused_as_changed() == (policy != "source_wins")
    sync.settle(30)
    failure = sync.failure(id)
    assert (failure.cause if failure else "") == cause
    assert failure is None or "PrimaryContactPhone" not in failure.message
    assert memo_and_name(sync, "A-1") == (memo, "Litware" if cause else "Litware II")
    assert phone(sync, "A-1") == "99"


def changed_during_the_write(sync: Product, id: str, **values: str) -> None:
    """The memo changes in Sales, and while that is written somebody changes the customer A-1 in F&O: the write is
    refused, and the record comes back later."""
    sync.edit(id, **values)
    sync.service.pull("accounts")
    sync.steps.at[sync.steps.count + NOTED] = lambda: people_change(sync, "A-1", PrimaryContactPhone="99")
    sync.drain()
    assert not sync.steps.disturbed
    assert phone(sync, "A-1") == "99"
    assert sync.link(id).state is LinkState.RETRYING


@pytest.mark.parametrize("policy", ["target_wins", "stop"])
def test_a_field_that_changes_only_in_the_target_between_the_read_and_the_write_is_no_conflict(
    decided: Callable[..., Product], policy: str
) -> None:
    sync = decided(on_conflict=policy)
    id = sync.account("A-1", name="Litware", description="Ours", telephone1="11")
    sync.tick()
    changed_during_the_write(sync, id, description="Ours again")
    sync.settle(30)
    assert (memo_and_name(sync, "A-1"), phone(sync, "A-1")) == (("Ours again", "Litware"), "99")
    assert (sync.link(id).state, sync.failure(id), sync.link(id).content.kept) == (LinkState.WRITTEN, None, {})


def test_a_value_that_a_refused_write_has_not_written_is_a_change_of_others(decided: Callable[..., Product]) -> None:
    sync = decided(on_conflict="stop")
    id = sync.account("A-1", name="Litware", description="First")
    sync.tick()
    changed_during_the_write(sync, id, description="Second")
    assert sync.link(id).content.sent == ()
    sync.edit(id, description="Third")
    people_change(sync, "A-1", SalesMemo="Second")
    sync.settle(30)
    failure = sync.failure(id)
    assert failure is not None
    assert (failure.cause, failure.value) == ("conflict", "SalesMemo")
    assert memo_and_name(sync, "A-1") == ("Second", "Litware")


@pytest.mark.parametrize("policy", ["target_wins", "stop"])
def test_a_value_of_ours_whose_answer_was_lost_stays_ours_however_often_later_writes_are_not_applied(
    decided: Callable[..., Product], policy: str
) -> None:
    sync = decided(on_conflict=policy)
    id = sync.account("A-1", name="Litware", description="First")
    sync.tick()
    sync.finops.faults.add(Rule(Kind.DROP_AFTER, WRITES, times=1))
    sync.edit(id, description="Second")
    sync.tick()
    sync.finops.faults.add(Rule(Kind.THROTTLE, WRITES, times=4, retry_after="900"))
    sync.edit(id, description="Third")
    sync.settle(120)
    assert sync.finops.faults.idle
    assert (memo_and_name(sync, "A-1"), sync.failure(id)) == (("Third", "Litware"), None)


@pytest.mark.parametrize("policy", ["target_wins", "stop"])
def test_a_value_of_ours_whose_answer_was_lost_stays_ours_however_many_later_writes_get_no_answer(
    decided: Callable[..., Product], policy: str
) -> None:
    sync = decided(on_conflict=policy)
    id = sync.account("A-1", name="Litware", description="First")
    sync.tick()
    sync.finops.faults.add(Rule(Kind.DROP_AFTER, WRITES, times=1))
    sync.edit(id, description="Second")
    sync.tick()
    for later in ("Third", "Fourth", "Fifth", "Sixth"):
        sync.finops.faults.add(Rule(Kind.DROP_BEFORE, WRITES, times=1))
        sync.edit(id, description=later)
        sync.clock.sleep(1_000)
        sync.tick()
        assert sync.finops.faults.idle
    assert memo_and_name(sync, "A-1") == ("Second", "Litware")
    sync.settle(120)
    assert (memo_and_name(sync, "A-1"), sync.failure(id)) == (("Sixth", "Litware"), None)


@pytest.mark.parametrize("policy", ["target_wins", "stop"])
def test_values_of_ours_in_several_fields_stay_ours_whichever_write_has_brought_each(
    decided: Callable[..., Product], policy: str
) -> None:
    sync = decided(on_conflict=policy)
    id = sync.account("A-1", name="Litware", description="First", telephone1="1")
    sync.tick()
    edits = [{"description": "Second"}, {"name": "Litware II"}, {"telephone1": "2"}, {"fax": "3"}, {"fax": "4"}]
    for number, edit in enumerate(edits):
        sync.finops.faults.add(Rule(Kind.DROP_AFTER if number < 3 else Kind.DROP_BEFORE, WRITES, times=1))
        sync.edit(id, **edit)
        sync.clock.sleep(1_000)
        sync.tick()
        assert sync.finops.faults.idle
    assert (memo_and_name(sync, "A-1"), phone(sync, "A-1")) == (("Second", "Litware II"), "2")
    sync.edit(id, description="Third", name="Litware III", telephone1="3")
    sync.settle(120)
    assert (memo_and_name(sync, "A-1"), phone(sync, "A-1")) == (("Third", "Litware III"), "3")
    assert sync.failure(id) is None


def test_what_nobody_has_changed_is_no_conflict(decided: Callable[..., Product]) -> None:
    sync = decided(on_conflict="stop")
    id = sync.account("A-1", name="Litware", description="Ours")
    sync.tick()
    people_change(sync, "A-1", CustomerGroupId="30")
    sync.edit(id, description="Ours again")
    sync.tick()
    assert memo_and_name(sync, "A-1") == ("Ours again", "Litware")
    assert sync.failure(id) is None


def test_a_batch_is_looked_up_with_one_read(decided: Callable[..., Product]) -> None:
    sync = decided(on_conflict="target_wins")
    ids = [sync.account(f"A-{number}") for number in range(8)]
    sync.tick()
    for id in ids:
        sync.edit(id, description="New")
    before = reads(sync)
    sync.tick()
    assert reads(sync) == before + 1


@pytest.mark.parametrize(("policy", "there"), [("recreate", True), ("list", False)])
def test_a_row_that_people_have_deleted_is_created_again_or_listed(
    decided: Callable[..., Product], policy: str, there: bool
) -> None:
    sync = decided(on_target_deleted=policy)
    id = sync.account("A-1", name="Litware")
    sync.tick()
    assert sync.finops.delete(
        "CustomersV3(dataAreaId='usmf',CustomerAccount='A-1')", {"cross-company": "true"}
    ).status_code == 204  # fmt: skip
    sync.edit(id, name="Litware II")
    sync.settle()
    failure = sync.failure(id)
    assert (sync.customer("A-1") is not None) is there
    assert (failure is None) is there
    assert failure is None or failure.cause == "target_gone"


def deleted(sync: Product) -> str:
    """An account whose customer people have deleted, and that has changed since; its id."""
    id = sync.account("A-1", name="Litware")
    sync.tick()
    gone = sync.finops.delete("CustomersV3(dataAreaId='usmf',CustomerAccount='A-1')", {"cross-company": "true"})
    assert gone.status_code == 204
    sync.edit(id, name="Litware II")
    return id


@pytest.mark.parametrize("conflicts", ["source_wins", "stop"])
@spot_faults(1, among=6)
def test_a_row_that_stays_deleted_comes_back_only_by_an_operator(
    decided: Callable[..., Product], rule: Rule | None, conflicts: str
) -> None:
    sync = decided(on_conflict=conflicts, on_target_deleted="unlink")
    id = deleted(sync)
    if rule is not None:
        sync.finops.faults.add(rule)
        sync.settle(60)
        sync.finops.faults.clear()
    sync.settle(90)
    link = sync.link(id)
    assert (link.state, link.rule, link.linked, link.dirty) == (LinkState.FILTERED, "target_deleted", False, False)
    sync.edit(id, name="Litware III")
    sync.settle()
    assert (sync.customer("A-1"), sync.failure(id)) == (None, None)
    with operated(sync):
        assert "by the policy of the flow it stays deleted" in p2c("explain", "accounts", id)
        p2c("sync", "accounts", id)
        sync.settle()
        assert sync.customer("A-1") is None
        assert "unlinked from A-1" in p2c("links", "accounts", "unlink", id, "--yes")
        p2c("sync", "accounts", id)
    sync.settle()
    assert memo_and_name(sync, "A-1")[1] == "Litware III"


def test_a_row_stays_deleted_when_its_source_record_goes_and_comes_back(decided: Callable[..., Product]) -> None:
    sync = decided(on_target_deleted="unlink")
    id = deleted(sync)
    sync.settle()
    assert sync.sales.send("DELETE", f"accounts({id})").status_code == 204
    sync.settle()
    assert (sync.link(id).state, sync.link(id).rule) == (LinkState.DELETED, "target_deleted")
    assert sync.account("A-1", accountid=id, name="Litware III") == id
    sync.settle()
    assert (sync.link(id).state, sync.link(id).rule) == (LinkState.FILTERED, "target_deleted")
    assert sync.customer("A-1") is None
    with operated(sync):
        p2c("links", "accounts", "unlink", id, "--yes")
        p2c("sync", "accounts", id)
    sync.settle()
    assert memo_and_name(sync, "A-1")[1] == "Litware III"


def test_the_number_of_a_row_that_stays_deleted_goes_to_no_other_record(decided: Callable[..., Product]) -> None:
    sync = decided(on_target_deleted="unlink")
    id = deleted(sync)
    sync.settle()
    other = sync.account("A-1", name="Another")
    sync.settle()
    failure = sync.failure(other)
    assert failure is not None
    assert (failure.cause, failure.rival) == ("key_taken", ("accounts", id))


def test_a_comparison_tells_a_row_that_was_deleted_as_missing(decided: Callable[..., Product]) -> None:
    sync = decided(on_target_deleted="unlink")
    id = sync.account("A-1", name="Litware")
    sync.tick()
    sync.finops.delete("CustomersV3(dataAreaId='usmf',CustomerAccount='A-1')", {"cross-company": "true"})
    with operated(sync):
        assert "missing" in p2c("reconcile", "accounts", code=1)
        assert "by the policy of the flow it stays deleted" in p2c("explain", "accounts", id)


@pytest.fixture
def filling(sync: Product) -> Product:
    """The product with a memo that is filled only if it is blank."""
    fields = {"accounts": {"SalesMemo": "fill_if_blank"}}
    sync.start(MAP_DOCUMENT=json.dumps({**SHORT, "fields": fields}), ACCOUNTS_ON_EXISTING="adopt")
    return sync


def test_a_field_is_filled_at_creation_and_later_belongs_to_whoever_fills_it(filling: Product) -> None:
    id = filling.account("A-1", name="Litware", description="Ours")
    filling.tick()
    assert memo_and_name(filling, "A-1") == ("Ours", "Litware")
    filling.edit(id, description="Ours again", name="Litware II")
    filling.tick()
    assert memo_and_name(filling, "A-1") == ("Ours", "Litware II")
    filling.edit(id, description=None)
    filling.tick()
    assert memo_and_name(filling, "A-1") == ("Ours", "Litware II")
    people_change(filling, "A-1", SalesMemo="")
    filling.edit(id, description="Ours at last")
    filling.tick()
    assert memo_and_name(filling, "A-1") == ("Ours at last", "Litware II")
    assert filling.link(id).state is LinkState.WRITTEN


def test_a_field_that_others_fill_between_the_read_and_the_write_keeps_their_value(filling: Product) -> None:
    id = filling.account("A-1", name="Litware", telephone1="11")
    filling.tick()
    filling.edit(id, description="Ours")
    filling.service.pull("accounts")
    filling.steps.at[filling.steps.count + NOTED] = lambda: people_change(
        filling, "A-1", SalesMemo="Theirs", PrimaryContactPhone="99"
    )
    filling.drain()
    assert not filling.steps.disturbed
    assert filling.refused_as_changed() == 1
    filling.settle(30)
    assert (memo_and_name(filling, "A-1"), phone(filling, "A-1")) == (("Theirs", "Litware"), "99")
    assert (filling.link(id).state, filling.failure(id)) == (LinkState.WRITTEN, None)


def test_the_target_is_read_only_where_a_field_to_be_filled_has_changed(filling: Product) -> None:
    id = filling.account("A-1", name="Litware")
    filling.tick()
    before = reads(filling)
    filling.edit(id, name="Litware II")
    filling.tick()
    assert reads(filling) == before
    filling.edit(id, description="New")
    filling.tick()
    assert reads(filling) == before + 1
    assert memo_and_name(filling, "A-1") == ("New", "Litware II")


@pytest.mark.parametrize(("theirs", "expected"), [("Theirs", "Theirs"), ("", "Ours")])
def test_a_row_that_is_taken_over_keeps_what_it_has(filling: Product, theirs: str, expected: str) -> None:
    row = {"CustomerAccount": "A-1", "CustomerGroupId": "10", "SalesCurrencyCode": "USD", "SalesMemo": theirs}
    row |= {"dataAreaId": "usmf", "PartyType": "Organization", "OrganizationName": "Theirs"}
    assert filling.finops.post("CustomersV3", row).status_code == 201
    filling.account("A-1", name="Litware", description="Ours")
    filling.settle()
    assert memo_and_name(filling, "A-1") == (expected, "Litware")
