"""A headless Chromium in a process of its own, driven by a test."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Browser:
    """One page of a browser, and what can be done with it (driver.mjs)."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, act: str, **given: Any) -> Any:
        """Do something on the page; what is answered. Raises AssertionError if it cannot be done."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"act": act, **given}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the browser has ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["answer"]


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser that has never been used before."""
    command = ["node", str(HERE / "driver.mjs")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE) as process:
        yield Browser(process)
