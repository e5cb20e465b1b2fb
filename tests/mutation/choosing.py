"""Which tests judge the mutants of a module: those nearest to it first."""

import ast
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tests.mutation.mutated import module_of

# The parts of the product, with the share of its mutants that the tests must notice.
GOALS = {"sync": 0.95, "mapping": 0.95, "clients": 0.9, "state": 0.9}

_UNIT = [f"tests/unit/{part}/test_*.py" for part in GOALS]
_RULES = [f"tests/scenarios/test_{name}.py" for name in ("*_rules", "budgets", "fault_poison")]
_CONTRACT = [
    "tests/contract/test_mapping_*.py",
    "tests/contract/test_products_schema.py",
    "tests/contract/test_ranges.py",
]
_OVER_HTTP = ["tests/scenarios/test_*_against_*.py"]
_LIMITS = ["tests/scenarios/test_change_limit.py", "tests/scenarios/test_schema_drift.py"]
_OPERATIONS = ["tests/scenarios/test_operations.py", "tests/scenarios/test_links_by_hand.py"]
# The tables in memory and on the storage emulator.
_STORAGE = ["tests/e2e/test_storage.py"]
_ALL_SCENARIOS = ["tests/scenarios/test_*.py"]
# Behind the tests that import a module directly, and before the simulation.
_BEFORE = {"unit": _UNIT, "rules": _RULES}
_DAMAGE = ["tests/scenarios/test_fault_damage.py"]
# Behind the simulation.
_BEHIND = {
    "sync": {"limits": _LIMITS, "damage": _DAMAGE},
    "mapping": {"contract": _CONTRACT},
    "clients": {"over HTTP": _OVER_HTTP},
    "state": {"operations": _OPERATIONS, "storage": _STORAGE, "damage": _DAMAGE},
}
# Rule tests whose subject a module is, where its name does not say so: a part of the name of the test file.
SUBJECTS = {
    "keys": "key",
    "ownership": "key",
    "note": "key",
    "claim": "apply",
    "commit": "apply",
    "follow_up": "apply",
    "record": "apply",
    "judge": "blame",
    "settle": "blame",
    "answers": "blame",
    "drift_probe": "gate",
    "walked": "walk",
    "thresholds": "walk",
    "tracked": "pull",
    "poison": "apply",
    "changes": "document",
    "send": "document",
    "plan": "route",
    "control": "gate",
    "snapshots": "walk",
    "checkpoints": "pull",
    "waiting": "apply",
    "failures": "blame",
}
# Words in the names of the scenario tests of a flow, where they are not the flow's own name.
_CALLED = {"ordersback": ("ordersback", "orders_of_finops")}
SIMULATION = "simulation"


@dataclass(frozen=True, slots=True)
class Stage:
    """Some tests that run together, in this order: files relative to the project, or seeds of the simulation."""

    name: str
    files: tuple[str, ...] = ()
    seeds: int = 0


def part_of(file: str) -> str:
    """The part of the product that a module belongs to."""
    part = Path(file).parts[1]
    return "mapping" if part == "flows" else part


def stages_for(root: Path, file: str, *, seeds: int, thorough: bool = False) -> list[Stage]:
    """What judges a module, the quickest first: its own tests, the other unit tests that reach it, the rule tests,
    `seeds` histories of the simulation, what takes longer; when `thorough`, all other scenarios as well."""
    distances, stages = _distances(root, file), list[Stage]()

    def add(name: str, tests: Iterable[str]) -> None:
        known = {test for stage in stages for test in stage.files}
        if files := _ordered((test for test in tests if test in distances and test not in known), file, distances):
            stages.append(Stage(name, files))

    unit = _glob(root, ["tests/unit/**/test_*.py"])
    add("nearest", (each for each in unit if distances.get(each) == 1 or _is_named_for(each, file)))
    for name, patterns in _BEFORE.items():
        add(name, _glob(root, patterns))
    if seeds:
        stages.append(Stage(SIMULATION, seeds=seeds))
    of_flows = {"flows": [f"tests/scenarios/test_*{word}*.py" for word in _words_of_flows(root, file)]}
    behind = of_flows | _BEHIND.get(part_of(file), {}) | ({"scenarios": _ALL_SCENARIOS} if thorough else {})
    for name, patterns in behind.items():
        add(name, _glob(root, patterns))
    return stages


def _words_of_flows(root: Path, file: str) -> list[str]:
    """What scenario tests are called by that play a flow with this module: its own flow, or those that share it."""
    importing = _importing(root).get(file, set()) if file.startswith("shared/flows/") else set()
    folders = {
        Path(each).parts[2] for each in (file, *importing) if each.startswith("shared/flows/") and each.count("/") > 2
    }
    return sorted(word for folder in folders for word in _CALLED.get(folder, (folder,)))


def _ordered(tests: Iterable[str], file: str, distances: dict[str, int]) -> tuple[str, ...]:
    subject = SUBJECTS.get(Path(file).stem, Path(file).stem)

    def rank(test: str) -> tuple[bool, bool, int, str]:
        return not _is_named_for(test, file), subject not in Path(test).stem, distances.get(test, 99), test

    return tuple(sorted(tests, key=rank))


def _is_named_for(test: str, file: str) -> bool:
    return Path(test).stem == f"test_{Path(file).stem}" and Path(test).parent.name == part_of(file)


def _distances(root: Path, file: str) -> dict[str, int]:
    """Over how many imports each module reaches this one."""
    importing, found, queue = _importing(root), {file: 0}, deque([file])
    while queue:
        at = queue.popleft()
        for by in importing.get(at, ()):
            if by not in found:
                found[by] = found[at] + 1
                queue.append(by)
    return found


@lru_cache
def _importing(root: Path) -> dict[str, set[str]]:
    """By module, the modules that import it."""
    files = {module_of(each): each for each in _glob(root, ["shared/**/*.py", "local/**/*.py", "tests/**/*.py"])}
    importing: dict[str, set[str]] = {}
    for file in files.values():
        for name in _imported(ast.parse((root / file).read_text(encoding="utf-8"))):
            if name in files:
                importing.setdefault(files[name], set()).add(file)
    return importing


def _imported(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return names


def _glob(root: Path, patterns: Iterable[str]) -> list[str]:
    return sorted({path.relative_to(root).as_posix() for pattern in patterns for path in root.glob(pattern)})
