"""Answers the requests that write: POST, PATCH, PUT and DELETE."""

from collections.abc import Mapping

from local.dataverse.addresses import Target
from local.dataverse.options import read_options, read_preferences
from local.dataverse.organisation import Organisation
from local.dataverse.payloads import Operation, existing, read_body, read_changes
from local.dataverse.reading import JSON_HEADERS, SERVICE, VERSION, applied, row_context
from local.dataverse.refusals import (
    Refused,
    duplicate_id,
    exists_already,
    invalid_argument,
    key_missing,
    resource_missing,
    row_missing,
    version_mismatch,
    wrong_payload,
)
from local.dataverse.schema import EntityType, Kind
from local.dataverse.showing import Presenter, etag, view
from local.dataverse.writing import Writer
from local.simulator.messages import Reply, Request
from local.simulator.store import Row
from shared.records import Json


def create_row(organisation: Organisation, writer: Writer, entity: EntityType, request: Request) -> Reply:
    """POST to an entity set: 204 with the address of the new row, or 201 with the row."""
    changes = read_changes(organisation, entity, read_body(request.body), Operation.CREATE)
    given = changes.get(entity.primary_id)
    if given is not None and organisation.find(entity, str(given)) is not None:
        raise duplicate_id()
    row = writer.create(entity, changes)
    return _written(organisation, entity, row, request, address=None, created=True)


def update_row(organisation: Organisation, writer: Writer, target: Target, request: Request) -> Reply:
    """PATCH of a row. Without If-Match a row that is missing is created (upsert)."""
    entity, row = target.entity, find(organisation, target)
    _check_if_none_match(request, row)
    if row is None:
        if request.header("If-Match") is not None:
            raise _missing(target)
        row = writer.create(entity, new_columns(organisation, target, read_body(request.body)))
        return _written(organisation, entity, row, request, address=_address(target, request), created=True)
    _check_if_match(request, row)
    row = writer.update(entity, row, changed_columns(organisation, target, read_body(request.body)))
    return _written(organisation, entity, row, request, address=_address(target, request), created=False)


def delete_row(organisation: Organisation, writer: Writer, target: Target, request: Request) -> Reply:
    """DELETE of a row: 204."""
    read_options(request).only()
    row = get(organisation, target)
    _check_if_match(request, row)
    writer.delete(target.entity, row)
    return Reply(204, VERSION)


def set_property(organisation: Organisation, writer: Writer, target: Target, name: str, request: Request) -> Reply:
    """PUT {"value": ..} to one property of a row: 204."""
    content = read_body(request.body)
    if set(content) - {"@odata.context"} != {"value"}:
        raise wrong_payload('The body of a single property is {"value": ..}.')
    return _set(organisation, writer, target, {_property(target.entity, name): content["value"]}, request)


def clear_property(organisation: Organisation, writer: Writer, target: Target, name: str, request: Request) -> Reply:
    """DELETE of one property of a row: it is null afterwards."""
    return _set(organisation, writer, target, {_property(target.entity, name): None}, request)


def set_reference(organisation: Organisation, writer: Writer, target: Target, name: str, request: Request) -> Reply:
    """PUT {"@odata.id": address} to <navigation>/$ref: 204."""
    content = read_body(request.body)
    return _set(organisation, writer, target, {f"{name}@odata.bind": content.get("@odata.id")}, request)


def clear_reference(organisation: Organisation, writer: Writer, target: Target, name: str, request: Request) -> Reply:
    """DELETE of <navigation>/$ref: the lookup is null afterwards."""
    return _set(organisation, writer, target, {f"{name}@odata.bind": None}, request)


def find(organisation: Organisation, target: Target) -> Row | None:
    """The row that an address means, None if there is none."""
    if target.row_id is not None:
        return organisation.find(target.entity, target.row_id)
    return organisation.by_key(target.entity, target.key)


def get(organisation: Organisation, target: Target) -> Row:
    """The row that an address means. Raises Refused (404)."""
    return organisation.get(target.entity, existing(organisation, target))


def new_columns(organisation: Organisation, target: Target, content: Mapping[str, Json]) -> Row:
    """The columns of a row that an upsert creates: values of the body win over those of the address."""
    changes = read_changes(organisation, target.entity, content, Operation.CREATE)
    if target.row_id is None:
        return {**target.key, **changes}
    if changes.get(target.entity.primary_id, target.row_id) != target.row_id:
        raise invalid_argument(f"The {target.entity.primary_id} of the body differs from that of the address.")
    return {**changes, target.entity.primary_id: target.row_id}


def changed_columns(organisation: Organisation, target: Target, content: Mapping[str, Json]) -> Row:
    """The columns of an existing row that an upsert changes: those of its key are dropped silently."""
    kept = {name: value for name, value in content.items() if name not in target.key}
    return read_changes(organisation, target.entity, kept, Operation.UPDATE)


def _set(
    organisation: Organisation, writer: Writer, target: Target, content: dict[str, Json], request: Request
) -> Reply:
    row = get(organisation, target)
    _check_if_match(request, row)
    writer.update(target.entity, row, read_changes(organisation, target.entity, content, Operation.UPDATE))
    return Reply(204, VERSION)


def _property(entity: EntityType, name: str) -> str:
    of = entity.properties.get(name)
    if of is None or of.kind is Kind.LOOKUP:
        raise resource_missing(name)
    return name


def _missing(target: Target) -> Refused:
    if target.row_id is None:
        return key_missing(target.entity.name)
    return row_missing(target.entity.name, target.row_id)


def _check_if_match(request: Request, row: Row) -> None:
    wanted = request.header("If-Match")
    if wanted not in (None, "*", etag(row)):
        raise version_mismatch()


def _check_if_none_match(request: Request, row: Row | None) -> None:
    if row is not None and request.header("If-None-Match") == "*":
        raise exists_already()


def _address(target: Target, request: Request) -> str | None:
    # The address of an upsert by alternate key is repeated as it was sent, without the id.
    return f"{request.base_url}{request.raw_path}" if target.row_id is None else None


def _written(
    organisation: Organisation, entity: EntityType, row: Row, request: Request, *, address: str | None, created: bool
) -> Reply:
    options, preferences = read_options(request), read_preferences(request)
    # An $expand of an updating request is ignored.
    options.only("$select", "$expand")
    if preferences.representation:
        chosen = view(entity, options.given.get("$select"), annotations=preferences.annotations)
        text = Presenter(organisation, chosen).show(row, context=row_context(request, chosen, options))
        headers = {**JSON_HEADERS, "ETag": etag(row), **applied(preferences)}
        return Reply(201 if created else 200, headers, text.encode())
    address = address or f"{request.base_url}{SERVICE}/{entity.entity_set}({row[entity.primary_id]})"
    return Reply(204, {**VERSION, "OData-EntityId": address, "Location": address})
