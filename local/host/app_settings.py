"""App settings: what `local.settings.json` and the environment say, and how bindings refer to them."""

import re
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from local.host.documents import read_document
from local.host.errors import SettingsInvalid

REFERENCE = re.compile(r"%([^%]+)%")
PLAIN_NAME = re.compile(r"[A-Za-z_.:]{1,64}")

# The emulator's account and key are published constants; `UseDevelopmentStorage=true` means these.
DEVELOPMENT_STORAGE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
    "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;"
    "QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1;"
    "TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


class AppSettings(Mapping[str, str]):
    """App settings by name; names count without regard to case, as in the real host."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._names = {name.casefold(): name for name in values}
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[self._names[name.casefold()]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def over(self, environment: Mapping[str, str]) -> "AppSettings":
        """Return these settings under `environment`, which wins where both name a setting."""
        return AppSettings({**{n: v for n, v in self.items() if n not in environment}, **environment})

    def export(self, environment: MutableMapping[str, str]) -> None:
        """Make every setting visible to the app as an environment variable; existing ones stay."""
        for name, value in self.items():
            environment.setdefault(name, value)

    def resolve(self, text: str, *, where: str) -> str:
        """Return `text` with every `%NAME%` replaced; raise `SettingsInvalid` naming `where` if one is missing."""

        def value_of(found: re.Match[str]) -> str:
            value = self.get(found[1])
            if value is None:
                raise SettingsInvalid(f"{where} refers to %{found[1]}%: add an app setting {found[1]}")
            return value

        return REFERENCE.sub(value_of, text)

    def connection_string(self, name: str, *, where: str) -> str:
        """Return the storage connection string that a binding's `connection` names."""
        value = self.get(f"AzureWebJobs{name}") or self.get(name)
        if not value:
            raise SettingsInvalid(f"{where}: {self._no_connection(name)}")
        if not _leads_to_an_account(value):
            raise SettingsInvalid(f"{where}: {name} is not a connection string: copy the whole one of the account")
        return DEVELOPMENT_STORAGE if value.strip().rstrip(";") == "UseDevelopmentStorage=true" else value

    def _no_connection(self, name: str) -> str:
        prefix = f"{name}__".casefold()
        if any(key.startswith(prefix) for key in self._names):
            return f"the connection {name} is identity-based; this host takes a connection string in {name}"
        return f"add an app setting {name} that holds a storage connection string"

    def is_disabled(self, function_name: str) -> bool:
        """True when `AzureWebJobs.<function>.Disabled` switches the function off."""
        return self.get(f"AzureWebJobs.{function_name}.Disabled", "").strip().casefold() in {"true", "1"}


def read_local_settings(path: Path) -> AppSettings:
    """Read the `Values` of a `local.settings.json`."""
    document = read_document(path, "create it, or name another file")
    values = document.get("Values") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(values, dict):
        raise SettingsInvalid(f'{path} has no object "Values": put the app settings there')
    if document.get("IsEncrypted") is True:
        raise SettingsInvalid(f"{path} is encrypted: run `func settings decrypt` first")
    wrong = sorted(name for name, value in values.items() if not isinstance(value, str) or not _can_be_set(value))
    if wrong:
        listed = ", ".join(name if PLAIN_NAME.fullmatch(name) else "(a name that is not shown)" for name in wrong)
        raise SettingsInvalid(f"{path}: the values of {listed} must be strings without NUL: put them in quotes")
    return AppSettings(values)


def _leads_to_an_account(connection: str) -> bool:
    parts = {
        name.strip().casefold() for name, _, value in (each.partition("=") for each in connection.split(";")) if value
    }
    return {"accountname", "accountkey"} <= parts or bool(parts & {"sharedaccesssignature", "usedevelopmentstorage"})


def _can_be_set(text: str) -> bool:
    """Whether a variable of the environment takes it."""
    return "\0" not in text and text.encode("utf-8", "ignore").decode() == text
