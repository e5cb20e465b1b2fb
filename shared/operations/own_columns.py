"""The columns that only this organisation has, from the metadata of both systems, in the form of the map document."""

import re
from collections.abc import Callable, Iterator, Mapping

from shared.clients import quoting
from shared.clients.dataverse.environment import API, DataverseSystem
from shared.clients.finops.environment import FinopsSystem, rows_of
from shared.flows.spec import Deployment
from shared.mapping.date_columns import told_behaviors
from shared.mapping.dates import Behavior
from shared.mapping.map_document import NEVER_MAPPED
from shared.mapping.names import shipped
from shared.operations.live_types import text_lengths
from shared.records import Json, Values

# By table of Sales or collection of F&O: the columns, each as an entry of `own_columns`.
OwnColumns = Mapping[str, Mapping[str, Json]]
_OWN = re.compile(r"[a-z][a-z0-9]{1,7}_\w+")
_OF_MICROSOFT = ("msdyn", "msft_", "address1_", "address2_", "address3_", "billto_", "shipto_")
# AttributeType of Dataverse; a lookup is read by its id.
_SALES = {
    "String": "text", "Memo": "text", "Integer": "whole", "BigInt": "whole", "Money": "decimal", "Decimal": "decimal",
    "Double": "decimal", "Boolean": "yes_no", "Picklist": "option", "DateTime": "date", "Uniqueidentifier": "id",
    "Lookup": "id", "Customer": "id",
}  # fmt: skip
# DataType of F&O.
_FINOPS = {
    "String": "text", "Integer": "whole", "Int32": "whole", "Int64": "whole", "Real": "decimal", "Decimal": "decimal",
    "Double": "decimal", "Guid": "id", "Date": "date", "UtcDateTime": "date", "Enum": "member",
}  # fmt: skip
# The type of a field that holds a time as well.
_WITH_TIME = "UtcDateTime"
# What Sales adds to a column that refers to something: its name, which cannot be selected.
_NAMED = frozenset({"Lookup", "Customer", "Owner", "Picklist", "Boolean", "State", "Status"})


def own_columns(deployment: Deployment, dataverse: DataverseSystem, finops: FinopsSystem) -> OwnColumns:
    """Every column of the tables of the flows that is not one of those that both systems are delivered with. Raises
    SystemTrouble."""
    tables = [table for flow in deployment.flows for table in flow.tables(deployment)]
    names = dict.fromkeys(name for table in tables for name in (table.source_set, table.target_set) if name)
    known = {name: shipped()[name] for name in names if name in shipped()}
    found: dict[str, Mapping[str, Json]] = {
        name: dict(_of_sales(dataverse, name, table.id_column.removesuffix("id"))) if table.id_column
        else dict(_of_finops(finops, name))
        for name, table in known.items()
    }  # fmt: skip
    return {name: columns for name, columns in found.items() if columns}


def _of_sales(system: DataverseSystem, table: str, logical_name: str) -> Iterator[tuple[str, Json]]:
    types = {name: str(row.get("AttributeType")) for name, row in attributes_of(system, logical_name, "AttributeType")}
    lengths = text_lengths(system, logical_name)
    dates = "/Microsoft.Dynamics.CRM.DateTimeAttributeMetadata"
    behaviors = told_behaviors(row for _, row in attributes_of(system, logical_name, "DateTimeBehavior", dates))
    options = options_of(system, logical_name, _is_own)
    known = {*shipped()[table].names, *NEVER_MAPPED}
    for name, kind in sorted(types.items()):
        refers = next((end for end in ("yominame", "name") if types.get(name.removesuffix(end)) in _NAMED), "")
        if not _is_own(name) or name in known:
            continue
        if kind not in _SALES or (refers and name.endswith(refers)):
            continue
        column = f"_{name}_value" if kind in {"Lookup", "Customer"} else name
        entry: dict[str, Json] = {"type": _SALES[kind]}
        if name in lengths:
            entry["length"] = lengths[name]
        if name in behaviors:
            entry["behavior"] = behaviors[name]
        if options.get(name):
            entry["options"] = options[name]
        yield column, entry
    yield from _lookups(system, logical_name)


def _lookups(system: DataverseSystem, logical_name: str) -> Iterator[tuple[str, Json]]:
    """The lookups that lead to one table, if that is one of the tables of the flows. A customizer's lookup has the
    schema name as the name of its navigation."""
    sets = {table.id_column.removesuffix("id"): name for name, table in shipped().items() if table.id_column}
    lookups = "/Microsoft.Dynamics.CRM.LookupAttributeMetadata"
    for column, row in attributes_of(system, logical_name, "SchemaName,Targets", lookups):
        targets, navigation = row.get("Targets"), str(row.get("SchemaName") or "")
        table = sets.get(str(targets[0])) if isinstance(targets, list) and len(targets) == 1 else None
        if table and navigation != column and _is_own(column):
            yield navigation, {"type": "lookup", "table": table}


def _is_own(column: str) -> bool:
    return _OWN.fullmatch(column) is not None and not column.startswith(_OF_MICROSOFT)


def options_of(system: DataverseSystem, logical_name: str, wanted: Callable[[str], bool]) -> Mapping[str, list[Json]]:
    """The options of each wanted choice of a table of Sales. Those of a global choice stand in another place, which is
    asked only if there is one. Raises SystemTrouble."""
    found = dict(_options_in(system, logical_name, "OptionSet", wanted))
    if all(found.values()):
        return found
    of_all = _options_in(system, logical_name, "GlobalOptionSet", wanted)
    return {**found, **{name: each for name, each in of_all if each}}


def _options_in(
    system: DataverseSystem, logical_name: str, place: str, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, list[Json]]]:
    choices = "/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
    for column, row in attributes_of(system, logical_name, "AttributeType", choices, f"{place}($select=Options)"):
        if not wanted(column):
            continue
        listed = row[place].get("Options") if isinstance(row.get(place), dict) else None  # type: ignore[union-attr]
        values = [each.get("Value") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        yield column, [value for value in values if isinstance(value, int)]


def attributes_of(
    system: DataverseSystem, logical_name: str, fact: str, cast: str = "", expand: str = ""
) -> Iterator[tuple[str, Values]]:
    """Each column of a table of Sales with a fact of its metadata. Raises SystemTrouble."""
    place = f"(LogicalName={quoting.literal(logical_name)})/Attributes{cast}"
    query = quoting.query({"$select": f"LogicalName,{fact}", **({"$expand": expand} if expand else {})})
    url = system.channel.origin.url(f"{API}/EntityDefinitions{place}?{query}")
    return ((str(row["LogicalName"]), row) for row in system.rows("Attributes", url) if row.get("LogicalName"))


def _of_finops(system: FinopsSystem, collection: str) -> Iterator[tuple[str, Json]]:
    known = {*shipped()[collection].names, *NEVER_MAPPED}
    for name, each in properties_of(system, collection):
        kind = _FINOPS.get(str(each.get("DataType")))
        if name not in known and kind is not None:
            entry: dict[str, Json] = {"type": kind}
            if kind == "member":
                entry["members"] = members_of(system, str(each.get("TypeName")))
            if each.get("DataType") == _WITH_TIME:
                entry["behavior"] = str(Behavior.TIME_ZONE_INDEPENDENT)
            yield name, entry


def properties_of(system: FinopsSystem, collection: str) -> Iterator[tuple[str, Values]]:
    """Each field of a collection of F&O with its metadata. Raises SystemTrouble."""
    wanted = quoting.query({"$filter": quoting.equals("EntitySetName", collection)})
    url = system.channel.origin.url(f"/Metadata/PublicEntities?{wanted}")
    for entity in rows_of(system.channel, url, "PublicEntities"):
        properties = entity.get("Properties")
        for each in properties if isinstance(properties, list) else ():
            if isinstance(each, dict) and each.get("Name"):
                yield str(each["Name"]), each


def members_of(system: FinopsSystem, type_name: str) -> list[Json]:
    """The members of an enumeration of F&O by their values. Raises SystemTrouble."""
    wanted = quoting.query({"$filter": quoting.equals("Name", type_name.rpartition(".")[2])})
    url = system.channel.origin.url(f"/Metadata/PublicEnumerations?{wanted}")
    members: list[Json] = []
    for row in rows_of(system.channel, url, "PublicEnumerations"):
        listed = [each for each in row.get("Members") or () if isinstance(each, dict)]  # type: ignore[union-attr]
        members = [str(each["Name"]) for each in sorted(listed, key=lambda each: int(str(each.get("Value", 0))))]
    return members
