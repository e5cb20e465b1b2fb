"""The end of a history: no more trouble, and as much time as it takes until nothing is left to do."""

import random
from datetime import datetime

from shared.state.links import LinkState
from shared.state.results import Result
from shared.systems import System
from tests.simulation.books import books_of
from tests.simulation.host import Host
from tests.simulation.operators import Operators

# A quiet system comes to rest within so many rounds, however long the waits between them are.
_MOST_ROUNDS = 150
_MOST_DELIVERED = 200
_MOST_TRIES = 3
_TICK_S, _SOON_S = 60.0, 30.0
_QUIET_S = 3600.0
# In this time each failure is tried again at least once.
_TRIED_AGAIN_S = 26 * 3600.0
_OF_WORKERS = ("poison", "crashed")


class Restless(AssertionError):
    """The system has not come to rest."""


def come_to_rest(host: Host, operators: Operators, dice: random.Random) -> None:
    """Play ticks until nothing changes any more, and each failure was tried again. Raises Restless."""
    threads, queues = host.stage.threads, host.stage.queues
    threads.finish(dice)
    horizon, seen, tried = threads.seconds + _TRIED_AGAIN_S, -1, False
    for _ in range(_MOST_ROUNDS):
        _round(host, operators, dice)
        wait_s, version = queues.next_visible_in(), host.stage.tables["links"].version
        if wait_s is not None and wait_s > _TICK_S:
            threads.advance(wait_s, dice)
        elif wait_s is not None:
            _let_tick_end(host, dice)
        elif _is_under_way(host) or operators.damages(host.process):
            # Whatever comes of it, one more round looks at it.
            version = -1
            threads.advance(_TICK_S, dice)
        elif version != seen:
            threads.advance(_TICK_S, dice)
        elif (due := _last_try(host, horizon, again=tried)) is not None:
            tried = True
            threads.advance(max(due - threads.seconds, 1.0), dice)
        else:
            _stay_at_rest(host, operators, dice)
            return
        seen = version
    damages = [str(damage) for damage in operators.damages(host.process)]
    raise Restless(f"there is no rest after {_MOST_ROUNDS} rounds: {_why(host)}, damages {damages}")


def _round(host: Host, operators: Operators, dice: random.Random) -> None:
    """One tick of everything."""
    operators.look_after(host.process, dice)
    for flow in host.process.flows:
        host.run([host.timer("pull", flow, dice)], dice)
    _deliver_all(host, dice)
    host.run([host.timer("sweep", "", dice)], dice)
    _deliver_all(host, dice)


def _let_tick_end(host: Host, dice: random.Random) -> None:
    """Until the timers fire again, messages are worked on as soon as they can be seen. Held ones lie there in sight."""
    left_s = _TICK_S
    while (wait_s := host.stage.queues.next_visible_in()) is not None and 0 < wait_s < left_s:
        host.stage.threads.advance(wait_s, dice)
        left_s -= wait_s
        _deliver_all(host, dice)
    host.stage.threads.advance(left_s, dice)


def _deliver_all(host: Host, dice: random.Random) -> None:
    for _ in range(_MOST_DELIVERED):
        workers = [host.invocation(flow, dice) or host.poison(flow, dice) for flow in host.process.flows]
        found = [worker for worker in workers if worker is not None]
        if not found:
            return
        for worker in found:
            host.run([worker], dice)
    raise Restless(f"messages without end: {_why(host)}")


def _is_under_way(host: Host) -> bool:
    state, flows = host.process.service.state, host.process.flows
    # A record that its worker has left in a message that became poison is tried again when its failure is due.
    listed = {
        (each.flow, each.id) for flow in flows for each in state.failures.page(flow, "", 1000)[0] if each.next_try
    }
    links = (link for flow in flows for link in state.links.walk(flow) if (link.flow, link.id) not in listed)
    return (
        any((link.dirty and link.state is LinkState.WRITTEN) or link.claim.id for link in links)
        or any(state.control.gate(system).closed for system in System)
        or any(state.control.flow(flow).blocked for flow in flows)
    )


def _last_try(host: Host, horizon: float, *, again: bool) -> float | None:
    """When the last of the listed failures, or of the refused results, is tried again; `again` of those failures only
    that are listed for what has become of workers, which may be listed so once more before they are tried with care."""
    threads, process = host.stage.threads, host.process
    failures = [each for flow in process.flows for each in process.service.state.failures.page(flow, "", 1000)[0]]
    results = [each for flow in process.flows for each in process.service.state.results.page(flow, "", 1000)[0]]
    if again:
        failures = [failure for failure in failures if failure.cause in _OF_WORKERS]
    tries = [(failure.next_try - threads.now()).total_seconds() for failure in failures if failure.next_try is not None]
    tries += [(next_try - threads.now()).total_seconds() for each in results if (next_try := _due(host, each))]
    due = [threads.seconds + seconds for seconds in tries]
    return max((at for at in due if at <= horizon), default=None)


def _due(host: Host, result: Result) -> datetime | None:
    """When a refused result is tried again: after its own pause, and then that of its flow."""
    turn = host.process.service.state.results.turn(result.flow)
    is_over = result.next_try is not None and result.next_try <= host.stage.threads.now()
    return turn.next_try if is_over and turn.next_try is not None else result.next_try


def _stay_at_rest(host: Host, operators: Operators, dice: random.Random) -> None:
    """Two more hours in which nobody does anything, and nothing is written. A failure that is tried in them may
    succeed, where another one had to give way: then two hours more. Raises Restless where writing does not end."""
    sales, finops = host.stage.sales, host.stage.finops
    for _ in range(_MOST_TRIES):
        before = sales.writes, finops.writes
        for _ in range(2):
            host.stage.threads.advance(_QUIET_S, dice)
            host.run([host.timer("cleanup", "", dice)], dice)
            _round(host, operators, dice)
        _let_tries_end(host, dice)
        if (sales.writes, finops.writes) == before:
            return
    written = f"{sales.writes - before[0]} to Sales, {finops.writes - before[1]} to F&O"
    raise Restless(f"a quiet system goes on writing: {written}")


def _let_tries_end(host: Host, dice: random.Random) -> None:
    """A failure that is tried again may take several attempts, with pauses between them."""
    queues = host.stage.queues
    for _ in range(_MOST_ROUNDS):
        if (wait_s := queues.next_visible_in()) is None:
            return
        host.stage.threads.advance(wait_s or _SOON_S, dice)
        _deliver_all(host, dice)


def _why(host: Host) -> str:
    books = books_of(host.process)
    doubts = [f"{record}: {entry.open_doubt}" for record, entry in books.entries.items() if entry.open_doubt]
    control = host.process.service.state.control
    closed = [f"{each}: {gate.reason}" for each in System if (gate := control.gate(each)).closed]
    blocked = [f"{flow}: {text}" for flow in host.process.flows if (text := control.flow(flow).blocked)]
    return f"messages {books.messages}, doubts {doubts}, closed {closed}, blocked {blocked}"
