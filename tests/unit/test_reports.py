"""What a test process keeps of its tests, and tells the first one of several."""

import importlib.util
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.telemetry import log_event
from tests.support.events import Heard
from tests.support.project import ROOT
from tests.support.starts import is_quick

_CONFTEST = """
from tests.support.{} import {} as Plugin

def pytest_configure(config):
    config.pluginmanager.register(Plugin())
"""
_TESTS = """
import gc, weakref
import pytest

class World: ...
WORLDS = []

@pytest.fixture
def bad():
    raise ValueError("in the set-up")

@pytest.fixture
def late():
    yield
    raise ValueError("in the tear-down")

def test_a(bad): ...
def test_b(late): ...
def test_c(): assert False
def test_d(): pytest.skip("left out")
def test_e(): ...

@pytest.fixture
def world():
    made = World()
    WORLDS.append(weakref.ref(made))
    return made

def test_f(world): ...
def test_g():
    gc.collect()
    assert [each() for each in WORLDS] == [None]
"""
_STARTING = """
import os, subprocess, sys
import pytest

def start():
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)

@pytest.fixture(scope="module")
def shared():
    start()

def test_a(): os.system("")
@pytest.mark.process
def test_b(): start()
def test_c(): ...
def test_d(shared): ...
"""
_WITHOUT = [part for name in ("cacheprovider", "xdist", "hypothesispytest") for part in ("-p", f"no:{name}")]


def play(folder: Path, conftest: str) -> str:
    """What pytest says of the tests in a folder."""
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", *_WITHOUT, "--rootdir", str(folder), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return ended.stdout + ended.stderr


@pytest.mark.process
def test_whatever_has_not_passed_is_told_and_no_test_keeps_what_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "test_all.py").write_text(_TESTS, encoding="utf-8")
    told = play(tmp_path, _CONFTEST.format("reports", "FewReports"))
    assert "1 failed, 4 passed, 1 skipped, 2 errors" in told, told


def test_the_tests_of_make_check_are_those_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "\nQUICK := tests/unit $(wildcard tests/scenarios/test_*_rules.py)\n" in makefile
    quick = ("tests/unit/state/test_cells.py::test_a", "tests/scenarios/test_walk_rules.py::test_a[x::y]")
    others = ("tests/scenarios/test_p2c.py::test_a", "tests/e2e/test_host_rules.py::test_a", "tests/units.py::test_a")
    assert ([*map(is_quick, quick)], [*map(is_quick, others)]) == ([True, True], [False, False, False])


@pytest.mark.process
def test_a_test_of_make_check_that_starts_a_process_is_marked_or_fails(tmp_path: Path) -> None:
    (tmp_path / "tests" / "unit").mkdir(parents=True)
    (tmp_path / "tests" / "unit" / "test_starting.py").write_text(_STARTING, encoding="utf-8")
    (tmp_path / "tests" / "test_elsewhere.py").write_text("import os\ndef test_e(): os.system('')\n", encoding="utf-8")
    told = play(tmp_path, _CONFTEST.format("starts", "MarkedStarts"))
    assert "5 passed" in told, told
    assert "2 errors" in told, told
    assert told.count("\nit starts a process (") == 2, told


def test_warnings_are_kept_and_events_are_not(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, heard: Heard
) -> None:
    if request.config.getoption("log_level"):
        pytest.skip("--log-level says what is kept")
    log_event("sweep_skipped", flow="accounts", run="1", reason="it is paused")
    logging.getLogger("of_tests").warning("a warning")
    assert len(heard.of("sweep_skipped")) == 1
    assert [kept.message for kept in caplog.records] == ["a warning"]


def test_the_names_of_pytest_that_nobody_has_promised_are_there(request: pytest.FixtureRequest) -> None:
    told = "pytest has no {} any more: see where tests/ uses it, and look for a public name in its changelog"
    assert importlib.util.find_spec("_pytest.mark.structures") is not None, told.format("_pytest.mark.structures")
    structures = importlib.import_module("_pytest.mark.structures")
    # What `pytest.param` gives has no public name for its type.
    assert structures.ParameterSet is type(pytest.param(1)), told.format("ParameterSet")
    # No hook says that what a test has written need not be kept (tests/conftest.py).
    assert isinstance(getattr(request.node, "_report_sections", None), list), told.format("Item._report_sections")
