"""The arguments of the local host, and what they name."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from local.command_line import Parser
from local.host.app_settings import AppSettings, read_local_settings
from local.host.host import DRAIN_S
from local.host.host_json import HostJson, read_host_json
from local.host.queue_listener import LEASE_S
from local.host.timer_lock import LEASE_S as LOCK_S


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; without arguments those of the process. Ends the process if they are not understood."""
    parser = Parser(prog="python -m local.host", description="The local Functions host.")
    parser.add_argument("--app", type=Path, default=Path(), help="folder of function_app.py and host.json")
    parser.add_argument("--settings", type=Path, help="app settings (default: local.settings.json of the app)")
    parser.add_argument("--ready-file", type=Path, help="written when every listener runs")
    parser.add_argument("--summary", type=Path, help="written at exit: peak memory, counts of each function")
    parser.add_argument("--events", type=Path, help="appended to: one JSON line for each event")
    parser.add_argument("--trigger", action="append", default=[], metavar="NAME", help="fire this timer once at start")
    parser.add_argument("--lease-seconds", type=float, default=LEASE_S, help="invisibility of a fetched message")
    parser.add_argument("--lock-seconds", type=int, default=LOCK_S, help="15 to 60: a timer's lock after a kill")
    parser.add_argument("--drain-seconds", type=float, default=DRAIN_S, help="how long running functions may continue")
    return parser.parse_args(arguments)


def settings_of(options: argparse.Namespace) -> AppSettings:
    """The app settings of the file that the options name, or of local.settings.json if the app has one."""
    path: Path = options.settings or options.app / "local.settings.json"
    return read_local_settings(path) if options.settings or path.exists() else AppSettings({})


def host_json_of(arguments: Sequence[str]) -> HostJson:
    """host.json of the app that these arguments name."""
    options = parse(arguments)
    return read_host_json(options.app / "host.json", settings_of(options).over(os.environ))
