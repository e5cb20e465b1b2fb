"""host.json with the real host's defaults and ranges, and its overrides from app settings."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from local.host.documents import HIDDEN, read_document
from local.host.errors import SettingsInvalid

OVERRIDE_PREFIX = "azurefunctionsjobhost"
TIME_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,7}))?")

# The default of the Flex Consumption plan.
DEFAULT_FUNCTION_TIMEOUT_S = 30 * 60.0

Level = Literal["trace", "debug", "information", "warning", "error", "critical", "none"]


def seconds_of(text: object) -> object:
    """Return the seconds of a .NET TimeSpan such as `00:00:30` or `1.00:00:00`."""
    if not isinstance(text, str):
        return text
    found = TIME_SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError("write a time span as HH:MM:SS")
    days, hours, minutes, seconds, fraction = found.groups()
    span = timedelta(days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=int(seconds))
    return span.total_seconds() + float(f"0.{fraction or 0}")


def _lowered(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def _unbounded(value: object) -> object:
    return None if str(value) == "-1" else seconds_of(value)


Seconds = Annotated[float, BeforeValidator(seconds_of)]


class _Section(BaseModel):
    # Keys count without regard to case: the document is lowered before it is read.
    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=lambda name: name.replace("_", ""))


class QueueOptions(_Section):
    """`extensions.queues`; every duration is in seconds."""

    batch_size: int = Field(16, ge=1, le=32)
    new_batch_threshold: int | None = Field(None, ge=0)
    max_dequeue_count: int = Field(5, ge=1)
    visibility_timeout: Seconds = Field(0.0, ge=0, le=7 * 24 * 3600)
    max_polling_interval: Seconds = Field(60.0, ge=0.1)
    message_encoding: Annotated[Literal["base64", "none"], BeforeValidator(_lowered)] = "base64"

    @property
    def fetch_threshold(self) -> int:
        """Messages are fetched while no more than this many run: half a batch when unset (one-core instance)."""
        return self.batch_size // 2 if self.new_batch_threshold is None else self.new_batch_threshold


class _Extensions(_Section):
    queues: QueueOptions = QueueOptions()


class _Logging(_Section):
    log_level: dict[str, Annotated[Level, BeforeValidator(_lowered)]] = {}


class HostJson(_Section):
    """The whole document, as far as this host plays it."""

    version: Literal["2.0"]
    function_timeout: Annotated[float | None, BeforeValidator(_unbounded)] = Field(DEFAULT_FUNCTION_TIMEOUT_S, gt=0)
    extensions: _Extensions = _Extensions()
    logging: _Logging = _Logging()

    @property
    def queues(self) -> QueueOptions:
        """The options of every queue trigger."""
        return self.extensions.queues

    @property
    def log_levels(self) -> Mapping[str, str]:
        """Level by category prefix, both in lower case; `default` is for the rest."""
        return self.logging.log_level

    @property
    def unknown_queue_options(self) -> tuple[str, ...]:
        """Names under `extensions.queues` that mean nothing to the real host either: misspelt, most likely."""
        return tuple(self.queues.model_extra or ())


def read_host_json(path: Path, settings: Mapping[str, str] | None = None) -> HostJson:
    """Read host.json under the `AzureFunctionsJobHost__...` overrides of `settings`."""
    document = read_document(path, "an app needs a host.json next to function_app.py")
    return parse_host_json(document, settings or {})


def parse_host_json(document: object, settings: Mapping[str, str]) -> HostJson:
    """Return the validated document; raise `SettingsInvalid` listing every wrong value."""
    tree = _lower_keys(document)
    for path, value in _overrides(settings):
        _set_path(tree, path, value)
    try:
        return HostJson.model_validate(tree)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))} is {HIDDEN}: {e['msg']}" for e in error.errors()]
    raise SettingsInvalid("host.json or its overrides: " + "; ".join(wrong))


def _lower_keys(value: object) -> object:
    if isinstance(value, dict):
        return {str(key).casefold(): _lower_keys(item) for key, item in value.items()}
    return value


def _overrides(settings: Mapping[str, str]) -> list[tuple[list[str], str]]:
    paths = ((re.split(r"__|:", name.casefold()), value) for name, value in settings.items())
    return [(path[1:], value) for path, value in paths if path[0] == OVERRIDE_PREFIX and len(path) > 1]


def _set_path(tree: object, path: list[str], value: str) -> None:
    for name in path[:-1]:
        if not isinstance(tree, dict):
            return
        tree = tree.setdefault(name, {})
    if isinstance(tree, dict):
        tree[path[-1]] = value
