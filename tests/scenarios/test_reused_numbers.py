"""The number of a quote that is given a second time: told from a revision, and never another customer's quotation."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.simulator.faults import Kind, Rule
from shared.records import Json
from shared.state.links import LinkState
from tests.support.trading import ACTIVE, DRAFT, LOST, Trading, trading

NUMBER = "Q-7"
FIRST, SECOND = "A-1", "B-1"
QUOTATION = f"/data/CDSSalesQuotationHeaders(dataAreaId='usmf',SalesQuotationNumber='{NUMBER}')"


@pytest.fixture
def desk() -> Iterator[Trading]:
    with trading() as made:
        made.account(FIRST)
        made.account(SECOND)
        made.tick()
        yield made


def quote(desk: Trading, account: str, **values: Any) -> str:
    """A quote of a customer under the one number; its id."""
    (row,) = desk.sales.rows(f"accounts?$select=accountid&$filter=accountnumber eq '{account}'")
    return desk.quote(row["accountid"], quotenumber=NUMBER, **values)[0]


def first_of(desk: Trading) -> str:
    """A quote of the first customer, with two lines, in step."""
    id = quote(desk, FIRST, lines=2)
    desk.tick()
    assert customer(desk) == FIRST
    return id


def second_of(desk: Trading) -> str:
    """A quote of the second customer under the same number, with one line."""
    id = quote(desk, SECOND)
    desk.tick()
    return id


def delete(desk: Trading, id: str) -> None:
    assert desk.sales.send("DELETE", f"quotes({id})").status_code == 204
    desk.tick()


def found(desk: Trading) -> dict[str, Any]:
    quotation = desk.quotation(NUMBER)
    assert quotation is not None
    return quotation


def customer(desk: Trading) -> Json:
    return str(found(desk)["RequestingCustomerAccountNumber"])


def cause(desk: Trading) -> str | None:
    failure = desk.failure(NUMBER)
    return None if failure is None else failure.cause


def test_a_number_that_is_given_to_another_quote_leaves_the_quotation_and_is_listed(desk: Trading) -> None:
    first = first_of(desk)
    delete(desk, first)
    second = second_of(desk)
    assert (customer(desk), list(found(desk)["lines"])) == (FIRST, [1, 2])
    failure = desk.failure(NUMBER)
    assert failure is not None
    assert failure.cause == "number_reused"
    assert first in failure.message
    assert second in failure.message
    assert desk.link(NUMBER).state is LinkState.REJECTED


def test_it_takes_the_quotation_over_where_adoption_is_allowed(desk: Trading) -> None:
    delete(desk, first_of(desk))
    second = second_of(desk)
    desk.start(QUOTATIONS_ON_EXISTING="adopt")
    desk.settle(1)
    assert (customer(desk), list(found(desk)["lines"]), cause(desk)) == (SECOND, [1], None)
    link = desk.link(NUMBER)
    assert (link.state, link.dirty, link.content.revisions) == (LinkState.WRITTEN, False, {second: 0})


def test_it_gets_a_quotation_of_its_own_once_the_former_one_is_deleted(desk: Trading) -> None:
    delete(desk, first_of(desk))
    second = second_of(desk)
    assert desk.finops.send("DELETE", QUOTATION, headers={"If-Match": "*"}).status_code == 204
    desk.clock.sleep(3600)
    desk.settle(1)
    assert (customer(desk), list(found(desk)["lines"]), cause(desk)) == (SECOND, [1], None)
    assert desk.link(NUMBER).content.revisions == {second: 0}


def test_a_quote_that_is_restored_under_its_id_continues(desk: Trading) -> None:
    first = first_of(desk)
    delete(desk, first)
    assert quote(desk, FIRST, lines=3, quoteid=first) == first
    desk.tick()
    assert (len(found(desk)["lines"]), cause(desk)) == (3, None)


def test_the_restored_quote_continues_when_the_one_that_had_its_number_meanwhile_is_gone(desk: Trading) -> None:
    first = first_of(desk)
    delete(desk, first)
    second = second_of(desk)
    assert cause(desk) == "number_reused"
    delete(desk, second)
    quote(desk, FIRST, quoteid=first)
    desk.tick()
    assert (customer(desk), len(found(desk)["lines"]), cause(desk)) == (FIRST, 1, None)


@pytest.mark.parametrize("kept", [True, False])
def test_a_revision_goes_on_whether_or_not_its_former_one_is_kept(desk: Trading, *, kept: bool) -> None:
    first = first_of(desk)
    revision = desk.revise(first)
    if not kept:
        assert desk.sales.send("DELETE", f"quotes({first})").status_code == 204
    desk.line(revision)
    desk.set_state(revision, ACTIVE)
    desk.tick()
    assert (len(found(desk)["lines"]), cause(desk)) == (3, None)


def test_a_number_that_two_quotes_have_at_once_is_the_first_ones(desk: Trading) -> None:
    first = first_of(desk)
    second = quote(desk, SECOND, active=False)
    desk.tick()
    assert (customer(desk), cause(desk)) == (FIRST, None)
    desk.close(first, LOST)
    desk.set_state(second, ACTIVE)
    desk.tick()
    assert (customer(desk), cause(desk)) == (FIRST, "number_reused")
    desk.set_state(second, DRAFT)
    desk.tick()
    assert (desk.link(NUMBER).state, cause(desk)) == (LinkState.ENDED, None)


def test_a_number_is_reported_as_reused_also_when_nobody_heard_that_its_quotation_was_made(desk: Trading) -> None:
    desk.finops.faults.add(Rule(Kind.DROP_AFTER, frozenset({"POST"}), path=r"\$batch", times=1))
    first = quote(desk, FIRST, lines=2)
    desk.tick()
    assert not desk.link(NUMBER).linked
    delete(desk, first)
    second_of(desk)
    desk.settle(15)
    assert (customer(desk), cause(desk)) == (FIRST, "number_reused")
