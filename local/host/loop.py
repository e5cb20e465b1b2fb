"""Repeats a step on a thread of its own, as soon as it says and whenever it is woken."""

import threading
from collections.abc import Callable

# A wall clock that is set does not wake anybody: look again at least this often.
LONGEST_WAIT_S = 30.0


class Loop:
    """Calls `step` until `end`; a step returns the seconds until it wants to be called again."""

    def __init__(self, name: str, on_crash: Callable[[str, BaseException], None]) -> None:
        self._name = name
        self._on_crash = on_crash
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, step: Callable[[], float]) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, args=(step,), name=self._name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Call the step again without waiting."""
        self._wake.set()

    def end(self) -> None:
        """Let the current step be the last one."""
        self._closed.set()
        self._wake.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the last step, at most `timeout_s`."""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, step: Callable[[], float]) -> None:
        try:
            while not self._closed.is_set():
                self._wake.clear()
                wait_s = step()
                self._wake.wait(min(wait_s, LONGEST_WAIT_S))
        except Exception as error:  # noqa: BLE001 - a listener that died silently would look like an idle one
            self._on_crash(self._name, error)
