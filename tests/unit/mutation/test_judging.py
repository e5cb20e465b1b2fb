"""A mutant is killed by a test that fails, and told as a survivor when none does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.choosing import SUBJECTS
from tests.mutation.judging import Verdict
from tests.mutation.mutants import Mutant
from tests.mutation.report import reaches_goals, tell
from tests.support.patience import PATIENCE_S
from tests.support.project import ROOT

TINY = '''
def smallest(numbers):
    """The smallest number, 0 when there is none."""
    found = 0
    for number in numbers:
        if found == 0 or number < found:
            found = number
    while found > 100:
        found = 100
    return found
'''
GOOD = """
from tiny import smallest

def test_the_smallest_is_found():
    assert [smallest([3, 1, 2]), smallest([]), smallest([500])] == [1, 0, 100]
"""
BAD = """
from tiny import smallest

def test_one_is_found():
    assert smallest([1]) == 1
"""
# In a process of its own: whoever judges forks, and no process of tests with its threads should.
JUDGE = """
import json, sys
from pathlib import Path
from tests.mutation import judging, running
from tests.mutation.choosing import Stage
from tests.mutation.mutants import mutant_of
root, tests, *names = sys.argv[1:]
running.CPU_S = 2
mutants = [mutant_of(f"tiny.py:{name}", Path(root)) for name in names]
stages = [Stage("first", (tests,))]
verdicts = judging.judge(Path(root), mutants, lambda _: stages, jobs=2)
found = {verdict.mutant.name: verdict.killed_by for verdict in verdicts}
print(json.dumps([found, judging.failing_unchanged(Path(root), stages, jobs=1)]))
"""


def judged(root: Path, tests: str, *names: str) -> tuple[dict[str, str | None], list[str]]:
    """Who killed each mutant of a project of one module, and what fails without a change."""
    (root / "tiny.py").write_text(TINY, encoding="utf-8")
    (root / "test_tiny.py").write_text(tests, encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", JUDGE, str(root), "test_tiny.py", *names],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    killed, failing = json.loads(ended.stdout)
    return killed, failing


TURNED = "tiny.py:ReplaceComparisonOperator_Lt_GtE:0"


@pytest.mark.process
def test_a_good_test_kills_a_mutant_and_a_bad_one_lets_it_survive(tmp_path: Path) -> None:
    name = TURNED.removeprefix("tiny.py:")
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    good, failing = judged(tmp_path / "good", GOOD, name)
    assert good == {TURNED: "test_tiny.py::test_the_smallest_is_found"}
    assert failing == []
    bad, _ = judged(tmp_path / "bad", BAD, name)
    assert bad == {TURNED: None}
    assert (tmp_path / "bad" / "tiny.py").read_text(encoding="utf-8") == TINY


@pytest.mark.process
def test_a_mutant_without_end_is_killed(tmp_path: Path) -> None:
    killed, _ = judged(tmp_path, GOOD, "ReplaceComparisonOperator_Gt_GtE:0")
    assert killed == {"tiny.py:ReplaceComparisonOperator_Gt_GtE:0": "no end"}


@pytest.mark.process
def test_a_test_that_fails_without_a_change_is_named(tmp_path: Path) -> None:
    _, failing = judged(tmp_path, GOOD.replace("== [1", "== [2"), TURNED.removeprefix("tiny.py:"))
    assert failing == ["test_tiny.py::test_the_smallest_is_found"]


def verdicts(killed: int, survived: int) -> list[Verdict]:
    mutant = Mutant("shared/sync/apply/record.py", ((1, 0), (1, 1)), "AddNot", 0)
    return [Verdict(mutant, "a test")] * killed + [Verdict(mutant, None)] * survived


@pytest.mark.parametrize(
    ("killed", "survived", "reached"), [(19, 1, True), (18, 2, False), (0, 1, False), (1, 0, True)]
)
def test_a_part_reaches_its_goal_by_the_share_of_killed_mutants(killed: int, survived: int, reached: bool) -> None:
    assert reaches_goals(verdicts(killed, survived)) == reached


def test_a_survivor_is_reported_as_a_diff_with_the_command_that_plays_it_again() -> None:
    told = "\n".join(tell(verdicts(1, 1), 3, ROOT))
    assert "+++ shared/sync/apply/record.py" in told
    assert 'make mutate ARGS="--mutant shared/sync/apply/record.py:AddNot:0"' in told
    assert "sync: 1 of 2 mutants killed (50.0 %; goal 95 %)" in told
    assert "3 more are named as equivalent" in told


def test_rule_tests_are_chosen_for_modules_that_exist() -> None:
    modules = {file.stem for file in (ROOT / "shared").rglob("*.py")}
    rules = [file.name for file in (ROOT / "tests" / "scenarios").glob("test_*_rules.py")]
    assert sorted(SUBJECTS.keys() - modules) == []
    assert [part for part in SUBJECTS.values() if not any(part in name for name in rules)] == []
