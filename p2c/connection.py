"""How the command line connects to the deployment: its settings, and the operator's own identity."""

import base64
import getpass
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential

from p2c.addresses import filled, meant
from p2c.demo import require_demo
from p2c.mistakes import Mistake
from p2c.network import Network
from shared import exact_json
from shared.bootstrap import account_of, assemble, state_of
from shared.clients.http.credentials import managed_identity
from shared.clients.http.origin import Origin
from shared.clients.http.signing_in import DeveloperSignIn
from shared.clock import SystemClock
from shared.discretion import shown
from shared.errors import NotSignedIn, SettingsInvalid
from shared.flows.spec import Deployment, Flows
from shared.mapping.map_source import require_readable, told_of_file
from shared.operations.audit_log import AuditLog
from shared.operations.lookup import is_elsewhere, pasted, table_of_address
from shared.operations.read_later import ReadLaterTable
from shared.operations.read_once import ReadOnceTable
from shared.operations.read_only import ReadOnlyTable
from shared.outbound import Way
from shared.records import SourceRow
from shared.service import Service
from shared.settings import Settings
from shared.settings_file import ValuesInvalid, read_settings_file
from shared.state.failures import Failure
from shared.state.storage.account import Storage
from shared.state.storage.memory import MemoryQueues, MemoryTable
from shared.state.storage.queues import Queues
from shared.state.storage.tables import Table
from shared.storage_settings import CONNECTION, NAME_RULE, SERVICES, accounts_named, is_account_name, two_accounts
from shared.systems import System

ACCOUNT = "STORAGE_ACCOUNT_NAME"
# Templates of addresses (p2c/addresses.py).
SALES_ADDRESS = "P2C_SALES_ADDRESS"
FINOPS_ADDRESS = "P2C_FINOPS_ADDRESS"
_NO_FILE = "name a file that exists; a demo's is there while it runs"
_PASSED = (
    'Pass them with --settings FILE, or in the environment; with azd: `set -a; eval "$(azd env get-values)"; set +a`.'
)
MAPS = "MAP_DOCUMENT"
# Where no system is called: they pass the checks of settings, and lead nowhere.
_PLACEHOLDERS = {
    "DATAVERSE_URL": "https://sales.example.com",
    "FINOPS_URL": "https://finops.example.com",
    "COMPANY": "demo",
}
_SCOPE = "https://storage.azure.com/.default"
# A placeholder for a storage account that is never called.
_NO_STATE = {CONNECTION: "UseDevelopmentStorage=true"}


@dataclass(frozen=True, slots=True)
class Operator:
    """The identity of the user who is signed in on this computer. Raises Mistake if there is none, or if no token is
    issued."""

    inner: TokenCredential

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for these scopes."""
        try:
            return self.inner.get_token(*scopes, **options)
        except NotSignedIn as nobody:
            raise Mistake(str(nobody)) from nobody


@dataclass(frozen=True)
class Connection:
    """The deployment that a command works on. `registry` holds the flows of the app. With `looks_only` its storage is
    not changed; with `without_state` it is not used at all. `map_file` is a map document that is tried
    instead of that of the settings. With `for_pages`, what is shown together reads no row twice (see reading_once),
    and what is not urgent reads later (see reading_later)."""

    registry: Flows
    environ: Mapping[str, str]
    looks_only: bool = False
    without_state: bool = False
    map_file: Path | None = None
    for_pages: bool = False

    def with_map(self, file: Path | None, *, placeholders: bool = False) -> "Connection":
        """The same with another map document, unless `file` is None. With `placeholders`, settings that say where the
        systems are may be missing: for what calls no system. Raises Mistake for a file that cannot be read."""
        given = {name: value for name, value in self.environ.items() if value.strip()}
        environ = {**_PLACEHOLDERS, **given} if placeholders else given
        if file is not None:
            _require_readable(file)
            environ[MAPS] = str(file)
        return replace(self, environ=environ, map_file=file)

    @cached_property
    def settings(self) -> Settings:
        """The settings of the deployment. Raises Mistake."""
        try:
            return self.registry.read_settings(self.environ)
        except SettingsInvalid as invalid:
            mistake = Mistake(f"{invalid}\n{_PASSED}")
        raise mistake

    @cached_property
    def deployment(self) -> Deployment:
        """The flows with the settings and the map document of the deployment. Raises Mistake."""
        settings = self.settings
        try:
            return self.registry.deployment(settings)
        except SettingsInvalid as invalid:
            mistake = Mistake(str(invalid) if self.map_file is None else told_of_file(invalid))
        raise mistake

    @cached_property
    def credential(self) -> TokenCredential:
        """The operator's own identity; in the demo, that of the app."""
        if "IDENTITY_ENDPOINT" in self.environ:
            names = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER")
            os.environ |= {name: self.environ[name] for name in names if name in self.environ}
            return managed_identity()
        return Operator(DeveloperSignIn())

    @cached_property
    def way(self) -> Way:
        """How requests leave this computer."""
        return Network()

    @cached_property
    def service(self) -> Service:
        """Storage and both systems. Nothing is called yet. Raises Mistake."""
        clock = SystemClock()
        tables: dict[str, Table] = {}

        def in_memory(name: str) -> Table:
            return tables.setdefault(name, MemoryTable(clock, name))

        queues: Queues = MemoryQueues(clock)
        state = state_of(in_memory)
        try:
            if not self.without_state:
                storage = Storage(account_of(self.settings, lambda: self.credential, self.way))
                state, queues = state_of(self._table_of(storage)), storage.queues
            return assemble(self.deployment, state, queues, self.credential, clock, way=self.way)
        except SettingsInvalid as invalid:
            mistake = Mistake(str(invalid))
        raise mistake

    def _table_of(self, storage: Storage) -> Callable[[str], Table]:
        def table(name: str) -> Table:
            made: Table = storage.table(name)
            made = ReadOnlyTable(made) if self.looks_only else made
            return ReadOnceTable(ReadLaterTable(made)) if self.for_pages else made

        return table

    @cached_property
    def audit_log(self) -> AuditLog:
        """The audit log of this operator's actions."""
        return self.service.audit_log(self._who())

    def flows(self, name: str | None) -> list[str]:
        """The flow with a name, or all of them. Raises Mistake."""
        known = list(self.registry.names)
        if name is None:
            return known
        if name not in known:
            raise Mistake(f"there is no flow {name!r}; the flows are {', '.join(known)}")
        return [name]

    def addresses(self, flow: str, id: str, key: str | None, row: SourceRow | None = None) -> list[str]:
        """The addresses of a record, as far as templates are given; `row` is the record if it was read anyway."""
        in_finops = id if self.service.flows[flow].source_system is System.FINOPS else key
        in_sales = self._row_in_sales(flow, id, row)
        table, company = self.registry[flow].sales_table, self.settings.COMPANY
        place = {"id": in_sales or "", "table": table, "key": in_finops or "", "company": company}
        sales, finops = self._templates
        found = [filled(sales, place)] if table and in_sales else []
        return [*found, filled(finops, place)] if in_finops and finops else found

    def _row_in_sales(self, flow: str, id: str, row: SourceRow | None) -> str | None:
        """Sales opens a row by its id; a flow may identify its records by something else, such as a number."""
        row_in_sales = self.registry[flow].row_in_sales
        if row_in_sales is None:
            return id
        if row is not None:
            return row_in_sales(row)
        made_from = self.service.state.links.load(flow, [id])[id].content.revisions
        return max(made_from, key=lambda id: made_from[id], default=None)

    def address_of_row(self, table: str, id: str) -> str:
        """The address of a row of Sales."""
        return filled(self._templates[0], {"id": id, "table": table, "key": "", "company": self.settings.COMPANY})

    def addresses_of_rival(self, failure: Failure | None) -> list[str]:
        """The addresses of the record that already has the key which a failed one needs."""
        if failure is None or failure.rival is None:
            return []
        flow, id = failure.rival
        link = self.service.state.links.load(flow, [id])[id]
        return self.addresses(flow, id, link.target_key or link.held_key)

    def meant(self, text: str) -> str:
        """The id or key in what the user typed, which may be the address of a record."""
        return meant([template for template in self._templates if template], pasted(text)) or text

    def meant_in(self, flow: str, text: str) -> str:
        """The same for a record of one flow. Raises Mistake for the address of a row in Sales that is a record of
        another flow from Sales, or a row of another environment. A record of F&O is named as F&O has it, so no row of
        Sales is one."""
        in_finops = meant(self._templates[1:], pasted(text))
        if in_finops is not None:
            return in_finops
        sales = Origin.parse(str(self.settings.DATAVERSE_URL))
        if is_elsewhere(text, sales) and meant(self._templates[:1], pasted(text)) is None:
            raise Mistake(
                "the address is that of a row of another environment: copy it from the one that DATAVERSE_URL names"
            )
        table = table_of_address(text, sales)
        flows = [self.registry[name] for name in self.registry.names]
        tables = {name: each.name for each in flows for name in (each.sales_table, each.results_in) if name}
        other = tables.get(table, flow)
        if other != flow and self.registry[flow].source is System.DATAVERSE:
            raise Mistake(
                f"the address is that of a row of `{table}`, which is no record of {flow}: name the flow {other}"
            )
        return self.meant(text)

    @property
    def _templates(self) -> Sequence[str]:
        usual = f"{self.settings.DATAVERSE_URL}/main.aspx?pagetype=entityrecord&etn={{table}}&id={{id}}"
        return self.environ.get(SALES_ADDRESS) or usual, self.environ.get(FINOPS_ADDRESS, "")

    def _who(self) -> str:
        if self.settings.AzureWebJobsStorage:
            return f"{getpass.getuser()} (by key)"
        claims = _claims(self.credential.get_token(_SCOPE).token)
        return str(claims.get("upn") or claims.get("oid") or claims.get("appid") or "unknown")


def connect(
    registry: Flows, settings: Path | None, *, looks_only: bool = False, without_state: bool | None = False
) -> Connection:
    """The deployment of a settings file in the form of local.settings.json, or of the environment. With azd:
    `set -a; eval "$(azd env get-values)"; set +a`. With `without_state` None, its storage is used if it is named.
    Raises Mistake."""
    environ = dict(os.environ)
    mistake = ""
    if settings is not None:
        values, mistake = _values_of(settings)
        require_demo(settings, values)
        if any(map(_is_of_storage, values)):
            # The file's own account counts, whatever the environment says about another one.
            environ = _without_storage(environ)
        environ |= values
    if without_state is None:
        without_state = not any(_is_of_storage(name) and value.strip() for name, value in environ.items())
    environ = _without_storage(environ) | _NO_STATE if without_state else _with_addresses(environ)
    connection = Connection(registry, environ, looks_only, without_state)
    if mistake:
        raise Mistake(_with_others(mistake, connection))
    return connection


def _values_of(file: Path) -> tuple[Mapping[str, str], str]:
    """The settings of a file, and what is wrong with values of it; empty if nothing is. Raises Mistake for a file that
    cannot be read."""
    try:
        return read_settings_file(file, if_missing=_NO_FILE), ""
    except ValuesInvalid as invalid:
        return invalid.others, f"--settings {invalid}"
    except SettingsInvalid as invalid:
        mistake = Mistake(f"--settings {invalid}")
    raise mistake


def _with_others(mistake: str, connection: Connection) -> str:
    """A mistake in the settings file, together with the others that can be found behind it."""
    try:
        _ = connection.settings
    except Mistake as others:
        return f"{mistake}\n{others}"
    return mistake


def _require_readable(file: Path) -> None:
    try:
        require_readable(file)
    except SettingsInvalid as invalid:
        raise Mistake(told_of_file(invalid)) from None


def _is_of_storage(name: str) -> bool:
    return name == ACCOUNT or name.upper().startswith("AZUREWEBJOBSSTORAGE")


def _without_storage(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if not _is_of_storage(name)}


def _with_addresses(environ: Mapping[str, str]) -> dict[str, str]:
    """The addresses that follow from the name of the storage account. Raises Mistake if it is not a name, or names
    another account."""
    account = environ.get(ACCOUNT, "").strip()
    if not account:
        return dict(environ)
    if not is_account_name(account):
        raise Mistake(f"{ACCOUNT} is {shown(account)}: write the name of the storage account, {NAME_RULE}")
    for mistake in two_accounts({ACCOUNT: account, **accounts_named(environ)}):
        raise Mistake(mistake)
    if environ.get(CONNECTION, "").strip():
        return dict(environ)
    addresses = {SERVICES[each]: f"https://{account}.{each}.core.windows.net" for each in ("table", "queue")}
    given = {name: value for name, value in environ.items() if value.strip()}
    return {**environ, **addresses, **{name: given[name] for name in addresses.keys() & given.keys()}}


def _claims(token: str) -> Mapping[str, object]:
    """Who the token says that we are. This is for the audit log only, so the signature is not checked."""
    try:
        part = token.split(".")[1]
        claims = exact_json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        return {}
    return claims if isinstance(claims, dict) else {}
