"""Rows of our own storage that somebody has spoilt: a newer version, a script, a hand in the storage explorer."""

import random
from collections.abc import Mapping, Sequence

from shared.state.storage.tables import Cell, Row
from tests.simulation.stage import Stage

# What may stand in a row instead of what belongs there; None: the property is missing.
_SPOILT: Mapping[str, Sequence[tuple[str, Cell | None]]] = {
    "link": (
        ("state", "of a newer version"),
        ("applied", "{no JSON"),
        ("attempts", "seven"),
        ("dirty", "perhaps"),
        ("record_id", None),
    ),
    "failure": (("cause", None), ("tries", "many"), ("first_seen", "some day")),
    "wait": (("child", None), ("is_parked", "perhaps"), ("parent", 7)),
    "key": (("record_id", None), ("key", 7), ("flow", True)),
    "checkpoint": (("phase", "of a newer version"), ("gone", "many"), ("walk", None)),
    "snapshot": (("p00", "no items"), ("p00", None)),
    "decided": (("record_id", 7), ("content", "no digest")),
}
_TABLES = {"key": "keys", "checkpoint": "checkpoints", "snapshot": "checkpoints"}
_BEGINNINGS = {
    "link": "L|", "failure": "F|", "wait": "W|", "decided": "D|", "checkpoint": "pull", "snapshot": "snapshot-"
}  # fmt: skip


def spoil(stage: Stage, flow: str, what: str, dice: random.Random) -> bool:
    """Spoil a row of one record of a flow; False when there is none of the kind."""
    table = stage.tables[_TABLES.get(what, "links")]
    rows = [row for (_, _), row in sorted(table.content().items()) if _is_of(row, flow, what)]
    if not rows:
        return False
    row, (name, value) = dice.choice(rows), dice.choice(_SPOILT[what])
    cells = {each: cell for each, cell in row.cells.items() if each != name}
    table.put_back(
        row.partition, row.key, (Row(row.partition, row.key, cells | ({} if value is None else {name: value})),)
    )
    return True


def _is_of(row: Row, flow: str, what: str) -> bool:
    if what == "key":
        return row.cells.get("flow") == flow
    return row.partition == flow and row.key.startswith(_BEGINNINGS[what])
