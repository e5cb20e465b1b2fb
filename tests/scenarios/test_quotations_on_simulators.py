"""The quotations flow as it is deployed, between both simulators (rules.md, Quotes; prospect-to-cash, sections 9 and
10.4)."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from local.simulator.faults import Kind, Rule
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from shared.state.links import LinkState
from shared.sync.flow import LOOKUP_KEPT_S
from shared.systems import System
from tests.support.thinned import by_turns
from tests.support.trading import ACTIVE, CANCELED, DRAFT, LOST, Trading, load, trading


@pytest.fixture
def account(desk: Trading) -> str:
    """An account that is a customer."""
    id = desk.account("A-1")
    desk.tick()
    return id


def test_an_active_quote_becomes_a_quotation_with_its_lines(desk: Trading, account: str) -> None:
    id, number = desk.quote(
        account, lines=3, shipto_name="Depot", shipto_city="Seattle", shipto_country="United States"
    )
    desk.tick()
    quotation = desk.quotation(number)
    assert quotation is not None
    assert (quotation["RequestingCustomerAccountNumber"], quotation["CurrencyCode"]) == ("A-1", "USD")
    assert (quotation["DeliveryAddressName"], quotation["DeliveryAddressCity"]) == ("Depot", "Seattle")
    assert list(quotation["lines"]) == [1, 2, 3]
    line = quotation["lines"][1]
    assert (line["ProductNumber"], line["SalesUnitSymbol"], line["RequestedSalesQuantity"]) == ("P-1", "EA", 2)
    desk.check_same_amounts(id, number)


@pytest.mark.parametrize(
    ("zone", "value", "day"),
    [
        ("Europe/Zurich", "2026-07-13T22:00:00Z", "2026-07-14"),
        ("Europe/Zurich", "2026-07-14T21:59:59Z", "2026-07-14"),
        ("Pacific/Auckland", "2026-07-14T00:00:00Z", "2026-07-14"),
        ("America/Los_Angeles", "2026-07-15T06:30:00Z", "2026-07-14"),
    ],
)
def test_finops_gets_the_day_that_sales_shows(zone: str, value: str, day: str) -> None:
    with trading(BUSINESS_TIME_ZONE=zone) as desk:
        account = desk.account("A-1")
        id, number = desk.quote(account, active=False, lines=0, requestdeliveryby=value, effectiveto=value)
        desk.line(id, requestdeliveryby=value)
        desk.set_state(id, ACTIVE)
        desk.tick()
        desk.tick()
        quotation = desk.quotation(number) or {}
    days = [quotation["RequestedShippingDate"], quotation["SalesQuotationExpiryDate"]]
    assert [*days, quotation["lines"][1]["RequestedShippingDate"]] == [f"{day}T12:00:00Z"] * 3


def test_a_changed_behaviour_of_a_date_column_is_noticed_and_every_quote_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with trading(BUSINESS_TIME_ZONE="Europe/Zurich") as desk:
        account = desk.account("A-1")
        _, number = desk.quote(account, requestdeliveryby="2026-07-13T22:00:00Z")
        desk.tick()
        desk.tick()
        assert (desk.quotation(number) or {})["RequestedShippingDate"] == "2026-07-14T12:00:00Z"
        columns = desk.sales.organisation.schema.entities["quote"].properties
        assert isinstance(columns, dict)
        changed = replace(columns["requestdeliveryby"], date_behavior="TimeZoneIndependent")
        monkeypatch.setitem(columns, "requestdeliveryby", changed)
        desk.clock.sleep(LOOKUP_KEPT_S + 1)
        desk.tick()
        assert (desk.quotation(number) or {})["RequestedShippingDate"] == "2026-07-13T12:00:00Z"
        assert desk.state.control.flow(QUOTATIONS).blocked == ""


def test_a_date_column_of_which_metadata_tells_nothing_blocks_quotes_only_and_recovers(
    desk: Trading, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = desk.sales.organisation.schema.entities["quote"].properties
    assert isinstance(columns, dict)
    with monkeypatch.context() as drifted:
        drifted.setitem(columns, "expireson", replace(columns["expireson"], date_behavior="Lunar"))
        desk.clock.sleep(LOOKUP_KEPT_S + 1)
        _, number = desk.quote(account)
        desk.tick()
        told = "schema drift: the metadata of quote does not say how expireson behaves"
        assert desk.state.control.flow(QUOTATIONS).blocked.startswith(told)
        assert not desk.state.control.gate(System.DATAVERSE).closed
        assert (desk.quotation(number), desk.failure(number)) == (None, None)
    desk.clock.sleep(LOOKUP_KEPT_S + 1)
    desk.settle(15)
    assert desk.state.control.flow(QUOTATIONS).blocked == ""
    assert desk.quotation(number) is not None


def test_while_metadata_cannot_be_read_quotes_wait_and_nobody_is_blamed(desk: Trading, account: str) -> None:
    desk.clock.sleep(LOOKUP_KEPT_S + 1)
    desk.service.pull(QUOTATIONS)
    _, number = desk.quote(account, requestdeliveryby="2026-07-14T00:00:00Z")
    desk.service.pull(QUOTATIONS)
    desk.clock.sleep(LOOKUP_KEPT_S + 1)
    desk.sales.faults.add(Rule(Kind.ERROR_BEFORE, path="DateTimeAttributeMetadata", times=4))
    desk.tick()
    assert (desk.quotation(number), desk.failure(number)) == (None, None)
    assert desk.depth() > 0
    assert desk.state.control.gate(System.DATAVERSE).closed
    desk.settle(15)
    assert (desk.quotation(number) or {})["RequestedShippingDate"] == "2026-07-14T12:00:00Z"


def test_a_day_that_finops_cannot_hold_is_refused_by_us_with_its_column(desk: Trading, account: str) -> None:
    _, number = desk.quote(account, requestdeliveryby="2155-01-01T00:00:00Z")
    desk.tick()
    failure = desk.failure(number)
    assert failure is not None
    assert (failure.cause, desk.quotation(number)) == ("date_out_of_range", None)
    assert "requestdeliveryby is 2155-01-01" in failure.message


def test_the_discount_of_a_line_costs_the_same_on_both_sides(desk: Trading, account: str) -> None:
    id, number = desk.quote(account, lines=0, active=False)
    desk.line(id, quantity=3, manualdiscountamount=10)
    desk.line(id, quantity=7, manualdiscountamount=0.01)
    desk.set_state(id, ACTIVE)
    desk.tick()
    quotation = desk.quotation(number)
    assert quotation is not None
    assert (quotation["lines"][1]["LineDiscountAmount"], quotation["lines"][1]["FixedPriceCharges"]) == (
        3.3333,
        -0.0001,
    )
    desk.check_same_amounts(id, number)


def test_a_quote_to_a_contact_waits_until_the_contact_is_a_customer(desk: Trading) -> None:
    contact = desk.contact()
    _, number = desk.quote(contact=contact)
    desk.service.pull("quotations")
    desk.drain()
    assert desk.link(number).state is LinkState.WAITING
    desk.tick()
    quotation = desk.quotation(number)
    assert quotation is not None
    assert quotation["RequestingCustomerAccountNumber"] == desk.contact_number(contact)


def test_a_quote_to_an_account_that_is_not_for_finops_is_filtered_with_its_rule(desk: Trading) -> None:
    account = desk.account("A-9")
    desk.edit(account, statecode=1, statuscode=2)
    _, number = desk.quote(account)
    desk.tick()
    assert desk.rule_of(number) == "parent filtered by inactive"


@pytest.mark.parametrize(
    "order", [FLOWS.names, tuple(reversed(FLOWS.names)), ("quotations", "contacts", "products", "accounts")]
)
def test_whatever_flows_first_it_ends_the_same(order: tuple[str, ...]) -> None:
    with trading() as desk:
        account, person = desk.account("A-1"), desk.contact()
        contact = desk.contact(account)
        numbers = [desk.quote(account)[1], desk.quote(contact=person)[1]]
        for flow in order:
            desk.service.pull(flow)
            desk.flow = flow
            desk.drain()
        desk.flow = "quotations"
        desk.settle(2)
        assert all(desk.quotation(number) is not None for number in numbers)
        assert set(desk.persons()) == {(desk.contact_number(contact), "A-1")}


@pytest.mark.parametrize("status", [LOST, CANCELED])
def test_a_quote_that_is_closed_before_it_is_read_is_filtered_by_how_it_was_closed(
    desk: Trading, account: str, status: int
) -> None:
    id, number = desk.quote(account)
    desk.close(id, status)
    desk.tick()
    assert desk.rule_of(number) == {LOST: "lost", CANCELED: "canceled"}[status]


def test_a_draft_is_filtered_until_it_is_activated(desk: Trading, account: str) -> None:
    id, number = desk.quote(account, active=False)
    desk.tick()
    assert desk.rule_of(number) == "draft"
    desk.set_state(id, ACTIVE)
    desk.tick()
    assert desk.quotation(number) is not None


def test_a_quote_with_a_write_in_line_is_filtered_by_name(desk: Trading, account: str) -> None:
    id, number = desk.quote(account, active=False)
    body = {"isproductoverridden": True, "productdescription": "Assembly", "priceperunit": 5, "quantity": 1}
    desk.sales.create("quotedetails", quoteid__to=f"/quotes({id})", **body)
    desk.set_state(id, ACTIVE)
    desk.tick()
    assert desk.rule_of(number) == "write_in_line"


def test_a_quote_with_a_product_of_sales_is_filtered_by_name(desk: Trading, account: str) -> None:
    product = desk.sales.product(desk.catalogue, "OWN")
    desk.sales.patch(f"products({product})", {"statecode": 0, "statuscode": 1}, If_Match="*")
    id, number = desk.quote(account, active=False)
    desk.line(id, "OWN", ispriceoverridden=True, priceperunit=1)
    desk.set_state(id, ACTIVE)
    desk.tick()
    assert desk.rule_of(number) == "own_product"


def test_an_empty_quote_is_filtered_by_name(desk: Trading, account: str) -> None:
    _, number = desk.quote(account, lines=0)
    desk.tick()
    assert desk.rule_of(number) == "no_lines"


@pytest.mark.parametrize("discount", [{"discountpercentage": 5}, {"discountamount": 5}])
def test_a_quote_with_a_discount_of_the_whole_is_filtered_by_name(
    desk: Trading, account: str, discount: dict[str, Any]
) -> None:
    _, number = desk.quote(account, **discount)
    desk.tick()
    assert desk.rule_of(number) == "header_discount"


def test_a_changed_quote_updates_its_quotation_line_by_line(desk: Trading, account: str) -> None:
    id, number = desk.quote(account, lines=3)
    desk.tick()
    desk.set_state(id, DRAFT)
    first, second, _ = desk.lines(id)
    desk.change_draft(f"quotedetails({first['quotedetailid']})", quantity=9)
    desk.sales.send("DELETE", f"quotedetails({second['quotedetailid']})")
    desk.line(id)
    desk.change_draft(f"quotes({id})", name="Renamed")
    desk.set_state(id, ACTIVE)
    _, before = desk.sent(System.FINOPS)
    desk.tick()
    quotation = desk.quotation(number)
    assert quotation is not None
    assert quotation["SalesQuotationName"] == "Renamed"
    assert {n: line["RequestedSalesQuantity"] for n, line in quotation["lines"].items()} == {1: 9, 3: 2, 4: 2}
    assert desk.sent(System.FINOPS)[1] - before == 1
    desk.check_same_amounts(id, number)


def test_a_revision_updates_the_same_quotation_and_its_lines_keep_their_numbers(desk: Trading, account: str) -> None:
    id, number = desk.quote(account, lines=2)
    desk.tick()
    lots = {n: line["InventoryLotId"] for n, line in (desk.quotation(number) or {})["lines"].items()}
    again = desk.revise(id)
    desk.tick()
    assert (desk.link(number).state, desk.link(number).rule) == (LinkState.ENDED, "draft")
    desk.change_draft(f"quotedetails({desk.lines(again)[0]['quotedetailid']})", quantity=5)
    desk.line(again)
    desk.set_state(again, ACTIVE)
    desk.tick()
    quotation = desk.quotation(number)
    assert quotation is not None
    assert [line["RequestedSalesQuantity"] for line in quotation["lines"].values()] == [5, 2, 2]
    assert {n: line["InventoryLotId"] for n, line in quotation["lines"].items() if n in lots} == lots
    assert len(desk.finops.rows("CDSSalesQuotationHeaders", {"cross-company": "true"})) == 1


def test_a_quotation_stays_as_it_is_when_its_quote_ends(desk: Trading, account: str) -> None:
    quotes = {end: desk.quote(account, lines=2) for end in ("won", "lost", "draft", "deleted")}
    desk.tick()
    before = {number: desk.quotation(number) for _, number in quotes.values()}
    assert None not in before.values()
    activity = {"subject": "Won", "quoteid@odata.bind": f"/quotes({quotes['won'][0]})"}
    assert desk.sales.send("POST", "WinQuote", {"Status": -1, "QuoteClose": activity}).status_code == 204
    desk.close(quotes["lost"][0], LOST)
    desk.set_state(quotes["draft"][0], DRAFT)
    assert desk.sales.send("DELETE", f"quotes({quotes['deleted'][0]})").status_code == 204
    desk.tick()
    for end, (_, number) in quotes.items():
        assert desk.quotation(number) == before[number], end
        assert desk.link(number).state is (LinkState.DELETED if end == "deleted" else LinkState.ENDED), end


def test_a_quotation_that_has_gone_on_is_not_changed_any_more(desk: Trading, account: str) -> None:
    gone_on: list[tuple[dict[str, str], str]] = [
        ({"SalesQuotationStatus": "Sent"}, "quotation_status"),
        ({"SalesQuotationStatus": "Confirmed"}, "quotation_status"),
        ({"GeneratedSalesOrderNumber": "SO-1"}, "quotation_ordered"),
    ]
    quotes = [desk.quote(account) for _ in gone_on]
    desk.tick()
    for (id, number), (there, _) in zip(quotes, gone_on, strict=True):
        desk.at_finops(number, **there)
        desk.set_state(id, DRAFT)
        desk.change_draft(f"quotes({id})", name="Too late")
        desk.set_state(id, ACTIVE)
    before = [desk.quotation(number) for _, number in quotes]
    desk.tick()
    assert [desk.cause(number) for _, number in quotes] == [why for _, why in gone_on]
    assert [desk.quotation(number) for _, number in quotes] == before


def test_a_quotation_of_others_with_the_number_of_a_quote_is_never_touched(desk: Trading, account: str) -> None:
    _, theirs = desk.quote(account)
    desk.tick()
    desk.at_finops("Q-1", RequestingCustomerAccountNumber="A-1", CurrencyCode="USD", SalesQuotationName="Theirs")
    assert desk.quotation(theirs) is not None
    _, number = desk.quote(account, quotenumber="Q-1")
    desk.tick()
    assert desk.cause(number) == "target_exists"
    quotation = desk.quotation("Q-1")
    assert quotation is not None
    assert (quotation["SalesQuotationName"], quotation["lines"]) == ("Theirs", {})


def test_a_product_that_finops_does_not_have_is_named_and_recovers(desk: Trading, account: str) -> None:
    id, number = desk.quote(account)
    desk.take_away("P-1")
    desk.service.pull("quotations")
    desk.drain()
    failure = desk.failure(number)
    assert failure is not None
    assert "P-1" in failure.message or "Product" in failure.message
    desk.put("P-1")
    desk.sales.patch(f"quotes({id})", dict(DRAFT), If_Match="*")
    desk.set_state(id, ACTIVE)
    desk.tick()
    assert desk.quotation(number) is not None
    assert desk.failure(number) is None


def test_lines_that_people_of_finops_have_added_stay(desk: Trading, account: str) -> None:
    id, number = desk.quote(account)
    desk.tick()
    extra = {
        "LineCreationSequenceNumber": 2,
        "ProductNumber": "P-1",
        "SalesUnitSymbol": "EA",
        "RequestedSalesQuantity": 77,
    }
    desk.at_finops(number, lines=[extra])
    desk.set_state(id, DRAFT)
    desk.line(id, quantity=3)
    desk.set_state(id, ACTIVE)
    desk.settle(1)
    quotation = desk.quotation(number)
    assert quotation is not None
    assert {n: line["RequestedSalesQuantity"] for n, line in quotation["lines"].items()} == {1: 2, 2: 77, 3: 3}


@pytest.mark.parametrize("rule", by_turns(1))
def test_a_fault_loses_nothing_duplicates_nothing_and_blames_no_quote(desk: Trading, account: str, rule: Rule) -> None:
    quotes = [desk.quote(account, lines=2) for _ in range(3)]
    desk.finops.faults.add(rule)
    desk.settle(40, alone=True)
    desk.finops.faults.clear()
    desk.settle(20, alone=True)
    for id, number in quotes:
        desk.check_same_amounts(id, number)
        assert (desk.link(number).state, desk.failure(number)) == (LinkState.WRITTEN, None)


def sample_id(kind: int, number: int) -> str:
    return str(UUID(int=(kind << 96) + number, version=4))


def many_quotes(desk: Trading, folder: Path, account: str, *, quotes: int, lines: int, text: str = "") -> list[str]:
    """Put active quotes into Sales as if they had always been there; their numbers."""
    product = desk.product("P-1")
    assert product is not None
    header = {
        "_customerid_value": account,
        "_customerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
        "_pricelevelid_value": desk.catalogue["prices"],
        "_transactioncurrencyid_value": desk.catalogue["currency"],
        "statecode": 1,
        "statuscode": 2,
        "name": text[:100] or "Quote",
    }
    line = {
        "_productid_value": product["productid"],
        "_uomid_value": desk.catalogue["unit"],
        "quantity": 2,
        "priceperunit": 12.5,
        "baseamount": 25,
        "manualdiscountamount": 1.25,
        **({"shipto_name": text[:200], "shipto_line1": text[:80], "shipto_city": text[:60]} if text else {}),
        **({"shipto_country": "US"} if text else {}),
    }
    headers = [
        {**header, "quoteid": sample_id(1, n), "quotenumber": f"S-{n:05d}", "totallineitemamount": lines * 23.75}
        for n in range(quotes)
    ]
    details = [
        {**line, "quotedetailid": sample_id(2, n * 1000 + at), "_quoteid_value": sample_id(1, n), "lineitemnumber": at}
        for n in range(quotes)
        for at in range(1, lines + 1)
    ]
    load(desk, folder, {"quotes.jsonl": headers, "quotedetails.jsonl": details})
    return [f"S-{n:05d}" for n in range(quotes)]


@pytest.mark.parametrize("count", [pytest.param(100, marks=pytest.mark.nightly), 10])
def test_quotes_of_ten_lines_cost_at_most_11_writes_to_finops_for_ten_and_8_reads_of_sales(
    desk: Trading, account: str, tmp_path: Path, count: int
) -> None:
    numbers = many_quotes(desk, tmp_path, account, quotes=count, lines=10)
    reads, _ = desk.sent(System.DATAVERSE)
    _, writes = desk.sent(System.FINOPS)
    desk.service.pull("quotations")
    desk.drain()
    assert desk.sent(System.FINOPS)[1] - writes <= count * 11 // 10
    assert desk.sent(System.DATAVERSE)[0] - reads <= 8
    links = desk.state.links.load("quotations", numbers)
    assert {link.state for link in links.values()} == {LinkState.WRITTEN}
    desk.service.pull("quotations")
    desk.drain()
    assert desk.sent(System.FINOPS)[1] - writes <= count, "the second look writes nothing"


@pytest.mark.parametrize("lines", [pytest.param(500, marks=pytest.mark.nightly), 101])
def test_a_quote_with_many_lines_of_maximum_length_is_written_and_changed(
    desk: Trading, account: str, tmp_path: Path, lines: int
) -> None:
    (number,) = many_quotes(desk, tmp_path, account, quotes=1, lines=lines, text="Ж" * 300)
    desk.service.pull("quotations")
    desk.drain()
    assert desk.failure(number) is None
    quotation = desk.quotation(number)
    assert quotation is not None
    assert len(quotation["lines"]) == lines
    desk.set_state(sample_id(1, 0), DRAFT)
    desk.change_draft(f"quotedetails({sample_id(2, 50)})", quantity=9)
    desk.set_state(sample_id(1, 0), ACTIVE)
    desk.tick()
    quotation = desk.quotation(number)
    assert quotation is not None
    changed = {
        n: line["RequestedSalesQuantity"]
        for n, line in quotation["lines"].items()
        if line["RequestedSalesQuantity"] != 2
    }
    assert changed == {50: 9}
