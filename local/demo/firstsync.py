"""Waits until both systems are in step, and compares them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console

from local.demo.comparison import compare, expected_keys
from local.demo.flows import Watched
from local.demo.keep import Place
from local.demo.progress import Progress
from local.demo.report import FlowResult, Result
from local.demo.session import Session
from local.demo.standing import Account, Glance, Standing

_LOOK_EVERY_S = 0.5
_PATIENCE_WHEN_BLOCKED_S = 6.0
# What still waits for another record when nothing has moved for so long goes on waiting.
_PATIENCE_FOR_WAITING_S = 8.0

Standings = Mapping[str, Standing]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the wait for a flow ended. `account` is None while there was too much going on to take stock."""

    glance: Glance
    account: Account | None

    @property
    def in_step(self) -> bool:
        """Whether every record of the flow is decided and nothing goes on."""
        account = self.account
        return self.glance.quiet and account is not None and not account.unaccounted and not account.claimed

    @property
    def waits(self) -> bool:
        """Whether records of it wait for records of another flow."""
        return self.account is not None and self.account.waiting > 0


def note_before(session: Session, place: Place, flows: tuple[Watched, ...]) -> None:
    """Remember which target records are there before the first sync: they are not ours."""
    before = place.memory.before
    for flow in flows:
        if flow.name not in before:
            before[flow.name] = sorted(key for key, _ in flow.targets(session.systems))
    place.save()


def totals(session: Session, place: Place, flows: tuple[Watched, ...]) -> dict[str, int | None]:
    """How many records of each flow are to come. Where there was a sync before, nobody knows how many have changed."""
    return {flow.name: len(flow.sources(session.systems)) if place.fresh else None for flow in flows}


def wait_until_in_step(
    session: Session,
    flows: tuple[Watched, ...],
    standings: Standings,
    console: Console,
    *,
    totals: Mapping[str, int | None],
    patience_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Ended]:
    """Show the progress of the flows until all are in step, or until nothing has moved for `patience_s` seconds.

    Raises DemoFailed when a process dies.
    """
    with Progress(console, totals) as progress:
        moved: object = None
        moved_at = time.monotonic()
        while True:
            session.require_alive()
            glances = {flow.name: standings[flow.name].glance() for flow in flows}
            progress.show(glances, {name: counts.total for name, counts in session.counts().items()})
            quiet = all(glance.quiet for glance in glances.values())
            ended = {flow.name: _ended(session, flow, standings, glances, look=quiet) for flow in flows}
            all_in_step = all(each.in_step for each in ended.values())
            if all_in_step and not any(each.waits for each in ended.values()):
                return ended
            now = [glance.progress for glance in glances.values()]
            blocked = any(glance.blocked for glance in glances.values())
            if now != moved:
                moved, moved_at = now, time.monotonic()
            elif all_in_step and time.monotonic() - moved_at > _PATIENCE_FOR_WAITING_S:
                return ended
            elif time.monotonic() - moved_at > (_PATIENCE_WHEN_BLOCKED_S if blocked else patience_s):
                return {flow.name: _ended(session, flow, standings, glances, look=True) for flow in flows}
            sleep(_LOOK_EVERY_S)


def result_of(
    session: Session, place: Place, flows: tuple[Watched, ...], standings: Standings, *, in_step: bool
) -> Result:
    """Compare both systems, and put together what the session came to. The keys that are expected are remembered."""
    results = {flow.name: _result(session, place, flow, standings[flow.name]) for flow in flows}
    place.save()
    counts = {name: counted.total for name, counted in session.counts().items()}
    return Result(results, in_step, session.peak_memory_mb, counts)


def what_is_missing(ended: Mapping[str, Ended], patience_s: float) -> str:
    """Why the demo gave up, as one sentence for its user."""
    waiting = {name: of for name, of in ended.items() if not of.in_step}
    blocked = [f"{name}: {of.glance.closed}" for name, of in waiting.items() if of.glance.blocked]
    if blocked:
        return f"The sync waits for an operator: {'; '.join(blocked)}."
    told = "; ".join(f"{name}: {_missing_in(of)}" for name, of in waiting.items())
    return f"Nothing has moved for {patience_s:g} s. {told or 'The sources are not read to their end'}."


def _missing_in(ended: Ended) -> str:
    glance, account = ended.glance, ended.account
    found = [f"{glance.hints} messages queued"] if glance.hints else []
    found += [f"{glance.held} messages held"] if glance.held else []
    found += [f"{glance.poison} messages poisoned"] if glance.poison else []
    found += [f"{account.claimed} records claimed"] if account and account.claimed else []
    found += [f"{len(account.unaccounted)} records without an outcome"] if account and account.unaccounted else []
    found += [] if glance.pulled else ["no pull has ended yet"]
    found += [glance.closed] if glance.closed else []
    return ", ".join(found) or "the source is not read to its end"


def _result(session: Session, place: Place, flow: Watched, standing: Standing) -> FlowResult:
    verdicts = flow.verdicts(session.systems)
    account = standing.account_for(list(verdicts))
    memory = place.memory
    keys = memory.keys.setdefault(flow.name, {})
    left = memory.left.setdefault(flow.name, [])
    past = flow.past(before=memory.before.get(flow.name, []), keys=keys, left=left, failures=account.failures)
    comparison = compare(verdicts, flow.targets(session.systems), flow, past)
    for candidates in expected_keys(verdicts, past).values():
        # Of several records with one key only one got it; which one does not matter to the comparison.
        if len(candidates) == 1:
            memory.expect(flow.name, candidates[0][0], candidates[0][1].key)
    asked = {name: counted.of(flow.asked.get(name, frozenset())) for name, counted in session.counts().items()}
    return FlowResult(standing.glance(), account, comparison, asked, flow.direction)


def _ended(
    session: Session, flow: Watched, standings: Standings, glances: Mapping[str, Glance], *, look: bool
) -> Ended:
    if not look:
        return Ended(glances[flow.name], None)
    ids = [row.id for row in flow.sources(session.systems)]
    return Ended(glances[flow.name], standings[flow.name].account_for(ids))
