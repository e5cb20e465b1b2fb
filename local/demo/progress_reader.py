"""How far the sync is, read from what it remembers itself: runs, checkpoints, gates, queues, links and failures."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from shared.operations.link import UNLINK
from shared.records import fold
from shared.state.audit import Audit
from shared.state.checkpoint_parts import Phase
from shared.state.checkpoints import Checkpoints
from shared.state.control import Control, Gate
from shared.state.failures import Failure, Failures
from shared.state.link_parts import ClaimKind
from shared.state.links import Link, Links, LinkState
from shared.state.runs import Run, Runs
from shared.state.storage.queues import Queues, hold_queue, poison_queue
from shared.state.storage.tables import Table
from shared.systems import System

_RUNS_AT_ONCE = 500
_FAILURES_AT_ONCE = 1000
_UNDECIDED = (LinkState.NEW, LinkState.RETRYING)
# Outcomes that the same record does not have over and over: one that waits is looked at again and again.
_GOT_ON = ("created", "updated", "unchanged", "filtered", "ended", "deleted")


@dataclass(frozen=True, slots=True)
class Glance:
    """One flow at a moment of this session.

    `counts` sums the outcomes of all runs. `pulls` is how many pulls have ended; `first` and `last` are the
    beginning of the first run and the end of the last one that did anything. `closed` is why nothing moves;
    `blocked` is true if only an operator can change that.
    """

    counts: Mapping[str, int]
    pulls: int
    first: datetime | None
    last: datetime | None
    phase: Phase | None
    idle: bool
    hints: int
    held: int
    poison: int
    closed: str
    blocked: bool = False

    @property
    def pulled(self) -> bool:
        """Whether the source was looked at."""
        return self.pulls > 0

    @property
    def messages(self) -> int:
        """How many messages wait or are worked on."""
        return self.hints + self.held

    @property
    def quiet(self) -> bool:
        """Whether everything that was read has been worked on."""
        return self.pulled and self.idle and not (self.messages or self.poison)

    @property
    def progress(self) -> tuple[object, ...]:
        """What changes when the sync gets on; what is tried again in vain does not count."""
        return (sum(self.counts.get(name, 0) for name in _GOT_ON), self.pulled, self.phase, self.idle)

    @property
    def seconds(self) -> float:
        """From the first pull to the end of the last run that did anything."""
        if self.first is None or self.last is None:
            return 0.0
        return max((self.last - self.first).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class Account:
    """The state of every source record of a flow: by rule, by cause, and those that are not known.

    Of `total` records, `decided` have an outcome that lasts until they change: written, not for the target, or
    rejected. `again` of the others had one before, and a worker has claimed them again. `waits_for` counts waiting
    records by the flow of the record that they wait for. `claim_age_s` is that of the youngest claim of a worker, None
    if there is none.
    """

    states: Mapping[LinkState, int]
    filtered: Mapping[str, int]
    failures: tuple[Failure, ...]
    unaccounted: tuple[str, ...]
    claimed: int
    total: int = 0
    decided: int = 0
    again: int = 0
    waits_for: Mapping[str, int] = field(default_factory=dict)
    claim_age_s: float | None = None

    @property
    def waiting(self) -> int:
        """How many records wait for a parent."""
        return self.states.get(LinkState.WAITING, 0)

    @property
    def rejected(self) -> dict[str, int]:
        """How many failures there are of each cause."""
        return dict(Counter(failure.cause for failure in self.failures).most_common())


@dataclass(slots=True)
class _Sum:
    seen: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    pulls: int = 0
    first: datetime | None = None
    first_ended: datetime | None = None
    worked_until: datetime | None = None


class Stored(Protocol):
    """The storage account of the app."""

    @property
    def queues(self) -> Queues:
        """Every queue."""

    def table(self, name: str) -> Table:
        """A table by name."""


class ProgressReader:
    """Reads the state of one flow. `since` is when this session's functions were started."""

    def __init__(self, storage: Stored, flow: str, since: datetime) -> None:
        links = storage.table("links")
        self._flow = flow
        self._since = since
        self._links = Links(links)
        self._failures = Failures(links)
        self._audit = Audit(storage.table("runs"))
        self._runs = Runs(storage.table("runs"))
        self._checkpoints = Checkpoints(storage.table("checkpoints"))
        self._control = Control(storage.table("control"))
        self._queues = storage.queues
        self._sum = _Sum()
        self._was_empty = False

    def control(self) -> Control:
        """The control rows of all flows, as they are at this moment."""
        return self._control.at_once()

    def glance(self, control: Control | None = None, *, anew: bool = True) -> Glance:
        """A cheap look; whoever looks at several flows reads their `control` rows once. Runs are read before queues: a
        pull notes itself after it has sent its hints. A look that is not `anew` may miss what has just been put aside:
        see `_put_aside`."""
        control = control or self.control()
        for run in self._runs.latest(self._flow, _RUNS_AT_ONCE):
            if run.started >= self._since and run.id not in self._sum.seen:
                self._add(run)
        checkpoint = self._checkpoints.load(self._flow)
        hints = self._queues.depth(self._flow)
        held, poison = self._put_aside(hints, anew=anew)
        return Glance(
            counts=dict(self._sum.counts),
            pulls=self._sum.pulls,
            first=self._sum.first,
            last=self._sum.worked_until or self._sum.first_ended,
            phase=checkpoint.position.phase if checkpoint else None,
            idle=checkpoint is not None and checkpoint.position.is_between_walks,
            hints=hints,
            held=held,
            poison=poison,
            closed=self._closed_in(control),
            blocked=bool(control.flow(self._flow).blocked),
        )

    def _put_aside(self, hints: int, *, anew: bool) -> tuple[int, int]:
        """How many messages are held, and how many are poison. They come from the flow's own queue: while that is as
        empty as all three were at the last look, only a look `anew` asks for them again, since each question takes time
        from what is waited for."""
        if self._was_empty and not hints and not anew:
            return 0, 0
        held, poison = self._queues.depth(hold_queue(self._flow)), self._queues.depth(poison_queue(self._flow))
        self._was_empty = not (hints or held or poison)
        return held, poison

    def account_for(self, ids: Collection[str]) -> Account:
        """Where each of these source records stands, by its link. Reads the whole partition."""
        links = {link.id: link for link in self._links.walk(self._flow)}
        failures = self.failures()
        failed = {failure.id for failure in failures}
        decided = {id for id, link in links.items() if _is_decided(link, id in failed)}
        waiting = {id: link for id, link in links.items() if link.state is LinkState.WAITING}
        claimed = [link for link in links.values() if link.claim.id is not None]
        states = Counter(link.state for link in links.values())
        rules = Counter(_rule(link) for link in links.values() if link.state in _NOT_FOR_THE_TARGET)
        return Account(
            states=dict(states),
            filtered=dict(rules.most_common()),
            failures=failures,
            unaccounted=tuple(id for id in ids if id not in decided),
            claimed=len(claimed),
            total=len(ids),
            decided=sum(id in decided and id not in waiting for id in ids),
            again=sum(link.state not in _UNDECIDED and link.id not in waiting for link in claimed),
            waits_for=dict(Counter(_parent_flow(link) for link in waiting.values()).most_common()),
            claim_age_s=min((link.age_s for link in claimed if link.claim.kind is ClaimKind.WORKING), default=None),
        )

    def claimed(self) -> int:
        """How many records a worker has claimed. Reads the whole partition."""
        return sum(link.claim.id is not None for link in self._links.walk(self._flow))

    def written(self) -> list[str]:
        """The ids of the records that are in the target. Reads the whole partition."""
        return [link.id for link in self._links.walk(self._flow) if link.state is LinkState.WRITTEN]

    def link(self, id: str) -> Link:
        """The link of one record."""
        return self._links.load(self._flow, [id])[id]

    def failure(self, id: str) -> Failure | None:
        """Why a record is not in step, None if nothing is listed."""
        return self._failures.load(self._flow, [id]).get(id)

    def failures(self) -> tuple[Failure, ...]:
        """Every open failure of the flow."""
        found: list[Failure] = []
        after: str | None = ""
        while after is not None:
            page, after = self._failures.page(self._flow, after, _FAILURES_AT_ONCE)
            found += page
        return tuple(found)

    def unlinked(self) -> list[tuple[str, str]]:
        """The records that an operator has unlinked from a target record, each with its key. One that is linked to it
        again, or still, is not among them: the audit is written before the act, which may be refused then."""
        acts = [act for act in self._audit.walk() if (act.flow, act.what) == (self._flow, UNLINK)]
        named = [(id, key) for id, _, key in (act.subject.partition(" ") for act in acts)]
        links = self._links.load(self._flow, list({id: None for id, _ in named}))
        return [(id, key) for id, key in named if _is_apart(links[id], key)]

    def closed(self) -> str:
        """Why nothing moves, empty if it may."""
        return self._closed_in(self.control())

    def _closed_in(self, control: Control) -> str:
        flow = control.flow(self._flow)
        if flow.blocked:
            return f"flow blocked: {flow.blocked}"
        gates = [control.gate(system) for system in System]
        return "; ".join(_closed(gate) for gate in gates if gate.closed)

    def _add(self, run: Run) -> None:
        ended = run.started + timedelta(seconds=run.seconds)
        so_far = self._sum
        so_far.seen.add(run.id)
        if run.kind == "pull":
            so_far.pulls += 1
        else:
            so_far.counts.update(run.counts)
        if so_far.first is None or run.started < so_far.first:
            so_far.first, so_far.first_ended = run.started, ended
        if run.kind == "apply" or run.counts.get("hints"):
            so_far.worked_until = max(so_far.worked_until or ended, ended)


ENDED = "source ended: "
_NOT_FOR_THE_TARGET = (LinkState.FILTERED, LinkState.ENDED)


def _is_apart(link: Link, key: str) -> bool:
    """Whether a record has not the target record with a key, and had it not last."""
    return link.damage is None and fold(link.last_target_key or "") != fold(key)


def _closed(gate: Gate) -> str:
    until = f" (next try at {gate.blocked_until.astimezone():%H:%M:%S})" if gate.blocked_until else ""
    said = f": {gate.said}" if gate.said else ""
    return f"{gate.reason}{said}{until}"


def _rule(link: Link) -> str:
    """The rule that keeps a record from the target, marked as ended if the record was there before."""
    rule = link.rule or "unnamed"
    return f"{ENDED}{rule}" if link.state is LinkState.ENDED else rule


def _parent_flow(link: Link) -> str:
    """The flow of the record that a record waits for: `waits` are the row keys of shared.state.waiting."""
    return link.waits[0].split("|")[1] if link.waits else "another record"


def _is_decided(link: Link, failed: bool) -> bool:
    if link.state is LinkState.REJECTED:
        return failed
    return link.state not in _UNDECIDED and link.claim.id is None
