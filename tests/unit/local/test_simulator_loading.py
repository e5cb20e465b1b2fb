"""Sample records that are refused: noted where somebody wants to know, by their column, and told by the demo."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from local.demo.stage import say_skipped
from local.simulator.loading import column_in, noting_in


def test_each_skipped_record_is_a_line_of_the_file(tmp_path: Path) -> None:
    note = noting_in(tmp_path / "skipped")
    assert note is not None
    note("a.jsonl line 1: column x:\n  no")
    note("a.jsonl line 2: column y: no")
    lines = (tmp_path / "skipped").read_text(encoding="utf-8").splitlines()
    assert lines == ["a.jsonl line 1: column x: no", "a.jsonl line 2: column y: no"]


def test_without_a_file_no_record_is_skipped() -> None:
    assert noting_in(None) is None


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("The length of the 'name' attribute is too long", "name"),
        ("account With Id = 17e0-44 Does Not Exist", "_customerid_value"),
        ("The parent_name of name is wrong", "parent_name"),
        ("nobody knows", ""),
    ],
)
def test_a_refusal_is_about_the_column_that_it_names_or_whose_value_it_shows(text: str, column: str) -> None:
    record = {"name": "A", "parent_name": "B", "_customerid_value": "17e0-44", "kind@of": "account", "size": None}
    assert column_in(record, text) == column


def told(count: int) -> list[str]:
    console = Console(file=io.StringIO(), width=200)
    say_skipped(console, "Sales", [f"f line {at}" for at in range(count)])
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_demo_tells_how_many_records_are_skipped_and_the_first_of_them() -> None:
    assert told(0) == []
    assert told(2) == ["  records of --data that Sales refuses, skipped: 2", "    f line 0", "    f line 1"]
    assert told(12)[-2:] == ["    f line 9", "    and 2 more"]
