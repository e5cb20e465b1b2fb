"""What a test process keeps of its tests, and tells the first one of several."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.telemetry import log_event
from tests.support.events import Heard
from tests.support.project import ROOT

_CONFTEST = """
from tests.support.reports import FewReports

def pytest_configure(config):
    config.pluginmanager.register(FewReports())
"""
_TESTS = """
import pytest

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
"""
_WITHOUT = [part for name in ("cacheprovider", "xdist", "hypothesispytest") for part in ("-p", f"no:{name}")]


@pytest.mark.process
def test_whatever_has_not_passed_is_told(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(_CONFTEST, encoding="utf-8")
    (tmp_path / "test_all.py").write_text(_TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", *_WITHOUT, "--rootdir", str(tmp_path), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "1 failed, 2 passed, 1 skipped, 2 errors" in ended.stdout, ended.stdout + ended.stderr


def test_warnings_are_kept_and_events_are_not(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, heard: Heard
) -> None:
    if request.config.getoption("log_level"):
        pytest.skip("--log-level says what is kept")
    log_event("sweep_skipped", flow="accounts", run="1", reason="it is paused")
    logging.getLogger("of_tests").warning("a warning")
    assert len(heard.of("sweep_skipped")) == 1
    assert [kept.message for kept in caplog.records] == ["a warning"]
