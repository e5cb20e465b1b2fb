"""How batches are read and written, whatever the service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.simulator.messages import Reply, Request, headers_of
from local.simulator.multipart import Answer, BatchMalformed, ChangeSet, batch_reply, parts_of, read_batch
from tests.unit.local.batch_bodies import CONTENT_TYPE, Op, body_of

BODY = body_of(Op("POST", "/a", {"b": 1}, "1"), [Op("PATCH", "/c?d=e", {}, "2")])


def request(body: bytes, content_type: str = CONTENT_TYPE) -> Request:
    headers = headers_of({"Content-Type": content_type, "Authorization": "Bearer outer", "Prefer": "outer"})
    return Request("POST", "/$batch", "", headers, body, "http://host")


def test_members_are_read_in_order_with_what_they_hold() -> None:
    members = read_batch(request(BODY))
    single, changed = parts_of(members)
    assert [type(member) is ChangeSet for member in members] == [False, True]
    assert (single.request.method, single.request.body, single.content_id) == ("POST", b'{"b": 1}', "1")
    assert (changed.request.raw_path, changed.request.query, changed.content_id) == ("/c", "d=e", "2")


def test_only_inherited_headers_reach_a_part_and_its_own_come_first() -> None:
    body = body_of(Op("GET", "/a"), Op("GET", "/a", headers={"authorization": "Bearer inner"}))
    first, second = parts_of(read_batch(request(body), inherited=["Authorization", "Absent"]))
    assert [part.request.header("Authorization") for part in (first, second)] == ["Bearer outer", "Bearer inner"]
    assert first.request.header("Prefer") is None


def test_what_stands_before_and_behind_the_boundaries_is_ignored() -> None:
    assert len(read_batch(request(b"before\r\n" + BODY + b"behind"))) == 2


@pytest.mark.parametrize("mark", [b"", b"\n", b"\r\n", b"preamble\n"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_batch_is_read_whatever_ends_its_lines_and_stands_before_its_first_boundary(end: bytes, mark: bytes) -> None:
    single, changed = parts_of(read_batch(request(mark + BODY.replace(b"\r\n", end))))
    assert (single.request.method, single.request.raw_path, single.request.body) == ("POST", "/a", b'{"b": 1}')
    assert single.request.header("Content-Type") == "application/json"
    assert (changed.request.query, changed.content_id, changed.request.body) == ("d=e", "2", b"{}")


@pytest.mark.parametrize("content_type", ["multipart/mixed; boundary=batch_1", CONTENT_TYPE])
def test_the_boundary_may_be_quoted(content_type: str) -> None:
    assert len(read_batch(request(BODY, content_type))) == 2


def test_blank_lines_before_and_in_place_of_a_body_are_no_part_of_it() -> None:
    head = b"--batch_1\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\n"
    posted = head + b'POST /a HTTP/1.1\nContent-Type: application/json; type=entry\n\n\n{"b": 1}\n'
    deleted = head + b"DELETE /a(1) HTTP/1.1\nContent-Type: application/json\n\n\n\n"
    bare = head + b"GET /a HTTP/1.1\n\n"
    parts = parts_of(read_batch(request(posted + deleted + bare + b"\n--batch_1--\n\n")))
    assert [part.request.method for part in parts] == ["POST", "DELETE", "GET"]
    assert [part.request.body.rstrip() for part in parts] == [b'{"b": 1}', b"", b""]
    assert [len(part.request.headers) for part in parts] == [1, 1, 0]


@given(st.integers(0, len(BODY)), st.integers(0, 40), st.binary(max_size=20))
def test_a_damaged_body_is_read_or_refused(start: int, length: int, junk: bytes) -> None:
    try:
        members = read_batch(request(BODY[:start] + junk + BODY[start + length :]))
    except BatchMalformed:
        return
    assert len(parts_of(members)) <= 3


@given(st.text(max_size=30))
def test_any_content_type_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(BatchMalformed):
        read_batch(request(BODY, content_type))


def test_answers_keep_their_bytes() -> None:
    content = bytes(range(256))
    reply = batch_reply(200, [Answer(Reply(200, {"Content-Type": "text/plain"}, content), "1")])
    assert b"\r\nContent-Type: text/plain\r\n\r\n" + content + b"\r\n--batchresponse_" in reply.body
