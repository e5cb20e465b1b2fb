"""EntityDefinitions: what clients ask about tables before they use them."""

import re
from collections.abc import Mapping

from local.dataverse.addresses import Segment
from local.dataverse.options import read_options
from local.dataverse.organisation import Organisation, fixed_id
from local.dataverse.reading import JSON_HEADERS, SERVICE
from local.dataverse.refusals import not_simulated, resource_missing, row_missing, wrong_request
from local.dataverse.schema import TEXTS, EntityType, Key, Kind, Property
from local.simulator.messages import Reply, Request
from shared import exact_json
from shared.records import Json

_BY_NAME = re.compile(r"LogicalName='(\w+)'")
_METADATA_ID = "MetadataId"


def read_definitions(organisation: Organisation, path: list[Segment], request: Request) -> Reply:
    """EntityDefinitions, one of them, or its Attributes or Keys."""
    options = read_options(request)
    options.only("$select")
    names = [name.strip() for name in options.given["$select"].split(",")] if "$select" in options.given else None
    if path[0].key is None:
        rows = [_picked(_definition(of), names) for of in organisation.schema.entities.values()]
        return _reply(request, "EntityDefinitions", {"value": list(rows)})
    entity = _entity(organisation, path[0].key)
    match [segment.name for segment in path[1:]]:
        case []:
            content = _picked(_definition(entity), names)
            listed = f"({','.join(names)})" if names else ""
            return _reply(request, f"EntityDefinitions{listed}/$entity", content)
        case ["Attributes"]:
            attributes: list[Json] = [_picked(_attribute(entity, of), names) for of in entity.properties.values()]
            return _reply(request, f"EntityDefinitions('{entity.name}')/Attributes", {"value": attributes})
        case ["Keys"]:
            keys: list[Json] = [_picked(_key(entity, of), names) for of in entity.keys]
            return _reply(request, f"EntityDefinitions('{entity.name}')/Keys", {"value": keys})
        case ["OneToManyRelationships" | "ManyToOneRelationships" as relations]:
            raise not_simulated(relations)
    raise resource_missing(path[1].name)


def _entity(organisation: Organisation, key: str) -> EntityType:
    by_name = _BY_NAME.fullmatch(key)
    for of in organisation.schema.entities.values():
        if (by_name and by_name.group(1) == of.name) or key.lower() == _definition_id(of):
            return of
    raise row_missing("EntityMetadata", by_name.group(1) if by_name else key)


def _definition(of: EntityType) -> dict[str, Json]:
    return {
        "LogicalName": of.name,
        "SchemaName": of.schema_name,
        "EntitySetName": of.entity_set,
        "LogicalCollectionName": of.entity_set,
        "PrimaryIdAttribute": of.primary_id,
        "PrimaryNameAttribute": of.primary_name,
        "OwnershipType": of.ownership,
        "ChangeTrackingEnabled": of.tracked,
        "IsOptimisticConcurrencyEnabled": True,
        _METADATA_ID: _definition_id(of),
    }


def _attribute(entity: EntityType, of: Property) -> dict[str, Json]:
    return {
        "LogicalName": of.column,
        "SchemaName": of.schema_name,
        "EntityLogicalName": entity.name,
        "AttributeType": _attribute_type(of),
        "IsPrimaryId": of.column == entity.primary_id,
        "IsPrimaryName": of.column == entity.primary_name,
        "IsValidForCreate": of.on_create,
        "IsValidForUpdate": of.on_update,
        "IsValidForRead": True,
        "MaxLength": of.max_length if of.kind in TEXTS else None,
        "Precision": of.precision,
        "RequiredLevel": {"Value": of.required, "CanBeChanged": False},
        "Targets": list(of.targets),
        _METADATA_ID: fixed_id(f"attribute {entity.name}.{of.column}"),
    }


def _attribute_type(of: Property) -> str:
    match of.kind, of.column:
        case Kind.CHOICE, "statecode":
            return "State"
        case Kind.CHOICE, "statuscode":
            return "Status"
        case Kind.LOOKUP, "ownerid":
            return "Owner"
        case Kind.LOOKUP, _ if {"account", "contact"} == set(of.targets):
            return "Customer"
        case Kind.DATE, _:
            return "DateTime"
    return of.kind.value


def _key(entity: EntityType, of: Key) -> dict[str, Json]:
    return {
        "SchemaName": of.schema_name,
        "LogicalName": of.logical_name,
        "EntityLogicalName": entity.name,
        "KeyAttributes": list(of.columns),
        "EntityKeyIndexStatus": "Active",
        _METADATA_ID: fixed_id(f"key {entity.name}.{of.logical_name}"),
    }


def _picked(content: Mapping[str, Json], names: list[str] | None) -> dict[str, Json]:
    """What $select names, and the id, which always shows."""
    if names is None:
        return dict(content)
    unknown = [name for name in names if name not in content]
    if unknown:
        raise wrong_request(f"Could not find a property named '{unknown[0]}' on the metadata type.")
    return {**{name: content[name] for name in names}, _METADATA_ID: content[_METADATA_ID]}


def _definition_id(of: EntityType) -> str:
    return fixed_id(f"entity {of.name}")


def _reply(request: Request, context: str, content: Mapping[str, Json]) -> Reply:
    whole: dict[str, Json] = {"@odata.context": f"{request.base_url}{SERVICE}/$metadata#{context}", **content}
    return Reply(200, JSON_HEADERS, exact_json.dumps(whole).encode())
