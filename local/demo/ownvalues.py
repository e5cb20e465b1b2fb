"""Values for the columns of an organisation's own: the sample records have none."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from local import jsonlines, space
from local.simulator.owncolumns import OwnColumns
from shared import exact_json
from shared.clients import quoting
from shared.mapping.dates import Behavior
from shared.mapping.names import ColumnKind, Name
from shared.records import Json

# The files whose rows a system is filled with, and where these rows are.
FILES: Mapping[str, str] = {
    "accounts.jsonl": "accounts",
    "contacts.jsonl": "contacts",
    "products.jsonl": "SellableReleasedProducts",
}
# Every fifth value is blank, and every seventh answer is yes.
_BLANK, _YES = 5, 7
_FIRST_DAY = datetime(2020, 1, 1, 12, tzinfo=UTC)
_DAYS = 1_000


@contextmanager
def filled_folder(data: Path, own: OwnColumns) -> Iterator[Path]:
    """The records of a checked folder with values in the columns of the organisation's own, in a folder of its own for
    as long as the block lasts. Raises NoSpaceLeft."""
    with tempfile.TemporaryDirectory(prefix="prospect-to-cash-own-", ignore_cleanup_errors=True) as folder:
        with space.named(Path(folder)):
            for file in data.glob("*.jsonl"):
                columns = _plain(own.get(FILES.get(file.name, ""), {}))
                if columns:
                    _fill(file, Path(folder) / file.name, columns)
                else:
                    shutil.copy(file, folder)
        yield Path(folder)


def value_at(name: str, column: Name, at: int) -> Json:
    """The value of a column in the row at a place of its file, always the same; None for blank."""
    if column.kind is ColumnKind.YES_NO:
        return at % _YES == _YES - 1
    if at % _BLANK == _BLANK - 1:
        return column.members[0] if column.kind is ColumnKind.MEMBER else None
    match column.kind:
        case ColumnKind.OPTION:
            return column.options[at % len(column.options)]
        case ColumnKind.MEMBER:
            return column.members[at % len(column.members)]
        case ColumnKind.WHOLE:
            return at + 1
        case ColumnKind.DECIMAL:
            return Decimal(at) / 4
        case ColumnKind.ID:
            return quoting.name_based_id(f"{name} {at}")
        case ColumnKind.DATE:
            return _date(column, _FIRST_DAY + timedelta(days=at % _DAYS))
    text = f"{name} {at + 1}"
    return text if column.length is None else text[-column.length :].strip()


def _date(column: Name, moment: datetime) -> str:
    return moment.date().isoformat() if column.behavior is Behavior.DATE_ONLY else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(columns: Mapping[str, Name]) -> Mapping[str, Name]:
    """Those that a row holds itself, and whose values are known."""
    return {
        name: column
        for name, column in columns.items()
        if name.isidentifier()
        and not name.startswith("_")
        and column.kind is not ColumnKind.LOOKUP
        and (column.options or column.kind is not ColumnKind.OPTION)
    }


def _fill(file: Path, into: Path, columns: Mapping[str, Name]) -> None:
    with into.open("w", encoding="utf-8") as lines:
        for at, (_place, row) in enumerate(jsonlines.read(file)):
            given = {name: value_at(name, column, at) for name, column in columns.items()}
            lines.write(f"{exact_json.dumps({**given, **row})}\n")
