"""The unbound functions: WhoAmI and RetrieveTotalRecordCount."""

from urllib.parse import unquote

from local.dataverse.addresses import Segment
from local.dataverse.options import read_options
from local.dataverse.organisation import BUSINESS_UNIT_ID, ORGANIZATION_ID, Organisation, number
from local.dataverse.reading import JSON_HEADERS, SERVICE
from local.dataverse.refusals import wrong_request
from local.dataverse.writing import Caller
from local.simulator.messages import Reply, Request
from local.simulator.store import quoted
from shared import exact_json
from shared.records import Json


def who_am_i(caller: Caller, request: Request) -> Reply:
    """The caller, its business unit and the organisation."""
    return _reply(
        request,
        "WhoAmIResponse",
        {"BusinessUnitId": BUSINESS_UNIT_ID, "UserId": caller.user_id, "OrganizationId": ORGANIZATION_ID},
    )


def total_record_count(organisation: Organisation, segment: Segment, request: Request) -> Reply:
    """How many rows tables have: RetrieveTotalRecordCount(EntityNames=['account'])."""
    names = _entity_names(segment, request)
    counts: list[Json] = []
    for name in names:
        if name not in organisation.schema.entities:
            raise wrong_request(f"The entity with a name = '{name}' was not found.")
        counts.append(number(organisation.store.tuples(f"SELECT COUNT(*) FROM {quoted(name)}")[0][0]))
    collection: dict[str, Json] = {"Count": len(names), "IsReadOnly": False, "Keys": list(names), "Values": counts}
    return _reply(request, "RetrieveTotalRecordCountResponse", {"EntityRecordCountCollection": collection})


def _entity_names(segment: Segment, request: Request) -> list[str]:
    name, _, text = (segment.key or "").partition("=")
    options = read_options(request)
    options.only()
    listed = options.aliases.get(text.strip(), text).strip()
    if name.strip() != "EntityNames" or not (listed.startswith("[") and listed.endswith("]")):
        raise wrong_request("RetrieveTotalRecordCount takes EntityNames=['<table>',..].")
    return [unquote(part.strip().strip("'\"")) for part in listed[1:-1].split(",") if part.strip()]


def _reply(request: Request, response: str, content: dict[str, Json]) -> Reply:
    context = f"{request.base_url}{SERVICE}/$metadata#Microsoft.Dynamics.CRM.{response}"
    return Reply(200, JSON_HEADERS, exact_json.dumps({"@odata.context": context, **content}).encode())
