"""How long an operator waits for the pages of the console, and for commands, with many links and failures on the
storage emulator: `python -m benchmarks.console`."""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import requests
from azure.core.credentials import AccessToken, TokenCredential

from benchmarks import document
from benchmarks.filled import NUMBER, Rows, filled_azurite
from benchmarks.hosts import usage_of
from benchmarks.reporting import report
from benchmarks.stage import COMPANY
from local.azurite import Azurite
from local.command_line import Parser
from local.demo.errors import DemoFailed
from p2c.connection import Connection
from p2c.console.server import serving
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.products import PRODUCTS
from shared.flows.registry import FLOWS
from shared.state.failures import Failure
from shared.state.history import history_row
from shared.state.link_parts import LinkContent
from shared.state.links import Link, LinkState
from shared.state.runs import Run
from shared.state.storage.account import Account, Storage
from shared.state.storage.tables import Row

_HEADINGS = ("what", "first, seconds", "again, seconds", "of Azurite's processor")
_TOKEN = "token-of-the-benchmark"  # noqa: S105 - of simulators that nobody else can reach
_CAUSES = ("finops.validateField.CustomerGroupId", "country_unknown", "state_unknown", "text_too_long")
_ID = f"{NUMBER}-0000-4000-8000-000000000000"
# A rare state, at the end of the links.
_WAITING, _FILTERED, _RUNS = 5, 100, 500
_PATIENCE_S, _START_S = 600, 60.0


class _Fixed:
    """The one token that the simulators take."""

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        """The token."""
        return AccessToken(_TOKEN, 4_000_000_000)


class _ToBenchmark(Connection):
    @cached_property
    def credential(self) -> TokenCredential:
        """What the simulators take."""
        return _Fixed()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, say it, and write it into a document when asked to."""
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.links // 2 <= parsed.failures + _FILTERED + _WAITING:
        parser.error(f"--links {parsed.links} is too few for {parsed.failures} failures and what else is listed")

    def table() -> Sequence[str]:
        return document.table(_HEADINGS, list(_measured(parsed.links, parsed.failures, commands=parsed.commands)))

    how = f", with {parsed.links:,} links and {parsed.failures:,} failures"
    return report("console", parsed.write, table, how=how)


def _measured(links: int, failures: int, *, commands: bool) -> Iterator[tuple[str, ...]]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench-console-")))
        began = time.monotonic()
        azurite = stack.enter_context(filled_azurite(list(rows_of(links, failures))))
        sys.stderr.write(f"filled in {time.monotonic() - began:.0f} s\n")
        Storage(Account(connection_string=azurite.connection_string)).create(FLOWS.names)
        settings = {
            "AzureWebJobsStorage": azurite.connection_string,
            "DATAVERSE_URL": stack.enter_context(_simulator("dataverse", folder)),
            "FINOPS_URL": stack.enter_context(_simulator("finops", folder)),
            "COMPANY": COMPANY,
        }
        yield from _pages(settings, azurite)
        if commands:
            yield from _commands(settings, folder)


def rows_of(links: int, failures: int) -> Iterator[Rows]:
    """The links of three flows, those of accounts with failures, history, keys, and a few of rare states at the end;
    and runs of every flow."""
    now = datetime.now(UTC)
    other = links // 4
    for flow, count in ((CONTACTS, other), (PRODUCTS, other)):
        yield Rows("links", _link(flow, LinkState.WRITTEN), count)
    listed = Failure(
        ACCOUNTS, _ID, "", f"The value '{NUMBER}' in field 'Customer group' is not found in the related table.",
        "create the missing value, or correct the source value or the value map", now, now, number=f"A-{NUMBER}",
        value=NUMBER,
    )  # fmt: skip
    share = failures // len(_CAUSES)
    for place, cause in enumerate(_CAUSES):
        count = failures - place * share if place == len(_CAUSES) - 1 else share
        yield Rows("links", replace(listed, cause=cause).to_row(), count, place * share)
    entry = history_row(
        ACCOUNTS, _ID, time=now, claim="c", run="r", outcome="created", fields="OrganizationName", sent_by="s"
    )
    yield Rows("links", entry, failures)
    rest = links - 2 * other
    states = {LinkState.REJECTED: failures, LinkState.FILTERED: _FILTERED, LinkState.WAITING: _WAITING}
    at = 0
    for state, count in {LinkState.WRITTEN: rest - sum(states.values()), **states}.items():
        yield Rows("links", _link(ACCOUNTS, state), count, at)
        at += count
    owner = {"key": f"a-{NUMBER}", "flow": ACCOUNTS, "route": "customer", "record_id": _ID}
    yield Rows("keys", Row(f"CustomersV3|{COMPANY}", f"a-{NUMBER}", owner), rest - sum(states.values()))
    for flow in FLOWS.names:
        run = Run(flow, "pull", NUMBER, now, 1.5, {"pages": 1}).to_row()
        yield Rows("runs", run, _RUNS)


def _link(flow: str, state: LinkState) -> Row:
    is_there = state is LinkState.WRITTEN
    key = f"A-{NUMBER}" if is_there else None
    content = LinkContent(applied={"OrganizationName": f"Account {NUMBER}", "AddressState": "TN"} if is_there else {})
    rule = {LinkState.FILTERED: "inactive", LinkState.REJECTED: _CAUSES[0]}.get(state)
    return Link(flow, _ID, "customer", state, rule, target_key=key, held_key=key, content=content).to_row()


def _pages(settings: Mapping[str, str], azurite: Azurite) -> Iterator[tuple[str, ...]]:
    """Each page, when nobody has asked before and once more; and how long the emulator has worked for the latter, which
    does not depend on what else the machine does."""
    number = f"{0:08d}"
    id, accounts = _ID.replace(NUMBER, number), f"flow={ACCOUNTS}"
    paths = {
        "overview": "/",
        "not in step": "/causes",
        "failures of a cause": f"/failures?{accounts}&cause={_CAUSES[1]}",
        "failures of a cause, last page": f"/failures?{accounts}&cause={_CAUSES[-1]}&after=F|99999999",
        "records": f"/records?{accounts}",
        "records of a rare state, one step": f"/records?{accounts}&state=waiting",
        "records of a frequent state": f"/records?{accounts}&state=written",
        "search for an id": f"/find?q={id}&{accounts}",
        "search for an id that three flows have": f"/find?q={id}",
        "search for a number in any flow": f"/find?q=A-{number}",
        "a record, to which a search leads": f"/record?{accounts}&id={id}",
        "what waits for a record, later on its page": f"/children?{accounts}&id={id}",
        "runs": "/runs",
        "audit": "/audit",
        "map": f"/map?{accounts}",
    }
    with serving(_ToBenchmark(FLOWS, settings, for_pages=True), writes=True) as pages:
        thread = Thread(target=pages.run)
        thread.start()
        try:
            with requests.Session() as user:
                user.trust_env = False
                address = pages.address.partition("/?")[0]
                seconds = _timed(partial(_visit, user, pages.address))
                yield "sign-in, with the first overview", f"{seconds:.2f}", "", ""
                for what, path in paths.items():
                    first = _timed(partial(_visit, user, f"{address}{path}"))
                    before = _worked_s(azurite)
                    again = _timed(partial(_visit, user, f"{address}{path}"))
                    yield what, *(f"{each:.2f}" for each in (first, again, _worked_s(azurite) - before))
        finally:
            pages.server.should_exit = True
            thread.join()


def _commands(settings: Mapping[str, str], folder: Path) -> Iterator[tuple[str, ...]]:
    file = folder / "settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": dict(settings)}), encoding="utf-8")
    for command in (
        ("failures",),
        ("failures", ACCOUNTS, "--cause", _CAUSES[1]),
        ("records", ACCOUNTS),
        ("records", ACCOUNTS, "--state", "waiting"),
        ("records", ACCOUNTS, "--rule", "inactive"),
        ("status",),
    ):
        call = [sys.executable, "-m", "p2c", "--settings", str(file), *command, "--json"]
        run = partial(subprocess.run, call, stdout=subprocess.DEVNULL, check=False)
        seconds = _timed(run)
        yield f"`p2c {' '.join(command)}`", f"{seconds:.2f}", "", ""


def _worked_s(azurite: Azurite) -> float:
    assert azurite.pid is not None
    return usage_of(azurite.pid).cpu_s


def _timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def _visit(user: requests.Session, url: str) -> None:
    # A search that finds one record leads to its page, which is measured by itself.
    leads_on = "/find?" in url
    answer = user.get(url, timeout=_PATIENCE_S, allow_redirects=not leads_on)
    if answer.status_code not in ((200, 303) if leads_on else (200,)):
        raise DemoFailed(f"{answer.url} has answered {answer.status_code}: {answer.text[:500]}")


@contextmanager
def _simulator(name: str, folder: Path) -> Iterator[str]:
    """A simulator without rows; its address."""
    ready = folder / name
    arguments = ["--port", "0", "--token", _TOKEN, "--ready-file", str(ready)]
    process = subprocess.Popen(  # noqa: S603 - a module of our own
        [sys.executable, "-m", f"local.{name}", *arguments], stdout=subprocess.DEVNULL
    )
    try:
        not_after = time.monotonic() + _START_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > not_after:
                raise DemoFailed(f"the simulator of {name} did not come up")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{ready.read_text().strip()}"
    finally:
        process.terminate()
        process.wait()


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m benchmarks.console", description="Measures the pages of the console.")
    add = parser.add_argument
    add("--links", type=int, default=100_000, metavar="N", help="links (default: %(default)s)")
    add("--failures", type=int, default=10_000, metavar="N", help="open failures (default: %(default)s)")
    add("--commands", action="store_true", help="measure commands as well; `p2c status` reads every link")
    document.add_option(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
