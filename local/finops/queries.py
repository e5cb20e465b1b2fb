"""The query options of a request."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from local.finops.filtering import condition, property_of
from local.finops.filters import parse_filter
from local.finops.refusals import bad_request, not_simulated
from local.finops.schema import EntityType
from local.finops.selecting import Expansion, expansions, selection
from local.finops.tables import Order
from local.simulator.filters import Condition

SKIP_TOKEN = "$skiptoken"  # noqa: S105 - the name of an option
CROSS_COMPANY = "cross-company"

_READ_ONE = frozenset({"$select", "$expand", "$format"})
_READ_MANY = _READ_ONE | {"$filter", "$orderby", "$top", "$skip", "$count", SKIP_TOKEN}
_COUNT = frozenset({"$filter"})
_ROWS = range(10**12)
_ORDER = re.compile(r"\s*(?P<name>\w+)(?P<below>/\w+)?(?:\s+(?P<direction>asc|desc))?\s*")
_FORMAT = re.compile(r"json|application/json(;odata\.metadata=(full|minimal|none))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """What a read asks for. `top` is None if all rows are wanted; `skip` counts from the first match."""

    cross_company: bool
    where: Condition | None
    select: tuple[str, ...] | None
    expand: tuple[Expansion, ...]
    order: Order
    top: int | None
    skip: int
    count: bool


def options(raw: str) -> Mapping[str, str]:
    """The options of a raw query string by name. Raises Refused (400) for one that is given twice."""
    pairs = parse_qsl(raw, keep_blank_values=True, encoding="utf-8", errors="strict")
    found = dict(pairs)
    if len(found) < len(pairs):
        raise bad_request("A query option is given more than once.")
    return found


def cross_company(given: Mapping[str, str]) -> bool:
    """Whether the request reaches beyond the default company."""
    match given.get(CROSS_COMPANY, "false").lower():
        case "true":
            return True
        case "false":
            return False
    raise bad_request(f"The query option {CROSS_COMPANY} is true or false.")


def list_query(of: EntityType, given: Mapping[str, str], max_nodes: int | None = None) -> Query:
    """The query of a collection; its filter holds at most so many nodes."""
    _require_known(given, _READ_MANY)
    return Query(
        cross_company=cross_company(given),
        where=_where(of, given, max_nodes),
        select=selection(of, given.get("$select")),
        expand=expansions(of, given.get("$expand")),
        order=_order(of, given),
        top=_whole(given, "$top"),
        skip=_skipped(given) + (_whole(given, "$skip") or 0),
        count=_flag(given, "$count"),
    )


def record_query(of: EntityType, given: Mapping[str, str]) -> Query:
    """The query of one record: only $select and $expand have a meaning."""
    _require_known(given, _READ_ONE)
    select, expand = selection(of, given.get("$select")), expansions(of, given.get("$expand"))
    return Query(cross_company(given), None, select, expand, (), None, 0, False)


def count_query(of: EntityType, given: Mapping[str, str], max_nodes: int | None = None) -> Query:
    """The query of a bare count; its filter holds at most so many nodes."""
    _require_known(given, _COUNT)
    return Query(cross_company(given), _where(of, given, max_nodes), None, (), (), None, 0, False)


def write_query(given: Mapping[str, str]) -> bool:
    """Whether a write reaches beyond the default company; no other option has a meaning there."""
    _require_known(given, frozenset({"$format"}))
    return cross_company(given)


def next_query(given: Mapping[str, str], delivered: int) -> str:
    """The query string of the page after so many rows, as one opaque token besides the other options."""
    token = urlsafe_b64encode(str(delivered).encode()).decode().rstrip("=")
    return urlencode({**given, SKIP_TOKEN: token})


def delivered_rows(given: Mapping[str, str]) -> int:
    """How many rows the pages before this one held."""
    return _skipped(given)


def _require_known(given: Mapping[str, str], known: frozenset[str]) -> None:
    for name in given:
        if name not in known and name != CROSS_COMPANY:
            raise bad_request(f"The query option '{name}' is not supported here.")
    if not _FORMAT.fullmatch(given.get("$format", "json")):
        raise bad_request("$format can be json only.")


def _where(of: EntityType, given: Mapping[str, str], max_nodes: int | None) -> Condition | None:
    text = given.get("$filter")
    return None if text is None else condition(of, parse_filter(text, max_nodes))


def _order(of: EntityType, given: Mapping[str, str]) -> Order:
    if "$orderby" not in given:
        return ()
    return tuple(_order_part(of, part) for part in given["$orderby"].split(","))


def _order_part(of: EntityType, part: str) -> tuple[str, bool]:
    matched = _ORDER.fullmatch(part)
    if matched is None:
        raise bad_request(f"$orderby cannot be '{part}'.")
    if matched["below"]:
        raise not_simulated(f"$orderby by the navigation '{matched['name']}'")
    return property_of(of, matched["name"]).name, matched["direction"] == "desc"


def _whole(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise bad_request(f"{name} is a whole number from 0, not '{text}'.")
    return int(text)


def _flag(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "false")
    if text not in ("true", "false"):
        raise bad_request(f"{name} is true or false, not '{text}'.")
    return text == "true"


def _skipped(given: Mapping[str, str]) -> int:
    token = given.get(SKIP_TOKEN)
    if token is None:
        return 0
    try:
        rows = int(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (NotBase64, ValueError) as error:
        raise bad_request("The skip token is not one of this service.") from error
    if rows not in _ROWS:
        raise bad_request("The skip token is not one of this service.")
    return rows
