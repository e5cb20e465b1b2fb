"""From mapped content to writes and their results (protocol A6, A7, A8)."""

from collections import defaultdict
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
    SyncError,
    SystemTrouble,
    Transient,
)
from shared.mapping.verdicts import Mapped
from shared.records import Json, TargetRow, Values, Write
from shared.state.keys import Keys, OwnedKey, Owner, fold
from shared.state.links import Intent, Link, LinkState
from shared.state.rows import check_size
from shared.sync.claiming import BUSY_DELAY_S, claim_ends_in
from shared.sync.flow import Flow
from shared.sync.gates import Gates
from shared.sync.judging import Judging, new_failure
from shared.sync.linkwriter import Group, LinkWriter, link_operation
from shared.sync.parts import Parts
from shared.sync.work import Kind, Work

_SENT_KEPT = 3
_GENERAL_TROUBLE = 3
_LONE_LIMIT = 60
_SETTLE_MARGIN_S = 5.0


class Writing:
    """Writes the mapped records of one message and gives each its outcome."""

    def __init__(self, parts: Parts, flow: Flow, judging: Judging, gates: Gates, *, not_after: float) -> None:
        self._parts = parts
        self._flow = flow
        self._judging = judging
        self._gates = gates
        self._not_after = not_after
        self._keys: Keys = parts.state.keys_of(flow)

    def write(self, works: Sequence[Work]) -> None:
        """Compare, look up, own the keys, write, and read the results.

        Raises SystemTrouble when a look-up fails; nothing has been written then.
        """
        works = [work for work in works if work.mapped is not None]
        self._plan(works)
        self._note_before_sending([work for work in works if work.outcome is None and work.write is not None])
        self._send(works)
        self._send([work for work in works if work.outcome is None and work.write is not None])

    def settle_intents(self, works: Sequence[Work]) -> None:
        """Find out what became of creates of unknown outcome, before anything else is decided (protocol A6).

        A row that is there now counts as ours if its id is ours, or if the first look had found nothing and it agrees
        with what was sent. Raises SystemTrouble when the target does not answer.
        """
        doubtful = [work for work in works if work.link.intent is not None and not work.link.linked]
        if not doubtful:
            return
        found = self._flow.target.find([work.link.intent.key for work in doubtful if work.link.intent])
        for work in doubtful:
            self._settle_intent(work, found)

    def _settle_intent(self, work: Work, found: Mapping[str, TargetRow]) -> None:
        intent = work.link.intent
        assert intent is not None
        row = found.get(intent.key)
        if row is None:
            return
        applied = self._applied_by(intent, row)
        if applied is None:
            work.link = replace(work.link, intent=None)
            return
        # Where a record has several parts the intent stays until all of them are written: the creation is not finished.
        kept = intent if row.ours else None
        work.link = replace(work.link, target_key=intent.key, held_key=intent.key, intent=kept, applied=applied)
        work.trusted = False

    def _applied_by(self, intent: Intent, row: TargetRow) -> dict[str, Json] | None:
        """What our creates may have left in a row; None when the row is not ours."""
        if row.ours:
            # Any of them may have come through, and its parts one by one: what one of them has filled may be filled.
            return {name: value for sent in intent.sent for name, value in sent.items()}
        agreeing = [sent for sent in intent.sent if row.id is None and self._agrees(sent, row.values)]
        return agreeing[-1] if agreeing else None

    def _agrees(self, sent: Mapping[str, Json], row: Values) -> bool:
        agree = self._flow.mapper.agree
        return all(agree(name, value, row.get(name)) for name, value in sent.items())

    def _plan(self, works: Sequence[Work]) -> None:
        trusted = [work for work in works if work.trusted and work.link.linked]
        for work in trusted:
            self._plan_difference(work)
        doubtful = [work for work in works if work not in trusted]
        if not doubtful:
            return
        found = self._flow.target.find([_mapped(work).key for work in doubtful])
        for work in doubtful:
            self._plan_by_target(work, found.get(_mapped(work).key))
        self._own_keys([work for work in doubtful if work.outcome is None and not work.link.linked])

    def _plan_difference(self, work: Work) -> None:
        """Only on a clean link may equal content end as unchanged or a difference be sent (protocol A7)."""
        difference = self._difference(_mapped(work).owned, work.link.applied)
        if difference:
            link = work.link
            work.write = Write(work.id, link.target_key or "", difference, create=False, target_id=link.target_id)
        else:
            self._finish(work, Kind.UNCHANGED, ())

    def _difference(self, owned: Mapping[str, Json], applied: Mapping[str, Json]) -> dict[str, Json]:
        changed = {name: value for name, value in owned.items() if value != applied.get(name)}
        return {name: self._flow.mapper.empty(name) if value is None else value for name, value in changed.items()}

    def _everything_owned(self, work: Work, row: TargetRow) -> dict[str, Json]:
        """Every owned field; a blank one only where something was written before (rules.md, Ownership). In a row that
        we have made for an earlier record with this key, that may be any of them."""
        owned, applied = _mapped(work).owned, work.link.applied
        taken_over = row.ours and not work.link.linked
        ours = set(owned) if taken_over else {*applied, *work.link.touched}
        emptied = {name: self._flow.mapper.empty(name) for name in owned if owned[name] is None and name in ours}
        return _filled(owned) | emptied

    def _plan_by_target(self, work: Work, row: TargetRow | None) -> None:
        mapped = _mapped(work)
        # What went with others and got no clear answer goes by itself now: one record must not hold up the rest.
        alone = work.link.unanswered > 0
        if work.ending is not None:
            self._plan_ending(work, row, alone=alone)
        elif row is None:
            work.write = Write(work.id, mapped.key, _complete(mapped), create=True, alone=alone)
        elif work.link.linked or row.ours or self._flow.adopt_existing:
            begun = row.ours and (work.link.intent is not None or not work.link.linked)
            values = (_filled(mapped.on_create) if begun else {}) | self._everything_owned(work, row)
            work.write = Write(work.id, mapped.key, values, create=False, target_id=row.id, before=row, alone=alone)
        else:
            self._reject_existing(work)

    def _plan_ending(self, work: Work, row: TargetRow | None, *, alone: bool) -> None:
        """Of a record that has ended nothing is known but what its end changes: what was applied may be outdated."""
        if row is None:
            work.end(*_ending(work)[:2], reason=_ending(work)[2])
            return
        values = dict(self._flow.mapper.ended())
        key = _mapped(work).key
        work.write = Write(work.id, key, values, create=False, target_id=row.id, before=row, alone=alone)

    def _reject_existing(self, work: Work) -> None:
        key = _mapped(work).key
        owned = self._keys.owners([key]).get(key)
        if owned is not None and owned.owner != self._owner(work) and self._is_there(owned.owner):
            self._reject_taken(work, owned.owner.id)
            return
        self._judging.reject(
            work,
            "target_exists",
            f"{key} exists in {self._flow.mapper.target_entity} already and is not linked to this record",
            "if it is the same record, allow adoption for this flow and retry; otherwise change the number",
        )

    def _is_there(self, owner: Owner) -> bool:
        """Whether the source row of an owner still exists."""
        return owner.flow != self._flow.name or bool(self._flow.source.existing([owner.id]))

    def _owner(self, work: Work) -> Owner:
        return Owner(self._flow.name, self._flow.route, work.id)

    def _own_keys(self, works: Sequence[Work]) -> None:
        self._release_former_keys(works)
        by_key = self._one_per_key(works)
        taken = self._keys.own({_mapped(work).key: self._owner(work) for work in by_key.values()})
        for key, owned in taken.items():
            self._claim_from(by_key[fold(key)], owned)

    def _one_per_key(self, works: Sequence[Work]) -> dict[str, Work]:
        """The record that goes on, by its folded key: the owner where several want the same one."""
        rivals: dict[str, list[Work]] = defaultdict(list)
        for work in works:
            rivals[fold(_mapped(work).key)].append(work)
        contested = [key for key, wanted in rivals.items() if len(wanted) > 1]
        owners = self._keys.owners(contested) if contested else {}
        first: dict[str, Work] = {}
        for key, wanted in rivals.items():
            owner = owners[key].owner if key in owners else None
            first[key] = next((work for work in wanted if self._owner(work) == owner), wanted[0])
            for work in wanted:
                if work is not first[key]:
                    self._reject_taken(work, first[key].id)
        return first

    def _release_former_keys(self, works: Sequence[Work]) -> None:
        """A record that never got linked and has another number now gives its earlier one free."""
        former = [w for w in works if w.link.held_key and fold(w.link.held_key) != fold(_mapped(w).key)]
        owners = self._keys.owners([work.link.held_key or "" for work in former]) if former else {}
        for work in former:
            owned = owners.get(work.link.held_key or "")
            if owned is not None and owned.owner == self._owner(work):
                self._keys.release(owned)

    def _claim_from(self, work: Work, owned: OwnedKey) -> None:
        """Take a key over from an owner that has abandoned it or whose source row is confirmed gone; otherwise the
        record is rejected."""
        owner = owned.owner
        link = self._parts.state.links.load(owner.flow, owner.route, [owner.id])[owner.id]
        if not self._is_abandoned(link, work.link.claim_id):
            if self._is_there(owner):
                self._reject_taken(work, owner.id)
                return
            if claim_ends_in(link, self._parts.limits) > 0 or not self._unlink_gone(link):
                work.retry(delay_s=BUSY_DELAY_S)
                return
        if not self._keys.hand_over(owned, self._owner(work)):
            work.retry(delay_s=BUSY_DELAY_S)

    def _is_abandoned(self, link: Link, claim_id: str | None) -> bool:
        """Whether an owner has nothing in the target and nobody is about to write it: its record was refused, filtered
        or renumbered. Under our own claim it would have been preferred, had it still wanted the key. One that claims
        the key again a moment later makes the hand-over fail (see Keys.own)."""
        claimed_by_other = link.claim_id != claim_id and claim_ends_in(link, self._parts.limits) > 0
        coming_back = link.claim_id != claim_id and link.state is LinkState.RETRYING
        return not (link.linked or link.intent or claimed_by_other or coming_back)

    def _unlink_gone(self, link: Link) -> bool:
        if link.etag is None:
            return True
        unlinked = replace(link, target_key=None, held_key=None, intent=None, state=LinkState.DELETED)
        groups = [Group(link, (link_operation(unlinked),))]
        return not LinkWriter(self._parts.state.links, lambda now: now.target_key is None).write(groups).foreign

    def _reject_taken(self, work: Work, owner: str) -> None:
        self._judging.reject(
            work,
            "key_taken",
            f"the number {_mapped(work).key} is taken by record {owner}",
            f"give one of the two records another number (this one: {work.id}), then retry",
        )

    def _note_before_sending(self, works: Sequence[Work]) -> None:
        """Keep in the link what must be known if the answer, or this worker, gets lost: the intent of a first
        create, and the fields that are filled for the first time."""
        noted = [work for work in works if self._fits(work) and self._note(work)]
        groups = [Group(work.link, (link_operation(work.link),)) for work in noted]
        by_id = {work.id: work.link for work in noted}
        written = LinkWriter(self._parts.state.links, lambda now: _same_note(now, by_id[now.id])).write(groups)
        for work in noted:
            if work.id in written.etags:
                work.link = replace(work.link, etag=written.etags[work.id])
            else:
                work.write = None
                work.retry(delay_s=BUSY_DELAY_S)

    def _fits(self, work: Work) -> bool:
        """Whether the link can hold what is about to be written; a record whose state cannot be kept is rejected
        before the target has seen it."""
        write = work.write
        assert write is not None
        sent = (*(work.link.intent.sent if work.link.intent else ()), dict(write.values))
        applied = {**work.link.applied, **write.values}
        try:
            check_size(replace(work.link, intent=Intent(write.key, sent[-_SENT_KEPT:]), applied=applied).to_row())
        except RowTooLarge as large:
            message = f"the sync state of this record is too large to be kept: {large}"
            self._judging.reject(work, "state_too_large", message, "shorten its texts in the source")
            return False
        return True

    def _note(self, work: Work) -> bool:
        write, link = work.write, work.link
        assert write is not None
        if write.create and not link.linked:
            earlier = link.intent.sent if link.intent and link.intent.key == write.key else ()
            intent = Intent(write.key, (*earlier, dict(write.values))[-_SENT_KEPT:])
            work.link = replace(link, intent=intent, held_key=write.key)
            return True
        first = sorted(set(write.values) - set(link.applied) - set(link.touched))
        if first:
            work.link = replace(link, touched=(*link.touched, *first), held_key=link.held_key or write.key)
        return bool(first) or not work.was_linked

    def _send(self, works: Sequence[Work]) -> None:
        writes = [work.write for work in works if work.outcome is None and work.write is not None]
        if not writes:
            return
        by_id = {work.id: work for work in works}
        results: dict[str, SyncError | None] = {}
        for id, result in self._flow.target.write(writes, not_after=self._not_after).items():
            if isinstance(result, PartlyApplied):
                by_id[id].trusted = False
            results[id] = result.error if isinstance(result, PartlyApplied) else result
        blame = self._judge_unknowns(results)
        for work in works:
            if work.outcome is None and work.write is not None:
                self._read_result(work, results[work.id], blame)

    def _judge_unknowns(self, results: Mapping[str, SyncError | None]) -> "_Blame":
        """Close the gate for a system's trouble (protocol F1), and tell whether an unknown result counts against its
        record: only when the system has answered other writes, now or since its last trouble.

        Where nothing else is written nobody can tell a record that the system cannot digest from a system that takes
        no writes. A record that is sent by itself `_LONE_LIMIT` times without an answer is listed all the same: each
        time the gate had been opened by a probe, and more than five hours have passed.
        """
        system = self._flow.target_system
        # Records that shared a request share its error: that is one trouble.
        troubles = list({id(r): r for r in results.values() if isinstance(r, SystemTrouble)}.values())
        plain = [trouble for trouble in troubles if isinstance(trouble, Transient | OperatorNeeded)]
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
            case None:
                self._finish(work, Kind.CREATED if write.create else Kind.UPDATED, tuple(write.values))
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

    def _finish(self, work: Work, kind: Kind, fields: tuple[str, ...]) -> None:
        mapped = _mapped(work)
        applied: dict[str, Json] | None = _filled(mapped.owned)
        state, reason = LinkState.WRITTEN, ""
        if work.ending is not None:
            kind, state, reason = work.ending
            if not work.trusted:
                work.link = replace(work.link, applied=_filled(mapped.owned))
                applied = None
        key = work.link.target_key or mapped.key
        target_id = work.write.target_id if work.write is not None else work.link.target_id
        work.end(kind, state, reason=reason, applied=applied, target_key=key, target_id=target_id, fields=fields)

    def _repeat_in_full(self, work: Work) -> None:
        """The target row is gone: dirty, and written once more as a complete record (protocol A8)."""
        if work.ending is not None:
            work.end(*_ending(work)[:2], reason=_ending(work)[2])
        elif not work.link.linked or work.write is None or work.write.create:
            work.retry(delay_s=self._parts.limits.retry_delay_s, attempts=work.link.attempts + 1)
        else:
            work.trusted = False
            work.write = Write(work.id, work.write.key, _complete(_mapped(work)), create=True)

    def _refused(self, work: Work, refusal: RecordRejected) -> None:
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


def _ending(work: Work) -> tuple[Kind, LinkState, str]:
    assert work.ending is not None
    return work.ending


def _mapped(work: Work) -> Mapped:
    assert work.mapped is not None
    return work.mapped


def _complete(mapped: Mapped) -> dict[str, Json]:
    return _filled(mapped.on_create) | _filled(mapped.owned)


def _filled(values: Values) -> dict[str, Json]:
    return {name: value for name, value in values.items() if value is not None}


def _same_note(now: Link, noted: Link) -> bool:
    ours = now.claim_id == noted.claim_id
    return ours and (now.intent, now.touched, now.target_key) == (noted.intent, noted.touched, noted.target_key)
