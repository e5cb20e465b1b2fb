"""Rows read strictly. Somebody may have changed a row by hand, a newer version of the app may have written it, a
restore may have mixed two states: what is not as this app writes it is an error that names its place, never a guess."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import wraps
from typing import Any, Protocol, TypeVar

from shared import exact_json
from shared.errors import Damage, StateUnreadable
from shared.records import Json
from shared.state.storage.tables import Cell, Row, Stored

Word = TypeVar("Word", bound=StrEnum)
Found = TypeVar("Found")

_FIRST_YEAR, _LAST_YEAR = 2000, 2999
_DIGITS = re.compile(r"-?[0-9]{1,20}")


class Cells:
    """The cells of one row. Every reading raises StateUnreadable for a cell that is not what this app writes there;
    `remedy` says what helps."""

    def __init__(self, table: str, row: Row, remedy: str) -> None:
        self._table = table
        self._row = row
        self._remedy = remedy

    def unreadable(self, name: str, problem: str) -> StateUnreadable:
        """The error for a property."""
        row = self._row
        return StateUnreadable(Damage(self._table, row.partition, row.key, name, problem, self._remedy))

    def behind(self, prefix: str) -> "Cells | None":
        """The cells whose names begin with a prefix, under the rest of their names; None if there are none."""
        names = self._row.cells
        cells = {name.removeprefix(prefix): names[name] for name in names if name.startswith(prefix)}
        return Cells(self._table, replace(self._row, cells=cells), self._remedy) if cells else None

    def text(self, name: str, default: str | None = None) -> str:
        """A text; without a default it must be there."""
        return self._of(name, default, _text)

    def maybe_text(self, name: str) -> str | None:
        """A text, or None."""
        cell = self._row.cells.get(name)
        # Most cells are texts, or are not there.
        return cell if cell is None or isinstance(cell, str) else self.text(name)

    def number(self, name: str, default: int | None = None) -> int:
        """A count."""
        return self._of(name, default, _count)

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Yes or no."""
        return self._of(name, default, _flag)

    def time(self, name: str) -> datetime:
        """A moment, with its zone."""
        return self._of(name, None, _time)

    def maybe_time(self, name: str) -> datetime | None:
        """A moment, or None."""
        return self.time(name) if name in self._row.cells else None

    def word(self, name: str, words: type[Word]) -> Word:
        """One of some words."""
        text = self.text(name)
        if text not in tuple(words):
            raise self.unreadable(name, "is a word that this version does not know")
        return words(text)

    def maybe_word(self, name: str, words: type[Word]) -> Word | None:
        """One of some words, or None."""
        return self.word(name, words) if name in self._row.cells else None

    def maybe_digits(self, name: str) -> int | None:
        """A number that is kept as text, since it may be larger than a cell can count."""
        text = self.maybe_text(name)
        if text is None:
            return None
        if not _DIGITS.fullmatch(text):
            raise self.unreadable(name, "is not a whole number")
        return int(text)

    def packed(self, name: str) -> bytes:
        """Bytes."""
        return self._of(name, None, _bytes)

    def json_object(self, name: str) -> dict[str, Json]:
        """A JSON object, empty if there is none."""
        value = self._json(name, {})
        if not isinstance(value, dict):
            raise self.unreadable(name, "is not a JSON object")
        return value

    def json_list(self, name: str) -> list[Json]:
        """A JSON list, empty if there is none."""
        value = self._json(name, [])
        if not isinstance(value, list):
            raise self.unreadable(name, "is not a JSON list")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A JSON list of texts."""
        return tuple(self._each(name, self.json_list(name), str, "texts"))

    def objects(self, name: str) -> tuple[dict[str, Json], ...]:
        """A JSON list of objects."""
        return tuple(self._each(name, self.json_list(name), dict, "objects"))

    def entries(self, name: str, types: tuple[type, ...], what: str) -> Iterator[list[Any]]:
        """A JSON list of lists, each with one value of each of these types in their order."""
        for entry in self.json_list(name):
            if not isinstance(entry, list) or tuple(map(type, entry)) != types:
                raise self.unreadable(name, f"holds something other than {what}")
            yield entry

    def counts(self, name: str) -> tuple[int, ...]:
        """A JSON list of whole numbers."""
        return tuple(self._each(name, self.json_list(name), int, "whole numbers"))

    def counted(self, name: str) -> dict[str, int]:
        """A JSON object of whole numbers."""
        found = self.json_object(name)
        return dict(zip(found, self._each(name, list(found.values()), int, "whole numbers"), strict=True))

    def numbered(self, name: str) -> dict[int, str]:
        """A JSON object of texts by whole numbers."""
        found = self.json_object(name)
        if not all(_DIGITS.fullmatch(number) for number in found):
            raise self.unreadable(name, "has a name that is not a whole number")
        texts = self._each(name, list(found.values()), str, "texts")
        return {int(number): text for number, text in zip(found, texts, strict=True)}

    def _of(self, name: str, default: Found | None, read: Callable[[Cell], Found]) -> Found:
        cell = self._row.cells.get(name)
        if cell is None:
            if default is None:
                raise self.unreadable(name, "is missing")
            return default
        try:
            return read(cell)
        except ValueError as wrong:
            raise self.unreadable(name, str(wrong)) from None

    def _json(self, name: str, default: Json) -> Json:
        text = self.maybe_text(name)
        if text is None:
            return default
        try:
            return exact_json.loads(text)
        except ValueError:
            raise self.unreadable(name, "is not JSON that can be read") from None

    def _each(self, name: str, values: list[Json], kind: type[Found], called: str) -> list[Found]:
        found = [value for value in values if isinstance(value, kind) and not isinstance(value, bool)]
        if len(found) < len(values):
            raise self.unreadable(name, f"holds something other than {called}")
        return found


class Versioned(Protocol):
    """What is read of a row, with the version of the row."""

    @property
    def etag(self) -> str | None:
        """The version that was read."""


Read = TypeVar("Read", bound=Versioned)
Name = TypeVar("Name", bound=str)


def once_per_row(read: Callable[[Name, Stored], Read]) -> Callable[[Name, Stored], Read]:
    """A row that was read is never changed, so it is digested once, however often an invocation asks: the control rows
    are read at once, and every step asks one of them. The name is that of the row's partition."""

    @wraps(read)
    def known(name: Name, stored: Stored) -> Read:
        found: Read | None = stored.row.known.get(read)
        if found is None or found.etag != stored.etag:
            found = stored.row.known[read] = read(name, stored)
        return found

    return known


def drop(table: str, row: Row) -> str:
    """What helps with a row that is not needed."""
    return f"p2c drop {table} '{row.partition}' '{row.key}'"


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return cell
    raise ValueError("is not a text")


def _count(cell: Cell) -> int:
    if isinstance(cell, int) and not isinstance(cell, bool) and cell >= 0:
        return cell
    raise ValueError("is not a count")


def _flag(cell: Cell) -> bool:
    if isinstance(cell, bool):
        return cell
    raise ValueError("is neither true nor false")


def _time(cell: Cell) -> datetime:
    if isinstance(cell, datetime) and cell.tzinfo is not None and _FIRST_YEAR <= cell.year <= _LAST_YEAR:
        return cell
    raise ValueError("is not a moment of this app's time")


def _bytes(cell: Cell) -> bytes:
    if isinstance(cell, bytes):
        return cell
    raise ValueError("does not hold bytes")
