"""Change tracking: a first read that ends with a delta link, and reads of what changed since."""

from dataclasses import dataclass, replace
from datetime import timedelta

from local.dataverse.options import Options, Preferences, check_tracking, read_options, read_preferences
from local.dataverse.organisation import DELETIONS, Organisation, number
from local.dataverse.reading import (
    JSON_HEADERS,
    SERVICE,
    applied,
    collection_context,
    columns_sql,
    link,
    next_link,
    page_size,
    row_token,
)
from local.dataverse.refusals import token_expired, tracking_disabled, wrong_request
from local.dataverse.schema import EntityType
from local.dataverse.settings import Stamp
from local.dataverse.showing import Presenter, View, view
from local.dataverse.tokens import DeltaToken, PageToken, read_delta, write_delta
from local.simulator.messages import Reply, Request
from local.simulator.store import Row, Value, quoted
from shared import exact_json


@dataclass(frozen=True, slots=True)
class _Read:
    """One tracked read: who requests what, from where on."""

    organisation: Organisation
    request: Request
    chosen: View
    presenter: Presenter
    start: PageToken
    size: int

    @property
    def is_delta(self) -> bool:
        return self.start.since is not None


@dataclass(frozen=True, slots=True)
class _TrackedPage:
    shown: list[str]
    following: PageToken | None
    # The version up to which the next delta read knows everything; of the last page only.
    version: int


def is_tracked(request: Request) -> bool:
    """Whether a read of a collection starts or continues change tracking."""
    options = read_options(request)
    token = options.given.get("$skiptoken", "")
    return "$deltatoken" in options.given or 'istracking="True"' in token or read_preferences(request).track_changes


def read_changes(organisation: Organisation, entity: EntityType, request: Request) -> Reply:
    """One page of a tracked read."""
    options, preferences = read_options(request), read_preferences(request)
    check_tracking(options)
    options.only("$select", "$skiptoken", "$deltatoken")
    if not entity.tracked:
        raise tracking_disabled(entity.name)
    chosen = view(entity, options.given.get("$select"), annotations=preferences.annotations)
    start, size = _start(organisation, options), page_size(organisation, preferences)
    read = _Read(organisation, request, chosen, Presenter(organisation, chosen), start, size)
    page = _delta_page(read) if read.is_delta else _first_read_page(read)
    return _reply(read, options, preferences, page)


def count_changes(organisation: Organisation, entity: EntityType, options: Options) -> int:
    """How many changes a delta link would report."""
    start = _start(organisation, options)
    since = start.since or 0
    sql = f"SELECT COUNT(*) FROM {quoted(entity.name)} WHERE versionnumber > ?"
    gone = f"SELECT COUNT(*) FROM {DELETIONS} WHERE entity = ? AND version > ?"
    store = organisation.store
    return number(store.tuples(sql, (since,))[0][0]) + number(store.tuples(gone, (entity.name, since))[0][0])


def _start(organisation: Organisation, options: Options) -> PageToken:
    """Where this page starts: the place of a next link, or the first page of a delta or of a first read."""
    following = row_token(organisation, options)
    if following is not None:
        return following
    text = options.given.get("$deltatoken")
    if text is None:
        return PageToken(1, "", tracking=True, until=organisation.version)
    if organisation.switches.refuse_delta_links:
        raise token_expired()
    token = read_delta(text)
    if token.version > organisation.version:
        raise wrong_request("Malformed $deltatoken: it is not one of this organisation.")
    days = number(organisation.setting("expirechangetrackingindays"))
    if token.at < organisation.clock() - timedelta(days=days):
        raise token_expired()
    return PageToken(1, str(token.version), tracking=True, since=token.version, until=organisation.version)


def _first_read_page(read: _Read) -> _TrackedPage:
    organisation, entity, start, size = read.organisation, read.chosen.entity, read.start, read.size
    sql = (
        f"SELECT {columns_sql(read.chosen)} FROM {quoted(entity.name)} WHERE {quoted(entity.primary_id)} > ? "
        f"ORDER BY {quoted(entity.primary_id)} LIMIT {size + 1}"
    )
    rows = organisation.store.select(sql, (start.last,))
    shown = [read.presenter.show(row) for row in rows[:size]]
    early = organisation.settings.stamp is Stamp.FIRST_PAGE
    version = (start.until or 0) if early else organisation.version
    if len(rows) <= size:
        return _TrackedPage(shown, None, version)
    following = replace(start, page=start.page + 1, last=str(rows[size - 1][entity.primary_id]))
    return _TrackedPage(shown, following, version)


def _delta_page(read: _Read) -> _TrackedPage:
    """New and changed rows by version, then deletions. A row that changes meanwhile belongs to the next read."""
    start, size, until = read.start, read.size, read.start.until or 0
    changed: list[Row] = []
    if start.gone is None:
        changed = _changed(read, int(start.last), until)
    shown = [read.presenter.show(row) for row in changed[:size]]
    if len(changed) > size:
        last = str(changed[size - 1]["versionnumber"])
        return _TrackedPage(shown, replace(start, page=start.page + 1, last=last), until)
    room = size - len(shown)
    after = start.gone if start.gone is not None else (start.since or 0)
    gone = _gone(read.organisation, read.chosen.entity, after, until, limit=room + 1)
    shown += [_deleted(read.request, read.chosen.entity, row) for row in gone[:room]]
    if len(gone) <= room:
        return _TrackedPage(shown, None, until)
    told = number(gone[room - 1]["version"]) if room else after
    return _TrackedPage(shown, replace(start, page=start.page + 1, gone=told), until)


def _changed(read: _Read, after: int, until: int) -> list[Row]:
    sql = (
        f"SELECT {columns_sql(read.chosen)} FROM {quoted(read.chosen.entity.name)} "
        f"WHERE versionnumber > ? AND versionnumber <= ? ORDER BY versionnumber LIMIT {read.size + 1}"
    )
    return read.organisation.store.select(sql, (after, until))


def _gone(organisation: Organisation, entity: EntityType, after: int, until: int, *, limit: int) -> list[Row]:
    sql = (
        f"SELECT id, version FROM {DELETIONS} WHERE entity = ? AND version > ? AND version <= ? "
        f"ORDER BY version LIMIT {limit}"
    )
    parameters: tuple[Value, ...] = (entity.name, after, until)
    return organisation.store.select(sql, parameters)


def _deleted(request: Request, entity: EntityType, row: Row) -> str:
    context = f"{request.base_url}{SERVICE}/$metadata#{entity.entity_set}/$deletedEntity"
    return exact_json.dumps({"@odata.context": context, "id": str(row["id"]), "reason": "deleted"})


def _reply(read: _Read, options: Options, preferences: Preferences, page: _TrackedPage) -> Reply:
    request, chosen = read.request, read.chosen
    context = collection_context(request, chosen, options) + ("/$delta" if read.is_delta else "")
    members = [f'"@odata.context":{exact_json.dumps(context)}']
    if page.following is None:
        token = write_delta(DeltaToken(page.version, read.organisation.clock()))
        members.append(f'"@odata.deltaLink":{exact_json.dumps(link(request, f"$deltatoken={token}"))}')
    members.append(f'"value":[{",".join(page.shown)}]')
    if page.following is not None:
        members.append(f'"@odata.nextLink":{exact_json.dumps(next_link(request, page.following, chosen.entity))}')
    return Reply(200, {**JSON_HEADERS, **applied(preferences)}, ("{" + ",".join(members) + "}").encode())
