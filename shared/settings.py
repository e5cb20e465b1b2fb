"""App settings: one model, read once; every mistake is reported together, by name, value and remedy."""

import difflib
import json
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from shared import ncrontab
from shared.counting import counted
from shared.discretion import HIDDEN, shown
from shared.errors import SettingsInvalid
from shared.storage_settings import ACCOUNT_NAME, SERVICES, address_mistake, connection_mistake, storage_mistakes

_OURS = re.compile(
    r"^(ACCOUNTS|CONTACTS|PRODUCTS|QUOTATIONS|BUSINESS|BULK|SWEEP|CLEANUP|RECONCILE|HISTORY|DATAVERSE|FINOPS|VALUE|UNKNOWN|MAP|GONE|CHANGE|PULL|"
    r"HINTS|CLAIM)_"
)
_PLATFORM = re.compile(r"^(AZURE|WEBSITE|FUNCTIONS|APPSETTING)", re.IGNORECASE)
_AS_GOOD_AS_OURS = 0.85
# The host reads these; they must not contradict ours.
_OF_THE_HOST = (ACCOUNT_NAME, SERVICES["blob"])
_LOOPBACK = ("localhost", "127.0.0.1", "::1")

_QUOTATION_STATUSES = (
    "Created", "Sent", "Confirmed", "Lost", "Cancelled", "Reset", "Modified", "Submitted", "Approved", "Revised",
)  # fmt: skip


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        readable = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:
        readable = False
    if not readable or not url.isascii() or re.search(r"[\s\\]", url):
        raise ValueError("write it as https://HOST")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("https is needed; http is for this computer only")
    if parts.path not in ("", "/") or "?" in url or "#" in url or "@" in parts.netloc:
        raise ValueError("give scheme and host only, as in https://HOST")
    return url.rstrip("/")


def _table_address(url: str) -> str:
    return _unless(address_mistake(url, "table"), url)


def _queue_address(url: str) -> str:
    return _unless(address_mistake(url, "queue"), url)


def _connection(text: str) -> str:
    return _unless(connection_mistake(text), text)


def _unless(mistake: str, text: str) -> str:
    if mistake:
        raise ValueError(mistake)
    return text


def _company(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{1,4}", text):
        raise ValueError("write the id of the legal entity, 1 to 4 letters or digits, such as usmf")
    return text


def _scope(text: str) -> str:
    if text in ("all", "linked"):
        return text
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as wrong:
        raise ValueError("write all, linked, or a day as YYYY-MM-DD") from wrong


def _time_zone(text: str) -> str:
    # The list of a computer may have `localtime`, which is that computer's own zone.
    if text not in available_timezones() - {"localtime"}:
        raise ValueError("write the IANA name of a time zone, such as Europe/Zurich")
    return text


def _statuses(text: str) -> str:
    given = [of.strip() for of in text.split(",") if of.strip()]
    if not given or not set(given) <= set(_QUOTATION_STATUSES):
        raise ValueError(f"write one or more of {', '.join(_QUOTATION_STATUSES)}, separated by commas")
    return ",".join(given)


def _seconds(text: str) -> str:
    if not re.fullmatch(r"[0-9]{2}:[0-5][0-9]:[0-5][0-9]", text) or text == "00:00:00":
        raise ValueError("write it as HH:MM:SS, such as 00:05:00")
    return text


def _form(text: str, *, open_: bool = False) -> Any:
    """How a value is written, for the documentation; `open_` where no value of its kind can be a secret."""
    return Field(json_schema_extra={"form": text, "open": open_})


Url = Annotated[str, AfterValidator(_origin), _form("`https://HOST`")]
TableAddress = Annotated[str, AfterValidator(_table_address), _form("`https://...`")]
QueueAddress = Annotated[str, AfterValidator(_queue_address), _form("`https://...`")]
Company = Annotated[str, AfterValidator(_company), _form("1 to 4 letters or digits", open_=True)]
Schedule = Annotated[str, AfterValidator(ncrontab.check), _form("NCRONTAB, six fields, UTC", open_=True)]
Scope = Annotated[str, AfterValidator(_scope), _form("all, linked, YYYY-MM-DD", open_=True)]
Statuses = Annotated[str, AfterValidator(_statuses), _form("members of SalesQuotationStatus", open_=True)]
TimeZone = Annotated[str, AfterValidator(_time_zone), _form("IANA name, such as Europe/Zurich", open_=True)]
Duration = Annotated[str, AfterValidator(_seconds), _form("HH:MM:SS", open_=True)]
OnHold = Literal["off", "Invoice", "All", "Payment", "Requisition", "Never", "PurchOrder"]


class _Times(BaseModel):
    """How long an invocation may last, and what it makes of it."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True, hide_input_in_errors=True)

    PULL_BUDGET_S: int = Field(
        default=150,
        ge=1,
        description="Seconds after which a pull stops; no more than half of the function timeout count",
    )
    AzureFunctionsJobHost__functionTimeout: Duration = Field(
        default="00:05:00", description="The host's function timeout; the same as in host.json"
    )

    @property
    def function_timeout_s(self) -> int:
        """How long an invocation may last, in seconds."""
        hours, minutes, seconds = map(int, self.AzureFunctionsJobHost__functionTimeout.split(":"))
        return hours * 3600 + minutes * 60 + seconds

    @property
    def run_budget_s(self) -> float:
        """After how many seconds an invocation begins nothing more; what it has begun ends well before the timeout."""
        return self.function_timeout_s / 2

    @property
    def pull_budget_s(self) -> float:
        """After how many seconds a pull stops."""
        return min(float(self.PULL_BUDGET_S), self.run_budget_s)


class Settings(_Times):
    """What a deployment decides. The names of the fields are the names of the app settings."""

    AzureWebJobsStorage: Annotated[str, AfterValidator(_connection), _form("connection string")] | None = Field(
        default=None, description="Storage account by key; needed unless both addresses below are given"
    )
    AzureWebJobsStorage__tableServiceUri: TableAddress | None = Field(
        default=None, description="Tables of the storage account, reached by the app's identity"
    )
    AzureWebJobsStorage__queueServiceUri: QueueAddress | None = Field(
        default=None, description="Queues of the storage account, reached by the app's identity"
    )
    AZURE_CLIENT_ID: str | None = Field(default=None, description="Client id of a user-assigned identity")
    DATAVERSE_URL: Url = Field(description="Environment of Dynamics 365 Sales")
    FINOPS_URL: Url = Field(description="Environment of Finance & Operations")
    COMPANY: Company = Field(description="Legal entity of F&O (dataAreaId)")
    VALUE_MAPS: Annotated[str, _form("path of a JSON file, or the JSON text")] | None = Field(
        default=None, description="Value-map document; not set: the one that is shipped"
    )
    ACCOUNTS_SCHEDULE: Schedule = Field(default="0 * * * * *", description="When `accounts_pull` runs")
    SWEEP_SCHEDULE: Schedule = Field(default="30 * * * * *", description="When `sweep` runs")
    CLEANUP_SCHEDULE: Schedule = Field(default="0 0 3 * * *", description="When `cleanup` runs")
    RECONCILE_SCHEDULE: Schedule = Field(default="0 0 4 * * 0", description="When `reconcile` runs")
    HISTORY_DAYS: int = Field(default=90, ge=1, description="Days for which history, runs and the audit are kept")
    ACCOUNTS_SCOPE: Scope = Field(
        default="all", description="Accounts without a link that are synced: all, none, or those changed since a day"
    )
    ACCOUNTS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject", description="A customer with the account's number exists and is not linked"
    )
    ACCOUNTS_PARTY_NUMBER: Literal["account_number", "finops"] = Field(
        default="account_number", description="Party number of a new customer"
    )
    ACCOUNTS_DELIVERY_ADDRESS: Literal["second", "first"] = Field(
        default="second", description="Address block that becomes the delivery address"
    )
    ACCOUNTS_ON_HOLD_WHEN_ENDED: OnHold = Field(
        default="off", description="OnHoldStatus of the customer of an ended account"
    )
    CONTACTS_SCHEDULE: Schedule = Field(default="0 * * * * *", description="When `contacts_pull` runs")
    CONTACTS_SCOPE: Scope = Field(
        default="all", description="Contacts without a link that are synced: all, none, or those changed since a day"
    )
    CONTACTS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject",
        description="A contact person or customer with the contact's number exists and is not linked",
    )
    CONTACTS_PARTY_NUMBER: Literal["contact_number", "finops"] = Field(
        default="contact_number", description="Party number of a new customer that is a contact"
    )
    CONTACTS_ON_HOLD_WHEN_ENDED: OnHold = Field(
        default="off", description="OnHoldStatus of the customer of an ended contact"
    )
    PRODUCTS_SCHEDULE: Schedule = Field(default="0 */15 * * * *", description="When `products_pull` runs")
    PRODUCTS_SCOPE: Literal["all", "linked"] = Field(
        default="all", description="Products without a link that are synced: all, or none"
    )
    PRODUCTS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject", description="A product with the same number exists in Sales and is not linked"
    )
    PRODUCTS_PUBLISH: bool = Field(
        default=True, description="Publish new and adopted products, so that they can be quoted"
    )
    PRODUCTS_WHEN_VANISHED: Literal["keep", "retire"] = Field(
        default="keep", description="A product is no longer sellable in F&O: leave it in Sales, or retire it"
    )
    PRODUCTS_PRICE_ITEMS: Literal["automation", "sync"] = Field(
        default="automation", description="Who writes price list items: the Sales solution's automation, or the sync"
    )
    PRODUCTS_ZERO_PRICE: Literal["no_item", "item"] = Field(
        default="no_item", description="A sales price of 0: no price list item, or one of 0"
    )
    PRODUCTS_FULL_WALK_DAYS: int = Field(
        default=7, ge=1, description="Days after which every product is looked at again, changed or not"
    )
    QUOTATIONS_SCHEDULE: Schedule = Field(default="0 * * * * *", description="When `quotations_pull` runs")
    QUOTATIONS_SCOPE: Scope = Field(
        default="all", description="Quotes without a link that are synced: all, none, or those changed since a day"
    )
    QUOTATIONS_ON_EXISTING: Literal["reject", "adopt"] = Field(
        default="reject", description="A quotation with the quote's number exists, and is not linked or another quote's"
    )
    QUOTATIONS_STATUSES: Statuses = Field(
        default="Created,Modified,Reset,Revised",
        description="Statuses in which F&O's quotation may still be changed, separated by commas",
    )
    QUOTATIONS_REQUESTED_DATE: Literal["shipping", "receipt"] = Field(
        default="shipping", description="Which date of the quotation the requested delivery date becomes"
    )
    BUSINESS_TIME_ZONE: TimeZone = Field(default="UTC", description="Where the day of a date is taken")
    UNKNOWN_STATE: Literal["reject", "leave_out"] = Field(
        default="reject", description="A state that is not in the list of its country in the value map"
    )
    STATE_WITHOUT_LIST: Literal["leave_out", "send"] = Field(
        default="leave_out", description="A state of a country that has no list in the value map"
    )
    MAP_COUNTY: bool = Field(default=False, description="Carry the county of addresses")
    MAP_STREET_NUMBER: bool = Field(default=False, description="Carry line 2 of addresses as street number")
    MAX_PARALLELISM: int = Field(default=16, ge=1, le=52, description="Most parallel requests to one system")
    HINTS_PER_MESSAGE: int = Field(default=100, ge=1, le=1000, description="Records per queue message")
    BULK_ROWS: int = Field(default=100, ge=1, le=1000, description="Rows per bulk request to Dataverse")
    REQUEST_TIMEOUT_S: int = Field(
        default=120,
        ge=5,
        le=230,
        description="Longest wait for an answer, in seconds; no more than two fifths of the function timeout count",
    )
    CLAIM_MARGIN_S: int = Field(
        default=180,
        ge=5,
        description="Seconds that a claim outlives invocation and request: for stalls and late landings",
    )
    GONE_LIMIT_COUNT: int = Field(default=20, ge=0, description="Records that may always go or change in one walk")
    GONE_LIMIT_PERCENT: int = Field(default=5, ge=0, le=100, description="Share of linked records that may go at once")
    CHANGE_LIMIT_PERCENT: int = Field(
        default=20, ge=0, le=100, description="Share of linked records that may change at once"
    )

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings of an environment. A blank value counts as not set.

        Raises SettingsInvalid that names every setting that is missing, wrong or misspelled.
        """
        given = {name: value for name, value in environ.items() if value.strip()}
        # Windows tells the names of its variables in capital letters only.
        ours = {name: given.get(name, given.get(name.upper())) for name in (*cls.model_fields, *_OF_THE_HOST)}
        values = {name: value.strip() for name, value in ours.items() if value is not None}
        mistakes = [*storage_mistakes(values), *_misspelled(given)]
        # An error of the model holds the values, so it is not chained.
        settings = None
        try:
            settings = cls.model_validate(values)
        except ValidationError as invalid:
            mistakes = [*map(_mistake, invalid.errors()), *mistakes]
        if settings is None or mistakes:
            listed = "\n".join(f"  {mistake}" for mistake in mistakes)
            raise SettingsInvalid(f"{counted(len(mistakes), 'setting')} to correct:\n{listed}")
        return settings

    @property
    def request_timeout_s(self) -> float:
        """How long an answer is waited for: what is asked within the run's budget is answered before the timeout."""
        return min(float(self.REQUEST_TIMEOUT_S), self.function_timeout_s * 2 / 5)

    @property
    def claim_live_s(self) -> int:
        """How long a worker's claim holds others off (protocol A3): no invocation and no request lives longer."""
        return self.function_timeout_s + self.REQUEST_TIMEOUT_S + self.CLAIM_MARGIN_S

    @property
    def unsettled_live_s(self) -> int:
        """How long a request of unknown outcome may still land (protocol A9)."""
        return self.REQUEST_TIMEOUT_S + self.CLAIM_MARGIN_S


def _mistake(error: Mapping[str, Any]) -> str:
    name = str(error["loc"][0])
    meaning = Settings.model_fields[name].description
    if error["type"] == "missing":
        return f"{name} is not set: {meaning}"
    schema = _schemas()[name]
    value = shown(error["input"]) if _is_open(schema) else HIDDEN
    return f"{name} is {value}: {_remedy(schema, error)} ({meaning})"


@cache
def _schemas() -> Mapping[str, Any]:
    properties: Mapping[str, Any] = Settings.model_json_schema()["properties"]
    return properties


def _is_open(schema: Mapping[str, Any]) -> bool:
    """Whether the values are of a kind that cannot hold a secret: choices, numbers, and what says so."""
    return "enum" in schema or schema.get("type") in ("integer", "boolean") or bool(schema.get("open"))


def _remedy(schema: Mapping[str, Any], error: Mapping[str, Any]) -> str:
    if error["type"] == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    kinds = {"integer": "a whole number, ", "boolean": "one of "}
    kind = "one of " if "enum" in schema else kinds.get(schema.get("type", ""), "")
    return f"write {kind}{_allowed(schema) or 'readable text'}"


def _misspelled(given: Mapping[str, str]) -> list[str]:
    """Names that look like ours and are not: a misspelled setting would silently mean its default."""
    known = Settings.model_fields
    in_capitals = {name.upper() for name in known}
    mistakes = []
    for name in given:
        if name in known or name in in_capitals or _PLATFORM.match(name):
            continue
        close = difflib.get_close_matches(name.upper(), known, 1)
        near = difflib.get_close_matches(name.upper(), known, 1, _AS_GOOD_AS_OURS)
        if _OURS.match(name.upper()) or near:
            mistakes.append(
                f"{name} is not a setting of this app: {f'did you mean {close[0]}?' if close else 'remove it'}"
            )
    return mistakes


def schedules() -> dict[str, str]:
    """When the timers run where nobody says otherwise, by the name of the setting: the one list of all timers. The host
    starts no app that lacks one of them, so whoever runs the app takes them from here."""
    return {name: str(field.default) for name, field in Settings.model_fields.items() if name.endswith("_SCHEDULE")}


def settings_table() -> list[tuple[str, str, str, str]]:
    """Name, default, allowed values and meaning of every setting, for the documentation."""
    properties = _schemas()
    rows = []
    for name, field in Settings.model_fields.items():
        default = properties[name].get("default")
        shown = "required" if field.is_required() else "" if default is None else json.dumps(default).strip('"')
        rows.append((name, shown, _allowed(properties[name]), field.description or ""))
    return sorted(rows, key=lambda row: row[0] in _Times.model_fields)


def _allowed(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "boolean":
        return "true, false"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None:
        return f"{low} to {high}" if high is not None else f"{low} or more"
    return str(schema.get("form") or next((of["form"] for of in schema.get("anyOf", ()) if "form" in of), ""))
