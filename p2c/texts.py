"""Pieces of text that several commands show."""

from collections.abc import Mapping, Sequence

from p2c.output import table, words
from shared.operations.examine import FieldChange

SHOWN = 20
"""As many entries are shown; the others are counted."""
_LONGEST = 60


def short(value: object) -> str:
    """A value for people, shortened if it is long."""
    text = words(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def counted_values(values: Mapping[str, int]) -> str:
    """The most frequent values, each with its count, in one text."""
    told = [f"{short(value)} {count}" for value, count in list(values.items())[:SHOWN]]
    more = len(values) - len(told)
    return ", ".join(told) + (f", and {more} more; --json has them" if more else "")


def show_changes(changes: Sequence[FieldChange]) -> None:
    """A table of fields with their old and new values."""
    table(["field", "old", "new"], ((field_of(change), short(change.old), short(change.new)) for change in changes))


def field_of(change: FieldChange) -> str:
    """The name of a field, with the number of its line if it belongs to one."""
    return change.field if change.line is None else f"line {change.line}: {change.field}"
