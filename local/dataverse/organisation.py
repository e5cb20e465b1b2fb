"""The rows of one organisation, with one counter of versions and a record of every deletion."""

import random
import sqlite3
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import cast
from uuid import UUID, uuid5

from local.dataverse.refusals import duplicate_id, duplicate_key, row_missing
from local.dataverse.schema import EntityType, Schema
from local.dataverse.settings import Settings, Switches
from local.dataverse.values import column, moment
from local.simulator.auth import Clock
from local.simulator.store import Column, Row, Store, Table, Value, listed, quoted

DELETIONS = "_deletions"
VERSIONS = "versions"
# Ids of the rows that every organisation has. The same in every simulator, so that clients can be set up beforehand.
_NAMESPACE = UUID("7b1f6a52-51c5-5b27-8c52-0a3f5a0f9d11")


@cache
def fixed_id(name: str) -> str:
    """The id of a row that the simulator itself brings."""
    return str(uuid5(_NAMESPACE, name))


ORGANIZATION_ID = fixed_id("organization")
BUSINESS_UNIT_ID = fixed_id("businessunit")
APPLICATION_USER_ID = fixed_id("application user")


class Organisation:
    """Reads and writes rows as they are; what a caller may write is decided elsewhere."""

    def __init__(
        self,
        schema: Schema,
        *,
        clock: Clock,
        file: Path | None = None,
        settings: Settings | None = None,
        switches: Switches | None = None,
        seed: int | None = None,
        store: Store | None = None,
    ) -> None:
        """Open the file of rows, or take a store that holds some already."""
        self.schema = schema
        self.clock = clock
        self.settings = settings or Settings()
        # Of the request that is answered now; the service answers one after the other.
        self.caller_is_administrator = self.settings.administrator
        self.switches = switches or Switches()
        self.random = random.Random(seed)
        self.store = store or Store([*map(_table, schema.entities.values()), _deletions()], file)

    @property
    def version(self) -> int:
        """The newest version number of the organisation."""
        return self.store.counter(VERSIONS)

    def entity(self, name: str) -> EntityType:
        """The table of that logical name."""
        return self.schema.entities[name]

    def find(self, entity: EntityType, row_id: str) -> Row | None:
        """The row of that id, None if there is none."""
        return self.store.get(entity.name, {entity.primary_id: row_id})

    def get(self, entity: EntityType, row_id: str) -> Row:
        """The row of that id. Raises Refused (404)."""
        row = self.find(entity, row_id)
        if row is None:
            raise row_missing(entity.name, row_id)
        return row

    def rows(self, entity: str, **columns: Value) -> list[Row]:
        """The rows with these values; texts are compared without case."""
        return self._selected("*", entity, columns) if entity in self.schema.entities else []

    def parts(self, entity: str, names: tuple[str, ...], **columns: Value) -> list[Row]:
        """The same rows, with the named columns only: a whole row has hundreds."""
        return self._selected(listed(names), entity, columns)

    def _selected(self, what: str, entity: str, columns: Mapping[str, Value]) -> list[Row]:
        condition = " AND ".join(f"{quoted(name)} = ?" for name in columns) or "1"
        return self.store.select(f"SELECT {what} FROM {quoted(entity)} WHERE {condition}", tuple(columns.values()))

    def setting(self, name: str) -> Value:
        """A column of the one row of the organization table."""
        sql = f"SELECT {quoted(name)} FROM organization"
        return self.store.remembered("organization", (name,), lambda: self.store.tuples(sql)[0][0])

    def add(self, entity: EntityType, row: Mapping[str, Value]) -> Row:
        """Store a new row under the next version. Raises Refused (412) if its id or a key is taken."""
        row = {**row, "versionnumber": self.store.next_value(VERSIONS)}
        self._check_keys(entity, row)
        try:
            self.store.insert(entity.name, row)
        except sqlite3.IntegrityError as error:
            raise duplicate_id() from error
        # A deletion is only the last word as long as the id does not come back.
        self.store.delete(DELETIONS, {"entity": entity.name, "id": row[entity.primary_id]})
        return self.get(entity, str(row[entity.primary_id]))

    def change(self, entity: EntityType, row_id: str, changes: Mapping[str, Value]) -> Row:
        """Store changes of a row under the next version, which moves even if no value differs."""
        changes = {**changes, "versionnumber": self.store.next_value(VERSIONS)}
        if any(name in changes for key in entity.keys for name in key.columns):
            self._check_keys(entity, {**self.get(entity, row_id), **changes})
        self.store.update(entity.name, {entity.primary_id: row_id}, changes)
        return self.get(entity, row_id)

    def remove(self, entity: EntityType, row_id: str) -> None:
        """Delete a row and note the deletion for change tracking."""
        self.store.delete(entity.name, {entity.primary_id: row_id})
        version = self.store.next_value(VERSIONS)
        self.store.insert(
            DELETIONS, {"entity": entity.name, "id": row_id, "version": version, "deletedon": moment(self.clock())}
        )

    def by_key(self, entity: EntityType, values: Mapping[str, Value]) -> Row | None:
        """The row with these alternate key values, None if there is none."""
        condition = " AND ".join(f"{quoted(name)} = ?" for name in values)
        found = self.store.select(f"SELECT * FROM {quoted(entity.name)} WHERE {condition}", tuple(values.values()))
        return found[0] if found else None

    def new_id(self) -> str:
        """A fresh id."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def _check_keys(self, entity: EntityType, row: Mapping[str, Value]) -> None:
        for key in entity.keys:
            values = {name: row.get(name) for name in key.columns}
            if any(value is None for value in values.values()):
                continue
            other = self.by_key(entity, values)
            if other is not None and other[entity.primary_id] != row[entity.primary_id]:
                raise duplicate_key(key.schema_name, ", ".join(key.columns))


def number(value: Value) -> int:
    """A stored whole number that cannot be missing."""
    return int(cast(int, value))


def _table(entity: EntityType) -> Table:
    columns: dict[str, Column] = {}
    for property_ in entity.properties.values():
        columns[property_.column] = column(property_)
        if property_.type_column:
            columns[property_.type_column] = Column.EXACT_TEXT
    return Table(entity.name, columns, (entity.primary_id,), tuple(_indexes(entity)))


def _indexes(entity: EntityType) -> Iterable[tuple[str, ...]]:
    yield ("versionnumber",)
    yield from (key.columns for key in entity.keys)
    # What is looked up in every write, and what deletions and expansions walk along.
    for name in ("productnumber", "accountnumber", "msdynce_contactnumber"):
        if name in entity.properties and (name,) not in {key.columns for key in entity.keys}:
            yield (name,)
    for nav in entity.navigations.values():
        if nav.delete_behavior in ("Cascade", "RemoveLink", "Restrict") and nav.column not in (
            "createdbyexternalparty",
            "modifiedbyexternalparty",
        ):
            yield (nav.column,)


def _deletions() -> Table:
    columns = {
        "entity": Column.EXACT_TEXT,
        "id": Column.EXACT_TEXT,
        "version": Column.INTEGER,
        "deletedon": Column.EXACT_TEXT,
    }
    return Table(DELETIONS, columns, ("entity", "id"), (("entity", "version"),))
