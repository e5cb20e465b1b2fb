"""Accounts become customers, through real clients and both simulators, with every fault that they can play."""

import pytest

from local.simulator.faults import Faults, Kind, Rule
from shared.errors import OperatorNeeded
from shared.state.link_parts import ClaimKind
from shared.state.links import LinkState
from shared.systems import System
from tests.support.faults import FAULTS, READS, WRITES, name_of
from tests.support.product import FLOW, Product


def test_a_new_account_becomes_a_customer_with_its_address_and_the_defaults(sync: Product) -> None:
    sync.account(
        "A-1",
        name="Litware",
        telephone1="+1 555",
        numberofemployees=12,
        address1_line1="1 Way",
        address1_line2="Floor 2",
        address1_city="Seattle",
        address1_stateorprovince="Washington",
        address1_postalcode="98052",
        address1_country="United States",
        address2_city="Berlin",
        address2_country="de",
    )
    sync.tick()
    customer = sync.customer("A-1")
    assert customer is not None
    expected = {
        "OrganizationName": "Litware",
        "PartyType": "Organization",
        "PartyNumber": "A-1",
        "IsExternallyMaintained": "Yes",
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
        "SiteId": "1",
        "WarehouseId": "13",
        "LanguageId": "en-US",
        "AddressStreet": "1 Way\nFloor 2",
        "AddressCity": "Seattle",
        "AddressState": "WA",
        "AddressZipCode": "98052",
        "AddressCountryRegionISOCode": "US",
        "DeliveryAddressCity": "Berlin",
        "DeliveryAddressCountryRegionISOCode": "DE",
        "PrimaryContactPhone": "+1 555",
        "OrganizationNumberOfEmployees": 12,
    }
    assert {name: customer[name] for name in expected} == expected


def test_what_people_of_finops_change_in_fields_of_theirs_stays(sync: Product) -> None:
    (id,) = sync.linked(1)
    reply = sync.finops.patch(
        "CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')", {"CustomerGroupId": "30"}, {"cross-company": "true"}
    )
    assert reply.status_code == 204
    sync.edit(id, name="Renamed")
    sync.tick()
    customer = sync.customer("A-0")
    assert customer is not None
    assert (customer["OrganizationName"], customer["CustomerGroupId"]) == ("Renamed", "30")


def test_a_change_sends_the_changed_field_only(sync: Product) -> None:
    (id,) = sync.linked(1)
    sync.edit(id, name="Renamed")
    before = sync.service.systems[System.FINOPS].requests  # type: ignore[attr-defined]
    sync.tick()
    after = sync.service.systems[System.FINOPS].requests  # type: ignore[attr-defined]
    assert (after.reads - before.reads, after.writes - before.writes) == (0, 1)


def test_an_update_that_changes_nothing_mapped_writes_nothing(sync: Product) -> None:
    (id,) = sync.linked(1)
    sync.edit(id, revenue=5)
    before = sync.service.systems[System.FINOPS].requests  # type: ignore[attr-defined]
    sync.tick()
    assert sync.service.systems[System.FINOPS].requests == before  # type: ignore[attr-defined]
    sync.check_in_step([id])


@pytest.mark.parametrize("rule", FAULTS, ids=name_of)
def test_a_fault_of_finops_loses_nothing_duplicates_nothing_and_blames_no_record(sync: Product, rule: Rule) -> None:
    survives(sync, sync.finops.faults, rule)


# The flow writes nothing to Sales.
@pytest.mark.parametrize("rule", [rule for rule in FAULTS if rule.methods == READS], ids=name_of)
def test_a_fault_of_sales_loses_nothing_duplicates_nothing_and_blames_no_record(sync: Product, rule: Rule) -> None:
    survives(sync, sync.sales.faults, rule)


def survives(sync: Product, faults: Faults, rule: Rule) -> None:
    """Accounts are in step in the end, whatever a system does meanwhile."""
    ids = [sync.account(f"A-{number}") for number in range(3)]
    faults.add(rule)
    sync.tick()
    sync.edit(ids[0], name="Changed meanwhile")
    sync.settle(45)
    faults.clear()
    sync.settle(10)
    sync.check_in_step(ids)
    assert all(sync.failure(id) is None for id in ids)


def test_a_slow_answer_holds_up_nothing_else(sync: Product) -> None:
    sync.finops.faults.add(Rule(Kind.SLOW, WRITES, times=1, delay_s=0.3))
    sync.check_in_step(sync.linked(5))


def test_a_lost_answer_to_a_create_keeps_the_claim_until_it_is_settled_by_the_key(sync: Product) -> None:
    sync.finops.faults.add(Rule(Kind.DROP_AFTER, WRITES, times=1))
    id = sync.account("A-1")
    sync.tick()
    assert sync.customers() == 1
    assert sync.link(id).claim.kind is ClaimKind.UNSETTLED
    sync.settle(10)
    sync.check_in_step([id])


def test_a_customer_group_that_does_not_exist_is_named_with_its_remedy_and_recovers(sync: Product) -> None:
    group = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')"
    assert sync.finops.delete(group, {"cross-company": "true"}).status_code == 204
    id = sync.account("A-1")
    sync.tick()
    failure = sync.failure(id)
    assert failure is not None
    assert failure.cause == "finops.validateField.CustomerGroupId"
    assert "Customer group" in failure.message
    assert "CustomerGroupId" in failure.remedy
    body = {"dataAreaId": "usmf", "CustomerGroupId": "10", "Description": "Wholesale"}
    assert sync.finops.post("CustomerGroups", body).status_code == 201
    sync.settle(70)
    sync.check_in_step([id])


def test_one_refused_account_among_many_is_rejected_alone(sync: Product) -> None:
    good = [sync.account(f"A-{number}") for number in range(5)]
    bad = sync.account("A-bad", address1_city="Nowhere", address1_country="Atlantis")
    sync.tick()
    failure = sync.failure(bad)
    assert failure is not None
    assert failure.cause == "country_unknown"
    assert "Atlantis" in failure.message
    sync.check_in_step(good)


@pytest.mark.parametrize("number", ["A/1", "A#1", "50%", "A:1", "A*", "A+B"])
def test_a_number_that_no_key_address_can_hold_is_rejected_by_name(sync: Product, number: str) -> None:
    id = sync.account(number)
    sync.tick()
    failure = sync.failure(id)
    assert failure is not None
    assert failure.cause == "key_not_addressable"


@pytest.mark.parametrize("number", ["O'Neil & Söhne", "Ä-1", "a b", "A(1)", "日本-1", "A=1,B"])
def test_any_other_number_becomes_a_key_and_is_found_again(sync: Product, number: str) -> None:
    id = sync.account(number)
    sync.tick()
    sync.edit(id, name="Renamed")
    sync.tick()
    assert sync.link(id).target_key == number
    assert sync.customers() == 1


def test_two_accounts_with_one_number_the_second_names_the_first(sync: Product) -> None:
    first = sync.account("A-1")
    sync.tick()
    second = sync.account("a-1")
    sync.tick()
    failure = sync.failure(second)
    assert failure is not None
    assert failure.cause == "key_taken"
    assert first in failure.message
    assert sync.customers() == 1


def test_a_customer_that_was_there_before_is_not_touched_unless_adopted(sync: Product) -> None:
    sync.finops.customer(CustomerAccount="A-1", OrganizationName="Entered by hand", CustomerGroupId="30")
    id = sync.account("A-1", name="From Sales")
    sync.tick()
    failure = sync.failure(id)
    assert failure is not None
    assert failure.cause == "target_exists"
    assert (sync.customer("A-1") or {})["OrganizationName"] == "Entered by hand"
    sync.start(ACCOUNTS_ON_EXISTING="adopt")
    sync.tick()
    sync.check_in_step([id])
    assert (sync.customer("A-1") or {})["CustomerGroupId"] == "30"


def test_a_deleted_customer_comes_back_complete_with_the_next_change(sync: Product) -> None:
    (id,) = sync.linked(1)
    key = "CustomersV3(dataAreaId='usmf',CustomerAccount='A-0')"
    assert sync.finops.delete(key, {"cross-company": "true"}).status_code == 204
    sync.edit(id, telephone1="1")
    sync.tick()
    sync.check_in_step([id])
    assert (sync.customer("A-0") or {})["PrimaryContactPhone"] == "1"


def test_an_account_that_is_deactivated_deleted_or_reactivated_follows_the_rules(sync: Product) -> None:
    one, two = sync.linked(2)
    sync.edit(one, statecode=1, statuscode=2)
    assert sync.sales.send("DELETE", f"accounts({two})").status_code == 204
    sync.tick()
    assert sync.link(one).state is LinkState.ENDED
    assert sync.link(two).state is LinkState.DELETED
    assert sync.customers() == 2
    sync.edit(one, statecode=0, statuscode=1, name="Back again")
    sync.tick()
    assert (sync.customer("A-0") or {})["OrganizationName"] == "Back again"


def test_an_ended_account_can_put_its_customer_on_hold_by_setting(sync: Product) -> None:
    sync.start(ACCOUNTS_ON_HOLD_WHEN_ENDED="Invoice")
    (id,) = sync.linked(1)
    sync.edit(id, statecode=1, statuscode=2)
    sync.tick()
    assert (sync.customer("A-0") or {})["OnHoldStatus"] == "Invoice"
    sync.edit(id, statecode=0, statuscode=1)
    sync.tick()
    assert (sync.customer("A-0") or {})["OnHoldStatus"] == "No"


def test_delta_links_refused_for_a_while_are_reported_and_the_full_read_finds_what_was_deleted_meanwhile(
    sync: Product,
) -> None:
    ids = sync.linked(4)
    assert sync.sales.send("DELETE", f"accounts({ids[3]})").status_code == 204
    sync.edit(ids[0], name="Changed in the gap")
    sync.sales.control("POST", "links", {"refuse_delta": True})
    with pytest.raises(OperatorNeeded, match="refused its own links 3 times") as told:
        sync.service.pull(FLOW)
    assert "full sync" in told.value.said
    sync.sales.control("POST", "links", {"refuse_delta": False})
    sync.settle(3)
    assert sync.link(ids[3]).state is LinkState.DELETED
    assert (sync.customer("A-0") or {})["OrganizationName"] == "Changed in the gap"


def test_a_missing_privilege_closes_the_gate_names_the_table_and_recovers(sync: Product) -> None:
    (id,) = sync.linked(1)
    sync.sales.control("POST", "privileges", {"account": {"read": False}})
    sync.edit(id, name="Changed")
    sync.tick()
    gate = sync.state.control.gate(System.DATAVERSE)
    assert gate.closed
    assert "account" in gate.reason
    assert sync.failure(id) is None
    sync.sales.control("POST", "privileges", {"account": {"read": True}})
    sync.settle(15)
    sync.check_in_step([id])


def test_a_company_that_does_not_exist_is_named_and_nothing_is_sent(sync: Product) -> None:
    sync.start(COMPANY="nope")
    sync.account("A-1")
    sync.tick()
    gate = sync.state.control.gate(System.FINOPS)
    assert gate.closed
    assert "nope" in gate.reason
    assert sync.customers() == 0


def test_a_changed_value_map_evaluates_rejected_records_again_at_once(sync: Product) -> None:
    id = sync.account("A-1", address1_city="Nowhere", address1_country="United States", address1_stateorprovince="XX")
    sync.tick()
    assert sync.failure(id) is not None
    sync.start(UNKNOWN_STATE="leave_out")
    sync.tick()
    sync.check_in_step([id])


def test_a_cleared_field_is_emptied_as_finops_wants_it(sync: Product) -> None:
    id = sync.account("A-1", telephone1="1", numberofemployees=7)
    sync.tick()
    sync.edit(id, telephone1=None, numberofemployees=None)
    sync.tick()
    customer = sync.customer("A-1") or {}
    assert (customer["PrimaryContactPhone"], customer["OrganizationNumberOfEmployees"]) == ("", 0)


def test_requests_for_new_accounts_stay_within_their_budget(sync: Product) -> None:
    for number in range(60):
        sync.account(f"A-{number:04d}")
    start = {name: sync.service.systems[name].requests for name in System}  # type: ignore[attr-defined]
    sync.tick()
    end = {name: sync.service.systems[name].requests for name in System}  # type: ignore[attr-defined]
    finops = end[System.FINOPS].reads + end[System.FINOPS].writes - start[System.FINOPS].reads
    dataverse = end[System.DATAVERSE].reads - start[System.DATAVERSE].reads
    assert sync.customers() == 60
    assert finops <= 66
    assert dataverse <= 6
