"""What becomes of a claimed record, by its own source row and its parents (protocol A4, A5, W1, W2)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from shared.errors import SchemaDrift
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.records import KEY_SEPARATOR, References, SourceRow, fold
from shared.state.link_parts import KnownKey
from shared.state.links import Link, LinkState
from shared.state.waiting import Wait
from shared.sync.apply.outcome import Kind
from shared.sync.apply.parents import LinksOfParents, is_beyond_looking, keeps_off
from shared.sync.apply.record import Concluded, Ending, Judged, Record
from shared.sync.flow import LOOKUP_KEPT_S, TARGET_DELETED, Flow, Route

OUT_OF_SCOPE = "out_of_scope"
PARENT_FILTERED = "parent filtered by"
# At most so many parents of a record are parked at a time: old and new waits must fit into one transaction with the
# rest.
MOST_PARKED = 40
MAX_KEY_CHARACTERS = 200
# If a name is missing in the small tables, they are read again.
LOOKUP_FRESH_S = 5.0


def judge(
    flow: Flow, now: datetime, links_of: LinksOfParents, records: Sequence[Record]
) -> Iterator[Judged | Concluded]:
    """Give every record its mapped content or an outcome. `links_of` loads the links of parents. Raises SystemTrouble
    when the target's small tables cannot be read."""
    rest: list[Record] = []
    for record in records:
        if record.row is not None and _stays_away(record):
            yield record.concluded(Kind.FILTERED, LinkState.FILTERED, reason=TARGET_DELETED)
        else:
            rest.append(record)
    records = rest
    evaluated = {each.record.id: each for each in _evaluate(flow, now, links_of, records, LOOKUP_KEPT_S)}
    missing = [each.record for each in evaluated.values() if _lacks_a_name(each.verdict)]
    if missing:
        evaluated |= {each.record.id: each for each in _evaluate(flow, now, links_of, missing, LOOKUP_FRESH_S)}
    for record in records:
        of = evaluated.get(record.id)
        yield _judge_row(flow, record) if of is None else _judge_verdict(flow, of)


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """What the mapping says of a record, and the links of its parents."""

    record: Record
    verdict: Verdict
    parents: Mapping[Parent, Link]


def _evaluate(
    flow: Flow, now: datetime, links_of: LinksOfParents, records: Sequence[Record], max_age_s: float
) -> list[_Evaluated]:
    """What the mapping says of every record that exists and is in scope."""
    found = [(record, record.row) for record in records if record.row is not None]
    rows = [(record, row) for record, row in found if is_begun(record.link) or flow.mapper.in_scope(row)]
    if not rows:
        return []
    references: References = flow.lookup.rows(max_age_s=max_age_s) if flow.lookup else {}
    named = [flow.mapper.parents(row) for _, row in rows]
    links = links_of(set(chain.from_iterable(named)))
    shared = Known(now=now, references=references)
    return [_evaluated(flow, shared, links, record, row, its) for (record, row), its in zip(rows, named, strict=True)]


def _evaluated(  # noqa: PLR0917 - what is known of a record, and of all
    flow: Flow,
    shared: Known,
    parents: Mapping[Parent, Link],
    record: Record,
    row: SourceRow,
    named: Sequence[Parent],
) -> _Evaluated:
    link = record.link
    found = {parent: parents[parent].key_on(parent.route) for parent in named}
    keys = {parent: key for parent, key in found.items() if key is not None}
    known = replace(
        shared,
        applied=link.content.applied,
        route=link.route if link.linked else None,
        keys=keys,
        rows={parent: id for parent in keys if (id := _row_of(parent, parents[parent])) is not None},
        flows={parent: parents[parent].flow for parent in keys if parent.is_by_key},
        begun=frozenset(parent for parent in found if parent not in keys and _has_owner(parent, parents[parent])),
        numbers=link.content.numbers,
        revisions=link.content.revisions if link.linked else {},
    )
    try:
        verdict = flow.mapper.evaluate(row, known)
    except SchemaDrift as drift:
        drift.record = record.id
        raise
    # A record that is named by its key has no other one.
    by_id = ((each, key) for each, key in keys.items() if not each.is_by_key)
    known_keys = tuple(KnownKey(each.flow, each.route, each.id, key) for each, key in by_id)
    return _Evaluated(replace(record, known_keys=known_keys), verdict, parents)


def _has_owner(parent: Parent, link: Link) -> bool:
    """Whether a record owns the key by which a parent is named: without one, the link is that of the key itself."""
    return parent.is_by_key and link.flow != parent.flow


def _row_of(parent: Parent, link: Link) -> str | None:
    """The id of a linked parent's row in the target of this flow; None if it is not known. A parent that is named by
    its target key is written in the other direction, so its source row is that row; of a document, whose id is a
    number, it is the latest of the rows that it was made from."""
    if parent.is_by_key:
        rows = link.content.revisions
        return max(rows, key=lambda id: rows[id]) if rows else link.id
    return link.target_id


def _stays_away(record: Record) -> bool:
    """Whether the row of a record was deleted in the target and stays deleted, whatever changes in the source."""
    link = record.link
    return not link.linked and link.rule == TARGET_DELETED and bool(link.former)


def _judge_row(flow: Flow, record: Record) -> Judged | Concluded:
    """A record that is gone, or not in the scope of the first run."""
    if record.row is None:
        # If the source record comes back, its row still stays deleted.
        rule = TARGET_DELETED if _stays_away(record) else "deleted"
        return _end(flow, record, Ending(Kind.DELETED, LinkState.DELETED, rule))
    return record.concluded(Kind.FILTERED, LinkState.FILTERED, reason=OUT_OF_SCOPE)


def _judge_verdict(flow: Flow, of: _Evaluated) -> Judged | Concluded:
    record = of.record
    match of.verdict:
        case Filtered(rule, ends) if ends and record.link.linked:
            return _end(flow, record, Ending(Kind.ENDED, LinkState.ENDED, rule))
        case Filtered(rule, _, until):
            unlinked = [parent for parent in until if of.parents[parent].key_on(parent.route) is None]
            waits = _waits(flow, record, unlinked, parked=True)
            return record.concluded(Kind.FILTERED, LinkState.FILTERED, reason=rule, waits=waits)
        case Rejected() as rejected:
            return record.rejected(
                rejected.cause, rejected.message, rejected.remedy, value=rejected.value, lacks=rejected.lacks
            )
        case Mapped() as mapped:
            return _judge_mapped(flow, record, mapped, of.parents)


def _end(flow: Flow, record: Record, ending: Ending) -> Judged | Concluded:
    """The record has ended: the target row stays as it is, except for the fields that the mapping names. If the link is
    not clean, the row may hold something else than what was applied."""
    link = record.link
    changes = flow.route(link.route).rules.ended() if link.linked else {}
    if any(not record.trusted or link.content.applied.get(name) != change for name, change in changes.items()):
        content = Mapped(link.target_key or "", {**link.content.applied, **changes}, {}, route=link.route)
        return Judged(record, content, ending)
    return record.concluded(ending.kind, ending.state, reason=ending.rule)


def _judge_mapped(flow: Flow, record: Record, mapped: Mapped, parents: Mapping[Parent, Link]) -> Judged | Concluded:
    route = flow.route(mapped.route)
    committed = record.link.key_on(route.name)
    if committed is not None and not _may_become(committed, mapped.key, route):
        return record.rejected(
            "key_changed",
            f"the number {committed} became {mapped.key}; a number that has been used in the target never changes",
            f"set it back to {committed}",
        )
    if len(mapped.key) > MAX_KEY_CHARACTERS:
        return record.rejected("key_too_long", f"the key has {len(mapped.key)} characters", "shorten it in the source")
    record = replace(record, parents=mapped.parents)
    return _waiting(flow, record, parents) or Judged(record, mapped)


def _waiting(flow: Flow, record: Record, parents: Mapping[Parent, Link]) -> Concluded | None:
    """The outcome of a record with a parent that is not linked."""
    unlinked = [parent for parent in record.parents if not _is_done(record, parent, parents[parent])]
    if not unlinked:
        return None
    unlinked.sort(key=lambda parent: not keeps_off(parent, parents[parent]))
    filtered = [parents[parent] for parent in unlinked if keeps_off(parent, parents[parent])]
    waits = _waits(flow, record, unlinked, parked=bool(filtered))
    if filtered:
        # It stays parked: when the parent is no longer filtered, the parent's commit sends it again.
        reason = f"{PARENT_FILTERED} {filtered[0].rule}"
        return record.concluded(Kind.FILTERED, LinkState.FILTERED, reason=reason, waits=waits)
    return record.concluded(Kind.WAITING, LinkState.WAITING, waits=waits)


def _is_done(record: Record, parent: Parent, link: Link) -> bool:
    """Whether a record need not wait for a parent (any more). It waits for a look until its first write only."""
    if parent.is_look:
        return record.hint.answered or is_begun(record.link) or is_beyond_looking(link)
    return link.key_on(parent.route) is not None or (parent.optional and keeps_off(parent, link))


def _waits(flow: Flow, record: Record, parents: Sequence[Parent], *, parked: bool) -> tuple[Wait, ...]:
    named = dict.fromkeys(parents[:MOST_PARKED])
    return tuple(Wait(flow.name, record.id, each.flow, each.route, each.id, is_parked=parked) for each in named)


def is_begun(link: Link) -> bool:
    """Whether a record has, or may have, something in the target. The scope of the first run does not apply to such a
    record."""
    return link.linked or link.intent is not None or bool(link.former)


def _may_become(committed: str, key: str, route: Route) -> bool:
    """Whether a linked record may have this key. On a route that lets records move, the key may change with the parent,
    which is its last part. The record's own number never changes."""
    old, new = fold(committed), fold(key)
    own = [text.rpartition(KEY_SEPARATOR)[0] for text in (old, new)]
    return old == new or (route.moves and own[0] == own[1])


def _lacks_a_name(verdict: Verdict) -> bool:
    return isinstance(verdict, Rejected) and verdict.looked_up
