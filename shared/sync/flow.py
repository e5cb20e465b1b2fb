"""A flow as the engine sees it: one entity's sync in one direction."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from zlib import crc32

from shared import exact_json
from shared.mapping.results import ResultColumns
from shared.mapping.verdicts import Filter, Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.records import Json, References, SourceRow, TargetRow, Values, WalkPage
from shared.state.control import Control
from shared.sync.ports import Lookup, Source, Target, TrackedSource, WalkedSource, WatchedRows
from shared.systems import System

# The ids of the rows of a collection of the target, by folded key; a key without a row is left out.
Finder = Callable[[Sequence[str]], Mapping[str, str]]
WEEK_S = 7 * 24 * 3600.0
FieldOf = tuple[str, Json]
# The rule by which a record is filtered if it may only update a row and there is none.
NO_TARGET_ROW = "no_target_row"
# The rule by which a record stays out of the target because its row was deleted there.
TARGET_DELETED = "target_deleted"
# How old the small tables may be.
LOOKUP_KEPT_S = 300.0
_BASIS_BYTES = 8
# Separates the fingerprint of a mapping from the digest of its basis.
_OF = "-"


class Mapper(Protocol):
    """A mapping module's table, ready to use. Pure."""

    @property
    def fingerprint(self) -> str:
        """Digest of mapping, value maps and filters (see Flow.fingerprint)."""

    def parents(self, row: SourceRow) -> Sequence[Parent]:
        """The records whose target keys the mapping wants to know (Known.keys), whatever becomes of this one."""

    def evaluate(self, row: SourceRow, known: Known) -> Verdict:
        """Filter, map and validate one source record."""

    def in_scope(self, row: SourceRow) -> bool:
        """Whether a record that has no link yet belongs to the scope of the first run (docs/setup.md, section 8.1)."""


class TargetRules(Protocol):
    """What the engine must know of the fields of one target collection. Pure."""

    def ended(self) -> Mapping[str, Json]:
        """The owned fields that change if a linked source record ends, or leaves this target for another one (empty:
        the target row is untouched)."""

    def empty(self, field: str) -> Json:
        """What to send to empty a target field: F&O knows no null."""

    def agree(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value is ours, after the normalisation that the target applies."""


class DocumentRules(Protocol):
    """What the engine must know of a target whose records have lines. Pure."""

    def refusal(self, row: TargetRow, changed: Sequence[str]) -> Rejected | None:
        """Why an existing document must not be changed any more; None if it may be. `changed` are the fields that would
        be written, those of a line with its number."""

    def same_line(self, ours: Values, theirs: Values) -> bool:
        """Whether a line in the target, under the number of one of our lines, is that line."""

    def empty_line(self, field: str) -> Json:
        """What to send to empty a field of a line."""

    def writes_on_line(self, field: str) -> bool:
        """Whether a field of a line is one that the mapping writes."""

    def agree_on_line(self, field: str, ours: Json, theirs: Json) -> bool:
        """Whether the target's value of a line is ours, after the normalisation that the target applies."""


class DetailRules(Protocol):
    """What the engine must know of a target whose records have a dependent row in another table, at most one at a time,
    whose place changes with the record (the price list item of a product). Pure."""

    def place(self, content: Values) -> Values | None:
        """The place of the dependent row for this content; None if it has none."""

    def is_readable(self, content: Values, places: Sequence[Values]) -> bool:
        """Whether remembered content, and remembered places, have the form in which the mapping keeps them."""

    def places_of_ours(self, row: TargetRow) -> Sequence[Values]:
        """The places in the target where a record certainly has rows of ours."""

    def left_at(self, places: Sequence[Values], row: TargetRow) -> FieldOf | None:
        """The field under which the dependent rows are read, with those of the rows that are at these places; None if
        there are none."""


class AdoptionRules(Protocol):
    """What the engine must know of target rows that a record takes over. Pure."""

    def adopt(self, row: TargetRow) -> Mapping[str, Json] | Rejected:
        """What a row needs besides the owned fields, or why it must not be taken over."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """Changes come from the source's own change tracking (protocol P2). `further` are sources by name whose
    changes name records of `source`: the lines of a document."""

    source: TrackedSource
    further: Mapping[str, TrackedSource] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Walked:
    """Changes are found by walking the source and comparing with a snapshot of our own (protocol P3); every
    `full_every_s` seconds a walk ignores the snapshot. `walk_open` reads only the open records, if the source has
    closed ones as well: an ordinary walk reads those, and a record that has left them is read once by its key. With
    `changes_together`, many records change at once in the course of business, such as the orders that are delivered in
    a night: no number of changes blocks the flow."""

    source: WalkedSource
    full_every_s: float = WEEK_S
    walk_open: Callable[[str | None], WalkPage] | None = None
    changes_together: bool = False


class OnConflict(StrEnum):
    """What happens if the target's value of an owned field is no longer what was written: the source's value is written
    over it, the target's stays, or the record becomes a failure."""

    SOURCE_WINS = "source_wins"
    TARGET_WINS = "target_wins"
    STOP = "stop"

    @property
    def looks(self) -> bool:
        """Whether changes of others in the target count, so that the row is read before it is written."""
        return self is not OnConflict.SOURCE_WINS


class OnTargetDeleted(StrEnum):
    """What happens if the row of a linked record is not in the target any more: it is created again, the record stays
    out of the target until an operator unlinks it, or the record becomes a failure."""

    RECREATE = "recreate"
    UNLINK = "unlink"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Route:
    """One of the targets that the records of a flow may take. `entity` is its collection, such as `CustomersV3`, and
    part of the partition of owned keys. With `moves`, a linked record may get another key: the row under the former key
    ends, and a new one is created; so no mapping of other records asks for a key on such a route. `document` is set if
    the records have lines, `detail` if they have dependent rows, `adoption` if a row that is taken over gets more than
    the owned fields. With `updates` no record creates a row: it takes the row that is there under its key, whoever has
    made it, and a record without a row is filtered as NO_TARGET_ROW. `left_out` says why a row, as it was read, must
    not be changed now (None if it may be), and `disagreement` why the target has calculated something else of a row
    that needs no write than it should (None if it has not). With `once`, a row is written until its creation is
    finished, and from then on belongs to the users of the target: it is neither changed nor created again.
    `on_conflict` and `on_target_deleted` are the policies of the map document (docs/mapping.md, Policies). What others
    change in the lines of a document is always written over. `maintained_elsewhere` says of a key and its row, which we
    have not made, that another deployment maintains the row (None if nothing says so): then it is neither linked nor
    written. `when_taken` says what a user does if another row has the key of a record. `begins` are the fields
    that a creation sends once the row is there, with what they hold until then."""

    name: str
    entity: str
    target: Target
    rules: TargetRules
    adopt_existing: bool = False
    moves: bool = False
    once: bool = False
    on_conflict: OnConflict = OnConflict.SOURCE_WINS
    on_target_deleted: OnTargetDeleted = OnTargetDeleted.RECREATE
    document: DocumentRules | None = None
    detail: DetailRules | None = None
    adoption: AdoptionRules | None = None
    updates: bool = False
    left_out: Callable[[TargetRow], Filtered | None] | None = None
    disagreement: Callable[[TargetRow, Mapped], Rejected | None] | None = None
    maintained_elsewhere: Callable[[str, TargetRow], Rejected | None] | None = None
    when_taken: str = "give it another number"
    begins: Mapping[str, Json] = field(default_factory=dict)

    @property
    def looks_for_conflicts(self) -> bool:
        """Whether changes of others in the target count."""
        return self.on_conflict.looks

    @property
    def remedy_if_exists(self) -> str:
        """What helps if a row that is not linked has the key of a record."""
        return f"if it is the same record, allow adoption for this flow and retry; otherwise {self.when_taken}"


@dataclass(frozen=True, slots=True)
class ResultRows:
    """Where the results of records are written in their source. `row_of` gives the id of the row of a record: of a
    document, which may have several, that of the present one. `target` only updates these rows, by their ids.
    `watched` are the target's rows, if some columns get fields of these."""

    columns: ResultColumns
    row_of: Callable[[SourceRow], str | None]
    target: Target
    watched: WatchedRows | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """One entity's sync, in one direction. `routes` are its targets by name; `lookup` are the small tables that its
    mapping needs, and `basis` is the part of them, and of the day, that affects every record: it belongs to the
    mapping. `parents` are the flows whose records its own wait for, and `parents_by_key` the collections in which they
    name such records by target key. `finders` find rows of the target, by collection, that records wait for by key
    whoever has made them. `numbered` gives the ids of the records that have these numbers, by the number as given; if
    the number is the id, as the source writes it. `number_column` holds a record's number, empty if it has none, and
    `name_columns` its name. `filters` are the rules of its mapping in words. `comes_back_from` is the collection in
    which another flow makes the records of this one: what is made there is looked at at once, since a walk over the
    open records may never meet it. `looks_first` are the flows of which a record must be looked at before one of
    this flow is written (Parent.looked_at). `off` says which setting turns the flow off; empty if it is on. `results`
    is set if results of its records are written into their source."""

    name: str
    source_system: System
    target_system: System
    company: str
    feed: Tracked | Walked
    routes: Mapping[str, Route]
    mapper: Mapper
    numbered: Callable[[Sequence[str]], Mapping[str, Sequence[str]]]
    lookup: Lookup | None = None
    basis: Callable[[References, datetime], Json] | None = None
    parents: tuple[str, ...] = ()
    parents_by_key: tuple[str, ...] = ()
    comes_back_from: str = ""
    looks_first: tuple[str, ...] = ()
    finders: Mapping[str, Finder] = field(default_factory=dict)
    off: str = ""
    filters: Mapping[str, Filter] = field(default_factory=dict)
    number_column: str = ""
    name_columns: tuple[str, ...] = ()
    basis_digest: str = ""
    results: ResultRows | None = None

    @property
    def fingerprint(self) -> str:
        """Digest of the mapping with its basis: when it changes, every record is evaluated again."""
        return f"{self._mapping_digest}{self.basis_digest}"

    @property
    def _mapping_digest(self) -> str:
        """Digest of the mapping, and of the columns for results."""
        told = self.results.columns.fingerprint if self.results is not None else ""
        return f"{self.mapper.fingerprint}{told}"

    def as_of(self, now: datetime, *, max_age_s: float = LOOKUP_KEPT_S) -> "Flow":
        """The flow with the present basis of its mapping. Raises SystemTrouble if the small tables cannot be read, and
        SchemaDrift if they are not what the mapping knows."""
        if self.lookup is None or self.basis is None:
            return self
        found = exact_json.dumps(self.basis(self.lookup.rows(max_age_s=max_age_s), now))
        digest = hashlib.blake2b(found.encode(), digest_size=_BASIS_BYTES).hexdigest()
        return replace(self, basis_digest=f"{_OF}{digest}")

    def as_read_for(self, fingerprint: str | None) -> "Flow":
        """The flow with the basis that it had when records were last read, where the mapping is still the same."""
        _, of, digest = (fingerprint or "").partition(_OF)
        return replace(self, basis_digest=f"{of}{digest}") if self.maps_as(fingerprint) else self

    def maps_as(self, fingerprint: str | None) -> bool:
        """Whether a fingerprint is one of this mapping, whatever its basis was."""
        return fingerprint is not None and fingerprint.partition(_OF)[0] == self._mapping_digest

    @property
    def has_parts(self) -> bool:
        """Whether its records consist of rows that the source reports one by one."""
        return isinstance(self.feed, Tracked) and bool(self.feed.further)

    @property
    def source(self) -> Source:
        """The source of its records."""
        return self.feed.source

    def number_of(self, row: SourceRow | None) -> str:
        """The number by which users know a record; empty if it has none."""
        number = row.values.get(self.number_column) if row is not None else None
        return "" if number is None else str(number)

    def name_of(self, row: SourceRow | None) -> str:
        """The name of a record for people; empty if it has none."""
        values = {} if row is None else row.values
        return " ".join(str(values[column]).strip() for column in self.name_columns if values.get(column))

    def route(self, name: str | None) -> Route:
        """A route by its name; None is the only one."""
        if name is None:
            (only,) = self.routes.values()
            return only
        return self.routes[name]


def in_turn(flows: Mapping[str, Flow], run_id: str) -> list[Flow]:
    """Every flow; each run begins with another one, so that none is always the last."""
    every = list(flows.values())
    first = crc32(run_id.encode()) % len(every)
    return every[first:] + every[:first]


def dependents(flows: Mapping[str, Flow], flow: str) -> list[Flow]:
    """The flows whose records wait for records of `flow`."""
    collections = {route.entity for route in flows[flow].routes.values()}
    return [
        other for other in flows.values() if flow in other.parents or collections.intersection(other.parents_by_key)
    ]


def waiting_for_looks(flows: Mapping[str, Flow], flow: str) -> list[Flow]:
    """The flows whose records wait until records of `flow` are looked at."""
    return [other for other in flows.values() if flow in other.looks_first]


# The flows by name, as these control rows want them: operators may have set entries of value maps by hand.
FlowsAt = Callable[[Control], Mapping[str, Flow]]
