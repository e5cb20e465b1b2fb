"""The command lines of the programs beside p2c: a mistake is one sentence."""

import re
import shlex
from collections.abc import Callable

import pytest

import benchmarks.__main__
import local.dataverse.__main__
import local.finops.__main__
import local.host.arguments
import tests.mutation.__main__
import tests.simulation.__main__
from benchmarks import way
from local import identity, systems
from local.command_line import Parser, whole_number
from local.demo import edit

PROGRAMS: dict[str, tuple[Callable[[list[str]], object], list[str]]] = {
    "local.dataverse": (local.dataverse.__main__.main, ["--port", "x"]),
    "local.finops": (local.finops.__main__.main, ["--port", "0", "--page-size", "0"]),
    "local.host": (local.host.arguments.parse, ["--lease-seconds", "long"]),
    "local.identity": (identity.main, ["--port", "0"]),
    "local.systems": (systems.main, ["--ports", "1"]),
    "local.demo.edit": (edit.main, ["--settings", "local.settings.json", "AC-1", "telephone1"]),
    "benchmarks": (benchmarks.__main__.main, ["--runs", "0"]),
    "benchmarks.way": (way.main, ["--changes", "some"]),
    "tests.simulation": (tests.simulation.__main__.main, ["--seeds", "-"]),
    "tests.mutation": (tests.mutation.__main__.main, ["--sample", "x"]),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_mistake_is_one_sentence_with_where_the_options_are_listed(
    program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main, mistaken = PROGRAMS[program]
    with pytest.raises(SystemExit) as ended:
        main(mistaken)
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert (told.count("\n"), "usage" in told) == (1, False)
    listed = re.search(r"; see `(.+)`\n", told)
    assert listed is not None

    with pytest.raises(SystemExit) as ended:
        main([shlex.split(listed[1])[-1].removeprefix("ARGS=")])
    assert ended.value.code == 0
    assert "show this help message" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--count", "x"], "--count: 'x' is not a whole number from 1 to 9; see `prog --help`"),
        (["--count", "10"], "--count: '10' is not a whole number from 1 to 9; see `prog --help`"),
        (["--count", "9" * 5000], f"--count: '{'9' * 5000}' is not a whole number from 1 to 9; see `prog --help`"),
        (["--port", "x"], "--port: 'x' is not a whole number; see `prog --help`"),
        (["--wait", "x"], "--wait: 'x' is not a number; see `prog --help`"),
        (["--coun", "1"], "unrecognized arguments: --coun 1; see `prog --help`"),
        (["\x1b[2J"], r"unrecognized arguments: \x1b[2J; see `prog --help`"),
    ],
)
def test_a_mistake_names_the_option_the_value_and_what_it_may_be(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = Parser("prog", None)
    parser.add_argument("--count", type=whole_number(1, 9))
    parser.add_argument("--port", type=int)
    parser.add_argument("--wait", type=float)
    with pytest.raises(SystemExit):
        parser.parse_args(arguments)
    assert capsys.readouterr().err == f"{told}\n"


def test_an_option_that_has_an_example_is_shown_with_it_and_any_other_with_the_usual_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = Parser('make it ARGS="..."', None, {"": "--wait 2", "--port": "80"})
    parser.add_argument("--port", type=int)
    parser.add_argument("--wait", type=float)
    for arguments, example in ((["--port"], "--port 80"), (["--wait"], "--wait 2")):
        with pytest.raises(SystemExit):
            parser.parse_args(arguments)
        assert f'for example: `make it ARGS="{example}"`; see `make it ARGS="--help"`\n' in capsys.readouterr().err
