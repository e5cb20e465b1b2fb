"""Every way in which a request can go wrong raises the error that says what to do."""

import threading
from contextlib import suppress
from datetime import timedelta
from email.utils import format_datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.http.channel import READ_ATTEMPTS, RequestCounts, StartLimit
from shared.clients.http.correlation import correlated
from shared.clients.http.deadline import reading_until
from shared.clients.http.exchange import Answer, AnswerLost, CertificateRefused, NotConnected
from shared.clients.http.responses import redacted
from shared.errors import NotSent, OperatorNeeded, OutcomeUnknown, RecordRejected, SchemaDrift, SyncError, Transient
from shared.systems import System
from tests.support.clock import START
from tests.support.patience import PATIENCE_S
from tests.unit.clients.fakes import ORIGIN, Line, Reply, line, ok, refused

_HEADERS = ["Content-Type", "Retry-After", "Date", "x-ms-dop-hint", "ETag"]
URL = ORIGIN.url("/data/CustomersV3?$top=1")
HTML = Answer(200, {"Content-Type": "text/html"}, b"<html>Sign in</html>")


def read(at: Line) -> object:
    return at.channel.read(URL, subject="CustomersV3")


def write(at: Line, not_after: float = 1000.0) -> Answer:
    turn = StartLimit(not_after, lambda: None)
    return at.channel.write("POST", URL, {"Name": "Litra AG"}, subject="CustomersV3", turn=turn)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (NotConnected("no connection"), Transient),
        (CertificateRefused("its certificate"), OperatorNeeded),
        (AnswerLost("no answer"), Transient),
        (HTML, Transient),
        (Answer(200, {}, b'{"value":['), Transient),
        (Answer(200, {}, b'{"value":[]}', complete=False), Transient),
        (Answer(200, {}, b"[]"), Transient),
        (Answer(204), Transient),
        (Answer(302, {"Location": "https://login.example"}), OperatorNeeded),
        (ok({"error": {"code": "0x80060888", "message": "no"}}, 400), OperatorNeeded),
        (refused("Could not find a property named 'Fax' on type 'X.Customer'."), SchemaDrift),
        (refused("The property 'Fax' does not exist on type 'X.Customer'."), SchemaDrift),
        (ok({"error": {"code": "0x8006088a", "message": "Resource not found for the segment 'q'."}}, 404), SchemaDrift),
        (Answer(401), OperatorNeeded),
        (Answer(403), OperatorNeeded),
        (Answer(404), OperatorNeeded),
        (Answer(408), Transient),
        (Answer(429), Transient),
        (Answer(500), Transient),
        (Answer(502, {"Content-Type": "text/html"}, b"<html>"), Transient),
        (Answer(503), Transient),
        (Answer(504), Transient),
    ],
)
def test_a_failed_read_raises_the_error_that_says_what_to_do(reply: Reply, expected: type[SyncError]) -> None:
    with pytest.raises(expected) as caught:
        read(line(reply))
    assert type(caught.value).__mro__.index(expected) <= 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (NotConnected("no connection"), Transient),
        (CertificateRefused("its certificate"), OperatorNeeded),
        (AnswerLost("no answer"), OutcomeUnknown),
        (HTML, OutcomeUnknown),
        (Answer(202), OutcomeUnknown),
        (Answer(302, {"Location": "https://login.example"}), OperatorNeeded),
        (Answer(401), OperatorNeeded),
        (Answer(403), OperatorNeeded),
        (Answer(404), OperatorNeeded),
        (Answer(405), OperatorNeeded),
        (Answer(408), OutcomeUnknown),
        (Answer(429), Transient),
        (Answer(500), OutcomeUnknown),
        (Answer(503), OutcomeUnknown),
        (Answer(504), OutcomeUnknown),
    ],
)
def test_a_failed_write_raises_the_error_that_says_what_to_do(reply: Reply, expected: type[SyncError]) -> None:
    at = line(reply)
    with pytest.raises(expected):
        write(at)
    assert len(at.server.calls) == (2 if reply == Answer(401) else 1)


@pytest.mark.parametrize(
    "reply",
    [
        Answer(204),
        ok({"CustomerAccount": "A"}, 201),
        Answer(201, {}, b"{", complete=False),
        Answer(201, {"Content-Type": "text/html"}, b"<html>"),
        ok({}, 200),
        Answer(400),
        Answer(412),
    ],
)
def test_an_applied_write_and_a_refused_record_come_back_as_answers(reply: Answer) -> None:
    assert write(line(reply)).status == reply.status


@pytest.mark.parametrize("reply", [Answer(500), AnswerLost("no answer"), NotConnected("none")])
def test_a_read_is_repeated_a_few_times_and_then_given_up(reply: Reply) -> None:
    at = line(reply)
    with pytest.raises(Transient):
        read(at)
    assert len(at.server.calls) == READ_ATTEMPTS
    assert at.clock.seconds > 0


def test_a_read_that_recovers_brings_its_answer() -> None:
    assert read(line(Answer(500), AnswerLost("no answer"), ok({"value": []}))) == {"value": []}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("900", 900.0),
        ("-5", 0.0),
        (format_datetime(START + timedelta(seconds=42), usegmt=True), 42.0),
        (format_datetime(START - timedelta(seconds=42), usegmt=True), 0.0),
        ("soon", None),
        ("inf", None),
        ("", None),
        (None, None),
    ],
)
def test_the_time_to_wait_is_read_in_every_form(header: str | None, seconds: float | None) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        write(line(Answer(503, {} if header is None else {"retry-after": header})))
    assert caught.value.retry_after_s == seconds


def test_a_short_throttling_is_waited_for_and_the_same_write_sent_again() -> None:
    at = line(Answer(429, {"Retry-After": "7"}), Answer(204))
    assert write(at).status == 204
    assert at.clock.seconds == 7
    assert [call.body for call in at.server.calls] == [b'{"Name":"Litra AG"}'] * 2
    assert at.channel.requests == RequestCounts(reads=0, writes=2, throttled=1)


@pytest.mark.parametrize("header", [{"Retry-After": "900"}, {}])
def test_a_long_throttling_is_raised(header: dict[str, str]) -> None:
    at = line(Answer(429, header))
    with pytest.raises(Transient) as caught:
        write(at)
    expected = 900.0 if header else None
    assert caught.value.retry_after_s == expected
    assert len(at.server.calls) == 1


def test_a_throttling_that_does_not_end_is_given_up() -> None:
    at = line(Answer(429, {"Retry-After": "0"}))
    with pytest.raises(Transient):
        write(at)
    assert len(at.server.calls) == 4


def test_a_throttling_that_ends_too_late_is_not_waited_for() -> None:
    at = line(Answer(429, {"Retry-After": "7"}), Answer(204))
    with pytest.raises(Transient):
        write(at, not_after=5)
    assert at.clock.seconds == 0


def test_a_refused_token_is_replaced_once() -> None:
    at = line(Answer(401), Answer(204))
    assert write(at).status == 204
    assert [call.headers["Authorization"] for call in at.server.calls] == ["Bearer token-1", "Bearer token-2"]


def test_no_request_starts_when_time_is_up() -> None:
    at = line(Answer(204))
    at.clock.sleep(5)
    with pytest.raises(NotSent):
        write(at, not_after=4)
    assert at.server.calls == []


def test_a_token_goes_to_no_other_origin() -> None:
    at = line(ok({"value": []}))
    with pytest.raises(OperatorNeeded):
        at.channel.read("https://org.crm4.dynamics.com@evil.com/data", subject="CustomersV3")
    assert at.server.calls == []


def test_a_text_that_no_request_can_carry_rejects_its_record() -> None:
    at = line(Answer(204))
    with pytest.raises(RecordRejected) as caught:
        at.channel.write("POST", URL, {"Name": "\ud800"}, subject="x", turn=StartLimit(None, lambda: None))
    assert caught.value.cause == "text_not_sendable"
    assert at.server.calls == []


def test_an_error_text_shows_no_token_that_the_server_repeats() -> None:
    jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2ln"
    text = f"denied for Authorization: Bearer {jwt} and {jwt}"
    with pytest.raises(OperatorNeeded) as caught:
        read(line(ok({"error": {"code": "0x80040220", "message": text}}, 403)))
    assert "eyJ" not in str(caught.value)
    assert "0x80040220" in str(caught.value)
    assert "CustomersV3" in str(caught.value)
    assert redacted("bearer abc.def") == "(secret)"


def test_requests_carry_ids_that_begin_with_that_of_their_run() -> None:
    at = line(ok({"value": []}))
    run = uuid4().hex
    with correlated(run):
        at.channel.gather_reads([lambda: read(at), lambda: read(at)])
    ids = [call.headers["x-ms-client-request-id"] for call in at.server.calls]
    assert len(set(ids)) == 2
    assert {UUID(id).hex[:24] for id in ids} == {run[:24]}


def test_numbers_stay_exact_on_both_ways() -> None:
    at = line(Answer(200, {}, b'{"a":0.1000000000000000055511151231257827,"b":5637144576}'))
    found = at.channel.read(URL, subject="x")
    at.server.reply(Answer(204))
    at.channel.write("PATCH", URL, found, subject="x", turn=StartLimit(None, lambda: None))
    assert at.server.calls[-1].body == b'{"a":0.1000000000000000055511151231257827,"b":5637144576}'


def test_the_hint_of_an_answer_reaches_the_throttle() -> None:
    at = line(ok({}, headers={"x-ms-dop-hint": "4"}), system=System.DATAVERSE, parallel=8)
    read(at)
    assert at.throttle.limit == 4


def test_a_read_begins_only_while_the_invocation_has_time() -> None:
    at = line(ok({"value": []}), ok({"value": []}))
    with reading_until(10):
        read(at)
        at.clock.sleep(11)
        with pytest.raises(NotSent):
            read(at)
    assert at.channel.requests.reads == 1
    read(at)


def test_a_read_is_not_repeated_when_no_time_is_left() -> None:
    at = line(Answer(503), ok({"value": []}))
    with reading_until(0.5), pytest.raises(Transient):
        read(at)
    assert at.channel.requests.reads == 1


NESTED = [
    "[" * 200 + "]" * 200,
    "[" * 100_000,
    '{"value":' + "[" * 5_000 + "]" * 5_000 + "}",
    '{"value":[1e999999999]}',
]


@pytest.mark.parametrize("body", NESTED)
def test_an_answer_that_is_nested_too_deeply_is_trouble_of_the_system(body: str) -> None:
    with pytest.raises(Transient):
        read(line(Answer(200, {"Content-Type": "application/json"}, body.encode())))


@pytest.mark.parametrize("body", NESTED)
@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_refusal_that_is_nested_too_deeply_is_reported_by_its_status(body: str, status: int) -> None:
    answer = Answer(status, {"Content-Type": "application/json"}, body.encode())
    with pytest.raises(SyncError):
        read(line(answer))
    with suppress(SyncError):
        write(line(answer))


@given(st.integers(0, 999), st.binary(max_size=200), st.dictionaries(st.sampled_from(_HEADERS), st.text(max_size=50)))
def test_whatever_a_system_answers_ends_in_an_object_or_in_our_own_error(
    status: int, body: bytes, headers: dict[str, str]
) -> None:
    at = line(Answer(status, headers, body))
    with suppress(SyncError):
        assert isinstance(read(at), dict)
    with suppress(SyncError):
        write(at)


def test_reads_do_not_stand_behind_the_writes_of_other_messages() -> None:
    at, begun, go_on = line(ok({"value": []}), parallel=2), threading.Barrier(3, timeout=PATIENCE_S), threading.Event()

    def write_slowly() -> None:
        begun.wait()
        assert go_on.wait(PATIENCE_S)

    writes = threading.Thread(target=at.channel.gather_writes, args=([write_slowly] * 2 + [lambda: None],))
    writes.start()
    begun.wait()
    assert at.channel.gather_reads([lambda: read(at), lambda: read(at)]) == [{"value": []}] * 2
    go_on.set()
    writes.join(PATIENCE_S)


def test_a_task_that_writes_may_gather_reads() -> None:
    at = line(ok({"value": []}), parallel=1)

    def write_after_reads() -> int:
        return len(at.channel.gather_reads([lambda: read(at), lambda: read(at)]))

    assert at.channel.gather_writes([write_after_reads] * 3) == [2, 2, 2]


def test_a_closed_channel_runs_nothing_more() -> None:
    at = line(ok({"value": []}), parallel=2)
    at.channel.close()
    with pytest.raises(RuntimeError, match="after shutdown"):
        at.channel.gather_reads([lambda: read(at), lambda: read(at)])
    assert at.server.calls == []
