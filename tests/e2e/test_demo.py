"""The demo as its user runs it, on its small sample: real triggers, Azurite, both systems simulated."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.demo import __main__ as program
from local.demo.arguments import SAMPLES
from local.demo.environment import ticking
from shared.flows.registry import FLOWS
from tests.e2e.demonstration import (
    FIRST_SCENES,
    WRITES,
    Sample,
    assert_everything_is_written,
    assert_scenes,
    assert_well,
    ended_by_ctrl_c,
    exchanges,
    read_report,
    rename_two_accounts,
    run_once,
    running_demo,
    sales_system,
)
from tests.support.consoled import visited
from tests.support.patience import PATIENCE_S

SAMPLE = Sample(
    accounts=12,
    persons=13,
    individuals=6,
    quoted=3,
    products=16,
    sample_quotes=3,
    invoices=8,
    account_reads=12,
)
SMALL = "--small"
# A killed worker's claims hold for 22 seconds, and not for 55. Meanwhile the timers that look for changes take most of
# the processor time, so they tick as with many records.
SOONER = {
    "AzureFunctionsJobHost__functionTimeout": "00:00:12",
    "REQUEST_TIMEOUT_S": "5",
    **ticking("*/3 * * * * *", *FLOWS.names),
}
_ROW = re.compile(r"<text[^>]*clip-path=\"url\(#[\w-]+-line-(\d+)\)\"[^>]*>(.*?)</text>")
_PROGRESS = re.compile(r"\d+\.\d s\b|queued$|news for|^still waiting")
_WRAPPED = " " * 10
_BULK = re.compile(r"/v9\.2/(\w+)/Microsoft\.Dynamics\.CRM\.(?:Create|Update)Multiple$")
_PART = re.compile(r"^(?:POST|PATCH|DELETE) \S*/v9\.2/(\w+)", re.MULTILINE)


def rows_of(picture: Path) -> list[str]:
    """What a picture shows, row by row."""
    rows: dict[int, str] = {}
    for number, text in _ROW.findall(picture.read_text(encoding="utf-8")):
        rows[int(number)] = rows.get(int(number), "") + text.replace("&#160;", " ").replace("&amp;", "&")
    return [rows.get(number, "") for number in range(max(rows) + 1)]


@pytest.mark.long(100)
def test_begun_in_the_worst_order_it_syncs_everything_and_continues_after_edits_and_a_kill(tmp_path: Path) -> None:
    keep = tmp_path / "folder with blanks"

    drawn = ("--picture", str(tmp_path / "demo.svg"), "--explain-picture", str(tmp_path / "explain.svg"))
    first = run_once(keep, tmp_path / "first", SMALL, "--worst-order", *drawn)
    assert_everything_is_written(first, tmp_path / "first", SAMPLE)
    assert_pictures(tmp_path)

    with sales_system(keep, tmp_path) as address:
        rename_two_accounts(address)
    second = tmp_path / "second"
    kept = ("--keep", str(keep), "--report", str(second), "--pause-s", "0")
    with running_demo(SMALL, "--trust", *kept, **SOONER) as (demo, read_to):
        # On a slow machine one flow may be done before another has begun.
        killed_over = re.findall(r"(\d+) [a-z]", read_to("kill -9")[-1].partition("while they work on")[2])
        assert sum(map(int, killed_over)) > 0
        assert "answer everything with 429" in read_to("the functions start again")[-1]
        assert "lost 0, extra 0, doubled 0, stale 0" in read_to("Functions killed while")[-1]
        read_to("Now users edit records")
        assert f"'{keep}/run/local.settings.json' status" in read_to("./p2c.sh")[-1]
        with visited(read_to("?key=")[-1].strip()) as console:
            assert "accounts" in console.page("/records")
        assert "address1_country=" in read_to("local.demo.edit")[-1]
        _, last = FIRST_SCENES[-1]
        assert_scenes(read_to(last), FIRST_SCENES)
        assert ended_by_ctrl_c(demo) == 0
    assert_only_what_has_changed_is_written(second)


def assert_pictures(folder: Path) -> None:
    """One is a screen of the demo, the other one of what an operator is told of a quote."""
    shown = rows_of(folder / "demo.svg")
    (end,) = (at for at, row in enumerate(shown) if row.startswith("In step. Every record is accounted for"))
    # How often progress is told depends on the machine, and these lines are wrapped.
    told = [row for row in shown[: end + 1] if not row.startswith(_WRAPPED) and not _PROGRESS.search(row.strip())]
    assert len(told) <= 70
    explained = rows_of(folder / "explain.svg")
    assert explained[0].startswith("$ p2c explain quotations QUO-")
    assert any("What helps: move the discount to the lines" in row for row in explained)


def assert_only_what_has_changed_is_written(folder: Path) -> None:
    """After the restart nothing is sent but the two names, and then what somebody has changed before the kill: numbers
    of telephones, prices, and orders. The story comes after the comparison. The totals are bounds by flow: each record
    is committed once, though one that the killed worker had in hand may be sent twice."""
    report = read_report(folder)
    assert_well(report)
    assert report["comparison"]["accounts"]["expected"] == SAMPLE.accounts
    trial, in_story = report["trial"], sum(report["requests"]["finops"].values())
    assert trial["throttled"] > 0
    assert min(trial["touched"].values()) > 0
    before = exchanges(folder, "finops")[:in_story]
    sent = [each for each in before if each["method"] in WRITES and each["status"] < 400]
    names, others = sent[:2], sent[2:]
    assert [" KG" in each["request_body"] for each in names] == [True, True]
    for each in others:
        assert "/CustomersV3" not in each["url"] or re.search(r"\+1 0\d\d 555 \d{4}", each["request_body"]), each
        assert not re.search("Quotation|ContactPerson", each["url"] + each["request_body"]), each
    touched = trial["touched"]
    # An order that is delivered and then invoiced has another status each time.
    most = {**touched, "accounts": touched["accounts"] + len(names), "contacts": 0, "quotations": 0}
    most["ordersback"] += touched["invoices"]
    written = {name: flow["outcomes"]["written"] for name, flow in report["flows"].items()}
    assert all(count <= most[name] for name, count in written.items()), (written, most)
    rows = written_in_sales(exchanges(folder, "dataverse")[: sum(report["requests"]["dataverse"].values())])
    in_hand = trial["in_hand"]
    for collection, name in {"products": "products", "salesorders": "ordersback", "invoices": "invoices"}.items():
        assert rows.pop(collection, 0) <= most[name] + in_hand.get(name, 0), collection
    assert rows.keys() <= {"invoicedetails", "productpricelevels"}


def written_in_sales(asked: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many rows of each collection were sent in writes that were not refused, in bulk messages and in batches."""
    rows = dict[str, int]()
    for each in asked:
        if each["method"] in WRITES and each["status"] < 400:
            body, bulk = each["request_body"], _BULK.search(each["url"])
            for collection in _PART.findall(body) if bulk is None else [bulk[1]] * len(json.loads(body)["Targets"]):
                rows[collection] = rows.get(collection, 0) + 1
    return rows


@pytest.mark.long(10)
def test_behind_a_proxy_and_in_ascii_the_first_sync_begins_and_a_system_that_ends_is_named_with_how_it_ended() -> None:
    proxy = "http://127.0.0.1:1"
    unusual = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "NO_PROXY": "", "no_proxy": ""}
    with running_demo(SMALL, "--latency-ms", "100", **unusual, PYTHONIOENCODING="ascii") as (demo, read_to):
        read_to("up after")
        (finops,) = (
            child for child in psutil.Process(demo.pid).children(recursive=True) if "local.finops" in child.cmdline()
        )
        finops.kill()
        told = read_to("The logs are in")
        assert any("F&O simulator stopped by itself (signal SIGKILL)" in line for line in told)
        assert demo.wait(PATIENCE_S) == 1


def test_ctrl_c_leaves_no_process_of_a_demo_that_is_not_up_yet() -> None:
    with running_demo(SMALL) as (demo, read_to):
        read_to("starting storage")
        while not psutil.Process(demo.pid).children():
            with pytest.raises(subprocess.TimeoutExpired):
                demo.wait(0.05)
        assert ended_by_ctrl_c(demo) == 130


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "/no/such/folder"], "--data /no/such/folder: there is no such folder"),
        (["--keep", str(SAMPLES)], "but no earlier demo"),
        (["--picture", "/no/such/folder/a.svg"], "--picture /no/such/folder/a.svg: there is no such folder"),
    ],
)
def test_a_mistake_is_one_message_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["--once", *arguments]) == 2
    assert message in capsys.readouterr().err
