"""Runs: what one pull or apply did. Partition = flow, row = inverted time: the newest first."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from shared.errors import StateUnreadable, StorageTrouble
from shared.state.history import inverted
from shared.state.storage.cells import Cells, drop
from shared.state.storage.tables import Cell, Put, Row, Stored, Table, escape
from shared.telemetry import log_event

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Run:
    """One invocation: counts per outcome and request, and how long it took."""

    flow: str
    kind: str
    id: str
    started: datetime
    seconds: float
    counts: Mapping[str, int]

    def to_row(self) -> Row:
        """The row as stored."""
        cells: dict[str, Cell] = {"kind": self.kind, "run": self.id, "started": self.started}
        cells |= {"milliseconds": round(self.seconds * 1000)}
        cells |= {f"n_{name}": count for name, count in self.counts.items()}
        return Row(escape(self.flow), escape(f"{inverted(self.started)}|{self.kind}|{self.id}"), cells)


class Runs:
    """The runs of every flow."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def add(self, run: Run) -> None:
        """Keep a run. It is only a note about finished work: if it cannot be written, that is logged."""
        try:
            self.table.transact([Put(run.to_row())])
        except StorageTrouble as trouble:
            log_event("run_not_kept", flow=run.flow, run=run.id, reason=str(trouble))

    def latest(self, flow: str, limit: int) -> list[Run]:
        """At most `limit` runs, the newest first."""
        return list(_readable(flow, self.table.scan(escape(flow), start="0", end="~", limit=limit)))

    def walk(self, flow: str) -> Iterator[Run]:
        """Every run, the newest first, page by page."""
        start: str | None = "0"
        while start is not None:
            page = self.table.scan(escape(flow), start=start, end="~", limit=_PAGE)
            yield from _readable(flow, page)
            start = page[-1].row.key + " " if len(page) == _PAGE else None


def _readable(flow: str, page: Iterable[Stored]) -> Iterator[Run]:
    """The runs that can be read: an unreadable one is a lost note without consequences."""
    for stored in page:
        with suppress(StateUnreadable):
            yield read_run(flow, stored)


def read_run(flow: str, stored: Stored) -> Run:
    """A run from its stored row. Raises StateUnreadable."""
    cells = Cells("runs", stored.row, drop("runs", stored.row))
    counts = {name[2:]: cells.number(name) for name in stored.row.cells if name.startswith("n_")}
    seconds = cells.number("milliseconds") / 1000
    return Run(flow, cells.text("kind"), cells.text("run"), cells.time("started"), seconds, counts)
