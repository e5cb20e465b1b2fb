"""A mutant is killed by a test that fails, and told as a survivor when none does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

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
root = Path(sys.argv[1])
asked = json.loads(sys.argv[2])
playing.CPU_S = 0.3
sys.path.insert(0, str(root))
calls = known_calls(root, list(asked), ["tiny.py"], jobs=1)

def judged(file, function, loaded):
    stages = [Stage(tuple(test for test in calls.tests if test.startswith(file)))]
    in_place = stages if loaded else []
    case = lambda each: Case(each, Change(each.file, each.source(root), function), in_place, stages)
    mutants = [mutant_of(name, root) for name in asked[file]]
    return {each.mutant.name: each.killed_by for each in judge(root, mutants, case, jobs=2, loaded=loaded)}

with closing(LoadedTests(root, list(asked), simulation=False)) as loaded:
    ways = (None, None), ("smallest", loaded), ("largest", loaded)
    found = {file: [judged(file, *way) for way in ways] for file in asked}
called = {test: [each.name for each in found.calls] for test, found in calls.tests.items()}
print(json.dumps([found, called, calls.failing(list(asked))]))
"""
TURNED = "tiny.py:ReplaceComparisonOperator_Lt_GtE:0"
ENDLESS = "tiny.py:ReplaceComparisonOperator_Gt_GtE:0"


@pytest.mark.process
def test_a_good_test_kills_a_mutant_however_the_change_is_made_a_bad_one_does_not_and_no_file_is_changed(
    tmp_path: Path,
) -> None:
    """A change is made in three ways: imported anew; in place; said to be in a function that is not there. One without
    end is killed, too."""
    asked = {"test_good.py": [TURNED, ENDLESS], "test_bad.py": [TURNED]}
    found, called, failing = told_by(tmp_path, JUDGE, json.dumps(asked), test_good=GOOD, test_bad=BAD)
    assert found["test_good.py"] == [{TURNED: "test_good.py::test_the_smallest_is_found", ENDLESS: "no end"}] * 3
    assert found["test_bad.py"] == [{TURNED: None}] * 3
    tests = "test_good.py::test_the_smallest_is_found", "test_bad.py::test_one_is_found"
    assert called == {test: ["smallest"] for test in tests}
    assert failing == []
    assert (tmp_path / "tiny.py").read_text(encoding="utf-8") == TINY


def told_by(root: Path, script: str, *arguments: str, **files: str) -> Any:
    """What a script prints about a project of one module and these files of tests."""
    for name, text in {"tiny": TINY, **files}.items():
        (root / f"{name}.py").write_text(text, encoding="utf-8")
    (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-c", script, str(root), *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


PLAY = """
import json, sys
from pathlib import Path
from tests.mutation import playing
from tests.mutation.running import Change, Died, Stage, start
root = Path(sys.argv[1])
sys.path.insert(0, str(root))
"""


def played(root: Path, script: str, **files: str) -> Any:
    """What a script prints that plays such a project."""
    return told_by(root, f"{PLAY}{script}", **files)


WANTED = """
from conftest import WANTED
from tiny import smallest

def test_the_smallest_is_found():
    assert smallest([3, 1, 2]) == WANTED
"""
KNOWN_AGAIN = """
from tests.mutation.covering import known_calls
def failing():
    return known_calls(root, ["test_tiny.py"], ["tiny.py"], jobs=1).failing(["test_tiny.py"])
found, kept = [failing()], root / ".mutation/calls.json"
kept.touch()
written = kept.stat().st_mtime_ns
found.append(failing())
assert kept.stat().st_mtime_ns == written
(root / "conftest.py").write_text("WANTED = 20")
print(json.dumps([*found, failing()]))
"""


@pytest.mark.process
def test_a_change_in_what_tests_share_has_them_measured_anew_and_one_that_fails_is_named(tmp_path: Path) -> None:
    found = played(tmp_path, KNOWN_AGAIN, conftest="WANTED = 1", test_tiny=WANTED)
    assert found == [[], [], ["test_tiny.py::test_the_smallest_is_found"]]


ENDS_ITS_PROCESS = """
import os
from tiny import smallest

def test_the_smallest_is_found():
    os._exit(3)
"""
INTERRUPTED = """
from concurrent.futures.process import BrokenProcessPool
from tests.mutation import covering
covering._AT_ONCE = 1
files = ["test_a.py", "test_b.py"]
try:
    covering.known_calls(root, files, ["tiny.py"], jobs=1)
except BrokenProcessPool:
    pass
kept = covering.Calls.from_json((root / covering.KEPT).read_text())
print(json.dumps([list(kept.tests), covering._due(kept, root, files)]))
"""


@pytest.mark.process
def test_what_was_measured_before_an_interruption_is_not_measured_again(tmp_path: Path) -> None:
    tests = WANTED.replace("from conftest import WANTED", "WANTED = 1")
    kept, due = played(tmp_path, INTERRUPTED, test_a=tests, test_b=ENDS_ITS_PROCESS)
    assert (kept, due) == (["test_a.py::test_the_smallest_is_found"], ["test_b.py"])


BUSY = """
import os, signal, time
from tiny import smallest

def test_a():
    work()

def test_b():
    work()

def test_dies():
    os.kill(os.getpid(), signal.SIGTERM)

def work():
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
"""
HOWEVER_THEY_ARE_PLAYED = """
import os, signal
from tests.mutation.loaded import LoadedTests
playing.CPU_S = 0.3

def told(running):
    try:
        return running.finish()
    except Died as died:
        return f"Died: {died}"

def stage(*names):
    return Stage(tuple(f"test_busy.py::test_{name}" for name in names))

same = Change("tiny.py", (root / "tiny.py").read_text(), "smallest")
loaded = LoadedTests(root, ["test_busy.py"], simulation=False)
found = [
    [told(start(root, stage(*names), None)), told(loaded.start(stage(*names), same))] for names in ("ab", ["dies"])
]
os.killpg(loaded._pid, signal.SIGKILL)
for refused in (lambda: loaded.start(stage("a"), same), lambda: LoadedTests(root, ["test_bad.py"], simulation=False)):
    try:
        refused()
    except RuntimeError as ended:
        found.append(str(ended))
print(json.dumps(found))
"""


@pytest.mark.process
def test_each_test_has_a_time_of_its_own_and_no_other_death_is_a_kill(tmp_path: Path) -> None:
    together, dying, *ended = played(tmp_path, HOWEVER_THEY_ARE_PLAYED, test_busy=BUSY, test_bad="import nothing_there")
    assert together == [None, None]
    assert [each[:5] for each in dying] == ["Died:"] * 2
    assert all("SIGTERM" in each for each in dying)
    assert ended == [
        "the process of the collected tests has ended: killed",
        "the tests cannot be collected: test_bad.py cannot be imported",
    ]


# The simulation is another one here, which fails at its second seed.
BROKEN_SIMULATION = """
from types import ModuleType, SimpleNamespace as Some
from tests.mutation.__main__ import main
broken = ModuleType("tests.simulation.run")
broken.play_seeds = lambda seeds: Some(broken=[Some(problems=["I1 is broken"])] if seeds == [1] else [])
sys.modules["tests.simulation.run"] = broken
print(json.dumps(main(["--mutant", "shared/sync/apply/record.py:AddNot:0", "--seeds", "2"])))
"""


@pytest.mark.process
def test_nothing_is_judged_by_a_simulation_that_fails_without_a_change(tmp_path: Path) -> None:
    assert played(tmp_path, BROKEN_SIMULATION) == 2


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
