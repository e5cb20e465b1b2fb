"""The plain values that the engine, the mapping and the clients exchange."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

# JSON as it is on the wire: numbers with a fraction are Decimal, never float.
Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]
Values = Mapping[str, Json]


# Joins the parts of a target key that has several; a number that holds it cannot be addressed in F&O.
KEY_SEPARATOR = "/"


def trimmed(number: str) -> str:
    """A number without the surrounding blanks, tabs and line breaks that people and imports leave. Only such a number
    becomes a key."""
    return number.strip()


def fold(key: str) -> str:
    """A key as both systems compare it: without case and trailing blanks (finops-odata, section 3)."""
    return key.rstrip(" ").casefold()


def composite(*parts: str) -> str:
    """A key of several parts as one text. No part has blanks at its end, so that a fold of the whole compares part by
    part, as both systems do."""
    return KEY_SEPARATOR.join(part.rstrip(" ") for part in parts)


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
    """One page of a walk. The last page of a tracked walk has a delta link, every other page a next link. `gone_parts`
    are the ids of deleted parts of records, and `has_unknown_parts` says that nobody knows to which record one of them
    belonged."""

    changes: tuple[Change, ...]
    next_link: str | None = None
    delta_link: str | None = None
    gone_parts: tuple[str, ...] = ()
    has_unknown_parts: bool = False


@dataclass(frozen=True, slots=True)
class WalkedRecord:
    """A record that a walk has met: `digest` (8 bytes) changes if anything changes that matters to us. `closed` says
    that nothing is expected to change any more: a walk over the open records does not meet it."""

    id: str
    digest: bytes
    closed: bool = False


@dataclass(frozen=True, slots=True)
class WalkPage:
    """One page of a walk by key. `last` is the key to go on from, None at the end."""

    records: tuple[WalkedRecord, ...]
    last: str | None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source record as it is now. `version` is None where the source has no versions (F&O).

    A document is one record whose parts are nested rows in `values`; its version is the highest of its headers. Of a
    source that is walked, `digest` is the one by which a walk knows this content, and `closed` says that a walk over
    the open records does not meet it (see WalkedRecord).
    """

    id: str
    version: int | None
    values: Values
    digest: bytes | None = None
    closed: bool = False


# The small tables of a target in which a mapping looks up names, by entity set: each row with the columns asked for.
References = Mapping[str, tuple[Values, ...]]


@dataclass(frozen=True, slots=True)
class TargetRow:
    """A target record as it is now. `id` is the target's own id of it where our key is not its address; `ours` is true
    when that id proves that we have made the row. `lines` are the lines of a document by their number. `etag` is the
    version that was read, if a write can name it."""

    values: Values
    id: str | None = None
    ours: bool = False
    lines: Mapping[int, Values] = field(default_factory=dict)
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class MarkedRow:
    """A target row that is marked as coming from our source: its key, and the number of its record there."""

    key: str
    number: str


class LineAction(StrEnum):
    """What happens to a line of a document."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class LineWrite:
    """One line of a document to write. An update names changed fields only and must not create; a deletion has no
    values."""

    number: int
    action: LineAction
    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Write:
    """One write to a target. `create` is a complete record, otherwise `values` are changed fields only
    and the call must be one that cannot create (protocol A8).

    `target_id` is the target's own id of the row, None where the target derives it from the key. `before` is the row
    as just read, None where the link was trusted. `alone` asks for a request of its own: an earlier one, with others,
    had no clear answer. `lines` are what changes of a document's lines: header and lines are applied as one, or not at
    all. `former` are the places of dependent rows that we have written and that must be removed. `if_match` is the
    version that the row must still have, None if that does not matter. Of a document it is that of the header, so a
    write that changes lines only names none.
    """

    id: str
    key: str
    values: Values
    create: bool
    target_id: str | None = None
    before: TargetRow | None = None
    alone: bool = False
    lines: tuple[LineWrite, ...] = ()
    former: tuple[Values, ...] = ()
    if_match: str | None = None


BOTH = "both"
"""The direction of a unit that goes both ways."""


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One entry of a value map that an operator has set by hand above the map document. `map` is the place of its map
    in the document, such as `countries`, `states.US` or `value_maps.industries`. Of `units`, `name` is the unit in
    Sales, `code` its symbol in F&O, and `direction` as in the document; elsewhere `direction` means nothing. `flow` is
    the one for which `who` set it at `at` for `reason`."""

    map: str
    name: str
    code: str | int
    direction: str
    flow: str
    who: str
    reason: str
    at: datetime

    @property
    def sentence(self) -> str:
        """It in words."""
        direction = "" if self.direction == BOTH else f" ({self.direction})"
        return f"{self.map} {self.name} = {self.code}{direction}"
