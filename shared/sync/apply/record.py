"""One record on its way through apply. Each stage makes the next of these values; none is changed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.errors import SyncError
from shared.mapping.verdicts import Mapped, Parent
from shared.records import Json, SourceRow, Write, fold
from shared.state.failures import Failure
from shared.state.history import Change
from shared.state.link_parts import ClaimKind, KnownKey
from shared.state.link_targets import Intent
from shared.state.links import Link, LinkState
from shared.state.waiting import Wait
from shared.sync.apply.outcome import DECIDED, Kind, Outcome, Rejection, WrittenTarget
from shared.sync.hints import Hint

SENT_KEPT = 3
"""How many writes without a clear answer are remembered in full."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a record. `found` is its link as it was claimed, `stored` as this worker has written it last,
    `before` as it was before a write was noted in it (None: no write was), and `link` as it will be committed.
    `trusted` is false if an earlier claim or the dirty mark says that the target may differ from the applied content
    (protocol A7). `parents` are the records that it needs, `known_keys` the keys of other records that its mapping was
    given. `dropped` is a former intent under whose key the target has no row. It is kept while the record is not
    decided, and noted again with the next create: a worker that was stalled may still create the row."""

    hint: Hint
    found: Link
    stored: Link
    link: Link
    trusted: bool
    failure: Failure | None = None
    row: SourceRow | None = None
    parents: tuple[Parent, ...] = ()
    known_keys: tuple[KnownKey, ...] = ()
    dropped: Intent | None = None
    before: Link | None = None

    @classmethod
    def of(
        cls, hint: Hint, link: Link, *, trusted: bool, failure: Failure | None = None, row: SourceRow | None = None
    ) -> "Record":
        """A record with its present link."""
        return cls(hint, link, link, link, trusted, failure, row)

    @property
    def id(self) -> str:
        """The source record's id."""
        return self.link.id

    @property
    def record(self) -> "Record":
        """The record itself, so that the result of each stage has a record."""
        return self

    def without_intent(self) -> "Record":
        """Nothing of the record is in the target under the key of its intent."""
        return replace(self, link=replace(self.link, intent=None), dropped=self.link.intent)

    def sent_for(self, key: str) -> tuple[dict[str, Json], ...]:
        """The contents that earlier creates have sent under a key, also if it was written in another case."""
        intent = self.link.intent or self.dropped
        return intent.sent if intent is not None and fold(intent.key) == fold(key) else ()

    def intent_of(self, write: Write) -> Intent:
        """What is noted before a create is sent: what the last ones under its key have sent, this one included."""
        return Intent(write.key, (*self.sent_for(write.key), dict(write.values))[-SENT_KEPT:])

    def noted(self, link: Link) -> "Record":
        """The stored link now says what must be known of a write before it is sent."""
        return replace(self, before=self.link, link=link, stored=link)

    def taken_back(self) -> "Record":
        """A noted write is not sent, because the record cannot have the key: the note is removed."""
        link = self.link if self.before is None else replace(self.before, etag=self.link.etag)
        keeps = link.linked or link.intent is not None or self.dropped is not None
        return replace(self, link=link if keeps else replace(link, held_key=None), before=None)

    def not_applied(self) -> "Record":
        """Nothing of the noted write is in the target, so a value there that is what it would have written is not from
        us."""
        if self.before is None:
            return self
        content = replace(self.link.content, sent=self.before.content.sent)
        return replace(self, link=replace(self.link, content=content))

    def with_inheritance(self, named: Link) -> "Record":
        """The record has inherited a row, as its stored link says by now. It keeps the row whatever becomes of the
        write."""
        before = None if self.before is None else replace(self.before, former=named.former)
        return replace(self, before=before, link=named, stored=named)

    def concluded(
        self,
        kind: Kind,
        state: LinkState,
        *,
        reason: str = "",
        applied: dict[str, Json] | None = None,
        kept: dict[str, Json] | None = None,
        target: WrittenTarget | None = None,
        fields: tuple[str, ...] = (),
        waits: tuple[Wait, ...] = (),
        rejection: Rejection | None = None,
        write: Write | None = None,
    ) -> "Concluded":
        """The record gets its outcome, and its claim is removed. Content that was written in full, but for fields in
        which the target's own values are `kept`, makes the link clean."""
        link = self.link if target is None else target.on(self.link)
        link = replace(
            link,
            state=state,
            rule=reason or None,
            dirty=not self.trusted if applied is None else False,
            intent=self.link.intent if applied is None else None,
            content=link.content if applied is None else link.content.as_written(applied, kept or {}),
            # A key that was taken for a move is given up with it.
            held_key=link.target_key or link.held_key,
            attempts=0,
            unknowns=0 if rejection is None else self.link.unknowns,
            unanswered=0,
            waits=tuple(wait.key for wait in waits),
            claim=self.link.claim.ended(),
        )
        if kind is Kind.DELETED and not link.linked:
            # Nothing of it is in the target, so its number is free.
            link = replace(link, route=None, held_key=None, intent=None)
        return Concluded(self, Outcome(kind, link, reason, rejection, waits, fields, write=write))

    def rejected(
        self,
        cause: str,
        message: str,
        remedy: str,
        *,
        value: str = "",
        rival: tuple[str, str] | None = None,
        lacks: tuple[str, ...] = (),
    ) -> "Concluded":
        """The record becomes a failure (protocol F2)."""
        rejection = Rejection(cause, message, remedy, value, rival, lacks)
        return self.concluded(Kind.REJECTED, LinkState.REJECTED, reason=cause, rejection=rejection)

    def at_its_next_target(self) -> "Concluded":
        """The present target row has ended. The record comes back at once, to be written under the key that it owns
        already."""
        left = replace(self.link.without_target(ended=True), route=self.link.route, held_key=self.link.held_key)
        link = replace(left, state=LinkState.RETRYING, claim=self.link.claim.ended())
        return Concluded(self, Outcome(Kind.RETRIED, link, delay_s=0.0))

    def as_new(self) -> "Concluded":
        """The row that the record was linked to is gone and belonged to another record. The record comes back at once
        as a new one that owns the key."""
        new = replace(self.link.without_target(ended=False), route=self.link.route, held_key=self.link.target_key)
        link = replace(new, former=self.link.former, state=LinkState.RETRYING, claim=self.link.claim.ended())
        return Concluded(self, Outcome(Kind.RETRIED, link, delay_s=0.0))

    def retried(self, *, delay_s: float | None = None, attempts: int = 0, stays_clean: bool = False) -> "Concluded":
        """Nothing was applied and nothing is decided: the claim is removed, and the record comes back. A record that
        was refused is read and compared as a whole then, unless a clean link `stays_clean`."""
        link = replace(
            self.link,
            state=LinkState.RETRYING if attempts else self.found.state,
            intent=self.link.intent or (None if self.link.linked else self.dropped),
            dirty=self.link.dirty or not self.trusted or (attempts > 0 and not stays_clean),
            attempts=attempts or self.link.attempts,
            claim=self.link.claim.ended(),
        )
        return Concluded(self, Outcome(Kind.RETRIED, link, delay_s=delay_s))

    def unsettled(
        self, *, delay_s: float | None, unknowns: int, unanswered: int, rejection: Rejection | None = None
    ) -> "Concluded":
        """A request may still arrive: the claim stays and keeps other workers off, and the link is dirty (protocol
        A9)."""
        link = replace(
            self.link,
            state=LinkState.REJECTED if rejection else LinkState.RETRYING,
            dirty=True,
            claim=replace(self.link.claim, kind=ClaimKind.UNSETTLED),
            unknowns=unknowns,
            unanswered=unanswered,
            waits=() if rejection else self.link.waits,
        )
        kind = Kind.REJECTED if rejection else Kind.UNSETTLED
        return Concluded(self, Outcome(kind, link, rejection.cause if rejection else "", rejection, delay_s=delay_s))


@dataclass(frozen=True, slots=True)
class Concluded:
    """A record with its outcome, which may be that it comes back: no later stage sees it."""

    record: Record
    outcome: Outcome

    @property
    def id(self) -> str:
        """The source record's id."""
        return self.record.id

    @property
    def needs_no_second_try(self) -> bool:
        """Whether the outcome is final for what the source holds now."""
        return self.outcome.kind in DECIDED


@dataclass(frozen=True, slots=True)
class Ending:
    """How a record ends after its last write, and by which rule."""

    kind: Kind
    state: LinkState
    rule: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A record that has content to be written. `leaves` says that its present target row is ended first, because the
    record leaves it for another one. `stays` are the owned fields in which the target's own values stay, with these;
    None if that was not looked at."""

    record: Record
    content: Mapped
    ending: Ending | None = None
    leaves: bool = False
    stays: Mapping[str, Json] | None = None

    @property
    def id(self) -> str:
        """The source record's id."""
        return self.record.id

    def newly_kept(self) -> dict[str, Change]:
        """The fields in which another value of the target stays than before: with it, and with the source's."""
        before = self.record.found.content.kept
        return {
            name: (there, self.content.owned[name])
            for name, there in (self.stays or {}).items()
            if name not in before or before[name] != there
        }

    def with_link(self, link: Link, *, trusted: bool | None = None) -> "Judged":
        """The same with another link."""
        is_trusted = self.record.trusted if trusted is None else trusted
        return replace(self, record=replace(self.record, link=link, trusted=is_trusted))


@dataclass(frozen=True, slots=True)
class Planned:
    """A record with the write that is to be sent."""

    judged: Judged
    write: Write

    @property
    def id(self) -> str:
        """The source record's id."""
        return self.judged.id

    @property
    def record(self) -> Record:
        """What is known of it."""
        return self.judged.record

    @property
    def key(self) -> str:
        """The target key that the record is to have."""
        return self.judged.content.key

    @property
    def needs_key(self) -> bool:
        """Whether the record is to be written under a key that it is not linked to yet."""
        return self.judged.leaves or not self.record.link.linked

    def with_record(self, record: Record) -> "Planned":
        """The same with what is known by now."""
        return replace(self, judged=replace(self.judged, record=record))


@dataclass(frozen=True, slots=True)
class Occupied:
    """A record whose target row exists already and was not created by it."""

    judged: Judged

    @property
    def id(self) -> str:
        """The source record's id."""
        return self.judged.id

    @property
    def record(self) -> Record:
        """What is known of it."""
        return self.judged.record


@dataclass(frozen=True, slots=True)
class Sent:
    """A record whose write was sent, with the target's answer: None if it was applied. `is_begun` says that a first
    part of it was applied."""

    planned: Planned
    answer: SyncError | None
    is_begun: bool = False

    @property
    def id(self) -> str:
        """The source record's id."""
        return self.planned.id

    @property
    def unwritten(self) -> Record:
        """What is known of the record if the write was certainly not applied, but for a first part that was."""
        return self.record if self.is_begun else self.record.not_applied()

    @property
    def record(self) -> Record:
        """What is known of it."""
        return self.planned.record
