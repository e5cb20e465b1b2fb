"""How an argument is read: a mistake is told in one sentence, with the name, the value and the remedy."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import typer

from shared.discretion import shown


def whole_number(least: int, most: int) -> Callable[[str | int], int]:
    """Reads a whole number from `least` to `most`; a default is read too, and is a number already."""

    def read(given: str | int) -> int:
        text = str(given)
        digits = text.strip()
        number = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= len(str(most)) else least - 1
        if not least <= number <= most:
            raise typer.BadParameter(f"is {shown(text)}: give a whole number from {least} to {most}")
        return number

    return read


def moment(given: str) -> datetime:
    """Reads a time as ISO 8601 writes it; without a zone it is UTC."""
    try:
        read = datetime.fromisoformat(given.strip())
    except ValueError:
        raise typer.BadParameter(f"is {shown(given)}: give a time such as 2026-11-29 or 2026-11-29T14:30") from None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def file_named(text: str) -> Path:
    """Reads the name of a file."""
    if not text.strip():
        raise typer.BadParameter("is blank: name a file, or leave the option out")
    return Path(text)
