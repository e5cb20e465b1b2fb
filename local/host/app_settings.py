"""App settings: what `local.settings.json` and the environment say, and how bindings refer to them."""

import re
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path

from local.host.errors import SettingsInvalid
from shared import errors
from shared.settings_file import read_settings_file
from shared.storage_settings import connection_mistake

REFERENCE = re.compile(r"%([^%]+)%")

# The emulator's account and key are published constants; `UseDevelopmentStorage=true` stands for them.
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
        """Return `text` with every `%NAME%` replaced; raise `SettingsInvalid` naming `where` when one is missing."""

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
        mistake = connection_mistake(value)
        if mistake:
            raise SettingsInvalid(f"{where}: the connection string {name} cannot be used: {mistake}")
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
    try:
        return AppSettings(read_settings_file(path))
    except errors.SettingsInvalid as invalid:
        refusal = str(invalid)
    raise SettingsInvalid(refusal)
