"""Rows of Dataverse that actions bring into their last state: an order is closed, or invoiced."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from shared import exact_json
from shared.clients.dataverse.closings import Closings
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.dataverse.origins import Origins, OriginTable
from shared.clients.dataverse.rows import WriteTable, own_id
from shared.clients.http.exchange import Answer, PreparedCall
from shared.clients.http.sending import Sending
from shared.errors import NotSent, OperatorNeeded, OutcomeUnknown, RecordRejected, SyncError
from shared.flows.ordersback.states import ACTIONS, CANCELED
from shared.records import Json, TargetRow, Write
from shared.systems import System
from tests.unit.clients.fakes import Line, line, ok, values_of
from tests.unit.clients.test_dataverse_rows import batch_answer, part

IDS = [f"2e451703-0000-0000-0000-00000000000{digit}" for digit in "abc"]
ORDERS = WriteTable("salesorders", "salesorder", "salesorderid")
INVOICES = WriteTable("invoices", "invoice", "invoiceid")
ORIGINS = OriginTable(
    ORDERS, "salesorderid", "ConvertSalesOrderToInvoice", "SalesOrderId", 4, frozenset({2, 4}), field="order"
)
NOT_ALLOWED = Answer(403)


def closed(at: Line) -> list[SyncError | None]:
    """What becomes of orders that are closed."""
    closings = Closings(DataverseSystem(at.channel), ORDERS, ACTIONS)
    return closings.close([(id, ACTIONS[CANCELED]) for id in IDS], Sending(at.clock, 1000.0))


def invoiced(at: Line) -> list[SyncError | None]:
    """What becomes of orders that are brought into the state in which they have an invoice."""
    results: Mapping[str, SyncError | None] = Origins(DataverseSystem(at.channel), ORIGINS, INVOICES).finish(
        IDS, Sending(at.clock, 1000.0)
    )
    return [results[id] for id in IDS]


def server(*acts: Answer) -> Line:
    """Sales with these orders, all open; it answers actions with these answers, of which the last one stays."""
    left = list(acts)

    def answer(call: PreparedCall) -> Answer:
        if call.method == "POST":
            return left.pop(0) if len(left) > 1 else left[0]
        if "WhoAmI" in call.url:
            return ok({"OrganizationId": IDS[0], "UserId": IDS[1]})
        return values_of([{"salesorderid": id, "statecode": 0} for id in IDS] if "/salesorders?" in call.url else [])

    return line(answer, system=System.DATAVERSE)


@pytest.mark.parametrize("act", [closed, invoiced])
def test_behind_a_system_in_trouble_no_further_action_is_sent(
    act: Callable[[Line], list[SyncError | None]],
) -> None:
    at = server(Answer(204), NOT_ALLOWED)
    results = act(at)
    assert results[0] is None
    assert isinstance(results[1], OperatorNeeded)
    assert isinstance(results[2], NotSent)
    assert at.server.methods.count("POST") == 2


@pytest.mark.parametrize("act", [closed, invoiced])
def test_each_order_has_one_action(act: Callable[[Line], list[SyncError | None]]) -> None:
    at = server(Answer(204))
    assert act(at) == [None] * 3
    assert at.server.methods.count("POST") == 3


def test_an_order_becomes_invoiced_by_a_conversion_that_is_asked_for_all_columns_and_its_copy_is_removed() -> None:
    at = server(Answer(204))
    assert invoiced(at) == [None] * 3
    acts = [call for call in at.server.calls if call.method == "POST"]
    assert [call.url.rpartition("/")[2] for call in acts] == ["ConvertSalesOrderToInvoice"] * 3
    assert [json.loads(call.body or b"") for call in acts] == [
        {"SalesOrderId": id, "ColumnSet": {"AllColumns": True}} for id in IDS
    ]


MAKER, SOMEBODY = IDS[1], IDS[2]
COPY = "2e451703-0000-4000-8000-00000000000d"
COPIED = replace(ORIGINS, never_copied=("invoicenumber",))


def document(**values: Json) -> dict[str, Json]:
    """A copy that the conversion of the first order has made."""
    copy = {"invoiceid": COPY, "_salesorderid_value": IDS[0].upper(), "_createdby_value": MAKER.upper()}
    return {**copy, "invoicenumber": None, **values}


def gone(id: str) -> str:
    """The part of a batch's answer that says that this row does not exist."""
    body = exact_json.dumps({"error": {"code": "0x80040217", "message": f"invoice With Id = {id} Does Not Exist"}})
    return f"Content-ID: 1\r\n\r\nHTTP/1.1 404 X\r\nContent-Type: application/json\r\n\r\n{body}"


def with_documents(*documents: dict[str, Json], states: Mapping[str, int], removal: Answer | None = None) -> Line:
    """Sales with orders in these states, and with these invoices."""

    def answer(call: PreparedCall) -> Answer:
        if call.url.endswith("$batch"):
            return removal or batch_answer(part(1, 204))
        if call.method == "POST":
            return Answer(204)
        if "WhoAmI" in call.url:
            return ok({"OrganizationId": IDS[0], "UserId": MAKER})
        rows: list[dict[str, Json]] = [{"salesorderid": id, "statecode": state} for id, state in states.items()]
        return values_of(rows if "/salesorders?" in call.url else documents)

    return line(answer, system=System.DATAVERSE)


@pytest.mark.parametrize(
    ("found", "is_copy"),
    [
        (document(), True),
        (document(_createdby_value=SOMEBODY), False),
        (document(_createdby_value=None), False),
        (document(invoicenumber="I-1"), False),
        (document(invoiceid=own_id("test", "1")), False),
    ],
    ids=["a copy", "made by somebody else", "made by nobody", "taken over", "a document of ours"],
)
def test_what_the_conversion_has_made_is_removed_and_nothing_else(found: dict[str, Json], is_copy: bool) -> None:
    at = with_documents(found, states={IDS[0]: 0})
    origins = Origins(DataverseSystem(at.channel), COPIED, INVOICES)
    assert origins.finish([IDS[0]], Sending(at.clock, 1000.0)) == {IDS[0]: None}
    removed = [call for call in at.server.calls if call.url.endswith("$batch")]
    assert [COPY.encode() in (call.body or b"") for call in removed] == ([True] if is_copy else [])
    done = with_documents(found, states={IDS[0]: 4})
    finished = Origins(DataverseSystem(done.channel), COPIED, INVOICES).finished([IDS[0]])
    assert finished == (frozenset() if is_copy else {IDS[0]})


@pytest.mark.parametrize(
    ("removal", "error"),
    [
        (batch_answer(part(1, 204)), type(None)),
        (batch_answer(gone(COPY)), type(None)),
        (batch_answer(part(1, 400, "0x1")), RecordRejected),
        (batch_answer(part(1, 503)), OutcomeUnknown),
    ],
    ids=["removed", "gone already", "refused", "unknown"],
)
def test_an_order_is_done_when_its_copy_is_gone_whoever_has_removed_it(removal: Answer, error: type) -> None:
    at = with_documents(document(), states={IDS[0]: 0}, removal=removal)
    result = Origins(DataverseSystem(at.channel), COPIED, INVOICES).finish([IDS[0]], Sending(at.clock, 1000.0))
    assert isinstance(result[IDS[0]], error)


@pytest.mark.parametrize(
    ("states", "finished"), [({IDS[0]: 0}, False), ({IDS[0]: 2}, True), ({IDS[0]: 4}, True), ({}, True)]
)
def test_nothing_is_left_to_do_for_an_order_that_is_closed_or_gone(states: dict[str, int], finished: bool) -> None:
    at = with_documents(states=states)
    assert (IDS[0] in Origins(DataverseSystem(at.channel), COPIED, INVOICES).finished([IDS[0]])) is finished


@pytest.mark.parametrize(
    ("row", "owner"),
    [
        ({"_owningteam_value": "t", "_owninguser_value": None}, "/teams(t)"),
        ({"_owningteam_value": None, "_owninguser_value": "u"}, "/systemusers(u)"),
        ({"_owningteam_value": "t", "_owninguser_value": "u"}, "/teams(t)"),
        ({"_owningteam_value": None, "_owninguser_value": None}, None),
    ],
)
def test_a_document_gets_the_team_or_the_user_that_owns_its_order(row: dict[str, Json], owner: str | None) -> None:
    at = line(values_of([{"salesorderid": IDS[0].upper(), **row}]), system=System.DATAVERSE)
    owners = Origins(DataverseSystem(at.channel), ORIGINS, INVOICES).owners([IDS[0]])
    assert owners == ({} if owner is None else {IDS[0]: {"ownerid@odata.bind": owner}})


@pytest.mark.parametrize(
    ("values", "before", "id"),
    [
        ({"order": 4, "salesorderid": "A"}, None, "a"),
        ({"order": 4}, {"salesorderid": "B"}, "b"),
        ({"order": 4, "salesorderid": "A"}, {"salesorderid": "B"}, "a"),
        ({"order": 4}, None, None),
        ({"order": 4}, {}, None),
        ({"salesorderid": "A"}, {"salesorderid": "B"}, None),
    ],
)
def test_a_write_names_the_order_that_it_brings_into_its_last_state(
    values: dict[str, Json], before: dict[str, Json] | None, id: str | None
) -> None:
    write = Write("1", "K", values, create=False, before=None if before is None else TargetRow(before))
    at = line(Answer(204), system=System.DATAVERSE)
    assert Origins(DataverseSystem(at.channel), ORIGINS, INVOICES).named_by(write) == id
