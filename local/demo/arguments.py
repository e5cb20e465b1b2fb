"""The command line of the demo."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from local.command_line import Parser

LOCAL, FUNC = HOSTS = ("local", "func")
"""The kinds of functions hosts: the one of this project, and Microsoft's."""
SAMPLES = Path(__file__).resolve().parent.parent / "data" / "adventureworks"
EXAMPLES = {
    "--data": "local/data/adventureworks",
    "--report": "report",
    "--map": "examples/contoso.yaml",
    "--schema": "examples/contoso.yaml",
    "--keep": "kept",
    "--currency": "USD",
    "--host": FUNC,
    "--latency-ms": "100",
    "--timeout-s": "600",
    "--pause-s": "3",
    "--picture": "demo.svg",
    "--explain-picture": "explain.svg",
}
"""What may stand behind each option that takes a value."""
LONGEST_LATENCY_MS = 60_000
LONGEST_WAIT_S = 86_400


@dataclass(frozen=True, slots=True)
class Options:
    """The user's options. `small` uses a small sample of the records in `data`.

    `trust` runs the act in which the functions are killed at once, not after the first edits; `currency` is that of the
    company in F&O, None to take it from the records; `worst_order` syncs what waits for other records before these;
    `timeout_s` is how long the demo waits without any progress, `pause_s` how long between two edits. `host` is the
    kind of functions host. `map` is the map document of an organisation, and `schema` the file that declares the
    columns that only its systems have. `explanation` is a picture of `p2c explain` on a quote that stays in Sales.
    `given` is the command line that says all this.
    """

    once: bool = False
    trust: bool = False
    data: Path = SAMPLES
    small: bool = False
    report: Path | None = None
    keep: Path | None = None
    currency: str | None = None
    worst_order: bool = False
    latency_ms: float = 0.0
    timeout_s: float = 600.0
    pause_s: float = 3.0
    picture: Path | None = None
    explanation: Path | None = None
    host: str = LOCAL
    map: Path | None = None
    schema: Path | None = None
    given: tuple[str, ...] = ()


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The options of a command line. Ends the program with code 2 for an invalid one."""
    given = tuple(sys.argv[1:] if arguments is None else arguments)
    parsed = _parser().parse_args(given)
    return Options(
        once=parsed.once,
        trust=parsed.trust,
        data=parsed.data,
        small=parsed.small,
        report=parsed.report,
        keep=parsed.keep,
        currency=parsed.currency,
        worst_order=parsed.worst_order,
        latency_ms=parsed.latency_ms,
        timeout_s=parsed.timeout_s,
        pause_s=parsed.pause_s,
        picture=parsed.picture,
        explanation=parsed.explain_picture,
        host=parsed.host,
        map=parsed.map,
        schema=parsed.schema,
        given=given,
    )


def _parser() -> Parser:
    parser = Parser(
        'make demo ARGS="..."',
        "Runs the sync on this machine: both systems simulated, storage in Azurite, the "
        "functions run by their triggers. Without --once it stays up and edits records until Ctrl-C.",
        {"": "--once --small", **EXAMPLES},
    )
    add = parser.add_argument
    add(
        "--once",
        action="store_true",
        help="stop when both systems are in step; exit code 0 only if the comparison is clean",
    )
    add("--trust", action="store_true", help="kill the functions while they work, and throttle them; also with --once")
    add("--data", type=_path, default=SAMPLES, metavar="DIR", help="sample records (default: AdventureWorks)")
    add("--small", action="store_true", help="only some 60 of the records: in step in less than a minute")
    add("--report", type=_path, metavar="DIR", help="write report.json and exchanges.jsonl there (docs/report.md)")
    add("--map", type=_path, metavar="FILE", help="the map document of an organisation, such as examples/contoso.yaml")
    add("--schema", type=_path, metavar="FILE", help="columns of its own (default: `own_columns` of --map)")
    add("--keep", type=_path, metavar="DIR", help="keep all state there and continue with it next time")
    add("--currency", metavar="CODE", help="accounting currency of the company in F&O (default: as the records say)")
    add("--worst-order", action="store_true", help="sync first what waits for others, such as contacts")
    add("--host", choices=HOSTS, default=LOCAL, help="run on Microsoft's functions host: func, or FUNCTIONS_HOST")
    add("--latency-ms", type=_latency, default=0.0, metavar="N", help="added to each answer of both systems")
    add(
        "--timeout-s",
        type=_seconds,
        default=600.0,
        metavar="N",
        help="give up after N seconds without progress (default: %(default)g)",
    )
    add("--pause-s", type=_pause, default=3.0, metavar="N", help="seconds between two edits (default: %(default)g)")
    add("--picture", type=_path, metavar="FILE", help="write what is shown as an SVG picture")
    add("--explain-picture", type=_path, metavar="FILE", help="write an SVG picture of p2c explain on a quote")
    return parser


def _path(text: str) -> Path:
    if not text.strip():
        raise argparse.ArgumentTypeError("is blank; give a name, or leave the option out")
    return Path(text)


def _latency(text: str) -> float:
    return _within(text, 0, LONGEST_LATENCY_MS, "milliseconds")


def _seconds(text: str) -> float:
    return _within(text, 1, LONGEST_WAIT_S, "seconds")


def _pause(text: str) -> float:
    return _within(text, 0, LONGEST_WAIT_S, "seconds")


def _within(text: str, least: int, most: int, unit: str) -> float:
    wanted = argparse.ArgumentTypeError(f"{text!r} is not allowed; give {least} to {most} {unit}")
    try:
        number = float(text)
    except ValueError:
        raise wanted from None
    if not least <= number <= most:
        raise wanted
    return number
