"""Writes of the mapped records and their results (protocol A6, A7, A8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.errors import (
    NotSent,
    OperatorNeeded,
    OutcomeUnknown,
    PartlyApplied,
    RecordMissing,
    RecordRejected,
    RowTooLarge,
    SchemaDrift,
    SyncError,
    SystemTrouble,
    Transient,
)
from shared.records import LineAction, Write
from shared.state.links import Intent, Link
from shared.state.storage.tables import check_size
from shared.sync.apply.changes import takes_over
from shared.sync.apply.claim import BUSY_DELAY_S
from shared.sync.apply.judge import Judging, new_failure
from shared.sync.apply.keys import Owning
from shared.sync.apply.plan import RoutePlanning, by_route, ending_of
from shared.sync.apply.release import release
from shared.sync.apply.work import Kind, Work
from shared.sync.flow import Flow, Route
from shared.sync.gates import Gates
from shared.sync.link_writer import Group, LinkWriter, link_operation
from shared.sync.parts import Parts

_SENT_KEPT = 3
_GENERAL_TROUBLE = 3
_LONE_LIMIT = 60
_SETTLE_MARGIN_S = 5.0
# How many of the written fields the history of a record names.
_FIELDS_KEPT = 100


class Writing:
    """Writes the mapped records of one message and gives each its outcome."""

    def __init__(
        self, parts: Parts, flow: Flow, judging: Judging, gates: Gates, *, run_id: str, not_after: float
    ) -> None:
        self._parts = parts
        self._flow = flow
        self._judging = judging
        self._gates = gates
        self._run_id = run_id
        self._not_after = not_after

    def write(self, works: Sequence[Work]) -> None:
        """Compare, look up, own the keys, write, and read the results, route by route.

        Raises SystemTrouble when a look-up fails; nothing of the undecided records has been written then.
        """
        for name, of_route in by_route(self._flow, works).items():
            route = self._flow.route(name)
            writing = _RouteWriting(
                self._parts,
                self._flow,
                route,
                self._judging,
                self._gates,
                run_id=self._run_id,
                not_after=self._not_after,
            )
            writing.write(of_route)


class _RouteWriting:
    """Writes those of them that take one route."""

    def __init__(
        self, parts: Parts, flow: Flow, route: Route, judging: Judging, gates: Gates, *, run_id: str, not_after: float
    ) -> None:
        self._parts = parts
        self._flow = flow
        self._route = route
        self._judging = judging
        self._gates = gates
        self._run_id = run_id
        self._not_after = not_after
        self._planning = RoutePlanning(route, judging, Owning(parts, flow, route, judging))

    def write(self, works: Sequence[Work]) -> None:
        self._planning.plan(works)
        self._note_before_sending([work for work in works if work.outcome is None and work.write is not None])
        self._planning.own(works)
        self._send(works)
        self._send([work for work in works if work.outcome is None and work.write is not None])

    def _note_before_sending(self, works: Sequence[Work]) -> None:
        """Keep in the link what must be known if the answer, or this worker, gets lost: the key that the record is
        about to own, the intent of its first write, the fields that are filled for the first time, and the line numbers
        of a document."""
        notes = {work.id: note for work in works if self._fits(work) and (note := self._noted(work)) is not None}
        noted = [work for work in works if work.id in notes]
        dropped = {work.id: work.stored.owned - notes[work.id].owned for work in noted}
        release(self._parts, self._flow, dropped, {work.id: work.stored for work in noted})
        groups = [Group(note, (link_operation(note),)) for note in notes.values()]
        written = LinkWriter(self._parts.state.links, lambda now: _same_note(now, notes[now.id])).write(groups)
        for work in noted:
            if work.id in written.etags:
                work.note(replace(notes[work.id], etag=written.etags[work.id]))
            else:
                work.write = None
                work.retry(delay_s=BUSY_DELAY_S)

    def _fits(self, work: Work) -> bool:
        """Whether the link can hold what is about to be written; a record whose state cannot be kept is rejected
        before the target has seen it."""
        write = work.write
        assert write is not None
        sent = (*work.sent_for(write.key), dict(write.values))
        applied = {**work.link.applied, **write.values}
        link = replace(work.link, intent=Intent(write.key, sent[-_SENT_KEPT:]), applied=applied)
        try:
            check_size((link if work.leaving else self._planning.target_of(work).on(link)).to_row())
        except RowTooLarge as large:
            message = f"the sync state of this record is too large to be kept: {large}"
            self._judging.reject(work, "state_too_large", message, "shorten its texts in the source")
            return False
        return True

    def _noted(self, work: Work) -> Link | None:
        """The link with what is to be kept; None when there is nothing new."""
        write, link = work.write, work.link
        assert write is not None
        if work.leaving:
            # A create of unknown outcome that was just found to be ours is kept as well: what ends it makes it look
            # like another's.
            return replace(link, held_key=work.content.key)
        if not link.linked:
            link = replace(link, route=self._route.name, held_key=write.key)
        link = self._with_values(work, link, write)
        if self._route.document is not None and work.ending is None:
            target = self._planning.target_of(work)
            ours = {line.number for line in write.lines if line.action is LineAction.CREATE}
            if write.before is not None and takes_over(work.link):
                ours |= set(write.before.lines)
            link = replace(
                link,
                numbers=dict(target.numbers),
                revisions={**link.revisions, **target.revisions},
                line_fields=target.line_fields,
                noted=tuple(sorted({*link.noted, *ours})),
            )
        places = self._planning.noted_places(work) if work.ending is None else link.places
        if places != link.places:
            link = replace(link, places=places)
        return link if link is not work.link or not work.was_linked else None

    @staticmethod
    def _with_values(work: Work, link: Link, write: Write) -> Link:
        if not link.linked:
            sent = (*work.sent_for(write.key), dict(write.values))
            return replace(link, intent=Intent(write.key, sent[-_SENT_KEPT:]))
        first = sorted(set(write.values) - set(link.applied) - set(link.touched))
        return replace(link, touched=(*link.touched, *first)) if first else link

    def _send(self, works: Sequence[Work]) -> None:
        writes = [work.write for work in works if work.outcome is None and work.write is not None]
        if not writes:
            return
        by_id = {work.id: work for work in works}
        results: dict[str, SyncError | None] = {}
        for id, result in self._route.target.write(writes, not_after=self._not_after).items():
            if isinstance(result, PartlyApplied):
                by_id[id].trusted = False
            results[id] = result.error if isinstance(result, PartlyApplied) else result
        blame = self._judge_unknowns(results)
        for work in works:
            if work.outcome is None and work.write is not None:
                self._read_result(work, results[work.id], blame)

    def _judge_unknowns(self, results: Mapping[str, SyncError | None]) -> "_Blame":
        """Close the gate for a system's trouble, or block the flow for a drift (protocol F1), and tell whether an
        unknown result counts against its record: only when the system has answered other writes, now or since its last
        trouble.

        Where nothing else is written nobody can tell a record that the system cannot digest from a system that takes
        no writes. A record that is sent by itself `_LONE_LIMIT` times without an answer is listed all the same: each
        time the gate had been opened by a probe, and more than five hours have passed.
        """
        system = self._flow.target_system
        # Records that shared a request share its error: that is one trouble.
        troubles = list({id(r): r for r in results.values() if isinstance(r, SystemTrouble)}.values())
        plain = [trouble for trouble in troubles if isinstance(trouble, Transient | OperatorNeeded)]
        drift = next((trouble for trouble in plain if isinstance(trouble, SchemaDrift)), None)
        if drift is not None:
            record = next(id for id, result in results.items() if result is drift)
            self._gates.meet(drift, self._flow, run=self._run_id, record=record)
            return _Blame()
        if plain:
            self._gates.close(plain[0])
            return _Blame()
        if any(_is_answer(result) for result in results.values()):
            self._gates.note_answer(system)
            return _Blame(counts=True)
        if not troubles:
            return _Blame()
        suspicious = len(troubles) < _GENERAL_TROUBLE and self._gates.has_answered(system)
        self._gates.close(troubles[0])
        return _Blame(suspicious, lone=sum(isinstance(result, SystemTrouble) for result in results.values()) == 1)

    def _read_result(self, work: Work, result: SyncError | None, blame: "_Blame") -> None:
        write = work.write
        assert write is not None
        match result:
            case None if work.leaving:
                work.leave_target()
            case None:
                fields = (*write.values, *(f"line {line.number}" for line in write.lines))
                self._planning.finish(work, Kind.CREATED if write.create else Kind.UPDATED, fields[:_FIELDS_KEPT])
            case RecordMissing():
                self._repeat_in_full(work)
            case RecordRejected():
                self._refused(work, result)
            case OutcomeUnknown():
                self._unknown(work, result, blame)
            case NotSent() | Transient() | OperatorNeeded():
                work.retry()
            case _:
                raise result

    def _repeat_in_full(self, work: Work) -> None:
        """The target row is gone: dirty, and written once more as a complete record (protocol A8)."""
        if work.leaving:
            work.leave_target()
        elif work.ending is not None:
            work.end(*ending_of(work)[:2], reason=ending_of(work)[2])
        elif not work.link.linked or work.write is None or work.write.create:
            work.retry(delay_s=self._parts.limits.retry_delay_s, attempts=work.link.attempts + 1)
        else:
            self._planning.again_in_full(work)

    def _refused(self, work: Work, refusal: RecordRejected) -> None:
        if work.write is not None:
            added = {line.number for line in work.write.lines if line.action is LineAction.CREATE}
            work.link = replace(work.link, noted=tuple(number for number in work.link.noted if number not in added))
        attempts = work.link.attempts + 1
        if refusal.cause != "target_exists":
            # A definite refusal: nothing of ours can be there, unless an earlier create is still unsettled.
            work.link = replace(work.link, intent=None if work.trusted else work.link.intent)
        elif attempts < self._parts.limits.max_attempts:
            work.retry(delay_s=self._parts.limits.retry_delay_s, attempts=attempts)
            return
        if refusal.repeatable and attempts < self._parts.limits.max_attempts:
            work.retry(delay_s=self._parts.limits.retry_delay_s, attempts=attempts)
        else:
            self._judging.reject(work, refusal.cause, str(refusal), refusal.remedy)

    def _unknown(self, work: Work, unknown: OutcomeUnknown, blame: "_Blame") -> None:
        unanswered, unknowns = work.link.unanswered + 1, work.link.unknowns + blame.counts
        if unknowns >= self._parts.limits.max_attempts:
            message = (
                f"{unknowns} writes of this record got no clear answer while the system answered others: {unknown}"
            )
        elif blame.lone and unanswered >= _LONE_LIMIT:
            message = f"{unanswered} writes of this record in a row got no clear answer: {unknown}"
        else:
            delay_s = self._parts.limits.unsettled_live_s + _SETTLE_MARGIN_S
            work.leave_unsettled(delay_s=delay_s, unknowns=unknowns, unanswered=unanswered)
            return
        remedy = f"look in {self._flow.target_system} at what this record provokes; the sync tries it again by itself"
        failure = new_failure(self._parts, work, "outcome_unknown", message, remedy)
        work.leave_unsettled(delay_s=None, unknowns=0, unanswered=1, failure=failure)


@dataclass(frozen=True, slots=True)
class _Blame:
    """Whether an unknown result counts against its record, and whether the record was the only one that was sent."""

    counts: bool = False
    lone: bool = False


def _is_answer(result: SyncError | None) -> bool:
    """Whether the system has answered this write; a refusal of our own, before sending, says nothing about it."""
    return result.sent if isinstance(result, RecordRejected) else not isinstance(result, SystemTrouble | NotSent)


def _same_note(now: Link, noted: Link) -> bool:
    ours = now.claim_id == noted.claim_id
    return ours and (
        now.held_key,
        now.intent,
        now.touched,
        now.numbers,
        now.noted,
        now.revisions,
        now.places,
        now.target_key,
    ) == (
        noted.held_key,
        noted.intent,
        noted.touched,
        noted.numbers,
        noted.noted,
        noted.revisions,
        noted.places,
        noted.target_key,
    )
