"""What an answer means: errors by status, texts of error bodies, times to wait."""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NoReturn

from shared import exact_json
from shared.clients.http.exchange import Answer
from shared.errors import AccessRefused, OperatorNeeded, OutcomeUnknown, SchemaDrift, SystemTrouble, Transient
from shared.records import Json
from shared.systems import System

# The statuses by which a target refuses one record (finops-odata, section 6; 413 and 414: it is too large).
RECORD_REFUSED = frozenset({400, 409, 412, 413, 414, 422})
# Dataverse answers 404 for a missing row, for a missing row that it refers to, and for a wrong address
# (dataverse-web-api, section 9).
_ROW_MISSING = frozenset({"0x80040217", "0x80060891"})

# Requests, and their combined time, counted over a window (dataverse-web-api, section 8): going slower helps.
_TOO_FAST = frozenset({"0x80072322", "0x80072321"})
_SECRET = re.compile(r"(?i:bearer\s+)[\w.~+/=-]+|eyJ[\w-]{5,}(?:\.[\w-]*){1,4}")
_DOP = re.compile(r"[1-9][0-9]{0,3}")
_CODE = re.compile(r"0x[0-9a-fA-F]{8}|[A-Za-z]{1,40}")
# A privilege, or a property that an entity does not have: names of the schema, never of a record.
_NAMED = re.compile(r"\b(prv[A-Z]\w{2,60})|property (?:named )?'(\w{1,128})'")
# What Microsoft's OData stack says about names that the schema does not have.
_NOT_KNOWN = re.compile(
    r"could not find a property named '|property '[^']*' does not exist on type '|resource not found for the segment '",
    re.IGNORECASE,
)
# Microsoft's OData stack names its setting in the text, besides what the service adds.
_TOO_MANY_NODES = re.compile(rb"node count limit|MaxNodeCount")
_LONGEST_TEXT = 500


class Throttled(Transient):
    """The system answered 429: certainly not applied, and not to be repeated at once."""


class ReadRefused(OperatorNeeded):
    """The system refused this read itself (400, 404 ...): its address, columns or link do not match the system."""


class SchemaRefused(SchemaDrift, ReadRefused):
    """A read was refused because it names a table or column that the system does not have."""


class FilterTooLong(ReadRefused):
    """A read was refused because its filter compares too much at once: a shorter one is answered."""


def json_object(answer: Answer) -> dict[str, Json] | None:
    """The body as a JSON object; None if it is something else, broke off or is truncated."""
    if not answer.complete:
        return None
    try:
        found = exact_json.loads(answer.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def retry_after_s(answer: Answer, now: datetime) -> float | None:
    """The seconds that a Retry-After header asks for, given as seconds or as a date; None if there is none.

    A date is read by the clock that wrote it, which is the answer's own Date; by our clock only if that is missing.
    """
    value = (answer.header("Retry-After") or "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, _moment(answer.header("Date") or "") or now)
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(date: str, now: datetime) -> float:
    moment = _moment(date)
    return math.nan if moment is None else moment.timestamp() - now.timestamp()


def _moment(date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def error_text(answer: Answer) -> str:
    """Code and text of an error body, short and without secrets."""
    body = json_object(answer) or {}
    error = body.get("error")
    if not isinstance(error, dict):
        text = str(body.get("Message", "")) or _kind(answer)
        return redacted(text)
    inner = error.get("innererror")
    detail = inner.get("message") if isinstance(inner, dict) else None
    return redacted(f"{error.get('code') or ''} {detail or error.get('message') or ''}".strip())


def error_code(answer: Answer) -> str:
    """The code of an error body, empty if there is none."""
    error = (json_object(answer) or {}).get("error")
    return str(error.get("code") or "") if isinstance(error, dict) else ""


def _coded(answer: Answer) -> str:
    """Status and code: what the logs may show of an answer."""
    code = error_code(answer)
    return f"{answer.status} {code}" if _CODE.fullmatch(code) else str(answer.status)


def schema_name(text: str) -> str:
    """The privilege or property that the text of an error names, for our own message; empty if it names none."""
    found = _NAMED.search(text)
    return f" ('{found[1] or found[2]}')" if found else ""


def is_too_fast(answer: Answer) -> bool:
    """Whether a 429 says that too much was asked over a window, and not just that the system is busy now."""
    return error_code(answer) in _TOO_FAST


def redacted(text: str) -> str:
    """Text of a server for our messages: one line, shortened, without tokens that it may repeat."""
    return " ".join(_SECRET.sub("(secret)", text).split())[:_LONGEST_TEXT]


def dop_hint(answer: Answer) -> int | None:
    """How many parallel requests the environment recommends, if it says so."""
    value = (answer.header("x-ms-dop-hint") or "").strip()
    return int(value) if _DOP.fullmatch(value) else None


def raise_for_read(system: System, subject: str, answer: Answer, now: datetime) -> NoReturn:
    """Raise what the answer to a read that is not 200 means."""
    status = answer.status
    _raise_for_access(system, subject, answer, now)
    if status == 408 or status >= 500 or status < 300:
        text = f"{system.label} answered {_coded(answer)} to a read of {subject}"
        raise Transient(system, text, said=error_text(answer), retry_after_s=retry_after_s(answer, now))
    raise _kind_of_refusal(answer)(
        system,
        f"{system.label} refused a read of {subject} ({_coded(answer)}){schema_name(error_text(answer))}; "
        "compare the tables and columns of the mapping with the environment",
        said=error_text(answer),
    )


def _kind_of_refusal(answer: Answer) -> type[ReadRefused]:
    if answer.status == 400 and _TOO_MANY_NODES.search(answer.body):
        return FilterTooLong
    return SchemaRefused if answer.status in (400, 404) and _NOT_KNOWN.search(error_text(answer)) else ReadRefused


def raise_for_write(system: System, subject: str, answer: Answer, now: datetime) -> None:
    """Raise what the answer to a write means for the system; return for success and for a refused record."""
    status = answer.status
    if status in (201, 204) or status in RECORD_REFUSED or (status == 200 and _is_readable(answer)):
        return
    if status == 404 and error_code(answer) in _ROW_MISSING:
        return
    _raise_for_access(system, subject, answer, now)
    text = f"{system.label} answered {_coded(answer)} to a write of {subject}"
    if status == 408 or status >= 500 or status < 300:
        raise OutcomeUnknown(system, text, said=error_text(answer), retry_after_s=retry_after_s(answer, now))
    raise OperatorNeeded(
        system, f"{text}; compare the tables of the mapping with the environment", said=error_text(answer)
    )


def _raise_for_access(system: System, subject: str, answer: Answer, now: datetime) -> None:
    trouble = _access_trouble(system, subject, answer, now)
    if trouble is not None:
        raise trouble


def _access_trouble(system: System, subject: str, answer: Answer, now: datetime) -> SystemTrouble | None:
    match answer.status:
        case 401:
            return AccessRefused(
                system,
                f"{system.label} refused a new token (401) for {subject}; register the application's identity there "
                "and check that the environment's URL is the right one",
                lacks="token",
            )
        case 403:
            return AccessRefused(
                system,
                f"{system.label} refused access to {subject} ({_coded(answer)}){schema_name(error_text(answer))}; "
                "give the application's user a role that may do this",
                lacks="privilege",
                said=error_text(answer),
            )
        case 429:
            seconds = retry_after_s(answer, now)
            text = f"{system.label} throttles ({_coded(answer)})"
            return Throttled(system, text, said=error_text(answer), retry_after_s=seconds)
        case status if 300 <= status < 400:
            return OperatorNeeded(
                system,
                f"{system.label} redirects requests for {subject} ({status}), which are not followed; "
                "check that the environment's URL is the right one",
            )
    return None


def _is_readable(answer: Answer) -> bool:
    """Whether a 200 is a whole answer of the service: JSON, or the parts of a batch."""
    if (answer.header("Content-Type") or "").startswith("multipart/mixed"):
        return answer.complete
    return json_object(answer) is not None


def _kind(answer: Answer) -> str:
    return f"not JSON but {answer.header('Content-Type') or 'nothing'}"
