"""One record in the hands of apply: what was found, what is to be written, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.mapping.verdicts import Mapped, Parent
from shared.records import Json, SourceRow, Values, Write
from shared.state.failures import Failure
from shared.state.links import ClaimKind, Intent, KnownKey, Link, LinkState
from shared.state.waiting import Wait
from shared.sync.hints import Hint


class Kind(StrEnum):
    """The outcomes (invariant I1). created and updated are both "written"; ended is a filtered record that was
    linked before; retried was not decided and comes back; unsettled may or may not have been applied."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    FILTERED = "filtered"
    ENDED = "ended"
    WAITING = "waiting"
    REJECTED = "rejected"
    DELETED = "deleted"
    RETRIED = "retried"
    UNSETTLED = "unsettled"


DECIDED = frozenset(Kind) - {Kind.RETRIED, Kind.UNSETTLED, Kind.SKIPPED}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a record ended. `link` is the row to commit; `reason` is the filter rule or the cause of a rejection."""

    kind: Kind
    link: Link
    reason: str = ""
    failure: Failure | None = None
    waits: tuple[Wait, ...] = ()
    fields: tuple[str, ...] = ()
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class WrittenTarget:
    """The target row of a record that has been written: where it is, of a document what its lines are, and where rows
    that hang on it are."""

    route: str
    key: str
    id: str | None = None
    lines: Mapping[int, str] = field(default_factory=dict)
    numbers: Mapping[int, str] = field(default_factory=dict)
    line_fields: tuple[str, ...] = ()
    places: tuple[Values, ...] = ()
    revisions: Mapping[str, int] = field(default_factory=dict)

    def on(self, link: Link) -> Link:
        """The link with this target."""
        return replace(
            link,
            route=self.route,
            target_key=self.key,
            target_id=self.id,
            held_key=self.key,
            lines=dict(self.lines),
            numbers=dict(self.numbers),
            line_fields=self.line_fields,
            noted=(),
            places=tuple(map(dict, self.places)),
            revisions=dict(self.revisions),
            former=tuple(left for left in link.former if not left.is_at(self.route, self.key)),
        )


@dataclass(slots=True)
class Work:
    """One claimed record. `stored` is its link as this worker has written it last, `before` the one from before a write
    was noted in it (None: none was). `trusted` is false when an earlier claim or the dirty mark says that the target
    may differ from the applied content (protocol A7). `ending` says how the record ends once its last write is made;
    `leaving` that the write ends the present target row, which the record leaves for another one. `known_keys` are the
    keys of other records that its mapping was given. `dropped` is an intent of before under whose key nothing of the
    record is: it is kept while the record is not decided, and what was sent with it is noted with the next create,
    since a worker that stands still may make the row yet."""

    hint: Hint
    link: Link
    trusted: bool
    failure: Failure | None = None
    row: SourceRow | None = None
    mapped: Mapped | None = None
    write: Write | None = None
    parents: tuple[Parent, ...] = ()
    known_keys: tuple[KnownKey, ...] = ()
    ending: tuple[Kind, LinkState, str] | None = None
    leaving: bool = False
    dropped: Intent | None = None
    outcome: Outcome | None = None
    stored: Link = field(init=False)
    before: Link | None = field(init=False, default=None)
    was_linked: bool = field(init=False)
    was_route: str | None = field(init=False)
    was_state: LinkState = field(init=False)

    def __post_init__(self) -> None:
        """Remember how the record stood before."""
        self.stored = self.link
        self.was_linked = self.link.linked
        self.was_route = self.link.route
        self.was_state = self.link.state

    @property
    def id(self) -> str:
        """The source record's id."""
        return self.link.id

    @property
    def content(self) -> Mapped:
        """What the mapping has made of a record that is to be written."""
        assert self.mapped is not None
        return self.mapped

    @property
    def is_decided(self) -> bool:
        """Whether it has an outcome that needs no second try."""
        return self.outcome is not None and self.outcome.kind in DECIDED

    def drop_intent(self) -> None:
        """Nothing of the record is in the target under the key of its intent."""
        self.link, self.dropped = replace(self.link, intent=None), self.link.intent

    def sent_for(self, key: str) -> tuple[dict[str, Json], ...]:
        """What creates under a key have sent before."""
        intent = self.link.intent or self.dropped
        return intent.sent if intent is not None and intent.key == key else ()

    def note(self, noted: Link) -> None:
        """The link holds now what must be known of a write before it is sent."""
        self.before, self.link, self.stored = self.link, noted, noted

    def take_back(self) -> None:
        """A write that was noted is not sent: nothing of it is to be known. The key was not to be had."""
        link = self.link if self.before is None else replace(self.before, etag=self.link.etag)
        keeps = link.linked or link.intent is not None or self.dropped is not None
        self.link, self.before = link if keeps else replace(link, held_key=None), None

    def inherit(self, named: Link) -> None:
        """The record has got the row of one that is gone, as its link says by now; that stays whatever becomes of the
        write."""
        if self.before is not None:
            self.before = replace(self.before, former=named.former)
        self.link, self.stored = named, named

    def end(
        self,
        kind: Kind,
        state: LinkState,
        *,
        reason: str = "",
        applied: dict[str, Json] | None = None,
        target: WrittenTarget | None = None,
        fields: tuple[str, ...] = (),
        waits: tuple[Wait, ...] = (),
        failure: Failure | None = None,
    ) -> None:
        """The record is decided: its claim goes. Content that was written in full makes the link clean."""
        link = self.link if target is None else target.on(self.link)
        link = replace(
            link,
            state=state,
            rule=reason or None,
            dirty=not self.trusted if applied is None else False,
            applied=self.link.applied if applied is None else applied,
            intent=self.link.intent if applied is None else None,
            touched=self.link.touched if applied is None else (),
            # A key that was meant for a move is given up with it.
            held_key=link.target_key or link.held_key,
            attempts=0,
            unknowns=0 if failure is None else self.link.unknowns,
            unanswered=0,
            waits=tuple(wait.key for wait in waits),
            claim_id=None,
            claim_kind=None,
        )
        if kind is Kind.DELETED and not link.linked:
            # Nothing of it came to the target: its number is free.
            link = replace(link, route=None, held_key=None, intent=None)
        self.outcome = Outcome(kind, link, reason, failure, waits, fields)

    def leave_target(self) -> None:
        """The present target row has ended: the record comes back at once, to be written under the key that it holds
        already."""
        left = replace(self.link.without_target(ended=True), route=self.link.route, held_key=self.link.held_key)
        link = replace(left, state=LinkState.RETRYING, claim_id=None, claim_kind=None)
        self.outcome = Outcome(Kind.RETRIED, link, delay_s=0.0)

    def forget_target(self) -> None:
        """The row that the record was linked to is gone, and was another's: it comes back at once as a new record that
        holds the key."""
        new = replace(self.link.without_target(ended=False), route=self.link.route, held_key=self.link.target_key)
        link = replace(new, former=self.link.former, state=LinkState.RETRYING, claim_id=None, claim_kind=None)
        self.outcome = Outcome(Kind.RETRIED, link, delay_s=0.0)

    def retry(self, *, delay_s: float | None = None, attempts: int = 0) -> None:
        """Nothing was applied and nothing is decided: the claim goes, the record comes back."""
        link = replace(
            self.link,
            state=LinkState.RETRYING if attempts else self.was_state,
            intent=self.link.intent or (None if self.link.linked else self.dropped),
            dirty=self.link.dirty or not self.trusted or attempts > 0,
            attempts=attempts or self.link.attempts,
            claim_id=None,
            claim_kind=None,
        )
        self.outcome = Outcome(Kind.RETRIED, link, delay_s=delay_s)

    def leave_unsettled(
        self, *, delay_s: float | None, unknowns: int, unanswered: int, failure: Failure | None = None
    ) -> None:
        """A request may still land: the claim stays and holds others off, the link is dirty (protocol A9)."""
        state = LinkState.REJECTED if failure else LinkState.RETRYING
        waits = () if failure else self.link.waits
        link = replace(
            self.link,
            state=state,
            dirty=True,
            claim_kind=ClaimKind.UNSETTLED,
            unknowns=unknowns,
            unanswered=unanswered,
            waits=waits,
        )
        kind = Kind.REJECTED if failure else Kind.UNSETTLED
        self.outcome = Outcome(kind, link, failure.cause if failure else "", failure, delay_s=delay_s)
