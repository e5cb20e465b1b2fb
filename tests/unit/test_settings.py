"""App settings: read once, every mistake reported together by name, value and remedy."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS
from shared.settings import Settings, settings_table

NEEDED = {
    "AzureWebJobsStorage": "UseDevelopmentStorage=true",
    "DATAVERSE_URL": "https://contoso.crm4.dynamics.com",
    "FINOPS_URL": "https://contoso.operations.dynamics.com",
    "COMPANY": "usmf",
}
KEY = "c2VjcmV0LXNlY3JldC1zZWNyZXQ="
ADDRESSES = {
    "AzureWebJobsStorage__tableServiceUri": "https://account.table.core.windows.net",
    "AzureWebJobsStorage__queueServiceUri": "https://account.queue.core.windows.net",
}


def read(**settings: str) -> Settings:
    """The settings of a deployment with some changed."""
    return FLOWS.read_settings({**NEEDED, **settings})


def refused(**settings: str) -> str:
    """Why settings are refused."""
    with pytest.raises(SettingsInvalid) as raised:
        read(**settings)
    return str(raised.value)


def test_four_settings_are_enough() -> None:
    settings = FLOWS.read_settings(NEEDED)
    assert {name: getattr(settings, name) for name in NEEDED} == NEEDED


def test_every_other_setting_has_its_documented_default() -> None:
    settings = FLOWS.read_settings(NEEDED)
    assert {name: getattr(settings, name) for name in FLOWS.settings.model_fields if name not in NEEDED} == {
        "AzureWebJobsStorage__tableServiceUri": None,
        "AzureWebJobsStorage__queueServiceUri": None,
        "AZURE_CLIENT_ID": None,
        "MAP_DOCUMENT": None,
        "ACCOUNTS_SCHEDULE": "0 * * * * *",
        "SWEEP_SCHEDULE": "30 * * * * *",
        "CLEANUP_SCHEDULE": "0 0 3 * * *",
        "RECONCILE_SCHEDULE": "0 0 4 * * 0",
        "HISTORY_DAYS": 90,
        "HISTORY_VALUES_DAYS": 0,
        "ACCOUNTS_SCOPE": "all",
        "ACCOUNTS_ON_EXISTING": "reject",
        "ACCOUNTS_PARTY_NUMBER": "account_number",
        "ACCOUNTS_DELIVERY_ADDRESS": "second",
        "ACCOUNTS_ON_HOLD_WHEN_ENDED": "off",
        "CONTACTS_SCHEDULE": "0 * * * * *",
        "CONTACTS_SCOPE": "all",
        "CONTACTS_ON_EXISTING": "reject",
        "CONTACTS_PARTY_NUMBER": "contact_number",
        "CONTACTS_ON_HOLD_WHEN_ENDED": "off",
        "PRODUCTS_SCHEDULE": "0 */15 * * * *",
        "PRODUCTS_SCOPE": "all",
        "PRODUCTS_ON_EXISTING": "reject",
        "PRODUCTS_PUBLISH": True,
        "PRODUCTS_WHEN_VANISHED": "keep",
        "PRODUCTS_PRICE_ITEMS": "automation",
        "PRODUCTS_ZERO_PRICE": "no_item",
        "PRODUCTS_FULL_WALK_DAYS": 7,
        "QUOTATIONS_SCHEDULE": "0 * * * * *",
        "QUOTATIONS_SCOPE": "all",
        "QUOTATIONS_ON_EXISTING": "reject",
        "QUOTATIONS_STATUSES": "Created,Modified,Reset,Revised",
        "QUOTATIONS_REQUESTED_DATE": "shipping",
        "ORDERS_SCHEDULE": "0 * * * * *",
        "ORDERS_SCOPE": "all",
        "ORDERS_ON_EXISTING": "reject",
        "ORDERS_LINES": "CDSSalesOrderLines",
        "ORDERS_ORIGIN": "",
        "ORDERS_REQUESTED_DATE": "shipping",
        "ORDERS_BACK": "off",
        "ORDERS_BACK_SCHEDULE": "0 */5 * * * *",
        "ORDERS_BACK_FULL_WALK_DAYS": 7,
        "ORDERS_BACK_SCOPE": "all",
        "ORDERS_BACK_ON_EXISTING": "reject",
        "ORDERS_BACK_CANCEL": "off",
        "ORDERS_BACK_FULFILL": "off",
        "INVOICES": "off",
        "INVOICES_SCHEDULE": "0 */15 * * * *",
        "INVOICES_SCOPE": "all",
        "INVOICES_ON_EXISTING": "reject",
        "INVOICES_ORDER": "automation",
        "INVOICES_NAME": "invoice_number",
        "INVOICES_OVERLAP_DAYS": 7,
        "INVOICES_FULL_WALK_DAYS": 7,
        "BUSINESS_TIME_ZONE": "UTC",
        "UNKNOWN_STATE": "reject",
        "STATE_WITHOUT_LIST": "leave_out",
        "MAP_COUNTY": False,
        "MAP_STREET_NUMBER": False,
        "MAX_PARALLELISM": 16,
        "HINTS_PER_MESSAGE": 200,
        "BULK_ROWS": 100,
        "PULL_BUDGET_S": 150,
        "REQUEST_TIMEOUT_S": 120,
        "CLAIM_MARGIN_S": 180,
        "GONE_LIMIT_COUNT": 20,
        "GONE_LIMIT_PERCENT": 5,
        "CHANGE_LIMIT_PERCENT": 20,
        "REJECTION_LIMIT": 0,
        "REJECTION_MINUTES": 10,
        "AzureFunctionsJobHost__functionTimeout": "00:05:00",
    }


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("AZURE_CLIENT_ID", " an-id ", "an-id"),
        ("DATAVERSE_URL", "https://contoso.crm4.dynamics.com/", "https://contoso.crm4.dynamics.com"),
        ("DATAVERSE_URL", "http://127.0.0.1:8101", "http://127.0.0.1:8101"),
        ("FINOPS_URL", "http://localhost:8102", "http://localhost:8102"),
        ("FINOPS_URL", "http://[::1]:8102", "http://[::1]:8102"),
        ("COMPANY", "USMF", "USMF"),
        ("COMPANY", "1", "1"),
        ("MAP_DOCUMENT", "maps.json", "maps.json"),
        ("ACCOUNTS_SCHEDULE", "*/15 0-30/5 8,12,18 * Jan-Mar Mon-Fri", "*/15 0-30/5 8,12,18 * Jan-Mar Mon-Fri"),
        ("SWEEP_SCHEDULE", "0 5/10 * 1 12 0", "0 5/10 * 1 12 0"),
        ("ACCOUNTS_SCOPE", "all", "all"),
        ("ACCOUNTS_SCOPE", "linked", "linked"),
        ("ACCOUNTS_SCOPE", "2026-01-31", "2026-01-31"),
        ("ACCOUNTS_ON_EXISTING", "adopt", "adopt"),
        ("ACCOUNTS_PARTY_NUMBER", "finops", "finops"),
        ("ACCOUNTS_DELIVERY_ADDRESS", "first", "first"),
        ("ACCOUNTS_ON_HOLD_WHEN_ENDED", "Invoice", "Invoice"),
        ("UNKNOWN_STATE", "leave_out", "leave_out"),
        ("STATE_WITHOUT_LIST", "send", "send"),
        ("MAP_COUNTY", "true", True),
        ("MAP_STREET_NUMBER", "True", True),
        ("MAX_PARALLELISM", "52", 52),
        ("HINTS_PER_MESSAGE", "1", 1),
        ("PULL_BUDGET_S", "299", 299),
        ("REQUEST_TIMEOUT_S", "230", 230),
        ("GONE_LIMIT_COUNT", "0", 0),
        ("GONE_LIMIT_PERCENT", "100", 100),
        ("CHANGE_LIMIT_PERCENT", "0", 0),
        ("AzureFunctionsJobHost__functionTimeout", "00:10:00", "00:10:00"),
    ],
)
def test_a_setting_is_taken_as_it_is_given(name: str, given: str, value: object) -> None:
    assert getattr(read(**{name: given}), name) == value


URL = "write it as https://HOST"
CRON = "six fields"


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("AzureWebJobsStorage__tableServiceUri", "http://x", "https://ACCOUNT.table.core.windows.net"),
        ("AzureWebJobsStorage__queueServiceUri", "account", "https://ACCOUNT.queue.core.windows.net"),
        ("DATAVERSE_URL", "contoso.crm4.dynamics.com", URL),
        ("DATAVERSE_URL", "ftp://contoso", URL),
        ("DATAVERSE_URL", "https://con toso", URL),
        ("DATAVERSE_URL", "https://contoso:port", URL),
        ("DATAVERSE_URL", "https://[", URL),
        ("DATAVERSE_URL", "https://cöntoso", URL),
        ("FINOPS_URL", "http://contoso.operations.dynamics.com", "https is needed"),
        ("FINOPS_URL", "https://contoso.operations.dynamics.com/data", "scheme and host only"),
        ("FINOPS_URL", "https://contoso.operations.dynamics.com?", "scheme and host only"),
        ("COMPANY", "usmf1", "1 to 4 letters or digits"),
        ("COMPANY", "us f", "1 to 4 letters or digits"),
        ("COMPANY", "üs", "1 to 4 letters or digits"),
        ("ACCOUNTS_SCHEDULE", "*/5 * * * *", f"{CRON} (second minute hour day month weekday), not 5"),
        ("ACCOUNTS_SCHEDULE", "60 * * * * *", "the field for the second is '60'; it takes 0 to 59"),
        ("ACCOUNTS_SCHEDULE", "0 0 0 0 * *", "the field for the day is '0'; it takes 1 to 31"),
        ("ACCOUNTS_SCHEDULE", "0 */0 * * * *", "the field for the minute"),
        ("SWEEP_SCHEDULE", "0 0 0 * Foo *", "the field for the month"),
        ("SWEEP_SCHEDULE", "0 0 0 * * Fri-Mon", "the field for the weekday"),
        ("SWEEP_SCHEDULE", "0 ,1 0 * * *", "the field for the minute"),
        ("SWEEP_SCHEDULE", "00:05:00", CRON),
        ("BUSINESS_TIME_ZONE", "CEST", "the IANA name of a time zone"),
        ("BUSINESS_TIME_ZONE", "localtime", "the IANA name of a time zone"),
        ("ACCOUNTS_SCOPE", "yesterday", "all, linked, or a day as YYYY-MM-DD"),
        ("ACCOUNTS_SCOPE", "2026-02-30", "all, linked, or a day as YYYY-MM-DD"),
        ("ACCOUNTS_ON_EXISTING", "Adopt", "write one of reject, adopt"),
        ("ACCOUNTS_PARTY_NUMBER", "x", "write one of account_number, finops"),
        ("ACCOUNTS_DELIVERY_ADDRESS", "third", "write one of second, first"),
        ("ACCOUNTS_ON_HOLD_WHEN_ENDED", "Yes", "write one of off, Invoice, All"),
        ("UNKNOWN_STATE", "ignore", "write one of reject, leave_out"),
        ("MAP_COUNTY", "maybe", "write one of true, false"),
        ("MAP_STREET_NUMBER", "2", "write one of true, false"),
        ("MAX_PARALLELISM", "53", "write a whole number, 1 to 52"),
        ("MAX_PARALLELISM", "many", "write a whole number, 1 to 52"),
        ("HINTS_PER_MESSAGE", "0", "write a whole number, 1 to 100"),
        ("PULL_BUDGET_S", "0", "write a whole number, 1 or more"),
        ("REQUEST_TIMEOUT_S", "2.5", "write a whole number, 5 to 230"),
        ("GONE_LIMIT_COUNT", "-1", "write a whole number, 0 or more"),
        ("GONE_LIMIT_PERCENT", "101", "write a whole number, 0 to 100"),
        ("CHANGE_LIMIT_PERCENT", "5%", "write a whole number, 0 to 100"),
        ("AzureFunctionsJobHost__functionTimeout", "5", "write it as HH:MM:SS"),
        ("AzureFunctionsJobHost__functionTimeout", "-1", "write it as HH:MM:SS"),
    ],
)
def test_a_wrong_setting_is_reported_by_name_value_and_remedy(name: str, value: str, remedy: str) -> None:
    message = refused(**{name: value})
    told = "set (its value is not shown)" if name.endswith(("URL", "Uri")) else repr(value)
    assert message.startswith("1 setting to correct:\n")
    assert f"  {name} is {told}: " in message
    assert remedy in message


@pytest.mark.parametrize("name", ["DATAVERSE_URL", "FINOPS_URL", "COMPANY"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_blank_setting_counts_as_not_set(name: str, value: str | None) -> None:
    given = {**NEEDED, name: value or ""}
    if value is None:
        del given[name]
    with pytest.raises(SettingsInvalid, match=f"{name} is not set: "):
        FLOWS.read_settings(given)


def test_a_blank_setting_has_its_default() -> None:
    assert read(MAX_PARALLELISM=" ").MAX_PARALLELISM == 16


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(SettingsInvalid) as raised:
        FLOWS.read_settings(
            {
                "DATAVERSE_URL": "contoso",
                "MAX_PARALLELISM": "0",
                "PULL_BUDGET_S": "0",
                "ACCOUNTS_SHEDULE": "0 * * * * *",
            }
        )
    message = str(raised.value)
    assert message.startswith("7 settings to correct:\n")
    for beginning in (
        "DATAVERSE_URL is set (its value is not shown)",
        "FINOPS_URL is not set",
        "COMPANY is not set",
        "MAX_PARALLELISM is '0'",
        "AzureWebJobsStorage is not set",
        "PULL_BUDGET_S is '0'",
        "ACCOUNTS_SHEDULE is not a setting",
    ):
        assert f"\n  {beginning}" in message


@pytest.mark.parametrize("settings", [{"COMPANY": "toolong"}, {"MAP_COUNTY": "x"}, {"GONE_LIMIT_COUNT": "x"}])
def test_no_mistake_is_reported_in_the_words_of_a_library(settings: dict[str, str]) -> None:
    assert not re.search("Input should|pattern|unable to|valid", refused(**settings))


def test_the_storage_account_is_reached_by_both_addresses_instead() -> None:
    without = {name: value for name, value in NEEDED.items() if name != "AzureWebJobsStorage"}
    assert FLOWS.read_settings({**without, **ADDRESSES}).AzureWebJobsStorage is None


@pytest.mark.parametrize("left_out", [*ADDRESSES, None])
def test_without_a_storage_account_both_ways_are_reported(left_out: str | None) -> None:
    given = {name: value for name, value in {**NEEDED, **ADDRESSES}.items() if left_out and name != left_out}
    given.pop("AzureWebJobsStorage", None)
    with pytest.raises(SettingsInvalid, match=r"connection string.*or both.*tableServiceUri.*queueServiceUri"):
        FLOWS.read_settings({name: value for name, value in given.items() if name != "AzureWebJobsStorage"})


@pytest.mark.parametrize(
    "connection",
    [
        f"DefaultEndpointsProtocol=https;AccountName=abc;AccountKey={KEY};EndpointSuffix=core.windows.net",
        f"accountname=abc;accountkey={KEY}",
        "TableEndpoint=https://a.example/;QueueEndpoint=https://b.example/;SharedAccessSignature=sv=1&sig=x",
        "UseDevelopmentStorage=true",
    ],
)
def test_a_connection_string_is_taken_in_every_form(connection: str) -> None:
    assert read(AzureWebJobsStorage=connection).AzureWebJobsStorage == connection


@pytest.mark.parametrize(
    "connection", [KEY, f"AccountKey={KEY}", f"Account={KEY};AccountName=x", "AccountName=x;AccountKey="]
)
def test_a_broken_connection_string_is_refused_and_never_shown(connection: str) -> None:
    message = refused(AzureWebJobsStorage=connection)
    assert "AzureWebJobsStorage is set (its value is not shown)" in message
    assert "copy the whole connection string" in message
    assert KEY not in message


def test_the_connection_string_is_not_shown_with_other_mistakes() -> None:
    connection = f"AccountName=abc;AccountKey={KEY}"
    assert KEY not in refused(AzureWebJobsStorage=connection, COMPANY="toolong", PULL_BUDGET_S="0", ACCOUNTS_X="1")


def test_a_password_in_an_address_is_not_shown() -> None:
    message = refused(DATAVERSE_URL="https://user:hunter2@contoso.crm4.dynamics.com")
    assert "hunter2" not in message
    assert "scheme and host only" in message


def test_a_long_value_is_cut() -> None:
    assert len(refused(ACCOUNTS_SCOPE="x" * 10_000)) < 500


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ACCOUNTS_SHEDULE", "ACCOUNTS_SCHEDULE"),
        ("ACCOUNT_SCHEDULE", "ACCOUNTS_SCHEDULE"),
        ("accounts_scope", "ACCOUNTS_SCOPE"),
        ("UNKNOWN_STATES", "UNKNOWN_STATE"),
        ("MAX_PARALELISM", "MAX_PARALLELISM"),
        ("REQUEST_TIMEOUT", "REQUEST_TIMEOUT_S"),
        ("PULL_BUDGET", "PULL_BUDGET_S"),
        ("COMPAMY", "COMPANY"),
        ("DATAVERSE_URI", "DATAVERSE_URL"),
        ("MAP_DOCUMENTS", "MAP_DOCUMENT"),
    ],
)
def test_a_misspelled_name_is_reported_with_the_right_one(wrong: str, right: str) -> None:
    assert f"{wrong} is not a setting of this app: did you mean {right}?" in refused(**{wrong: "1"})


def test_a_name_that_only_begins_like_ours_is_to_be_removed() -> None:
    assert "GONE_FOO_BAR_BAZ is not a setting of this app: remove it" in refused(GONE_FOO_BAR_BAZ="1")


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "TZ",
        "FUNCTIONS_WORKER_RUNTIME",
        "PYTHON_THREADPOOL_THREAD_COUNT",
        "AzureWebJobsStorage__clientId",
        "AzureWebJobsStorage__credential",
        "AzureWebJobs.sweep.Disabled",
        "AzureFunctionsJobHost__logging__logLevel__default",
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        "WEBSITE_SITE_NAME",
        "REQUEST_METHOD",
    ],
)
def test_settings_of_others_are_left_alone(name: str) -> None:
    assert read(**{name: "anything"})


def test_names_are_found_as_windows_tells_them() -> None:
    assert FLOWS.read_settings({name.upper(): value for name, value in NEEDED.items()}) == FLOWS.read_settings(NEEDED)


@pytest.mark.parametrize(
    ("timeout", "budget", "pull_s", "run_s", "request_s"),
    [
        ("00:05:00", "150", 150, 150, 120),
        ("00:05:00", "900", 150, 150, 120),
        ("00:05:00", "60", 60, 150, 120),
        ("00:00:40", "150", 20, 20, 16),
        ("00:30:00", "150", 150, 900, 200),
    ],
)
def test_whatever_the_function_timeout_is_an_invocation_keeps_well_below_it(
    timeout: str, budget: str, pull_s: float, run_s: float, request_s: float
) -> None:
    settings = read(AzureFunctionsJobHost__functionTimeout=timeout, PULL_BUDGET_S=budget, REQUEST_TIMEOUT_S="200")
    assert (settings.pull_budget_s, settings.run_budget_s) == (pull_s, run_s)
    assert settings.request_timeout_s == request_s
    assert settings.run_budget_s + settings.request_timeout_s < settings.function_timeout_s


def test_the_timeout_is_given_in_seconds() -> None:
    assert read(AzureFunctionsJobHost__functionTimeout="01:02:03").function_timeout_s == 3723


def test_a_claim_outlives_the_longest_invocation_with_its_last_request() -> None:
    settings = read(REQUEST_TIMEOUT_S="100", AzureFunctionsJobHost__functionTimeout="00:10:00")
    assert settings.claim_live_s == 600 + 100 + 180
    assert settings.unsettled_live_s == 100 + 180


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(FLOWS.read_settings(NEEDED), "COMPANY", "dat")  # noqa: B010 - the type checker knows that it is frozen


def test_the_table_names_every_setting_with_its_meaning() -> None:
    rows = {name: (default, allowed, meaning) for name, default, allowed, meaning in settings_table(FLOWS.settings)}
    assert set(rows) == set(FLOWS.settings.model_fields)
    assert all(meaning for _, _, meaning in rows.values())
    assert rows["COMPANY"][0] == "required"
    assert rows["UNKNOWN_STATE"][:2] == ("reject", "reject, leave_out")
    assert rows["MAX_PARALLELISM"][:2] == ("16", "1 to 52")


ANY = st.text() | st.sampled_from(
    ["0", "1", "true", "all", "0 * * * * *", "https://a", "00:05:00", "\udc80", "9" * 5000]
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(FLOWS.settings.model_fields)), ANY))
def test_any_values_give_settings_or_one_message(values: dict[str, str]) -> None:
    try:
        assert FLOWS.read_settings({**NEEDED, **values}).COMPANY
    except SettingsInvalid as refusal:
        told = str(refusal)
    else:
        return
    assert int(told.split(maxsplit=1)[0]) >= 1


@settings(deadline=None)
@given(
    st.text(st.characters(categories=("L", "N")), min_size=12), st.sampled_from(["", "AccountKey=", "x=y;AccountKey="])
)
def test_no_connection_string_is_ever_shown(secret: str, before: str) -> None:
    try:
        read(AzureWebJobsStorage=before + secret, COMPANY="toolong")
    except SettingsInvalid as refusal:
        told = str(refusal)
    assert secret not in told.replace("AzureWebJobsStorage", "")
