"""What the command line writes arrives, whatever the terminal, file or pipe can hold."""

import errno
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from p2c.__main__ import app, main
from p2c.output import as_json, say, table, write_what_can_be_written
from p2c.texts import flat, short
from shared.records import Json
from tests.support.operator import put_together_once

NAME = "Müller & Łódź 株式会社 → …"
FULL = os.strerror(errno.ENOSPC)
ENCODINGS = ["ascii", "cp1252", "utf-8", "utf-16"]


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with put_together_once():
        yield


def written(patch: pytest.MonkeyPatch, encoding: str, write: Callable[[], object]) -> str:
    """What arrives in a pipe of this encoding."""
    pipe = io.BytesIO()
    stream = io.TextIOWrapper(pipe, encoding=encoding)
    patch.setattr(sys, "stdout", stream)
    write_what_can_be_written(stream)
    write()
    stream.flush()
    return pipe.getvalue().decode(encoding)


def test_what_a_record_holds_is_shown_without_annotations_of_odata() -> None:
    row: dict[str, Json] = {"name": "A", "owner": {"@odata.etag": 'W/"34"', "id": 1}, "owner@odata.type": "x"}
    assert dict(flat(row)) == {"name": "A", "owner id": "1"}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_json_is_the_same_document_in_every_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    @dataclass
    class Answer:
        name: str
        damaged: str = "half \ud83d"

    assert json.loads(written(monkeypatch, encoding, lambda: as_json([Answer(NAME)]))) == [
        {"name": NAME, "damaged": "half \ud83d"}
    ]


def test_json_keeps_its_letters_where_the_output_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert NAME in written(monkeypatch, "utf-8", lambda: as_json(NAME))
    assert "Müller" in written(monkeypatch, "cp1252", lambda: as_json("Müller"))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_lines_and_tables_are_written_with_what_the_output_has(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    def write() -> None:
        say(NAME)
        table(["name"], [[NAME], ["half \ud83d"]], title="Łódź")

    told = written(monkeypatch, encoding, write)
    assert NAME.encode(encoding, "backslashreplace").decode(encoding) in told
    assert told.count("ller") == 2


def test_lines_of_a_table_end_without_blanks_where_no_terminal_shows_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    rows = [["a", "longer than its heading"], ["b", ""]]
    told = written(monkeypatch, "utf-8", lambda: table(["x", "y"], rows, title="T"))
    assert len(told.splitlines()) == 7
    assert [line for line in told.splitlines() if line != line.rstrip()] == []


def test_what_is_cut_says_so_in_any_encoding() -> None:
    assert short("x" * 100).isascii()
    assert len(short("x" * 100)) == len(short("x" * 60)) == 60


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_help_and_mistakes_are_reported_in_any_encoding(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    pipe = io.BytesIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(pipe, encoding=encoding, write_through=True))
    for arguments, code in ((["--help"], 0), (["--settings", "Łódź.json", "status"], 2), (["Łódź"], 2)):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == code
    told = pipe.getvalue().decode(encoding)
    assert "Usage: p2c" in told
    assert r"\u0141\xf3d\u017a.json' does not exist" in told or r"\u0141ód\u017a.json' does not exist" in told


def mistake(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What a call says that cannot work: one line, in no frame, with exit code 2 and nothing on standard output."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    told = capsys.readouterr()
    assert (ended.value.code, told.out, told.err.count("\n")) == (2, "", 1)
    return told.err.removesuffix("\n")


@pytest.mark.parametrize(
    ("arguments", "name", "least", "most"),
    [
        (["simulate"], "--seeds", 1, 10_000_000),
        (["simulate"], "--first", 0, 10**15),
        (["simulate", "--from-sandbox"], "--rows", 1, 5000),
        (["status"], "--lag", 1, 525_600),
        (["failures"], "--limit", 1, 1_000_000),
        (["audit"], "--limit", 1, 1_000_000),
        (["plan", "accounts"], "--limit", 1, 1_000_000),
        (["retry", "accounts", "--all"], "--limit", 1, 1_000_000),
    ],
)
def test_a_number_out_of_range_is_reported_by_its_name_its_value_and_what_to_give(
    capsys: pytest.CaptureFixture[str], arguments: list[str], name: str, least: int, most: int
) -> None:
    for wrong in (str(least - 1), str(most + 1), "many", "1.5", "٣", ""):
        told = mistake(capsys, *arguments, name, wrong)
        assert told == f"{name} is {wrong!r}: give a whole number from {least} to {most}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--settings", "", "status"], "--settings is blank: name a file, or leave the option out"),
        (["plan", "accounts", "--markdown", " "], "--markdown is blank: name a file, or leave the option out"),
        (["stats"], "no such command 'stats'; did you mean 'status'? See `p2c --help`"),
        (["status", "--nonsense"], "no such option: --nonsense; see `p2c status --help`"),
        (["status", "accounts", "contacts"], "too many arguments: contacts; see `p2c status --help`"),
        (
            ["history", "accounts"],
            "missing argument 'record'; for example: `p2c history accounts ACC-1001`; see `p2c history --help`",
        ),
        (
            ["links", "accounts"],
            "missing argument 'action'; choose from: show, unlink, link; for example: "
            "`p2c links accounts show ACC-1001`; see `p2c links --help`",
        ),
        (["accept", "accounts", "--target", "x"], "--target 'x' is not one of 'same', 'copy', 'empty'"),
    ],
)
def test_a_call_that_cannot_be_read_is_reported_in_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert mistake(capsys, *arguments) == said


def commands_of(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command, with the words that call it."""
    if not hasattr(command, "commands"):
        yield path, command
        return
    for name, inner in command.commands.items():
        yield from commands_of(inner, (*path, name))


COMMANDS = dict(commands_of(typer.main.get_command(app)))
NEEDY = [path for path, command in COMMANDS.items() if any(each.required for each in command.params)]


@pytest.mark.parametrize("path", NEEDY, ids=" ".join)
def test_a_call_that_lacks_something_is_told_a_call_that_has_it(
    capsys: pytest.CaptureFixture[str], path: tuple[str, ...]
) -> None:
    said = mistake(capsys, *path)
    told = re.fullmatch(r"missing (?:argument|option) .+; for example: `p2c (.+)`; see `p2c .+ --help`", said)
    assert told is not None, said
    words = shlex.split(told[1])
    assert tuple(words[: len(path)]) == path
    # Raises for a call that cannot be read.
    assert COMMANDS[path].make_context(path[-1], words[len(path) :]).params


@pytest.mark.parametrize("command", [[], ["status"], ["retry"]])
def test_the_help_shows_no_value_for_an_option_that_takes_none(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    told = capsys.readouterr().out
    assert "--help" in told
    assert "bool" not in told


@pytest.mark.process
def test_a_reader_who_has_gone_ends_the_command_without_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "p2c", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


CLOSED = "standard output is closed, so nothing can be shown: leave out `>&-`, or write to a file or to /dev/null\n"


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell that closes outputs")
def test_a_standard_output_that_is_closed_is_told_in_one_sentence() -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", 'exec "$0" -m p2c --version >&-', sys.executable],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (2, CLOSED)


@pytest.mark.parametrize(
    ("closed", "code", "told"),
    [({"stdout"}, 2, CLOSED), ({"stdout", "stderr"}, 2, ""), ({"stderr"}, 0, "")],
    ids=["output", "both", "errors"],
)
def test_a_command_without_outputs_ends_as_one_that_has_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], closed: set[str], code: int, told: str
) -> None:
    for name in closed:
        # What Python makes of an output that is closed when it starts.
        monkeypatch.setattr(sys, name, None)
        monkeypatch.setattr(sys, f"__{name}__", None)
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    if "stderr" in closed:
        assert sys.stderr.name == os.devnull
        sys.stderr.close()
    assert (ended.value.code, capsys.readouterr().err) == (code, told)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize("at_once", [True, False], ids=["while it writes", "at its end"])
@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_an_output_that_takes_no_more_is_reported_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], at_once: bool
) -> None:
    with full(at_once=at_once) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert (
            mistake(capsys, *arguments)
            == f"the output cannot be written ({FULL}); free some space, or write it elsewhere"
        )


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_a_disk_too_full_even_for_the_sentence_ends_the_command_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with full(at_once=True) as output, full(at_once=True) as errors:
        monkeypatch.setattr(sys, "stdout", output)
        monkeypatch.setattr(sys, "stderr", errors)
        with pytest.raises(SystemExit) as ended:
            main(["--version"])
    assert ended.value.code == 2


def test_an_error_of_a_file_is_not_taken_for_one_of_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, FULL, "elsewhere")

    monkeypatch.setattr("p2c.app.connect", broken)
    with pytest.raises(OSError, match="elsewhere"):
        main(["status"])


def full(*, at_once: bool) -> io.TextIOWrapper:
    """A stream to a full disk, which is noticed at once, or where the buffer is emptied."""
    disk = io.BufferedWriter(io.FileIO("/dev/full", "w"), 1 if at_once else 100_000)
    return io.TextIOWrapper(disk, "utf-8", write_through=at_once)


@pytest.mark.parametrize(
    ("typed", "offered", "more"),
    [
        ("p2c sta", {"status"}, False),
        ("p2c map ", {"set", "unset", "entries"}, True),
        ("p2c records --st", {"--state"}, True),
    ],
)
def test_a_shell_completes_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str, offered: set[str], more: bool
) -> None:
    monkeypatch.setenv("_P2C_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    with pytest.raises(SystemExit) as ended:
        main([])
    told = set(capsys.readouterr().out.split())
    assert (ended.value.code, told & offered) == (0, offered)
    assert more or told == offered


def test_it_tells_the_version_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"p2c {project['version']}\n"


def test_the_command_ends_with_the_code_of_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("p2c.app.connect", interrupted)
    for arguments, code in ((["status"], 130), (["--help"], 0), (["nonsense"], 2)):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == code


@pytest.mark.parametrize(
    ("columns", "width", "is_table"),
    [(2, 20, False), (2, 35, False), (2, 36, True), (3, 74, False), (3, 75, True), (3, 100, True), (3, 400, True)],
)
def test_a_table_breaks_no_word_and_is_a_block_for_each_row_where_it_has_no_room(
    monkeypatch: pytest.MonkeyPatch, columns: int, width: int, is_table: bool
) -> None:
    run, fields = "0f8fad5b-d9cb-469f-a165-70867728950e", ["SomeField", "PrimaryContactPhone", "株式会社東京"] * 9
    heading, row = ["run", "when", "fields"][-columns:], [run, "2026-11-30 19:34:51", " ".join(fields)][-columns:]
    monkeypatch.setenv("COLUMNS", str(width))
    told = written(monkeypatch, "utf-8", lambda: table(heading, [row, row], title="T"))
    shown = told.replace("│", " ").split()
    for word in {*row[0].split(), *fields}:
        assert sum(each.rstrip(":") == word for each in shown) == 2 * " ".join(row).split().count(word)
    assert ("│" in told) is is_table


def test_a_short_cell_is_on_one_line_beside_a_long_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    row = ["2026-11-30 19:34:51", ", ".join(["SomeField"] * 40)]
    assert "│ 2026-11-30 19:34:51 │" in written(monkeypatch, "utf-8", lambda: table(["when", "fields"], [row]))


def test_a_column_without_a_heading_is_left_out_where_it_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert "│ a │\n" in written(monkeypatch, "utf-8", lambda: table(["x", ""], [["a", ""], ["b", None]]))
    assert "│ a │ the same │\n" in written(monkeypatch, "utf-8", lambda: table(["x", ""], [["a", "the same"]]))


def test_a_row_of_a_table_is_one_line_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    text = ", ".join(["SomeField"] * 200)
    assert f"│ {text} │ b │\n" in written(monkeypatch, "utf-8", lambda: table(["fields", "x"], [[text, "b"]]))
