"""One F&O environment at its address: routes requests and turns refusals into answers."""

from collections.abc import Mapping

from local.finops import catalogue, queries, responses
from local.finops.addresses import address
from local.finops.batch import Batch
from local.finops.etags import etag, matches
from local.finops.keys import Segment, record_key, segments
from local.finops.queries import Query
from local.finops.reading import Reader
from local.finops.refusals import (
    AddressTooLong,
    Declined,
    MethodUnknown,
    Refused,
    RouteUnknown,
    bad_request,
    not_simulated,
    several_to_update,
)
from local.finops.schema import NAMESPACE, EntityType, metadata_document
from local.finops.served import SERVED
from local.finops.settings import Settings
from local.finops.showing import Form, detail_of
from local.finops.switches import Right, Switches
from local.finops.tables import Record, Row, Tables
from local.finops.writing import Target, Writer
from local.simulator.auth import Clock, system_clock
from local.simulator.server import Reply, Request
from shared import exact_json
from shared.records import Json

_MAX_PAGE_PREFERENCE = "odata.maxpagesize="
_PACKAGES = "DataManagementDefinitionGroups"
_WHOLE = Query(False, None, None, (), (), None, 0, False)


class Finops:
    """Answers the requests of one environment; safe from any thread."""

    def __init__(self, tables: Tables, settings: Settings, switches: Switches, *, clock: Clock = system_clock) -> None:
        self._schema = tables.schema
        self._settings = settings
        self._switches = switches
        self._reader = Reader(tables, settings)
        self._writer = Writer(tables, settings, clock=clock)
        self._batch = Batch(self.answer, tables.writing)

    def answer(self, request: Request) -> Reply:
        """The reply to any request; every refusal has the shape of the real service."""
        try:
            return self._routed(request)
        except Refused as refused:
            return responses.refused_reply(refused)
        except RouteUnknown:
            return responses.route_unknown_reply(request.url)
        except Declined as declined:
            return responses.declined_reply(declined)

    def _routed(self, request: Request) -> Reply:
        if len(request.target) > self._settings.max_url:
            raise AddressTooLong
        root, _, below = request.raw_path.lstrip("/").partition("/")
        options = _options(request)
        match root.lower():
            case "data":
                return self._data(request, below, options)
            case "metadata":
                return self._metadata(request, below, options)
        raise RouteUnknown

    def _metadata(self, request: Request, below: str, options: Mapping[str, str]) -> Reply:
        match segments(below), request.method:
            case (Segment(collection, key),), "GET":
                body = catalogue.answer(self._schema, collection, key, options)
                context = f"{request.base_url}/Metadata/$metadata{body['@odata.context']}"
                return responses.body_reply(200, {**body, "@odata.context": context})
        raise RouteUnknown

    def _data(self, request: Request, below: str, options: Mapping[str, str]) -> Reply:
        match segments(below), request.method:
            case (), "GET":
                return self._service_document(request)
            case (Segment("$metadata", None),), "GET":
                return responses.xml_reply(metadata_document(self._schema))
            case (Segment("$batch", None),), "POST":
                return self._batch.answer(request)
            case (Segment(name, None),), method:
                return self._collection(request, self._entity(name), method, options)
            case (Segment(name, None), Segment("$count", None)), "GET":
                return self._count(self._entity(name), options)
            case (Segment(name, str() as key),), method:
                of = self._entity(name)
                return self._record(request, of, record_key(of, key), method, options)
            case (Segment(name, _), Segment(below, _)), _:
                raise _unserved(self._entity(name), below)
        raise RouteUnknown

    def _entity(self, name: str) -> EntityType:
        if name in SERVED:
            return self._schema.entities[name]
        if name in self._schema.entities or name == _PACKAGES:
            raise not_simulated(f"the collection '{name}'")
        raise RouteUnknown

    def _service_document(self, request: Request) -> Reply:
        sets: list[Json] = [{"name": name, "kind": "EntitySet", "url": name} for name in SERVED]
        return responses.body_reply(200, {"@odata.context": _context(request, ""), "value": sets})

    def _collection(self, request: Request, of: EntityType, method: str, options: Mapping[str, str]) -> Reply:
        match method:
            case "GET":
                return self._list(request, of, options)
            case "POST":
                return self._create(request, of, options)
            case "PATCH":
                raise several_to_update()
        raise MethodUnknown

    def _record(self, request: Request, of: EntityType, key: Row, method: str, options: Mapping[str, str]) -> Reply:
        match method:
            case "GET":
                return self._read(request, of, key, options)
            case "PATCH":
                return self._update(request, of, key, options)
            case "DELETE":
                return self._delete(request, of, key, options)
        raise MethodUnknown

    def _list(self, request: Request, of: EntityType, options: Mapping[str, str]) -> Reply:
        query = queries.list_query(of, options, self._settings.max_filter_nodes)
        self._require_read(of, query)
        already = queries.delivered_rows(options)
        preferred = _preferred_page_size(request)
        size = min(preferred or self._settings.page_size, self._settings.page_size)
        form = _form(request)
        page = self._reader.page(of, query, form, already=already, page_size=size)
        body: dict[str, Json] = {"@odata.context": _context(request, f"#{of.set_name}{_shape(query)}")}
        if query.count:
            body["@odata.count"] = page.total
        body["value"] = list(page.rows)
        if page.delivered is not None:
            following = queries.next_query(options, page.delivered)
            body["@odata.nextLink"] = f"{request.base_url}/data/{of.set_name}?{following}"
        applied = {"Preference-Applied": f"{_MAX_PAGE_PREFERENCE}{size}"} if preferred else {}
        return responses.detailed_reply(200, body, form.detail, applied)

    def _count(self, of: EntityType, options: Mapping[str, str]) -> Reply:
        self._switches.require(of, Right.READ)
        query = queries.count_query(of, options, self._settings.max_filter_nodes)
        return responses.text_reply(str(self._reader.count(of, query)))

    def _read(self, request: Request, of: EntityType, key: Row, options: Mapping[str, str]) -> Reply:
        query = queries.record_query(of, options)
        self._require_read(of, query)
        record = self._reader.record(of, key, cross=query.cross_company)
        known = request.header("If-None-Match")
        if known is not None and known != "null" and matches(known, etag(record.pairs)):
            return responses.empty_reply(304)
        return self._record_reply(request, 200, of, record, query)

    def _create(self, request: Request, of: EntityType, options: Mapping[str, str]) -> Reply:
        self._switches.require(of, Right.WRITE)
        queries.write_query(options)
        record = self._writer.create(of, _body(request))
        return self._record_reply(request, 201, of, record, _WHOLE)

    def _update(self, request: Request, of: EntityType, key: Row, options: Mapping[str, str]) -> Reply:
        self._switches.require(of, Right.WRITE)
        self._switches.meet_conflict(of)
        self._writer.update(_target(request, of, key, options), _body(request))
        return responses.empty_reply(204)

    def _delete(self, request: Request, of: EntityType, key: Row, options: Mapping[str, str]) -> Reply:
        self._switches.require(of, Right.WRITE)
        self._writer.delete(_target(request, of, key, options))
        return responses.empty_reply(204)

    def _require_read(self, of: EntityType, query: Query) -> None:
        for each in (of, *(expansion.way.target for expansion in query.expand)):
            self._switches.require(each, Right.READ)

    def _record_reply(self, request: Request, status: int, of: EntityType, record: Record, query: Query) -> Reply:
        form = _form(request)
        context = _context(request, f"#{of.set_name}{_shape(query)}/$entity")
        body = {"@odata.context": context, **self._reader.shown(of, record, query, form)}
        headers = {"ETag": etag(record.pairs)}
        if status == 201:
            headers["Location"] = f"{request.base_url}/data/{address(of, record.row)}"
        return responses.detailed_reply(status, body, form.detail, headers)


def _unserved(of: EntityType, below: str) -> Exception:
    """The refusal of an address below a collection or a record: an action or a navigation, or nothing at all."""
    if below.startswith(f"{NAMESPACE}."):
        # No available source lists the actions of the real service.
        return not_simulated(f"the action '{below}' of '{of.set_name}'")
    if below in of.navigations:
        return not_simulated(f"the address of the navigation '{below}' of '{of.set_name}'; use $expand")
    return RouteUnknown()


def _form(request: Request) -> Form:
    asked = _options(request).get("$format") or request.header("Accept") or ""
    return Form(detail_of(asked), request.base_url)


def _options(request: Request) -> Mapping[str, str]:
    try:
        return queries.options(request.query)
    except UnicodeDecodeError as error:
        raise bad_request("The query is not UTF-8.") from error


def _target(request: Request, of: EntityType, key: Row, options: Mapping[str, str]) -> Target:
    return Target(of, key, cross=queries.write_query(options), if_match=request.header("If-Match"))


def _body(request: Request) -> dict[str, Json]:
    try:
        body = exact_json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise bad_request("The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise bad_request("The body must be a JSON object.")
    return body


def _preferred_page_size(request: Request) -> int | None:
    for preference in (request.header("Prefer") or "").split(","):
        text = preference.strip()
        if text.startswith(_MAX_PAGE_PREFERENCE):
            size = text.removeprefix(_MAX_PAGE_PREFERENCE).strip('"')
            return int(size) if size.isdecimal() and int(size) else None
    return None


def _context(request: Request, fragment: str) -> str:
    return f"{request.base_url}/data/$metadata{fragment}"


def _shape(query: Query) -> str:
    """What the context says of the selected and expanded parts, as live answers show it."""
    parts = list(query.select or ())
    for expansion in query.expand:
        parts += [expansion.way.name] if query.select else []
        parts += [f"{expansion.way.name}({','.join(expansion.select)})"] if expansion.select else []
    return f"({','.join(parts)})" if parts else ""
