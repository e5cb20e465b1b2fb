"""One-to-many relationships: each is a lookup of one table, seen from both of its tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from local.dataverse.schemafiles import RawTables, mapping, mappings, read_relationships
from shared.records import Json


@dataclass(frozen=True, slots=True)
class Relationship:
    """A lookup (`referencing`) and the table that it points to (`referenced`)."""

    name: str
    referenced_table: str
    referenced_column: str
    referencing_table: str
    referencing_column: str
    navigation: str
    delete_behavior: str

    @property
    def collection(self) -> str:
        """The navigation from the referenced row to those that point to it; it has the name of the relationship."""
        return self.name


def relationships(tables: RawTables) -> Mapping[str, tuple[Relationship, ...]]:
    """The relationships of the referencing tables whose relationships were read, in the order of their names."""
    ids = primary_keys(tables)
    return {
        table: tuple(sorted(_lookups(table, tables[table], mapping(names), ids), key=lambda each: each.name.lower()))
        for table, names in mapping(read_relationships()["tables"]).items()
    }


def primary_keys(tables: RawTables) -> Mapping[str, str]:
    """The primary key of every table, also of those that are only referenced."""
    others = mapping(read_relationships()["referenced_ids"])
    return {name: str(table["primary_id"]) for name, table in tables.items()} | {
        name: str(other) for name, other in others.items()
    }


def _lookups(
    table: str, raw: Mapping[str, Json], names: Mapping[str, Json], ids: Mapping[str, str]
) -> Iterator[Relationship]:
    for lookup in mappings(raw["lookups"]):
        for nav in mappings(lookup["navigation"]):
            if nav["nav"] in names:
                # Users and teams are owners: a lookup to both of them is one relationship.
                referenced = "owner" if "entity_sets" in nav else str(nav["target"])
                yield Relationship(
                    name=str(names[str(nav["nav"])]),
                    referenced_table=referenced,
                    referenced_column=ids[referenced],
                    referencing_table=table,
                    referencing_column=str(lookup["attribute"]),
                    navigation=str(nav["nav"]),
                    delete_behavior=str(nav.get("delete_behavior", "NoCascade")),
                )
