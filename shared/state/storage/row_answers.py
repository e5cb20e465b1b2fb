"""Rows in answers, read in a tenth of the time that the SDK takes.

The SDK makes a model of each answer, an entity of each row in it, and objects of each of its cells; a row took 108 µs.
Here a row is read once, from JSON to the cells that the app stores (docs/decisions.md).

The form is that of learn.microsoft.com/rest/api/storageservices/payload-format-for-table-service-operations.
"""

import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from azure.core.pipeline import PipelineResponse

from shared.errors import StorageTrouble
from shared.state.storage.tables import Cell, Foreign, Row, Stored

_KEYS = ("PartitionKey", "RowKey", "Timestamp")
_TYPE = "@odata.type"
# No property of a row has a dot in its name.
_METADATA = "odata."
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1


class RowAnswer:
    """A successful answer to a read of rows. Once they are taken, the SDK finds none in it; everything else of it stays
    the SDK's, above all where the next page begins."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.is_taken = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._answer, name)

    def text(self, encoding: str | None = None) -> str:
        """What the SDK reads."""
        return '{"value":[]}' if self.is_taken else str(self._answer.text(encoding))


@dataclass(slots=True)
class Kept:
    """The rows of some answers. With `among` those with other keys are only counted: a row that comes along in a range
    and is not wanted costs little. `length` counts all, and `last` is the key of the last one."""

    among: AbstractSet[str] | None = None
    rows: list[Stored] = field(default_factory=list)
    length: int = 0
    last: str = ""

    def take(self, entities: list[Mapping[str, Any]], sent: datetime) -> None:
        """Keep the rows of an answer that was sent then."""
        if entities:
            self.length += len(entities)
            self.last = entities[-1]["RowKey"]
        self.rows += [_stored(each, sent) for each in entities if self.among is None or each["RowKey"] in self.among]


def keep_rows(kept: Kept, place: str) -> Callable[[PipelineResponse[Any, Any]], None]:
    """What looks at an answer before the SDK reads it (`raw_response_hook`), and keeps its rows; `place` is the table
    in messages. It raises StorageTrouble for an answer that cannot be read, as one from a proxy."""

    def keep(response: PipelineResponse[Any, Any]) -> None:
        answer = response.http_response
        if isinstance(answer, RowAnswer):
            try:
                read_answer(kept, answer.read(), answer.headers.get("Date", ""))
            except (TypeError, ValueError) as unreadable:
                raise StorageTrouble(
                    f"{place} answered with something that is no rows of a table: check that what answers at the "
                    "address of the account is the storage, and no proxy before it"
                ) from unreadable
            answer.is_taken = True

    return keep


def require_nothing_left(entities: Iterable[Mapping[str, Any]]) -> None:
    """The SDK has found no row: each was kept before. If it had, the app would miss it."""
    if any("RowKey" in entity for entity in entities):
        raise RuntimeError("azure-data-tables reads rows in another way: install the version of requirements.txt")


def read_answer(kept: Kept, body: bytes, date: str) -> None:
    """Keep the rows of an answer to a query, or to a read of one row; `date` is when the service sent it. Raises
    ValueError or TypeError for what is no such answer."""
    sent, answer = parsedate_to_datetime(date), json.loads(body)
    entities = [answer] if _is_row(answer) else answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(entities, list) or not all(map(_is_row, entities)):
        raise ValueError("the answer has no list of rows")
    kept.take(entities, sent)


def _is_row(entity: object) -> bool:
    return (
        isinstance(entity, dict)
        and isinstance(entity.get("PartitionKey"), str)
        and isinstance(entity.get("RowKey"), str)
    )


def _stored(entity: Mapping[str, Any], sent: datetime) -> Stored:
    types = {name.removesuffix(_TYPE): kind for name, kind in entity.items() if name.endswith(_TYPE)}
    cells = {
        name: value if isinstance(value, str) and name not in types else _cell(value, types.get(name))
        for name, value in entity.items()
        if name not in _KEYS and _METADATA not in name
    }
    row = Row(entity["PartitionKey"], entity["RowKey"], cells)
    written = entity.get("Timestamp")
    age_s = (sent - datetime.fromisoformat(written)).total_seconds() if written else 0.0
    return Stored(row, entity.get("odata.etag") or _etag(written or ""), max(age_s, 0.0))


def _cell(value: str | int | bool, type_name: str | None) -> Cell:
    match type_name, value:
        case None, str() | bool():
            return value
        case None, int() if _SMALLEST <= value <= _LARGEST:
            return value
        case "Edm.DateTime", str():
            return datetime.fromisoformat(value)
        case "Edm.Binary", str():
            return b64decode(value)
    return Foreign(type_name or type(value).__name__)


def _etag(written: str) -> str:
    """What the etag of a row is made of."""
    return f"W/\"datetime'{quote(written)}'\""
