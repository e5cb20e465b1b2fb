"""The fault matrix in docs/reliability.md names tests that exist, and every test of a fault stands in it."""

import ast
import re
from collections import Counter
from functools import cache
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", TEXT)))
# Other tables of the page hold figures.
ROWS = [
    line
    for below in TEXT.split("| fault | what happens | proved by |\n")[1:]
    for line in takewhile(lambda line: line.startswith("|"), below.splitlines())
    if line.startswith("| ")
]
NOT_COVERED = "not covered yet"


@cache
def decorators(file: str) -> dict[str, str]:
    """The decorators of each test of a file by its name; none when there is no such file. Only these are kept: the
    trees of all files take 20 MB."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.exists() else ast.Module(body=[], type_ignores=[])
    return {
        node.name: " ".join(map(ast.unparse, node.decorator_list))
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def expected_to_fail(test: str) -> bool:
    """Whether a test, or one of its cases, is marked xfail: by itself or by a mark that its file names."""
    file, name = test.split("::")
    source = (ROOT / file).read_text(encoding="utf-8")
    marks = [*re.findall(r"^(\w+) = pytest\.mark\.xfail\(", source, re.MULTILINE), "xfail"]
    return any(re.search(rf"\b{mark}\b", decorators(file)[name]) for mark in marks)


def test_the_matrix_has_its_rows() -> None:
    assert len(ROWS) > 40
    assert len(NAMED) > 60


def test_every_test_that_the_matrix_names_exists() -> None:
    gone = [test for test in NAMED if test.split("::")[1] not in decorators(test.split("::")[0])]
    assert gone == [], "docs/reliability.md names tests that do not exist: name their successors"


def test_every_fault_has_a_test_or_says_that_it_has_none() -> None:
    proofs = [(row.split("|")[1].strip(), row.rsplit(" | ", maxsplit=1)[-1]) for row in ROWS]
    assert [fault for fault, proof in proofs if ("::test_" in proof) == (NOT_COVERED in proof)] == []


def test_no_fault_stands_twice_in_a_table() -> None:
    faults = [
        (heading, row.split("|")[1].strip())
        for heading, *lines in map(str.splitlines, TEXT.split("\n## ")[1:])
        for row in lines
        if row.startswith("| ")
    ]
    assert len(faults) > len(ROWS)
    assert [fault for fault, count in Counter(faults).items() if count > 1] == []


def test_every_test_of_a_fault_stands_in_the_matrix() -> None:
    files = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests/scenarios").glob("test_fault_*.py")]
    assert files
    written = {f"{file}::{name}" for file in [*files, "tests/scenarios/test_crashes.py"] for name in decorators(file)}
    assert sorted(written - set(NAMED)) == []


def test_a_row_says_known_gap_exactly_when_its_test_is_expected_to_fail() -> None:
    wrong = [
        row.split("|")[1].strip()
        for row in ROWS
        if ("*Known gap*" in row) != any(expected_to_fail(test) for test in NAMED if f"`{test}`" in row)
    ]
    assert wrong == []
