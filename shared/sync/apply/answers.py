"""What the target's answers mean for the records and for the target's gate (protocol A8, A9, F1, F2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shared.errors import (
    NotSent,
    OperatorNeeded,
    OutcomeUnknown,
    RecordMissing,
    RecordRejected,
    SchemaDrift,
    SyncError,
    SystemTrouble,
    Transient,
)
from shared.records import LineAction
from shared.state.control import Control
from shared.sync.apply.changes import Changes
from shared.sync.apply.outcome import Rejection
from shared.sync.apply.plan import gone, without_row
from shared.sync.apply.record import Concluded, Planned, Sent
from shared.sync.apply.written import written
from shared.sync.flow import Flow, OnTargetDeleted, Route
from shared.sync.gates import Gates
from shared.sync.limits import Limits

_GENERAL_TROUBLE = 3
_LONE_LIMIT = 60
_SETTLE_MARGIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Blame:
    """Whether an unknown result counts against its record, and whether the record was the only one that was sent."""

    counts: bool = False
    lone: bool = False


def blame_for(gates: Gates, before: Control, flow: Flow, run_id: str, sent: Sequence[Sent]) -> Blame:
    """Close the gate for a system's trouble, or block the flow for a drift (protocol F1). Returns whether an unknown
    result counts against its record: only if the system has answered other writes, now or since its last trouble.
    `before` are the control rows as they were when the message was taken.

    If nothing else is written, it is not known whether the record or the system is the cause. A record that was sent
    alone `_LONE_LIMIT` times without an answer is listed all the same: each time a probe had opened the gate, and more
    than five hours have passed.
    """
    # Records that shared a request share its error: that is one trouble.
    troubles = list({id(each.answer): each.answer for each in sent if isinstance(each.answer, SystemTrouble)}.values())
    plain = [trouble for trouble in troubles if isinstance(trouble, Transient | OperatorNeeded)]
    drift = next((trouble for trouble in plain if isinstance(trouble, SchemaDrift)), None)
    if drift is not None:
        gates.meet(drift, flow, run=run_id, record=next(each.id for each in sent if each.answer is drift))
        return Blame()
    if plain:
        gates.close(plain[0])
        return Blame()
    if any(_is_answer(each.answer) for each in sent):
        gates.note_answer(flow.target_system, before)
        return Blame(counts=True)
    if not troubles:
        return Blame()
    suspicious = len(troubles) < _GENERAL_TROUBLE and gates.has_answered(flow.target_system)
    gates.close(troubles[0])
    return Blame(suspicious, lone=sum(isinstance(each.answer, SystemTrouble) for each in sent) == 1)


def read_answers(
    flow: Flow, route: Route, limits: Limits, blame: Blame, sent: Sequence[Sent]
) -> Iterator[Planned | Concluded]:
    """Give each record its outcome by the target's answer. A record whose row is gone is planned once more, as a
    complete record (protocol A8)."""
    for each in sent:
        match each.answer:
            case None if each.planned.judged.leaves:
                yield each.record.at_its_next_target()
            case None:
                yield written(route, each.planned)
            case RecordMissing():
                yield _repeat_in_full(route, limits, each)
            case RecordRejected() as refusal:
                yield _refused(route, limits, each, refusal)
            case OutcomeUnknown() as unknown:
                yield _unknown(flow, limits, blame, each.planned, unknown)
            case NotSent() | Transient() | OperatorNeeded():
                yield each.unwritten.retried()
            case other:
                raise other


def _repeat_in_full(route: Route, limits: Limits, sent: Sent) -> Planned | Concluded:
    """The target row is gone: the link is dirty, and the record is written as a whole once more, or listed."""
    planned, record = sent.planned, sent.unwritten
    judged = replace(planned.judged, record=record)
    if judged.leaves:
        return record.at_its_next_target()
    if judged.ending is not None:
        return record.concluded(judged.ending.kind, judged.ending.state, reason=judged.ending.rule)
    if route.updates:
        return without_row(judged)
    if not record.link.linked or planned.write.create:
        return record.retried(delay_s=limits.retry_delay_s, attempts=record.link.attempts + 1)
    if not route.once and route.on_target_deleted is not OnTargetDeleted.RECREATE:
        return gone(route, judged.with_link(record.link, trusted=False))
    doubtful = judged.with_link(record.link, trusted=False)
    return Planned(doubtful, Changes(route).create(doubtful))


def _refused(route: Route, limits: Limits, sent: Sent, refusal: RecordRejected) -> Concluded:
    record = sent.unwritten
    # Lines of a document that was written in part may be there.
    lines = () if sent.is_begun else sent.planned.write.lines
    added = {line.number for line in lines if line.action is LineAction.CREATE}
    content = record.link.content
    content = replace(content, noted=tuple(number for number in content.noted if number not in added))
    record = replace(record, link=replace(record.link, content=content))
    attempts = record.link.attempts + 1
    may_repeat = attempts < limits.max_attempts
    if refusal.cause != "target_exists":
        # A definite refusal: nothing of ours can be there, unless an earlier create is still unsettled.
        intent = None if record.trusted else record.link.intent
        record = replace(record, link=replace(record.link, intent=intent))
    elif may_repeat:
        return record.retried(delay_s=limits.retry_delay_s, attempts=attempts)
    if refusal.repeatable and may_repeat:
        # On a clean link only what has changed in the source is written. A dirty one would be compared as a whole, so
        # that other fields that people have just changed would be conflicts, or be written over.
        looked = sent.planned.write.before is not None and _looks(route, sent.planned)
        return record.retried(delay_s=limits.retry_delay_s, attempts=attempts, stays_clean=looked)
    remedy = route.remedy_if_exists if refusal.cause == "target_exists" else refusal.remedy
    return record.rejected(refusal.cause, str(refusal), remedy)


def _looks(route: Route, planned: Planned) -> bool:
    """Whether what others have changed or filled counts."""
    return route.looks_for_conflicts or bool(planned.judged.content.fills)


def _unknown(flow: Flow, limits: Limits, blame: Blame, planned: Planned, unknown: OutcomeUnknown) -> Concluded:
    record = planned.record
    unanswered, unknowns = record.link.unanswered + 1, record.link.unknowns + blame.counts
    if unknowns >= limits.max_attempts:
        message = f"{unknowns} writes of this record got no clear answer while the system answered others: {unknown}"
    elif blame.lone and unanswered >= _LONE_LIMIT:
        message = f"{unanswered} writes of this record in a row got no clear answer: {unknown}"
    else:
        delay_s = limits.unsettled_live_s + _SETTLE_MARGIN_S
        return record.unsettled(delay_s=delay_s, unknowns=unknowns, unanswered=unanswered)
    remedy = f"check in {flow.target_system} what this record triggers; the sync retries it automatically"
    rejection = Rejection("outcome_unknown", message, remedy)
    return record.unsettled(delay_s=None, unknowns=0, unanswered=1, rejection=rejection)


def _is_answer(result: SyncError | None) -> bool:
    """Whether the system has answered this write; a refusal of our own, before sending, says nothing about it."""
    return result.sent if isinstance(result, RecordRejected) else not isinstance(result, SystemTrouble | NotSent)
