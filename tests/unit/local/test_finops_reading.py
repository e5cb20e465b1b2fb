"""Promises of the F&O simulator for reads."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.finops.settings import Settings
from tests.support.patience import PATIENCE_S
from tests.unit.local.finops_environment import CUSTOMER, Caller, customer_url, detail, environment, text

ENUM = "Microsoft.Dynamics.DataEntities."


@pytest.fixture
def finops() -> Iterator[Caller]:
    with environment() as caller:
        yield caller


@pytest.fixture
def small_pages() -> Iterator[Caller]:
    with environment(Settings(page_size=3)) as caller:
        for number in range(8):
            caller.customer(CustomerAccount=f"C{number}")
        yield caller


@pytest.fixture
def two_companies(finops: Caller) -> Caller:
    finops.customer(CustomerAccount="A", dataAreaId="usmf")
    finops.customer(CustomerAccount="A", dataAreaId="usrt")
    return finops


def filtered(finops: Caller, expression: str) -> set[str]:
    rows = finops.rows("CustomersV3", {"$filter": expression, "$select": "CustomerAccount"})
    return {row["CustomerAccount"] for row in rows}


def test_a_list_shows_the_default_company_only(two_companies: Caller) -> None:
    assert [row["dataAreaId"] for row in two_companies.rows("CustomersV3")] == ["usmf"]


def test_cross_company_shows_every_company(two_companies: Caller) -> None:
    rows = two_companies.rows("CustomersV3", {"cross-company": "true"})
    assert [row["dataAreaId"] for row in rows] == ["usmf", "usrt"]


def test_a_filter_on_another_company_without_cross_company_gives_an_empty_list(two_companies: Caller) -> None:
    assert two_companies.rows("CustomersV3", {"$filter": "dataAreaId eq 'usrt'"}) == []


def test_a_filter_on_another_company_with_cross_company_finds_it(two_companies: Caller) -> None:
    rows = two_companies.rows("CustomersV3", {"$filter": "dataAreaId eq 'USRT'", "cross-company": "true"})
    assert [row["dataAreaId"] for row in rows] == ["usrt"]


def test_a_key_in_another_company_needs_cross_company(two_companies: Caller) -> None:
    url = customer_url("A", "usrt")
    assert two_companies.get(url).status_code == 404
    assert two_companies.get(url, {"cross-company": "true"}).json()["dataAreaId"] == "usrt"


def test_shared_collections_need_no_company(finops: Caller) -> None:
    assert finops.get("UnitsOfMeasure('ea')").json()["UnitSymbol"] == "ea"
    assert finops.get("Currencies(CurrencyCode='ISK')").json()["Name"] == "Iceland Krona"


def test_a_key_takes_its_parts_in_any_order_and_any_case(finops: Caller) -> None:
    finops.customer()
    answer = finops.get("CustomersV3(CustomerAccount='us-001',dataAreaId='USMF')")
    assert answer.json()["CustomerAccount"] == "US-001"


@pytest.mark.parametrize(
    "key",
    [
        "(CustomerAccount='US-001')",
        "('US-001')",
        "(dataAreaId='usmf',CustomerAccount=1)",
        "(dataAreaId='usmf',CustomerAccount='US-001',PartyNumber='1')",
        "(dataAreaId='usmf',dataAreaId='usmf')",
        "()",
        "(dataAreaId='usmf',CustomerAccount='US'001')",
    ],
)
def test_a_key_that_is_not_the_whole_key_is_400(finops: Caller, key: str) -> None:
    finops.customer()
    assert finops.get(f"CustomersV3{key}").status_code == 400


def test_an_unknown_key_is_404_without_an_error_body(finops: Caller) -> None:
    answer = finops.get(customer_url("NOBODY"))
    assert (answer.status_code, answer.content) == (404, b"")


def test_an_unknown_collection_is_404_in_a_shape_of_its_own(finops: Caller) -> None:
    answer = finops.get("CustomersV9")
    assert answer.status_code == 404
    assert answer.json() == {
        "Message": f"No HTTP resource was found that matches the request URI '{answer.url}'. "
        "No route data was found for this request."
    }


@pytest.mark.parametrize("trouble", list("/\\?#%+:"))
def test_characters_that_web_servers_refuse_in_a_path_are_refused_in_a_key(finops: Caller, trouble: str) -> None:
    finops.customer(CustomerAccount=f"A{trouble}B")
    assert finops.get(customer_url(f"A{trouble}B")).status_code == 400
    assert filtered(finops, f"CustomerAccount eq 'A{trouble}B'") == {f"A{trouble}B"}


def test_select_gives_these_properties_and_the_tag(finops: Caller) -> None:
    finops.customer()
    answer = finops.get("CustomersV3", {"$select": "CustomerAccount,CreditLimit"}).json()
    assert answer["@odata.context"].endswith("/data/$metadata#CustomersV3(CustomerAccount,CreditLimit)")
    assert [set(row) for row in answer["value"]] == [{"@odata.etag", "CustomerAccount", "CreditLimit"}]


def test_count_counts_all_matches_whatever_top_says(finops: Caller) -> None:
    answer = finops.get("CustomerGroups", {"$count": "true", "$top": "1"}).json()
    assert answer["@odata.count"] == 5
    assert len(answer["value"]) == 1


def test_a_bare_count_follows_company_and_filter(two_companies: Caller) -> None:
    assert two_companies.get("CustomersV3/$count").text == "1"
    assert two_companies.get("CustomersV3/$count", {"cross-company": "true"}).text == "2"
    assert two_companies.get("CustomersV3/$count", {"$filter": "CustomerAccount eq 'B'"}).text == "0"


def test_orderby_skip_and_top_cut_the_ordered_list(small_pages: Caller) -> None:
    rows = small_pages.rows("CustomersV3", {"$orderby": "CustomerAccount desc", "$skip": "1", "$top": "2"})
    assert [row["CustomerAccount"] for row in rows] == ["C6", "C5"]


def test_next_links_lead_through_every_row_once(small_pages: Caller) -> None:
    answer = small_pages.get("CustomersV3", {"$select": "CustomerAccount", "$top": "7", "cross-company": "true"}).json()
    found = [row["CustomerAccount"] for row in answer["value"]]
    pages = 1
    while link := answer.get("@odata.nextLink"):
        answer = small_pages.session.get(link, timeout=PATIENCE_S).json()
        found += [row["CustomerAccount"] for row in answer["value"]]
        pages += 1
    assert (found, pages) == ([f"C{number}" for number in range(7)], 3)


def test_a_page_that_takes_the_last_row_has_no_next_link(small_pages: Caller) -> None:
    answer = small_pages.get("CustomersV3", {"$skip": "5"}).json()
    assert (len(answer["value"]), "@odata.nextLink" in answer) == (3, False)


def test_a_client_may_ask_for_smaller_pages(small_pages: Caller) -> None:
    answer = small_pages.get("CustomersV3", headers={"Prefer": "odata.maxpagesize=2"})
    assert len(answer.json()["value"]) == 2
    assert answer.headers["Preference-Applied"] == "odata.maxpagesize=2"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("OrganizationName eq 'fabrikam'", {"F"}),
        ("OrganizationName eq 'FABRIKAM   '", {"F"}),
        ("OrganizationName eq '*RIKA*'", {"F"}),
        ("OrganizationName eq 'n*'", {"N"}),
        ("OrganizationName ne '*rika*'", {"N"}),
        ("CustomerAccount gt 'f'", {"N"}),
        ("CustomerAccount le 'f'", {"F"}),
        ("CreditLimit gt 99.99", {"F"}),
        ("CreditLimit eq 1000.50", {"F"}),
        ("CreditLimit add 1 eq 1001.5 or CreditLimit mul 2 ge 5000", {"F"}),
        ("CreditLimit sub 0.5 div 2 eq 1000.25", {"F"}),
        (f"IsExternallyMaintained eq {ENUM}NoYes'Yes'", {"F"}),
        (f"IsExternallyMaintained ne {ENUM}NoYes'Yes'", {"N"}),
        (f"AllowOnAccount eq {ENUM}NoYes'No'", {"F", "N"}),
        ("AddressTimeZone eq null", {"F", "N"}),
        ("CredManCustomerSince ge 2026-07-14T00:00:00Z", {"F"}),
        ("CredManCustomerSince eq 2026-07-14T14:00:00+02:00", {"F"}),
        ("PrimaryContactFaxRecordId eq 0", {"F", "N"}),
        ("not (CustomerAccount eq 'F')", {"N"}),
        ("(CustomerAccount eq 'F' or CustomerAccount eq 'N') and CreditLimit lt 1", {"N"}),
        ("CustomerAccount eq 'O''Neil'", set()),
    ],
)
def test_a_filter_finds_what_it_says(finops: Caller, expression: str, expected: set[str]) -> None:
    values: dict[str, Any] = {"CreditLimit": 1000.5, "IsExternallyMaintained": "Yes"}
    finops.customer(
        CustomerAccount="F", OrganizationName="Fabrikam", CredManCustomerSince="2026-07-14T12:00:00Z", **values
    )
    finops.customer(CustomerAccount="N", OrganizationName="Northwind")
    assert filtered(finops, expression) == expected


@pytest.mark.parametrize(
    "expression",
    [
        "contains(OrganizationName,'a')",
        "startswith(OrganizationName,'a')",
        "endswith(OrganizationName,'a')",
        "CustomerAccount in ('A','B')",
        "tolower(CustomerAccount) eq 'a'",
        f"IsExternallyMaintained has {ENUM}NoYes'Yes'",
        f"IsExternallyMaintained gt {ENUM}NoYes'No'",
        f"IsExternallyMaintained eq {ENUM}NoYes'Maybe'",
        f"IsExternallyMaintained eq {ENUM}ABC'A'",
        "IsExternallyMaintained eq 'Yes'",
        "CustomerAccount eq 1",
        "CreditLimit eq '1'",
        "CredManCustomerSince eq 2026-07-14",
        "NoSuchProperty eq 'a'",
        "customeraccount eq 'a'",
        "D365SalesQuotationHeader/SalesQuotationNumber eq 'a'",
        "CustomerAccount eq",
        "CustomerAccount eq 'a",
        "CustomerAccount",
        "'a'",
        "",
    ],
)
def test_a_filter_that_the_service_cannot_read_is_400(finops: Caller, expression: str) -> None:
    answer = finops.get("CustomersV3", {"$filter": expression})
    assert answer.status_code == 400
    assert detail(answer)


@pytest.mark.parametrize(
    "params",
    [
        {"$search": "a"},
        {"$apply": "a"},
        {"filter": "a"},
        {"$select": "NoSuchProperty"},
        {"$orderby": "NoSuchProperty"},
        {"$orderby": "CustomerAccount upwards"},
        {"$top": "-1"},
        {"$skip": "one"},
        {"$count": "yes"},
        {"$format": "xml"},
        {"$skiptoken": "?"},
        {"cross-company": "maybe"},
    ],
)
def test_an_option_that_the_service_does_not_know_is_400(finops: Caller, params: dict[str, str]) -> None:
    assert finops.get("CustomersV3", params).status_code == 400


def test_a_filter_of_a_thousand_keys_is_answered(finops: Caller) -> None:
    finops.customer(CustomerAccount="C999")
    expression = " or ".join(f"CustomerAccount eq 'C{number}'" for number in range(1000))
    with environment(Settings(max_url=100_000)) as roomy:
        roomy.customer(CustomerAccount="C999")
        assert filtered(roomy, expression) == {"C999"}


def test_an_address_over_2083_characters_is_answered(finops: Caller) -> None:
    expression = " or ".join(f"CustomerAccount eq 'C{number}'" for number in range(200))
    assert filtered(finops, expression) == set()


def test_an_address_over_the_limit_is_414() -> None:
    with environment(Settings(max_url=200)) as finops:
        assert finops.get("CustomersV3", {"$filter": "CustomerAccount eq '" + "x" * 200 + "'"}).status_code == 414


def test_a_tag_that_is_known_is_304(finops: Caller) -> None:
    tag = finops.customer()["@odata.etag"]
    answer = finops.get(customer_url(), headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert finops.get(customer_url(), headers={"If-None-Match": "null"}).status_code == 200


def test_a_bad_token_is_401_without_a_body(finops: Caller) -> None:
    answer = finops.get("CustomersV3", headers={"Authorization": "Bearer another"})
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_right_that_is_taken_makes_reads_403(finops: Caller) -> None:
    finops.control("rights", {"entity": "CustomersV3", "right": "read", "granted": False})
    assert finops.get("CustomersV3").status_code == 403
    assert finops.get("CustomersV3/$count").status_code == 403
    assert finops.post("CustomersV3", CUSTOMER).status_code == 201
    finops.control("rights", {"entity": "CustomersV3", "right": "read", "granted": True})
    assert finops.get("CustomersV3").status_code == 200


def test_later_properties_come_on_request_and_are_not_selected() -> None:
    with environment(Settings(later_properties=True)) as finops:
        assert "QMSApprovedCustomerGroupId" in finops.customer()
        assert "QMSApprovedCustomerGroupId" not in finops.rows("CustomersV3", {"$select": "CustomerAccount"})[0]


def test_the_metadata_document_names_container_and_sets(finops: Caller) -> None:
    answer = finops.get("$metadata")
    assert answer.headers["Content-Type"] == "application/xml"
    assert b'EntityContainer Name="Resources"' in answer.content
    assert b'EntitySet Name="CustomersV3"' in answer.content


def test_public_entities_are_found_by_set_name_and_by_name(finops: Caller) -> None:
    found = finops.send("GET", "/Metadata/PublicEntities", {"$filter": "EntitySetName eq 'CustomersV3'"}).json()
    one = finops.send("GET", "/Metadata/PublicEntities('CustomerV3')").json()
    assert [each["Name"] for each in found["value"]] == [one["Name"]] == ["CustomerV3"]
    account = next(each for each in one["Properties"] if each["Name"] == "CustomerAccount")
    assert (account["TypeName"], account["DataType"], account["IsKey"]) == ("Edm.String", "String", True)
    assert finops.send("GET", "/Metadata/PublicEntities('CustomersV3')").status_code == 404


def test_public_enumerations_show_members_with_values(finops: Caller) -> None:
    members = finops.send("GET", "/Metadata/PublicEnumerations('NoYes')").json()["Members"]
    assert [(member["Name"], member["Value"]) for member in members] == [("No", 0), ("Yes", 1)]


def test_data_entities_tell_the_aot_name(finops: Caller) -> None:
    found = finops.send("GET", "/Metadata/DataEntities", {"$filter": "PublicCollectionName eq 'CustomersV3'"}).json()
    assert [each["Name"] for each in found["value"]] == ["CustCustomerV3Entity"]


def test_the_service_document_lists_the_served_collections(finops: Caller) -> None:
    names = [each["name"] for each in finops.get("").json()["value"]]
    assert {"CustomersV3", "CustomerGroups", "Currencies", "UnitsOfMeasure", "LegalEntities"} <= set(names)


@pytest.mark.parametrize("path", ["/Metadata/Labels", "/api/services", "/data/CustomersV3/$ref", "/"])
def test_an_address_that_is_not_served_is_404_like_an_unknown_collection(finops: Caller, path: str) -> None:
    answer = finops.send("GET", path)
    assert (answer.status_code, list(answer.json())) == (404, ["Message"])


def test_a_key_may_begin_with_a_blank(finops: Caller) -> None:
    finops.customer(CustomerAccount=" RFI-1")
    assert finops.get(customer_url(" RFI-1")).json()["CustomerAccount"] == " RFI-1"
    assert finops.get(customer_url("RFI-1")).status_code == 404


def test_a_blank_may_follow_the_comma_of_a_key(finops: Caller) -> None:
    finops.customer()
    assert finops.get(f"CustomersV3(dataAreaId={text('usmf')}, CustomerAccount={text('US-001')})").status_code == 200


@pytest.mark.parametrize(("comparisons", "status"), [(19, 200), (20, 400)])
def test_an_environment_with_a_node_limit_takes_nineteen_comparisons(comparisons: int, status: int) -> None:
    expression = " or ".join(f"CustomerAccount eq 'C{number}'" for number in range(comparisons))
    with environment(Settings(max_filter_nodes=100)) as narrow:
        answers = [narrow.get("CustomersV3", {"$filter": expression})]
        answers.append(narrow.get("CustomersV3/$count", {"$filter": expression}))
    assert [answer.status_code for answer in answers] == [status, status]
    if status == 400:
        assert "The node count limit of '100' has been exceeded." in detail(answers[0])
