"""How the command line reaches the deployment: its settings, and the operator's own identity."""

import base64
import getpass
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential, AzureDeveloperCliCredential, ChainedTokenCredential

from shared.bootstrap import SystemClock, account_of, assemble, state_of
from shared.clients.credentials import managed_identity
from shared.errors import SettingsInvalid
from shared.operations.deeds import Deeds
from shared.operations.looking import LookOnly
from shared.settings import Settings
from shared.state.memory import MemoryQueues, MemoryTable
from shared.state.queues import Queues
from shared.state.rows import Table
from shared.state.storage import Storage
from shared.sync.parts import Parts

ACCOUNT = "STORAGE_ACCOUNT_NAME"
# Templates of addresses under which people find a record; {id}, {table}, {key} and {company} are filled in. Those of
# F&O differ from one environment to the other.
SALES_ADDRESS = "P2C_SALES_ADDRESS"
FINOPS_ADDRESS = "P2C_FINOPS_ADDRESS"
_TABLES = {"accounts": "account", "contacts": "contact"}
_SCOPE = "https://storage.azure.com/.default"
_SERVICES = {"table": "AzureWebJobsStorage__tableServiceUri", "queue": "AzureWebJobsStorage__queueServiceUri"}


class Mistake(Exception):
    """The user has to correct something; the message says what and how."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The identity of whoever is signed in on this computer. Raises Mistake when nobody is, or gets no token."""

    inner: TokenCredential

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """See TokenCredential."""
        try:
            return self.inner.get_token(*scopes, **options)
        except ClientAuthenticationError as refused:
            lines = str(refused.message).splitlines() or [""]
            raise Mistake(
                f"no token for {' '.join(scopes)}: call `az login` or `azd auth login` ({lines[0]})"
            ) from refused


@dataclass(frozen=True)
class Connection:
    """The deployment that a command works on. `looks_only` changes nothing in its storage; `without_state` leaves that
    aside: nothing is remembered."""

    environ: Mapping[str, str]
    looks_only: bool = False
    without_state: bool = False

    @cached_property
    def settings(self) -> Settings:
        """The settings of the deployment. Raises Mistake."""
        given = dict(self.environ)
        if self.without_state:
            given |= {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
        try:
            return Settings.read(given)
        except SettingsInvalid as invalid:
            raise Mistake(f"{invalid}\nGive them by --settings FILE, or in the environment.") from invalid

    @cached_property
    def credential(self) -> TokenCredential:
        """The operator's own identity; in the demo that of the app."""
        if "IDENTITY_ENDPOINT" in self.environ:
            os.environ |= {name: self.environ[name] for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")}
            return managed_identity()
        return SignedIn(ChainedTokenCredential(AzureCliCredential(), AzureDeveloperCliCredential()))

    @cached_property
    def parts(self) -> Parts:
        """Storage and both systems. Nobody is asked yet. Raises Mistake."""
        clock = SystemClock()
        tables: dict[str, Table] = {}

        def in_memory(name: str) -> Table:
            return tables.setdefault(name, MemoryTable(clock, name))

        queues: Queues = MemoryQueues(clock)
        state = state_of(in_memory)
        if not self.without_state:
            storage = Storage(account_of(self.settings, lambda: self.credential))
            state, queues = state_of(self._table_of(storage)), storage.queues
        try:
            return assemble(self.settings, state, queues, self.credential, clock).parts
        except SettingsInvalid as invalid:
            raise Mistake(str(invalid)) from invalid

    def _table_of(self, storage: Storage) -> Callable[[str], Table]:
        return (lambda name: LookOnly(storage.table(name))) if self.looks_only else storage.table

    @cached_property
    def deeds(self) -> Deeds:
        """Notes what this operator does."""
        return Deeds(self.parts, self._who())

    def flows(self, name: str | None) -> list[str]:
        """The flow with a name, or all of them. Raises Mistake."""
        known = list(self.parts.flows)
        if name is None:
            return known
        if name not in known:
            raise Mistake(f"there is no flow {name!r}; the flows are {', '.join(known)}")
        return [name]

    def addresses(self, flow: str, id: str, key: str | None) -> list[str]:
        """Where people find a record, as far as templates are given."""
        place = {"id": id, "table": _TABLES.get(flow, ""), "key": key or "", "company": self.settings.COMPANY}
        usual = f"{self.settings.DATAVERSE_URL}/main.aspx?pagetype=entityrecord&etn={{table}}&id={{id}}"
        found = []
        if place["table"]:
            found.append(_filled(self.environ.get(SALES_ADDRESS) or usual, place))
        if key and self.environ.get(FINOPS_ADDRESS):
            found.append(_filled(self.environ[FINOPS_ADDRESS], place))
        return found

    def _who(self) -> str:
        if self.settings.AzureWebJobsStorage:
            return f"{getpass.getuser()} (by key)"
        claims = _claims(self.credential.get_token(_SCOPE).token)
        return str(claims.get("upn") or claims.get("oid") or claims.get("appid") or "unknown")


def connect(settings: Path | None, *, looks_only: bool = False, without_state: bool = False) -> Connection:
    """The deployment of a settings file in the form of local.settings.json, or of the environment. With azd:
    `set -a; eval "$(azd env get-values)"; set +a`. Raises Mistake."""
    environ = dict(os.environ)
    if settings is not None:
        try:
            values = json.loads(settings.read_text(encoding="utf-8"))["Values"]
            environ |= {str(name): str(value) for name, value in values.items()}
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as wrong:
            raise Mistake(f"--settings {settings}: no settings can be read ({wrong!r}); name a file in the form of "
                          "local.settings.json.example") from wrong  # fmt: skip
    if ACCOUNT in environ and not environ.get("AzureWebJobsStorage"):
        for service, name in _SERVICES.items():
            environ.setdefault(name, f"https://{environ[ACCOUNT]}.{service}.core.windows.net")
    return Connection(environ, looks_only, without_state)


def _filled(template: str, place: Mapping[str, str]) -> str:
    for name, value in place.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _claims(token: str) -> Mapping[str, object]:
    """What a token of our own says of us. It is for the record only, so nobody checks its signature."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
