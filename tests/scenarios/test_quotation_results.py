"""What becomes of a quote in F&O comes back into columns of its row in Sales."""

import json
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest

from local.dataverse.settings import Settings as SalesSettings
from local.simulator.faults import Kind, Rule
from shared.flows.quotations import QUOTATIONS
from shared.systems import System
from tests.scenarios.test_results_on_simulators import MINUTE_S, STATE, Told, document, telling
from tests.support.project import ROOT

STATUS, NUMBER, ORDER = "new_quotationstatus", "new_quotationnumber", "new_quotationorder"
COLUMNS = {"status": STATUS, "number": NUMBER, "order": ORDER, "look_every_minutes": 5}
# Columns of an organisation's own are in no schema that the OData library is given.
pytestmark = pytest.mark.odata_refused("'new_")


@pytest.fixture
def desk() -> Iterator[Told]:
    """Quotes have columns for their quotation, and the app is an administrator: nobody else changes an active quote."""
    with telling(SalesSettings(administrator=True), quotations=COLUMNS) as made:
        yield made


def quoted(desk: Told) -> tuple[str, str]:
    """A quote that is in F&O: its id and number."""
    account = desk.account("A-1")
    desk.play(1)
    quote = desk.quote(account)
    desk.play(2)
    return quote


def look_again(desk: Told) -> None:
    """The time of the next look at quotations comes, and what follows from it is done."""
    desk.clock.sleep(5 * MINUTE_S)
    desk.play(3)


def shown(desk: Told, quote: str) -> tuple[str | None, str | None, str | None]:
    """Status, number and order of a quote in Sales."""
    row = desk.sales.get(f"quotes({quote})?$select={STATUS},{NUMBER},{ORDER}").json()
    return row[STATUS], row[NUMBER], row[ORDER]


def test_a_quote_says_its_status_and_number_in_finops_and_the_order_that_it_became(desk: Told) -> None:
    quote, number = quoted(desk)
    assert shown(desk, quote) == ("Created", number, None)
    desk.at_finops(number, SalesQuotationStatus="Sent")
    look_again(desk)
    assert shown(desk, quote) == ("Sent", number, None)
    desk.at_finops(number, SalesQuotationStatus="Confirmed", GeneratedSalesOrderNumber="SO-1")
    look_again(desk)
    assert shown(desk, quote) == ("Confirmed", number, "SO-1")


def test_no_write_answers_the_result_of_a_quote_and_a_quiet_look_writes_nothing(desk: Told) -> None:
    quote, number = quoted(desk)
    desk.at_finops(number, SalesQuotationStatus="Sent")
    look_again(desk)
    assert shown(desk, quote)[0] == "Sent"
    versions, sent = desk.versions("quotes"), [desk.sent(system)[1] for system in System]
    look_again(desk)
    look_again(desk)
    assert desk.versions("quotes") == versions
    assert [desk.sent(system)[1] for system in System] == sent


def test_a_quotation_that_was_not_made_from_a_quote_is_nobodys_result(desk: Told) -> None:
    quote, number = quoted(desk)
    before = desk.versions("quotes")
    foreign = {"dataAreaId": "usmf", "SalesQuotationNumber": "F-1", "RequestingCustomerAccountNumber": "A-1"}
    assert desk.finops.post("CDSSalesQuotationHeaders", foreign).status_code == 201
    look_again(desk)
    assert desk.versions("quotes") == before
    assert desk.waiting(QUOTATIONS) == []
    assert shown(desk, quote)[1] == number


def test_a_quote_that_is_not_in_finops_shows_nothing_of_a_quotation(desk: Told) -> None:
    account = desk.account("A-1")
    desk.play(1)
    quote, _ = desk.quote(account, active=False)
    desk.play(3)
    assert shown(desk, quote) == (None, None, None)


def test_columns_that_are_named_later_are_filled_for_every_quote() -> None:
    with telling(SalesSettings(administrator=True), quotations={"state": STATE}) as desk:
        quote, number = quoted(desk)
        assert shown(desk, quote) == (None, None, None)
        desk.start(MAP_DOCUMENT=document(quotations={"state": STATE, **COLUMNS}))
        desk.play(3)
        assert shown(desk, quote) == ("Created", number, None)
        assert desk.told(f"quotes({quote})")[0] == "written"


def test_an_administrator_in_whose_name_results_are_written_lets_an_active_quote_show_them() -> None:
    user, in_entra = str(uuid4()), str(uuid4())
    settings = SalesSettings(administrators=frozenset({user}))
    with telling(settings, quotations={"state": STATE, **COLUMNS, "written_for": in_entra.upper()}) as desk:
        table = desk.sales.organisation.entity("systemuser")
        blank = dict.fromkeys(table.columns, None)
        named = {"systemuserid": user, "azureactivedirectoryobjectid": in_entra}
        desk.sales.organisation.add(table, {**blank, **named})
        quote, number = quoted(desk)
        assert shown(desk, quote) == ("Created", number, None)
        by = desk.sales.get(f"quotes({quote})?$select=_modifiedby_value,_modifiedonbehalfby_value").json()
        assert by["_modifiedby_value"] == user
        assert by["_modifiedonbehalfby_value"] is not None
        desk.sales.organisation.remove(table, user)
        desk.at_finops(number, SalesQuotationStatus="Sent")
        look_again(desk)
        assert shown(desk, quote)[0] == "Created"
        assert desk.state.control.gate(System.DATAVERSE).closed is False
        assert "act for" in desk.state.results.turn(QUOTATIONS).said


@pytest.mark.parametrize("system", System)
def test_trouble_while_results_are_looked_at_or_written_holds_nothing_up_and_loses_nothing(
    desk: Told, system: System
) -> None:
    quote, number = quoted(desk)
    desk.at_finops(number, SalesQuotationStatus="Sent")
    if system is System.FINOPS:
        desk.finops.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"GET"}), "CDSSalesQuotationHeaders", times=2))
    else:
        desk.sales.faults.add(Rule(Kind.DROP_AFTER, frozenset({"POST"}), "UpdateMultiple", times=1))
    look_again(desk)
    assert desk.state.control.gate(system).closed is False
    desk.clock.sleep(3600)
    desk.play(2)
    assert shown(desk, quote) == ("Sent", number, None)


def documented_example() -> dict[str, dict[str, object]]:
    """The example of docs/mapping.md. The user in whose name it writes is one of the reader's own."""
    text = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8").partition("## The result of a record in Sales")[2]
    (example,) = re.findall(r'```json\n("results": .*?)```', text, flags=re.DOTALL)
    results: dict[str, dict[str, object]] = json.loads(f"{{{example}}}")["results"]
    del results["quotations"]["written_for"]
    return results


def test_the_example_of_the_documents_shows_people_what_became_of_their_records() -> None:
    with telling(SalesSettings(administrator=True), **documented_example()) as desk:
        refused = desk.account("A-2", address1_line1="1 Road", address1_country="Narnia")
        account = desk.account("A-1")
        desk.play(1)
        quote, _ = desk.quote(account)
        order, _ = desk.order(account)
        kept, _ = desk.order(account, lines=0)
        look_again(desk)
        assert desk.told(f"accounts({account})")[0] == "written"
        assert desk.told(f"accounts({refused})")[0] == "rejected"
        assert "Narnia" in str(desk.told(f"accounts({refused})")[1])
        assert shown(desk, quote)[0] == "Created"
        assert [desk.told(f"salesorders({id})")[1] for id in (order, kept)] == [
            None,
            "the order is empty. What helps: add lines (no_lines)",
        ]
        before = desk.sent(System.DATAVERSE)[1]
        look_again(desk)
        assert desk.sent(System.DATAVERSE)[1] == before
