"""Reads single rows and collections, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from local.dataverse.filtering import condition
from local.dataverse.options import (
    Options,
    Preferences,
    expansions,
    ordering,
    read_options,
    read_preferences,
    true_or_false,
    whole_number,
)
from local.dataverse.organisation import Organisation
from local.dataverse.refusals import not_simulated, wrong_request
from local.dataverse.schema import EntityType
from local.dataverse.showing import Presenter, View, etag, view
from local.dataverse.tokens import PageToken, read_page, write_page
from local.simulator.filters import Condition
from local.simulator.messages import Reply, Request
from local.simulator.store import Row, Value, quoted
from shared import exact_json

SERVICE = "/api/data/v9.2"
VERSION = {"OData-Version": "4.0"}
JSON_HEADERS = {"Content-Type": "application/json; odata.metadata=minimal", **VERSION}
TEXT_HEADERS = {"Content-Type": "text/plain", **VERSION}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of shown rows, and where the next one starts."""

    shown: Sequence[str]
    following: PageToken | None


def read_row(organisation: Organisation, entity: EntityType, row: Row, request: Request) -> Reply:
    """One row: 200, or 304 where If-None-Match names its version."""
    options = read_options(request)
    options.only("$select", "$expand")
    preferences = read_preferences(request)
    expanded = expansions(entity, options.given.get("$expand"), organisation.settings.expand_limit)
    known = request.header("If-None-Match")
    if known == etag(row) and not expanded and not preferences.annotations:
        return Reply(304, {"ETag": etag(row), **VERSION})
    chosen = view(entity, options.given.get("$select"), expanded, preferences.annotations)
    text = Presenter(organisation, chosen).show(row, context=row_context(request, chosen, options))
    return Reply(200, {**JSON_HEADERS, "ETag": etag(row), **applied(preferences)}, text.encode())


def read_collection(organisation: Organisation, entity: EntityType, request: Request) -> Reply:
    """One page of a collection."""
    options, preferences = read_options(request), read_preferences(request)
    options.only("$select", "$filter", "$orderby", "$top", "$expand", "$count", "$apply", "$skiptoken")
    if "$apply" in options.given:
        raise not_simulated("$apply")
    expanded = expansions(entity, options.given.get("$expand"), organisation.settings.expand_limit)
    chosen = view(entity, options.given.get("$select"), expanded, preferences.annotations)
    where = filter_condition(organisation, entity, options)
    page = _page(organisation, chosen, where, options, preferences)
    members = [f'"@odata.context":{exact_json.dumps(collection_context(request, chosen, options))}']
    if "$count" in options.given and true_or_false(options.given["$count"], "$count"):
        members.append(f'"@odata.count":{count_rows(organisation, entity, where)}')
    members.append(f'"value":[{",".join(page.shown)}]')
    if page.following:
        members.append(f'"@odata.nextLink":{exact_json.dumps(next_link(request, page.following, entity))}')
    return Reply(200, {**JSON_HEADERS, **applied(preferences)}, ("{" + ",".join(members) + "}").encode())


def read_count(organisation: Organisation, entity: EntityType, request: Request) -> Reply:
    """The number of rows as text, capped like the real one."""
    options = read_options(request)
    options.only("$filter")
    counted = count_rows(organisation, entity, filter_condition(organisation, entity, options))
    return Reply(200, TEXT_HEADERS, str(counted).encode())


def filter_condition(organisation: Organisation, entity: EntityType, options: Options) -> Condition:
    """The condition of $filter; without one every row fits."""
    text = options.given.get("$filter")
    if text is None:
        return Condition("1")
    return condition(organisation.schema, entity, text, options.aliases, organisation.settings.max_filter_nodes)


def count_rows(organisation: Organisation, entity: EntityType, where: Condition) -> int:
    """How many rows fit, at most the cap of the service."""
    cap = organisation.settings.count_cap
    sql = f"SELECT COUNT(*) FROM (SELECT 1 FROM {quoted(entity.name)} WHERE {where.sql} LIMIT {cap})"
    return int(organisation.store.tuples(sql, where.parameters)[0][0] or 0)


def page_size(organisation: Organisation, preferences: Preferences) -> int:
    """How many rows a page holds."""
    cap = organisation.settings.page_cap
    return min(preferences.page_size or cap, cap)


def next_link(request: Request, token: PageToken, entity: EntityType) -> str:
    """The absolute address of the next page: this one, with another token."""
    return link(request, f"$skiptoken={write_page(token, entity.name)}")


def link(request: Request, token: str) -> str:
    """The absolute address of this read with a token, the rest of the query exactly as sent."""
    kept = [pair for pair in request.query.split("&") if pair and not _is_token(pair)]
    return f"{request.base_url}{request.raw_path}?" + "&".join([*kept, token])


def collection_context(request: Request, chosen: View, options: Options) -> str:
    """The context of a collection."""
    names = options.given.get("$select")
    listed = f"({names})" if names is not None else ""
    return f"{request.base_url}{SERVICE}/$metadata#{chosen.entity.entity_set}{listed}"


def row_context(request: Request, chosen: View, options: Options) -> str:
    """The context of a single row."""
    return collection_context(request, chosen, options) + "/$entity"


def applied(preferences: Preferences) -> dict[str, str]:
    """The Preference-Applied header."""
    return {"Preference-Applied": ",".join(preferences.applied)} if preferences.applied else {}


def row_token(organisation: Organisation, options: Options) -> PageToken | None:
    """The token of a next link, None on a first page. Raises Refused (400) also where links are refused on purpose."""
    text = options.given.get("$skiptoken")
    if text is None:
        return None
    if organisation.switches.refuse_next_links:
        raise wrong_request("Malformed $skiptoken: the paging cookie is no longer valid.")
    return read_page(text)


def _page(
    organisation: Organisation, chosen: View, where: Condition, options: Options, preferences: Preferences
) -> Page:
    token = row_token(organisation, options)
    if token is not None and token.tracking:
        raise wrong_request("Malformed $skiptoken: the paging cookie belongs to a tracked read.")
    size = page_size(organisation, preferences)
    limit = _top(options, preferences)
    page = token.page if token else 1
    told = (page - 1) * size
    wanted = size if limit is None else max(0, min(size, limit - told))
    order = ordering(chosen.entity, options.given.get("$orderby"))
    rows = _rows(
        organisation, chosen, where, _Slice(order_sql(chosen.entity, order), token, told, wanted + 1, not order)
    )
    presenter = Presenter(organisation, chosen)
    more = len(rows) > wanted and (limit is None or told + wanted < limit)
    following = PageToken(page + 1, str(rows[wanted - 1][chosen.entity.primary_id])) if more and wanted else None
    return Page([presenter.show(row) for row in rows[:wanted]], following)


@dataclass(frozen=True, slots=True)
class _Slice:
    order: str
    token: PageToken | None
    skip: int
    size: int
    by_id: bool


def _rows(organisation: Organisation, chosen: View, where: Condition, part: _Slice) -> list[Row]:
    parameters: list[Value] = list(where.parameters)
    sql = f"SELECT {columns_sql(chosen)} FROM {quoted(chosen.entity.name)} WHERE ({where.sql})"
    # Without an order of its own a walk continues after the last id: so it survives deletions between pages.
    if part.by_id and part.token:
        sql += f" AND {quoted(chosen.entity.primary_id)} > ?"
        parameters.append(part.token.last)
    sql += f" ORDER BY {part.order} LIMIT {part.size}"
    if not part.by_id:
        sql += f" OFFSET {part.skip}"
    return organisation.store.select(sql, parameters)


def order_sql(entity: EntityType, order: Sequence[tuple[object, str]]) -> str:
    """ORDER BY for $orderby, made unique by the primary id."""
    parts = [f"{quoted(getattr(value, 'column', ''))} {direction}" for value, direction in order]
    return ", ".join([*parts, quoted(entity.primary_id)])


def columns_sql(chosen: View) -> str:
    """The columns of a view as SQL lists them."""
    return ", ".join(map(quoted, chosen.columns))


def _top(options: Options, preferences: Preferences) -> int | None:
    # The service ignores $top if a page size is requested.
    if "$top" not in options.given:
        return None
    top = whole_number(options.given["$top"], "$top")
    return None if preferences.page_size is not None else top


def _is_token(pair: str) -> bool:
    name = pair.partition("=")[0].lower()
    return name.removeprefix("%24").removeprefix("$") in ("skiptoken", "deltatoken")
