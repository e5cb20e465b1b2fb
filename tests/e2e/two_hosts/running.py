"""Functions hosts on one storage account between both systems, and what befalls them."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import psutil
from rich.console import Console

from local.demo import firstsync, samples
from local.demo.arguments import FUNC, LOCAL, SAMPLES, Options
from local.demo.configuration import Configuration, read_configuration
from local.demo.environment import child_environment, ticking
from local.demo.functionshost import FunctionsHost
from local.demo.progress_reader import ProgressReader
from local.demo.report import Result
from local.demo.sampling import small_folder
from local.demo.session import Session
from local.demo.standstill import Standstill
from local.demo.state_dir import Place, place
from local.demo.stocktaking import Stocktaking
from local.demo.systems import SYSTEMS, Access
from local.demo.waiting import Wait
from shared.flows.registry import FLOWS
from shared.operations.failures import failures_of
from shared.state.control import Control
from shared.state.failures import Failures
from shared.state.links import link_key
from shared.state.storage.tables import escape
from shared.systems import System
from tests.e2e.two_hosts.flushing import Disk
from tests.e2e.two_hosts.garbage import STRAYS, TOUCHES, Queues, Tables, name_of
from tests.e2e.two_hosts.people import People
from tests.e2e.two_hosts.plans import HOSTS, STORAGE, Edit, Litter, Step, Stray, Strike, Touch, Trouble
from tests.support.operator import p2c_in
from tests.support.patience import PATIENCE_S

# A dead worker's claim ends soon, and so does what its last request may still do: nothing is far here.
_HASTY = {
    "REQUEST_TIMEOUT_S": "5",
    "CLAIM_MARGIN_S": "5",
    # Two hosts that look every second or two would mostly do that.
    **ticking("*/3 * * * * *", *FLOWS.names),
    **ticking("*/10 * * * * *", "sweep"),
}
_HOST = {
    # A message that failed comes back at once.
    "AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01",
    "AzureFunctionsJobHost__extensions__queues__maxPollingInterval": "00:00:02",
}
# And the timers of a host that has ended tick after the shortest times that Microsoft's host takes, not after a minute.
_REAL_HOST = {
    "AzureFunctionsJobHost__singleton__listenerLockPeriod": "00:00:15",
    "AzureFunctionsJobHost__singleton__listenerLockRecoveryPollingInterval": "00:00:15",
    # One host alone is followed through its own doings, not through those of its timers, which cost most of its time.
    **ticking("*/5 * * * * *", *FLOWS.names),
}
# Of each answer of both systems, so that whoever is killed is at work.
LATENCY_MS = 60.0
# Every look reads the links of all flows.
_LOOK_EVERY_S = 0.5
_AT_WORK_WITHIN_S, _MET_WITHIN_S = 3.0, 3.0
# So many functions the other host has executed when one was alone, and so many connections were cut, in a trouble.
_ALONE, _CUT = 6, 4
# What has met a storage account without answers comes back after a minute; a host that has ended leaves the locks of
# its timers for up to 89 s.
_SETTLE_IDLE_S = 120.0
_CUTS: Mapping[Trouble, str] = {Trouble.CUT_BEFORE: "drop_before", Trouble.CUT_AFTER: "drop_after"}


@dataclass(slots=True)
class Running:
    """What runs; made by `running_hosts`. `littered` are the failures that garbage becomes, by flow and name;
    `in_hand` counts for each strike the records that workers had claimed."""

    session: Session
    place: Place
    configuration: Configuration
    standings: Mapping[str, ProgressReader]
    people: People
    queues: Queues
    tables: Tables
    disk: Disk
    console: Console
    littered: set[tuple[str, str]]
    in_hand: list[int]

    def play(self, steps: Sequence[Step]) -> None:
        """Play every step, one after the other."""
        for step in steps:
            self._play(step)
        self.people.end_the_day()

    def settle(self) -> str:
        """Wait until both systems are in step; why they are not, empty where they are."""
        stock = Stocktaking(
            self.session.systems, self.configuration.flows, self.standings, self.configuration.claim_live_s
        )
        wait = Wait(self.session, stock, self.console, _SETTLE_IDLE_S)
        wait.until_in_step()
        return wait.gave_up

    def compared(self) -> Result:
        """End the hosts, and compare both systems as the demo does."""
        self.session.stop_functions()
        flows = self.configuration.flows
        return firstsync.result_of(self.session, self.place, flows, self.standings, in_step=True)

    def ask(self, *arguments: str) -> str:
        """What the operators' command line answers."""
        settings = self.place.folder("run") / "local.settings.json"
        ended = p2c_in(child_environment(os.environ), "--settings", str(settings), *arguments)
        assert ended.exit_code == 0, f"{arguments}: {ended.exit_code}\n{ended.output}"
        return ended.stdout

    def _play(self, step: Step) -> None:
        self.session.require_alive()
        self.console.print(f"{time.monotonic():.1f}  {step}", markup=False, highlight=False)
        match step:
            case Edit():
                self.people.do(step)
            case Litter(queue, _, body, is_encoded):
                self.queues.drop(queue, body, is_encoded=is_encoded)
                self.littered.add((queue.partition("-")[0], name_of(body, is_encoded=is_encoded)))
            case Touch():
                self.touch(step)
            case Stray(number):
                self.tables.put(*STRAYS[number])
            case Strike():
                self._play_strike(step)

    def _play_strike(self, strike: Strike) -> None:
        """Strike when workers have records in their hands; go on once somebody has met the trouble."""
        self._within(_AT_WORK_WITHIN_S, self.claimed)
        self.in_hand.append(self.claimed())
        met = self._met_by(strike.trouble, strike.part)
        heal = self._strike(strike.trouble, strike.part)
        half = len(strike.meanwhile) // 2
        try:
            for each in strike.meanwhile[:half]:
                self._play(each)
            self._within(_MET_WITHIN_S, met)
            for each in strike.meanwhile[half:]:
                self._play(each)
        finally:
            heal()
        self.console.print(f"{time.monotonic():.1f}  over; {self.in_hand[-1]} records were in hand", highlight=False)

    def _within(self, seconds: float, condition: Callable[[], object]) -> None:
        """Until something is so, or so many seconds of a quiet machine have passed."""
        standstill = Standstill(_LOOK_EVERY_S * 2)
        while not condition() and standstill.look() < seconds:
            _pause()

    def delay(self, latency_ms: float) -> None:
        """Let both systems answer the sync so late from now on."""
        for access in self.session.systems.values():
            access.control("POST", "latency", {"latency_ms": Decimal(str(latency_ms))})

    def claimed(self) -> int:
        """How many records workers have in their hands."""
        return sum(reader.claimed() for reader in self.standings.values())

    def _met_by(self, trouble: Trouble, part: str) -> Callable[[], object]:
        """What tells that a trouble has been met: of a host, that the other one has worked on alone; of a system, that
        its gate is closed, or connections were cut; of the storage nothing tells it."""
        if part == STORAGE:
            return lambda: False
        if part in HOSTS:
            other = self.session.hosts[1 - HOSTS.index(part)]
            enough = _executed(other.log) + _ALONE
            return lambda: _executed(other.log) >= enough
        if trouble in _CUTS:
            return lambda: _hits(self.session.systems[part]) >= _CUT
        control = Control(self.session.storage.table("control"))
        return lambda: control.gate(System(part)).closed

    def _strike(self, trouble: Trouble, part: str) -> Callable[[], None]:
        """Let a trouble begin; returns what ends it."""
        match trouble:
            case Trouble.KILLED if part in HOSTS:
                host = self._host(part)
                host.kill()
                return partial(self.session.start_host, host)
            case Trouble.ORPHANS:
                host = self._host(part)
                host.kill_alone()
                return partial(self.session.start_host, host)
            case Trouble.KILLED if part == STORAGE:
                return self.kill_storage()
            case Trouble.KILLED:
                self.session.simulators.kill(part)
                return partial(self.session.simulators.start_again, part)
            case Trouble.HANGS:
                processes = self._processes(part)
                _each(psutil.Process.suspend, processes)
                return partial(_each, psutil.Process.resume, processes)
            case _:
                access = self.session.systems[part]
                access.control("POST", "faults", {"kind": _CUTS[trouble]})
                return partial(_heal, access)

    def kill_storage(self) -> Callable[[], None]:
        """The hosts stand still until all is on disk that they have an answer to: a storage account loses none of it.
        They go on before the emulator is back."""
        with self._hosts_standing_still():
            self.disk.flush(self.until)
            self.session.azurite.kill()
        return self.session.azurite.start

    @contextmanager
    def _hosts_standing_still(self) -> Iterator[None]:
        processes = [process for host in self.session.hosts for process in host.processes]
        _each(psutil.Process.suspend, processes)
        try:
            yield
        finally:
            _each(psutil.Process.resume, processes)

    def touch(self, touch: Touch) -> None:
        """Write into the link of a record, as somebody else does."""
        id = self.people.record(touch.flow, touch.pick)
        if id is not None:
            row = {"PartitionKey": escape(touch.flow), "RowKey": link_key(id), **TOUCHES[touch.kind]}
            self.tables.touch("links", row)

    def _host(self, part: str) -> FunctionsHost:
        return self.session.hosts[HOSTS.index(part)]

    def _processes(self, part: str) -> Sequence[psutil.Process]:
        if part in HOSTS:
            found = self._host(part).processes
        else:
            pid = self.session.azurite.pid if part == STORAGE else self.session.simulators.pid(part)
            found = [] if pid is None else [psutil.Process(pid)]
        assert found, f"the {part} does not run"
        return found

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """Wait until something is so."""
        _until(self.session, what, condition)


@contextmanager
def running_hosts(
    folder: Path, kind: str = LOCAL, *, count: int = 2, all_fire: bool = False, most_s: int = 20
) -> Iterator[Running]:
    """Start storage and systems with the demo's small sample, and so many hosts of a kind, with every flow running.

    `all_fire`: each host has an id of its own, so that they share no lock and each fires every timer. No function may
    run longer than `most_s` seconds: so long does a dead worker's claim last, and ten seconds more.
    """
    with small_folder(SAMPLES) as data:
        configuration = read_configuration(
            {**_HASTY, "AzureFunctionsJobHost__functionTimeout": f"00:00:{most_s}"},
            unit_group=samples.unit_group(data),
            units=samples.unit_pairs(data),
            hasty=True,
            brisk=True,
        )
        digest, currency = samples.check_folder(data, samples.KNOWN), samples.company_currency(data, None)
        names = tuple(flow.name for flow in configuration.flows)
        keep = folder / "keep"
        console = Console(width=160)
        # With a report both systems keep what they were asked.
        options = Options(once=True, data=data, keep=keep, report=folder, latency_ms=LATENCY_MS, host=kind)
        with place(keep, data=digest, folder=str(data), systems=SYSTEMS) as here:
            settings = {
                **configuration.settings_in(here.folder("run")),
                **_HOST,
                **(_REAL_HOST if kind == FUNC else {}),
            }
            session = Session(options, here, settings, names, currency, tell=console.print)
            with session:
                firstsync.note_before(session, here, configuration.flows)
                session.resume_flows()
                standings = session.watch()
                session.start_functions()
                for number in range(1, count):
                    own = {"AzureFunctionsWebHost__hostid": f"host-{number}"} if all_fire else {}
                    session.start_host(session.further_host(own))
                connection = session.azurite.connection_string
                people = People(session, configuration, here.memory, partial(_until, session))
                with (
                    closing(Queues(connection)) as queues,
                    closing(Tables(connection)) as tables,
                    closing(Disk(here.folder("azurite"), connection)) as disk,
                ):
                    yield Running(
                        session, here, configuration, standings, people, queues, tables, disk, console, set(), []
                    )


def assert_all_is_in_step(stage: Running) -> None:
    """Both systems are alike, and nothing is listed but the garbage, until it is dismissed. Ends the hosts. Whatever is
    not of the app lies where it was put."""
    result = stage.compared()
    wrong = {name: flow.comparison for name, flow in result.flows.items() if not flow.comparison.clean}
    assert wrong == {}
    assert result.unaccounted == 0
    failures = Failures(stage.session.storage.table("links"))
    listed = {(flow, failure.id) for flow in FLOWS.names for failure in failures_of(failures, flow)}
    assert listed == stage.littered

    assert all(stage.tables.remove(*stray) for stray in STRAYS)
    for flow in FLOWS.names:
        ids = sorted(id for value, id in stage.littered if value == flow)
        stage.ask("dismiss", flow, *ids, "--reason", "put there by the test", "--yes")
    assert json.loads(stage.ask("failures", "--json")) == []


def _executed(log: Path) -> int:
    return log.read_text(encoding="utf-8").count("Executed 'Functions.")


def _hits(access: Access) -> int:
    rules = access.control("GET", "faults")["value"]
    return sum(int(str(rule["hits"])) for rule in rules if isinstance(rule, dict)) if isinstance(rules, list) else 0


def _each(act: Callable[[psutil.Process], None], processes: Sequence[psutil.Process]) -> None:
    for process in processes:
        # A worker may have come to its end meanwhile.
        with suppress(psutil.NoSuchProcess):
            act(process)


def _heal(access: Access) -> None:
    access.control("DELETE", "faults")


def _until(session: Session, what: str, condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        session.require_alive()
        assert time.monotonic() < end, f"not within {PATIENCE_S:g} s: {what}"
        _pause()


def _pause() -> None:
    """Until a process has ended, or a moment."""
    psutil.wait_procs(psutil.Process().children(), timeout=_LOOK_EVERY_S)
