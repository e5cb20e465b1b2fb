"""A test of `make check` that starts a process fails, unless it is marked as one: `make check` leaves those out."""

import os
import subprocess
from collections.abc import Callable, Generator
from functools import wraps
from typing import Any

import pytest

# Where Python starts processes. An audit hook would hear of them, too, and of so much else that tests take longer.
_STARTS = ((subprocess.Popen, "__init__"), (os, "fork"), (os, "posix_spawn"), (os, "system"))
# `git ls-files` says in milliseconds which files are the project's: what is checked of these belongs into `make check`.
_TAKEN = "git"
_BEFORE = pytest.StashKey[int]()


class MarkedStarts:
    """Notes the processes that are started, and looks after each test whether it may start some."""

    def __init__(self) -> None:
        self._started: list[str] = []
        self._patch = pytest.MonkeyPatch()
        for place, name in _STARTS:
            self._patch.setattr(place, name, self._noted(getattr(place, name), name))

    def _noted(self, start: Callable[..., Any], name: str) -> Callable[..., Any]:
        @wraps(start)
        def noted(*given: Any, **options: Any) -> Any:
            called = given[1] if name == "__init__" and len(given) > 1 else options.get("args", name)
            first = str(called if isinstance(called, str | bytes | os.PathLike) else next(iter(called), ""))
            if first != _TAKEN:
                self._started.append(first)
            return start(*given, **options)

        return noted

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Before its fixtures, which may start some for it."""
        item.stash[_BEFORE] = len(self._started)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """After the test. A start that is not marked is an error."""
        ended = yield
        started = self._started[item.stash.get(_BEFORE, len(self._started)) :]
        if started and is_quick(item.nodeid) and item.get_closest_marker("process") is None:
            pytest.fail(
                f"it starts a process ({', '.join(dict.fromkeys(started))}) and `make check` plays it: mark it with "
                "@pytest.mark.process, or call what it tests in this process",
                pytrace=False,
            )
        return ended

    def pytest_unconfigure(self) -> None:
        """Nobody asks any more."""
        self._patch.undo()


def is_quick(nodeid: str) -> bool:
    """Whether `make check` plays a test, unless it is marked: see QUICK in the Makefile."""
    file = nodeid.partition("::")[0]
    return file.startswith("tests/unit/") or (file.startswith("tests/scenarios/") and file.endswith("_rules.py"))


def configure(config: pytest.Config) -> None:
    """For every process that runs tests."""
    config.pluginmanager.register(MarkedStarts(), "marked-starts")
