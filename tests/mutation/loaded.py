"""A process that has imported the product and collected its tests. A stage is played by a fork of it in which one
function has other code: so nothing is imported, and nothing collected, for a single change."""

import json
import os
import signal
import socket
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.mutation.playing import HOW, Heard, restart_clock
from tests.mutation.running import Change, Died, Running, Stage, died_by, in_child, play, told_by
from tests.mutation.swapping import Loaded, loaded_functions, swap

_PID_BYTES = 8
_READY = b"ready"
_LONGEST_ERROR = 65536


class LoadedTests:
    """Starts stages whose change is in the body of a function."""

    def __init__(self, root: Path, files: Sequence[str], *, simulation: bool = True) -> None:
        """Raises RuntimeError when the tests cannot be collected."""
        self._socket, other = socket.socketpair()
        self._errors, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._socket.close()
            os.close(self._errors)
            in_child(lambda: _load(root, files, _Serving(root, other, simulation=simulation)), writing)
        other.close()
        os.close(writing)
        if self._socket.recv(len(_READY)) != _READY:
            raise RuntimeError(f"the tests cannot be collected: {self._why()}")

    def start(self, stage: Stage, change: Change) -> Running:
        """Begin a stage with the change. Its end raises NotSwapped when the change cannot be made in place. Raises
        Died when the process of the tests has ended."""
        reading, writing = os.pipe()
        with tempfile.TemporaryFile("w+", encoding="utf-8") as request:
            json.dump({"stage": asdict(stage), "change": asdict(change)}, request)
            request.flush()
            try:
                socket.send_fds(self._socket, [b"!"], [writing, request.fileno()])
                pid = self._socket.recv(_PID_BYTES)
            except ConnectionError:
                pid = b""
        os.close(writing)
        if len(pid) != _PID_BYTES:
            os.close(reading)
            raise Died(f"the process of the collected tests has ended: {self._why()}")
        return Running(int.from_bytes(pid, "big"), reading, ours=False)

    def close(self) -> None:
        """End the process."""
        self._socket.close()
        os.close(self._errors)
        os.waitpid(self._pid, 0)

    def _why(self) -> str:
        # Stages under way have the other end, too, so it may stay open with nothing in it.
        os.set_blocking(self._errors, False)
        with suppress(BlockingIOError):
            if text := os.read(self._errors, _LONGEST_ERROR):
                return _ended_by(json.loads(text))
        return "killed"


def _ended_by(told: Mapping[str, Any]) -> str:
    return died_by(told["died"]) if "died" in told else str(told["failed"])


def _load(root: Path, files: Sequence[str], serving: "_Serving") -> str | None:
    os.chdir(root)
    return told_by(serving, pytest.main([*files, *HOW, "-x", "--rootdir", str(root)], plugins=[serving]))


class _Serving(Heard):
    """In place of running what is collected: forks for each request, and plays in the fork what it asks for."""

    def __init__(self, root: Path, requests: socket.socket, *, simulation: bool) -> None:
        super().__init__()
        self._root, self._requests, self._simulation = root, requests, simulation

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Ends the process when nobody asks any more; pytest goes on only to tell what it could not collect."""
        if self.failed is None:
            self._serve(session)

    def _serve(self, session: pytest.Session) -> NoReturn:
        if self._simulation:
            import tests.simulation.run  # noqa: F401 - so that no fork must
        loaded = loaded_functions(self._root)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        self._requests.sendall(_READY)
        while True:
            message, descriptors, _, _ = socket.recv_fds(self._requests, 1, 2)
            if not message:
                os._exit(0)
            answer, request = descriptors
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                self._requests.close()
                in_child(partial(self._play, session, request, loaded), answer)
            os.close(answer)
            os.close(request)
            self._requests.sendall(pid.to_bytes(_PID_BYTES, "big"))

    def _play(self, session: pytest.Session, request: int, loaded: Loaded) -> str | None:
        with os.fdopen(request, encoding="utf-8") as stream:
            stream.seek(0)
            asked = json.load(stream)
        stage, change = Stage(**asked["stage"]), Change(**asked["change"])
        swap(loaded, self._root / change.file, change.source, change.function or "")
        if stage.seeds:
            return play(stage.seeds)
        by_id = {item.nodeid: item for item in session.items}
        session.items = [by_id[test] for test in stage.tests if test in by_id]
        hook = session.config.hook
        try:
            for at, item in enumerate(session.items):
                restart_clock()
                following = session.items[at + 1] if at + 1 < len(session.items) else None
                hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self.failed is not None:
                    break
        finally:
            session._setupstate.teardown_exact(None)
        return self.failed
