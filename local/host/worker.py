"""The worker of the local host: its process, from the command line to the exit code."""

import argparse
import gc
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from local import console, loopback, space
from local.host import logs
from local.host.app import load_app
from local.host.arguments import parse, settings_of
from local.host.errors import AppInvalid, HostError
from local.host.events import Event, OnEvent, event_as_dict, ignore
from local.host.host import CRASHED, WORKER_LOST, Host
from local.host.host_json import read_host_json
from local.host.journal import Journal, journal_of, take_over
from local.host.supervising import SIGNALS

USER_MISTAKE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return 0, 1 for a host that had to stop, 2 for a mistake in app or settings, 3 for
    a worker that gave up what ran in it."""
    console.take_any_character()
    journal = journal_of(os.environ)
    try:
        options = parse(arguments)
        loopback.spare(os.environ)
        code = _run(options, journal)
    except AppInvalid as error:
        _explain(error)
        code = USER_MISTAKE
    except HostError as error:
        sys.stderr.write(f"{error}\n")
        code = USER_MISTAKE
    except space.NoSpaceLeft as full:
        sys.stderr.write(f"{full}\n")
        code = CRASHED
    except SystemExit:
        # The command line was not understood, or help was requested.
        journal.end()
        raise
    if code != WORKER_LOST:
        journal.end()
    return code


def _run(options: argparse.Namespace, journal: Journal) -> int:
    so_far = take_over(os.environ)
    settings = settings_of(options).over(os.environ)
    settings.export(os.environ)
    host_json = read_host_json(options.app / "host.json", settings)
    logs.install(sys.stderr, host_json.log_levels, debug=settings.get("PYTHON_ENABLE_DEBUG_LOGGING") == "1")
    functions = load_app(options.app)
    gc.freeze()
    gc.enable()
    host = Host(
        functions,
        settings,
        host_json,
        directory=options.app,
        on_event=_event_writer(options.events),
        lease_s=options.lease_seconds,
        lock_s=options.lock_seconds,
        drain_s=options.drain_seconds,
        so_far=so_far,
        journal=journal,
    )
    host.require_timers(options.trigger)
    _stop_on_signals(host)
    journal.when_the_host_is_gone(host.abandon)
    host.start()
    for name in () if so_far.restarts else options.trigger:
        host.fire(name)
    restarts = {"restarts": so_far.restarts, "restart_reason": so_far.reason}
    _write_json(options.ready_file, {"pid": os.getpid(), "functions": host.function_names, **restarts})
    code = host.wait()
    _write_json(options.summary, host.summary())
    if code == WORKER_LOST:
        journal.lost(host.so_far())
    return code


def _stop_on_signals(host: Host) -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        host.request_stop()

    for number in SIGNALS:
        signal.signal(number, stop)


def _event_writer(path: Path | None) -> OnEvent:
    if path is None:
        return ignore
    stream = path.open("a", encoding="utf-8", buffering=1)

    def write(event: Event) -> None:
        stream.write(json.dumps(event_as_dict(event)) + "\n")

    return write


def _write_json(path: Path | None, content: dict[str, object]) -> None:
    """A reader that waits for the file sees all of it or nothing."""
    if path is None:
        return
    part = path.with_name(path.name + ".part")
    with space.named(path.absolute().parent):
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(path)


def _explain(error: AppInvalid) -> None:
    sys.stderr.write(f"{error}\n")
    if error.__cause__ is not None and not isinstance(error.__cause__, ImportError | ValueError):
        logging.getLogger("Host.Startup").error("The app raised while it was imported", exc_info=error.__cause__)


def end(exit_code: int) -> NoReturn:
    """End the process; a function that is still running holds a thread that cannot be ended."""
    sys.stderr.flush()
    if threading.active_count() > 1:
        os._exit(exit_code)
    sys.exit(exit_code)
