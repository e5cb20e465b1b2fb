"""Waiting records: row `W|parent flow|parent route|parent id|child id` in the child's own partition (protocol W1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.state.rows import Row, Stored, Table, escape


@dataclass(frozen=True, slots=True)
class Wait:
    """One child that waits for one parent."""

    flow: str
    child: str
    parent_flow: str
    parent_route: str
    parent: str

    def to_row(self) -> Row:
        """The row as stored."""
        cells = {
            "child": self.child,
            "parent_flow": self.parent_flow,
            "parent_route": self.parent_route,
            "parent": self.parent,
        }
        return Row(escape(self.flow), self.key, cells)

    @property
    def key(self) -> str:
        """The row key."""
        return escape(f"W|{self.parent_flow}|{self.parent_route}|{self.parent}|{self.child}")


def _to_wait(flow: str, stored: Stored) -> Wait:
    cells = stored.row.cells
    return Wait(flow, str(cells["child"]), str(cells["parent_flow"]), str(cells["parent_route"]), str(cells["parent"]))


class Waits:
    """The waiting records of every flow."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of_parent(self, flow: str, parent_flow: str, parent_route: str, parent: str, limit: int) -> list[str]:
        """At most `limit` children in `flow` that wait for a parent."""
        key = escape(f"W|{parent_flow}|{parent_route}|{parent}")
        stored = self._table.scan(escape(flow), start=f"{key}|", end=f"{key}}}", limit=limit)
        return [_to_wait(flow, row).child for row in stored]

    def load(self, flow: str, keys: Sequence[str]) -> list[Wait]:
        """The waits with these row keys that exist."""
        return [_to_wait(flow, row) for row in self._table.read(escape(flow), keys).values()]

    def page(self, flow: str, after: str, limit: int) -> tuple[list[Wait], str | None]:
        """Some waits in key order from `after` ("" = the first), and where to go on (None: the end)."""
        stored = self._table.scan(escape(flow), start=after or "W|", end="W}", limit=limit)
        return [_to_wait(flow, row) for row in stored], stored[-1].row.key + " " if len(stored) == limit else None
