"""Reads request bodies: which columns a write sets, and to what."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from local.dataverse.addresses import ROOT, Segment, Target, segments, target
from local.dataverse.organisation import Organisation
from local.dataverse.refusals import (
    invalid_argument,
    key_missing,
    not_simulated,
    row_missing,
    undeclared_property,
    wrong_payload,
)
from local.dataverse.schema import EntityType, Navigation, Property
from local.dataverse.settings import NotValid
from local.dataverse.values import GUID, stored
from local.simulator.store import Row
from shared import exact_json
from shared.records import Json

_BIND = "@odata.bind"


class Operation(StrEnum):
    """What a write does to its row."""

    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Reference:
    """The row that a lookup points to."""

    table: str
    row_id: str


def read_body(body: bytes) -> Mapping[str, Json]:
    """The JSON object of a body. Raises Refused (400)."""
    try:
        content = exact_json.loads(body)
    except (ValueError, RecursionError) as error:
        raise wrong_payload(f"Error identified in Payload provided by the user: it is not JSON ({error}).") from error
    if not isinstance(content, dict):
        raise wrong_payload("Error identified in Payload provided by the user: it is not a JSON object.")
    return content


def read_changes(
    organisation: Organisation, entity: EntityType, content: Mapping[str, Json], operation: Operation
) -> Row:
    """The columns that a body sets, in the form of the store.

    Raises Refused for unknown names, wrong values, references to missing rows and, unless the settings ignore them,
    columns that the operation does not take.
    """
    changes: Row = {}
    for name, value in content.items():
        changes.update(_changed(organisation, entity, name, value, operation))
    return changes


def _changed(organisation: Organisation, entity: EntityType, name: str, value: Json, operation: Operation) -> Row:
    if name.endswith(_BIND):
        return _bound(organisation, entity, name.removesuffix(_BIND), value, operation)
    if "@" in name:
        # Annotations such as @odata.type or a formatted value change nothing.
        return {}
    if name in entity.navigations:
        return _inline(organisation, entity, name, value, operation)
    of = entity.properties.get(name)
    if of is None:
        raise undeclared_property(name, entity.name)
    if of.name != of.column:
        raise wrong_payload(f"The property '{name}' is read-only; set the lookup by its navigation property.")
    if not _takes(organisation, entity, of, operation):
        return {}
    return {of.column: stored(of, value, entity)}


def _inline(organisation: Organisation, entity: EntityType, name: str, value: Json, operation: Operation) -> Row:
    if value is None:
        return _bound(organisation, entity, name, None, operation)
    if isinstance(value, dict):
        raise not_simulated(f"the creation of a related row within another ({name})")
    raise wrong_payload(f"The navigation property '{name}' takes an object or null; bind rows with {name}{_BIND}.")


def _bound(organisation: Organisation, entity: EntityType, name: str, value: Json, operation: Operation) -> Row:
    navigation = entity.navigations.get(name)
    if navigation is None:
        raise undeclared_property(name, entity.name)
    of = entity.columns[navigation.column]
    if not _takes(organisation, entity, of, operation):
        return {}
    if value is None:
        stored(of, None, entity)
        return set_lookup(of, None)
    if not isinstance(value, str):
        raise wrong_payload(f"{name}{_BIND} takes the address of a row, such as /accounts(<guid>).")
    return set_lookup(of, reference(organisation, navigation, value))


def set_lookup(of: Property, to: Reference | None) -> Row:
    """The columns of a lookup that points there, or nowhere."""
    row: Row = {of.column: to.row_id if to else None}
    if of.type_column:
        row[of.type_column] = to.table if to else None
    return row


def reference(organisation: Organisation, navigation: Navigation, address: str) -> Reference:
    """The existing row that an address names. Raises Refused (400, 404)."""
    segment = row_segment(address)
    table = organisation.schema.sets.get(segment.name)
    if table is None or table not in navigation.targets or segment.key is None:
        raise wrong_payload(
            f"The value '{address}' of {navigation.name}{_BIND} is not a row of {' or '.join(navigation.targets)}."
        )
    entity = organisation.schema.entities.get(table)
    if entity is None:
        # Of a table that only is pointed to, any id will do.
        if not GUID.fullmatch(segment.key):
            raise wrong_payload(f"The value '{address}' of {navigation.name}{_BIND} names no row by its id.")
        return Reference(table, segment.key.lower())
    return Reference(table, existing(organisation, target(entity, segment.key)))


def existing(organisation: Organisation, of: Target) -> str:
    """The id of a row that exists. Raises Refused (404)."""
    if of.row_id is not None:
        if organisation.find(of.entity, of.row_id) is None:
            raise row_missing(of.entity.name, of.row_id)
        return of.row_id
    row = organisation.by_key(of.entity, of.key)
    if row is None:
        raise key_missing(of.entity.name)
    return str(row[of.entity.primary_id])


def row_segment(address: str) -> Segment:
    """The entity set and key in the address of a row, absolute or below the service. Raises Refused (400, 404)."""
    path = urlsplit(address).path if "://" in address else address
    relative = path.lstrip("/") if not ROOT.match(path) else ROOT.sub("", path)
    found = segments(f"/api/data/v9.2/{relative}")
    if len(found) != 1:
        raise wrong_payload(f"The value '{address}' is not the address of one row.")
    return found[0]


def _takes(organisation: Organisation, entity: EntityType, of: Property, operation: Operation) -> bool:
    """Whether a column is valid for the operation. The settings say if one that is not is refused or ignored."""
    if of.column == entity.primary_id:
        return True
    if of.on_create if operation is Operation.CREATE else of.on_update:
        return True
    if organisation.settings.columns_not_valid is NotValid.IGNORE:
        return False
    raise invalid_argument(f"The attribute '{of.column}' of the '{entity.name}' entity is not valid for {operation}.")
