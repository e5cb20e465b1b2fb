"""The result of a record goes back into columns of its own row in Sales, and nothing answers it."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import pytest

from local.dataverse.settings import Settings as SalesSettings
from local.simulator.faults import Kind, Rule
from shared.errors import SettingsInvalid
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from shared.state.control import FlowControl
from shared.state.storage.tables import Table
from shared.systems import System
from tests.support.assortment import MAP_DOCUMENT
from tests.support.operator import operated, p2c
from tests.support.ordering import Ordering
from tests.support.requests import CountedTable
from tests.support.trading import LOST, trading_as
from tests.unit.local.dataverse_world import OWN_COLUMNS

STATE, REASON, SINCE = "new_financestate", "new_financereason", "new_infinancesince"
COLUMNS = {"state": STATE, "reason": REASON, "since": SINCE}
MINUTE_S = 60
# Columns of an organisation's own are in no schema that the OData library is given.
own_columns = pytest.mark.odata_refused("'new_")


def document(**results: Mapping[str, object]) -> str:
    """The map document that names these columns."""
    return json.dumps({**json.loads(MAP_DOCUMENT), "results": results})


class Told(Ordering):
    """All flows, and what Sales shows of them."""

    seen_writes = 0

    def told(self, path: str) -> tuple[str | None, str | None, str | None]:
        """State, reason and since of a row of Sales."""
        row = self.sales.get(f"{path}?$select={STATE},{REASON},{SINCE}").json()
        return row[STATE], row[REASON], row[SINCE]

    def play(self, minutes: int = 3) -> None:
        """Timers tick, and the queues run dry."""
        for _ in range(minutes):
            self.tick()
            self.service.sweep()
            self.clock.sleep(MINUTE_S)

    def versions(self, table: str) -> dict[str, int]:
        """The version of every row of a table of Sales."""
        key = f"{table.removesuffix('s')}id"
        return {row[key]: row["versionnumber"] for row in self.sales.rows(f"{table}?$select={key},versionnumber")}

    def waiting(self, flow: str) -> list[str]:
        """The records whose result is not written yet."""
        return [each.id for each in self.state.results.page(flow, "", 1000)[0]]


Desk = TypeVar("Desk", bound=Told)


@contextmanager
def telling(sales: SalesSettings | None = None, **results: Mapping[str, object]) -> Iterator[Told]:
    """All flows, with columns for the results of these."""
    with telling_as(Told, sales, **results) as made:
        yield made


@contextmanager
def telling_as(
    kind: type[Desk], sales: SalesSettings | None = None, /, **results: Mapping[str, object]
) -> Iterator[Desk]:
    """The same as a kind of Told."""
    with trading_as(kind, None, sales, OWN_COLUMNS, MAP_DOCUMENT=document(**results)) as made:
        yield made


@pytest.fixture
def desk() -> Iterator[Told]:
    """Accounts, contacts and orders have columns for their results."""
    with telling(accounts=COLUMNS, contacts=COLUMNS, orders=COLUMNS) as made:
        yield made


def results_writes(desk: Told) -> int:
    """Writes to Sales since the last call: nothing else than results is written there by these flows."""
    before, now = desk.seen_writes, desk.sent(System.DATAVERSE)[1]
    desk.seen_writes = now
    return now - before


@own_columns
def test_an_account_says_since_when_it_is_in_finops(desk: Told) -> None:
    account = desk.account("A-1")
    desk.play(1)
    began = f"{desk.clock.now():%Y-%m-%dT%H}"
    state, reason, since = desk.told(f"accounts({account})")
    assert (state, reason) == ("written", None)
    assert since is not None
    assert since.startswith(began)
    desk.edit(account, name="Another")
    desk.play(2)
    assert desk.told(f"accounts({account})") == (state, None, since)


@own_columns
def test_an_account_that_is_refused_says_why_and_what_helps(desk: Told) -> None:
    account = desk.account("A-1", address1_line1="Street", address1_country="Nowhere")
    person = desk.contact(account)
    desk.play()
    state, reason, since = desk.told(f"accounts({account})")
    assert (state, since) == ("rejected", None)
    assert reason is not None
    assert "Nowhere" in reason
    assert reason.endswith("(country_unknown)")
    assert desk.told(f"contacts({person})") == (
        "waiting",
        "waits for a record of accounts that is not in F&O yet",
        None,
    )
    desk.edit(account, address1_country="US")
    desk.play(4)
    assert desk.told(f"accounts({account})")[:2] == ("written", None)
    assert desk.told(f"contacts({person})")[:2] == ("written", None)


@own_columns
def test_a_record_that_a_rule_keeps_in_sales_names_the_rule_in_words(desk: Told) -> None:
    account, ended = desk.account("A-1"), desk.account("A-2")
    desk.edit(account, statecode=1, statuscode=2)
    order, _ = desk.order(ended, active=False)
    desk.play()
    desk.edit(ended, statecode=1, statuscode=2)
    desk.play()
    inactive = "it is inactive in Sales. What helps: activate it (inactive)"
    assert desk.told(f"accounts({account})") == ("filtered", inactive, None)
    state, reason, since = desk.told(f"accounts({ended})")
    assert (state, reason) == ("ended", inactive)
    assert since is not None
    assert desk.told(f"salesorders({order})")[:2] == (
        "filtered",
        "the order is not activated. What helps: activate it (draft)",
    )


@own_columns
def test_no_write_answers_a_result(desk: Told) -> None:
    """A result changes its row, so change tracking reports it: each is looked at once more, and nothing follows."""
    account = desk.account("A-1")
    desk.contact(account)
    desk.order(account)
    desk.play(4)
    looked = Counter[str]()
    for run in desk.state.runs.latest(ACCOUNTS, 20):
        looked.update({each: run.counts.get(each, 0) for each in ("created", "updated", "unchanged")})
    assert looked == {"created": 1, "unchanged": 1, "updated": 0}
    versions = [desk.versions(table) for table in ("accounts", "contacts", "salesorders")]
    sent = [desk.sent(system)[1] for system in System]
    desk.play(5)
    assert [desk.versions(table) for table in ("accounts", "contacts", "salesorders")] == versions
    assert [desk.sent(system)[1] for system in System] == sent


@own_columns
def test_a_change_that_leaves_the_result_as_it_is_writes_none(desk: Told) -> None:
    account = desk.account("A-1")
    desk.play(3)
    results_writes(desk)
    desk.edit(account, name="Another")
    desk.play(3)
    assert (desk.customer("A-1") or {})["OrganizationName"] == "Another"
    assert results_writes(desk) == 0


@own_columns
def test_results_are_written_in_bulk(desk: Told) -> None:
    results_writes(desk)
    accounts = [desk.account(f"A-{number}") for number in range(101)]
    desk.play(2)
    assert results_writes(desk) == 2
    rows = desk.sales.rows(f"accounts?$select={STATE}")
    assert Counter(row[STATE] for row in rows) == {"written": len(accounts)}
    desk.play(1)
    assert desk.state.control.flow(ACCOUNTS).blocked == "", "that all rows have changed is no change of the source"
    assert results_writes(desk) == 0


class Counted(Told):
    """The same, with a count of the requests to tables."""

    def __init__(self, *arguments: object, **settings: str) -> None:
        self.requests = Counter[str]()
        super().__init__(*arguments, **settings)  # type: ignore[arg-type]

    def _table(self, name: str) -> Table:
        return CountedTable(self.memory(name), self.requests)

    def requests_of_a_sweep(self) -> int:
        """How many requests to tables the next sweep makes."""
        self.requests.clear()
        self.service.sweep()
        return self.requests.total()


@own_columns
def test_requests_of_a_sweep_with_and_without_results() -> None:
    """docs/operations.md tells these numbers."""
    with telling_as(Counted, accounts=COLUMNS, contacts=COLUMNS, quotations={"status": "new_quotationstatus"}) as desk:
        desk.play(3)
        quiet = desk.requests_of_a_sweep()
        for number in range(20):
            desk.account(f"A-{number}")
        desk.tick()
        busy = desk.requests_of_a_sweep()
        desk.start(MAP_DOCUMENT=document())
        desk.play(2)
        without = desk.requests_of_a_sweep()
        assert (quiet - without, busy - quiet) == (4, 7)


@own_columns
def test_without_columns_nothing_is_remembered_and_nothing_is_written() -> None:
    with telling() as desk:
        account = desk.account("A-1")
        desk.play()
        assert desk.told(f"accounts({account})") == (None, None, None)
        assert desk.waiting(ACCOUNTS) == []
        assert desk.state.links.load(ACCOUNTS, [account])[account].told == ""


@own_columns
def test_columns_that_are_named_later_tell_of_every_record_and_others_begin_anew() -> None:
    with telling() as desk:
        accounts = [desk.account(f"A-{number}") for number in range(3)]
        desk.play()
        desk.start(MAP_DOCUMENT=document(accounts={"state": STATE}))
        desk.play()
        assert [desk.told(f"accounts({account})") for account in accounts] == [("written", None, None)] * 3
        desk.start(MAP_DOCUMENT=document(accounts=COLUMNS))
        desk.play()
        assert all(desk.told(f"accounts({account})")[2] for account in accounts)
        assert desk.sent(System.FINOPS)[1] == 0


@own_columns
def test_columns_that_are_named_no_more_leave_nothing_behind_and_named_again_are_filled() -> None:
    with telling(accounts=COLUMNS) as desk:
        account = desk.account("A-1")
        desk.sales.faults.add(Rule(Kind.ERROR_BEFORE, frozenset({"POST"}), "UpdateMultiple"))
        desk.play(1)
        assert desk.waiting(ACCOUNTS) == [account]
        desk.start(MAP_DOCUMENT=document())
        desk.play()
        assert desk.waiting(ACCOUNTS) == []
        desk.sales.faults.clear()
        desk.start(MAP_DOCUMENT=document(accounts=COLUMNS))
        desk.play()
        assert desk.told(f"accounts({account})")[0] == "written"


@own_columns
def test_an_order_says_the_same_of_itself_and_a_quote_only_to_an_administrator() -> None:
    """Sales lets nobody else change a quote that is active (dataverse-web-api, section 11.4)."""
    with telling(SalesSettings(administrator=True), quotations=COLUMNS, orders=COLUMNS) as desk:
        account = desk.account("A-1")
        desk.play(1)
        quote, _ = desk.quote(account)
        order, _ = desk.order(account)
        desk.play()
        assert desk.told(f"quotes({quote})")[:2] == ("written", None)
        assert desk.told(f"salesorders({order})")[:2] == ("written", None)
        desk.close(quote, LOST)
        desk.play()
        assert desk.told(f"quotes({quote})")[1] == (
            "the quote was lost. What helps: revise it, if it is to go to F&O after all (lost)"
        )


@own_columns
def test_a_result_that_sales_refuses_is_listed_and_tried_again_and_its_record_is_in_step() -> None:
    with telling(quotations=COLUMNS) as desk:
        account = desk.account("A-1")
        desk.play(1)
        quote, number = desk.quote(account)
        desk.play(3)
        assert desk.quotation(number) is not None
        assert desk.state.failures.load(QUOTATIONS, [number]) == {}
        (refused,) = desk.state.results.page(QUOTATIONS, "", 10)[0]
        assert (refused.id, refused.row, refused.tries) == (number, quote, 1)
        assert "Read-Only" in refused.message
        desk.set_state(quote, {"statecode": 0, "statuscode": 1})
        desk.clock.sleep(2 * 3600)
        desk.play(3)
        assert desk.told(f"quotes({quote})")[0] == "ended"
        assert desk.waiting(QUOTATIONS) == []


@own_columns
def test_a_record_that_the_scope_leaves_out_is_not_touched() -> None:
    """A result would change when it was last modified, and so bring it into the scope."""
    with telling(accounts=COLUMNS) as desk:
        desk.start(ACCOUNTS_SCOPE="2999-01-01")
        account = desk.account("A-1")
        before = desk.versions("accounts")
        desk.play()
        assert desk.told(f"accounts({account})") == (None, None, None)
        assert desk.versions("accounts") == before


TROUBLES: dict[str, Rule] = {
    "throttled": Rule(Kind.THROTTLE, frozenset({"POST"}), "UpdateMultiple", times=1, retry_after="5"),
    "no privilege": Rule(
        Kind.ERROR_BEFORE, frozenset({"POST"}), "UpdateMultiple", times=2, status=403,
        body=json.dumps({"error": {"code": "0x80040220", "message": "Principal user is missing prvWriteAccount"}}),
    ),
    "no such column": Rule(
        Kind.ERROR_BEFORE, frozenset({"POST"}), "UpdateMultiple", times=2, status=400,
        body=json.dumps({"error": {"code": "0x80048d19", "message": "no new_financestate"}}),
    ),
    "no answer, written": Rule(Kind.DROP_AFTER, frozenset({"POST"}), "UpdateMultiple", times=1),
    "no answer, not written": Rule(Kind.DROP_BEFORE, frozenset({"POST"}), "UpdateMultiple", times=1),
    "an error, written": Rule(Kind.ERROR_AFTER, frozenset({"POST"}), "UpdateMultiple", times=1),
}  # fmt: skip


@own_columns
@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
def test_trouble_with_results_holds_nothing_up_and_ends_in_written_results(desk: Told, trouble: Rule) -> None:
    desk.sales.faults.add(trouble)
    accounts = [desk.account(f"A-{number}") for number in range(3)]
    desk.play(1)
    assert desk.customers() == 3
    assert desk.state.control.gate(System.DATAVERSE).closed is False
    assert desk.state.control.flow(ACCOUNTS).blocked == ""
    for _ in range(4):
        desk.clock.sleep(1800)
        desk.play(1)
    assert [desk.told(f"accounts({account})")[0] for account in accounts] == ["written"] * 3
    assert desk.waiting(ACCOUNTS) == []


def test_a_column_that_sales_does_not_have_holds_nothing_up_and_is_named() -> None:
    with telling(accounts={"state": "new_missing"}) as desk, operated(desk):
        desk.account("A-1")
        desk.play(3)
        assert desk.customers() == 1
        assert desk.state.control.flow(ACCOUNTS).blocked == ""
        assert desk.state.control.gate(System.DATAVERSE).closed is False
        listed = p2c("results", "accounts")
        assert "written by the next sweep: 1" in listed
        assert "new_missing" in listed
        assert "delayed until" in listed


@own_columns
def test_a_flow_that_is_paused_writes_no_result(desk: Told) -> None:
    account = desk.account("A-1")
    desk.tick()
    desk.state.control.change_flow(ACCOUNTS, lambda now: FlowControl(ACCOUNTS, paused=True, etag=now.etag))
    desk.service.sweep()
    assert desk.told(f"accounts({account})")[0] is None
    desk.state.control.change_flow(ACCOUNTS, lambda now: FlowControl(ACCOUNTS, paused=False, etag=now.etag))
    desk.service.sweep()
    assert desk.told(f"accounts({account})")[0] == "written"


def test_a_column_that_a_mapping_uses_is_refused_for_results() -> None:
    settings = {
        "AzureWebJobsStorage": "UseDevelopmentStorage=true", "DATAVERSE_URL": "https://a.example",
        "FINOPS_URL": "https://b.example", "COMPANY": "usmf",
    }  # fmt: skip
    named = {"accounts": {"state": STATE}, "orders": {"state": "msd_x"}}
    further = {
        "own_columns": {"accounts": {STATE: {"type": "text"}}},
        "filters": {"accounts": [{"name": "known", "keep": {"column": STATE, "operator": "filled"}}]},
    }
    text = json.dumps({**json.loads(MAP_DOCUMENT), "results": named, **further})
    with pytest.raises(SettingsInvalid) as refused:
        FLOWS.deployment(FLOWS.read_settings({**settings, "MAP_DOCUMENT": text}))
    assert "results.accounts.state is new_financestate, which the mapping of accounts uses" in str(refused.value)
    assert "results.orders" not in str(refused.value)


@own_columns
def test_an_account_that_an_operator_has_linked_says_since_when(desk: Told) -> None:
    account = desk.account("A-1")
    with operated(desk):
        desk.play(3)
        p2c("links", "accounts", "unlink", "A-1", "--yes")
        p2c("links", "accounts", "link", "A-1", "--yes")
    desk.play(3)
    state, reason, since = desk.told(f"accounts({account})")
    assert (state, reason) == ("written", None)
    assert since is not None


@own_columns
def test_a_contact_that_becomes_a_customer_says_since_when(desk: Told) -> None:
    account = desk.account("A-1")
    person = desk.contact(account)
    desk.play()
    first = desk.told(f"contacts({person})")
    desk.clock.sleep(24 * 3600)
    desk.quote(contact=person)
    desk.play(4)
    assert desk.state.links.load(CONTACTS, [person])[person].route == "customer"
    state, _, since = desk.told(f"contacts({person})")
    assert state == first[0] == "written"
    assert since is not None
    assert first[2] is not None
    assert since > first[2]


@own_columns
def test_what_sales_has_refused_is_listed_explained_and_retried() -> None:
    with telling(quotations=COLUMNS) as desk, operated(desk):
        account = desk.account("A-1")
        desk.play(1)
        quote, number = desk.quote(account)
        desk.play(3)
        listed = p2c("results")
        assert (
            "quotations: state in new_financestate, reason in new_financereason, since in new_infinancesince" in listed
        )
        assert "1 result refused: dataverse.0x80040216" in listed
        assert f"for example {number}: Cannot Update a Read-Only Entity" in listed
        assert "Its result is not in its columns in Sales yet: Sales has refused it" in p2c(
            "explain", "quotations", number
        )
        assert json.loads(p2c("results", "quotations", "--json"))[0]["refused"][0]["count"] == 1
        desk.set_state(quote, {"statecode": 0, "statuscode": 1})
        assert "the next sweep writes 1 refused result again" in p2c("retry", "quotations", "--results")
        desk.service.sweep()
        assert desk.told(f"quotes({quote})")[0] == "written"
        assert "refused" not in p2c("results")


def test_no_columns_for_results_are_named_by_default() -> None:
    with telling() as desk, operated(desk):
        assert "No columns for results are named" in p2c("results")
