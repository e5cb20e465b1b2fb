"""The settings that lead to the storage account name one account, each by the address of its own service."""

import pytest

from shared.errors import SettingsInvalid
from shared.flows.registry import FLOWS

SYSTEMS = {
    "DATAVERSE_URL": "https://contoso.crm4.dynamics.com",
    "FINOPS_URL": "https://contoso.operations.dynamics.com",
    "COMPANY": "usmf",
}
NAME, CONNECTION = "AzureWebJobsStorage__accountName", "AzureWebJobsStorage"
BLOB, QUEUE, TABLE = (f"AzureWebJobsStorage__{service}ServiceUri" for service in ("blob", "queue", "table"))
KEY = "c2VjcmV0"


def addresses(table: str = "syncaccount", queue: str = "syncaccount") -> dict[str, str]:
    """The addresses of the tables and queues of accounts."""
    return {
        TABLE: f"https://{table}.table.core.windows.net",
        QUEUE: f"https://{queue}.queue.core.windows.net",
    }


def by_key(account: str = "syncaccount", more: str = "") -> dict[str, str]:
    """A connection string."""
    return {CONNECTION: f"DefaultEndpointsProtocol=https;AccountName={account};AccountKey={KEY}{more}"}


def refused(**given: str) -> str:
    """Why storage settings are refused."""
    with pytest.raises(SettingsInvalid) as caught:
        FLOWS.read_settings({**SYSTEMS, **given})
    assert KEY not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        addresses(),
        by_key(),
        {**addresses(), NAME: "syncaccount", BLOB: "https://syncaccount.blob.core.windows.net/"},
        {**addresses(), **by_key()},
        by_key(more=";TableEndpoint=https://syncaccount.table.core.windows.net"),
        {
            TABLE: "https://syncaccount.z1.table.storage.azure.net",
            QUEUE: "https://syncaccount.queue.core.usgovcloudapi.net",
        },
        {TABLE: "https://tables.contoso.example", QUEUE: "https://queues.contoso.example"},
        {TABLE: "https://127.0.0.1:10002/devstoreaccount1", QUEUE: "https://127.0.0.1:10001/devstoreaccount1"},
        {CONNECTION: "UseDevelopmentStorage=true", NAME: "devstoreaccount1"},
    ],
)
def test_settings_that_agree_are_taken(given: dict[str, str]) -> None:
    assert FLOWS.read_settings({**SYSTEMS, **given})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({**addresses(), NAME: "hostaccount"}, f"{NAME} names hostaccount, {QUEUE} names syncaccount"),
        (addresses(queue="other"), f"{QUEUE} names other, {TABLE} names syncaccount"),
        ({**addresses(), BLOB: "https://other.blob.core.windows.net"}, f"{BLOB} names other"),
        ({**by_key(), QUEUE: addresses(queue="other")[QUEUE]}, f"{CONNECTION} names syncaccount, {QUEUE} names other"),
        ({**by_key(), NAME: "other"}, f"{CONNECTION} names syncaccount, {NAME} names other"),
        ({CONNECTION: "UseDevelopmentStorage=true", **addresses()}, f"{CONNECTION} names devstoreaccount1"),
        (
            by_key(more=";QueueEndpoint=https://other.queue.core.windows.net"),
            f"QueueEndpoint in {CONNECTION} names other",
        ),
    ],
)
def test_two_accounts_are_refused_by_the_names_of_their_settings(given: dict[str, str], told: str) -> None:
    message = refused(**given)
    assert message.startswith("1 setting to correct:\n  the storage settings name more than one account (")
    assert told in message
    assert message.endswith("): correct or remove those of the other account")


def test_addresses_that_are_swapped_are_told_one_by_one() -> None:
    given = addresses()
    message = refused(**{TABLE: given[QUEUE], QUEUE: given[TABLE]})
    assert f"{TABLE} is set (its value is not shown): it is the address of the queue service" in message
    assert f"{QUEUE} is set (its value is not shown): it is the address of the table service" in message


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            ";TableEndpoint=https://syncaccount.queue.core.windows.net",
            "its TableEndpoint is the address of the queue service",
        ),
        ("x", "its AccountKey is cut or damaged"),
    ],
)
def test_a_damaged_connection_string_says_what_is_wrong(more: str, told: str) -> None:
    assert told in refused(**by_key(more=more))


@pytest.mark.parametrize("behind", ["?sv=2022&sig=c2VjcmV0", "#c2VjcmV0"])
def test_an_address_takes_no_signature(behind: str) -> None:
    given = addresses()
    assert "give no more than https://ACCOUNT.table.core.windows.net" in refused(
        **{**given, TABLE: given[TABLE] + behind}
    )
