"""The result of a record, for columns of its own row in Sales: its state, why it is not in F&O, and since when it is
there. The columns belong to the organisation, and none is named by default (docs/mapping.md)."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, create_model, model_validator

from shared import exact_json
from shared.mapping.text_lengths import length_of
from shared.mapping.value_maps import Part, ValueMaps
from shared.records import Json, Values
from shared.visible import visible

_OWN = re.compile(r"[a-z][a-z0-9]{1,7}_[a-z0-9_]+")
_OF_MICROSOFT = ("address1_", "address2_", "address3_", "billto_", "shipto_", "msdyn")
STATE_LENGTH = 20
"""The characters that the column of a state must take."""

_SHORTEST, _LONGEST = 50, 4000
_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# What is said about columns, and is none.
_NO_COLUMNS = frozenset({"reason_length", "written_for", "look_every_minutes"})
_ELLIPSIS = "\u2026"


def _own(name: str) -> str:
    if not _OWN.fullmatch(name) or name.startswith(_OF_MICROSOFT):
        raise ValueError(
            "write the logical name of a column of your own, which begins with the prefix of its publisher, such as "
            "new_financestate"
        )
    return name


def _length(length: int) -> int:
    if not _SHORTEST <= length <= _LONGEST:
        raise ValueError(f"write a whole number from {_SHORTEST} to {_LONGEST}")
    return length


def _user(id: str) -> str:
    if not _ID.fullmatch(id):
        raise ValueError("write the object id of a user in Entra, as 8-4-4-4-12 hexadecimal digits")
    return id.lower()


OwnColumn = Annotated[str, AfterValidator(_own)]


class ResultColumns(Part):
    """The columns of one table for the result of its records; what has none is not written. A reason is cut to
    `reason_length` UTF-16 units. `written_for` is the Entra object id of the user in whose name results are written:
    a system administrator may change rows that are read-only for the app."""

    state: OwnColumn | None = None
    reason: OwnColumn | None = None
    since: OwnColumn | None = None
    reason_length: Annotated[int, AfterValidator(_length)] = 500
    written_for: Annotated[str, AfterValidator(_user)] | None = None

    @model_validator(mode="after")
    def _are_different(self) -> "ResultColumns":
        if not self.named:
            raise ValueError(f"name a column for {' or '.join(self.parts())}, or remove it")
        if len(set(self.named.values())) < len(self.named):
            raise ValueError("write each into a column of its own")
        return self

    @classmethod
    def parts(cls) -> list[str]:
        """What a column may get."""
        return [part for part in cls.model_fields if part not in _NO_COLUMNS]

    @property
    def named(self) -> Mapping[str, str]:
        """The columns by what they get."""
        given = {part: getattr(self, part) for part in self.parts()}
        return {part: column for part, column in given.items() if isinstance(column, str)}

    @property
    def of_target(self) -> Mapping[str, str]:
        """The columns that get a field of the record's row in the target, each with that field."""
        return {}

    @property
    def look_every_s(self) -> float:
        """How often these fields are looked at in the target, seconds."""
        return 0.0

    @property
    def fingerprint(self) -> str:
        """Digest of the columns: when it changes, every record is evaluated again, and its result written."""
        return _digest(self.model_dump())

    def values(self, state: str, reason: str, since: datetime | None) -> dict[str, Json]:
        """The columns of a row: state and reason as texts, a moment of the record's time zone in UTC."""
        moment = None if since is None else since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = {"state": state, "reason": cut(visible(reason), self.reason_length) or None, "since": moment}
        return {column: told[part] for part, column in self.named.items() if part in told}


class ResultMaps(ValueMaps):
    """What the results of records add to the map document: the columns by flow."""

    results: Part = Field(default_factory=Part)

    @property
    def result_columns(self) -> Mapping[str, ResultColumns]:
        """The columns of each flow that has some."""
        return {flow: columns for flow, columns in self.results if isinstance(columns, ResultColumns)}


def part_of_results(columns: Mapping[str, type[ResultColumns]]) -> tuple[type[Part], Part]:
    """The part of the document for the columns of these flows, and its default, as a field of its model."""
    # The names of flows are known only now: no type checker can follow them.
    parts: dict[str, Any] = {flow: (model | None, None) for flow, model in columns.items()}
    model: type[Part] = create_model("ResultsPart", __base__=Part, **parts)
    return model, model()


def digest_of(columns: ResultColumns, row: str, key: str | None, values: Values) -> str:
    """What was written of a record: into which columns, in which row, and under which key it is in the target. Results
    that are equal have the same digest."""
    return _digest([columns.fingerprint, row, key, dict(values)])


def cut(text: str, length: int) -> str:
    """A text of at most so many UTF-16 units; one that is longer ends with an ellipsis."""
    if length_of(text) <= length:
        return text
    units = text.encode("utf-16-le", "surrogatepass")[: 2 * (length - 1)]
    return units.decode("utf-16-le", "ignore") + _ELLIPSIS


def _digest(content: Json) -> str:
    return hashlib.blake2b(exact_json.encoded(content), digest_size=8).hexdigest()
