"""The demo from its first to its last line."""

import os
import time
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from local.demo import firstsync, report, samples, summary
from local.demo.arguments import Options
from local.demo.arrivals import Arrivals
from local.demo.configuration import Configuration, read_configuration
from local.demo.edits import Fulfilment, Sales
from local.demo.errors import DemoFailed, UserMistake
from local.demo.keep import Place, place
from local.demo.progress import SYSTEM_NAMES
from local.demo.session import SYSTEMS, Session, require_node_modules
from local.demo.standing import Standing
from local.demo.story import Story

WELL, NOT_WELL = 0, 1


def run(options: Options, console: Console) -> int:
    """Run the demo; 0 when all is well. Raises UserMistake and DemoFailed."""
    require_node_modules()
    configuration = read_configuration(os.environ)
    digest = samples.check_folder(options.data, samples.KNOWN)
    if options.report is not None:
        report.prepare(options.report)
    if options.picture is not None and not options.picture.absolute().parent.is_dir():
        raise UserMistake(f"--picture {options.picture}: there is no such folder; name a file in one that exists.")
    with place(options.keep, data=digest, folder=options.data, systems=SYSTEMS) as here:
        session = Session(options, here, configuration.settings, (configuration.flow.name,))
        result = _play(options, console, configuration, session, here)
        if options.report is not None:
            report.write(options.report, result, session.logs)
            _say(console, f"The report is in {options.report}.")
    if options.picture is not None:
        _save(console, options.picture)
    return WELL if result.good else NOT_WELL


def _play(
    options: Options, console: Console, configuration: Configuration, session: Session, here: Place
) -> report.Result:
    flow = configuration.flow
    _headline(console, options, configuration, here)
    began = time.monotonic()
    with session:
        firstsync.note_before(session, here, flow)
        standing = session.start_functions()[flow.name]
        _started(console, time.monotonic() - began, here)
        ended = firstsync.wait_until_in_step(session, here, flow, standing, console, patience_s=options.timeout_s)
        if options.once:
            # Nothing moves any more while both systems are compared, and the host tells its peak memory.
            session.stop_functions()
        result = firstsync.result_of(session, here, flow, ended)
        _show(console, result)
        if not ended.in_step:
            console.print(Text(firstsync.what_is_missing(ended, options.timeout_s), style="red"))
        elif not options.once:
            _tell(console, options, configuration, session, standing)
    return result


def _tell(
    console: Console, options: Options, configuration: Configuration, session: Session, standing: Standing
) -> None:
    flow = configuration.flow
    console.print("\nNow people work in both systems. Ctrl-C ends the demo.\n", style="bold")
    story = Story(
        console,
        Arrivals(session, flow, standing),
        Sales(session.sales),
        Fulfilment(session.finops, flow.company),
    )
    with suppress(KeyboardInterrupt):
        story.tell(options.pause_s)
    console.print("\nEnding the demo ...", highlight=False)


def _headline(console: Console, options: Options, configuration: Configuration, here: Place) -> None:
    console.print(f"[bold]Prospect to cash[/bold]  {configuration.flow.name}: Sales -> F&O", highlight=False)
    for note in configuration.notes:
        _say(console, note, style="yellow")
    goes_on = "  The state of an earlier demo is continued." if not here.fresh else ""
    _say(console, f"records: {_near(options.data)}{goes_on}")
    _say(console, "starting storage, identity endpoint, both systems and the functions ...")


def _say(console: Console, text: str, *, style: str = "dim") -> None:
    console.print(f"  {text}", style=style, highlight=False, markup=False, soft_wrap=True)


def _started(console: Console, seconds: float, here: Place) -> None:
    addresses = ", ".join(f"{SYSTEM_NAMES[name]} http://127.0.0.1:{port}" for name, port in here.memory.ports.items())
    _say(console, f"up after {seconds:.1f} s: {addresses}")


def _show(console: Console, result: report.Result) -> None:
    console.print()
    for part in summary.pictures(result):
        console.print(part)


def _save(console: Console, picture: Path) -> None:
    try:
        console.save_svg(str(picture), title="make demo")
    except OSError as error:
        raise DemoFailed(f"--picture {picture}: {error.strerror}; name a file that can be written.") from error


def _near(path: Path) -> Path:
    """A path as its user would write it from here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
