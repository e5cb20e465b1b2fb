"""How much metadata the answers of the F&O simulator carry: odata.metadata=full, minimal and none."""

from collections.abc import Iterator

import pytest

from tests.support.patience import PATIENCE_S
from tests.unit.local.finops_documents import HEADER, HEADERS, LINE, LINES, furnish, header_url, made, person_url
from tests.unit.local.finops_documents import PERSON as ANA
from tests.unit.local.finops_environment import Caller, customer_url, environment

FULL = {"Accept": "application/json;odata.metadata=full"}
NONE = {"Accept": "application/json; odata.streaming=true; odata.metadata=none"}
TYPES = "#Microsoft.Dynamics.DataEntities"


@pytest.fixture(scope="module")
def finops() -> Iterator[Caller]:
    """A customer with a contact and a quotation of one line. These tests only read."""
    with environment() as caller:
        furnish(caller)
        made(caller, "CDSContactPersonsV2", ANA)
        made(caller, HEADERS, HEADER)
        made(caller, LINES, LINE)
        yield caller


def test_full_metadata_says_what_a_record_is_and_where(finops: Caller) -> None:
    answer = finops.get(customer_url(), headers=FULL)
    record = answer.json()
    assert answer.headers["Content-Type"] == "application/json; odata.metadata=full"
    assert record["@odata.type"] == f"{TYPES}.CustomerV3"
    url = f"{finops.base_url}/data/CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')"
    assert record["@odata.id"] == record["@odata.editLink"] == url
    assert list(record)[:5] == ["@odata.context", "@odata.type", "@odata.id", "@odata.etag", "@odata.editLink"]


def test_the_address_of_a_record_leads_to_it(finops: Caller) -> None:
    record = finops.get(person_url(), headers=FULL).json()
    again = finops.session.get(record["@odata.id"], headers=FULL, timeout=PATIENCE_S).json()
    assert again == record


def test_full_metadata_types_what_json_does_not(finops: Caller) -> None:
    (row,) = finops.get("CustomersV3", headers=FULL).json()["value"]
    types = {name.removesuffix("@odata.type"): kind for name, kind in row.items() if name.endswith("@odata.type")}
    assert (types["CreditLimit"], types["OnHoldStatus"]) == ("#Decimal", f"{TYPES}.CustVendorBlocked")
    assert (types["CredManCustomerSince"], types["PrimaryContactFaxRecordId"]) == ("#DateTimeOffset", "#Int64")
    # Text needs no type, and null has none.
    assert not {"CustomerAccount", "AddressTimeZone"} & types.keys()
    names = list(row)
    assert all(
        names[at + 1] == name.split("@")[0] for at, name in enumerate(names) if name.endswith("@odata.type") and at
    )


def test_full_metadata_links_to_the_navigations_of_the_metadata_document(finops: Caller) -> None:
    record = finops.get(header_url(), headers=FULL).json()
    links = {name.split("@")[0] for name in record if name.endswith("@odata.navigationLink")}
    assert links == {"CDSSalesQuotationLines", "CDSSalesOrderHeader"}
    assert record["CDSSalesOrderHeader@odata.navigationLink"] == f"{record['@odata.id']}/CDSSalesOrderHeader"
    assert record["CDSSalesOrderHeader@odata.associationLink"] == f"{record['@odata.id']}/CDSSalesOrderHeader/$ref"


def test_a_selection_with_full_metadata_keeps_what_addresses_the_record(finops: Caller) -> None:
    params = {"$select": "SalesQuotationName", "$expand": "CDSSalesQuotationLines($select=LineAmount)"}
    (row,) = finops.get(HEADERS, params, headers=FULL).json()["value"]
    about = {"@odata.type", "@odata.id", "@odata.etag", "@odata.editLink"}
    way = "CDSSalesQuotationLines"
    links = {f"{way}@odata.associationLink", f"{way}@odata.navigationLink"}
    assert set(row) == about | links | {"SalesQuotationName", way}
    assert set(row[way][0]) == about | {"LineAmount@odata.type", "LineAmount"}


def test_a_create_is_answered_in_full_too(finops: Caller) -> None:
    answer = finops.post("CustomerGroups", {"CustomerGroupId": "99", "Description": "New"}, headers=FULL)
    assert answer.json()["@odata.id"] == answer.headers["Location"]


def test_the_format_option_wins_over_the_accept_header(finops: Caller) -> None:
    answer = finops.get("Currencies", {"$format": "application/json;odata.metadata=full"}, headers=NONE)
    assert "@odata.id" in answer.json()["value"][0]


def test_without_metadata_a_list_still_says_how_long_it_is_and_where_it_continues(finops: Caller) -> None:
    answer = finops.get("Currencies", {"$count": "true"}, headers={**NONE, "Prefer": "odata.maxpagesize=1"})
    assert answer.headers["Content-Type"] == "application/json; odata.metadata=none"
    assert set(answer.json()) == {"@odata.count", "@odata.nextLink", "value"}
    assert not [name for name in answer.json()["value"][0] if "@" in name]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/json;odata.metadata=minimal", "text/html"])
def test_who_asks_for_nothing_more_gets_the_tag_alone(finops: Caller, accept: str) -> None:
    answer = finops.get(customer_url(), headers={"Accept": accept})
    assert answer.headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert [name for name in answer.json() if "@" in name] == ["@odata.context", "@odata.etag"]
