"""What the demo writes can be read and pasted as it stands."""

import os
import shlex
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Column, Table

from local.demo import screen
from local.demo.stage import money


@pytest.mark.parametrize(("amount", "told"), [("1794.2114", "1794.21 USD"), ("1E+2", "100.00 USD"), (5, "5.00 USD")])
def test_an_amount_is_told_with_two_decimals(amount: str | int, told: str) -> None:
    assert money(amount, "USD") == told


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.mark.process
@pytest.mark.parametrize(
    "path", ["/tmp/plain", "/tmp/dir with blank", "/tmp/a'b", '/tmp/a"b', "/tmp/$HOME", "/tmp/a#b", "/tmp/`id`"]
)
def test_a_command_that_is_pasted_gets_the_path_as_it_is(tmp_path: Path, path: str) -> None:
    (tmp_path / "Makefile").write_text("demo:\n\t@printf '%s\\n' $(ARGS)\n", encoding="utf-8")
    pasted = screen.make_command("demo", "--settings", path, "status")
    # The tests may have been started by make themselves: it tells its children so.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(
        ["/bin/sh", "-c", pasted], cwd=tmp_path, env=plain, capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines() == ["--settings", path, "status"]


@pytest.mark.process
@pytest.mark.parametrize("path", ["/tmp/plain", "/tmp/dir with blank", "/tmp/a'b", "/tmp/$HOME", "/tmp/`id`"])
def test_a_function_that_is_pasted_passes_on_what_stands_behind_its_name(path: str) -> None:
    pasted = screen.shell_function("p2c", "printf", "%s\\n", path)
    called = ["/bin/sh", "-c", f"{pasted}\np2c explain 'A 1'"]
    shown = subprocess.run(called, capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == [path, "explain", "A 1"]


def test_a_usual_command_reads_well() -> None:
    assert (
        screen.make_command("demo", "--settings", "/tmp/a b", "status")
        == "make demo ARGS=\"--settings '/tmp/a b' status\""
    )


def test_a_command_is_never_broken() -> None:
    console = Console(file=StringIO(), width=20, force_terminal=True)
    command = screen.make_command("demo", "--settings", f"/tmp/{'long ' * 20}", "status")
    screen.write_verbatim(console, command)
    assert shlex.split(written(console)) == shlex.split(command)
    assert len(written(console).splitlines()) == 1


def test_a_text_is_broken_between_words_only() -> None:
    console = Console(file=StringIO(), width=20)
    screen.write(console, "quote QUO-01005-553S0M-AND-MORE-OF-IT is [not] in F&O", indent=2)
    lines = written(console).splitlines()
    assert lines[0] == "  quote"
    assert lines[1].strip() == "QUO-01005-553S0M-AND-MORE-OF-IT"
    assert " ".join(written(console).split()).endswith("is [not] in F&O")


def test_a_table_that_is_too_wide_keeps_its_words() -> None:
    console = Console(file=StringIO(), width=20)
    table = Table(Column("different fields", no_wrap=True), Column("quotations", no_wrap=True), "unbreakable")
    table.add_row(
        "QUO-01005-553S0M", "Sales -> F&O", "a few words of validateField.CustomerGroupId that tell what helps"
    )
    screen.show(console, table)
    for word in ("different fields", "QUO-01005-553S0M", "Sales -> F&O", "validateField.CustomerGroupId", "helps"):
        assert word in written(console)
