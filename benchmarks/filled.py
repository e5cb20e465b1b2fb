"""Azurite with many rows, which are in its tables from the start."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from local.azurite import Azurite
from shared.state.storage.tables import Cell, Row

NUMBER = "{n}"
"""Stands for the number of a row, in eight digits, in any text of it."""
_MODULE = Path(__file__).with_name("fill.mjs")
# A million rows take more than node has by itself, and half a minute.
_NODE = ("--max-old-space-size=12288",)
_IDLE_S = 600.0


@dataclass(frozen=True, slots=True)
class Rows:
    """`count` rows of a table like `row`, with the numbers from `first` on. Those of a partition are given in the order
    of their keys: Azurite sorts what it finds for each request, and that costs least for what is in order."""

    table: str
    row: Row
    count: int
    first: int = 0


@contextmanager
def filled_azurite(rows: Sequence[Rows]) -> Iterator[Azurite]:
    """Azurite with these rows, in memory. Raises AzuriteFailed."""
    with TemporaryDirectory(prefix="bench-rows-") as folder:
        file = Path(folder, "rows.json")
        file.write_text(json.dumps(list(map(_as_told, rows))), encoding="utf-8")
        module = f"{_MODULE.as_uri()}?{urlencode({'rows': str(file)})}"
        with Azurite(start_idle_s=_IDLE_S, node_options=(*_NODE, "--import", module)) as azurite:
            yield azurite


def _as_told(rows: Rows) -> Mapping[str, object]:
    row, written = rows.row, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"
    keys = {"PartitionKey": row.partition, "RowKey": row.key}
    cells = dict(cell for name, value in row.cells.items() for cell in _cell(name, value))
    stamp = {"Timestamp": written, "Timestamp@odata.type": "Edm.DateTime"}
    stored = {
        **keys,
        "properties": {**keys, **cells, **stamp},
        "lastModifiedTime": written,
        "eTag": f"W/\"datetime'{written.replace(':', '%3A')}'\"",
    }
    return {"table": rows.table, "first": rows.first, "count": rows.count, "row": json.dumps(stored)}


def _cell(name: str, value: Cell) -> Iterator[tuple[str, object]]:
    """A property as Azurite keeps it."""
    if isinstance(value, datetime):
        yield name, f"{value:%Y-%m-%dT%H:%M:%S.%f}Z"
        yield f"{name}@odata.type", "Edm.DateTime"
    elif isinstance(value, str | bool | int):
        yield name, value
    else:
        raise TypeError(f"{name} is {type(value).__name__}; rows are filled with texts, numbers, yes or no, and times")
