"""The behaviour of the date columns of Sales, from its metadata. An organisation may change it (docs/rules.md,
Days)."""

from collections.abc import Iterable, Mapping

from shared.errors import SchemaDrift
from shared.mapping.dates import Behavior
from shared.records import Json, References, Values
from shared.systems import System

# What is read from the metadata.
SELECT = ("LogicalName", "DateTimeBehavior")
# The default behaviour of each column that a mapping takes days from, by table.
DateColumns = Mapping[str, Mapping[str, Behavior]]


def metadata_of(table: str) -> str:
    """The name under which a table's date columns are read, as one of the small tables."""
    return f"EntityDefinitions(LogicalName='{table}')/Attributes/Microsoft.Dynamics.CRM.DateTimeAttributeMetadata"


def behaviors_of(references: References, table: str, columns: Iterable[str]) -> dict[str, Behavior]:
    """How these columns of a table behave. Raises SchemaDrift if the metadata does not say."""
    told = told_behaviors(references.get(metadata_of(table), ()))
    unknown = [column for column in columns if told.get(column) not in tuple(Behavior)]
    if unknown:
        raise SchemaDrift(
            System.DATAVERSE,
            f"the metadata of {table} does not say how {', '.join(unknown)} behaves with time zones "
            f"({', '.join(Behavior)}), so its day is not known",
        )
    return {column: Behavior(told[column]) for column in columns}


def told_behaviors(rows: Iterable[Values]) -> dict[str, str]:
    """What the metadata says about each date column, unchanged."""
    return {str(row.get("LogicalName")): _value(row.get("DateTimeBehavior")) for row in rows}


def behavior_name(column: str) -> str:
    """The name of a column's behaviour among the row's columns."""
    return f"={column} behaves"


def beside(behaviors: Mapping[str, Behavior]) -> dict[str, Json]:
    """Behaviours in the form that the words of a mapping read."""
    return {behavior_name(column): behavior.value for column, behavior in behaviors.items()}


def _value(behavior: Json) -> str:
    return str(behavior.get("Value")) if isinstance(behavior, dict) else ""
