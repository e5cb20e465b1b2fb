"""rules.md, The rules behind it: which accounts become customers, and as what."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from shared.errors import SettingsInvalid
from shared.flows.accounts.mapping import AccountChoices, DeliveryAddress, OnHold, PartyNumber
from shared.mapping.scope import Scope
from shared.mapping.verdicts import Filtered
from shared.records import Json
from tests.unit.mapping.samples import (
    BERLIN,
    SEATTLE,
    account,
    filtered,
    keeping,
    mapped,
    mapper,
    owned_as,
    rejected,
)


def test_the_customer_account_is_the_account_number() -> None:
    assert mapped(mapper(), account(accountnumber="ACC-01000-BVRCPS")).key == "ACC-01000-BVRCPS"


def test_a_customer_is_an_externally_maintained_organization() -> None:
    customer = mapped(mapper(), account())
    assert customer.on_create["PartyType"] == "Organization"
    assert customer.owned["IsExternallyMaintained"] == "Yes"


def test_seven_fields_are_sent_at_creation_only() -> None:
    assert set(mapped(mapper(), account()).on_create) == {
        "CustomerGroupId",
        "LanguageId",
        "SiteId",
        "WarehouseId",
        "SalesCurrencyCode",
        "PartyNumber",
        "PartyType",
    }


def test_the_defaults_of_the_document_fill_what_sales_does_not_know() -> None:
    sent = mapped(mapper(), account()).on_create
    assert [sent[name] for name in ("CustomerGroupId", "SiteId", "WarehouseId", "LanguageId")] == [
        "10",
        "1",
        "13",
        "en-us",
    ]


def test_a_blank_default_of_site_or_warehouse_is_not_sent() -> None:
    defaults = {
        "customer_group": "10",
        "site": "",
        "warehouse": "",
        "language": "de",
        "country": "CH",
        "currency": "CHF",
        "unit_group": "Units",
    }
    sent = mapped(mapper(defaults=dict(defaults)), account()).on_create
    assert (sent["SiteId"], sent["WarehouseId"], sent["LanguageId"]) == (None, None, "de")


def test_the_credit_limit_is_off_until_the_document_turns_it_on() -> None:
    row = account(creditlimit=Decimal("1000.50"))
    assert "CreditLimit" not in mapper().table.target_fields
    assert "creditlimit" not in mapper().select
    on = mapper(fields=owned_as(CreditLimit="owned"))
    assert mapped(on, row).owned["CreditLimit"] == Decimal("1000.50")
    assert "creditlimit" in on.select


def test_a_field_can_be_given_to_the_people_of_finops() -> None:
    customer = mapped(mapper(fields=owned_as(SalesMemo="on_create")), account(description="Note"))
    assert "SalesMemo" not in customer.owned
    assert customer.on_create["SalesMemo"] == "Note"


def test_a_field_that_is_created_only_can_be_kept_equal() -> None:
    assert mapped(mapper(fields=owned_as(CustomerGroupId="owned")), account()).owned["CustomerGroupId"] == "10"


def test_a_field_that_is_off_is_neither_written_nor_read() -> None:
    off = mapper(fields=owned_as(SalesMemo="off"))
    assert "SalesMemo" not in off.table.target_fields
    assert "description" not in off.select


def test_an_account_needs_its_name_also_where_it_is_sent_at_creation_only() -> None:
    off = mapper(fields=owned_as(OrganizationName="on_create"))
    assert "name" in off.select
    assert "OrganizationName" not in mapped(off, account()).owned
    assert rejected(off, account(name=None)).cause == "name_missing"


@pytest.mark.parametrize("blank", [None, "", " ", "\t\n"])
def test_a_blank_column_is_a_blank_field(blank: Json) -> None:
    assert mapped(mapper(), account(telephone1=blank)).owned["PrimaryContactPhone"] is None


def test_a_column_that_was_not_answered_is_a_blank_field() -> None:
    assert mapped(mapper(), account()).owned["SalesMemo"] is None


def test_contact_details_and_size_are_copied_as_they_are() -> None:
    row = account(
        telephone1=" +1 555 ",
        fax="+1 556",
        emailaddress1="a@b.example",
        websiteurl="https://b.example",
        numberofemployees=0,
    )
    owned = mapped(mapper(), row).owned
    assert owned["PrimaryContactPhone"] == " +1 555 "
    assert owned["PrimaryContactFax"] == "+1 556"
    assert owned["PrimaryContactEmail"] == "a@b.example"
    assert owned["PrimaryContactURL"] == "https://b.example"
    assert owned["OrganizationNumberOfEmployees"] == 0


@pytest.mark.parametrize("number", [None, "", "   "])
def test_an_account_without_a_number_is_rejected(number: Json) -> None:
    verdict = rejected(mapper(), account(accountnumber=number))
    assert verdict.cause == "number_missing"
    assert "accountnumber" in verdict.message
    assert "number" in verdict.remedy


def test_a_number_of_twenty_characters_is_the_longest() -> None:
    assert mapped(mapper(), account(accountnumber="N" * 20)).key == "N" * 20
    verdict = rejected(mapper(), account(accountnumber="N" * 21))
    assert verdict.cause == "number_too_long"
    assert "21" in verdict.message


@pytest.mark.parametrize("name", [None, "", " \n"])
def test_an_account_without_a_name_is_rejected(name: Json) -> None:
    assert rejected(mapper(), account(name=name)).cause == "name_missing"


def test_the_party_number_can_be_left_to_finops() -> None:
    assert mapped(mapper(), account()).on_create["PartyNumber"] == "A-1"
    left = mapper(AccountChoices(party_number=PartyNumber.FINOPS))
    assert "PartyNumber" not in mapped(left, account()).on_create
    assert mapped(left, account()).key == "A-1"


def test_the_delivery_address_is_the_second_block() -> None:
    owned = mapped(mapper(), account(**SEATTLE, **BERLIN)).owned
    assert (owned["AddressCity"], owned["DeliveryAddressCity"]) == ("Seattle", "Berlin")


def test_a_blank_second_block_sends_no_delivery_address() -> None:
    owned = mapped(mapper(), account(**SEATTLE)).owned
    assert {owned[name] for name in owned if name.startswith("DeliveryAddress")} == {None}


def test_the_delivery_address_can_be_the_first_block() -> None:
    first = mapper(AccountChoices(delivery_address=DeliveryAddress.FIRST))
    owned = mapped(first, account(**SEATTLE, **BERLIN)).owned
    assert (owned["AddressCity"], owned["DeliveryAddressCity"]) == ("Seattle", "Seattle")
    assert not [column for column in first.select if column.startswith("address2")]


def test_the_currency_goes_by_the_value_map() -> None:
    euro = mapper(currencies={"EUR": "EUX"})
    assert (
        mapped(euro, account(transactioncurrencyid={"isocurrencycode": " eur "})).on_create["SalesCurrencyCode"]
        == "EUX"
    )


@pytest.mark.parametrize("lookup", [None, {}, {"isocurrencycode": None}, {"isocurrencycode": " "}])
def test_an_account_without_a_currency_gets_the_default(lookup: Json) -> None:
    assert mapped(mapper(), account(transactioncurrencyid=lookup)).on_create["SalesCurrencyCode"] == "USD"


def test_a_currency_that_is_not_listed_is_rejected() -> None:
    verdict = rejected(mapper(), account(transactioncurrencyid={"isocurrencycode": "XYZ"}))
    assert verdict.cause == "currency_unknown"
    assert "XYZ" in verdict.message
    assert "value map" in verdict.remedy


def test_an_inactive_account_has_ended() -> None:
    assert filtered(mapper(), account(statecode=1)) == Filtered("inactive", ends=True)


def test_a_merged_account_has_ended() -> None:
    assert filtered(mapper(), account(merged=True, statecode=1)) == Filtered("merged", ends=True)


def test_an_account_that_was_not_merged_is_mapped() -> None:
    assert mapped(mapper(), account(merged=False))


def test_an_account_outside_the_filter_is_filtered_and_has_not_ended() -> None:
    condition: Json = {"column": "customertypecode", "operator": "eq", "value": 3}
    customers = mapper(filters=keeping(condition))
    assert filtered(customers, account(customertypecode=1)) == Filtered("filter.pilot", ends=False)
    assert mapped(customers, account(customertypecode=3))


def test_the_columns_of_the_filter_are_read() -> None:
    condition: Json = {"column": "industrycode", "operator": "filled"}
    assert "industrycode" in mapper(filters=keeping(condition)).select


def test_a_filtered_account_is_not_judged_further() -> None:
    assert filtered(mapper(), account(statecode=1, name=None, accountnumber=None)).rule == "inactive"


def test_an_ended_account_leaves_its_customer_untouched() -> None:
    assert dict(mapper().rules.ended()) == {}
    assert "OnHoldStatus" not in mapper().table.target_fields


@pytest.mark.parametrize("status", [status for status in OnHold if status is not OnHold.OFF])
def test_an_ended_account_can_put_its_customer_on_hold(status: OnHold) -> None:
    holding = mapper(AccountChoices(on_hold_when_ended=status))
    assert dict(holding.rules.ended()) == {"OnHoldStatus": status.value}


def test_an_account_that_is_active_again_takes_its_customer_off_hold() -> None:
    holding = mapper(AccountChoices(on_hold_when_ended=OnHold.ALL))
    assert mapped(holding, account()).owned["OnHoldStatus"] == "No"


@pytest.mark.parametrize("ownership", ["on_create", "off"])
def test_a_hold_that_could_never_be_lifted_is_refused(ownership: str) -> None:
    with pytest.raises(SettingsInvalid, match="ACCOUNTS_ON_HOLD_WHEN_ENDED"):
        mapper(AccountChoices(on_hold_when_ended=OnHold.ALL), fields=owned_as(OnHoldStatus=ownership))


@pytest.mark.parametrize(
    ("scope", "values", "holds"),
    [
        (Scope(), {}, True),
        (Scope(linked_only=True), {"modifiedon": "2026-01-01T00:00:00Z"}, False),
        (Scope(since=date(2026, 1, 2)), {"modifiedon": "2026-01-01T23:59:59Z"}, False),
        (Scope(since=date(2026, 1, 2)), {"modifiedon": "2026-01-02T00:00:00Z"}, True),
        (Scope(since=date(2026, 1, 2)), {"createdon": "2026-01-03T00:00:00Z"}, True),
        (
            Scope(since=date(2026, 1, 2)),
            {"createdon": "2026-01-03T00:00:00Z", "modifiedon": "2025-01-01T00:00:00Z"},
            False,
        ),
        (Scope(since=date(2026, 1, 2)), {}, False),
        (
            Scope(since=date(2026, 1, 2), zone=ZoneInfo("Pacific/Auckland")),
            {"modifiedon": "2026-01-01T11:00:00Z"},
            True,
        ),
        (Scope(since=date(2026, 1, 2), zone=ZoneInfo("America/Lima")), {"modifiedon": "2026-01-02T04:59:59Z"}, False),
    ],
)
def test_the_scope_decides_on_accounts_that_are_not_linked(scope: Scope, values: dict[str, Json], holds: bool) -> None:
    assert mapper(AccountChoices(scope=scope)).in_scope(account(**values)) is holds


def test_government_id_and_spouse_are_never_mapped() -> None:
    every = mapper(replace(AccountChoices(), on_hold_when_ended=OnHold.ALL), fields=owned_as(CreditLimit="owned"))
    assert not {"governmentid", "spousesname"} & set(every.select)


def test_a_lookup_is_read_by_its_navigation() -> None:
    assert mapper().table.expand == {"transactioncurrencyid": ("isocurrencycode",)}
    assert "transactioncurrencyid" not in mapper().select


def test_every_column_is_read_once() -> None:
    select = mapper().select
    assert len(select) == len(set(select))
    assert {"accountnumber", "name", "statecode", "merged", "createdon", "modifiedon"} <= set(select)


def test_existing_customers_of_an_accounts_number_are_adopted_by_setting_only() -> None:
    assert not mapper().choices.adopt_existing
    assert mapper(AccountChoices(adopt_existing=True)).choices.adopt_existing
