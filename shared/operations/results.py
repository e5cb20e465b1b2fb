"""The results of records that are not in Sales yet: how many, and why."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from shared.operations.audit_log import AuditLog
from shared.state.results import Result
from shared.sync.flow import Flow
from shared.sync.state import State

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class RefusedResults:
    """Results of one cause: how many, one of them, and when the next is tried again."""

    cause: str
    count: int
    example: Result
    next_try: datetime | None


@dataclass(frozen=True, slots=True)
class UnwrittenResults:
    """The results of a flow that are not written. `columns` are those of the map document, by what they get: none
    if the flow writes no results. `due` is how many are written next; `trouble` what has delayed them, until
    `next_try`."""

    flow: str
    columns: Mapping[str, str]
    due: int
    refused: tuple[RefusedResults, ...]
    trouble: str
    said: str
    next_try: datetime | None


def unwritten(flow: Flow, state: State) -> UnwrittenResults:
    """The results of a flow that are not written. Reads every one. Raises StorageTrouble."""
    refused: dict[str, list[Result]] = defaultdict(list)
    due = 0
    for result in _walk(flow, state):
        if result.cause:
            refused[result.cause].append(result)
        else:
            due += 1
    turn = state.results.turn(flow.name)
    return UnwrittenResults(
        flow.name,
        flow.results.columns.named if flow.results is not None else {},
        due,
        tuple(_refused(cause, found) for cause, found in sorted(refused.items())),
        turn.trouble,
        turn.said,
        turn.next_try,
    )


def retry_results(flow: Flow, state: State, audit_log: AuditLog) -> int:
    """Have every refused result written at the next sweep, also after trouble; how many. Raises StorageTrouble, and
    Refused in another environment."""
    refused = [result for result in _walk(flow, state) if result.cause]
    audit_log.note("retry_results", flow.name, f"{len(refused)} results")
    sent = state.results.save([replace(each, next_try=None) for each in refused])
    turn = state.results.turn(flow.name)
    if turn.next_try is not None:
        state.results.save_turn(replace(turn, next_try=None))
    return sent


def _walk(flow: Flow, state: State) -> Iterator[Result]:
    after: str | None = ""
    while after is not None:
        page, after = state.results.page(flow.name, after, _PAGE)
        yield from page


def _refused(cause: str, found: list[Result]) -> RefusedResults:
    tries = (each.next_try for each in found if each.next_try is not None)
    return RefusedResults(cause, len(found), found[0], min(tries, default=None))
