"""The demo as its user runs it, on its small sample: real triggers, Azurite, both systems simulated."""

import re
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from local.demo import __main__ as program
from local.demo.arguments import SAMPLES
from local.demo.environment import ticking
from tests.e2e.demonstration import (
    FIRST_SCENES,
    Sample,
    assert_everything_is_written,
    assert_scenes,
    ended_by_ctrl_c,
    read_report,
    running_demo,
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
# A sweep takes as much processor time as ten pulls, and finds little here.
SELDOM = ticking("*/10 * * * * *", "sweep")
# A proxy that nobody answers for, and a screen that has no other characters.
UNUSUAL = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:1"),
    "NO_PROXY": "",
    "no_proxy": "",
    "PYTHONIOENCODING": "ascii",
}
_ROW = re.compile(r"<text[^>]*clip-path=\"url\(#[\w-]+-line-(\d+)\)\"[^>]*>(.*?)</text>")
_PROGRESS = re.compile(r"\d+\.\d s\b|queued$|news for|^still waiting")
_WRAPPED = " " * 10


def rows_of(picture: Path) -> list[str]:
    """What a picture shows, row by row."""
    rows: dict[int, str] = {}
    for number, text in _ROW.findall(picture.read_text(encoding="utf-8")):
        rows[int(number)] = rows.get(int(number), "") + text.replace("&#160;", " ").replace("&amp;", "&")
    return [rows.get(number, "") for number in range(max(rows) + 1)]


@pytest.mark.long(50)
def test_begun_in_the_worst_order_it_syncs_everything_and_then_each_edit_until_ctrl_c(
    tmp_path: Path,
) -> None:
    keep, report = tmp_path / "folder with blanks", tmp_path / "report"
    drawn = ("--picture", str(tmp_path / "demo.svg"), "--explain-picture", str(tmp_path / "explain.svg"))
    kept = ("--keep", str(keep), "--report", str(report), "--pause-s", "0")
    with running_demo(SMALL, "--worst-order", *kept, *drawn, **UNUSUAL, **SELDOM) as (demo, read_to):
        read_to("Now users edit records")
        assert f"'{keep}/run/local.settings.json' status" in read_to("./p2c.sh")[-1]
        with visited(read_to("?key=")[-1].strip()) as console:
            assert "accounts" in console.page("/records")
        assert "address1_country=" in read_to("local.demo.edit")[-1]
        _, last = FIRST_SCENES[-1]
        assert_scenes(read_to(last), FIRST_SCENES)
        assert ended_by_ctrl_c(demo) == 0
    assert_everything_is_written(read_report(report), report, SAMPLE)
    assert_pictures(tmp_path)


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


def test_ctrl_c_leaves_no_process_of_a_demo_that_is_not_up_yet() -> None:
    with running_demo(SMALL) as (demo, read_to):
        read_to("starting storage")
        until_child(demo, lambda _: True)
        assert ended_by_ctrl_c(demo) == 130


def test_a_system_that_ends_is_named_with_how_it_ended_and_where_the_logs_are() -> None:
    with running_demo(SMALL) as (demo, read_to):
        read_to("starting storage")
        until_child(demo, lambda command: "local.finops" in command).kill()
        told = read_to("The logs are in")
        assert any("F&O simulator stopped by itself (signal SIGKILL)" in line for line in told)
        assert demo.wait(PATIENCE_S) == 1


def until_child(demo: subprocess.Popen[str], wanted: Callable[[list[str]], bool]) -> psutil.Process:
    """The first child with a command line that is wanted, once the demo has it."""
    while True:
        for child in psutil.Process(demo.pid).children():
            with suppress(psutil.NoSuchProcess):
                if wanted(child.cmdline()):
                    return child
        with pytest.raises(subprocess.TimeoutExpired):
            demo.wait(0.05)


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
