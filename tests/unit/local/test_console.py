"""Output into whatever stands behind standard output."""

import io
import sys

import pytest
from rich.console import Console
from rich.table import Table

from local import console


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_no_character_is_too_much_for_an_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    console.take_any_character()
    table = Table("→ Łódź", "雪")
    table.add_row("✓ in step", "\udc80")
    Console(width=60).print(table)
    sys.stdout.flush()
    assert "in step" in written.getvalue().decode(encoding)
