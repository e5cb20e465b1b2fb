"""Waiting records: row `W|parent flow|parent route|parent id|child id` in the child's own partition (protocol W1)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from shared.errors import Damage, StateUnreadable
from shared.state.storage.cells import Cells
from shared.state.storage.tables import Cell, Row, Stored, Table, escape, key_order, unescape

_MOST_CHILDREN = 1000
_MOST_WAITS = 3000
_FEW_PARENTS = 5


@dataclass(frozen=True, slots=True)
class Wait:
    """One child that waits for one parent. `is_parked` says that the parent is filtered, and the child with it: then it
    does not wait, but continues when that changes. `age_s` is for how long, by the storage service's own clock.
    `damage` says that the row cannot be read: then child and parent are taken from its key, `stored_key`. `etag` is the
    version that was read."""

    flow: str
    child: str
    parent_flow: str
    parent_route: str
    parent: str
    is_parked: bool = False
    age_s: float = field(default=0.0, compare=False)
    damage: Damage | None = field(default=None, compare=False)
    stored_key: str = field(default="", compare=False)
    etag: str | None = field(default=None, compare=False)

    def to_row(self) -> Row:
        """The row as stored."""
        cells: dict[str, Cell] = {
            "child": self.child,
            "parent_flow": self.parent_flow,
            "parent_route": self.parent_route,
            "parent": self.parent,
            "is_parked": self.is_parked,
        }
        return Row(escape(self.flow), self.key, cells)

    @property
    def key(self) -> str:
        """The row key."""
        return escape(f"W|{self.parent_flow}|{self.parent_route}|{self.parent}|{self.child}")


def _to_wait(flow: str, stored: Stored) -> Wait:
    """A wait from its stored row; an unreadable one has its damage."""
    try:
        return read_wait(flow, stored)
    except StateUnreadable as unreadable:
        return _damaged(flow, stored, unreadable.damage)


def read_wait(flow: str, stored: Stored) -> Wait:
    """A wait from its stored row. Raises StateUnreadable."""
    cells = Cells("links", stored.row, f"p2c sync {flow} {_told_by_key(stored.row)[3]}")
    wait = Wait(
        flow,
        child=cells.text("child"),
        parent_flow=cells.text("parent_flow"),
        parent_route=cells.text("parent_route"),
        parent=cells.text("parent"),
        is_parked=cells.flag("is_parked"),
        age_s=stored.age_s,
        stored_key=stored.row.key,
        etag=stored.etag,
    )
    if wait.key != stored.row.key:
        raise cells.unreadable("child", "and the parent are not those of the row's key")
    return wait


def _damaged(flow: str, stored: Stored, damage: Damage) -> Wait:
    parent_flow, parent_route, parent, child = _told_by_key(stored.row)
    return Wait(
        flow,
        child,
        parent_flow,
        parent_route,
        parent,
        age_s=stored.age_s,
        damage=damage,
        stored_key=stored.row.key,
        etag=stored.etag,
    )


def _told_by_key(row: Row) -> tuple[str, str, str, str]:
    """Flow, route and id of the parent, and the child. Ids may contain bars: if neither cell tells the parts apart, the
    child is what follows the last one."""
    _, *rest = unescape(row.key).split("|", 3)
    parent_flow, parent_route, ids = (*rest, "", "", "")[:3]
    parent, child = row.cells.get("parent"), row.cells.get("child")
    if isinstance(parent, str) and ids.startswith(f"{parent}|"):
        return parent_flow, parent_route, parent, ids[len(parent) + 1 :]
    if isinstance(child, str) and ids.endswith(f"|{child}"):
        return parent_flow, parent_route, ids[: -len(child) - 1], child
    before, _, behind = ids.rpartition("|")
    return parent_flow, parent_route, before, behind


class Waits:
    """The waiting records of every flow."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of_parents(self, flow: str, parent_flow: str, parent_route: str, parents: Collection[str]) -> list[str]:
        """The children in `flow` that wait for one of these parents; of a single parent at most _MOST_CHILDREN.

        Many parents are read at once, unless so many records wait for others that single reads are cheaper.
        """
        prefix = f"W|{parent_flow}|{parent_route}|"
        if len(parents) > _FEW_PARENTS:
            keys = sorted((escape(prefix + parent) for parent in parents), key=key_order)
            stored = self._table.scan(escape(flow), start=f"{keys[0]}|", end=f"{keys[-1]}}}", limit=_MOST_WAITS)
            if len(stored) < _MOST_WAITS:
                waits = [_to_wait(flow, row) for row in stored]
                return [wait.child for wait in waits if wait.parent in parents]
        found: list[str] = []
        for parent in parents:
            key = escape(f"{prefix}{parent}")
            stored = self._table.scan(escape(flow), start=f"{key}|", end=f"{key}}}", limit=_MOST_CHILDREN)
            # Behind a bar in a key another parent may begin.
            found += [wait.child for row in stored if (wait := _to_wait(flow, row)).parent == parent]
        return found

    def load(self, flow: str, keys: Sequence[str]) -> list[Wait]:
        """The waits with these row keys that exist."""
        return [_to_wait(flow, row) for row in self._table.read(escape(flow), keys).values()]

    def page(self, flow: str, after: str, limit: int) -> tuple[list[Wait], str | None]:
        """Some waits in key order from `after` ("" = the first), and where to continue (None: the end)."""
        stored = self._table.scan(escape(flow), start=after or "W|", end="W}", limit=limit)
        return [_to_wait(flow, row) for row in stored], stored[-1].row.key + " " if len(stored) == limit else None
