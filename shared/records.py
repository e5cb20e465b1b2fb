"""The plain values that travel between the engine, the mapping and the clients."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

# JSON as it is on the wire: numbers with a fraction are Decimal, never float.
Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]
Values = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of a change feed: this record changed, or was deleted.

    `version` is the source's own version of the row (Dataverse: versionnumber), None for a deletion.
    """

    id: str
    version: int | None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One page of a walk. The last page of a tracked walk has a delta link, every other page a next link."""

    changes: tuple[Change, ...]
    next_link: str | None = None
    delta_link: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source record as it is now."""

    id: str
    version: int
    values: Values


@dataclass(frozen=True, slots=True)
class Write:
    """One write to a target. `create` is a complete record, otherwise `values` are changed fields only
    and the call must be one that cannot create (protocol A8)."""

    id: str
    key: str
    values: Values
    create: bool
