"""Commits: for every outcome, one transaction of the record's partition stores all that is remembered of it (protocol
A9)."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.clock import Clock
from shared.errors import InvariantBroken, RowTooLarge
from shared.records import Write, fold
from shared.state.decided_contents import decided_row
from shared.state.failures import STATE_UNREADABLE, Failure, renewed
from shared.state.history import FAILURE_CLOSED, IN_STEP_AGAIN, Change, history_row
from shared.state.keys import Owner
from shared.state.link_parts import Seen
from shared.state.links import Link, Links
from shared.state.relinked import relinked_row
from shared.state.snapshots import CLOSED, UNKNOWN
from shared.state.storage.tables import Delete, Insert, Operation, Put, Row, escape, split_into_transactions
from shared.sync.apply.batch import OnItsWay
from shared.sync.apply.changed_values import changed_values
from shared.sync.apply.crashed import CRASHED
from shared.sync.apply.invariants import check
from shared.sync.apply.late import note_late_writes
from shared.sync.apply.outcome import DECIDED, Kind, Outcome
from shared.sync.apply.ownership import KeysOf
from shared.sync.apply.record import Concluded, Record
from shared.sync.apply.release import release
from shared.sync.apply.result import linked_at, with_result
from shared.sync.flow import Flow, Walked
from shared.sync.hints import HintMessage
from shared.sync.link_writer import Group, LinkWriter, link_operation
from shared.telemetry import log_event

_IN_HISTORY = (Kind.CREATED, Kind.UPDATED, Kind.REJECTED, Kind.ENDED, Kind.DELETED)


@dataclass(frozen=True, slots=True)
class Committed:
    """What was to be committed; `overtaken` are the ids of the records whose link somebody else has changed: they are
    dirty now and must be sent again. So are the records `overwritten`, of any flow: a late write has met their rows."""

    decided: Sequence[Concluded]
    overtaken: frozenset[str]
    overwritten: Sequence[Owner]

    @property
    def kept(self) -> list[Concluded]:
        """The records whose outcome is stored."""
        return [each for each in self.decided if each.id not in self.overtaken]


class Committing:
    """Commits the outcomes of one message. `waited_for` says that records of other flows wait for those of this one;
    `flows` tell the rules of its parents in words; with `keeps_values` the history also gets old and new values."""

    def __init__(
        self,
        flow: Flow,
        message: HintMessage,
        claim_id: str,
        run_id: str,
        *,
        links: Links,
        keys_of: KeysOf,
        waited_for: bool,
        clock: Clock,
        flows: Mapping[str, Flow],
        keeps_values: bool = False,
    ) -> None:
        self._flow = flow
        self._keeps_values = keeps_values
        self._flows = flows
        self._links = links
        self._keys_of = keys_of
        self._waited_for = waited_for
        self._clock = clock
        self._message = message
        self._claim_id = claim_id
        self._run_id = run_id

    def commit(self, records: Sequence[OnItsWay]) -> Committed:
        """Commit every outcome."""
        fitting = [self._fitting(self._sound(record)) for record in records]
        decided = [value for value, _ in fitting]
        self._release_dropped(decided)
        writer = LinkWriter(self._links, lambda now: now.claim.last == self._claim_id)
        written = writer.write([group for _, group in fitting])
        overtaken = [each for each in decided if each.id in written.foreign]
        overwritten = note_late_writes(self._flow, self._links, self._keys_of, overtaken, written.foreign)
        return Committed(decided, frozenset(written.foreign), overwritten)

    def _sound(self, of: OnItsWay) -> Concluded:
        """A commit that contradicts the protocol is not made. The record is listed, keeps its link as it was stored,
        and is retried by the sweep."""
        try:
            return check(of)
        except InvariantBroken as broken:
            log_event(
                "invariant_broken",
                level=logging.ERROR,
                flow=self._flow.name,
                run=self._run_id,
                id=of.id,
                rule=broken.rule,
            )
            remedy = "report it with the output of p2c explain; the sync retries the record automatically"
            as_stored = replace(of.record, link=of.record.stored, trusted=False)
            return as_stored.rejected("invariant_broken", f"{broken}: nothing is stored of it", remedy)

    def _fitting(self, of: Concluded) -> tuple[Concluded, Group]:
        """A record with its operations. If they do not fit into one transaction, this record is rejected."""
        group = self._group(of)
        try:
            split_into_transactions([group.operations])
        except RowTooLarge as large:
            message = f"the sync state of this record is too large to be kept: {large}"
            remedy = "shorten its texts, or let it name fewer records, in the source"
            rejected = replace(of.record, trusted=False).rejected("state_too_large", message, remedy)
            return rejected, self._group(rejected)
        return of, group

    def _release_dropped(self, decided: Sequence[Concluded]) -> None:
        """Keys that the links no longer name are given up before the links are written. So a crash leaves no key that
        no link names."""
        stored = {each.id: each.record.stored for each in decided}
        dropped = {each.id: each.record.stored.owned - each.outcome.link.owned for each in decided}
        release(self._flow, self._links, self._keys_of, dropped, stored)

    def _group(self, of: Concluded) -> Group:
        record, outcome = of.record, of.outcome
        link = self._committed(record, outcome)
        link, operations_of_result = with_result(self._flow, self._flows, record, outcome, link)
        if outcome.kind is Kind.DELETED and not link.owned and link.elsewhere is None:
            operations: list[Operation] = [Delete(link.to_row(), link.etag)]
        else:
            operations = [link_operation(link)]
        operations += self._decided(record, outcome)
        operations += self._relinked(record, link)
        operations += self._wait_operations(record, outcome)
        operations += self._failure_operations(record, outcome)
        operations += self._history(record, outcome)
        operations += operations_of_result
        return Group(link, tuple(operations))

    def _committed(self, record: Record, outcome: Outcome) -> Link:
        """The link with what every commit notes in it, in one copy: a link has many fields."""
        link, is_decided = outcome.link, outcome.kind in DECIDED
        return replace(
            link,
            elsewhere=None if link.linked else link.elsewhere,
            last_key=self._last_key(link),
            linked_at=linked_at(record.found, link, self._clock.now()),
            claim=replace(
                link.claim,
                last=self._claim_id,
                unfinished=int(outcome.reason == CRASHED) if is_decided else link.claim.unfinished,
                overwrites=link.claim.overwrites and link.dirty,
            ),
            seen=self._seen(record, link) if is_decided else link.seen,
        )

    def _seen(self, record: Record, link: Link) -> Seen:
        version = record.row.version if record.row else link.seen.version
        epoch = self._message.epoch or link.seen.epoch
        return Seen(version, epoch, self._flow.fingerprint, record.known_keys)

    def _last_key(self, link: Link) -> str | None:
        if link.target_key is None or self._flow.route(link.route).moves:
            return link.last_key
        return link.target_key

    def _decided(self, record: Record, outcome: Outcome) -> list[Operation]:
        """The content that apply has read, for the pull of a source without versions: it may differ from the content
        that the walk has met."""
        if outcome.kind not in DECIDED or not isinstance(self._flow.feed, Walked):
            return []
        row = record.row
        content = None if row is None else CLOSED if row.closed else row.digest or UNKNOWN
        return [Put(decided_row(self._flow.name, record.id, content))]

    def _relinked(self, record: Record, link: Link) -> list[Operation]:
        """If a record has another key than before, note it, so that the sweep finds the records that wait for it. The
        note is part of the commit, so no crash loses it."""
        known, now = record.link.last_key, link.last_key
        if known is None or now is None or fold(known) == fold(now) or not self._waited_for:
            return []
        return [Put(relinked_row(self._flow.name, record.id))]

    def _wait_operations(self, record: Record, outcome: Outcome) -> list[Operation]:
        if outcome.kind not in DECIDED:
            return []
        kept = {wait.key for wait in outcome.waits}
        gone = [Row(escape(self._flow.name), key, {}) for key in record.link.waits if key not in kept]
        # A wait that continues keeps its row, whose age says for how long the record has waited.
        # A row of the record that could not be read may be one of these: all are written again.
        damaged = record.failure is not None and record.failure.cause == STATE_UNREADABLE
        known = record.link.waits if outcome.link.state is record.found.state and not damaged else ()
        new = [wait for wait in outcome.waits if wait.key not in known]
        return [*(Put(wait.to_row()) for wait in new), *(Delete(row) for row in gone)]

    def _failure_operations(self, record: Record, outcome: Outcome) -> list[Operation]:
        if outcome.rejection is not None:
            failure = outcome.rejection.as_failure(
                self._flow.name, record.id, self._flow.number_of(record.row), self._clock.now()
            )
            return [Put(renewed(record.failure, failure).to_row())]
        closed = _closed_failure(record, outcome)
        return [] if closed is None else [Delete(closed.to_row())]

    def _values(self, record: Record, outcome: Outcome) -> Mapping[str, Change]:
        if outcome.write is None or not (self._keeps_values or self._has_looked(outcome.write, outcome.link)):
            return {}
        return changed_values(outcome.write, record.link.content.applied)

    def _has_looked(self, write: Write, link: Link) -> bool:
        """Whether the row was read because changes of others count."""
        return write.before is not None and link.linked and self._flow.route(link.route).looks_for_conflicts

    def _history(self, record: Record, outcome: Outcome) -> list[Operation]:
        closes = _closed_failure(record, outcome) is not None
        if outcome.kind not in _IN_HISTORY and not outcome.kept and not closes:
            return []
        done = _closing_without_a_write(outcome) if closes and outcome.kind is Kind.UNCHANGED else outcome.kind
        row = history_row(
            self._flow.name,
            record.id,
            time=self._clock.now(),
            claim=self._claim_id,
            run=self._run_id,
            outcome=done if not outcome.reason else f"{done}: {outcome.reason}",
            fields=",".join(outcome.fields),
            sent_by=self._message.origin,
            why=self._message.why or "",
            fingerprint=self._flow.fingerprint,
            values=self._values(record, outcome),
            kept=outcome.kept,
        )
        return [Insert(row)]


def _closed_failure(record: Record, outcome: Outcome) -> Failure | None:
    """The failure that closes by this outcome, which the history tells in any case; None if none does."""
    return record.failure if outcome.rejection is None and outcome.kind in DECIDED else None


def _closing_without_a_write(outcome: Outcome) -> str:
    """What the history calls it: the systems are in step unless values stay in the target that the source does not
    have."""
    return FAILURE_CLOSED if outcome.link.content.kept else IN_STEP_AGAIN
