"""App settings: one model, read once; every mistake is reported together, by name, value and remedy."""

import difflib
import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import SettingsInvalid

CLAIM_MARGIN_S = 180
_SECRET = re.compile(r"^AzureWebJobsStorage$")
_OURS = re.compile(r"^(ACCOUNTS|SWEEP|DATAVERSE|FINOPS|VALUE|UNKNOWN|MAP|GONE|CHANGE|PULL|HINTS)_")
_CRON_FIELD = re.compile(r"^[\d*/,\-]+$|^[A-Za-z]{3}([,\-][A-Za-z]{3})*$")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise ValueError("write it as https://HOST")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("https is needed; http is for this computer only")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("only scheme and host belong here, nothing behind them")
    return url.rstrip("/")


def _schedule(text: str) -> str:
    fields = text.split()
    if len(fields) != 6 or not all(_CRON_FIELD.match(field) for field in fields):
        raise ValueError("an NCRONTAB expression has six fields (second minute hour day month weekday), in UTC")
    return text


def _scope(text: str) -> str:
    if text in ("all", "linked"):
        return text
    try:
        date.fromisoformat(text)
    except ValueError as wrong:
        raise ValueError("give all, linked, or a day as YYYY-MM-DD") from wrong
    return text


def _seconds(text: str) -> str:
    if not re.fullmatch(r"\d\d:[0-5]\d:[0-5]\d", text) or text == "00:00:00":
        raise ValueError("write it as HH:MM:SS")
    return text


Url = Annotated[str, AfterValidator(_origin)]
Schedule = Annotated[str, AfterValidator(_schedule)]


class Settings(BaseModel):
    """What a deployment decides. The names of the fields are the names of the app settings."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    AzureWebJobsStorage: str | None = Field(default=None, description="Connection string of the storage account, or")
    AzureWebJobsStorage__tableServiceUri: str | None = Field(
        default=None, description="address of its tables and", pattern=r"^https://"
    )
    AzureWebJobsStorage__queueServiceUri: str | None = Field(
        default=None, description="of its queues, reached by the app's identity", pattern=r"^https://"
    )
    AZURE_CLIENT_ID: str | None = Field(default=None, description="Client id of a user-assigned identity")
    DATAVERSE_URL: Url = Field(description="Environment of Dynamics 365 Sales")
    FINOPS_URL: Url = Field(description="Environment of Finance & Operations")
    COMPANY: str = Field(pattern=r"^[A-Za-z0-9]{1,4}$", description="Legal entity (dataAreaId): 1 to 4 characters")
    VALUE_MAPS: str | None = Field(
        default=None, description="Value-map document: a path or the JSON text; blank: shipped"
    )
    ACCOUNTS_SCHEDULE: Schedule = Field(default="0 * * * * *", description="When `accounts_pull` runs (NCRONTAB, UTC)")
    SWEEP_SCHEDULE: Schedule = Field(default="30 * * * * *", description="When `sweep` runs (NCRONTAB, UTC)")
    ACCOUNTS_SCOPE: Annotated[str, AfterValidator(_scope)] = Field(
        default="all", description="Accounts without a link that are synced: all, linked (none), or changed since a day"
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
    ACCOUNTS_ON_HOLD_WHEN_ENDED: Literal["off", "Invoice", "All", "Payment", "Requisition", "Never", "PurchOrder"] = (
        Field(default="off", description="OnHoldStatus of the customer of an ended account")
    )
    UNKNOWN_STATE: Literal["reject", "leave_out"] = Field(
        default="reject", description="A state that is not in the value map"
    )
    MAP_COUNTY: bool = Field(default=False, description="Carry the county of addresses")
    MAP_STREET_NUMBER: bool = Field(default=False, description="Carry line 2 of addresses as street number")
    MAX_PARALLELISM: int = Field(default=16, ge=1, le=52, description="Most parallel requests to one system")
    HINTS_PER_MESSAGE: int = Field(default=100, ge=1, le=100, description="Records per queue message")
    PULL_BUDGET_S: int = Field(default=240, ge=1, description="Seconds after which a pull stops; below the timeout")
    REQUEST_TIMEOUT_S: int = Field(default=120, ge=5, le=230, description="Longest wait for an answer, in seconds")
    GONE_LIMIT_COUNT: int = Field(default=20, ge=0, description="Records that may always go or change in one walk")
    GONE_LIMIT_PERCENT: int = Field(default=5, ge=0, le=100, description="Share of linked records that may go at once")
    CHANGE_LIMIT_PERCENT: int = Field(
        default=20, ge=0, le=100, description="Share of linked records that may change at once"
    )
    AzureFunctionsJobHost__functionTimeout: Annotated[str, AfterValidator(_seconds)] = Field(
        default="00:05:00", description="The host's function timeout; the same as in host.json"
    )

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings of an environment. A blank value counts as not set.

        Raises SettingsInvalid that names every setting that is missing, wrong or misspelled.
        """
        given = {name: value for name, value in environ.items() if value.strip()}
        mistakes = _misspelled(given)
        try:
            settings = cls.model_validate({name: given[name] for name in cls.model_fields if name in given})
        except ValidationError as invalid:
            mistakes = [*(_mistake(error) for error in invalid.errors()), *mistakes]
        if mistakes:
            listed = "\n".join(f"  {mistake}" for mistake in mistakes)
            raise SettingsInvalid(f"{len(mistakes)} setting(s) to correct:\n{listed}")
        return settings

    @model_validator(mode="after")
    def _storage_is_reachable(self) -> "Settings":
        by_identity = self.AzureWebJobsStorage__tableServiceUri and self.AzureWebJobsStorage__queueServiceUri
        if not self.AzureWebJobsStorage and not by_identity:
            raise ValueError(
                "AzureWebJobsStorage is not set: give a connection string, or both "
                "AzureWebJobsStorage__tableServiceUri and AzureWebJobsStorage__queueServiceUri"
            )
        return self

    @model_validator(mode="after")
    def _pull_ends_in_time(self) -> "Settings":
        if self.function_timeout_s <= self.PULL_BUDGET_S:
            raise ValueError(
                f"PULL_BUDGET_S is {self.PULL_BUDGET_S}: it must be below the function timeout "
                f"of {self.function_timeout_s} s"
            )
        return self

    @property
    def function_timeout_s(self) -> int:
        """How long an invocation may last, in seconds."""
        hours, minutes, seconds = map(int, self.AzureFunctionsJobHost__functionTimeout.split(":"))
        return hours * 3600 + minutes * 60 + seconds

    @property
    def claim_live_s(self) -> int:
        """How long a worker's claim holds others off (protocol A3): no invocation and no request lives longer."""
        return self.function_timeout_s + self.REQUEST_TIMEOUT_S + CLAIM_MARGIN_S

    @property
    def unsettled_live_s(self) -> int:
        """How long a request of unknown outcome may still land (protocol A9)."""
        return self.REQUEST_TIMEOUT_S + CLAIM_MARGIN_S


def _mistake(error: Mapping[str, Any]) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not name:
        return message
    meaning = Settings.model_fields[name].description
    if error["type"] == "missing":
        return f"{name} is not set: {meaning}"
    shown = "(not shown)" if _SECRET.match(name) else repr(error["input"])
    return f"{name} is {shown}: {message} ({meaning})"


def _misspelled(given: Mapping[str, str]) -> list[str]:
    """Settings that begin like ours and are none of ours: a misspelled name would silently mean its default."""
    mistakes = []
    for name in given:
        if _OURS.match(name) and name not in Settings.model_fields:
            close = difflib.get_close_matches(name, Settings.model_fields, 1)
            hint = f"did you mean {close[0]}?" if close else "remove it"
            mistakes.append(f"{name} is not a setting of this app: {hint}")
    return mistakes


def settings_table() -> list[tuple[str, str, str, str]]:
    """Name, default, allowed values and meaning of every setting, for the documentation."""
    properties = Settings.model_json_schema()["properties"]
    rows = []
    for name, field in Settings.model_fields.items():
        shown = "required" if field.is_required() else "" if field.default is None else str(field.default)
        rows.append((name, shown, _allowed(properties[name]), field.description or ""))
    return rows


def _allowed(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "boolean":
        return "true, false"
    low, high = schema.get("minimum"), schema.get("maximum")
    return "" if low is None else f"{low} to {high}" if high is not None else f"{low} or more"
