"""Each benchmark ends, and counts right, with a handful of records; nothing is said of its times."""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from benchmarks import console, memory, operations, snapshot, throttling
from benchmarks.flows import MEASURED
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.products import PRODUCTS
from shared.flows.registry import FLOWS
from tests.e2e.measured import APPLIED, RECORDS
from tests.support.patience import PATIENCE_S
from tests.support.project import ROOT

FEW = ["--records", str(RECORDS)]
Row = Mapping[str, str]


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """A document with a place for all figures."""
    names = (*FLOWS.names, "throttling", "snapshot", "operations", "processor", "way", "memory", "console")
    file = tmp_path / "figures.md"
    file.write_text("".join(f"<!-- bench:{name} -->\n<!-- /bench:{name} -->\n" for name in names), encoding="utf-8")
    return file


def tables(file: Path, name: str) -> Sequence[Sequence[Row]]:
    """The rows of each table that a benchmark has written."""
    text = file.read_text(encoding="utf-8").split(f"<!-- bench:{name} -->")[1].split(f"<!-- /bench:{name} -->")[0]
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        headings, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines())
        found.append([dict(zip(headings, row, strict=True)) for row in rows])
    return found


def run_to_its_end(module: str, *arguments: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.long(40)
def test_flows_ways_processor_time_and_pulls_are_measured_on_one_stage(figures: Path, tmp_path: Path) -> None:
    run_to_its_end("tests.e2e.measured", str(figures), str(tmp_path))
    for flow in MEASURED.keys() - {APPLIED}:
        assert_the_flow_is_measured(flow, figures)
    assert figures.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert_ways_are_told_in_both_directions(figures)
    assert_the_processor_time_of_a_record_is_told(figures, tmp_path)
    (rows,) = tables(figures, "snapshot")
    assert [(row["source"], row["walk"], row["products"], row["hints"]) for row in rows] == [
        ("generator", "first walk", "300", "300"),
        ("generator", "unchanged walk", "300", "0"),
        ("generator", "1 % changed", "300", "3"),
    ]


@pytest.mark.nightly
def test_each_flow_is_measured_by_the_command_alone(figures: Path) -> None:
    run_to_its_end("benchmarks", *FEW, "--latency-ms", "0", "--naive", "2", "--write", str(figures))
    for flow in MEASURED:
        assert_the_flow_is_measured(flow, figures)


@pytest.mark.long(15)
def test_memory_and_the_pulls_of_the_simulator_are_measured(figures: Path) -> None:
    assert memory.main(["--products", "5", "--write", str(figures)]) == 0
    ((row,),) = tables(figures, "memory")
    assert row["created"] == row["products"]
    assert float(row["peak MB"]) >= float(row["peak MB before"]) * 0.9 > 0
    assert snapshot.main(["--generated", "0", "--served", "5", "--write", str(figures)]) == 0
    (rows,) = tables(figures, "snapshot")
    products = rows[0]["products"]
    assert int(products) >= 5
    assert [(row["source"], row["walk"], row["hints"]) for row in rows] == [
        ("F&O simulator", "first walk", products),
        ("F&O simulator", "unchanged walk", "0"),
    ]


def assert_the_flow_is_measured(flow: str, figures: Path) -> None:
    runs, beside = tables(figures, flow)
    changed = [] if flow in (ORDERS, INVOICES) else [("1 % changed", "1")]
    assert [(run["run"], run["records"]) for run in runs] == [
        ("first sync", str(RECORDS)),
        ("nothing changed", str(RECORDS)),
        *changed,
    ]
    # For 1,000 records: one for each, or one for all headers and one for all lines in bulk.
    target, each = ("Sales", 1000 // RECORDS * 2) if flow in (PRODUCTS, INVOICES) else ("F&O", 1000)
    assert [run[f"{target} writes"] for run in runs[:2]] == [f"{each:,}", "0"]
    assert all(int(run["storage"].replace(",", "")) > 0 for run in runs)
    assert len(beside) == 1
    assert (beside[0]["SDK loop"] != "") == (flow == PRODUCTS)


def test_the_operations_are_measured(figures: Path) -> None:
    assert operations.main(["--failures", "12", "--write", str(figures)]) == 0
    ((causes, sent),) = tables(figures, "operations")
    assert (causes["failures"], sent["failures"]) == ("12", "12")


def test_the_pages_of_the_console_are_measured(figures: Path) -> None:
    assert console.main(["--links", "240", "--failures", "8", "--write", str(figures)]) == 0
    (rows,) = tables(figures, "console")
    assert [row["what"] for row in rows][:3] == ["sign-in, with the first overview", "overview", "not in step"]
    # A search among so few rows may take less than what is told.
    assert all(re.fullmatch(r"\d+\.\d\d", row["again, seconds"]) for row in rows[1:])
    assert "search for a number in any flow" in [row["what"] for row in rows]


@pytest.mark.long(15)
def test_a_throttled_sync_by_two_hosts_is_measured(figures: Path) -> None:
    arguments = ["--products", "10", "--latency-ms", "0", "--settle-s", "0", "--pull-every-s", "1"]
    assert throttling.main([*arguments, "--write", str(figures)]) == 0
    (rows,) = tables(figures, "throttling")
    values = {row["what"]: row["value"] for row in rows}
    # Those of the sample are the quoted ones.
    assert re.fullmatch(r"1\d products by 2 hosts", values["first sync of"])
    accepted = values["requests to Sales accepted"].split(",")[0]
    assert values["the simulator's own count"] == f"{accepted} seen, 0 refused"
    assert values["failures listed, links with a counted attempt"] == "0, 0"
    assert "500,000 products with 6,000 requests in 300 s, calculated" in values


def assert_ways_are_told_in_both_directions(figures: Path) -> None:
    (rows,) = tables(figures, "way")
    assert [(row["flow"], row["changes"]) for row in rows] == [(ACCOUNTS, "1"), (PRODUCTS, "1")]
    assert all(float(row["longest s"]) > 0 for row in rows)


def assert_the_processor_time_of_a_record_is_told(figures: Path, profiled: Path) -> None:
    (rows,) = tables(figures, "processor")
    assert [(row["flow"], row["run"], row["records"]) for row in rows] == [
        (CONTACTS, "first sync", str(RECORDS)),
        (CONTACTS, "nothing changed", str(RECORDS)),
    ]
    assert all(float(row["apply ms"]) > 0 for row in rows)
    profiles = [file.name for file in profiled.glob("*.txt")]
    assert sorted(profiles) == [f"{CONTACTS}, first sync.txt", f"{CONTACTS}, nothing changed.txt"]
    assert "shared/sync/apply/run.py" in (profiled / f"{CONTACTS}, first sync.txt").read_text(encoding="utf-8")
