"""Documents of F&O: read in bulk, written as change sets."""

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from shared.clients.finops.documents import FinopsDocuments
from shared.clients.finops.environment import MAX_URL_LENGTH, FinopsSystem, FinopsTable
from shared.clients.finops.keys import FinopsKey
from shared.clients.http.exchange import Answer, AnswerLost, NotConnected, PreparedCall
from shared.errors import (
    NotSent,
    OperatorNeeded,
    OutcomeUnknown,
    RecordMissing,
    RecordRejected,
    SchemaDrift,
    SyncError,
    Transient,
)
from shared.records import Json, LineAction, LineWrite, Write
from tests.unit.clients.fakes import Line, Reply, line, ok, refused, values_of

HEADERS, LINES = "CDSSalesQuotationHeaders", "CDSSalesQuotationLines"
HEADER_KEY = "(dataAreaId='usmf',SalesQuotationNumber='Q-1')?cross-company=true"
LINE_KEY = "(dataAreaId='usmf',SalesQuotationNumber='Q-1',LineCreationSequenceNumber={})?cross-company=true"
BOUNDARY = re.compile(rb"\A--(\S+)\r\nContent-Type: multipart/mixed; boundary=\"(\S+)\"\r\n\r\n")
REQUEST = re.compile(
    r"Content-ID: (\d+)\r\n\r\n(\w+) \S+?/data/(\S+) HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*\r\n(.*)\r\n\Z", re.DOTALL
)
STOPPED = (
    "Write failed for table row of type 'CDSSalesQuotationLineEntity'. Infolog: Warning: Item 'P-1' is blocked for "
    "'Sales order'.; Warning: validateWrite failed on data source 'SalesQuotationLine (SalesQuotationLine)'."
)
BY_LINE = "finops.validateWrite.SalesQuotationLine"
NO_SUCH_ROW = "No resources were found when selecting for update."

Request = tuple[str, str, dict[str, Json] | None]


def documents(*replies: Reply, parallel: int = 1) -> tuple[FinopsDocuments, Line]:
    at = line(*replies, parallel=parallel)
    system = FinopsSystem(at.channel, "usmf")
    key = FinopsKey("usmf", ("SalesQuotationNumber",))
    headers = FinopsTable(system, HEADERS, key, ["SalesQuotationName"])
    lines = FinopsTable(system, LINES, key, ["LineCreationSequenceNumber", "SalesPrice"])
    return FinopsDocuments(headers, lines, "LineCreationSequenceNumber"), at


def header(number: str = "Q-1", **values: Json) -> dict[str, Json]:
    return {"dataAreaId": "usmf", "SalesQuotationNumber": number, **values}


def row(sequence: int, number: str = "Q-1", **values: Json) -> dict[str, Json]:
    return {**header(number, **values), "LineCreationSequenceNumber": sequence}


def looked_up(*, header_there: bool, lines: tuple[int, ...] = ()) -> Reply:
    """The document as a look at it finds it."""

    def answer(call: PreparedCall) -> Answer:
        if HEADERS in call.url:
            return values_of([header()] if header_there else [])
        return values_of([row(sequence) for sequence in lines])

    return answer


def parts(*answers: Answer) -> Answer:
    """The answer to a batch of one change set."""
    inner = "".join(
        f"--c\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\n"
        f"HTTP/1.1 {one.status} X\r\nContent-Type: application/json\r\n\r\n{one.body.decode()}\r\n"
        for number, one in enumerate(answers, 1)
    )
    body = f"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{inner}--c--\r\n--b--\r\n"
    return Answer(200, {"Content-Type": "multipart/mixed; boundary=b"}, body.encode())


def failed(answer: Answer, content_id: int = 1) -> Answer:
    """The answer to a change set that was refused: one part, beside the set and not inside it."""
    body = (
        f"--b\r\nContent-Type: application/http\r\nContent-ID: {content_id}\r\n\r\n"
        f"HTTP/1.1 {answer.status} X\r\nContent-Type: application/json\r\n\r\n{answer.body.decode()}\r\n--b--\r\n"
    )
    return Answer(200, {"Content-Type": "multipart/mixed; boundary=b"}, body.encode())


def applied(call: PreparedCall) -> Answer:
    """Every request of the change set succeeds."""
    return parts(*(ok({}, 201) if method == "POST" else Answer(204) for method, _, _ in requests_of(call)))


def requests_of(call: PreparedCall) -> list[Request]:
    """The requests of the one change set that a batch holds: method, address, values."""
    assert call.body is not None
    found = BOUNDARY.match(call.body)
    assert found is not None
    outer, inner = found.groups()
    assert f'boundary="{outer.decode()}"' in call.headers["Content-Type"]
    sections = call.body[found.end() :].split(b"--" + inner)
    assert (sections[0], sections[-1]) == (b"", b"--\r\n--" + outer + b"--\r\n")
    requests = [REQUEST.search(section.decode()) for section in sections[1:-1]]
    assert [request and int(request[1]) for request in requests] == list(range(1, len(requests) + 1))
    return [(r[2], unquote(r[3]), json.loads(r[4]) if r[4] else None) for r in requests if r]


def create(*lines: LineWrite, id: str = "1", key: str = "Q-1") -> Write:
    return Write(id, key, {"SalesQuotationName": "Litra"}, create=True, lines=lines)


def update(*lines: LineWrite, id: str = "1", **values: Json) -> Write:
    return Write(id, "Q-1", values, create=False, lines=lines)


def added(number: int) -> LineWrite:
    return LineWrite(number, LineAction.CREATE, {"ProductNumber": "P-1"})


def changed(number: int) -> LineWrite:
    return LineWrite(number, LineAction.UPDATE, {"SalesPrice": 5})


def removed(number: int) -> LineWrite:
    return LineWrite(number, LineAction.DELETE)


def write_one(write: Write, *replies: Reply) -> SyncError | None:
    target, _ = documents(*replies)
    return target.write([write], not_after=1000)[write.id]


def collections(lines_of: Mapping[str, int]) -> Reply:
    """So many quotations with so many lines each."""

    def answer(call: PreparedCall) -> Answer:
        address = urlsplit(call.url)
        asked = parse_qs(address.query)["$filter"][0]
        numbers = [number for number in re.findall(r"SalesQuotationNumber eq '([^']*)'", asked) if number in lines_of]
        if address.path.endswith(HEADERS):
            return values_of([header(number, SalesQuotationName=number) for number in numbers])
        return values_of([row(n, number, SalesPrice=n) for number in numbers for n in range(1, lines_of[number] + 1)])

    return answer


@pytest.mark.parametrize("count", [0, 1, 200])
def test_documents_are_found_with_all_their_lines_within_the_length_of_an_address(count: int) -> None:
    lines_of = {f"Q-{number:05}": number % 4 for number in range(count)}
    target, at = documents(collections(lines_of), parallel=4)
    found = target.find([*lines_of, "Q-none"])
    assert {key: row.values["SalesQuotationName"] for key, row in found.items()} == {key: key for key in lines_of}
    assert {key: len(row.lines) for key, row in found.items()} == lines_of
    assert all(line["SalesPrice"] == number for row in found.values() for number, line in row.lines.items())
    assert all(len(call.url) < MAX_URL_LENGTH for call in at.server.calls)


def test_lines_are_read_over_all_pages() -> None:
    link = f"https://org.crm4.dynamics.com/data/{LINES}?$skip=2"
    first = ok({"value": [row(1), row(2)], "@odata.nextLink": link})
    target, _ = documents(values_of([header()]), first, values_of([row(3)]))
    assert list(target.find(["Q-1"])["Q-1"].lines) == [1, 2, 3]


def test_a_document_and_its_lines_are_found_whatever_the_case() -> None:
    target, _ = documents(values_of([header("Q-1")]), values_of([row(1, "q-1 ")]))
    assert list(target.find(["q-1"])["q-1"].lines) == [1]


def test_a_line_without_its_number_is_a_wrong_answer() -> None:
    target, _ = documents(values_of([header()]), values_of([header()]))
    with pytest.raises(Transient, match="LineCreationSequenceNumber"):
        target.find(["Q-1"])


def test_a_new_document_goes_as_one_change_set_header_first() -> None:
    target, at = documents(applied)
    assert target.write([create(added(1), added(2))], not_after=1000) == {"1": None}
    [call] = at.server.calls
    assert (call.method, call.url) == ("POST", "https://org.crm4.dynamics.com/data/$batch")
    assert requests_of(call) == [
        ("POST", f"{HEADERS}?cross-company=true", header(SalesQuotationName="Litra")),
        ("POST", f"{LINES}?cross-company=true", row(1, ProductNumber="P-1")),
        ("POST", f"{LINES}?cross-company=true", row(2, ProductNumber="P-1")),
    ]


def test_an_update_names_header_and_lines_and_carries_the_changes_only() -> None:
    target, at = documents(applied)
    write = update(removed(1), changed(2), added(3), SalesQuotationName="Zoë", SalesQuotationNumber="Q-1")
    assert target.write([write], not_after=1000) == {"1": None}
    assert requests_of(at.server.calls[0]) == [
        ("PATCH", HEADERS + HEADER_KEY, {"SalesQuotationName": "Zoë"}),
        ("DELETE", LINES + LINE_KEY.format(1), None),
        ("PATCH", LINES + LINE_KEY.format(2), {"SalesPrice": 5}),
        ("POST", f"{LINES}?cross-company=true", row(3, ProductNumber="P-1")),
    ]


def test_a_header_without_changes_is_left_out() -> None:
    target, at = documents(applied)
    target.write([update(changed(2))], not_after=1000)
    assert [method for method, _, _ in requests_of(at.server.calls[0])] == ["PATCH"]


def test_nothing_to_write_sends_nothing() -> None:
    target, at = documents(applied)
    assert target.write([], not_after=1000) == {}
    assert target.write([update(SalesQuotationNumber="Q-1")], not_after=1000) == {"1": None}
    assert at.server.calls == []


def test_a_document_of_many_lines_fits_into_one_change_set() -> None:
    target, at = documents(applied)
    assert target.write([create(*map(added, range(1, 501)))], not_after=1000) == {"1": None}
    assert len(requests_of(at.server.calls[0])) == 501


@pytest.mark.parametrize("key", ["Q/1", "Q*", " ", "Q%1"])
def test_a_number_that_cannot_be_addressed_is_refused_before_anything_is_sent(key: str) -> None:
    target, at = documents(applied)
    for write in (create(added(1), key=key), Write("1", key, {}, create=False, lines=(changed(1),))):
        result = target.write([write], not_after=1000)["1"]
        assert isinstance(result, RecordRejected)
        assert (result.cause, result.sent) == ("key_not_addressable", False)
    assert at.server.calls == []


def test_a_key_that_no_address_can_hold_is_refused_without_a_request() -> None:
    target, at = documents(ok({}))
    target.check_key("Q-1")
    with pytest.raises(RecordRejected) as refused_:
        target.check_key("Q\x001")
    assert refused_.value.cause == "key_not_addressable"
    assert at.server.calls == []


THERE, GONE = looked_up(header_there=True, lines=(1, 2)), looked_up(header_there=False)


@pytest.mark.parametrize(
    ("write", "replies", "expected", "cause"),
    [
        (create(added(1)), [failed(refused("Bereits vorhanden.")), THERE], RecordRejected, "target_exists"),
        (create(added(1)), [failed(refused(STOPPED)), GONE], RecordRejected, BY_LINE),
        (create(added(1)), [failed(refused(STOPPED), 77), GONE], RecordRejected, BY_LINE),
        (create(added(1)), [refused("The batch is too large."), GONE], RecordRejected, "finops.refused"),
        (update(changed(1)), [failed(refused(NO_SUCH_ROW)), GONE], RecordMissing, None),
        (update(added(1)), [failed(refused("Bereits vorhanden.")), THERE], RecordRejected, "finops.lines_changed"),
        (update(changed(3)), [failed(refused(NO_SUCH_ROW)), THERE], RecordRejected, "finops.lines_changed"),
        (update(removed(3)), [failed(refused(NO_SUCH_ROW)), THERE], RecordRejected, "finops.lines_changed"),
        (update(changed(1)), [failed(refused(STOPPED)), THERE], RecordRejected, BY_LINE),
        (update(changed(1)), [failed(Answer(412)), THERE], RecordRejected, "finops.update_conflict"),
        (create(), [failed(refused("The property 'Foo' does not exist on type 'X'."))], SchemaDrift, None),
        (create(), [failed(refused(STOPPED)), Answer(500)], Transient, None),
        (create(), [failed(Answer(429))], Transient, None),
        (create(), [failed(Answer(403))], OperatorNeeded, None),
        (create(), [failed(Answer(500))], OutcomeUnknown, None),
        (create(), [Answer(503)], OutcomeUnknown, None),
        (create(), [Answer(403)], OperatorNeeded, None),
        (create(), [Answer(429, {"Retry-After": "900"})], Transient, None),
        (create(), [AnswerLost("no answer")], OutcomeUnknown, None),
        (create(), [NotConnected("no connection")], Transient, None),
        (create(added(1)), [parts(ok({}, 201))], OutcomeUnknown, None),
        (create(), [Answer(200, {"Content-Type": "multipart/mixed; boundary=b"}, b"--b--")], OutcomeUnknown, None),
        (create(), [ok({})], OutcomeUnknown, None),
        (create(), [Answer(200, {"Content-Type": "text/html"}, b"<html>")], OutcomeUnknown, None),
    ],
)  # fmt: skip
def test_a_failed_write_has_the_result_that_says_what_to_do(
    write: Write, replies: list[Reply], expected: type[SyncError], cause: str | None
) -> None:
    result = write_one(write, *replies)
    assert isinstance(result, expected)
    assert getattr(result, "cause", None) == cause


@pytest.mark.parametrize("length", range(0, 260, 20))
def test_an_answer_that_breaks_off_is_never_taken_for_a_whole_one(length: int) -> None:
    whole = parts(ok({}, 201), ok({}, 201), Answer(204))
    cut = Answer(200, whole.headers, whole.body[:length], complete=False)
    assert isinstance(write_one(create(added(1), added(2)), cut), OutcomeUnknown)


def test_lines_that_moved_are_named_and_may_be_planned_again() -> None:
    result = write_one(update(changed(1), added(2), removed(9)), failed(refused(NO_SUCH_ROW)), THERE)
    assert isinstance(result, RecordRejected)
    assert result.repeatable
    assert "lines 2, 9 of Q-1" in str(result)


def test_a_change_set_whose_answers_carry_strange_numbers_is_applied() -> None:
    odd = parts(ok({}, 201), Answer(204))
    renumbered = Answer(200, odd.headers, odd.body.replace(b"Content-ID: 2", b"Content-ID: 1"))
    assert write_one(create(added(1)), renumbered) is None


def test_documents_of_one_call_fail_each_for_itself() -> None:
    def answer(call: PreparedCall) -> Answer:
        if call.method == "GET":
            return values_of([])
        number = (requests_of(call)[0][2] or {})["SalesQuotationNumber"]
        return failed(refused(STOPPED)) if number == "Q-3" else applied(call)

    target, _ = documents(answer, parallel=4)
    writes = [create(added(1), id=str(n), key=f"Q-{n}") for n in range(12)]
    results = target.write(writes, not_after=1000)
    assert {id for id, result in results.items() if result is not None} == {"3"}


def test_documents_behind_a_system_in_trouble_are_not_sent() -> None:
    target, at = documents(failed(Answer(429)))
    results = target.write([create(id=str(n), key=f"Q-{n}") for n in range(5)], not_after=1000)
    assert [type(result) is NotSent for result in results.values()] == [False] + [True] * 4
    assert len(at.server.calls) == 1


def test_no_document_starts_after_the_time_given() -> None:
    target, at = documents(applied)
    at.clock.sleep(11)
    assert isinstance(target.write([create()], not_after=10)["1"], NotSent)
    assert at.server.calls == []
