"""Batches: what is sent, and how the answers find their requests."""

from shared.clients.http.exchange import Answer
from shared.clients.http.multipart import BatchPart, compose, compose_change_set, read_answers, read_parts

HEAD = "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"


def part(status: int, number: int | None, body: str = "") -> str:
    """One answer of a batch."""
    content_id = f"Content-ID: {number}\r\n" if number is not None else ""
    return f"{HEAD}{content_id}\r\nHTTP/1.1 {status} X\r\nOData-Version: 4.0\r\n\r\n{body}\r\n"


def answer(*parts: str) -> Answer:
    return Answer(200, {"Content-Type": "multipart/mixed; boundary=b"}, ("".join(parts) + "--b--\r\n").encode())


def statuses(found: list[Answer | None]) -> list[int | None]:
    return [None if one is None else one.status for one in found]


def test_a_batch_has_a_content_id_and_the_headers_of_each_request() -> None:
    parts = [
        BatchPart("POST", "https://x/a", b'{"n":"\xc3\xa9"}'),
        BatchPart("DELETE", "https://x/a(1)", b"", {"If-Match": "*"}),
    ]
    assert compose(parts, "b").split(b"\r\n") == [
        b"--b",
        b"Content-Type: application/http",
        b"Content-Transfer-Encoding: binary",
        b"Content-ID: 1",
        b"",
        b"POST https://x/a HTTP/1.1",
        b"Content-Type: application/json",
        b"",
        b'{"n":"\xc3\xa9"}',
        b"--b",
        b"Content-Type: application/http",
        b"Content-Transfer-Encoding: binary",
        b"Content-ID: 2",
        b"",
        b"DELETE https://x/a(1) HTTP/1.1",
        b"If-Match: *",
        b"",
        b"",
        b"--b--",
        b"",
    ]


def test_a_change_set_is_a_batch_within_the_only_part_of_a_batch() -> None:
    parts = [BatchPart("POST", "https://x/a", b"{}"), BatchPart("DELETE", "https://x/a(1)")]
    head = b'--b\r\nContent-Type: multipart/mixed; boundary="changeset_b"\r\n\r\n'
    assert compose_change_set(parts, "b") == head + compose(parts, "changeset_b") + b"--b--\r\n"


def test_the_answers_of_a_batch_are_there_whatever_numbers_they_carry() -> None:
    found = read_parts(answer(part(204, 7), part(201, 7), part(400, None)))
    assert [one.status for one in found] == [204, 201, 400]


def test_answers_are_matched_by_content_id_whatever_their_order() -> None:
    assert statuses(read_answers(answer(part(404, 2), part(204, 1)), 2)) == [204, 404]


def test_answers_without_content_id_count_by_position() -> None:
    assert statuses(read_answers(answer(part(204, None), part(412, None)), 2)) == [204, 412]


def test_a_content_id_may_stand_among_the_headers_of_the_answer_itself() -> None:
    inner = [
        part(status, None).replace("OData-Version", f"Content-ID: {n}\r\nOData-Version")
        for status, n in [(404, 2), (204, 1)]
    ]
    assert statuses(read_answers(answer(*inner), 2)) == [204, 404]


def test_an_answer_that_is_not_there_is_none() -> None:
    assert statuses(read_answers(answer(part(204, 1), part(204, 3)), 3)) == [204, None, 204]


def test_an_answer_with_a_number_of_nobody_is_ignored() -> None:
    assert statuses(read_answers(answer(part(204, 7)), 2)) == [None, None]


def test_the_parts_of_a_change_set_lie_deeper() -> None:
    inner = part(204, 1).replace("--b\r\n", "--c\r\n")
    nested = f"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n{inner}--c--\r\n"
    assert statuses(read_answers(answer(nested, part(400, 2)), 2)) == [204, 400]


def test_a_body_keeps_its_bytes() -> None:
    (found,) = read_answers(answer(part(400, 1, '{"error":{"message":"Größe ü"}}')), 1)
    assert found is not None
    assert found.body.decode() == '{"error":{"message":"Größe ü"}}'


def test_a_page_of_html_has_no_answers() -> None:
    html = Answer(200, {"Content-Type": "multipart/mixed; boundary=b"}, b"<html></html>")
    assert read_answers(html, 2) == [None, None]


def test_parts_within_parts_without_end_and_numbers_without_end_are_no_answers() -> None:
    nested = "".join(f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(1_100))
    answer = Answer(200, {"Content-Type": "multipart/mixed; boundary=b0"}, nested.encode())
    assert read_answers(answer, 2) == [None, None]
    number = "9" * 5_000
    part = f"--b0\r\nContent-Type: application/http\r\nContent-ID: {number}\r\n\r\nHTTP/1.1 204 x\r\n\r\n\r\n--b0--"
    answer = Answer(200, {"Content-Type": "multipart/mixed; boundary=b0"}, part.encode())
    assert [each.status for each in read_answers(answer, 1) if each is not None] == [204]
