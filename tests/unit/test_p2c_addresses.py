"""Records as people paste them: an id, a number, or an address out of a browser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c import addresses
from shared.clients.http.origin import Origin
from shared.operations import lookup as locating

ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
SALES = "https://contoso.crm4.dynamics.com"
IN_SALES = SALES + "/main.aspx?pagetype=entityrecord&etn={table}&id={id}"
IN_FINOPS = "https://contoso.operations.dynamics.com/?cmp={company}&mi=CustTableListPage&q={key}&again={key}"


@pytest.mark.parametrize(
    "text",
    [
        ID,
        ID.upper(),
        f"  {ID}\n",
        f"\u200b{ID}\ufeff",
        f"\xa0{ID}\u2009",
        f"{{{ID.upper()}}}",
        f"%7b{ID}%7d",
        f"%7B{ID.upper()}%7D",
        f"({ID})",
        f'"{ID}"',
        f"'{ID}'",
        f"{SALES}/main.aspx?pagetype=entityrecord&etn=account&id={ID}",
        f"{SALES}/main.aspx?appid=1f8fad5b-d9cb-469f-a165-70867728950e&pagetype=entityrecord&etn=account&id={ID.upper()}",
        f"{SALES}/main.aspx?etc=1&id=%7b{ID}%7d&pagetype=entityrecord#extra",
        f"{SALES}/main.aspx?etn=account&ID={{{ID}}}",
        f"{SALES}/api/data/v9.2/accounts({ID})",
        f"HTTPS://CONTOSO.CRM4.DYNAMICS.COM/api/data/v9.2/accounts%28{ID}%29?$select=name",
    ],
)
def test_an_id_is_found_in_what_people_paste(text: str) -> None:
    assert locating.meant(text) == ID


@pytest.mark.parametrize(
    "text",
    [
        "ACC-1001",
        "O'Neil & Co",
        "50%25",
        "{A}",
        "(1)",
        "a/b",
        "https://contoso",
        f"https://x/?ref={ID}",
        f"{ID}0",
        "http://[",
    ],
)
def test_a_number_is_left_as_it_is(text: str) -> None:
    assert locating.meant(f" {text} ") == text


@given(st.text(max_size=40))
def test_any_text_means_something_or_nothing_and_never_breaks(text: str) -> None:
    assert locating.meant(locating.meant(text)) == locating.meant(text)
    addresses.meant([IN_SALES, IN_FINOPS], text)


# What people type into numbers; an address carries all of it.
RECORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1)


@given(RECORDS, st.sampled_from([IN_SALES, IN_FINOPS, SALES + "/r/{key}/open", "{id}"]))
def test_an_address_that_is_shown_leads_back_to_its_record(record: str, template: str) -> None:
    place = {"id": record, "key": record, "table": "account", "company": "usmf"}
    address = addresses.filled(template, place)
    assert addresses.meant([IN_SALES, template], f" {address} ") == record


@pytest.mark.parametrize(
    ("text", "table"),
    [
        (f"{SALES}/main.aspx?pagetype=entityrecord&etn=Contact&id={ID}", "contact"),
        (f" {SALES}/main.aspx?id=%7b{ID}%7d&ETN=account#extra\u200b", "account"),
        (f"{SALES}/api/data/v9.2/contacts({ID})?$select=fullname", "contacts"),
        (f"{SALES}/api/data/v9.2/contacts%28{ID}%29", "contacts"),
        (f"HTTPS://CONTOSO.CRM4.dynamics.com:443/api/data/v9.2/contacts({ID})", "contacts"),
        (f"https://contoso.operations.dynamics.com/data/CustomersV3({ID})", ""),
        (f"https://fabrikam.crm4.dynamics.com/api/data/v9.2/contacts({ID})", ""),
        (f"{SALES}/main.aspx?etc=1&id={ID}", ""),
        (f"etn=contact&id={ID}", ""),
        ("http://[", ""),
        (ID, ""),
    ],
)
def test_the_table_of_sales_that_an_address_names_is_found(text: str, table: str) -> None:
    assert locating.table_of_address(text, Origin.parse(SALES)) == table


@pytest.mark.parametrize(
    ("text", "is_elsewhere"),
    [
        (f"https://fabrikam.crm4.dynamics.com/api/data/v9.2/contacts({ID})", True),
        (f"https://fabrikam.crm4.dynamics.com/main.aspx?etn=contact&id={ID}", True),
        (f"{SALES}/main.aspx?etn=contact&id={ID}", False),
        (f"http://contoso.crm4.dynamics.com/main.aspx?etn=contact&id={ID}", False),
        (f"https://contoso.api.crm4.dynamics.com/api/data/v9.2/contacts({ID})", False),
        (f"https://contoso.operations.dynamics.com/data/CustomersV3({ID})", False),
        ("https://fabrikam.crm4.dynamics.com/main.aspx?etn=contact", False),
        (f"https://fabrikam.crm4.dynamics.com/main.aspx?id={ID}", False),
        (ID, False),
    ],
)
def test_the_address_of_a_row_of_another_environment_is_known(text: str, is_elsewhere: bool) -> None:
    assert locating.is_elsewhere(text, Origin.parse(SALES)) is is_elsewhere


@pytest.mark.parametrize("template", ["", SALES, SALES + "/{table}", "https://["])
def test_an_address_without_a_record_leads_nowhere(template: str) -> None:
    assert addresses.meant([template], template) is None


def test_another_address_is_not_taken_for_one_of_ours() -> None:
    assert (
        addresses.meant([IN_FINOPS], "https://contoso.operations.dynamics.com/?cmp=usmf&mi=Other&q=1&again=1") is None
    )
