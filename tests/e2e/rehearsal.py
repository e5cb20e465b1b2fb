"""A small demo in the hands of a test: trouble on demand, and what the functions have logged meanwhile."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from local.demo import samples
from local.demo.arguments import Options
from local.demo.configuration import Configuration, read_configuration
from local.demo.edits import Fulfilment, Sales
from local.demo.environment import child_environment, ticking
from local.demo.progress_reader import ProgressReader
from local.demo.samplequotes import SampleQuotes
from local.demo.selling import Seller
from local.demo.session import Session
from local.demo.state_dir import place
from local.demo.systems import FINOPS, SYSTEMS
from shared.flows.registry import FLOWS
from shared.state.storage.queues import poison_queue
from tests.e2e.host_log import Line, read_lines
from tests.e2e.marked import Chosen, write_marked_samples
from tests.support.consoled import Consoled, visited
from tests.support.operator import p2c_in
from tests.support.patience import PATIENCE_S

_LOOK_EVERY_S = 0.5
# Pulls every two seconds: as `SCHEDULE_S` of the rehearsal says. A sweep takes as much processor time as ten of them.
_QUICK = {**ticking("*/2 * * * * *", *FLOWS.names), **ticking("*/3 * * * * *", "sweep")}
# A message that failed comes back at once.
_HOST = {"AzureFunctionsJobHost__extensions__queues__visibilityTimeout": "00:00:01"}


@dataclass(slots=True)
class Rehearsal:
    """A running session with its records, and what one does to it. `rejected` is an account that cannot be written."""

    session: Session
    chosen: Chosen
    configuration: Configuration
    folder: Path
    standings: Mapping[str, ProgressReader]
    poison: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    rejected: str = ""
    _read: tuple[int, str, list[Line]] = (0, "", [])

    @property
    def sales(self) -> Sales:
        """Somebody who works with accounts."""
        return Sales(self.session.sales)

    @property
    def fulfilment(self) -> Fulfilment:
        """Somebody who works in F&O."""
        return Fulfilment(self.session.finops, self.configuration.company)

    @property
    def people(self) -> Sales:
        """Somebody who works with contacts."""
        return Sales(self.session.sales, "contacts", "contact")

    def quote(self) -> None:
        """Write and activate the quotes of the records; the products are in Sales."""
        catalogue = Seller(self.session.sales).catalogue()
        samples = SampleQuotes(self.session.sales, self.folder)
        samples.add_prices(catalogue)
        assert samples.write(catalogue)[0] == len(self.chosen.quotes)

    @property
    def settings_file(self) -> str:
        """The settings of the app, as an operator names them."""
        return str(self.folder.parent / "keep" / "run" / "local.settings.json")

    @contextmanager
    def console(self) -> Iterator[Consoled]:
        """The operators' console, as `p2c console --write` serves it, until Ctrl-C."""
        command = [sys.executable, "-m", "p2c", "--settings", self.settings_file, "console", "--write"]
        environment = {**child_environment(os.environ), "COLUMNS": "200"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            _, address, _ = (process.stdout.readline().strip() for _ in range(3))
            try:
                with visited(address) as console:
                    yield console
            finally:
                process.send_signal(signal.SIGINT)
        assert process.returncode == 0

    def ask(self, name: str, *arguments: str, code: int = 0) -> None:
        """Keep what the operators' command line answers; it must end with this code."""
        ended = p2c_in(child_environment(os.environ), "--settings", self.settings_file, *arguments)
        assert ended.exit_code == code, f"{arguments}: {ended.exit_code}\n{ended.output}"
        self.answers[name] = ended.stdout

    def take_poison(self, flow: str) -> bool:
        """Look into a poison queue; true when something was there."""
        queue = poison_queue(flow)
        taken = self.session.storage.queues.receive(queue, limit=32, invisible_s=1)
        self.poison += [message.body for message in taken]
        return bool(taken)

    def trouble(self, system: str, **rule: Any) -> None:
        """Switch a fault of a simulator on."""
        self.session.systems[system].control("POST", "faults", rule)

    def heal(self) -> None:
        """Switch all faults off."""
        for access in self.session.systems.values():
            access.control("DELETE", "faults")

    def mark(self) -> int:
        """Where the log ends now."""
        return len(self.log())

    def log(self, since: int = 0) -> str:
        """What was logged since a mark."""
        log = self.session.functions_log
        return log.read_text(encoding="utf-8")[since:] if log.exists() else ""

    def lines(self, since: int = 0) -> list[Line]:
        """The records logged since a mark. A log that has not grown is not read again."""
        log = self.log(since)
        if self._read[:2] != (since, log):
            self._read = since, log, read_lines(log)
        return self._read[2]

    def events(self, kind: str, since: int = 0, **fields: Any) -> list[dict[str, Any]]:
        """The events of a kind with these values, logged since a mark."""
        events = (line.event for line in self.lines(since))
        return [
            event
            for event in events
            if event.get("event") == kind and all(event.get(name) == value for name, value in fields.items())
        ]

    def told(self, flow: str, field: str, since: int) -> int:
        """What the last sweep has told of a flow, 0 when nothing."""
        events = self.events("flow_state", since, flow=flow)
        return (events[-1][field] if events else 0) or 0

    def gate_told(self, system: str, since: int) -> int:
        """For how many seconds a gate is closed, as the last sweep has told."""
        events = self.events("gate_state", since, system=system)
        return events[-1]["closed_s"] if events else 0

    def failed(self, function: str, since: int) -> int:
        """How often a function has failed since a mark."""
        return sum(f"Executed 'Functions.{function}' (Failed" in line.message for line in self.lines(since))

    def until_written(self, expected: Mapping[str, int]) -> None:
        """Wait until so many records of flows are in their targets."""
        for flow, count in expected.items():
            self.until(f"{count} {flow} are written", lambda: len(self.standings[flow].written()) >= count)  # noqa: B023

    def until_swept(self) -> None:
        """Wait until a sweep that begins from now on has told how everything stands."""
        since = self.mark()
        self.until("a sweep has begun and told", lambda: self._swept(since))

    def _swept(self, since: int) -> bool:
        """Whether a sweep that began since a mark has told how everything stands. The gate of F&O is what it tells
        last."""
        lines = iter(self.lines(since))
        has_begun = any("Executing 'Functions.sweep'" in line.message for line in lines)
        events = (line.event for line in lines)
        return has_begun and any((each.get("event"), each.get("system")) == ("gate_state", FINOPS) for each in events)

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """Wait until something is so. Fails with the end of the log when it is not after a while."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            self.session.require_alive()
            assert time.monotonic() < end, f"not within {PATIENCE_S:g} s: {what}\n{self.log()[-4000:]}"
            # Looks again when a process has ended, or after a moment.
            psutil.wait_procs(psutil.Process().children(), timeout=_LOOK_EVERY_S)


@contextmanager
def rehearsing(folder: Path, **settings: str) -> Iterator[Rehearsal]:
    """A session on marked records with its flows resumed; the functions run once it is asked for."""
    data, keep = folder / "data", folder / "keep"
    data.mkdir(parents=True)
    chosen = write_marked_samples(data)
    configuration = read_configuration(
        {**_QUICK, **settings}, unit_group=samples.unit_group(data), units=samples.unit_pairs(data), brisk=True
    )
    digest = samples.check_folder(data, samples.KNOWN)
    currency = samples.company_currency(data, None)
    names = tuple(flow.name for flow in configuration.flows)
    with place(keep, data=digest, folder=str(data), systems=SYSTEMS) as here:
        app_settings = {**configuration.settings_in(here.folder("run")), **_HOST}
        options = Options(once=True, data=data, keep=keep)
        with Session(options, here, app_settings, names, currency) as session:
            session.resume_flows()
            yield Rehearsal(session, chosen, configuration, data, session.watch())
