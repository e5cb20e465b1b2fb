"""Which tests judge a change, and how a function gets its changed code."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutation.choosing import SUBJECTS, judges, stages_for
from tests.mutation.covering import Calls, Function, Measured, function_around
from tests.mutation.swapping import NotSwapped, loaded_functions, swap
from tests.support.project import ROOT

PACE = "shared/clients/http/pace.py"
FUNCTION = Function(PACE, "Pace.__init__")
OWN, ANOTHER, SLOW = (
    "tests/unit/clients/test_pace.py::test_a",
    "tests/scenarios/test_budgets.py::test_b",
    "tests/scenarios/test_gate_rules.py::test_c",
)
CALLS = Calls(
    {
        ANOTHER: Measured(2, calls={FUNCTION}),
        SLOW: Measured(59, calls={FUNCTION}),
        OWN: Measured(3, calls={FUNCTION}),
        "tests/unit/clients/test_pace.py::test_d": Measured(1, calls={Function(PACE, "another")}),
    }
)


def test_those_that_call_a_function_judge_its_changes_its_own_first_and_what_takes_long_behind_the_simulation() -> None:
    stages = stages_for(ROOT, PACE, "Pace.__init__", CALLS, seeds=5)
    assert [(stage.tests, stage.seeds) for stage in stages] == [((OWN, ANOTHER), 0), ((), 5), ((SLOW,), 0)]


def test_what_takes_too_long_judges_only_when_asked_to_be_thorough() -> None:
    calls = Calls({f"{SLOW}{at}": Measured(60, calls={FUNCTION}) for at in range(4)})
    judging = {
        thorough: sum(
            len(stage.tests) for stage in stages_for(ROOT, PACE, FUNCTION.name, calls, seeds=0, thorough=thorough)
        )
        for thorough in (False, True)
    }
    assert judging == {False: 2, True: 4}


def test_the_top_of_a_module_is_judged_by_all_that_import_it() -> None:
    stages = stages_for(ROOT, PACE, None, CALLS, seeds=0)
    assert {test for stage in stages for test in stage.tests} == set(CALLS.tests)


def test_the_tests_that_reach_a_module_may_judge_it() -> None:
    found = judges(ROOT, [PACE])
    assert "tests/unit/clients/test_pace.py" in found
    assert "tests/unit/state/test_snapshots.py" not in found


def test_the_tables_of_the_documentation_judge_the_fields_of_a_mapping() -> None:
    assert "tests/unit/test_docs.py" in judges(ROOT, ["shared/flows/accounts/mapping.py"])


def test_the_rule_tests_about_a_module_exist() -> None:
    modules = {file.stem for file in (ROOT / "shared").rglob("*.py")}
    rules = [file.name for file in (ROOT / "tests" / "scenarios").glob("test_*_rules.py")]
    assert sorted(SUBJECTS.keys() - modules) == []
    assert [part for part in SUBJECTS.values() if not any(part in name for name in rules)] == []


def test_what_was_measured_is_kept_and_replaced_file_by_file() -> None:
    calls = Calls.from_json(
        Calls(dict(CALLS.tests), {FUNCTION}, {test.partition("::")[0]: "1" for test in CALLS.tests}).as_json()
    )
    assert calls.tests == CALLS.tests
    calls.take(Calls({OWN: Measured(9, failed=True)}, digests={OWN.partition("::")[0]: "2"}))
    assert sorted(calls.tests) == sorted([OWN, ANOTHER, SLOW])
    assert (calls.failing([OWN.partition("::")[0]]), calls.at_import) == ([OWN], {FUNCTION})


@pytest.mark.parametrize(
    ("line", "function"),
    [(1, None), (2, None), (4, "first"), (6, "first"), (9, "Kind.second")],
)
def test_the_body_of_a_function_is_told_from_what_runs_at_import(line: int, function: str | None) -> None:
    text = (
        "LIMIT = 3\ndef first(\n    limit=5,\n): return limit + (\n    lambda: 1\n)()\n\nclass Kind:\n"
        "    def second(self): return 2\n"
    )
    column = {4: 3, 9: 23}.get(line, 4)
    assert function_around(text, ((line, column), (line, column + 1))) == function


BEFORE = """
import functools
def wrapped(function):
    @functools.wraps(function)
    def inner(*given):
        return function(*given) + 1
    return inner
@wrapped
def counted(a):
    return a
class Kind:
    @property
    def size(self):
        return 1
    @size.setter
    def size(self, size):
        self.kept = size
def plain(a):
    return a
"""


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    """A module that is imported."""
    path = tmp_path / "swapped.py"
    path.write_text(BEFORE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("swapped", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_a_function_has_its_changed_code_wherever_it_is_held(module: ModuleType) -> None:
    path = Path(str(module.__file__))
    loaded = loaded_functions(path.parent)
    swap(loaded, path, BEFORE.replace("    return a\nclass", "    return 10 * a\nclass"), "counted")
    swap(loaded, path, BEFORE.replace("self.kept = size", "self.kept = -size"), "Kind.size")
    kind = module.Kind()
    kind.size = 3
    assert (module.counted(4), kind.size, kind.kept, module.plain(4)) == (41, 1, -3, 4)


def test_a_change_that_cannot_be_made_in_place_is_refused(module: ModuleType) -> None:
    path = Path(str(module.__file__))
    loaded = loaded_functions(path.parent)
    with pytest.raises(NotSwapped):
        swap(loaded, path, BEFORE.replace("function(*given) + 1", "1"), "wrapped.<locals>.inner")
    with pytest.raises(NotSwapped):
        swap(loaded, path, BEFORE, "absent")
