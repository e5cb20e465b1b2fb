"""The handler of the simulator: finds out what a request means and lets the right module answer."""

from uuid import uuid4

from local.dataverse import editing
from local.dataverse.actions import ACTIONS
from local.dataverse.addresses import ROOT, Segment, Target, segments, target
from local.dataverse.batch import Batch
from local.dataverse.bulk import NAMESPACE, write_rows
from local.dataverse.csdl import csdl
from local.dataverse.functions import total_record_count, who_am_i
from local.dataverse.metadata import read_metadata
from local.dataverse.options import read_options
from local.dataverse.organisation import APPLICATION_USER_ID, Organisation
from local.dataverse.reading import JSON_HEADERS, TEXT_HEADERS, VERSION, read_collection, read_count, read_row
from local.dataverse.refusals import Refused, method_refused, not_simulated, privilege_missing, resource_missing
from local.dataverse.schema import EntityType
from local.dataverse.tracking import count_changes, is_tracked, read_changes
from local.dataverse.writing import Caller, Writer
from local.simulator.auth import client_of
from local.simulator.messages import Reply, Request
from shared import exact_json
from shared.records import Json

THROTTLED = exact_json.dumps(
    {
        "error": {
            "code": "0x80072322",
            "message": "Number of requests exceeded the limit of 6000 over time window of 300 seconds.",
        }
    }
)
# What real clients request besides rows, and what it can do.
_NOT_SIMULATED = frozenset(
    {
        "BulkDelete",
        "CreateEntities",
        "GlobalOptionSetDefinitions",
        "ManagedPropertyDefinitions",
        "RetrieveAvailableLanguages",
        "RetrieveMetadataChanges",
    }
)
# The headers that name the user to act for, the preferred one first, with the column that each names the user by.
_ACTS_FOR = {"CallerObjectId": "azureactivedirectoryobjectid", "MSCRMCallerID": "systemuserid"}
_VERBS = {"GET": "Read", "HEAD": "Read", "POST": "Create", "PATCH": "Write", "PUT": "Write", "DELETE": "Delete"}


class Service:
    """Answers requests of one organisation; `handle` is the handler of the simulator."""

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation

    def handle(self, request: Request) -> Reply:
        """The answer to any request."""
        try:
            return self._marked(self._answer(request, self._organisation.settings.url_limit))
        except Refused as refused:
            return self.refusal(refused)

    def refusal(self, refused: Refused) -> Reply:
        """The answer to a request that is refused, here or before it came here."""
        return self._marked(Reply(refused.status, {**JSON_HEADERS, **refused.headers}, refused.body()))

    def rows_written(self) -> int:
        """How many writes of rows the organisation has seen, those that follow from another write included."""
        return self._organisation.version

    def _marked(self, reply: Reply) -> Reply:
        """The answer with the headers that every answer has."""
        common = {
            "x-ms-service-request-id": str(uuid4()),
            "REQ_ID": str(uuid4()),
            "x-ms-dop-hint": str(self._organisation.settings.dop_hint),
        }
        return Reply(reply.status, {**common, **reply.headers}, reply.body)

    def caller(self, request: Request) -> Caller:
        """The application user of the token, or the user that it acts for, whose role decides about sales documents
        that are read-only. Raises Refused (403)."""
        caller, settings = self._caller(request), self._organisation.settings
        is_application = caller.on_behalf_of is None
        self._organisation.caller_is_administrator = (
            settings.administrator if is_application else caller.user_id in settings.administrators
        )
        return caller

    def _caller(self, request: Request) -> Caller:
        user = self._application_user(request)
        for header, column in _ACTS_FOR.items():
            named = request.header(header)
            if named is not None:
                found = self._organisation.rows("systemuser", **{column: named.lower()})
                if not found:
                    raise Refused(403, "0x8004a110", f"The user {named} to act for ({header}) does not exist.")
                return Caller(str(found[0]["systemuserid"]), on_behalf_of=user)
        return Caller(user)

    def _part(self, request: Request) -> Reply:
        """The answer to a request within a batch, whose addresses may be longer. Raises Refused."""
        return self._answer(request, self._organisation.settings.batch_url_limit)

    def _answer(self, request: Request, url_limit: int) -> Reply:
        if len(request.url) > url_limit:
            return Reply(414, {"Content-Type": "text/html"}, b"<h2>HTTP Error 414. The request URL is too long.</h2>")
        if ROOT.match(request.raw_path) is None:
            raise resource_missing(request.raw_path)
        path = segments(request.raw_path)
        if not path:
            return self._directory(request)
        match path[0].name:
            case "WhoAmI":
                _require("GET", request)
                return who_am_i(self.caller(request), request)
            case "RetrieveTotalRecordCount":
                _require("GET", request)
                return total_record_count(self._organisation, path[0], request)
            case name if name in ACTIONS:
                _require("POST", request)
                caller = self.caller(request)
                self._check_privilege(self._organisation.entity(ACTIONS[name].table), caller, request)
                return ACTIONS[name].run(self._organisation, Writer(self._organisation, caller), request)
            case "EntityDefinitions" | "RelationshipDefinitions" as name:
                if request.method != "GET":
                    raise not_simulated(f"{request.method} of {name}")
                return read_metadata(self._organisation, path, request)
            case "$batch":
                _require("POST", request)
                return Batch(self._organisation.store, self._part, self.refusal).answer(request)
            case "$metadata":
                _require("GET", request)
                content = csdl(self._organisation.schema)
                return Reply(200, {"Content-Type": "application/xml", **VERSION}, content)
            case name if name in _NOT_SIMULATED:
                raise not_simulated(name)
        entity = self._organisation.schema.by_set.get(path[0].name)
        if entity is None:
            raise resource_missing(path[0].name)
        return self._entity_answer(entity, path, request)

    def _entity_answer(self, entity: EntityType, path: list[Segment], request: Request) -> Reply:
        caller = self.caller(request)
        self._check_privilege(entity, caller, request)
        if path[0].key is None:
            return self._set_answer(entity, path[1:], caller, request)
        return self._row_answer(entity, path, caller, request)

    def _set_answer(self, entity: EntityType, rest: list[Segment], caller: Caller, request: Request) -> Reply:
        organisation = self._organisation
        match request.method, [segment.name for segment in rest]:
            case "GET", []:
                if is_tracked(request):
                    return read_changes(organisation, entity, request)
                return read_collection(organisation, entity, request)
            case "GET", ["$count"]:
                return self._count(entity, request)
            case "POST", []:
                return editing.create_row(organisation, Writer(organisation, caller), entity, request)
            case _, []:
                raise method_refused(request.method)
            case "POST", [name] if name.startswith(NAMESPACE):
                return write_rows(organisation, Writer(organisation, caller), entity, name, request)
        raise resource_missing(rest[0].name)

    def _row_answer(self, entity: EntityType, path: list[Segment], caller: Caller, request: Request) -> Reply:
        organisation, writer = self._organisation, Writer(self._organisation, caller)
        of = target(entity, path[0].key or "")
        match request.method, [segment.name for segment in path[1:]]:
            case "GET", []:
                return read_row(organisation, entity, editing.get(organisation, of), request)
            case "PATCH", []:
                return editing.update_row(organisation, writer, of, request)
            case "DELETE", []:
                return editing.delete_row(organisation, writer, of, request)
            case _, []:
                raise method_refused(request.method)
        return self._property_answer(of, path[1:], writer, request)

    def _property_answer(self, of: Target, rest: list[Segment], writer: Writer, request: Request) -> Reply:
        organisation = self._organisation
        match request.method, [segment.name for segment in rest]:
            case "PUT", [name]:
                return editing.set_property(organisation, writer, of, name, request)
            case "DELETE", [name]:
                return editing.clear_property(organisation, writer, of, name, request)
            case "PUT", [name, "$ref"]:
                return editing.set_reference(organisation, writer, of, name, request)
            case "DELETE", [name, "$ref"]:
                return editing.clear_reference(organisation, writer, of, name, request)
        raise not_simulated(f"{request.method} of {'/'.join(segment.name for segment in rest)} on a row")

    def _count(self, entity: EntityType, request: Request) -> Reply:
        options = read_options(request)
        if "$deltatoken" not in options.given:
            return read_count(self._organisation, entity, request)
        counted = count_changes(self._organisation, entity, options)
        return Reply(200, TEXT_HEADERS, str(counted).encode())

    def _check_privilege(self, entity: EntityType, caller: Caller, request: Request) -> None:
        switches = self._organisation.switches
        reads = request.method in ("GET", "HEAD")
        if entity.name in (switches.read_denied if reads else switches.write_denied):
            verb = _VERBS.get(request.method, "Write")
            raise privilege_missing(verb, entity.schema_name, caller.user_id)

    def _directory(self, request: Request) -> Reply:
        sets: list[Json] = [
            {"name": each.entity_set, "kind": "EntitySet", "url": each.entity_set} for each in self._sets()
        ]
        context = f"{request.base_url}/api/data/v9.2/$metadata"
        return Reply(200, JSON_HEADERS, exact_json.dumps({"@odata.context": context, "value": sets}).encode())

    def _sets(self) -> list[EntityType]:
        return list(self._organisation.schema.entities.values())

    def _application_user(self, request: Request) -> str:
        client = client_of(request.header("Authorization"))
        if client is None:
            return APPLICATION_USER_ID
        users = self._organisation.rows("systemuser", applicationid=client.lower())
        # The seeded application user represents every client that has no user of its own.
        return str(users[0]["systemuserid"]) if users else APPLICATION_USER_ID


def _require(method: str, request: Request) -> None:
    if request.method != method:
        raise method_refused(request.method)
