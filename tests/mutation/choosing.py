"""Which tests judge a mutant: those that call the changed function, the nearest first."""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from tests.mutation.covering import Calls, Function
from tests.mutation.mutated import module_of
from tests.mutation.running import Stage

# The parts of the product, with the share of its mutants that the tests must notice.
GOALS = {"sync": 0.95, "mapping": 0.95, "clients": 0.9, "state": 0.9}

# The tests that judge: without processes of ours, except for the storage emulator.
_JUDGES = (
    *(f"tests/unit/{part}/test_*.py" for part in GOALS),
    "tests/contract/test_mapping_*.py",
    "tests/contract/test_functions.py",
    "tests/contract/test_products_schema.py",
    "tests/contract/test_map_document.py",
    "tests/contract/test_names.py",
    # The tables of the documentation hold each field with its words, length and ownership.
    "tests/unit/test_docs.py",
    "tests/contract/test_ranges.py",
    "tests/scenarios/test_*.py",
    "tests/e2e/test_storage.py",
)
# Words in the names of the tests of a flow, where they are not the flow's own name.
_CALLED = {"ordersback": ("ordersback", "orders_of_finops")}
# The rule tests about a module, where its name does not say so: a part of the name of the test file.
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
    "flow": "apply",
    # Of apply and of pull, each a list of the stages: any rule may be about it.
    "run": "rules",
}
_SIMULATION = "tests/simulation/run.py"
# Of one file of tests as much as this is tried at first, and of all together; then the simulation; then the rest.
_FILE_S, _FIRST_S = 3.0, 20.0
_MORE_OF_FILE_S, _REST_S = 10.0, 150.0
_FEW_FILES = 4
_IMPORTS = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]*))", re.MULTILINE
)
_NAMES = re.compile(r"(?:^|[(,])\s*([\w.]+)")


def part_of(file: str) -> str:
    """The part of the product that a module belongs to."""
    part = Path(file).parts[1]
    return "mapping" if part == "flows" else part


def modules(root: Path, parts: Iterable[str] = GOALS) -> list[str]:
    """The modules of these parts."""
    folders = [folder for part in parts for folder in (part, *(["flows"] if part == "mapping" else []))]
    return _glob(root, [f"shared/{folder}/**/*.py" for folder in folders])


def judges(root: Path, files: Iterable[str]) -> list[str]:
    """The files of tests that may judge these modules."""
    reaching = set[str]().union(*(_distances(root, file) for file in files))
    return [test for test in _glob(root, _JUDGES) if test in reaching]


def stages_for(
    root: Path, file: str, function: str | None, calls: Calls, *, seeds: int, thorough: bool = False
) -> list[Stage]:
    """What judges a change of a module, in a function or at its top, the quickest first: some tests of each file,
    `seeds` histories of the simulation, more tests. `thorough`: all of them, however long they take."""
    distances = _distances(root, file)
    tests = calls.of(Function(file, function)) if function else _reaching(file, calls, distances)
    by_file: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        by_file[test.partition("::")[0]].append(test)
    words = [*_words_of_flows(root, file), SUBJECTS.get(Path(file).stem, Path(file).stem)]

    def rank(tests_file: str) -> tuple[bool, bool, int, float]:
        seconds = sum(calls.tests[test].seconds for test in by_file[tests_file])
        about = any(word in Path(tests_file).stem for word in words)
        return not _is_named_for(tests_file, file), not about, distances.get(tests_file, 99), seconds

    ranked = [by_file[each] for each in sorted(by_file, key=rank)]
    some = [list(_within(of_file, _FILE_S, calls)) for of_file in ranked]
    # Where the change needs modules and tests imported anew, those of a few files are tried before.
    nearest = [] if function else [test for of_file in some[:_FEW_FILES] for test in of_file]
    taken = set(nearest)
    first = list(_within([test for of_file in some for test in of_file if test not in taken], _FIRST_S, calls))
    taken |= set(first)
    rest = [[test for test in of_file if test not in taken] for of_file in ranked]
    left = [test for of_file in rest for test in (of_file if thorough else _within(of_file, _MORE_OF_FILE_S, calls))]
    left = left if thorough else list(_within(left, _REST_S, calls))
    simulated = [Stage(seeds=seeds)] if seeds and _SIMULATION in distances else []
    played = [Stage(tests=tuple(tests)) if tests else None for tests in (nearest, first, left)]
    return [stage for stage in (*played[:2], *simulated, played[2]) if stage is not None]


def _within(tests: Sequence[str], seconds: float, calls: Calls) -> Iterator[str]:
    """As many of them as take so long together; at least one."""
    spent = 0.0
    for test in tests:
        if spent and spent + calls.tests[test].seconds > seconds:
            continue
        spent += calls.tests[test].seconds
        yield test


def _reaching(file: str, calls: Calls, distances: dict[str, int]) -> list[str]:
    """The tests that call anything of a module, and those of the files that import it: its top may be a table."""
    calling = set(calls.of_module(file))
    return [test for test in calls.tests if test in calling or test.partition("::")[0] in distances]


def _words_of_flows(root: Path, file: str) -> list[str]:
    """What tests are called by that play a flow with this module: its own flow, or those that share it."""
    importing = _importing(root).get(file, set()) if file.startswith("shared/flows/") else set()
    folders = {
        Path(each).parts[2] for each in (file, *importing) if each.startswith("shared/flows/") and each.count("/") > 2
    }
    return sorted(word for folder in folders for word in _CALLED.get(folder, (folder,)))


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
        for name in _imported((root / file).read_text(encoding="utf-8")):
            if name in files:
                importing.setdefault(files[name], set()).add(file)
    return importing


def _imported(text: str) -> set[str]:
    """What a module imports, by its text: to parse the whole project takes seconds. An import in the text of a program
    counts, too."""
    names: set[str] = set()
    for module, from_it, modules in _IMPORTS.findall(text):
        if module:
            names |= {module} | {f"{module}.{name}" for name in _NAMES.findall(from_it)}
        else:
            names |= set(_NAMES.findall(modules))
    return names


def _glob(root: Path, patterns: Iterable[str]) -> list[str]:
    return sorted({path.relative_to(root).as_posix() for pattern in patterns for path in root.glob(pattern)})
