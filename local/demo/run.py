"""The demo from its first to its last line."""

import os
import random
import shlex
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase

from rich.console import Console

from local import space
from local.demo import firstsync, hosts, logs, report, samples, screen, summary
from local.demo.accountscenes import AccountScenes
from local.demo.arguments import FUNC, Options
from local.demo.arrivals import Arrivals
from local.demo.clerk import Clerk
from local.demo.clerkscenes import ClerkScenes
from local.demo.configuration import MAP_DOCUMENT, Configuration, read_configuration
from local.demo.contactscenes import ContactScenes
from local.demo.edits import Fulfilment, Sales
from local.demo.errors import DemoFailed, UserMistake
from local.demo.explanation import save, save_picture
from local.demo.opening import FIRST_IN_WORST_ORDER, Opening
from local.demo.orderscenes import OrderScenes
from local.demo.ownvalues import filled_folder
from local.demo.pages import serving_console
from local.demo.processes import ROOT
from local.demo.productscenes import ProductScenes
from local.demo.progress_reader import ProgressReader
from local.demo.quotescenes import QuoteScenes
from local.demo.sampling import small_folder
from local.demo.session import Session, require_node_modules
from local.demo.stage import Stage, say_skipped
from local.demo.state_dir import Place, place
from local.demo.story import tell, told_by_turns
from local.demo.systems import SYSTEM_NAMES, SYSTEMS
from local.demo.trust import Act
from local.simulator.owncolumns import PART, OverlayUnreadable, OwnColumns, read_object, read_own_columns
from shared.errors import StorageTrouble
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.ordersback import ORDERSBACK
from shared.flows.products import PRODUCTS
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from shared.mapping.value_maps import ValueMaps

WELL, NOT_WELL = 0, 1
# Space for the logs of a demo, its state if that is kept, and a small sample of its records.
_SPACE_MB, _SPACE_KEPT_MB, _SPACE_SAMPLE_MB = 20, 100, 1
# With slower answers the short times of a hasty app would not do.
_HASTY_UP_TO_MS = 250.0


def run(options: Options, console: Console) -> int:
    """Run the demo; 0 if everything is in step. Raises UserMistake, DemoFailed and NoSpaceLeft."""
    require_space(options.keep)
    require_node_modules()
    if options.host == FUNC:
        hosts.command(os.environ, Path(), 0)
    samples.check_folder(options.data, samples.KNOWN)
    require_writable(options)
    named, own, schema = str(screen.near(options.data)), *_columns(options)
    with ExitStack() as folders:
        if options.small:
            options = replace(options, data=folders.enter_context(small_folder(options.data)))
            named = f"a small sample of {named}"
        if own:
            options = replace(options, data=folders.enter_context(filled_folder(options.data, own)))
        return _run(replace(options, schema=schema), console, named)


def _columns(options: Options) -> tuple[OwnColumns, Path | None]:
    """The columns of the organisation's own, and the file that declares them, None if there is none. Raises
    UserMistake."""
    file = options.schema or options.map
    try:
        if file is None or (options.schema is None and PART not in read_object(file)):
            return {}, None
        return read_own_columns(file), file
    except OverlayUnreadable as wrong:
        raise UserMistake(f"{'--map' if options.schema is None else '--schema'} {wrong}") from wrong


def _run(options: Options, console: Console, named: str) -> int:
    """Run it on the records of a folder; `named` says for people what they are."""
    configuration = read_configuration(
        os.environ,
        unit_group=samples.unit_group(options.data),
        units=samples.unit_pairs(options.data),
        hasty=is_hasty(options),
        brisk=options.small,
        map_file=options.map,
    )
    samples.require_company(options.data, configuration.company)
    currency = samples.company_currency(options.data, options.currency)
    digest = samples.check_folder(options.data, samples.KNOWN)
    if options.report is not None:
        report.prepare(options.report)
    with place(options.keep, data=digest, folder=named, systems=SYSTEMS) as here, _logs_kept(here, options):
        names = tuple(flow.name for flow in configuration.flows)
        settings = configuration.settings_in(here.folder("run"))
        session = Session(options, here, settings, names, currency, tell=lambda text: _tell_trouble(console, text))
        _headline(console, configuration, named, here)
        result = _play(options, console, configuration, session, here)
        if options.report is not None:
            with space.named(options.report):
                report.write(options.report, result, session.logs)
            _say(console, f"The report is in {options.report}.")
    if options.picture is not None:
        asked = [name for name, on in (("--small", options.small), ("--once", options.once)) if on]
        save(console, options.picture, screen.make_command("demo", *asked))
    return WELL if result.good else NOT_WELL


def is_hasty(options: Options) -> bool:
    """Whether the claims of a process that died hold others off for a minute, and not for ten: where the user watches
    how the functions are killed. The short times do not suit a slow machine, so nobody else gets them, also not a demo
    with --once that is kept, and continued after a full disk or a crash (docs/demo.md)."""
    return (options.trust or not options.once) and options.latency_ms <= _HASTY_UP_TO_MS


def require_space(keep: Path | None) -> None:
    """Raises NoSpaceLeft before anything is written or started, and UserMistake if no file can be written."""
    space.require(_temporary(), _SPACE_MB if keep is None else _SPACE_SAMPLE_MB, named_by="TMPDIR")
    if keep is not None:
        # A folder that may not be looked into counts as one that is not there: the next one above it is on its disk.
        there = next(path for path in (keep.absolute(), *keep.absolute().parents) if os.path.exists(path))  # noqa: PTH110
        space.require(there, _SPACE_KEPT_MB, named_by="--keep")


def _temporary() -> Path:
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError as none:
        raise UserMistake(
            "no temporary folder takes a file: free some space there, or name a folder that can be written by TMPDIR."
        ) from none


@contextmanager
def _logs_kept(here: Place, options: Options) -> Iterator[None]:
    """If the demo fails, the logs of its parts stay. Their place is named, and how to start it again."""
    try:
        with space.named(here.root):
            yield
    except (DemoFailed, StorageTrouble, space.NoSpaceLeft) as failed:
        told = (_what_failed(failed), _where_logs_are(here), how_to_continue(options))
        raise DemoFailed("\n".join(filter(None, told))) from failed


def how_to_continue(options: Options) -> str:
    """The command that continues from the state of this demo, or starts a new one if none is kept."""
    where = "Start the demo again:" if options.keep is None else "Its state is kept. To continue from there:"
    return f"{where}\n  {screen.make_command('demo', *options.given)}"


def _where_logs_are(here: Place) -> str:
    """A sentence that names the place where the logs of all parts outlive the demo, empty if nothing can be kept."""
    kept = here.folder("logs") if here.kept else logs.keep(here.folder("logs"))
    return "" if kept is None else f"The logs are in {kept}."


def _what_failed(error: Exception) -> str:
    if isinstance(error, StorageTrouble):
        return f"The storage emulator is in trouble: {error}."
    return str(error)


def _tell_trouble(console: Console, text: str) -> None:
    _say(console, text, style="yellow")


def require_writable(options: Options) -> None:
    """Raises UserMistake for a picture that could not be written at the end."""
    for option, file in (("--picture", options.picture), ("--explain-picture", options.explanation)):
        if file is None:
            continue
        if not file.absolute().parent.is_dir():
            raise UserMistake(f"{option} {file}: there is no such folder; name a file in one that exists.")
        try:
            is_new = not file.exists()
            # What stands there stays until the picture takes its place.
            file.open("a", encoding="utf-8").close()
            if is_new:
                file.unlink()
        except OSError as refused:
            raise UserMistake(f"{option} {file}: {refused.strerror}; name a file that can be written.") from refused


def _play(
    options: Options, console: Console, configuration: Configuration, session: Session, here: Place
) -> report.Result:
    flows = configuration.flows
    began = time.monotonic()
    with session:
        for access in session.systems.values():
            access.tell = lambda text: _say(console, text, style="yellow")
        firstsync.note_before(session, here, flows)
        session.resume_flows(FIRST_IN_WORST_ORDER if options.worst_order else None)
        standings = session.watch()
        session.start_functions()
        _started(console, time.monotonic() - began, here)
        for name, messages in session.skipped().items():
            say_skipped(console, SYSTEM_NAMES[name], messages)
        act = _act(options, console, configuration, session, here, standings)
        arrivals = _arrivals(session, configuration, standings, here)
        quotes = QuoteScenes(act.stage, arrivals[QUOTATIONS], session.sales)
        orders = OrderScenes(act.stage, arrivals[ORDERS], arrivals[QUOTATIONS], session.sales)
        opening = Opening(options, console, configuration, session, here, standings)
        clerk = _clerk(act, session, configuration, arrivals)
        opening.play(quotes, orders, clerk, lambda: _explain(options, console, here, quotes))
        in_step = not opening.gave_up
        if in_step and options.trust:
            result = act.play(stop=options.once)
        else:
            if options.once:
                # Nothing moves any more while both systems are compared, and the host reports its peak memory.
                session.stop_functions()
            result = firstsync.result_of(session, here, flows, standings, in_step=in_step)
        _show(console, result)
        if not in_step:
            screen.write(console, opening.gave_up, style="red")
            screen.write_verbatim(console, _where_logs_are(here), style="red")
        elif not options.once:
            _tell(options, configuration, session, standings, act)
    return result


def _arrivals(
    session: Session, configuration: Configuration, standings: Mapping[str, ProgressReader], here: Place
) -> dict[str, Arrivals]:
    return {flow.name: Arrivals(session, flow, standings[flow.name], here.memory) for flow in configuration.flows}


def _clerk(
    act: Act, session: Session, configuration: Configuration, arrivals: Mapping[str, Arrivals]
) -> ClerkScenes | None:
    """The clerk of F&O, None if the user has switched off what comes back."""
    if not {ORDERSBACK, INVOICES} <= arrivals.keys():
        return None
    clerk = Clerk(session.finops, configuration.company)
    creates = configuration.settings["ORDERS_BACK"] == "all"
    return ClerkScenes(act.stage, clerk, arrivals[ORDERSBACK], arrivals[INVOICES], creates=creates)


def _act(  # noqa: PLR0917 - the parts of a demo in their fixed order
    options: Options,
    console: Console,
    configuration: Configuration,
    session: Session,
    here: Place,
    standings: Mapping[str, ProgressReader],
) -> Act:
    stage = Stage(console)
    return Act(stage, session, here, configuration, standings, options.latency_ms, options.timeout_s)


def _tell(
    options: Options, configuration: Configuration, session: Session, standings: Mapping[str, ProgressReader], act: Act
) -> None:
    stage = act.stage
    console = stage.console
    arrivals = _arrivals(session, configuration, standings, act.place)
    console.print("\nNow users edit records in both systems. Ctrl-C ends the demo.", style="bold")
    maps = FLOWS.read_map_document(configuration.value_maps or configuration.settings.get(MAP_DOCUMENT))
    settings = _settings_file(act.place)
    _invite(console, settings)
    fulfilment = Fulfilment(session.finops, configuration.company)
    clerk = _clerk(act, session, configuration, arrivals)
    scenes = told_by_turns(
        AccountScenes(stage, arrivals[ACCOUNTS], Sales(session.sales), fulfilment).all(),
        ContactScenes(stage, arrivals[CONTACTS], arrivals[ACCOUNTS], Sales(session.sales, "contacts", "contact")).all(),
        ProductScenes(stage, arrivals[PRODUCTS], fulfilment).all(),
        QuoteScenes(stage, arrivals[QUOTATIONS], session.sales).all(),
        OrderScenes(stage, arrivals[ORDERS], arrivals[QUOTATIONS], session.sales).all(),
        () if clerk is None else clerk.all(),
    )

    def trust() -> None:
        result = act.play(stop=False)
        assert result.trial is not None
        for part in (*summary.findings(result), summary.closing_line(result.trial)):
            console.print(part)

    with suppress(KeyboardInterrupt), serving_console(settings) as address:
        _say(console, "Or in a browser on this computer, as long as the demo runs:")
        screen.write_verbatim(console, f"  {address}\n")
        _offer_practice(console, arrivals[ACCOUNTS], settings, maps)
        if not options.trust:
            _say(console, "After the first round of these edits, some two minutes, the functions are killed while they")
            _say(console, "work, and both systems throttle for some seconds: p2c then says that they do.")
        tell(scenes, options.pause_s, once=None if options.trust else trust)
    act.place.save()
    console.print("\nEnding the demo ... Ctrl-C ends the functions at once.", highlight=False)
    if options.keep is not None:
        screen.write_verbatim(console, how_to_continue(options), style="dim")


def _invite(console: Console, settings: Path) -> None:
    """What an operator can do meanwhile, as lines to paste."""
    _say(console, "Inspect it as an operator, in another terminal in this folder:")
    command = shlex.join(["./p2c.sh", "--settings", str(settings), "status"])
    screen.write_verbatim(console, f"  {command}\n")
    function = screen.shell_function("p2c", str(ROOT / "p2c.sh"), "--settings", str(settings))
    _say(console, "Or paste this once there, and type the commands as the documents and remedies name them:")
    screen.write_verbatim(console, f"  {function}\n")


def _offer_practice(console: Console, accounts: Arrivals, settings: Path, maps: ValueMaps) -> None:
    """A line to paste that gives an operator something to find and to correct."""
    account = accounts.some(random.Random())
    country = str(account.values.get("address1_country") or "") if account else ""
    unknown = next((wrong for each in ascii_lowercase if maps.country(wrong := f"{country}{each}") is None), "")
    if account is None or not country or not unknown:
        return
    edit = [".venv/bin/python", "-m", "local.demo.edit", "--settings", str(settings)]
    misspelt = shlex.join([*edit, str(account.values["accountnumber"]), f"address1_country={unknown}"])
    _say(console, f"To practise, misspell the country of an account in Sales ({country}), and find and correct it:")
    screen.write_verbatim(console, f"  {misspelt}\n")


def _headline(console: Console, configuration: Configuration, named: str, here: Place) -> None:
    by_direction: dict[str, list[str]] = {}
    for flow in configuration.flows:
        by_direction.setdefault(flow.direction, []).append(flow.name)
    flows = "; ".join(f"{direction}: {', '.join(names)}" for direction, names in by_direction.items())
    screen.write(console, f"Prospect to cash  {flows}", style="bold")
    for note in configuration.notes:
        _say(console, note, style="yellow")
    goes_on = "; the state of an earlier demo is continued" if not here.fresh else ""
    _say(console, f"records: {named}{goes_on}")
    _say(console, "starting storage, sign-in, both systems and the functions ...")


def _say(console: Console, text: str, *, style: str = "dim") -> None:
    screen.write(console, text, style=style, indent=2)


def _started(console: Console, seconds: float, here: Place) -> None:
    addresses = ", ".join(f"{SYSTEM_NAMES[name]} http://127.0.0.1:{port}" for name, port in here.memory.ports.items())
    _say(console, f"up after {seconds:.1f} s: {addresses}")


def _show(console: Console, result: report.Result) -> None:
    console.print()
    for part in summary.pictures(result):
        screen.show(console, part)


def _explain(options: Options, console: Console, here: Place, quotes: QuoteScenes) -> None:
    """While one quote is not in F&O, draw what the operators' command line says about it."""
    if options.explanation is None:
        return
    if quotes.puzzle is None:
        _say(console, f"--explain-picture {options.explanation}: no quote is left in Sales that could be explained")
    else:
        save_picture(options.explanation, _settings_file(here), quotes.puzzle)


def _settings_file(here: Place) -> Path:
    return here.folder("run") / "local.settings.json"
