"""Every sample account becomes a customer."""

from decimal import Decimal

from shared.flows.accounts.mapping import AccountMapper
from shared.flows.registry import FLOWS
from shared.mapping.verdicts import Mapped
from shared.records import Json
from tests.unit.mapping.samples import KNOWN, account, adventureworks, mapped, mapper, owned_as

MAPPER = AccountMapper(FLOWS.read_map_document(None))


def test_every_sample_account_is_mapped() -> None:
    verdicts = [MAPPER.evaluate(row, KNOWN) for row in adventureworks()]
    assert len(verdicts) == 701
    assert [verdict for verdict in verdicts if not isinstance(verdict, Mapped)] == []


def test_every_sample_account_has_a_number_of_its_own() -> None:
    keys = [mapped(MAPPER, row).key.casefold() for row in adventureworks()]
    assert len(set(keys)) == len(keys)


def test_a_sample_account_becomes_exactly_this_customer() -> None:
    (row,) = [row for row in adventureworks() if row.values["accountnumber"] == "AW00029484"]
    customer = mapped(MAPPER, row)
    assert customer.key == "AW00029484"
    expected: dict[str, Json] = {
        "IsExternallyMaintained": "Yes",
        "OrganizationName": "Next-Door Bike Store",
        "AddressStreet": "Mall Of Memphis",
        "AddressCity": "Memphis",
        "AddressState": "TN",
        "AddressZipCode": "38103",
        "AddressCountryRegionISOCode": "US",
        "DeliveryAddressStreet": None,
        "DeliveryAddressCity": None,
        "DeliveryAddressState": None,
        "DeliveryAddressZipCode": None,
        "DeliveryAddressCountryRegionISOCode": None,
        "PrimaryContactPhone": None,
        "PrimaryContactFax": None,
        "PrimaryContactEmail": None,
        "PrimaryContactURL": None,
        "OrganizationNumberOfEmployees": 13,
        "SalesMemo": row.values["description"],
    }
    assert dict(customer.owned) == expected
    assert dict(customer.on_create) == {
        "PartyNumber": "AW00029484",
        "PartyType": "Organization",
        "CustomerGroupId": "10",
        "LanguageId": "en-us",
        "SiteId": "1",
        "WarehouseId": "13",
        "SalesCurrencyCode": "USD",
    }


def test_the_sample_accounts_of_each_country_get_its_code() -> None:
    found: dict[Json, set[Json]] = {}
    for row in adventureworks():
        code = mapped(MAPPER, row).owned["AddressCountryRegionISOCode"]
        found.setdefault(row.values["address1_country"], set()).add(code)
    assert found == {
        "United States": {"US"},
        "Canada": {"CA"},
        "France": {"FR"},
        "Germany": {"DE"},
        "Australia": {"AU"},
        "United Kingdom": {"GB"},
    }


def test_money_stays_a_decimal_with_every_digit() -> None:
    on = mapper(fields=owned_as(CreditLimit="owned"))
    limit = mapped(on, account(creditlimit=Decimal("1234567890123.1234"))).owned["CreditLimit"]
    assert isinstance(limit, Decimal)
    assert str(limit) == "1234567890123.1234"
