"""App settings: one model, read once; every mistake is reported together, by name, value and remedy."""

import difflib
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.counting import counted
from shared.discretion import HIDDEN, shown
from shared.errors import SettingsInvalid
from shared.setting_types import (
    Company,
    Connection,
    Document,
    Duration,
    QueueAddress,
    Schedule,
    TableAddress,
    TimeZone,
    Url,
)
from shared.storage_settings import ACCOUNT_NAME, SERVICES, storage_mistakes

SCHEDULE = "_SCHEDULE"
_OURS = re.compile(r"^(BUSINESS|BULK|HISTORY|DATAVERSE|FINOPS|VALUE|UNKNOWN|MAP|GONE|CHANGE|PULL|HINTS|CLAIM)_")
_PLATFORM = re.compile(r"^(AZURE|WEBSITE|FUNCTIONS|APPSETTING)", re.IGNORECASE)
_AS_GOOD_AS_OURS = 0.85
# The host reads these; they must not contradict ours.
_OF_THE_HOST = (ACCOUNT_NAME, SERVICES["blob"])


class _Times(BaseModel):
    """How long an invocation may last, and the times that follow from it."""

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
        """After how many seconds an invocation begins nothing more; work that it has begun ends well before the
        timeout."""
        return self.function_timeout_s / 2

    @property
    def pull_budget_s(self) -> float:
        """After how many seconds a pull stops."""
        return min(float(self.PULL_BUDGET_S), self.run_budget_s)


class Settings(_Times):
    """What a deployment decides for all flows; what it decides for one is in the folder of that flow. The names of the
    fields are the names of the app settings."""

    AzureWebJobsStorage: Connection | None = Field(
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
    MAP_DOCUMENT: Document | None = Field(default=None, description="Map document; not set: the one that is shipped")
    SWEEP_SCHEDULE: Schedule = Field(default="30 * * * * *", description="When `sweep` runs")
    CLEANUP_SCHEDULE: Schedule = Field(default="0 0 3 * * *", description="When `cleanup` runs")
    RECONCILE_SCHEDULE: Schedule = Field(default="0 0 4 * * 0", description="When `reconcile` runs")
    HISTORY_DAYS: int = Field(default=90, ge=1, description="Days for which history, runs and the audit are kept")
    HISTORY_VALUES_DAYS: int = Field(
        default=0, ge=0, description="Days for which the history also keeps old and new values of fields; 0: never"
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
    HINTS_PER_MESSAGE: int = Field(default=200, ge=1, le=1000, description="Records per queue message")
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
    REJECTION_LIMIT: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Records that may be rejected with one cause within `REJECTION_MINUTES`, more block the flow; 0: "
        "no limit",
    )
    REJECTION_MINUTES: int = Field(default=10, ge=1, le=1440, description="Minutes for which `REJECTION_LIMIT` counts")

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """The settings of an environment. A blank value counts as not set.

        Raises SettingsInvalid that names every setting that is missing, wrong or misspelled.
        """
        given = {name: value for name, value in environ.items() if value.strip()}
        # Windows tells the names of its variables in capital letters only.
        ours = {name: given.get(name, given.get(name.upper())) for name in (*cls.model_fields, *_OF_THE_HOST)}
        values = {name: value.strip() for name, value in ours.items() if value is not None}
        mistakes = [*storage_mistakes(values), *_misspelled(given, cls)]
        # An error of the model holds the values, so it is not chained.
        settings = None
        try:
            settings = cls.model_validate(values)
        except ValidationError as invalid:
            mistakes = [*(_mistake(error, cls) for error in invalid.errors()), *mistakes]
        if settings is None or mistakes:
            listed = "\n".join(f"  {mistake}" for mistake in mistakes)
            raise SettingsInvalid(f"{counted(len(mistakes), 'setting')} to correct:\n{listed}")
        return settings

    @property
    def request_timeout_s(self) -> float:
        """How long to wait for an answer: a request that is sent within the run's budget is answered before the
        timeout."""
        return min(float(self.REQUEST_TIMEOUT_S), self.function_timeout_s * 2 / 5)

    @property
    def claim_live_s(self) -> int:
        """How long a worker's claim holds others off (protocol A3): no invocation and no request lives longer."""
        return self.function_timeout_s + self.REQUEST_TIMEOUT_S + self.CLAIM_MARGIN_S

    @property
    def unsettled_live_s(self) -> int:
        """How long a request of unknown outcome may still land (protocol A9)."""
        return self.REQUEST_TIMEOUT_S + self.CLAIM_MARGIN_S


def _mistake(error: Mapping[str, Any], model: type[Settings]) -> str:
    name = str(error["loc"][0])
    meaning = model.model_fields[name].description
    if error["type"] == "missing":
        return f"{name} is not set: {meaning}"
    schema = _schemas(model)[name]
    value = shown(error["input"]) if _is_open(schema) else HIDDEN
    return f"{name} is {value}: {_remedy(schema, error)} ({meaning})"


@cache
def _schemas(model: type[Settings]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = model.model_json_schema()["properties"]
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


def _misspelled(given: Mapping[str, str], model: type[Settings]) -> list[str]:
    """Names that look like ours and are not: a misspelled setting would silently mean its default."""
    known = model.model_fields
    timed = tuple(name.removesuffix(SCHEDULE) + "_" for name in schedules(model))
    in_capitals = {name.upper() for name in known}
    mistakes = []
    for name in given:
        if name in known or name in in_capitals or _PLATFORM.match(name):
            continue
        near = difflib.get_close_matches(name.upper(), known, 1, _AS_GOOD_AS_OURS)
        if _OURS.match(name.upper()) or name.upper().startswith(timed) or near:
            close = near or difflib.get_close_matches(name.upper(), known, 1)
            mistakes.append(
                f"{name} is not a setting of this app: {f'did you mean {close[0]}?' if close else 'remove it'}"
            )
    return mistakes


def schedules(model: type[Settings]) -> dict[str, str]:
    """The default schedules by the name of the setting: the one list of all timers. The host starts no app that lacks
    one of them, so everything that runs the app takes them from here."""
    return {name: str(field.default) for name, field in model.model_fields.items() if name.endswith(SCHEDULE)}


def settings_table(model: type[Settings]) -> list[tuple[str, str, str, str]]:
    """Name, default, allowed values and meaning of every setting, for the documentation."""
    properties = _schemas(model)
    rows = []
    for name, field in model.model_fields.items():
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
    return str(schema.get("form") or next((each["form"] for each in schema.get("anyOf", ()) if "form" in each), ""))
