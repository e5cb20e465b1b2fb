"""The kinds of values that settings have: how each is written, and what is refused."""

import re
from datetime import date
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from shared import ncrontab
from shared.storage_settings import address_mistake, connection_mistake

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


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


def _seconds(text: str) -> str:
    if not re.fullmatch(r"[0-9]{2}:[0-5][0-9]:[0-5][0-9]", text) or text == "00:00:00":
        raise ValueError("write it as HH:MM:SS, such as 00:05:00")
    return text


def form(text: str, *, open_: bool = False) -> Any:
    """How a value is written, for the documentation; `open_` where no value of its kind can be a secret."""
    return Field(json_schema_extra={"form": text, "open": open_})


Url = Annotated[str, AfterValidator(_origin), form("`https://HOST`")]
TableAddress = Annotated[str, AfterValidator(_table_address), form("`https://...`")]
QueueAddress = Annotated[str, AfterValidator(_queue_address), form("`https://...`")]
Connection = Annotated[str, AfterValidator(_connection), form("connection string")]
Document = Annotated[str, form("path of a JSON or YAML file, or its text")]
Company = Annotated[str, AfterValidator(_company), form("1 to 4 letters or digits", open_=True)]
Schedule = Annotated[str, AfterValidator(ncrontab.check), form("NCRONTAB, six fields, UTC", open_=True)]
Scope = Annotated[str, AfterValidator(_scope), form("all, linked, YYYY-MM-DD", open_=True)]
TimeZone = Annotated[str, AfterValidator(_time_zone), form("IANA name, such as Europe/Zurich", open_=True)]
Duration = Annotated[str, AfterValidator(_seconds), form("HH:MM:SS", open_=True)]
