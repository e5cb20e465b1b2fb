"""What shall become of a claimed record, by its own source row and its parents (protocol A4, A5, W1, W2)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from shared.errors import SchemaDrift
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected, Verdict
from shared.records import KEY_SEPARATOR, References, SourceRow, fold
from shared.state.failures import Failure
from shared.state.links import KnownKey, Link, LinkState
from shared.state.waiting import Wait
from shared.sync.apply.work import Kind, Work
from shared.sync.flow import LOOKUP_KEPT_S, Flow, Route
from shared.sync.parts import Parts

OUT_OF_SCOPE = "out_of_scope"
PARENT_FILTERED = "parent filtered by"
# A record is parked with so many parents at a time, that its old and new waits fit into one transaction with the rest.
MOST_PARKED = 40
MAX_KEY_CHARACTERS = 200
# When a name is missing in the small tables they are read anew.
LOOKUP_FRESH_S = 5.0


class Judging:
    """Judges the records of one message. A record that stays without outcome is mapped and may be written."""

    def __init__(self, parts: Parts, flow: Flow) -> None:
        self._parts = parts
        self._flow = flow
        self._parents: dict[Parent, Link] = {}

    def judge(self, works: Sequence[Work]) -> None:
        """Give every record an outcome or its mapped content. Raises SystemTrouble when the target's small tables
        cannot be read."""
        verdicts = self._evaluate(works, LOOKUP_KEPT_S)
        missing = [work for work in works if _lacks_a_name(verdicts.get(work.id))]
        if missing:
            verdicts |= self._evaluate(missing, LOOKUP_FRESH_S)
        for work in works:
            self._judge_row(work, verdicts.get(work.id))
        self._judge_parents([work for work in works if work.outcome is None and work.parents])

    def _evaluate(self, works: Sequence[Work], max_age_s: float) -> dict[str, Verdict]:
        """What the mapping says of every record that exists and is in scope."""
        rows = [(work, work.row) for work in works if work.row is not None]
        rows = [(work, row) for work, row in rows if _is_begun(work.link) or self._flow.mapper.in_scope(row)]
        if not rows:
            return {}
        references: References = self._flow.lookup.rows(max_age_s=max_age_s) if self._flow.lookup else {}
        self._parents |= self.load_parents({parent for _, row in rows for parent in self._flow.mapper.parents(row)})
        return {work.id: self._verdict(work, row, references) for work, row in rows}

    def _verdict(self, work: Work, row: SourceRow, references: References) -> Verdict:
        try:
            return self._flow.mapper.evaluate(row, self._known(work, row, references))
        except SchemaDrift as drift:
            drift.record = work.id
            raise

    def _known(self, work: Work, row: SourceRow, references: References) -> Known:
        link = work.link
        found = {of: self._parents[of].key_on(of.route) for of in self._flow.mapper.parents(row)}
        keys = {parent: key for parent, key in found.items() if key is not None}
        work.known_keys = tuple(KnownKey(of.flow, of.route, of.id, key) for of, key in keys.items())
        return Known(
            now=self._parts.clock.now(),
            applied=link.applied,
            references=references,
            route=link.route if link.linked else None,
            keys=keys,
            numbers=link.numbers,
            revisions=link.revisions if link.linked else {},
        )

    def _judge_row(self, work: Work, verdict: Verdict | None) -> None:
        if work.row is None:
            self._end(work, Kind.DELETED, LinkState.DELETED, "deleted")
            return
        match verdict:
            case None:
                work.end(Kind.FILTERED, LinkState.FILTERED, reason=OUT_OF_SCOPE)
            case Filtered(rule, ends) if ends and work.link.linked:
                self._end(work, Kind.ENDED, LinkState.ENDED, rule)
            case Filtered(rule):
                work.end(Kind.FILTERED, LinkState.FILTERED, reason=rule)
            case Rejected() as rejected:
                self.reject(work, rejected.cause, rejected.message, rejected.remedy, value=rejected.value)
            case Mapped() as mapped:
                self._judge_key(work, mapped)

    def _end(self, work: Work, kind: Kind, state: LinkState, rule: str) -> None:
        """The record has come to its end: the target row stays as it is, but for the fields that the mapping names."""
        link = work.link
        changes = self._flow.route(link.route).rules.ended() if link.linked else {}
        if any(link.applied.get(name) != of for name, of in changes.items()):
            work.mapped = Mapped(link.target_key or "", {**link.applied, **changes}, {}, route=link.route)
            work.ending = kind, state, rule
            return
        work.end(kind, state, reason=rule)

    def _judge_key(self, work: Work, mapped: Mapped) -> None:
        route = self._flow.route(mapped.route)
        committed = work.link.key_on(route.name)
        if committed is not None and not _may_become(committed, mapped.key, route):
            self.reject(
                work,
                "key_changed",
                f"the number {committed} became {mapped.key}; a number that has been used in the target never changes",
                f"set it back to {committed}",
            )
        elif len(mapped.key) > MAX_KEY_CHARACTERS:
            self.reject(work, "key_too_long", f"the key has {len(mapped.key)} characters", "shorten it in the source")
        else:
            work.mapped = mapped
            work.parents = mapped.parents

    def reject(
        self,
        work: Work,
        cause: str,
        message: str,
        remedy: str,
        *,
        value: str = "",
        rival: tuple[str, str] | None = None,
    ) -> None:
        """List the record as a failure (protocol F2)."""
        failure = replace(new_failure(self._parts, work, cause, message, remedy), value=value, rival=rival)
        work.end(Kind.REJECTED, LinkState.REJECTED, reason=cause, failure=failure)

    def _judge_parents(self, works: Sequence[Work]) -> None:
        for work in works:
            parents = self._parents
            unlinked = [parent for parent in work.parents if parents[parent].key_on(parent.route) is None]
            if not unlinked:
                continue
            unlinked.sort(key=lambda parent: not parents[parent].keeps_off(parent.route))
            parked = dict.fromkeys(unlinked[:MOST_PARKED])
            filtered = [parents[parent] for parent in unlinked if parents[parent].keeps_off(parent.route)]
            waits = tuple(
                Wait(self._flow.name, work.id, p.flow, p.route, p.id, is_parked=bool(filtered)) for p in parked
            )
            work.mapped = None
            if filtered:
                # It stays parked: when the parent is no longer filtered, the parent's commit sends it again.
                reason = f"{PARENT_FILTERED} {filtered[0].rule}"
                work.end(Kind.FILTERED, LinkState.FILTERED, reason=reason, waits=waits)
            else:
                work.end(Kind.WAITING, LinkState.WAITING, waits=waits)

    def load_parents(self, parents: set[Parent]) -> dict[Parent, Link]:
        """The links of parents: linked means committed, not claimed."""
        by_flow: dict[str, list[str]] = defaultdict(list)
        for parent in parents:
            by_flow[parent.flow].append(parent.id)
        found = {flow: self._parts.state.links.load(flow, list(dict.fromkeys(ids))) for flow, ids in by_flow.items()}
        return {parent: found[parent.flow][parent.id] for parent in parents}


def _is_begun(link: Link) -> bool:
    """Whether a record has, or may have, something in the target: the scope of the first run is not for it."""
    return link.linked or link.intent is not None or bool(link.former)


def _may_become(committed: str, key: str, route: Route) -> bool:
    """Whether a linked record may have this key. Where a route lets records move it is to another parent, whose key is
    the last part: the record's own number never changes."""
    old, new = fold(committed), fold(key)
    own = [text.rpartition(KEY_SEPARATOR)[0] for text in (old, new)]
    return old == new or (route.moves and own[0] == own[1])


def _lacks_a_name(verdict: Verdict | None) -> bool:
    return isinstance(verdict, Rejected) and verdict.looked_up


def new_failure(parts: Parts, work: Work, cause: str, message: str, remedy: str) -> Failure:
    """A failure of a record, seen now for the first time."""
    now, column = parts.clock.now(), parts.flows[work.link.flow].number_column
    number = work.row.values.get(column) if work.row is not None else None
    named = "" if number is None else str(number)
    return Failure(work.link.flow, work.id, cause, message, remedy, first_seen=now, last_seen=now, number=named)
