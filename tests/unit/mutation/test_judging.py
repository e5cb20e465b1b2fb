"""A mutant is killed by a test that fails, and told as a survivor when none does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
from contextlib import closing
from pathlib import Path
from tests.mutation import playing
from tests.mutation.covering import known_calls
from tests.mutation.judging import Case, judge
from tests.mutation.loaded import LoadedTests
from tests.mutation.mutants import mutant_of
from tests.mutation.running import Change, Stage
root, *names = sys.argv[1:]
root = Path(root)
playing.CPU_S = 2
sys.path.insert(0, str(root))
calls = known_calls(root, ["test_tiny.py"], ["tiny.py"], jobs=1)
mutants = [mutant_of(f"tiny.py:{name}", root) for name in names]

def judged(function, loaded):
    stages = [Stage(tuple(calls.tests))]
    in_place = stages if loaded else []
    case = lambda each: Case(each, Change(each.file, each.source(root), function), in_place, stages)
    return {each.mutant.name: each.killed_by for each in judge(root, mutants, case, jobs=2, loaded=loaded)}

anew = judged(None, None)
with closing(LoadedTests(root, ["test_tiny.py"], simulation=False)) as loaded:
    in_place = judged("smallest", loaded)
    elsewhere = judged("largest", loaded)
called = {test: [each.name for each in found.calls] for test, found in calls.tests.items()}
print(json.dumps([[anew, in_place, elsewhere], called, calls.failing(["test_tiny.py"])]))
"""
Killed = dict[str, str | None]


def judged(root: Path, tests: str, *names: str) -> tuple[list[Killed], dict[str, list[str]], list[str]]:
    """Of a project of one module: who killed each mutant (imported anew; changed in place; said to be in a function
    that is not there), what each test calls, and which fail without a change."""
    (root / "tiny.py").write_text(TINY, encoding="utf-8")
    (root / "test_tiny.py").write_text(tests, encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", JUDGE, str(root), *names],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    killed, called, failing = json.loads(ended.stdout)
    return killed, called, failing


TURNED = "tiny.py:ReplaceComparisonOperator_Lt_GtE:0"
ENDLESS = "tiny.py:ReplaceComparisonOperator_Gt_GtE:0"


@pytest.mark.process
def test_a_good_test_kills_a_mutant_however_the_change_is_made_and_a_change_without_end_is_killed(
    tmp_path: Path,
) -> None:
    killed, called, failing = judged(tmp_path, GOOD, *(name.removeprefix("tiny.py:") for name in (TURNED, ENDLESS)))
    assert killed == [{TURNED: "test_tiny.py::test_the_smallest_is_found", ENDLESS: "no end"}] * 3
    assert called == {"test_tiny.py::test_the_smallest_is_found": ["smallest"]}
    assert failing == []


@pytest.mark.process
def test_a_bad_test_lets_a_mutant_survive_and_no_file_is_changed(tmp_path: Path) -> None:
    killed, _, _ = judged(tmp_path, BAD, TURNED.removeprefix("tiny.py:"))
    assert killed == [{TURNED: None}] * 3
    assert (tmp_path / "tiny.py").read_text(encoding="utf-8") == TINY


@pytest.mark.process
def test_a_test_that_fails_without_a_change_is_named(tmp_path: Path) -> None:
    _, _, failing = judged(tmp_path, GOOD.replace("== [1", "== [2"))
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
