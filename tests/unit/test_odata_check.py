"""The check of recorded exchanges: what it keeps, leaves out and says. A script plays the program of the library."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.simulator import evidence
from local.simulator.faults import Kind, Rule
from tests.odata.findings import Finding, judge
from tests.odata.recording import purposes
from tests.support.project import ROOT
from tests.unit.local.finops_environment import Caller, environment

TEST = "tests/scenarios/test_x.py::test_y"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for exchanges, that the environment names together with a test."""
    monkeypatch.setenv(evidence.FOLDER, str(tmp_path / "kept"))
    monkeypatch.setenv(evidence.OCCASION, TEST)
    return tmp_path / "kept"


@pytest.fixture
def finops(folder: Path) -> Iterator[Caller]:
    with environment() as caller:
        yield caller


def kept(folder: Path) -> list[dict[str, Any]]:
    written = evidence.evidence()
    assert written is not None
    written.flush()
    (file,) = folder.glob("*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def finding(line: int = 1, **values: object) -> Finding:
    usual: dict[str, Any] = {"exchange": f"1.jsonl:{line}", "system": "finops", "verdict": "refused", "status": 200}
    usual |= {"part": "request url", "message": "no property 'Gone'", "excerpt": "GET /data", "test": TEST}
    return Finding(**{**usual, **values})


def exchanges(folder: Path, *faults: str) -> Path:
    lines = [json.dumps({"test": TEST, "fault": fault}) + "\n" for fault in faults]
    (folder / "1.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def test_an_exchange_is_kept_with_its_test_and_without_its_token(finops: Caller, folder: Path) -> None:
    finops.get("Currencies", {"$top": "1"})
    (exchange,) = kept(folder)
    assert (exchange["test"], exchange["method"], exchange["status"]) == (TEST, "GET", 200)
    assert exchange["url"] == f"{finops.base_url}/data/Currencies?%24top=1"
    assert "Authorization" not in exchange["request_headers"]


def test_nothing_is_kept_where_no_test_is_named(finops: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finops.get("Currencies", {"$top": "1"})
    monkeypatch.delenv(evidence.OCCASION)
    finops.get("Currencies", {"$top": "1"})
    assert len(kept(folder)) == 1


def test_what_a_fault_has_answered_is_kept_as_such(finops: Caller, folder: Path) -> None:
    finops.faults.add(Rule(Kind.TRUNCATE, times=1))
    finops.get("Currencies", {"$top": "1"})
    finops.get("Currencies", {"$top": "1"})
    assert [exchange["fault"] for exchange in kept(folder)] == ["truncate", ""]


def test_one_test_does_not_fill_the_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = evidence.Evidence(folder / "1.jsonl", most=3)
    for number in range(5):
        file.add({"url": str(number)})
    monkeypatch.setenv(evidence.OCCASION, "another test")
    file.add({"url": "its own"})
    file.flush()
    lines = (folder / "1.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["url"] for line in lines] == ["0", "1", "2", "its own"]


def test_a_refused_request_is_unwanted(tmp_path: Path) -> None:
    found = finding()
    assert judge([found], exchanges(tmp_path, ""), {}).unwanted == [found]


@pytest.mark.parametrize(
    "harmless",
    [
        finding(verdict="unknown"),
        finding(status=400),
        finding(2, part="response: resource set"),
        finding(2, part="$batch response", verdict="own"),
    ],
    ids=["not in the model", "refused by the simulator too", "played by a fault", "played by a fault in a batch"],
)
def test_what_is_no_fault_is_left_out(tmp_path: Path, harmless: Finding) -> None:
    assert judge([harmless], exchanges(tmp_path, "", "truncate"), {}).sound


def test_an_answer_is_unwanted_whatever_its_status_and_however_slow(tmp_path: Path) -> None:
    found = [finding(1, part="response: error", status=404), finding(2, part="response", status=200)]
    assert judge(found, exchanges(tmp_path, "", "slow"), {}).unwanted == found


def test_what_a_test_wants_to_be_refused_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    wanted, other = finding(), finding(message="no property 'Lost'")
    elsewhere = finding(test="tests/scenarios/test_x.py::test_z")
    judgement = judge([wanted, other, elsewhere], exchanges(tmp_path, ""), {TEST: ["'Gone'"]})
    assert judgement.unwanted == [other, elsewhere]
    assert judgement.idle == []


def test_a_mark_that_nothing_is_refused_for_is_idle(tmp_path: Path) -> None:
    assert judge([], exchanges(tmp_path, ""), {TEST: ["'Gone'"]}).idle == [(TEST, "'Gone'")]


def program(tmp_path: Path, *findings: Finding, status: int = 1) -> str:
    """A program that writes these findings in the way of the real one."""
    content = "".join(json.dumps({name: getattr(each, name) for name in Finding.__slots__}) + "\n" for each in findings)
    script = tmp_path / "program"
    script.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\n"
        "print(f'{len(sys.argv) - 5} files checked')\n"
        f"pathlib.Path(sys.argv[sys.argv.index('--json') + 1]).write_text({content!r}, encoding='utf-8')\n"
        f"sys.exit({status})\n",
        encoding="utf-8",
    )
    script.chmod(0o700)
    return str(script)


def checked(folder: Path, program: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "tests.odata", str(folder)]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "ODATA_CHECK": program}, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.process
def test_the_check_names_what_is_refused_the_test_and_the_remedy(tmp_path: Path) -> None:
    folder = exchanges(tmp_path, "")
    status, told = checked(folder, program(tmp_path, finding(), finding()))
    assert status == 1
    assert told.startswith("1 files checked\n2x [finops] request url: no property 'Gone'\n")
    assert TEST in told
    assert "@pytest.mark.odata_refused(" in told


@pytest.mark.process
def test_the_check_is_content_where_all_that_is_refused_is_wanted(tmp_path: Path) -> None:
    folder = exchanges(tmp_path, "")
    (folder / "1.purposes").write_text(json.dumps({TEST: ["'Gone'"]}) + "\n", encoding="utf-8")
    assert purposes(folder) == {TEST: ["'Gone'"]}
    assert checked(folder, program(tmp_path, finding()))[0] == 0


@pytest.mark.process
def test_the_check_of_an_empty_folder_and_a_program_that_fails_say_so(tmp_path: Path) -> None:
    assert checked(tmp_path, program(tmp_path))[0] == 2
    status, told = checked(exchanges(tmp_path, ""), program(tmp_path, status=3))
    assert (status, "ended with 3" in told) == (2, True)
