"""The tokens of next links and delta links: opaque to clients, kept in the shape of the real ones."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from local.dataverse.refusals import wrong_request

_MOMENT = "%m/%d/%Y %H:%M:%S"
_OUTER = re.compile(r'<cookie pagenumber="(\d+)" pagingcookie="([^"]*)" istracking="(True|False)" />')
_INNER = re.compile(
    r'<cookie page="\d+"(?: since="(?P<since>\d+)")?(?: until="(?P<until>\d+)")?(?: gone="(?P<gone>\d+)")?>'
    r'<\w+ last="(?P<last>[^"]*)" first="[^"]*" /></cookie>'
)


@dataclass(frozen=True, slots=True)
class PageToken:
    """Where the next page continues.

    `last` is the last id (or, in a delta read, the last version) of the page before; `since` and `until` bound the
    versions of a tracked read; `gone` is the version of the last deletion that was reported, None before the deletions.
    """

    page: int
    last: str
    tracking: bool = False
    since: int | None = None
    until: int | None = None
    gone: int | None = None


@dataclass(frozen=True, slots=True)
class DeltaToken:
    """Everything up to this version was reported at this time."""

    version: int
    at: datetime


def write_page(token: PageToken, entity: str) -> str:
    """The value of $skiptoken in the link."""
    bounds = "".join(
        f' {name}="{value}"'
        for name, value in (("since", token.since), ("until", token.until), ("gone", token.gone))
        if value is not None
    )
    last = f"{{{token.last}}}"
    inner = f'<cookie page="{token.page - 1}"{bounds}><{entity}id last="{last}" first="{last}" /></cookie>'
    outer = (
        f'<cookie pagenumber="{token.page}" pagingcookie="{_small(quote(inner, safe=""))}" '
        f'istracking="{token.tracking}" />'
    )
    return quote(outer, safe="=/")


def read_page(text: str) -> PageToken:
    """A decoded $skiptoken. Raises Refused (400) for one that this service never made."""
    outer = _OUTER.fullmatch(text)
    inner = _INNER.fullmatch(unquote(outer.group(2))) if outer else None
    if outer is None or inner is None:
        raise wrong_request("Malformed $skiptoken: the paging cookie is not one of this service.")
    bounds = {name: int(inner.group(name)) if inner.group(name) else None for name in ("since", "until", "gone")}
    return PageToken(
        page=int(outer.group(1)),
        last=inner.group("last").strip("{}"),
        tracking=outer.group(3) == "True",
        **bounds,
    )


def write_delta(token: DeltaToken) -> str:
    """The value of $deltatoken in the link."""
    return _small(quote(f"{token.version}!{token.at.astimezone(UTC).strftime(_MOMENT)}", safe=""))


def read_delta(text: str) -> DeltaToken:
    """A decoded $deltatoken. Raises Refused (400) for one that this service never made."""
    version, _, at = text.partition("!")
    try:
        return DeltaToken(int(version), datetime.strptime(at, _MOMENT).replace(tzinfo=UTC))
    except ValueError as error:
        raise wrong_request("Malformed $deltatoken: it is not one of this service.") from error


def _small(encoded: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda found: found.group().lower(), encoded)
