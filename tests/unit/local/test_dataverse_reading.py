"""Reading rows and collections from the simulated Dataverse."""

from collections.abc import Iterator
from urllib.parse import quote
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.dataverse.organisation import APPLICATION_USER_ID
from local.dataverse.settings import Settings
from tests.unit.local.dataverse_world import World, code, dataverse


@pytest.fixture
def world() -> Iterator[World]:
    with dataverse() as running:
        yield running


def test_a_row_has_its_id_and_etag_and_selected_nulls(world: World) -> None:
    account = world.create("accounts", name="Litra AG")
    reply = world.get(f"accounts({account})?$select=name,telephone1")
    row = reply.json()
    assert row["accountid"] == account
    assert (row["name"], row["telephone1"]) == ("Litra AG", None)
    assert row["@odata.etag"] == reply.headers["ETag"]
    assert row["@odata.context"].endswith("/api/data/v9.2/$metadata#accounts(name,telephone1)/$entity")


def test_the_etag_is_the_version_number(world: World) -> None:
    account = world.create("accounts", name="A")
    row = world.get(f"accounts({account})?$select=versionnumber").json()
    assert row["@odata.etag"] == f'W/"{row["versionnumber"]}"'


def test_money_brings_its_currency_and_shows_four_decimals(world: World) -> None:
    currency = world.catalogue()["currency"]
    account = world.create(
        "accounts", name="A", revenue=12.5, transactioncurrencyid__to=f"/transactioncurrencies({currency})"
    )
    reply = world.get(f"accounts({account})?$select=revenue")
    assert reply.json()["_transactioncurrencyid_value"] == currency
    assert '"revenue":12.5000' in reply.text


def test_without_select_all_columns_come_back(world: World) -> None:
    account = world.create("accounts", name="A")
    row = world.get(f"accounts({account})").json()
    assert {"address1_city", "_ownerid_value", "statecode", "versionnumber"} <= row.keys()


def test_an_unknown_id_is_404(world: World) -> None:
    missing = str(uuid4())
    reply = world.get(f"accounts({missing})")
    assert code(reply) == (404, "0x80040217")
    assert reply.json()["error"]["message"] == f"account With Id = {missing} Does Not Exist"


def test_an_unknown_entity_set_is_404(world: World) -> None:
    assert world.get("account").status_code == 404


def test_entity_sets_are_case_sensitive(world: World) -> None:
    assert world.get("Accounts").status_code == 404


@pytest.mark.parametrize(
    "query",
    ["$skip=1", "$search=x", "$format=json", "$nope=1", "nope=1", "$select=nope", "$select=primarycontactid",
     "$orderby=nope", "$filter=nope eq 1", "$filter=name eq", "$filter=name eq 1", "$filter=year(createdon) eq 2026",
     "$filter=name in ('a','b')", "$expand=nope", "$top=x", "$count=maybe", "$select=name&$select=name"],
)  # fmt: skip
def test_what_the_service_does_not_know_is_400(world: World, query: str) -> None:
    assert code(world.get(f"accounts?{query}")) == (400, "0x80060888")


def test_if_none_match_with_the_etag_is_304(world: World) -> None:
    account = world.create("accounts", name="A")
    etag = world.get(f"accounts({account})?$select=name").headers["ETag"]
    reply = world.get(f"accounts({account})?$select=name", If_None_Match=etag)
    assert (reply.status_code, reply.content, reply.headers["OData-Version"]) == (304, b"", "4.0")


def test_a_count_is_text_with_the_version_of_the_protocol(world: World) -> None:
    world.create("accounts", name="A")
    reply = world.get("accounts/$count")
    assert (reply.text, reply.headers["OData-Version"]) == ("1", "4.0")
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_if_none_match_never_is_304_with_expand(world: World) -> None:
    account = world.create("accounts", name="A")
    path = f"accounts({account})?$select=name&$expand=ownerid($select=fullname)"
    etag = world.get(path).headers["ETag"]
    assert world.get(path, If_None_Match=etag).status_code == 200


def test_the_literal_null_of_if_none_match_is_ignored(world: World) -> None:
    account = world.create("accounts", name="A")
    assert world.get(f"accounts({account})", If_None_Match="null").status_code == 200


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("name eq 'ALPHA'", {"alpha"}),
        ("name ne 'Alpha'", {"beta's", "Gamma"}),
        ("name eq 'beta''s'", {"beta's"}),
        ("contains(name,'AMM')", {"Gamma"}),
        ("startswith(name,'al') or endswith(name,'A')", {"alpha", "Gamma"}),
        ("not (name eq 'alpha') and numberofemployees ge 2", {"beta's", "Gamma"}),
        ("numberofemployees gt 2", {"Gamma"}),
        ("2 lt numberofemployees", {"Gamma"}),
        ("revenue lt 10.5", {"alpha"}),
        ("revenue eq 100", {"beta's"}),
        ("telephone1 eq null and revenue ne null", {"alpha", "beta's"}),
        ("statecode eq 0 and donotemail eq false and numberofemployees eq 1", {"alpha"}),
        ("modifiedon ge 2026-01-31T13:05:00Z and numberofemployees eq 3", {"Gamma"}),
        ("modifiedon gt 2026-01-31T14:05:01%2B01:00", set()),
        (f"_ownerid_value eq {APPLICATION_USER_ID} and numberofemployees eq 2", {"beta's"}),
        ("parentaccountid/name eq 'ALPHA'", {"Gamma"}),
        ('Microsoft.Dynamics.CRM.In(PropertyName=\'name\',PropertyValues=["ALPHA","beta\'s"])', {"alpha", "beta's"}),
        ('Microsoft.Dynamics.CRM.In(PropertyName=\'numberofemployees\',PropertyValues=["3"])', {"Gamma"}),
        ("name eq @n&@n='alpha'", {"alpha"}),
    ],
)  # fmt: skip
def test_a_filter_finds_what_it_says(world: World, condition: str, names: set[str]) -> None:
    alpha = world.create("accounts", name="alpha", numberofemployees=1, revenue=9.75)
    world.create("accounts", name="beta's", numberofemployees=2, revenue=100)
    world.create("accounts", name="Gamma", numberofemployees=3, parentaccountid__to=f"/accounts({alpha})")
    assert {row["name"] for row in world.rows(f"accounts?$select=name&$filter={condition}")} == names


def test_a_filter_along_a_polymorphic_lookup_is_not_served(world: World) -> None:
    assert world.get("accounts?$select=name&$filter=ownerid/fullname eq 'x'").status_code == 501


def test_in_may_be_percent_encoded_as_a_whole(world: World) -> None:
    account = world.create("accounts", name="A")
    condition = quote(f"Microsoft.Dynamics.CRM.In(PropertyName='accountid',PropertyValues=[\"{account}\"])", safe="")
    assert len(world.rows(f"accounts?$select=name&$filter={condition}")) == 1


def test_a_filter_may_be_a_thousand_terms_long(world: World) -> None:
    account = world.create("accounts", name="A")
    condition = " or ".join([f"accountid eq {account}"] * 500)
    assert len(world.rows(f"accounts?$select=name&$filter={condition.replace(' ', '+')}")) == 1


def test_a_url_over_the_limit_is_414(world: World) -> None:
    assert world.get(f"accounts?$filter=name eq '{'x' * 32_768}'").status_code == 414


def test_expand_shows_the_selected_columns_of_the_related_row(world: World) -> None:
    account = world.create("accounts", name="A")
    contact = world.create("contacts", lastname="Frei", parentcustomerid_account__to=f"/accounts({account})")
    expand = "parentcustomerid_account($select=name),parentcustomerid_contact($select=fullname)"
    row = world.get(f"contacts({contact})?$select=lastname&$expand={expand}").json()
    assert row["parentcustomerid_account"]["name"] == "A"
    assert row["parentcustomerid_contact"] is None


def test_more_than_fifteen_expansions_are_400(world: World) -> None:
    expand = ",".join(["ownerid($select=fullname)"] * 16)
    assert world.get(f"accounts?$expand={expand}").status_code == 400


@pytest.mark.parametrize(
    "expand",
    ["quote_customer_accounts", "contact_customer_accounts($select=lastname)", "account_parent_account($expand=x())",
     "quote_customer_accounts($filter=contains(name,'),(');$select=name),primarycontactid",
     "primarycontactid($select=lastname;$expand=parentcustomerid_account)"],
)  # fmt: skip
def test_an_expansion_that_is_not_served_says_so(world: World, expand: str) -> None:
    assert code(world.get(f"accounts?$expand={expand}")) == (501, "0x80060888")


@pytest.mark.parametrize(
    "expand", ["primarycontactid($top=1)", "primarycontactid(", "primarycontactid($select)", "a b", "nope($select=x)"]
)
def test_an_expansion_that_the_service_does_not_know_is_400(world: World, expand: str) -> None:
    assert code(world.get(f"accounts?$expand={expand}")) == (400, "0x80060888")


@pytest.mark.parametrize("query", ["sql=SELECT name FROM account", "fetchXml=<fetch/>", "savedQuery=x", "$apply=x"])
def test_other_kinds_of_queries_are_not_served(world: World, query: str) -> None:
    assert code(world.get(f"accounts?{query}")) == (501, "0x80060888")


def test_the_annotations_of_a_property_stand_directly_before_it(world: World) -> None:
    world.create("accounts", name="A")
    query = "accounts?$select=name,_ownerid_value,statecode"
    [row] = world.rows(query, Prefer='odata.include-annotations="*"')
    names = [name for name in row if not name.startswith("@")]
    assert [name.partition("@")[0] for name in names] == [
        *["name"], *["_ownerid_value"] * 3, *["statecode"] * 2, "accountid"
    ]  # fmt: skip
    assert [name for name in names if "@" not in name] == ["name", "_ownerid_value", "statecode", "accountid"]
    assert names.index("statecode") == len(names) - 2


def test_annotations_tell_the_table_of_a_lookup_and_the_label_of_a_choice(world: World) -> None:
    account = world.create("accounts", name="A")
    contact = world.create("contacts", lastname="Frei", parentcustomerid_account__to=f"/accounts({account})")
    row = world.get(
        f"contacts({contact})?$select=_parentcustomerid_value,statecode", Prefer='odata.include-annotations="*"'
    ).json()
    assert row["_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"] == "account"
    navigation = "_parentcustomerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"
    assert row[navigation] == "parentcustomerid_account"
    assert row["statecode@OData.Community.Display.V1.FormattedValue"] == "Active"


def _walk(world: World, path: str, **headers: str) -> list[list[str]]:
    pages, link = [], path
    for _ in range(10):
        content = world.get(link, **headers).json()
        pages.append([row["name"] for row in content["value"]])
        if "@odata.nextLink" not in content:
            return pages
        link = content["@odata.nextLink"]
    raise AssertionError("the walk does not end")


@pytest.mark.parametrize("order", ["", "&$orderby=name", "&$orderby=name desc,accountid"])
def test_pages_together_are_all_rows_once(world: World, order: str) -> None:
    for number in range(5):
        world.create("accounts", name=f"A{number}")
    pages = _walk(world, f"accounts?$select=name{order}", Prefer="odata.maxpagesize=2")
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(name for page in pages for name in page) == [f"A{number}" for number in range(5)]


def test_orderby_orders_without_regard_to_case(world: World) -> None:
    for name in ("b", "A", "C"):
        world.create("accounts", name=name)
    rows = world.rows("accounts?$select=name&$orderby=name desc")
    assert [row["name"] for row in rows] == ["C", "b", "A"]


def test_the_page_size_has_to_be_repeated(world: World) -> None:
    for number in range(5):
        world.create("accounts", name=f"A{number}")
    first = world.get("accounts?$select=name", Prefer="odata.maxpagesize=2").json()
    assert len(world.rows(first["@odata.nextLink"])) == 3


def test_a_next_link_survives_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("rows") / "rows.sqlite"
    with dataverse(file=file) as world:
        for number in range(3):
            world.create("accounts", name=f"A{number}")
        link = world.get("accounts?$select=name", Prefer="odata.maxpagesize=2").json()["@odata.nextLink"]
    with dataverse(file=file) as again:
        assert len(again.rows(link.replace(world.origin, again.origin))) == 1


def test_next_links_can_be_refused_on_purpose(world: World) -> None:
    for number in range(3):
        world.create("accounts", name=f"A{number}")
    link = world.get("accounts?$select=name", Prefer="odata.maxpagesize=2").json()["@odata.nextLink"]
    world.control("POST", "links", {"refuse_next": True})
    assert world.get(link).status_code == 400
    world.control("DELETE", "links")
    assert world.get(link).status_code == 200


def test_a_forged_skip_token_is_400(world: World) -> None:
    assert world.get("accounts?$skiptoken=1").status_code == 400


def test_top_limits_and_gives_no_next_link(world: World) -> None:
    for number in range(3):
        world.create("accounts", name=f"A{number}")
    content = world.get("accounts?$select=name&$top=2").json()
    assert len(content["value"]) == 2
    assert "@odata.nextLink" not in content


def test_top_is_ignored_with_a_page_size(world: World) -> None:
    for number in range(3):
        world.create("accounts", name=f"A{number}")
    assert _walk(world, "accounts?$select=name&$top=1", Prefer="odata.maxpagesize=5")[0].__len__() == 3


def test_counts_stop_at_the_cap() -> None:
    with dataverse(settings=Settings(count_cap=2)) as world:
        for number in range(3):
            world.create("accounts", name=f"A{number}")
        assert world.get("accounts?$count=true&$select=name").json()["@odata.count"] == 2
        reply = world.get("accounts/$count")
        assert (reply.text, reply.headers["Content-Type"]) == ("2", "text/plain")


def test_denied_reading_is_403(world: World) -> None:
    world.control("POST", "privileges", {"account": {"read": False}})
    assert code(world.get("accounts")) == (403, "0x80040220")
    assert world.send("POST", "accounts", {"name": "A"}).status_code == 204


def test_denied_writing_is_403(world: World) -> None:
    world.control("POST", "privileges", {"account": {"write": False}})
    assert code(world.send("POST", "accounts", {"name": "A"})) == (403, "0x80040220")
    assert world.get("accounts").status_code == 200


@pytest.fixture(scope="module")
def lasting_world() -> Iterator[World]:
    with dataverse() as running:
        yield running


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(min_size=1, max_size=80))
def test_any_text_survives_the_round_trip_and_is_found_by_filter(lasting_world: World, text: str) -> None:
    account = lasting_world.create("accounts", name=text)
    row = lasting_world.get(f"accounts({account})?$select=name").json()
    assert row["name"] == text
    literal = quote("'" + text.replace("'", "''") + "'", safe="")
    found = lasting_world.rows(f"accounts?$select=name&$filter=name%20eq%20{literal}")
    assert account in {row["accountid"] for row in found}


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        (" or ".join(f"name eq 'C{number}'" for number in range(19)), 200),
        (" or ".join(f"name eq 'C{number}'" for number in range(20)), 400),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[" + ",".join(['"x"'] * 96) + "])", 200),
        ("Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[" + ",".join(['"x"'] * 97) + "])", 400),
    ],
    ids=["19 comparisons", "20 comparisons", "a list of 96", "a list of 97"],
)
def test_an_organisation_with_a_node_limit_counts_comparisons_and_listed_values(condition: str, status: int) -> None:
    with dataverse(settings=Settings(max_filter_nodes=100)) as narrow:
        reply = narrow.get(f"accounts?$select=name&$filter={condition}")
    assert reply.status_code == status
    if status == 400:
        assert code(reply) == (400, "0x80060888")
        assert "The node count limit of '100' has been exceeded." in reply.json()["error"]["message"]
