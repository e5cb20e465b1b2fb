"""Which tables and fields of both systems the flows use, each table with everything that any flow needs of it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from shared.flows.required_columns import Columns, UsedCollection, UsedTable
from shared.flows.spec import Deployment
from shared.mapping.addresses import AddressBlock
from shared.mapping.dates import Behavior


@dataclass(frozen=True, slots=True)
class CollectionUse:
    """A collection of F&O: what each flow that uses it reads or writes there. `key` is the field that is its whole key
    for some flow, empty where none is."""

    entity_set: str
    flows: Mapping[str, Columns]
    key: str = ""

    @property
    def columns(self) -> frozenset[str]:
        """Everything that any flow uses."""
        return frozenset(name for columns in self.flows.values() for name in columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableUse(CollectionUse):
    """A table of Sales: what each flow that uses it reads or writes there, by attribute, and whether a flow follows its
    changes; its date columns and address blocks."""

    id_column: str
    tracked: bool
    dates: Mapping[str, Behavior] = field(default_factory=dict)
    blocks: tuple[AddressBlock, ...] = ()

    @property
    def logical_name(self) -> str:
        """The table's name in the metadata."""
        return self.id_column.removesuffix("id")


def tables_of_sales(deployment: Deployment) -> tuple[TableUse, ...]:
    """Every table of Sales that is read or written."""
    found: dict[str, list[tuple[str, UsedTable]]] = defaultdict(list)
    for flow in deployment.flows:
        for table in flow.required_columns(deployment).sales:
            found[table.entity_set].append((flow.name, table))
    return tuple(_joined(name, value) for name, value in found.items())


def collections_of_finops(deployment: Deployment) -> tuple[CollectionUse, ...]:
    """Every collection of F&O that is read or written."""
    found: dict[str, list[tuple[str, UsedCollection]]] = defaultdict(list)
    for flow in deployment.flows:
        for collection in flow.required_columns(deployment).finops:
            found[collection.entity_set].append((flow.name, collection))
    return tuple(
        CollectionUse(name, _by_flow(value), next((used.key for _, used in value if used.key), ""))
        for name, value in found.items()
    )


def _joined(name: str, used: list[tuple[str, UsedTable]]) -> TableUse:
    tables = [table for _, table in used]
    return TableUse(
        entity_set=name,
        flows=_by_flow(used),
        id_column=tables[0].id_column,
        tracked=any(table.tracked for table in tables),
        dates={column: date for table in tables for column, date in table.dates.items()},
        blocks=tuple({block.source: block for table in tables for block in table.blocks}.values()),
    )


def _by_flow(used: Iterable[tuple[str, UsedTable | UsedCollection]]) -> Mapping[str, Columns]:
    found: dict[str, Columns] = {}
    for flow, value in used:
        columns = {**found.get(flow, {}), **value.columns}
        if columns:
            found[flow] = columns
    return found
