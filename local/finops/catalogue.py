"""The metadata service below /Metadata: public entities, public enumerations and data entities as JSON."""

import re
from collections.abc import Mapping

from local.finops.refusals import RecordUnknown, RouteUnknown, bad_request
from local.finops.schema import EntityType, Enumeration, Kind, Property, Schema
from local.finops.served import SERVED
from shared.records import Json

# String and Enum are as captured; the other words are the kernel's own type names and unconfirmed on this wire.
_DATA_TYPES: Mapping[Kind, str] = {
    Kind.STRING: "String",
    Kind.DECIMAL: "Real",
    Kind.INT32: "Integer",
    Kind.INT64: "Int64",
    Kind.GUID: "Guid",
    Kind.DATE: "Date",
    Kind.DATE_TIME: "UtcDateTime",
    Kind.ENUM: "Enum",
}

_FILTER = re.compile(r"\s*(?P<name>\w+)\s+eq\s+'(?P<value>(?:[^']|'')*)'\s*")
_KEY = re.compile(r"(?:Name\s*=\s*)?'(?P<value>(?:[^']|'')*)'")


def answer(schema: Schema, collection: str, key: str | None, options: Mapping[str, str]) -> dict[str, Json]:
    """One record by its name or the list that meets a plain `Property eq 'value'` filter.

    Raises RouteUnknown, RecordUnknown and Refused.
    """
    rows = _rows(schema, collection)
    context = f"#{collection}"
    if key is None:
        return {"@odata.context": context, "value": [row for row in rows if _wanted(row, options)]}
    matched = _KEY.fullmatch(key)
    if matched is None:
        raise bad_request(f"The key ({key}) is not well formed.")
    found = next((row for row in rows if row["Name"] == matched["value"].replace("''", "'")), None)
    if found is None:
        raise RecordUnknown
    return {"@odata.context": f"{context}/$entity", **found}


def _rows(schema: Schema, collection: str) -> list[dict[str, Json]]:
    entities = [schema.entities[name] for name in SERVED]
    match collection:
        case "PublicEntities":
            return [_public_entity(entity) for entity in entities]
        case "PublicEnumerations":
            return [_public_enumeration(enumeration) for enumeration in schema.enumerations.values()]
        case "DataEntities":
            return [_data_entity(entity) for entity in entities]
    raise RouteUnknown


def _wanted(row: Mapping[str, Json], options: Mapping[str, str]) -> bool:
    unknown = options.keys() - {"$filter"}
    if unknown:
        raise bad_request(f"The query option '{min(unknown)}' is not supported here.")
    if "$filter" not in options:
        return True
    matched = _FILTER.fullmatch(options["$filter"])
    if matched is None or matched["name"] not in row:
        raise bad_request(f"The metadata service cannot filter by {options['$filter']}.")
    return row[matched["name"]] == matched["value"].replace("''", "'")


def _public_entity(of: EntityType) -> dict[str, Json]:
    return {
        "Name": of.name,
        "EntitySetName": of.set_name,
        "LabelId": "",
        "IsReadOnly": SERVED[of.set_name].read_only,
        "ConfigurationEnabled": True,
        "Properties": [_public_property(of, property_) for property_ in of.properties.values()],
        "NavigationProperties": [],
        "PropertyGroups": [],
        "Actions": [],
    }


def _public_property(of: EntityType, property_: Property) -> dict[str, Json]:
    is_key = property_.name in of.key
    rules = SERVED[of.set_name]
    writable = not (property_.read_only or property_.name in rules.kept or rules.read_only)
    return {
        "Name": property_.name,
        "TypeName": property_.edm_type,
        "DataType": _DATA_TYPES[property_.kind],
        "LabelId": "",
        "IsKey": is_key,
        "IsMandatory": property_.mandatory,
        "ConfigurationEnabled": True,
        "AllowEdit": not is_key and writable and property_.name not in rules.fixed,
        "AllowEditOnCreate": writable,
        "IsDimension": False,
        "DimensionRelation": None,
        "IsDynamicDimension": False,
        "DimensionLegalEntityProperty": None,
        "DimensionTypeProperty": None,
    }


def _public_enumeration(of: Enumeration) -> dict[str, Json]:
    members: list[Json] = [
        {"Name": name, "Value": value, "LabelId": "", "ConfigurationEnabled": True}
        for name, value in of.members.items()
    ]
    return {"Name": of.name, "LabelId": "", "Members": members}


def _data_entity(of: EntityType) -> dict[str, Json]:
    return {
        "Name": of.aot,
        "PublicEntityName": of.name,
        "PublicCollectionName": of.set_name,
        "LabelId": "",
        "DataServiceEnabled": True,
        "DataManagementEnabled": True,
        "IsReadOnly": SERVED[of.set_name].read_only,
    }
