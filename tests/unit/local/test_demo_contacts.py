"""The demo's comparison of contacts, against what the sync itself has written between both simulators."""

from collections.abc import Iterator
from itertools import count

import pytest

from local.demo.comparison import Past
from shared.flows.contacts import CONTACTS
from tests.unit.local.demo_trade import Trade, trade
from tests.unit.local.finops_documents import person_url

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def running() -> Iterator[Trade]:
    with trade() as world:
        yield world


@pytest.fixture
def number() -> str:
    return f"A-{next(_NUMBERS)}"


def test_a_contact_person_that_the_sync_has_written_compares_clean(running: Trade, number: str) -> None:
    _, own = running.contact(running.shop.account(number))
    assert f"contact {own}/{number}" not in running.compared(CONTACTS).missing
    running.sync()
    found = running.compared(CONTACTS)
    assert f"contact {own}/{number}" in [key for key, _ in running.flows[CONTACTS].targets(running.systems)]
    assert running.wrong_fields(CONTACTS, f"contact {own}/{number}") == set()
    assert not found.extra


def test_a_contact_whose_account_is_a_customer_already_is_missing_until_it_is_written(
    running: Trade, number: str
) -> None:
    account = running.shop.account(number)
    running.sync()
    _, own = running.contact(account)
    assert f"contact {own}/{number}" in running.compared(CONTACTS).missing
    running.sync()
    assert f"contact {own}/{number}" not in running.compared(CONTACTS).missing


def test_a_contact_of_nobody_is_not_expected(running: Trade) -> None:
    _, own = running.contact()
    running.sync()
    found = running.compared(CONTACTS)
    assert not [key for key in (*found.missing, *found.extra) if own in key]


def test_a_contact_who_is_an_active_customer_is_expected_as_a_customer_only(running: Trade) -> None:
    _, own = running.contact(msdynce_isactivecustomer=True)
    assert f"customer {own}" in running.compared(CONTACTS).missing
    running.sync()
    found = running.compared(CONTACTS)
    assert f"customer {own}" not in (*found.missing, *found.extra)
    assert running.wrong_fields(CONTACTS, f"customer {own}") == set()


def test_a_field_that_is_behind_is_a_difference(running: Trade, number: str) -> None:
    _, own = running.contact(running.shop.account(number))
    running.sync()
    running.spoil(person_url(own, number), {"LastName": "Another"})
    assert running.wrong_fields(CONTACTS, f"contact {own}/{number}") == {"LastName"}


def test_a_contact_who_has_ended_is_looked_at_for_being_inactive(running: Trade, number: str) -> None:
    id, own = running.contact(running.shop.account(number))
    running.sync()
    past = Past(keys={id: f"contact {own}/{number}"}, moves=True)
    running.shop.sales.patch(f"contacts({id})", {"statecode": 1}, If_Match="*")
    different = running.compared(CONTACTS, past).different
    assert [each.field for each in different if each.key == f"contact {own}/{number}"] == ["IsInactive"]
    running.sync()
    found = running.compared(CONTACTS, past)
    assert f"contact {own}/{number}" not in [*found.extra, *(each.key for each in found.different)]


def test_a_contact_who_has_moved_is_expected_at_the_new_account(running: Trade, number: str) -> None:
    other = f"{number}-X"
    id, own = running.contact(running.shop.account(number))
    new = running.shop.account(other)
    running.sync()
    past = Past(keys={id: f"contact {own}/{number}"}, moves=True)
    bound = {"parentcustomerid_account@odata.bind": f"/accounts({new})"}
    assert running.shop.sales.patch(f"contacts({id})", bound, If_Match="*").status_code == 204
    assert f"contact {own}/{other}" in running.compared(CONTACTS, past).missing
    running.sync()
    found = running.compared(CONTACTS, past)
    assert not [key for key in (*found.missing, *found.extra) if own in key]
    (left,) = running.flows[CONTACTS].targets(running.systems, f"contact {own}/{number}")
    assert left[1]["IsInactive"] == "Yes"


def test_what_a_contact_has_left_behind_earlier_is_not_extra(running: Trade, number: str) -> None:
    other = f"{number}-X"
    id, own = running.contact(running.shop.account(number))
    new = running.shop.account(other)
    running.sync()
    bound = {"parentcustomerid_account@odata.bind": f"/accounts({new})"}
    assert running.shop.sales.patch(f"contacts({id})", bound, If_Match="*").status_code == 204
    running.sync()
    former, present = f"contact {own}/{number}", f"contact {own}/{other}"
    unknown = running.compared(CONTACTS, Past(keys={id: present}, moves=True))
    known = running.compared(CONTACTS, Past(keys={id: present}, moves=True, left=frozenset({former})))
    assert (former in unknown.extra, former in known.extra) == (True, False)
