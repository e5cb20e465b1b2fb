"""The demo in a process of its own, as its user runs it, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from local.demo import processes
from local.demo.clerkscenes import TAKEN
from local.demo.orderscenes import AT_ONCE, WON
from local.demo.progress_reader import ENDED
from tests.support.patience import PATIENCE_S

TOKEN = "fixed-for-this-test"
WRITES = ("POST", "PATCH", "PUT", "DELETE")
KEPT_IN_SALES = {"draft": 1, "lost": 1, "write_in_line": 1, "own_product": 1, "no_lines": 1}
ORDERS_KEPT_IN_SALES = {"draft": 1, "activation_incomplete": 1, "came_from_finops": TAKEN}

# What is done in a scene of the story, and what is said when it has arrived: the first scene of each kind of records,
# which come first, and the others.
FIRST_SCENES = (
    ("renamed", "in F&O after"),
    ("has the last name", "in F&O after"),
    ("the price of", "in Sales after"),
    ("is quoted", "in F&O after"),
    ("is won and ordered", "in F&O after"),
    ("is entered in F&O and confirmed", "an order in Sales after"),
)
SCENES = (
    *FIRST_SCENES,
    ("new account", "in F&O after"),
    ("moves to", "the former contact person inactive, after"),
    ("new product", "in Sales after"),
    ("revised: another quantity", "in F&O after"),
    ("orders", "in F&O after"),
    ("is confirmed in F&O", "confirmed in Sales after"),
    ("is delivered", "shipped in Sales after"),
    ("CustomerGroupId", "is refused after"),
    ("deactivated", "inactive in F&O after"),
    ("no longer sellable", "retired in Sales after"),
    ("sellable again", "in Sales after"),
    ("is invoiced by", "in Sales after"),
    ("lost; the quotation stays", "noted after"),
)

Report = Mapping[str, Any]
# What was shown since the last call, up to a line with the text.
ReadTo = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class Sample:
    """How many records a sample has. Of the individuals so many are quoted, and there are so many `invoices`;
    `account_reads` is the most that reading the accounts may cost, in requests without the looks for changes."""

    accounts: int
    persons: int
    individuals: int
    quoted: int
    products: int
    sample_quotes: int
    invoices: int
    account_reads: int

    @property
    def contacts(self) -> int:
        """How many contacts are in F&O in the end."""
        return self.persons + self.quoted

    @property
    def quotations(self) -> int:
        """Those of the sample, those of individuals, a revised one, and the one that is mended before the eyes of the
        user."""
        return self.sample_quotes + self.quoted + 2

    @property
    def won(self) -> int:
        """Of the quotations in F&O, those whose quotes are won in the end."""
        return min(WON, (self.quotations + 1) // 2)

    @property
    def orders(self) -> int:
        """Those of won quotes, and those without a quote."""
        return self.won + AT_ONCE


def command(*arguments: str) -> list[str]:
    """The command line of the demo."""
    return [sys.executable, "-m", "local.demo", *arguments]


def run_once(keep: Path, report: Path, *more: str) -> Report:
    """Run until in step; the report that it wrote."""
    arguments = ("--once", "--keep", str(keep), "--report", str(report), *more)
    ended = subprocess.run(
        command(*arguments),
        cwd=processes.ROOT,
        capture_output=True,
        text=True,
        # The demo bounds each of its waits itself; all records take long on a busy machine.
        timeout=3 * PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return read_report(report)


def read_report(folder: Path) -> Report:
    """The content of report.json."""
    content: Report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return content


@contextmanager
def running_demo(*arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], ReadTo]]:
    """A demo that stays up, and a function that reads its lines up to one with a text."""
    demo = subprocess.Popen(
        command(*arguments),
        cwd=processes.ROOT,
        # No line is broken.
        env={**os.environ, "COLUMNS": "300", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None

    def read_to(text: str) -> list[str]:
        assert demo.stdout is not None
        lines = []
        for line in demo.stdout:
            lines.append(line)
            if text in line:
                return lines
        raise AssertionError(f"{text!r} was not shown:\n{''.join(lines)}")

    try:
        yield demo, read_to
    finally:
        demo.terminate()
        demo.wait(PATIENCE_S)
        demo.stdout.close()


def ended_by_ctrl_c(demo: subprocess.Popen[str]) -> int:
    """End a demo as Ctrl-C does; its exit code. Nothing that it started may be left."""
    children = psutil.Process(demo.pid).children(recursive=True)
    assert children
    demo.send_signal(signal.SIGINT)
    code = demo.wait(PATIENCE_S)
    _, left = psutil.wait_procs(children, timeout=PATIENCE_S)
    assert not left
    return code


def exchanges(report: Path, system: str) -> list[Mapping[str, Any]]:
    """What a system was asked, of exchanges.jsonl."""
    lines = (report / "exchanges.jsonl").read_text(encoding="utf-8").splitlines()
    return [exchange for line in lines if (exchange := json.loads(line))["system"] == system]


def first_exchanges(report: Report, folder: Path, system: str) -> list[Mapping[str, Any]]:
    """What a system was asked until both were compared: what a report tells. The edits of users come later."""
    count = sum(report["requests"][system].values())
    asked = exchanges(folder, system)[:count]
    assert len(asked) == count
    return asked


def looks(asked: Iterable[Mapping[str, Any]], system: str, collection: str) -> int:
    """How often a flow has asked whether anything has changed: a delta link of Dataverse, a walk of F&O."""
    urls = [exchange["url"] for exchange in asked if f"/{collection}" in exchange["url"]]
    return len(urls) if system == "finops" else sum("deltatoken" in url for url in urls)


@contextmanager
def sales_system(keep: Path, folder: Path) -> Iterator[str]:
    """The kept Dataverse alone, while the sync is down."""
    ready = folder / "ready"
    arguments = ("--port", "0", "--token", TOKEN, "--data", str(keep / "dataverse"), "--ready-file", str(ready))
    with processes.running("dataverse simulator", "local.dataverse", arguments, log=folder / "log") as child:
        yield f"http://127.0.0.1:{child.wait_for(ready)}/api/data/v9.2"


def rename_two_accounts(address: str) -> None:
    """Somebody in Sales, while the sync is down."""
    headers = {"Authorization": f"Bearer {TOKEN}", "If-Match": "*"}
    with requests.Session() as session:
        session.headers.update(headers)
        found = session.get(
            f"{address}/accounts?$select=name&$top=2", headers={"If-Match": None}, timeout=PATIENCE_S
        ).json()
        for row in found["value"]:
            changed = session.patch(
                f"{address}/accounts({row['accountid']})", json={"name": f"{row['name']} KG"}, timeout=PATIENCE_S
            )
            assert changed.status_code == 204, changed.text


def assert_well(report: Report) -> None:
    """Both systems are in step, and the comparison is clean."""
    assert report["in_step"] is True
    assert report["unaccounted"] == 0
    for compared in report["comparison"].values():
        assert compared["expected"] == compared["present"]
        wrong = [compared[name] for name in ("missing", "extra", "doubled", "different")]
        assert wrong == [[], [], [], []]


def assert_everything_is_written(first: Report, folder: Path, sample: Sample) -> None:
    """Every record of the sample is where it belongs, by as few requests as can be. `folder` has the exchanges: those
    of the report, and then those of what users have edited."""
    assert_well(first)
    accounts, products = first["flows"]["accounts"], first["flows"]["products"]
    assert (accounts["read"], accounts["outcomes"]["created"]) == (sample.accounts, sample.accounts)
    assert (products["read"], products["outcomes"]["created"]) == (sample.products, sample.products)
    contacts, quotations = first["flows"]["contacts"], first["flows"]["quotations"]
    assert contacts["outcomes"]["created"] == first["comparison"]["contacts"]["expected"] == sample.contacts
    assert contacts["filtered"] == {"no_account": sample.individuals - sample.quoted}
    assert quotations["outcomes"]["created"] == sample.quotations
    assert first["comparison"]["quotations"]["expected"] == sample.quotations - sample.won
    assert quotations["filtered"] == {**KEPT_IN_SALES, f"{ENDED}won": sample.won}
    orders = first["flows"]["orders"]
    assert orders["outcomes"]["created"] == first["comparison"]["orders"]["expected"] == sample.orders
    assert orders["filtered"] == ORDERS_KEPT_IN_SALES
    back, compared = first["flows"]["ordersback"], first["comparison"]["ordersback"]
    assert compared["expected"] == sample.orders + TAKEN
    assert back["outcomes"]["created"] == TAKEN
    assert back["filtered"].keys() <= {"invoiced_in_sales"}
    invoices = first["flows"]["invoices"]
    assert invoices["outcomes"]["created"] == first["comparison"]["invoices"]["expected"] == sample.invoices
    in_sales, sent = (first_exchanges(first, folder, system) for system in ("dataverse", "finops"))
    assert_only_the_status_of_orders_of_sales_is_written(in_sales)
    for flow in first["flows"].values():
        assert (flow["rejected"], flow["waiting"]) == ({}, 0)
    # A look for changes at every tick is one request; the longer the session, the more of them.
    asked = sum(accounts["requests"]["dataverse"].values())
    assert asked - looks(in_sales, "dataverse", "accounts?") <= sample.account_reads
    for name, source in (("accounts", "dataverse"), ("contacts", "dataverse"), ("products", "finops")):
        assert first["flows"][name]["requests"][source]["write"] == 0
    assert quotations["requests"]["dataverse"]["write"] == 0
    assert first["peak_memory_mb"] < 300
    assert not [
        exchange for exchange in sent if "authorization" in {name.lower() for name in exchange["request_headers"]}
    ]


def assert_only_the_status_of_orders_of_sales_is_written(in_sales: Iterable[Mapping[str, Any]]) -> None:
    """What comes back of orders of Sales is their status, and nothing else of them is written there."""
    sent = [exchange for exchange in in_sales if exchange["method"] in WRITES]
    bodies = [json.loads(each["request_body"]) for each in sent if "/salesorders" in each["url"]]
    rows = [row for body in bodies for row in body["Targets"]]
    created = {row["salesorderid"] for row in rows if "ordernumber" in row}
    assert len(created) == TAKEN
    written = {name for row in rows if row["salesorderid"] not in created for name in row}
    assert written == {"@odata.type", "salesorderid", "msdynce_processingstatus"}


def assert_scenes(story: list[str], scenes: Sequence[tuple[str, str]]) -> None:
    """Each change of these scenes arrives."""
    for scene, arrival in scenes:
        assert any(scene in line and arrival in line for line in story), f"{scene}: {arrival}\n{''.join(story)}"
