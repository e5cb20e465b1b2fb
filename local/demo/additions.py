"""What a map document adds to the standard map of a flow, as the demo tells it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.flows.spec import Deployment
from shared.mapping.field_row import FieldRow
from shared.mapping.map_document import filters_in_words
from shared.mapping.verdicts import Filter
from shared.mapping.words import Ownership
from shared.operations.map_tables import map_tables


@dataclass(frozen=True, slots=True)
class Additions:
    """The `fields` that it adds or changes and that are sent, and its `filters` in words, by rule."""

    fields: tuple[FieldRow, ...] = ()
    filters: Mapping[str, Filter] = field(default_factory=dict)

    @classmethod
    def of(cls, deployment: Deployment, flow: str) -> "Additions":
        """Those of one flow. Raises SettingsInvalid."""
        rows = (row for table in map_tables(deployment, flow) for row in table.rows)
        changed = {row.field: row for row in rows if row.is_changed and row.ownership is not Ownership.OFF}
        return cls(tuple(changed.values()), filters_in_words(deployment.maps, flow))


NOTHING_ADDED = Additions()
