"""How the date columns of Sales behave, as its metadata tells. An organisation may change it (docs/rules.md, Days)."""

from collections.abc import Iterable, Mapping

from shared.errors import SchemaDrift
from shared.mapping.dates import Behavior
from shared.records import Json, References, Values
from shared.systems import System

# What is asked of metadata.
SELECT = ("LogicalName", "DateTimeBehavior")
# The behaviour of each column that a mapping takes days from, by table, as Sales is delivered.
DateColumns = Mapping[str, Mapping[str, Behavior]]


def metadata_of(table: str) -> str:
    """Where Sales tells of the date columns of a table: its entity set among the small tables."""
    return f"EntityDefinitions(LogicalName='{table}')/Attributes/Microsoft.Dynamics.CRM.DateTimeAttributeMetadata"


def behaviors_of(references: References, table: str, columns: Iterable[str]) -> dict[str, Behavior]:
    """How these columns of a table behave. Raises SchemaDrift where that is not told."""
    told = told_behaviors(references.get(metadata_of(table), ()))
    unknown = [column for column in columns if told.get(column) not in tuple(Behavior)]
    if unknown:
        raise SchemaDrift(
            System.DATAVERSE,
            f"the metadata of {table} does not tell how {', '.join(unknown)} behaves with time zones "
            f"({', '.join(Behavior)}), so that its day is not known",
        )
    return {column: Behavior(told[column]) for column in columns}


def told_behaviors(rows: Iterable[Values]) -> dict[str, str]:
    """What metadata says of each date column, as it says it."""
    return {str(row.get("LogicalName")): _value(row.get("DateTimeBehavior")) for row in rows}


def behavior_name(column: str) -> str:
    """Under which name the behaviour of a column stands beside the row's own columns."""
    return f"={column} behaves"


def beside(behaviors: Mapping[str, Behavior]) -> dict[str, Json]:
    """Behaviours as the words of a mapping read them."""
    return {behavior_name(column): behavior.value for column, behavior in behaviors.items()}


def _value(behavior: Json) -> str:
    return str(behavior.get("Value")) if isinstance(behavior, dict) else ""
