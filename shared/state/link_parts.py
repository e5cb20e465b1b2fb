"""What a link holds besides the place of its record: what was written, the claim, and what was seen of the source. Each
part knows its columns of the link's row."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared import exact_json
from shared.records import Json
from shared.state.storage.cells import Cells
from shared.state.storage.tables import Cell


class ClaimKind(StrEnum):
    """Why a claim exists: a worker is processing the record, or a request of unknown outcome may still arrive."""

    WORKING = "working"
    UNSETTLED = "unsettled"


@dataclass(frozen=True, slots=True)
class Claim:
    """The worker that processes a record; `id` is None if there is none. `last` is the claim of the last commit: it
    distinguishes a repeated success of our own from a conflict. `unfinished` counts the workers in a row that have
    claimed the record and not finished it. A record that was listed for it keeps one, so that it is processed alone.
    `overwrites` says that one of the workers since the link was clean writes over changes of others, and so does not
    note what it sends."""

    id: str | None = None
    kind: ClaimKind | None = None
    last: str | None = None
    unfinished: int = 0
    overwrites: bool = False

    def ended(self) -> "Claim":
        """The claim after its worker has finished."""
        return replace(self, id=None, kind=None)

    def cells(self) -> dict[str, Cell | None]:
        """Its columns."""
        return {
            "claim_id": self.id,
            "claim_kind": self.kind.value if self.kind else None,
            "last_claim": self.last,
            "unfinished": self.unfinished or None,
            "overwrites": self.overwrites or None,
        }


def read_claim(cells: Cells) -> Claim:
    """A claim from its columns. Raises StateUnreadable."""
    return Claim(
        id=cells.maybe_text("claim_id"),
        kind=cells.maybe_word("claim_kind", ClaimKind),
        last=cells.maybe_text("last_claim"),
        unfinished=cells.number("unfinished", 0),
        overwrites=cells.flag("overwrites", default=False),
    )


@dataclass(frozen=True, slots=True)
class KnownKey:
    """The target key by which a record knew another one when it was last judged (see Known.keys)."""

    flow: str
    route: str
    id: str
    key: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a record was last decided by: the version of its source row, which counts within `epoch` only, the
    fingerprint of the mapping, and the keys of other records."""

    version: int | None = None
    epoch: str | None = None
    fingerprint: str | None = None
    known_keys: tuple[KnownKey, ...] = ()

    def cells(self) -> dict[str, Cell | None]:
        """Its columns."""
        return {
            "seen_version": None if self.version is None else str(self.version),
            "seen_epoch": self.epoch,
            "fingerprint": self.fingerprint,
            "known_keys": _listed([key.flow, key.route, key.id, key.key] for key in self.known_keys),
        }


def read_seen(cells: Cells) -> Seen:
    """What was seen, from its columns. Raises StateUnreadable."""
    known = cells.entries("known_keys", (str, str, str, str), "keys of other records")
    return Seen(
        version=cells.maybe_digits("seen_version"),
        epoch=cells.maybe_text("seen_epoch"),
        fingerprint=cells.maybe_text("fingerprint"),
        known_keys=tuple(KnownKey(*each) for each in known),
    )


@dataclass(frozen=True, slots=True)
class LinkContent:
    """What was written of a record. `applied` is the content of the owned fields as last written. `touched` names the
    owned fields that a write in flight fills for the first time, so that they can be emptied again even if its answer
    was lost.

    Of a document, `lines` are digests of the lines as last written by number, `numbers` the line numbers that were ever
    used (see Known.numbers), `line_fields` the owned fields that any of its lines has ever filled, which can be emptied
    again, `noted` the numbers of lines that a write in flight adds, and `revisions` the source rows that it was made
    from (see Known.revisions).

    `places` are where dependent rows of our own may be: the present place, and those from which no write has certainly
    removed them.

    Where changes of others count (see Route.on_conflict), `kept` are the owned fields in which the target's own value
    stays, with that value; `overruled` those in which an operator has decided for the source, with the target's value
    that the decision is about; and `sent` what writes without a clear answer have sent, and what they were to replace
    in a row that they took over, so that it is not taken for a change of others.
    """

    applied: dict[str, Json] = field(default_factory=dict)
    touched: tuple[str, ...] = ()
    lines: dict[int, str] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)
    line_fields: tuple[str, ...] = ()
    noted: tuple[int, ...] = ()
    revisions: dict[str, int] = field(default_factory=dict)
    places: tuple[dict[str, Json], ...] = ()
    kept: dict[str, Json] = field(default_factory=dict)
    overruled: dict[str, Json] = field(default_factory=dict)
    sent: tuple[dict[str, Json], ...] = ()

    def as_written(self, applied: dict[str, Json], kept: dict[str, Json]) -> "LinkContent":
        """The content after a write that is known to be applied, or was not needed."""
        return replace(self, applied=applied, touched=(), kept=kept, overruled={}, sent=())

    def unknown(self) -> "LinkContent":
        """The content of a row of which it is not known what was written."""
        return replace(self, applied={}, touched=(), kept={}, overruled={}, sent=())

    def cells(self) -> dict[str, Cell | None]:
        """Its columns."""
        return {
            "applied": exact_json.dumps(self.applied) if self.applied else None,
            "touched": _listed(self.touched),
            "lines": _numbered(self.lines),
            "numbers": _numbered(self.numbers),
            "line_fields": _listed(self.line_fields),
            "noted": _listed(self.noted),
            "revisions": exact_json.dumps(dict(self.revisions)) if self.revisions else None,
            "places": _listed(self.places),
            "kept": exact_json.dumps(self.kept) if self.kept else None,
            "overruled": exact_json.dumps(self.overruled) if self.overruled else None,
            "sent": _listed(self.sent),
        }


def read_revisions(cells: Cells) -> dict[str, int]:
    """The source rows that a document was made from, from their column. Raises StateUnreadable."""
    return cells.counted("revisions")


def read_content(cells: Cells) -> LinkContent:
    """What was written, from its columns. Raises StateUnreadable."""
    return LinkContent(
        applied=cells.json_object("applied"),
        touched=cells.texts("touched"),
        lines=cells.numbered("lines"),
        numbers=cells.numbered("numbers"),
        line_fields=cells.texts("line_fields"),
        noted=cells.counts("noted"),
        revisions=read_revisions(cells),
        places=cells.objects("places"),
        kept=cells.json_object("kept"),
        overruled=cells.json_object("overruled"),
        sent=cells.objects("sent"),
    )


def _listed(items: Iterable[Json]) -> str | None:
    listed = list(items)
    return exact_json.dumps(listed) if listed else None


def _numbered(texts: Mapping[int, str]) -> str | None:
    return exact_json.dumps({str(number): text for number, text in texts.items()}) if texts else None
