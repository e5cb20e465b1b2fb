"""The first part of the demo: the functions run until both systems are in step, then the systems are compared."""

import time
from collections.abc import Callable
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


@dataclass(frozen=True, slots=True)
class Ended:
    """How the wait for a flow ended."""

    glance: Glance
    account: Account
    in_step: bool


def note_before(session: Session, place: Place, flow: Watched) -> None:
    """Remember which target records are there before the first sync: they are not ours."""
    if place.memory.before is None:
        place.memory.before = sorted(key for key, _ in flow.targets(session.finops))
        place.save()


def wait_until_in_step(
    session: Session,
    place: Place,
    flow: Watched,
    standing: Standing,
    console: Console,
    *,
    patience_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> Ended:
    """Show the progress of a flow until it is in step, or until nothing has moved for `patience_s` seconds.

    Raises DemoFailed when a process dies.
    """
    # Where there was a sync before, nobody knows how many records have changed since.
    total = len(flow.sources(session.sales)) if place.fresh else None
    with Progress(console, flow.name, total) as progress:
        moved, moved_at = None, time.monotonic()
        while True:
            session.require_alive()
            glance = standing.glance()
            progress.show(glance, session.requests())
            account = _account(session, flow, standing) if glance.quiet else None
            if account is not None and not account.unaccounted and not account.claimed:
                return Ended(glance, account, in_step=True)
            if glance.progress != moved:
                moved, moved_at = glance.progress, time.monotonic()
            elif time.monotonic() - moved_at > (_PATIENCE_WHEN_BLOCKED_S if glance.blocked else patience_s):
                return Ended(glance, account or _account(session, flow, standing), in_step=False)
            sleep(_LOOK_EVERY_S)


def result_of(session: Session, place: Place, flow: Watched, ended: Ended) -> Result:
    """Compare both systems, and put together what the session came to. The keys that are expected are remembered."""
    sources = flow.sources(session.sales)
    memory = place.memory
    past = flow.past(before=memory.before or [], keys=memory.keys, failures=ended.account.failures)
    comparison = compare(sources, flow.targets(session.finops), flow.mapper, past)
    for candidates in expected_keys(sources, flow.mapper, past).values():
        # Of several records with one key only one got it; which one does not matter to the comparison.
        if len(candidates) == 1:
            memory.keys[candidates[0][0]] = candidates[0][1].key
    place.save()
    result = FlowResult(ended.glance, ended.account, comparison, session.requests())
    return Result({flow.name: result}, ended.in_step, session.peak_memory_mb)


def what_is_missing(ended: Ended, patience_s: float) -> str:
    """Why the demo gave up, as one sentence for its user."""
    glance, account = ended.glance, ended.account
    if glance.blocked:
        return f"The sync waits for an operator: {glance.closed}."
    found = [f"{glance.hints} messages queued"] if glance.hints else []
    found += [f"{glance.held} messages held"] if glance.held else []
    found += [f"{glance.poison} messages poisoned"] if glance.poison else []
    found += [f"{account.claimed} records claimed"] if account.claimed else []
    found += [f"{len(account.unaccounted)} records without an outcome"] if account.unaccounted else []
    found += [] if glance.pulled else ["no pull has ended yet"]
    why = f" ({glance.closed})" if glance.closed else ""
    return f"Nothing has moved for {patience_s:g} s{why}: {', '.join(found) or 'the source is not read to its end'}."


def _account(session: Session, flow: Watched, standing: Standing) -> Account:
    return standing.account_for([row.id for row in flow.sources(session.sales)], flow.route)
