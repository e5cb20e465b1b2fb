"""Which tests call which functions of the product: measured once, and again for each file of tests that has changed;
for all of them where anything has changed that they share."""

import ast
import hashlib
import json
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import chdir, redirect_stdout
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from itertools import repeat
from pathlib import Path

import coverage
import pytest
import typer

from tests.mutation.operators import Span
from tests.mutation.playing import HOW, Heard

# Not in the repository: what is measured is kept there between runs.
KEPT = Path(".mutation/calls.json")
_IN_A_FIXTURE = "fixture "
# What any test may use: with a change there, what was measured counts no more.
_SHARED = ("conftest.py", "shared/**/*", "local/**/*", "tests/**/*")
_GENERATED = frozenset({"__pycache__", "node_modules"})
# So many files of tests are measured by one process: what it has measured is kept if a later one is interrupted.
_AT_ONCE = 8


@dataclass(frozen=True, slots=True, order=True)
class Function:
    """A function or method of a module; one inside another belongs to the outer one."""

    file: str
    name: str


@dataclass(slots=True)
class Measured:
    """How long a test took, with what was measured meanwhile, and what it called."""

    seconds: float = 0.0
    failed: bool = False
    calls: set[Function] = field(default_factory=set)


@dataclass(slots=True)
class Calls:
    """What is known: tests by their ids, and what is called while modules and tests are imported. `shared`: the digest
    of what the tests share, when that was measured."""

    tests: dict[str, Measured] = field(default_factory=dict)
    at_import: set[Function] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)
    shared: str = ""

    def of(self, function: Function) -> list[str]:
        """The tests that call a function, in their own order."""
        return [test for test, found in self.tests.items() if function in found.calls]

    def of_module(self, file: str) -> list[str]:
        """The tests that call anything of a module."""
        return [test for test, found in self.tests.items() if any(each.file == file for each in found.calls)]

    def failing(self, files: Collection[str]) -> list[str]:
        """Those of these files that failed, although nothing was changed."""
        return [test for test, found in self.tests.items() if found.failed and test.partition("::")[0] in files]

    def forget(self, files: Iterable[str]) -> None:
        """Of these files of tests nothing is known."""
        for file in files:
            del self.digests[file]
        self.tests = {test: found for test, found in self.tests.items() if test.partition("::")[0] in self.digests}

    def take(self, other: "Calls") -> None:
        """What was measured anew takes the place of what was known of the same files."""
        self.forget(file for file in other.digests if file in self.digests)
        self.tests |= other.tests
        self.at_import |= other.at_import
        self.digests |= other.digests

    def as_json(self) -> str:
        """As a text."""
        functions = sorted(self.at_import.union(*(found.calls for found in self.tests.values())))
        number = {function: at for at, function in enumerate(functions)}
        return json.dumps(
            {
                "functions": [[each.file, each.name] for each in functions],
                "at_import": sorted(number[each] for each in self.at_import),
                "digests": self.digests,
                "shared": self.shared,
                "tests": {
                    test: [round(found.seconds, 3), found.failed, sorted(number[each] for each in found.calls)]
                    for test, found in self.tests.items()
                },
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> "Calls":
        """What `as_json` has made."""
        read = json.loads(text)
        functions = [Function(*each) for each in read["functions"]]
        tests = {
            test: Measured(seconds, failed, {functions[at] for at in calls})
            for test, (seconds, failed, calls) in read["tests"].items()
        }
        return cls(tests, {functions[at] for at in read["at_import"]}, read["digests"], read.get("shared", ""))


def known_calls(root: Path, files: Sequence[str], product: Sequence[str], *, jobs: int, anew: bool = False) -> Calls:
    """What the tests of these files call. Only files that are new or have changed are measured, and those with a test
    that failed; all of them with `anew`, and where what they share has changed. Tells how far it is."""
    kept, shared = root / KEPT, _digest_of_shared(root)
    calls = Calls.from_json(kept.read_text(encoding="utf-8")) if kept.exists() and not anew else Calls()
    if calls.shared != shared:
        calls = Calls(shared=shared)
    calls.forget(file for file in calls.digests.keys() - files if not (root / file).exists())
    if due := _due(calls, root, files):
        typer.echo(f"measuring which tests call what: {len(due)} files", err=True)
        kept.parent.mkdir(exist_ok=True)
        began, measured = time.monotonic(), 0
        for found in _measured(root, due, product, jobs):
            calls.take(found)
            measured += len(found.digests)
            kept.write_text(calls.as_json(), encoding="utf-8")
            typer.echo(f"{measured}/{len(due)} files of tests measured, {time.monotonic() - began:.0f} s", err=True)
    return calls


def _due(calls: Calls, root: Path, files: Sequence[str]) -> list[str]:
    failed = {test.partition("::")[0] for test in calls.failing(files)}
    return [file for file in files if file in failed or calls.digests.get(file) != _digest(root / file)]


def _measured(root: Path, files: Sequence[str], product: Sequence[str], jobs: int) -> Iterator[Calls]:
    """By processes of their own: this one must not import the product, and no process may have done so before."""
    shares = [files[at : at + _AT_ONCE] for at in range(0, len(files), _AT_ONCE)]
    for at in range(0, len(shares), jobs):
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as processes:
            yield from processes.map(measure, repeat(root), shares[at : at + jobs], repeat(product))


def measure(root: Path, files: Sequence[str], product: Sequence[str]) -> Calls:
    """Run the tests of these files, and note what they call in the modules of the product. Nothing of the product may
    be imported before."""
    tracer = coverage.Coverage(
        data_file=None, config_file=False, include=[str(root / file) for file in product], messages=False
    )
    measuring = _Measuring(tracer)
    tracer.start()
    try:
        with redirect_stdout(StringIO()) as told, chdir(root):
            ended = pytest.main([*files, *HOW, "--rootdir", str(root)], plugins=[Heard(), measuring])
    finally:
        tracer.stop()
    if ended not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise RuntimeError(f"these tests cannot be run: {' '.join(files)}\n{told.getvalue()}")
    found = Calls(measuring.tests, digests={file: _digest(root / file) for file in files})
    _note_calls(found, measuring, tracer.get_data(), root, product)
    return found


class _Measuring:
    """Tells the tracer which test is running. What a fixture that several tests share has called counts for each."""

    def __init__(self, tracer: coverage.Coverage) -> None:
        self._tracer = tracer
        self._now = ""
        self.tests: dict[str, Measured] = {}
        self.sharing: dict[str, list[str]] = defaultdict(list)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.tests[item.nodeid] = Measured()
        for definitions in getattr(item, "_fixtureinfo").name2fixturedefs.values():  # noqa: B009 - not public
            for each in definitions:
                self.sharing[_context(each)].append(item.nodeid)
        self._switch(item.nodeid)
        try:
            return (yield)
        finally:
            self._switch("")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Iterator[None]:
        before = self._now
        if fixturedef.scope != "function":
            self._switch(_context(fixturedef))
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self._switch(before)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self.tests[report.nodeid]
        test.seconds += report.duration
        test.failed = test.failed or report.failed

    def _switch(self, context: str) -> None:
        self._now = context
        self._tracer.switch_context(context)


def _context(fixture: pytest.FixtureDef[object]) -> str:
    return f"{_IN_A_FIXTURE}{fixture.baseid} {fixture.argname}"


def _note_calls(
    found: Calls, measuring: _Measuring, data: coverage.CoverageData, root: Path, product: Sequence[str]
) -> None:
    for file in product:
        contexts = data.contexts_by_lineno(str(root / file))
        for name, first, last in functions_of((root / file).read_text(encoding="utf-8")):
            called = Function(file, name)
            for context in {each for line in range(first[0], last + 1) for each in contexts.get(line, ())}:
                if not context:
                    found.at_import.add(called)
                for test in measuring.sharing[context] if context.startswith(_IN_A_FIXTURE) else [context]:
                    if test in found.tests:
                        found.tests[test].calls.add(called)


def function_around(text: str, span: Span) -> str | None:
    """The function that has a place of a module in its body. None for what runs when the module is imported."""
    return next((name for name, first, last in functions_of(text) if first <= span[0] and span[1][0] <= last), None)


@lru_cache(maxsize=256)
def functions_of(text: str) -> Sequence[tuple[str, tuple[int, int], int]]:
    """The outermost functions and methods of a module: its name, where its body begins, and its last line."""
    return list(_functions(ast.parse(text).body, ""))


def _functions(statements: Sequence[ast.stmt], within: str) -> Iterator[tuple[str, tuple[int, int], int]]:
    for statement in statements:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                begin = statement.body[0]
                yield within + statement.name, (begin.lineno, begin.col_offset), statement.end_lineno or begin.lineno
            case ast.ClassDef():
                yield from _functions(statement.body, f"{within}{statement.name}.")


def _digest_of_shared(root: Path) -> str:
    """Of all files beside the tests themselves, and beside what judges by them."""
    found = hashlib.sha256()
    for path in sorted({path for pattern in _SHARED for path in root.glob(pattern)}):
        name = path.relative_to(root)
        judging = name.parts[:2] == ("tests", "mutation")
        if judging or name.match("test_*.py") or not _GENERATED.isdisjoint(name.parts):
            continue
        if path.is_file():
            found.update(f"{name.as_posix()} {_digest(path)}\n".encode())
    return found.hexdigest()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
