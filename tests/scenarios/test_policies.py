"""What happens to changes that others have made in the target: the policies of the map document."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.simulator.faults import Rule
from shared.clients.finops.environment import FinopsSystem
from shared.mapping.map_source import SHIPPED
from shared.state.links import LinkState
from shared.systems import System
from tests.support.faults import SPOT_FAULTS, name_of
from tests.support.product import Product

SHORT: dict[str, Any] = {**json.loads(SHIPPED.read_text(encoding="utf-8")), "countries": {}, "states": {}}


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


def in_conflict(sync: Product) -> str:
    """An account whose memo people have changed in F&O, and whose memo and name change in Sales."""
    id = sync.account("A-1", name="Litware", description="Ours")
    sync.tick()
    people_change(sync, "A-1", SalesMemo="Theirs")
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


@pytest.mark.parametrize("rule", [None, *SPOT_FAULTS], ids=lambda rule: "none" if rule is None else name_of(rule))
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
