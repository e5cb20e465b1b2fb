"""Ctrl-C and SIGTERM: both end the demo in order, whatever it is doing."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

_ASKED_TO_END = tuple(
    number for name in ("SIGTERM", "SIGHUP") if isinstance(number := getattr(signal, name, None), signal.Signals)
)


class Terminated(KeyboardInterrupt):
    """Asked to end by a signal other than Ctrl-C; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextlib.contextmanager
def as_exceptions() -> Iterator[None]:
    """Raise KeyboardInterrupt for Ctrl-C, Terminated for SIGTERM and SIGHUP, wherever the block is."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    def terminate(number: int, _frame: FrameType | None) -> None:
        raise Terminated(number)

    # A shell gives background jobs an ignored SIGINT: set explicitly, it works there as well.
    before = {signal.SIGINT: signal.signal(signal.SIGINT, interrupt)}
    before |= {number: signal.signal(number, terminate) for number in _ASKED_TO_END}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Again:
    heard = False


def _hear(_number: int, _frame: FrameType | None) -> None:
    _Again.heard = True


def asked_again() -> bool:
    """Whether Ctrl-C was pressed since the signals are held off: whoever presses it again does not want to wait."""
    return _Again.heard


@contextlib.contextmanager
def held_off() -> Iterator[None]:
    """Let no signal end the block: what ends processes must itself come to its end. It is bounded."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _ASKED_TO_END}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, _hear)
    if before[signal.SIGINT] is not _hear:
        _Again.heard = False
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
