"""Measures the accounts flow: `make bench`, or `python -m benchmarks.accounts`.

For each latency three runs against the same state: the first sync of all records, a change of one percent of them,
and all of them looked at again with nothing changed. Functions, triggers and storage are those of the demo.
"""

import argparse
import io
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.records import write_accounts
from local.demo import interrupts, samples
from local.demo.arguments import SAMPLES, Options
from local.demo.configuration import Configuration, read_configuration
from local.demo.edits import Sales
from local.demo.errors import DemoFailed, UserMistake
from local.demo.firstsync import wait_until_in_step, what_is_missing
from local.demo.keep import Place, place
from local.demo.session import SYSTEMS, Session
from local.demo.standing import Standing
from local.demo.systems import Requests
from local.simulator.auth import system_clock
from shared.sync.hints import Hint, messages

LATENCIES_MS = (0.0, 50.0, 150.0)
_PATIENCE_S = 300.0
_HINTS_PER_MESSAGE = 100
_DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
_BEGIN, _END = "<!-- bench:accounts -->", "<!-- /bench:accounts -->"
_HEADINGS = (
    "latency",
    "run",
    "records",
    "seconds",
    "records/s",
    "to Sales",
    "per 1,000",
    "to F&O",
    "per 1,000",
    "peak MB",
)
_WIDTH = 110

Act = Callable[[Session, Configuration], int]


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. The requests count both systems apart; `peak_memory_mb` is the host's largest size so far."""

    latency_ms: float
    run: str
    records: int
    seconds: float
    dataverse: int
    finops: int
    peak_memory_mb: float

    def cells(self) -> tuple[str, ...]:
        """The row of a table."""
        speed = self.records / self.seconds if self.seconds else 0.0
        per_1000 = 1000 / self.records if self.records else 0.0
        return (
            f"{self.latency_ms:g} ms",
            self.run,
            f"{self.records:,}",
            f"{self.seconds:.1f}",
            f"{speed:,.0f}",
            f"{self.dataverse:,}",
            f"{self.dataverse * per_1000:,.0f}",
            f"{self.finops:,}",
            f"{self.finops * per_1000:,.0f}",
            f"{self.peak_memory_mb:.0f}",
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show the table, and write it into docs/performance.md when asked to."""
    parsed = _parser().parse_args(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=_WIDTH)
    try:
        with interrupts.as_exceptions(), _samples(parsed.records) as folder:
            measured = [row for latency in parsed.latency_ms for row in _measure(folder, latency, console)]
    except (UserMistake, DemoFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 2 if isinstance(error, UserMistake) else 1
    except KeyboardInterrupt:
        return 130
    console.print(_table(measured))
    console.print(machine(), highlight=False)
    if parsed.write:
        _write(measured)
    return 0


def machine() -> str:
    """On what it was measured."""
    return f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, Python {platform.python_version()}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog='make bench ARGS="..."', description="Measures the accounts flow.")
    parser.add_argument("--records", type=int, metavar="N", help="generated accounts instead of the 701 real ones")
    parser.add_argument(
        "--latency-ms", type=float, nargs="+", default=list(LATENCIES_MS), metavar="N", help="of each answer"
    )
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    return parser


@contextmanager
def _samples(records: int | None) -> Iterator[Path]:
    if records is None:
        yield SAMPLES
        return
    with tempfile.TemporaryDirectory(prefix="bench-accounts-") as folder:
        write_accounts(Path(folder), records)
        yield Path(folder)


def _measure(folder: Path, latency_ms: float, console: Console) -> Iterator[Measured]:
    configuration = read_configuration(os.environ)
    digest = samples.check_folder(folder, samples.KNOWN)
    options = Options(data=folder, latency_ms=latency_ms)
    with ExitStack() as stack:
        here = stack.enter_context(place(None, data=digest, folder=folder, systems=SYSTEMS))
        session = Session(options, here, configuration.settings, (configuration.flow.name,))
        stack.enter_context(session)
        bench = Bench(session, here, configuration, latency_ms)
        for name, act in _RUNS:
            yield bench.run(name, act)
            console.print(f"{latency_ms:g} ms, {name}: done", style="dim", highlight=False)


@dataclass(frozen=True, slots=True)
class Bench:
    """A running session to measure in."""

    session: Session
    place: Place
    configuration: Configuration
    latency_ms: float

    def run(self, name: str, act: Act) -> Measured:
        """Do something, wait until both systems are in step, and say what it took. Raises DemoFailed."""
        flow, session = self.configuration.flow, self.session
        before, since = session.requests(), system_clock()
        records = act(session, self.configuration)
        standing = Standing(session.storage, flow.name, since)
        nowhere = Console(file=io.StringIO())
        ended = wait_until_in_step(session, self.place, flow, standing, nowhere, patience_s=_PATIENCE_S)
        if not ended.in_step:
            raise DemoFailed(what_is_missing(ended, _PATIENCE_S))
        sent = _since(before, session.requests())
        dataverse, finops = (sent[system].read + sent[system].write for system in SYSTEMS)
        return Measured(self.latency_ms, name, records, ended.glance.seconds, dataverse, finops, session.peak_memory_mb)


def _since(before: dict[str, Requests], now: dict[str, Requests]) -> dict[str, Requests]:
    return {
        name: Requests(count.read - before[name].read, count.write - before[name].write) for name, count in now.items()
    }


def _first_sync(session: Session, configuration: Configuration) -> int:
    session.start_functions()
    return len(configuration.flow.sources(session.sales))


def _change_one_percent(session: Session, configuration: Configuration) -> int:
    rows = configuration.flow.sources(session.sales)
    chosen = rows[:: max(len(rows) // max(len(rows) // 100, 1), 1)][: max(len(rows) // 100, 1)]
    for row in chosen:
        Sales(session.sales).change(row.id, {"name": f"{str(row.values['name'])[:90]} AG"})
    return len(chosen)


def _look_at_all_again(session: Session, configuration: Configuration) -> int:
    flow = configuration.flow
    hints = [Hint(row.id) for row in flow.sources(session.sales)]
    for message in messages(flow.name, "bench", hints, _HINTS_PER_MESSAGE):
        session.storage.queues.send(flow.name, message.to_body())
    return len(hints)


_RUNS: tuple[tuple[str, Act], ...] = (
    ("first sync", _first_sync),
    ("1 % changed", _change_one_percent),
    ("nothing changed", _look_at_all_again),
)


def _table(measured: Sequence[Measured]) -> Table:
    table = Table(title="accounts", title_justify="left", title_style="bold")
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for row in measured:
        table.add_row(*row.cells())
    return table


def _write(measured: Sequence[Measured]) -> None:
    lines = [_BEGIN, f"Measured on {machine()}.", ""]
    lines += ["| " + " | ".join(_HEADINGS) + " |", "|" + "---|" * len(_HEADINGS)]
    lines += ["| " + " | ".join(row.cells()) + " |" for row in measured] + [_END]
    text = _DOCUMENT.read_text(encoding="utf-8") if _DOCUMENT.exists() else f"{_BEGIN}\n{_END}\n"
    start, rest = text.split(_BEGIN, 1)
    _DOCUMENT.write_text(start + "\n".join(lines) + rest.split(_END, 1)[1], encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
