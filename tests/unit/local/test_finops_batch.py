"""$batch of the F&O simulator."""

from collections.abc import Iterator, Sequence

import pytest
import requests

from tests.unit.local.batch_bodies import CONTENT_TYPE, Answered, Op, answers_in, body_of
from tests.unit.local.finops_environment import CUSTOMER, Caller, customer_url, detail, environment


@pytest.fixture
def finops() -> Iterator[Caller]:
    with environment() as caller:
        yield caller


def send(finops: Caller, body: bytes) -> requests.Response:
    return finops.send("POST", "/data/$batch", data=body, headers={"Content-Type": CONTENT_TYPE})


def answers(finops: Caller, *members: Op | Sequence[Op]) -> list[Answered]:
    reply = send(finops, body_of(*members))
    assert reply.status_code == 200
    return answers_in(reply)


def customer(account: str, content_id: str | None = None, **values: object) -> Op:
    return Op("POST", "/data/CustomersV3", {**CUSTOMER, "CustomerAccount": account, **values}, content_id)


def accounts(finops: Caller) -> list[str]:
    return [row["CustomerAccount"] for row in finops.rows("CustomersV3", {"$select": "CustomerAccount"})]


BAD = customer("US-999", CustomerGroupId="none")


def test_a_batch_answers_every_operation_in_order(finops: Caller) -> None:
    read = Op("GET", f"/data/{customer_url()}?$select=CustomerAccount")
    first, second, third = answers(finops, customer("US-001"), read, customer("US-002"))
    assert (first.status, second.status, third.status) == (201, 200, 201)
    assert first.json()["CustomerAccount"] == second.json()["CustomerAccount"] == "US-001"


def test_addresses_are_absolute_or_start_at_the_host_or_below_data(finops: Caller) -> None:
    addresses = [f"{finops.base_url}/data/CustomersV3", "/data/CustomersV3", "CustomersV3"]
    assert [each.status for each in answers(finops, *(Op("GET", each) for each in addresses))] == [200] * 3


def test_operations_outside_of_change_sets_are_independent(finops: Caller) -> None:
    assert [each.status for each in answers(finops, customer("US-001"), BAD, customer("US-002"))] == [201, 400, 201]
    assert accounts(finops) == ["US-001", "US-002"]


def test_a_change_set_happens_as_a_whole(finops: Caller) -> None:
    change = Op("PATCH", f"/data/{customer_url()}?cross-company=true", {"OrganizationName": "Renamed"}, "2")
    found = answers(finops, [customer("US-001", "1"), change])
    assert [(each.status, each.content_id) for each in found] == [(201, "1"), (204, "2")]
    assert {each.boundary.partition("_")[0] for each in found} == {"changesetresponse"}
    assert finops.get(customer_url()).json()["OrganizationName"] == "Renamed"


def test_a_change_set_that_fails_leaves_nothing_and_names_its_first_operation(finops: Caller) -> None:
    failing = [customer("US-001", "1"), customer("US-002", "2", CustomerGroupId="none"), customer("US-003", "3")]
    found = answers(finops, failing, customer("US-004"))
    assert [(each.status, each.content_id) for each in found] == [(400, "1"), (201, None)]
    assert "innererror" in found[0].json()["error"]
    assert accounts(finops) == ["US-004"]


def test_change_sets_are_independent(finops: Caller) -> None:
    found = answers(finops, [customer("US-001", "1")], [customer("US-002", "1"), BAD], [customer("US-003", "1")])
    assert [each.status for each in found] == [201, 400, 201]
    assert accounts(finops) == ["US-001", "US-003"]


def test_a_batch_answers_200_even_when_everything_failed(finops: Caller) -> None:
    assert [each.status for each in answers(finops, BAD, [BAD])] == [400, 400]


def test_a_batch_takes_5000_operations_and_no_more(finops: Caller) -> None:
    unknown = Op("GET", "Nothing")
    assert len(answers(finops, *[unknown] * 5000)) == 5000
    reply = send(finops, body_of(*[unknown] * 5001))
    assert (reply.status_code, "5000" in detail(reply)) == (400, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        body_of(customer("US-001"), Op("POST", "$batch", {})),
        body_of(customer("US-001"), [Op("GET", "CustomersV3")]),
        body_of([customer("US-001", "1"), customer("US-002", "1")]),
        body_of(customer("US-001"), Op("GET", "https://elsewhere.example/data/CustomersV3")),
    ],
)
def test_what_is_no_batch_is_refused_as_json_and_writes_nothing(finops: Caller, body: bytes) -> None:
    reply = send(finops, body)
    assert (reply.status_code, bool(detail(reply))) == (400, True)
    assert accounts(finops) == []


def test_a_batch_is_posted(finops: Caller) -> None:
    assert finops.get("$batch").status_code == 404
