"""How the source is laid out: what a reader may rely on when they open a module."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.project import ROOT

LONGEST, SHORTEST = 350, 25
# Modules that are short for a reason.
SHORT = {
    "clients/http/deadline.py": "the time that is left, which channel and throttle share",
    "collector.py": "how app and tests collect garbage",
    "counting.py": "one function that many modules need",
    "flows/registry.py": "the list of flows",
    "mapping/plain_word.py": "what words of the mapping language and of three flows have in common",
    "mapping/spelling.py": "one function for the map document and the names that it is checked against",
    "operations/sender.py": "how operators put records into a queue, which several commands share",
    "outbound.py": "what shared/ and p2c/ agree on about the way of a request",
    "setupguide.py": "one function that names a section of docs/setup.md",
    "sync/apply/send.py": "a stage of apply",
    "systems.py": "the names of both systems",
}
MODULES = sorted((ROOT / "shared").rglob("*.py"))
SOURCES = [
    file
    for folder in ("shared", "p2c", "local", "benchmarks", "infra", "tests")
    for file in (ROOT / folder).rglob("*.py")
]


def trees(pattern: str) -> Iterator[tuple[str, ast.Module]]:
    """The syntax of each source file that holds the pattern, with its path: parsing all of them takes long."""
    for file in SOURCES:
        text = file.read_text(encoding="utf-8")
        if re.search(pattern, text):
            yield file.relative_to(ROOT).as_posix(), ast.parse(text)


def length(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def test_no_module_of_the_app_is_longer_than_a_reader_can_take_in() -> None:
    assert {str(file.relative_to(ROOT)): length(file) for file in MODULES if length(file) > LONGEST} == {}


def test_no_module_of_the_app_is_short_without_a_reason() -> None:
    short = {
        file.relative_to(ROOT / "shared").as_posix()
        for file in MODULES
        if file.name != "__init__.py" and length(file) < SHORTEST
    }
    assert short == set(SHORT)


def _targets(module: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(module):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            yield node.target


def test_no_loop_variable_is_called_of() -> None:
    found = [
        f"{file}:{name.lineno}"
        for file, module in trees(r"\bfor\s+\(?(?:[\w*]+\s*,\s*\(?)*of\b")
        for target in _targets(module)
        for name in ast.walk(target)
        if isinstance(name, ast.Name) and name.id == "of"
    ]
    assert found == []


def test_every_docstring_says_something_of_its_own() -> None:
    found = [
        f"{file}:{node.lineno}"
        for file, module in trees(r'"""See ')
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (ast.get_docstring(node) or "").startswith("See ")
    ]
    assert found == []
