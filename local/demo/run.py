"""The demo from its first to its last line."""

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from local.demo import firstsync, report, samples, summary
from local.demo.accountscenes import AccountScenes
from local.demo.arguments import Options
from local.demo.arrivals import Arrivals
from local.demo.configuration import VALUE_MAPS, Configuration, read_configuration
from local.demo.contactscenes import ContactScenes
from local.demo.edits import Fulfilment, Sales
from local.demo.errors import DemoFailed, UserMistake
from local.demo.flows import Watched
from local.demo.keep import Place, place
from local.demo.productscenes import ProductScenes
from local.demo.quotescenes import QuoteScenes
from local.demo.session import SYSTEMS, Session, require_node_modules
from local.demo.stage import Stage, say_skipped
from local.demo.standing import Standing
from local.demo.story import tell, told_by_turns
from local.demo.systems import SYSTEM_NAMES
from local.demo.trust import Act
from shared.flows import ACCOUNTS, CONTACTS, PRODUCTS, QUOTATIONS

WELL, NOT_WELL = 0, 1
# The products must be in Sales before anything can be quoted.
_FIRST_IN_WORST_ORDER = (PRODUCTS,)
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
        session.resume_flows(_FIRST_IN_WORST_ORDER if options.worst_order else None)
        standings = session.watch()
        session.start_functions()
        _started(console, time.monotonic() - began, here)
        for name, messages in session.skipped().items():
            say_skipped(console, SYSTEM_NAMES[name], messages)
        act = _act(options, console, configuration, session, here, standings)
        quotes = QuoteScenes(act.stage, _arrivals(session, configuration, standings, here)[QUOTATIONS], session.sales)
        story = FirstSync(options, console, configuration, session, here, standings)
        ended = story.play(quotes)
        in_step = all(of.in_step for of in ended.values())
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


@dataclass(frozen=True, slots=True)
class FirstSync:
    """From empty flows to quotes that have arrived."""

    options: Options
    console: Console
    configuration: Configuration
    session: Session
    here: Place
    standings: Mapping[str, Standing]

    def play(self, quotes: QuoteScenes) -> dict[str, firstsync.Ended]:
        """Let everything flow that is there, write the quotes once the products are in Sales, and let them flow; how
        the wait for each flow ended."""
        flows = self.configuration.flows
        worst = self.options.worst_order
        ended = self._wait([flow for flow in flows if not worst or flow.name in _FIRST_IN_WORST_ORDER])
        if all(of.in_step for of in ended.values()) and not self.here.memory.quoted:
            self.console.print("\nSales people quote what has arrived.\n", style="bold")
            quotes.write(self.options.data)
            self.here.memory.quoted = True
            self.here.save()
            if worst:
                self._let_flow(QUOTATIONS, CONTACTS)
            ended = self._wait(flows)
            if all(of.in_step for of in ended.values()):
                quotes.why_is_it_not_there()
                quotes.follow()
                ended = self._wait(flows)
        return ended

    def _let_flow(self, *first: str) -> None:
        """Quotes and contacts are read while the accounts that they wait for are not: then these, too."""
        flows = self.configuration.flows
        self.session.resume_flows(first)
        ended = self._wait([flow for flow in flows if flow.name in first])
        waiting = {name: of.account.waiting for name, of in ended.items() if of.account is not None}
        listed = ", ".join(f"{count} {name}" for name, count in waiting.items())
        _say(self.console, f"waiting: {listed}. Only now the accounts may flow.", style="yellow")
        self.session.resume_flows()

    def _wait(self, flows: Sequence[Watched]) -> dict[str, firstsync.Ended]:
        chosen = tuple(flows)
        return firstsync.wait_until_in_step(
            self.session,
            chosen,
            self.standings,
            self.console,
            totals=firstsync.totals(self.session, self.here, chosen),
            patience_s=self.options.timeout_s,
        )


def _arrivals(
    session: Session, configuration: Configuration, standings: Mapping[str, Standing], here: Place
) -> dict[str, Arrivals]:
    return {flow.name: Arrivals(session, flow, standings[flow.name], here.memory) for flow in configuration.flows}


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
    stage.console.print("\nNow people work in both systems. Ctrl-C ends the demo.", style="bold")
    settings = act.place.folder("run") / "local.settings.json"
    _say(stage.console, f'look into it as an operator: make p2c ARGS="--settings {settings} status"\n')
    arrivals = _arrivals(session, configuration, standings, act.place)
    fulfilment = Fulfilment(session.finops, configuration.company)
    scenes = told_by_turns(
        AccountScenes(stage, arrivals[ACCOUNTS], Sales(session.sales), fulfilment).all(),
        ContactScenes(stage, arrivals[CONTACTS], arrivals[ACCOUNTS], Sales(session.sales, "contacts", "contact")).all(),
        ProductScenes(stage, arrivals[PRODUCTS], fulfilment).all(),
        QuoteScenes(stage, arrivals[QUOTATIONS], session.sales).all(),
    )

    def trust() -> None:
        trial = act.play(stop=False).trial
        assert trial is not None
        stage.console.print(summary.closing_line(trial))

    with suppress(KeyboardInterrupt):
        tell(scenes, options.pause_s, once=None if options.trust else trust)
    act.place.save()
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
