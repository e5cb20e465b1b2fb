"""Writing rows of a Dataverse table: what the answers of bulk calls and batches mean."""

from collections.abc import Sequence

import pytest

from shared import exact_json
from shared.clients.dataverse.bisect import Result
from shared.clients.dataverse.environment import DataverseSystem
from shared.clients.dataverse.rows import RowWrite, RowWriter, WriteTable, own_id
from shared.clients.http.exchange import Answer, AnswerLost
from shared.clients.http.sending import Sending
from shared.errors import NotSent, OperatorNeeded, OutcomeUnknown, RecordMissing, RecordRejected, SchemaDrift, Transient
from shared.systems import System
from tests.unit.clients.fakes import Line, Reply, line, ok, values_of

PRODUCTS = WriteTable("products", "product", "productid", {"defaultuomid": "uoms"})
IDS = [own_id("test", str(number)) for number in range(8)]
SUPPORTED = values_of([{"sdkmessagefilterid": IDS[0]}])
NO_MESSAGES = values_of([])


def rows(count: int = 4, *, create: bool = True) -> list[RowWrite]:
    return [RowWrite(IDS[number], {"name": f"Bike {number}"}, create=create) for number in range(count)]


def refusal(code: str, message: str, status: int = 400) -> Answer:
    return ok({"error": {"code": code, "message": message}}, status)


def written(replies: Sequence[Reply], given: Sequence[RowWrite], *, bulk: bool = True) -> tuple[list[Result], Line]:
    """The results of writing, in a table that has bulk messages or has not."""
    at = line(*([SUPPORTED, SUPPORTED] if bulk else [NO_MESSAGES]), *replies, system=System.DATAVERSE)
    writer = RowWriter(DataverseSystem(at.channel), PRODUCTS)
    return writer.write(given, Sending(at.clock, 1000.0)), at


def batch_answer(*parts: str) -> Answer:
    text = "".join(f"--b\r\nContent-Type: application/http\r\n{part}\r\n" for part in parts) + "--b--\r\n"
    return Answer(200, {"Content-Type": "multipart/mixed; boundary=b"}, text.encode())


def part(number: int, status: int, code: str = "") -> str:
    body = exact_json.dumps({"error": {"code": code, "message": "no"}}) if code else ""
    return f"Content-ID: {number}\r\n\r\nHTTP/1.1 {status} X\r\nContent-Type: application/json\r\n\r\n{body}"


@pytest.mark.parametrize("answer", [ok({"Ids": [*IDS[:4]]}), Answer(204)], ids=["ids", "204 without ids"])
def test_a_create_needs_no_ids_in_its_answer_because_they_are_ours(answer: Answer) -> None:
    results, at = written([answer], rows())
    assert results == [None] * 4
    sent = exact_json.loads(at.server.calls[-1].body or b"")
    assert isinstance(sent, dict)
    assert isinstance(sent["Targets"], list)
    assert sent["Targets"][0] == {
        "@odata.type": "Microsoft.Dynamics.CRM.product",
        "productid": IDS[0],
        "name": "Bike 0",
    }


def test_a_lookup_is_bound_by_the_address_of_its_row_and_emptied_by_null() -> None:
    assert PRODUCTS.body({"defaultuomid": IDS[1]}) == {"defaultuomid@odata.bind": f"/uoms({IDS[1]})"}
    assert PRODUCTS.body({"defaultuomid": None}) == {"defaultuomid@odata.bind": None}


def test_what_the_table_can_do_is_asked_once() -> None:
    at = line(SUPPORTED, SUPPORTED, Answer(204), system=System.DATAVERSE)
    system = DataverseSystem(at.channel)
    for _ in range(3):
        RowWriter(system, PRODUCTS).write(rows(), Sending(at.clock, 1000.0))
    assert at.server.methods == ["GET", "GET", "POST", "POST", "POST"]


def test_an_error_in_the_middle_of_a_batch_belongs_to_its_row() -> None:
    answer = batch_answer(part(1, 204), part(2, 400, "0x80043b08"), part(3, 204), part(4, 204))
    results, _ = written([answer], rows(), bulk=False)
    assert [type(result) for result in results] == [type(None), RecordRejected, type(None), type(None)]
    assert isinstance(results[1], RecordRejected)
    assert results[1].cause == "dataverse.0x80043b08"


def test_a_part_that_is_missing_in_the_answer_of_a_batch_is_unknown() -> None:
    results, _ = written([batch_answer(part(1, 204), part(3, 204))], rows(3), bulk=False)
    assert results[0] is None
    assert isinstance(results[1], OutcomeUnknown)
    assert results[2] is None


@pytest.mark.parametrize(
    ("status", "error"), [(429, Transient), (503, OutcomeUnknown), (401, OperatorNeeded), (403, OperatorNeeded)]
)
def test_trouble_inside_a_batch_is_the_systems(status: int, error: type[Exception]) -> None:
    results, _ = written([batch_answer(part(1, 204), part(2, status, "0x1"))], rows(2), bulk=False)
    assert results[0] is None
    assert type(results[1]).__mro__[:3].count(error) == 1


def test_a_lost_answer_of_a_bulk_call_is_one_trouble_for_all_its_rows() -> None:
    results, _ = written([AnswerLost("cut")], rows())
    assert isinstance(results[0], OutcomeUnknown)
    assert all(result is results[0] for result in results)


def test_a_row_that_asks_for_it_goes_alone_and_cannot_be_created_by_an_update() -> None:
    at = line(refusal("0x80040217", f"product With Id = {IDS[0]} Does Not Exist", 404), system=System.DATAVERSE)
    writer = RowWriter(DataverseSystem(at.channel), PRODUCTS)
    results = writer.write([RowWrite(IDS[0], {"name": "x"}, alone=True)], Sending(at.clock, 1000.0))
    assert isinstance(results[0], RecordMissing)
    assert at.server.methods == ["PATCH"]
    assert at.server.calls[0].headers["If-Match"] == "*"


def test_a_reference_to_a_row_that_is_gone_is_no_missing_record() -> None:
    results, _ = written([refusal("0x80040217", f"uom With Id = {IDS[7]} Does Not Exist", 404)] * 9, rows(1))
    assert isinstance(results[0], RecordRejected)
    assert results[0].cause == "dataverse.reference_missing"


def test_an_unknown_column_is_schema_drift_and_no_records_fault() -> None:
    results, _ = written([refusal("0x80048d19", "The property 'x' does not exist on type")], rows())
    assert all(isinstance(result, SchemaDrift) for result in results)


def test_behind_a_system_in_trouble_nothing_more_is_sent() -> None:
    at = line(SUPPORTED, SUPPORTED, Answer(429, {"Retry-After": "900"}), system=System.DATAVERSE)
    writer = RowWriter(DataverseSystem(at.channel), PRODUCTS, bulk_rows=2)
    results = writer.write(rows(), Sending(at.clock, 1000.0))
    assert isinstance(results[0], Transient)
    assert isinstance(results[2], NotSent)


def test_half_a_character_is_found_among_good_texts_and_not_sent() -> None:
    given = [*rows(3), RowWrite(IDS[3], {"name": "\ud83d"}, create=True)]
    results, _ = written([Answer(204)], given)
    assert results[:3] == [None] * 3
    assert isinstance(results[3], RecordRejected)
    assert results[3].cause == "text_not_sendable"
