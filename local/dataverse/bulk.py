"""CreateMultiple, UpdateMultiple and UpsertMultiple: many rows of one table in one transaction."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from local.dataverse import editing
from local.dataverse.addresses import Target, target
from local.dataverse.options import read_options
from local.dataverse.organisation import Organisation
from local.dataverse.payloads import Operation, read_body, read_changes, row_segment
from local.dataverse.reading import JSON_HEADERS, SERVICE, VERSION
from local.dataverse.refusals import duplicate_id, invalid_argument, resource_missing, wrong_payload
from local.dataverse.schema import EntityType
from local.dataverse.values import GUID
from local.dataverse.writing import Writer
from local.simulator.messages import Reply, Request
from local.simulator.store import Row
from shared import exact_json
from shared.records import Json

NAMESPACE = "Microsoft.Dynamics.CRM."
_TYPE, _ID = "@odata.type", "@odata.id"

Content = Mapping[str, Json]


class Message(StrEnum):
    """What is done to every target."""

    CREATE = "CreateMultiple"
    UPDATE = "UpdateMultiple"
    UPSERT = "UpsertMultiple"


# A table has UpsertMultiple if it has both others; it is not listed separately.
_LISTED = {
    Message.CREATE: (Message.CREATE,),
    Message.UPDATE: (Message.UPDATE,),
    Message.UPSERT: (Message.CREATE, Message.UPDATE),
}


def write_rows(organisation: Organisation, writer: Writer, entity: EntityType, name: str, request: Request) -> Reply:
    """POST of a bulk message to an entity set: 200 with the ids of new rows, otherwise 204.

    Raises Refused: of the first row that is refused, and then no row is written; 404 if the table has no such
    message.
    """
    message = _message(organisation, entity, name)
    read_options(request).only()
    targets = _targets(entity, read_body(request.body))
    with organisation.store.transaction():
        match message:
            case Message.CREATE:
                return _created(request, [_create(organisation, writer, entity, each) for each in targets])
            case Message.UPDATE:
                _update(organisation, writer, entity, targets)
            case Message.UPSERT:
                _upsert(organisation, writer, entity, targets)
    return Reply(204, VERSION)


def _message(organisation: Organisation, entity: EntityType, name: str) -> Message:
    try:
        message = Message(name.removeprefix(NAMESPACE))
    except ValueError as error:
        raise resource_missing(name) from error
    listed = {str(row["name"]) for row in _listed(organisation, entity)}
    if not listed.issuperset(_LISTED[message]):
        raise resource_missing(name)
    return message


def _listed(organisation: Organisation, entity: EntityType) -> list[Row]:
    sql = (
        "SELECT name FROM sdkmessage WHERE sdkmessageid IN "
        "(SELECT sdkmessageid FROM sdkmessagefilter WHERE primaryobjecttypecode = ?)"
    )
    return organisation.store.select(sql, (entity.name,))


def _targets(entity: EntityType, body: Content) -> list[Content]:
    targets = body.get("Targets")
    if set(body) != {"Targets"} or not isinstance(targets, list):
        raise wrong_payload('The body of a bulk message is {"Targets": [..]}.')
    if not targets:
        raise invalid_argument("The Targets of a bulk message are empty.")
    return [_checked(entity, content) for content in targets]


def _checked(entity: EntityType, content: Json) -> Content:
    if not isinstance(content, dict) or _TYPE not in content:
        raise wrong_payload(f"Each of the Targets is an object with {_TYPE}, here {NAMESPACE}{entity.name}.")
    if str(content[_TYPE]).removeprefix("#") != f"{NAMESPACE}{entity.name}":
        raise wrong_payload(f"The {_TYPE} '{content[_TYPE]}' of a target is not {NAMESPACE}{entity.name}.")
    return content


def _create(organisation: Organisation, writer: Writer, entity: EntityType, content: Content) -> str:
    row = writer.create(entity, read_changes(organisation, entity, content, Operation.CREATE))
    return str(row[entity.primary_id])


def _created(request: Request, ids: list[str]) -> Reply:
    context = f"{request.base_url}{SERVICE}/$metadata#{NAMESPACE}CreateMultipleResponse"
    body: dict[str, Json] = {"@odata.context": context, "Ids": list(ids)}
    return Reply(200, JSON_HEADERS, exact_json.dumps(body).encode())


def _update(organisation: Organisation, writer: Writer, entity: EntityType, targets: Sequence[Content]) -> None:
    seen: set[str] = set()
    for content in targets:
        if entity.primary_id not in content:
            raise invalid_argument(f"UpdateMultiple takes rows by their id only: {entity.primary_id} is missing.")
        row_id = _row_id(entity, content)
        # Of several targets for one row, the first counts, and the others are dropped silently.
        if row_id not in seen:
            seen.add(row_id)
            before = organisation.get(entity, row_id)
            writer.update(entity, before, read_changes(organisation, entity, content, Operation.UPDATE))


def _upsert(organisation: Organisation, writer: Writer, entity: EntityType, targets: Sequence[Content]) -> None:
    seen: set[str] = set()
    for content in targets:
        of = _addressed(entity, content)
        row = editing.find(organisation, of)
        if row is not None and row[entity.primary_id] in seen:
            raise duplicate_id()
        if row is None:
            row = writer.create(entity, editing.new_columns(organisation, of, content))
        else:
            row = writer.update(entity, row, editing.changed_columns(organisation, of, content))
        seen.add(str(row[entity.primary_id]))


def _addressed(entity: EntityType, content: Content) -> Target:
    """The row that a target of UpsertMultiple means."""
    address = content.get(_ID)
    if address is None:
        if entity.primary_id not in content:
            raise invalid_argument(f"A target of UpsertMultiple names its row by {entity.primary_id} or {_ID}.")
        return Target(entity, _row_id(entity, content))
    segment = row_segment(str(address))
    if segment.name != entity.entity_set or segment.key is None:
        raise wrong_payload(f"The {_ID} '{address}' of a target is not a row of {entity.entity_set}.")
    return target(entity, segment.key)


def _row_id(entity: EntityType, content: Content) -> str:
    given = content[entity.primary_id]
    if not isinstance(given, str) or not GUID.fullmatch(given):
        raise wrong_payload(f"The value {given!r} of '{entity.primary_id}' is not a GUID.")
    return given.lower()
