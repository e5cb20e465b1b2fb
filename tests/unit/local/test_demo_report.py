"""report.json keeps the form that docs/report.md publishes."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from local.demo import report
from local.demo.comparison import Comparison, Difference
from local.demo.errors import UserMistake
from local.demo.progress_reader import Account, Glance
from local.demo.report import FlowResult, Result, Trial
from local.demo.systems import Requests
from local.demo.trust import trial_of
from shared.state.checkpoint_parts import Phase
from shared.state.failures import Failure
from shared.state.links import LinkState

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
NUMBER = (int, float)
REQUESTS = {system: {"read": int, "write": int} for system in ("dataverse", "finops")}
FLOW = {
    "read": int,
    "outcomes": dict.fromkeys(("written", "created", "updated", "unchanged", "skipped", "deleted"), int),
    "filtered": dict,
    "waiting": int,
    "rejected": dict,
    "requests": REQUESTS,
    "seconds": NUMBER,
    "records_per_s": NUMBER,
}
COMPARED = {"expected": int, "present": int, "missing": list, "extra": list, "doubled": list, "different": list}
FORM = {
    "flows": {"accounts": FLOW},
    "comparison": {"accounts": COMPARED},
    "unaccounted": int,
    "requests": REQUESTS,
    "in_step": bool,
    "peak_memory_mb": NUMBER,
}


def failure(cause: str) -> Failure:
    return Failure("accounts", cause, cause, "why", "what to do", START, START)


def result(comparison: Comparison | None = None, *, unaccounted: tuple[str, ...] = (), in_step: bool = True) -> Result:
    glance = Glance(
        counts={"read": 20, "created": 9, "updated": 1, "unchanged": 5, "rejected": 3, "skipped": 2},
        pulls=1,
        first=START,
        last=START + timedelta(seconds=8),
        phase=Phase.DELTA,
        idle=True,
        hints=0,
        held=0,
        poison=0,
        closed="",
    )
    account = Account(
        states={LinkState.WAITING: 1},
        filtered={"inactive": 2},
        failures=(failure("key_taken"), failure("key_taken"), failure("number_missing")),
        unaccounted=unaccounted,
        claimed=0,
    )
    counted = {"dataverse": Requests(7, 0), "finops": Requests(4, 10)}
    flow = FlowResult(glance, account, comparison or Comparison(10, 10), counted)
    return Result({"accounts": flow}, in_step, 119.42, counted)


def assert_form(value: object, form: object, path: str = "report") -> None:
    """The value has exactly the fields of the form, each of its type."""
    if isinstance(form, dict):
        assert isinstance(value, dict), path
        assert value.keys() == form.keys(), path
        for name, each in form.items():
            assert_form(value[name], each, f"{path}.{name}")
    else:
        assert isinstance(value, form), path  # type: ignore[arg-type]


def written(folder: Path, of: Result, *logs: Path) -> dict[str, object]:
    report.prepare(folder)
    report.write(folder, of, logs)
    content: dict[str, object] = json.loads((folder / report.REPORT).read_text(encoding="utf-8"))
    return content


def test_the_report_has_the_published_form(tmp_path: Path) -> None:
    assert_form(written(tmp_path / "new", result()), FORM)


def test_what_became_of_the_functions_being_killed_is_reported(tmp_path: Path) -> None:
    trial = Trial({"accounts": 20}, {"accounts": 7}, 31, 40.25, lost=0, extra=2, doubled=0, stale=1)
    told = written(tmp_path, replace(result(), trial=trial))["trial"]
    assert told == {
        "touched": {"accounts": 20},
        "in_hand": {"accounts": 7},
        "throttled": 31,
        "seconds": 40.2,
        "lost": 0,
        "extra": 2,
        "doubled": 0,
        "stale": 1,
    }


def test_what_nothing_asks_for_is_not_counted_as_doubled() -> None:
    wrong = Comparison(3, 2, missing=("A1",), extra=("B1", "B2"), doubled=("C1",))
    trial = trial_of(result(wrong, unaccounted=("id",)), {"accounts": 5}, {"accounts": 5}, 0, 1.0)
    assert (trial.lost, trial.extra, trial.doubled, trial.stale) == (2, 2, 1, 0)


def test_outcomes_are_summed_and_rejections_grouped(tmp_path: Path) -> None:
    flow = report.document(result())["flows"]["accounts"]  # type: ignore[index,call-overload]
    assert flow["outcomes"]["written"] == 10  # type: ignore[index,call-overload]
    assert flow["rejected"] == {"key_taken": 2, "number_missing": 1}  # type: ignore[index,call-overload]
    assert flow["records_per_s"] == Decimal("2.5")  # type: ignore[index,call-overload]


def test_each_difference_names_key_field_and_both_values(tmp_path: Path) -> None:
    found = Comparison(10, 10, different=(Difference("A1", "Name", "x", None),))
    content = written(tmp_path, result(found))
    assert content["comparison"]["accounts"]["different"] == [  # type: ignore[index]
        {"key": "A1", "field": "Name", "expected": "x", "found": None}
    ]


@pytest.mark.parametrize(
    ("of", "good"),
    [
        (result(), True),
        (result(in_step=False), False),
        (result(unaccounted=("1",)), False),
        (result(Comparison(10, 9, missing=("A1",))), False),
        (result(Comparison(10, 10, extra=("A1",))), False),
        (result(Comparison(10, 10, doubled=("A1",))), False),
    ],
)
def test_all_is_well_only_in_step_compared_clean_and_accounted_for(of: Result, good: bool) -> None:
    assert of.good is good


def test_exchanges_of_both_systems_are_merged_in_the_order_of_time(tmp_path: Path) -> None:
    logs = []
    for system, times in (("dataverse", ("01", "04")), ("finops", ("02", "03"))):
        lines = [json.dumps({"time": f"2026-07-01T12:00:{second}.000Z", "system": system}) for second in times]
        log = tmp_path / system
        log.write_text("\n".join(lines) + "\n", encoding="utf-8")
        logs.append(log)
    written(tmp_path / "report", result(), *logs, tmp_path / "not there")
    merged = (tmp_path / "report" / report.EXCHANGES).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["system"] for line in merged] == ["dataverse", "finops", "finops", "dataverse"]


def test_a_folder_that_cannot_be_written_is_named_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UserMistake, match=r"--report .*file"):
        report.prepare(tmp_path / "file")
