"""The demo as its user runs it: real triggers, Azurite, both systems simulated, processes of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from local.demo import processes
from local.demo.arguments import SAMPLES

ACCOUNTS, PERSONS, INDIVIDUALS, QUOTED, PRODUCTS = 701, 753, 476, 25, 504
# The sample quotes, those of individuals, a revised one, and the one that is mended before the eyes of the user.
QUOTATIONS = 179 + QUOTED + 2
KEPT_IN_SALES = {"draft": 1, "lost": 1, "write_in_line": 1, "own_product": 1, "no_lines": 1}
# Only so that a demo that hangs does not hang for ever.
RUN_LIMIT_S = 900.0
TOKEN = "fixed-for-this-test"
WRITES = ("POST", "PATCH", "PUT", "DELETE")


Report = Mapping[str, Any]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "local.demo", *arguments]


def run_once(keep: Path, report: Path, *more: str) -> Report:
    """Run until in step; the report that it wrote."""
    arguments = ("--once", "--keep", str(keep), "--report", str(report), *more)
    ended = subprocess.run(
        command(*arguments), cwd=processes.ROOT, capture_output=True, text=True, timeout=RUN_LIMIT_S, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    content: Report = json.loads((report / "report.json").read_text(encoding="utf-8"))
    return content


@contextmanager
def running_demo(*arguments: str, **variables: str) -> Iterator[tuple[subprocess.Popen[str], Callable[[str], str]]]:
    """A demo that stays up, and a function that reads its lines up to one with a text."""
    demo = subprocess.Popen(
        command(*arguments),
        cwd=processes.ROOT,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    lines: list[str] = []

    def read_to(text: str) -> str:
        assert demo.stdout is not None
        for line in demo.stdout:
            lines.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was not shown:\n{''.join(lines)}")

    try:
        yield demo, read_to
    finally:
        demo.terminate()
        demo.wait(30)
        demo.stdout.close()


def ended_by_ctrl_c(demo: subprocess.Popen[str]) -> int:
    """End a demo as Ctrl-C does; its exit code. Nothing that it started may be left."""
    children = psutil.Process(demo.pid).children(recursive=True)
    assert children
    began = time.monotonic()
    demo.send_signal(signal.SIGINT)
    code = demo.wait(30)
    _, left = psutil.wait_procs(children, timeout=1)
    assert not left
    assert time.monotonic() - began < 15
    return code


def exchanges(report: Path, system: str) -> list[Mapping[str, Any]]:
    lines = (report / "exchanges.jsonl").read_text(encoding="utf-8").splitlines()
    return [exchange for line in lines if (exchange := json.loads(line))["system"] == system]


def looks(report: Path, system: str, collection: str) -> int:
    """How often a flow has asked whether anything has changed: a delta link of Dataverse, a walk of F&O."""
    asked = [exchange["url"] for exchange in exchanges(report, system) if f"/{collection}" in exchange["url"]]
    return len(asked) if system == "finops" else sum("deltatoken" in url for url in asked)


@contextmanager
def sales_system(keep: Path, folder: Path) -> Iterator[str]:
    """The kept Dataverse alone, while the sync is down."""
    ready = folder / "ready"
    arguments = ("--port", "0", "--token", TOKEN, "--data", str(keep / "dataverse"), "--ready-file", str(ready))
    with processes.running("dataverse simulator", "local.dataverse", arguments, log=folder / "log") as child:
        yield f"http://127.0.0.1:{child.wait_for(ready)}/api/data/v9.2"


def rename_two_accounts(address: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "If-Match": "*"}
    with requests.Session() as session:
        session.headers.update(headers)
        found = session.get(f"{address}/accounts?$select=name&$top=2", headers={"If-Match": ""}, timeout=30).json()
        for row in found["value"]:
            changed = session.patch(
                f"{address}/accounts({row['accountid']})", json={"name": f"{row['name']} KG"}, timeout=30
            )
            assert changed.status_code == 204, changed.text


def assert_well(report: Report) -> None:
    assert report["in_step"] is True
    assert report["unaccounted"] == 0
    for compared in report["comparison"].values():
        assert compared["expected"] == compared["present"]
        wrong = [compared[name] for name in ("missing", "extra", "doubled", "different")]
        assert wrong == [[], [], [], []]


@pytest.mark.long
def test_the_demo_syncs_everything_goes_on_after_edits_and_then_writes_nothing(tmp_path: Path) -> None:
    keep = tmp_path / "keep"

    first = run_once(keep, tmp_path / "first")
    assert_well(first)
    accounts, products = first["flows"]["accounts"], first["flows"]["products"]
    assert (accounts["read"], accounts["outcomes"]["created"], accounts["rejected"]) == (ACCOUNTS, ACCOUNTS, {})
    assert (products["read"], products["outcomes"]["created"], products["rejected"]) == (PRODUCTS, PRODUCTS, {})
    contacts, quotations = first["flows"]["contacts"], first["flows"]["quotations"]
    assert (contacts["outcomes"]["created"], contacts["rejected"]) == (PERSONS + QUOTED, {})
    assert contacts["filtered"] == {"no_account": INDIVIDUALS - QUOTED}
    assert (quotations["outcomes"]["created"], quotations["rejected"]) == (QUOTATIONS, {})
    assert quotations["filtered"] == KEPT_IN_SALES
    assert first["comparison"]["contacts"]["expected"] == PERSONS + QUOTED
    assert first["comparison"]["quotations"]["expected"] == QUOTATIONS
    assert [flow["waiting"] for flow in first["flows"].values()] == [0, 0, 0, 0]
    asked = {
        name: {system: sum(of.values()) for system, of in first["flows"][name]["requests"].items()}
        for name in first["flows"]
    }
    assert asked["accounts"]["finops"] <= 1.1 * ACCOUNTS
    # A look for changes at every tick is one request; the longer the session, the more of them.
    assert asked["accounts"]["dataverse"] - looks(tmp_path / "first", "dataverse", "accounts?") <= 0.03 * ACCOUNTS
    walks = looks(tmp_path / "first", "finops", "SellableReleasedProducts?")
    assert asked["products"]["finops"] + asked["products"]["dataverse"] - walks <= 0.2 * PRODUCTS
    for name, source in (("accounts", "dataverse"), ("contacts", "dataverse"), ("products", "finops")):
        assert first["flows"][name]["requests"][source]["write"] == 0
    assert quotations["requests"]["dataverse"]["write"] == 0
    assert first["peak_memory_mb"] < 300
    sent = exchanges(tmp_path / "first", "finops")
    assert len(sent) == sum(first["requests"]["finops"].values())
    assert not [
        exchange for exchange in sent if "authorization" in {name.lower() for name in exchange["request_headers"]}
    ]

    with running_demo("--keep", str(keep), "--pause-s", "0") as (demo, read_to):
        read_to("Now people work")
        # The scenes of the four flows by turns.
        assert "in F&O after" in read_to("renamed")
        assert "in F&O after" in read_to("has the last name")
        assert "in Sales after" in read_to("the price of")
        assert "in F&O after" in read_to("is quoted")
        assert "in F&O after" in read_to("new account")
        assert "the former contact person inactive, after" in read_to("moves to")
        assert "in Sales after" in read_to("new product")
        assert "in F&O after" in read_to("revised: another quantity")
        assert "is refused after" in read_to("CustomerGroupId")
        assert "in F&O after" in read_to("new account")
        assert "inactive in F&O after" in read_to("deactivated")
        assert "retired in Sales after" in read_to("not sellable any more")
        assert "in Sales after" in read_to("sellable again")
        assert "noted after" in read_to("lost; the quotation stays")
        assert ended_by_ctrl_c(demo) == 0
    # Every exchange is kept only where a report is asked for.
    assert not list((keep / "run").glob("*exchanges*"))

    with sales_system(keep, tmp_path) as address:
        rename_two_accounts(address)
    second = run_once(keep, tmp_path / "second")
    assert_well(second)
    assert second["flows"]["accounts"]["outcomes"]["updated"] == 2
    assert second["comparison"]["accounts"]["expected"] == ACCOUNTS + 2
    assert second["comparison"]["products"]["expected"] == PRODUCTS + 2

    third = run_once(keep, tmp_path / "third")
    assert_well(third)
    assert [flow["outcomes"]["written"] for flow in third["flows"].values()] == [0, 0, 0, 0]
    sent = [*exchanges(tmp_path / "third", "finops"), *exchanges(tmp_path / "third", "dataverse")]
    assert not [exchange for exchange in sent if exchange["method"] in WRITES]


@pytest.mark.long
def test_begun_in_the_worst_order_and_killed_amid_its_work_it_ends_the_same_with_nothing_lost_or_doubled(
    tmp_path: Path,
) -> None:
    report = run_once(tmp_path / "keep", tmp_path / "report", "--worst-order", "--trust")
    assert_well(report)
    assert {name: compared["expected"] for name, compared in report["comparison"].items()} == {
        "accounts": ACCOUNTS,
        "contacts": PERSONS + QUOTED,
        "products": PRODUCTS,
        "quotations": QUOTATIONS,
    }
    assert [flow["waiting"] for flow in report["flows"].values()] == [0, 0, 0, 0]
    trial = report["trial"]
    # On a slow machine one flow may be done before the other has begun.
    assert sum(trial["in_hand"].values()) > 0
    assert trial["throttled"] > 0
    assert (trial["lost"], trial["doubled"], trial["stale"]) == (0, 0, 0)


def test_behind_a_proxy_and_in_ascii_the_first_sync_begins_and_ctrl_c_leaves_no_process() -> None:
    proxy = "http://127.0.0.1:1"
    unusual = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "NO_PROXY": "", "no_proxy": ""}
    with running_demo("--latency-ms", "100", **unusual, PYTHONIOENCODING="ascii") as (demo, read_to):
        read_to("up after")
        assert ended_by_ctrl_c(demo) == 130


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "/no/such/folder"], "--data /no/such/folder: there is no such folder"),
        (["--keep", str(SAMPLES)], "but no earlier demo"),
        (["--latency-ms", "soon"], "'soon' will not do; give 0 to 60000 milliseconds"),
    ],
)
def test_a_mistake_is_one_message_and_code_2(arguments: list[str], message: str) -> None:
    ended = subprocess.run(
        command("--once", *arguments), cwd=processes.ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
