"""The demo from its first to its last line."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from local.demo import firstsync, report, samples, summary
from local.demo.accountscenes import AccountScenes
from local.demo.arguments import Options
from local.demo.arrivals import Arrivals
from local.demo.configuration import VALUE_MAPS, Configuration, read_configuration
from local.demo.edits import Fulfilment, Sales
from local.demo.errors import DemoFailed, UserMistake
from local.demo.keep import Place, place
from local.demo.productscenes import ProductScenes
from local.demo.session import SYSTEMS, Session, require_node_modules
from local.demo.stage import Stage
from local.demo.standing import Standing
from local.demo.story import tell, told_by_turns
from local.demo.systems import SYSTEM_NAMES
from local.demo.trust import Act
from shared.flows import ACCOUNTS, PRODUCTS

WELL, NOT_WELL = 0, 1
# With slower answers the short times of a hasty app would not do.
_HASTY_UP_TO_MS = 250.0


def run(options: Options, console: Console) -> int:
    """Run the demo; 0 when all is well. Raises UserMistake and DemoFailed."""
    require_node_modules()
    digest = samples.check_folder(options.data, samples.KNOWN)
    configuration = read_configuration(
        os.environ,
        unit_group=samples.unit_group(options.data),
        units=samples.unit_pairs(options.data),
        hasty=(options.trust or not options.once) and options.latency_ms <= _HASTY_UP_TO_MS,
    )
    currency = samples.company_currency(options.data, options.currency)
    if options.report is not None:
        report.prepare(options.report)
    if options.picture is not None and not options.picture.absolute().parent.is_dir():
        raise UserMistake(f"--picture {options.picture}: there is no such folder; name a file in one that exists.")
    with place(options.keep, data=digest, folder=options.data, systems=SYSTEMS) as here:
        names = tuple(flow.name for flow in configuration.flows)
        session = Session(options, here, _settings(configuration, here), names, currency)
        result = _play(options, console, configuration, session, here)
        if options.report is not None:
            report.write(options.report, result, session.logs)
            _say(console, f"The report is in {options.report}.")
    if options.picture is not None:
        _save(console, options.picture)
    return WELL if result.good else NOT_WELL


def _settings(configuration: Configuration, here: Place) -> dict[str, str]:
    """The app settings; the value-map document that goes with the records is a file of this demo."""
    if configuration.value_maps is None:
        return dict(configuration.settings)
    file = here.folder("run") / "value_maps.json"
    file.write_text(configuration.value_maps, encoding="utf-8")
    return {**configuration.settings, VALUE_MAPS: str(file)}


def _play(
    options: Options, console: Console, configuration: Configuration, session: Session, here: Place
) -> report.Result:
    flows = configuration.flows
    _headline(console, options, configuration, here)
    began = time.monotonic()
    with session:
        firstsync.note_before(session, here, flows)
        session.resume_flows()
        standings = session.watch()
        session.start_functions()
        _started(console, time.monotonic() - began, here)
        ended = firstsync.wait_until_in_step(
            session,
            flows,
            standings,
            console,
            totals=firstsync.totals(session, here, flows),
            patience_s=options.timeout_s,
        )
        in_step = all(of.in_step for of in ended.values())
        act = _act(options, console, configuration, session, here, standings)
        if in_step and options.trust:
            result = act.play(stop=options.once)
        else:
            if options.once:
                # Nothing moves any more while both systems are compared, and the host tells its peak memory.
                session.stop_functions()
            result = firstsync.result_of(session, here, flows, standings, in_step=in_step)
        _show(console, result)
        if not in_step:
            console.print(Text(firstsync.what_is_missing(ended, options.timeout_s), style="red"))
        elif not options.once:
            _tell(options, configuration, session, standings, act)
    return result


def _act(  # noqa: PLR0917 - the parts of a demo in their fixed order
    options: Options,
    console: Console,
    configuration: Configuration,
    session: Session,
    here: Place,
    standings: Mapping[str, Standing],
) -> Act:
    stage = Stage(console)
    return Act(stage, session, here, configuration, standings, options.latency_ms, options.timeout_s)


def _tell(
    options: Options, configuration: Configuration, session: Session, standings: Mapping[str, Standing], act: Act
) -> None:
    stage = act.stage
    stage.console.print("\nNow people work in both systems. Ctrl-C ends the demo.\n", style="bold")
    arrivals = {flow.name: Arrivals(session, flow, standings[flow.name]) for flow in configuration.flows}
    fulfilment = Fulfilment(session.finops, configuration.company)
    scenes = told_by_turns(
        AccountScenes(stage, arrivals[ACCOUNTS], Sales(session.sales), fulfilment).all(),
        ProductScenes(stage, arrivals[PRODUCTS], fulfilment).all(),
    )

    def trust() -> None:
        trial = act.play(stop=False).trial
        assert trial is not None
        stage.console.print(summary.closing_line(trial))

    with suppress(KeyboardInterrupt):
        tell(scenes, options.pause_s, once=None if options.trust else trust)
    stage.console.print("\nEnding the demo ...", highlight=False)


def _headline(console: Console, options: Options, configuration: Configuration, here: Place) -> None:
    flows = ", ".join(f"{flow.name}: {flow.direction}" for flow in configuration.flows)
    console.print(f"[bold]Prospect to cash[/bold]  {flows}", highlight=False)
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
