"""The settings that lead to the storage account: they must agree, or the host takes one account and the sync another.

The host's triggers go by `AzureWebJobsStorage__accountName` where it is given, the sync goes by the two addresses, and
a connection string wins over both.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

CONNECTION = "AzureWebJobsStorage"
ACCOUNT_NAME = "AzureWebJobsStorage__accountName"
SERVICES: Mapping[str, str] = {
    service: f"AzureWebJobsStorage__{service}ServiceUri" for service in ("blob", "queue", "table")
}
NAME_RULE = "3 to 24 small letters and digits"
_NAME = re.compile(r"[a-z0-9]{3,24}")
# A text in the place of an account's name; Azure itself refuses a name that is too short.
_IN_PLACE = re.compile(r"[a-z0-9]{1,24}")
_WITHOUT_KEY = frozenset({"sharedaccesssignature", "usedevelopmentstorage"})
_COPY = "copy the whole connection string of the account"
EMULATOR = "devstoreaccount1"
# Names of services as they stand in addresses, such as ACCOUNT.table.core.windows.net.
_IN_ADDRESSES = frozenset({"blob", "queue", "table", "file", "dfs", "web"})


def is_account_name(text: str) -> bool:
    """Whether an account may have this name."""
    return _NAME.fullmatch(text) is not None


def connection_parts(text: str) -> dict[str, str]:
    """The parts of a connection string by their names in small letters."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().casefold(): value.strip() for name, _, value in pairs if value.strip()}


def connection_mistake(text: str) -> str:
    """What is wrong with a connection string, in words that show nothing of it; empty when nothing is."""
    parts = connection_parts(text)
    if not ({"accountname", "accountkey"} <= parts.keys() or parts.keys() & _WITHOUT_KEY):
        return f"it has no AccountName and AccountKey; {_COPY}"
    if not _IN_PLACE.fullmatch(parts.get("accountname", EMULATOR)):
        return f"its AccountName is no name of an account, {NAME_RULE}; {_COPY}"
    if not _is_base64(parts.get("accountkey", "")):
        return f"its AccountKey is cut or damaged; {_COPY}"
    for service in SERVICES:
        found = _service_of(parts.get(f"{service}endpoint", ""))
        if found not in (None, service):
            return f"its {service.capitalize()}Endpoint is the address of the {found} service; {_COPY}"
    return ""


def address_mistake(url: str, service: str) -> str:
    """What is wrong with the address of a service; empty when nothing is."""
    form = f"https://ACCOUNT.{service}.core.windows.net"
    try:
        parts = urlsplit(url)
        readable = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        readable = False
    if not readable or not url.isascii() or re.search(r"[\s\\]", url):
        return f"write it as {form}"
    if "@" in parts.netloc or "?" in url or "#" in url:
        return f"give no more than {form}"
    found = _service_of(url)
    return f"it is the address of the {found} service; write {form}" if found not in (None, service) else ""


def storage_mistakes(given: Mapping[str, str]) -> list[str]:
    """What is wrong between the settings: none of them leads to an account, or they lead to two."""
    if CONNECTION not in given and not {SERVICES["table"], SERVICES["queue"]} <= given.keys():
        return [
            f"{CONNECTION} is not set: give the connection string of the storage account, or both "
            f"{SERVICES['table']} and {SERVICES['queue']}"
        ]
    return two_accounts(accounts_named(given))


def two_accounts(by_setting: Mapping[str, str]) -> list[str]:
    """The mistake of settings that name different accounts, by the names of the settings; none where they agree."""
    if len(set(by_setting.values())) < 2:
        return []
    told = ", ".join(f"{setting} names {account}" for setting, account in by_setting.items())
    return [f"the storage settings name more than one account ({told}): correct or remove those of the other account"]


def account_of_address(url: str) -> str | None:
    """The account whose service has this address; None where the address does not say."""
    account = _host(url).partition(".")[0].removesuffix("-secondary")
    return account if _service_of(url) and _IN_PLACE.fullmatch(account) else None


def accounts_named(given: Mapping[str, str]) -> dict[str, str]:
    """The accounts that the settings name, as far as they do, by setting."""
    return dict(_accounts(given))


def _accounts(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    parts = connection_parts(given.get(CONNECTION, ""))
    named = parts.get("accountname", EMULATOR if "usedevelopmentstorage" in parts else "")
    found = {CONNECTION: named, ACCOUNT_NAME: given.get(ACCOUNT_NAME, "").strip()}
    yield from ((setting, account) for setting, account in found.items() if _IN_PLACE.fullmatch(account))
    addresses = {
        f"{service.capitalize()}Endpoint in {CONNECTION}": parts.get(f"{service}endpoint", "") for service in SERVICES
    }
    addresses |= {setting: given.get(setting, "") for setting in SERVICES.values()}
    for setting, address in addresses.items():
        account = account_of_address(address)
        if account:
            yield setting, account


def _service_of(url: str) -> str | None:
    return next((label for label in _host(url).split(".")[1:] if label in _IN_ADDRESSES), None)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
