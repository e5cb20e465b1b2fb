"""Commits: whatever the outcome, one transaction of the record's partition holds all that is to be remembered
(protocol A9)."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from shared.errors import InvariantBroken, RowTooLarge
from shared.records import fold
from shared.state.decided_contents import decided_row
from shared.state.failures import STATE_UNREADABLE, renewed
from shared.state.history import history_row
from shared.state.links import Link, LinkState
from shared.state.relinked import relinked_row
from shared.state.snapshots import UNKNOWN
from shared.state.storage.tables import Delete, Insert, Operation, Put, Row, escape, split_into_transactions
from shared.sync.apply.crashed import CRASHED
from shared.sync.apply.invariants import check
from shared.sync.apply.judge import new_failure
from shared.sync.apply.late import note_late_writes
from shared.sync.apply.release import release
from shared.sync.apply.work import DECIDED, Kind, Outcome, Work
from shared.sync.flow import Flow, Walked
from shared.sync.hints import HintMessage
from shared.sync.link_writer import Group, LinkWriter, link_operation
from shared.sync.parts import Parts
from shared.telemetry import log_event

_IN_HISTORY = (Kind.CREATED, Kind.UPDATED, Kind.REJECTED, Kind.ENDED, Kind.DELETED)


class Committing:
    """Commits the outcomes of one message."""

    def __init__(self, parts: Parts, flow: Flow, message: HintMessage, claim_id: str, run_id: str) -> None:
        self._parts = parts
        self._flow = flow
        self._message = message
        self._claim_id = claim_id
        self._run_id = run_id

    def commit(self, works: Sequence[Work]) -> list[Work]:
        """Commit every outcome. Returns the records whose link somebody else has changed: they are dirty now and
        must be sent again."""
        for work in works:
            self._require_sound(work)
        groups = [self._fitting_group(work) for work in works]
        self._release_dropped(works)
        writer = LinkWriter(self._parts.state.links, lambda now: now.last_claim == self._claim_id)
        written = writer.write(groups)
        overtaken = [work for work in works if work.id in written.foreign]
        note_late_writes(self._parts, self._flow, overtaken, written.foreign)
        return overtaken

    def _require_sound(self, work: Work) -> None:
        """A commit that contradicts the protocol is not made. The record is listed, keeps all that its link says, and
        is tried again by the sweep."""
        try:
            check(work)
        except InvariantBroken as broken:
            log_event(
                "invariant_broken",
                level=logging.ERROR,
                flow=self._flow.name,
                run=self._run_id,
                id=work.id,
                rule=broken.rule,
            )
            remedy = "report it with the output of p2c explain; the sync tries the record again by itself"
            failure = new_failure(self._parts, work, "invariant_broken", f"{broken}: nothing is stored of it", remedy)
            work.link, work.trusted = work.stored, False
            work.end(Kind.REJECTED, LinkState.REJECTED, reason=failure.cause, failure=failure)

    def _release_dropped(self, works: Sequence[Work]) -> None:
        """Keys that links are about to drop are given up before: a crash leaves none that no link names."""
        dropped = {work.id: work.stored.owned - work.outcome.link.owned for work in works if work.outcome}
        release(self._parts, self._flow, dropped, {work.id: work.stored for work in works})

    def _fitting_group(self, work: Work) -> Group:
        """The operations of a record. When they do not fit into one transaction, this one record is rejected."""
        group = self._group(work)
        try:
            split_into_transactions([group.operations])
        except RowTooLarge as large:
            message = f"the sync state of this record is too large to be kept: {large}"
            remedy = "shorten its texts, or let it name fewer records, in the source"
            failure = new_failure(self._parts, work, "state_too_large", message, remedy)
            work.trusted = False
            work.end(Kind.REJECTED, LinkState.REJECTED, reason=failure.cause, failure=failure)
            return self._group(work)
        return group

    def _group(self, work: Work) -> Group:
        outcome = work.outcome
        assert outcome is not None
        link = self._seen(work, outcome)
        if outcome.kind is Kind.DELETED and not link.owned:
            operations: list[Operation] = [Delete(link.to_row(), link.etag)]
        else:
            operations = [link_operation(link)]
        operations += self._decided(work, outcome)
        operations += self._relinked(work, link)
        operations += self._wait_operations(work, outcome)
        operations += self._failure_operations(work, outcome)
        operations += self._history(work, outcome)
        return Group(link, tuple(operations))

    def _seen(self, work: Work, outcome: Outcome) -> Link:
        link = self._known_as(replace(outcome.link, last_claim=self._claim_id))
        if outcome.kind not in DECIDED:
            return link
        link = replace(link, unfinished=1 if outcome.reason == CRASHED else 0)
        version = work.row.version if work.row else link.seen_version
        epoch = self._message.epoch or link.seen_epoch
        return replace(
            link,
            seen_version=version,
            seen_epoch=epoch,
            fingerprint=self._flow.fingerprint,
            known_keys=work.known_keys,
        )

    def _known_as(self, link: Link) -> Link:
        if link.target_key is None or self._flow.route(link.route).moves:
            return link
        return replace(link, last_key=link.target_key)

    def _decided(self, work: Work, outcome: Outcome) -> list[Operation]:
        """A source without versions may have been another one when it was walked: its pull is told what was read."""
        if outcome.kind not in DECIDED or not isinstance(self._flow.feed, Walked):
            return []
        content = None if work.row is None else work.row.digest or UNKNOWN
        return [Put(decided_row(self._flow.name, work.id, content))]

    def _relinked(self, work: Work, link: Link) -> list[Operation]:
        """A record has another key than those know that wait for it: they are looked for by the sweep. Told in the
        commit itself, so that no crash keeps it from them."""
        known, now = work.link.last_key, link.last_key
        if known is None or now is None or fold(known) == fold(now) or not self._parts.dependents(self._flow.name):
            return []
        return [Put(relinked_row(self._flow.name, work.id))]

    def _wait_operations(self, work: Work, outcome: Outcome) -> list[Operation]:
        if outcome.kind not in DECIDED:
            return []
        kept = {wait.key for wait in outcome.waits}
        gone = [Row(escape(self._flow.name), key, {}) for key in work.link.waits if key not in kept]
        # One that goes on waiting as before keeps its row, whose age is for how long it has waited.
        # Where a row of the record could not be read it may be one of these: all are written anew.
        damaged = work.failure is not None and work.failure.cause == STATE_UNREADABLE
        known = work.link.waits if outcome.link.state is work.was_state and not damaged else ()
        new = [wait for wait in outcome.waits if wait.key not in known]
        return [*(Put(wait.to_row()) for wait in new), *(Delete(row) for row in gone)]

    def _failure_operations(self, work: Work, outcome: Outcome) -> list[Operation]:
        if outcome.failure is not None:
            return [Put(renewed(work.failure, outcome.failure).to_row())]
        if work.failure is not None and outcome.kind in DECIDED:
            return [Delete(work.failure.to_row())]
        return []

    def _history(self, work: Work, outcome: Outcome) -> list[Operation]:
        if outcome.kind not in _IN_HISTORY:
            return []
        row = history_row(
            self._flow.name,
            work.id,
            time=self._parts.clock.now(),
            claim=self._claim_id,
            run=self._run_id,
            outcome=outcome.kind if not outcome.reason else f"{outcome.kind}: {outcome.reason}",
            fields=",".join(outcome.fields),
        )
        return [Insert(row)]
