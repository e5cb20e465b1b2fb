"""What the engine needs from the outside. Adapters satisfy these by shape and import none of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from shared.errors import SyncError
from shared.records import ChangePage, MarkedRow, References, SourceRow, TargetRow, Values, WalkPage, Write
from shared.systems import System


class Source(Protocol):
    """Where the records of a flow come from."""

    def read(self, ids: Sequence[str]) -> Mapping[str, SourceRow]:
        """The rows that exist now, by id, with every column that the mapping reads. An absent id does not exist."""

    def existing(self, ids: Sequence[str]) -> frozenset[str]:
        """Those of `ids` that exist now; reads ids only."""


class TrackedSource(Source, Protocol):
    """A source table with change tracking (protocol P2)."""

    def track_changes(self) -> ChangePage:
        """The first page of a tracked walk over everything; its last page carries the delta link."""

    def list_rows(self) -> ChangePage:
        """The first page of a plain walk over every row that exists, without a delta link."""

    def follow(self, link: str) -> ChangePage:
        """The page that a next link or a delta link leads to. Raises LinkRefused if the source refuses the link, and
        LinkElsewhere, without sending anything, if it does not lead to the source."""

    def forget(self, parts: Sequence[str]) -> None:
        """The records to which these deleted parts belonged are queued: the source need not know of them any more.
        Raises StorageTrouble."""


class WalkedSource(Source, Protocol):
    """A source without versions, walked by key (protocol P3). What `read` finds has the digest that a walk gives it."""

    def walk(self, after: str | None) -> WalkPage:
        """The records after a key, in the source's own order; None is the beginning."""


class Lookup(Protocol):
    """The small tables in which a mapping looks up names and rules; kept for some minutes."""

    @property
    def system(self) -> System:
        """Whose tables they are."""

    def rows(self, *, max_age_s: float) -> References:
        """The tables, read again when they are older than that. Raises SystemTrouble."""


class Target(Protocol):
    """A target collection, addressed by our key."""

    def find(self, keys: Sequence[str]) -> Mapping[str, TargetRow]:
        """The rows that exist, by the key as given, with every field that the mapping writes."""

    def check_key(self, key: str) -> None:
        """Raises RecordRejected for a key that no row of the target can have."""

    def marked(self) -> Iterator[MarkedRow]:
        """Every row that is marked as coming from our source, page by page; none if the target has no such mark. Raises
        SystemTrouble."""

    def write(self, writes: Sequence[Write], *, not_after: float) -> Mapping[str, SyncError | None]:
        """Send every write, in parallel. The result per id is None (applied) or the error that says what to do:
        RecordRejected, RecordMissing (an update of a row that is not there), OutcomeUnknown, Transient,
        OperatorNeeded or NotSent; PartlyApplied around one of these when a first part of the record has been
        applied. Records that shared a request share its error object, too. No request starts after `not_after` (on
        the monotonic clock that the adapter was given). Raises nothing of these itself."""


class WatchedRows(Protocol):
    """Fields of the rows of a target that are shown in the source, by the key of the row and under the names of the
    columns that get them."""

    def page(self, after: str | None) -> tuple[Mapping[str, Values], str | None]:
        """The rows after a key, and the key to go on from: None at the end. Raises SystemTrouble."""

    def read(self, keys: Sequence[str]) -> Mapping[str, Values]:
        """The rows that exist now, by the key as given. Raises SystemTrouble."""


class SystemPort(Protocol):
    """One of the two systems as a whole."""

    def probe(self) -> None:
        """One cheap authorised read. Raises SystemTrouble if the system does not answer as it should."""

    def identity(self) -> str:
        """What distinguishes this environment from a copy of it (Dataverse: organization id; F&O: company)."""
