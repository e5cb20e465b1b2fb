"""The columns that both systems have now, with their types, as their metadata tells."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shared.clients import quoting
from shared.clients.dataverse.environment import API, DataverseSystem
from shared.clients.finops.environment import FinopsSystem, rows_of
from shared.mapping.type_names import known_in_finops
from shared.records import Json
from shared.sync.ports import SystemPort
from shared.systems import System

Types = Mapping[str, str]
Lengths = Mapping[str, int]
_TEXTS = ("String", "Memo")


@dataclass(frozen=True, slots=True)
class LiveTypes:
    """Asks the metadata of both systems."""

    dataverse: DataverseSystem
    finops: FinopsSystem

    @classmethod
    def of(cls, systems: Mapping[System, SystemPort]) -> "LiveTypes":
        """The metadata of these systems."""
        dataverse, finops = systems[System.DATAVERSE], systems[System.FINOPS]
        assert isinstance(dataverse, DataverseSystem)
        assert isinstance(finops, FinopsSystem)
        return cls(dataverse, finops)

    def tables(self) -> Mapping[str, str]:
        """The logical name of every table of Sales by its entity set. Raises SystemTrouble."""
        rows = self.dataverse.rows("EntityDefinitions", self._definitions("", "LogicalName,EntitySetName"))
        return {str(row.get("EntitySetName")): str(row.get("LogicalName")) for row in rows}

    def of_table(self, logical_name: str) -> Types:
        """The type of each column of a table of Sales. Raises SystemTrouble."""
        place = f"(LogicalName={quoting.literal(logical_name)})/Attributes"
        rows = self.dataverse.rows("Attributes", self._definitions(place, "LogicalName,AttributeType"))
        return {str(row["LogicalName"]): str(row.get("AttributeType") or "") for row in rows if row.get("LogicalName")}

    def of_collection(self, entity_set: str) -> Types | None:
        """The type of each field of a collection of F&O, blank where its name is not a known one; None if there is no
        such collection. Raises SystemTrouble."""
        query = quoting.query({"$filter": quoting.equals("EntitySetName", entity_set)})
        url = self.finops.channel.origin.url(f"/Metadata/PublicEntities?{query}")
        rows = list(rows_of(self.finops.channel, url, "PublicEntities"))
        return dict(_named(rows[0].get("Properties"))) if rows else None

    def of_sets(self, system: System, entity_sets: Iterable[str]) -> Mapping[str, Types]:
        """The types of several tables or collections of a system by entity set; those that there are not are left out.
        Raises SystemTrouble."""
        if system is System.FINOPS:
            found = {name: self.of_collection(name) for name in entity_sets}
            return {name: types for name, types in found.items() if types is not None}
        tables = self.tables()
        return {name: self.of_table(tables[name]) for name in entity_sets if name in tables}

    def lengths_of_sets(self, system: System, entity_sets: Iterable[str]) -> Mapping[str, Lengths]:
        """How many characters the text columns of several tables take, by entity set. F&O is left out: neither
        its metadata service nor its `$metadata` tells lengths. Raises SystemTrouble."""
        if system is System.FINOPS:
            return {}
        tables = self.tables()
        return {name: text_lengths(self.dataverse, tables[name]) for name in entity_sets if name in tables}

    def _definitions(self, path: str, select: str) -> str:
        return self.dataverse.channel.origin.url(f"{API}/EntityDefinitions{path}?{quoting.query({'$select': select})}")


def text_lengths(dataverse: DataverseSystem, logical_name: str) -> Lengths:
    """How many characters the text columns of a table of Sales take. Raises SystemTrouble."""
    query = quoting.query({"$select": "LogicalName,MaxLength"})
    place = f"{API}/EntityDefinitions(LogicalName={quoting.literal(logical_name)})/Attributes"
    lengths: dict[str, int] = {}
    for kind in _TEXTS:
        url = dataverse.channel.origin.url(f"{place}/Microsoft.Dynamics.CRM.{kind}AttributeMetadata?{query}")
        for row in dataverse.rows("Attributes", url):
            length = row.get("MaxLength")
            if isinstance(length, int):
                lengths[str(row.get("LogicalName"))] = length
    return lengths


def _named(properties: Json) -> Iterator[tuple[str, str]]:
    for each in properties if isinstance(properties, list) else ():
        if isinstance(each, dict) and each.get("Name"):
            yield str(each["Name"]), known_in_finops(str(each.get("DataType")))
