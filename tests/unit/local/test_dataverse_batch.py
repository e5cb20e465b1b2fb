"""$batch of the simulated Dataverse."""

from collections.abc import Iterator, Sequence

import pytest
import requests

from tests.support.patience import PATIENCE_S
from tests.unit.local.batch_bodies import CONTENT_TYPE, Answered, Op, answers_in, body_of
from tests.unit.local.dataverse_world import World, code, dataverse

API = "/api/data/v9.2"
MISSING = "11111111-1111-1111-1111-111111111111"
GO_ON = "odata.continue-on-error"


@pytest.fixture
def world() -> Iterator[World]:
    with dataverse() as running:
        yield running


def send(world: World, body: bytes, **headers: str) -> requests.Response:
    given = {"Content-Type": CONTENT_TYPE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return world.session.post(f"{world.api}/$batch", data=body, headers=given, timeout=PATIENCE_S)


def answers(world: World, *members: Op | Sequence[Op], **headers: str) -> list[Answered]:
    return answers_in(send(world, body_of(*members), **headers))


def account(name: str, content_id: str | None = None) -> Op:
    return Op("POST", f"{API}/accounts", {"name": name}, content_id)


def names(world: World, table: str = "accounts") -> list[str]:
    return sorted(row["name"] for row in world.rows(f"{table}?$select=name"))


BAD = Op("POST", f"{API}/accounts", {"name": "x" * 161})


def test_every_request_is_answered_in_order(world: World) -> None:
    reply = send(world, body_of(account("A"), Op("GET", f"{API}/accounts?$select=name"), account("B")))
    first, second, third = answers_in(reply)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert (first.status, second.status, third.status) == (204, 200, 204)
    assert first.headers["OData-EntityId"].startswith(f"{world.api}/accounts(")
    assert [row["name"] for row in second.json()["value"]] == ["A"]


def test_addresses_are_absolute_or_start_at_the_host(world: World) -> None:
    absolute = Op("GET", f"{world.api}/accounts/$count")
    found = answers(world, absolute, Op("GET", f"{API}/accounts/$count"), Op("GET", "accounts/$count"), Prefer=GO_ON)
    assert [each.status for each in found] == [200, 200, 404]


def test_headers_of_a_part_hold_for_it_alone(world: World) -> None:
    prefer = {"Prefer": "return=representation"}
    with_row = Op("POST", f"{API}/accounts?$select=name", {"name": "A"}, headers=prefer)
    first, second = answers(world, with_row, account("B"))
    assert (first.status, second.status) == (201, 204)
    assert first.json()["name"] == "A"


def test_a_batch_acts_for_the_user_that_it_names(world: World) -> None:
    refused = answers_in(send(world, body_of(account("A")), MSCRMCallerID=MISSING))[0]
    assert (refused.status, refused.json()["error"]["code"]) == (403, "0x8004a110")


def test_the_first_failure_ends_a_batch_and_what_was_before_stays(world: World) -> None:
    reply = send(world, body_of(account("A"), BAD, account("B")))
    first, second = answers_in(reply)
    assert (reply.status_code, first.status, second.status) == (400, 204, 400)
    assert second.json()["error"]["code"] == "0x80044331"
    assert names(world) == ["A"]


def test_a_batch_goes_on_where_the_caller_prefers_it(world: World) -> None:
    reply = send(world, body_of(account("A"), BAD, account("B")), Prefer=GO_ON)
    assert (reply.status_code, [each.status for each in answers_in(reply)]) == (200, [204, 400, 204])
    assert names(world) == ["A", "B"]


def test_the_answers_of_a_change_set_stand_together_and_repeat_the_content_ids(world: World) -> None:
    found = answers(world, [account("A", "one"), account("B", "two")], account("C"))
    assert [each.content_id for each in found] == ["one", "two", None]
    assert [each.boundary.partition("_")[0] for each in found] == ["changesetresponse"] * 2 + ["batchresponse"]


def test_a_change_set_that_fails_leaves_nothing_and_has_one_answer(world: World) -> None:
    reply = send(world, body_of([account("A"), BAD, account("B")], account("C")), Prefer=GO_ON)
    failed, after = answers_in(reply)
    assert (failed.status, failed.boundary.partition("_")[0], after.status) == (400, "batchresponse", 204)
    assert names(world) == ["C"]


def test_a_failed_change_set_undoes_no_other(world: World) -> None:
    reply = send(world, body_of([account("A")], [account("B"), BAD], [account("C")]))
    assert (reply.status_code, [each.status for each in answers_in(reply)]) == (400, [204, 400])
    assert names(world) == ["A"]


def test_a_content_id_stands_for_the_row_in_binds_addresses_and_references(world: World) -> None:
    found = answers(
        world,
        [
            account("Parent", "1"),
            Op("POST", f"{API}/contacts", {"lastname": "L", "parentcustomerid_account@odata.bind": "$1"}, "2"),
            Op("PUT", "$1/primarycontactid/$ref", {"@odata.id": "$2"}, "3"),
            Op("PATCH", "$1", {"websiteurl": "$1"}, "4"),
            Op("PUT", "$2/firstname", {"value": "F"}, "5"),
        ],
    )
    assert [each.status for each in found] == [204] * 5
    row = world.rows("accounts?$select=name,websiteurl,_primarycontactid_value")[0]
    person = world.rows("contacts?$select=fullname,_parentcustomerid_value")[0]
    assert row["_primarycontactid_value"] == person["contactid"]
    assert person["_parentcustomerid_value"] == row["accountid"]
    assert (row["websiteurl"], person["fullname"]) == ("$1", "F L")


@pytest.mark.parametrize(
    "members",
    [
        [[Op("PATCH", "$1", {"name": "B"}), account("A", "1")]],
        [[Op("POST", f"{API}/contacts", {"parentcustomerid_account@odata.bind": "$1"}, "2"), account("A", "1")]],
        [[account("A", "1")], [Op("PATCH", "$1", {"name": "B"})]],
        [account("A", "1"), Op("PATCH", "$1", {"name": "B"})],
        [Op("POST", f"{API}/contacts", {"parentcustomerid_account@odata.bind": "$1"}, "1")],
    ],
)
def test_a_reference_only_reaches_back_within_its_change_set(world: World, members: list[Op | list[Op]]) -> None:
    last = answers(world, *members)[-1]
    assert last.status == 400
    assert last.json()["error"]["message"] == "Content-ID Reference: '$1' does not exist in the batch context."


def test_a_version_check_works_within_a_change_set(world: World) -> None:
    row = world.create("accounts", name="A")
    stale = Op("PATCH", f"{API}/accounts({row})", {"name": "B"}, headers={"If-Match": 'W/"1"'})
    assert [each.status for each in answers(world, [account("C"), stale])] == [412]
    assert names(world) == ["A"]


def test_addresses_in_a_batch_may_be_longer(world: World) -> None:
    def long(length: int) -> Op:
        address = f"{world.api}/accounts?$filter=name eq '".replace(" ", "%20")
        return Op("GET", address + "x" * (length - len(address) - 1) + "'")

    assert [each.status for each in answers(world, long(65_536), long(65_537))] == [200, 414]
    assert world.get(long(32_769).address).status_code == 414


def test_a_batch_takes_1000_requests_and_no_more(world: World) -> None:
    read = Op("GET", f"{API}/accounts/$count")
    assert len(answers(world, *[read] * 1000)) == 1000
    assert code(send(world, body_of(*[read] * 1001))) == (400, "0x80060888")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        body_of(account("A")).removesuffix(b"--\r\n"),
        body_of(account("A")).replace(b"Content-Transfer-Encoding: binary\r\n", b""),
        body_of(account("A")).replace(b"application/http", b"text/plain"),
        body_of(account("A")).replace(b" HTTP/1.1", b""),
        body_of(account("A")).replace(b"Content-Type: application/json", b"Content-Type"),
        body_of(account("A"), Op("POST", f"{API}/$batch", {})),
        body_of(account("A"), Op("POST", f"{API}/%24batch/", {})),
        body_of(account("A"), [Op("GET", f"{API}/accounts")]),
        body_of([account("A", "1")]).replace(b"Content-ID: 1\r\n", b""),
        b"--batch_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        b"GET /api/data/v9.2/accounts/$count HTTP/1.1\r\nAccept: application/json\r\n--batch_1--",
        body_of(account("A", "1"), [account("B", "1")]),
        body_of(account("A"), Op("GET", "http://elsewhere.example/api/data/v9.2/accounts")),
        b"--batch_1\r\n" + body_of([account("A")]).replace(b"application/http", b'multipart/mixed; boundary="x"'),
    ],
)
def test_what_is_no_batch_is_refused_as_json_and_writes_nothing(world: World, body: bytes) -> None:
    reply = send(world, body)
    assert code(reply) == (400, "0x80060888")
    assert names(world) == []


@pytest.mark.parametrize("content_type", ["application/json", "multipart/mixed", "multipart/form-data; boundary=b"])
def test_a_batch_needs_its_content_type(world: World, content_type: str) -> None:
    assert code(send(world, body_of(account("A")), Content_Type=content_type)) == (400, "0x80060888")


def test_a_batch_is_posted(world: World) -> None:
    assert world.get("$batch").status_code == 405


def reading(line_ends: bytes) -> bytes:
    """A batch of one read, with these line ends behind its last header."""
    head = b"--batch_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    line = f"GET {API}/accounts/$count HTTP/1.1\r\nAccept: application/json".encode()
    return head + line + line_ends + b"--batch_1--"


@pytest.mark.parametrize("line_ends", [b"\r\n\r\n", b"\r\n\r\n\r\n", b"\n\n"])
def test_the_blank_line_of_a_request_without_a_body_may_end_at_its_boundary(world: World, line_ends: bytes) -> None:
    assert [each.status for each in answers_in(send(world, reading(line_ends)))] == [200]


def test_boundaries_may_begin_alike(world: World) -> None:
    body = body_of([account("A")], account("B")).replace(b"changeset_0", b"batch_10")
    assert [each.status for each in answers_in(send(world, body))] == [204, 204]
