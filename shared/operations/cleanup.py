"""Retention: history, runs and the audit log are kept for a number of days; a target key, while its record names it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.clock import Clock
from shared.operations.owned_keys import pages, release_ownerless
from shared.state.audit import PARTITION as AUDIT
from shared.state.history import has_values, inverted, without_values
from shared.state.storage.tables import Replace, Row, Stored, Table, apply_where_possible, escape, remove
from shared.sync.environment import Environment
from shared.sync.flow import Flow, in_turn
from shared.sync.limits import Limits
from shared.sync.state import State
from shared.telemetry import log_event

_PAGE = 1000
_HISTORY, _END_OF_HISTORY = "H|", "H}"


class Cleanup:
    """One timer invocation. It ends in time; the next one continues where it stopped."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        run_id: str,
        *,
        state: State,
        environment: Environment,
        clock: Clock,
        limits: Limits,
        keep_days: int,
        keep_values_days: int,
    ) -> None:
        self._flows = flows
        self._run_id = run_id
        self._state = state
        self._environment = environment
        self._clock = clock
        self._limits = limits
        self._until = clock.now() - timedelta(days=keep_days)
        self._keep_values_days = keep_values_days
        self._not_after = clock.monotonic() + limits.run_budget_s

    def run(self) -> None:
        """Remove what is too old, flow by flow; each run begins with another flow. Raises StorageTrouble."""
        runs = self._state.runs.table
        self._clean_runs(runs, AUDIT)
        for name in (flow.name for flow in in_turn(self._flows, self._run_id)):
            if not self._has_time():
                break
            removed = self._clean_runs(runs, escape(name)) + self._clean_history(name)
            keys = self._clean_keys(self._flows[name])
            log_event("cleaned_up", flow=name, run=self._run_id, rows=removed, keys=keys)

    def _clean_runs(self, table: Table, partition: str) -> int:
        """The newest rows come first, so the old ones are at the end."""
        removed, start = 0, inverted(self._until)
        while self._has_time() and (page := table.scan(partition, start=start, end="~", limit=_PAGE)):
            removed += remove(table, [stored.row for stored in page])
        return removed

    def _clean_history(self, flow: str) -> int:
        """The history is kept per record, so every row is read."""
        table, control = self._state.links.table, self._state.control.flow(flow)
        removed, after = 0, control.history_cursor or _HISTORY
        while self._has_time():
            page = table.scan(escape(flow), start=after, end=_END_OF_HISTORY, limit=_PAGE)
            removed += remove(table, [stored.row for stored in page if self._is_too_old(stored.row)])
            self._remove_values(table, page, self._values_until(flow))
            after = page[-1].row.key + " " if len(page) == _PAGE else ""
            if not after:
                break
        if after != control.history_cursor:
            # A concurrent change takes precedence; the next run starts at the same place.
            self._state.control.save_flow(replace(self._state.control.flow(flow), history_cursor=after))
        return removed

    def _clean_keys(self, flow: Flow) -> int:
        """Each key is compared with the link of its record: one point read per key, so it is done here only."""
        control = self._state.control
        cursor = after = control.flow(flow.name).keys_cursor
        released = 0
        for page in pages(self._state, flow, cursor):
            if not self._has_time():
                break
            released += release_ownerless(
                self._state, self._environment, flow, page, claim_live_s=self._limits.claim_live_s
            )
            after = page.after or ""
        if after != cursor:
            control.save_flow(replace(control.flow(flow.name), keys_cursor=after))
        return released

    def _values_until(self, flow: str) -> datetime:
        """Values have a retention of their own. Without one, those that a policy has looked at are kept as long as the
        entries themselves."""
        if not self._keep_values_days and any(route.looks_for_conflicts for route in self._flows[flow].routes.values()):
            return self._until
        return self._clock.now() - timedelta(days=self._keep_values_days)

    def _remove_values(self, table: Table, page: Sequence[Stored], until: datetime) -> None:
        """What was done stays."""
        old = [stored for stored in page if has_values(stored.row) and _is_before(stored.row, until)]
        kept = [stored for stored in old if not self._is_too_old(stored.row)]
        apply_where_possible(table, [Replace(without_values(stored.row), stored.etag) for stored in kept])

    def _is_too_old(self, row: Row) -> bool:
        return _is_before(row, self._until)

    def _has_time(self) -> bool:
        return self._clock.monotonic() < self._not_after


def _is_before(row: Row, moment: datetime) -> bool:
    time = row.cells.get("time")
    return isinstance(time, datetime) and time < moment
