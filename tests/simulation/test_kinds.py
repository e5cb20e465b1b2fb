"""The kinds of faults that the engine once had are found by the simulation when they come back."""

from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from tests.simulation.mutations import MUTATIONS
from tests.simulation.run import play
from tests.simulation.script import read_script, write_script

_HISTORIES = Path(__file__).parent / "histories"
_SEARCHED = 1000
_DOCUMENT = Path(__file__).parents[2] / "docs" / "simulation.md"


def _seeds() -> list[ParameterSet]:
    """Each change plays a few of them, beside two hundred histories (test_simulation.py), and the night all."""
    seeds = sorted({mutation.seed for mutation in MUTATIONS.values()})
    return [pytest.param(seed, marks=() if at % 8 == 0 else pytest.mark.nightly) for at, seed in enumerate(seeds)]


def _again(name: str) -> str:
    return (
        f"the known history finds {name!r} no more: where the dice have changed, "
        f"`python -m tests.simulation --mutation {name} --seeds {_SEARCHED}` names new seeds and shortens one"
    )


def _found(name: str, problems: list[str]) -> bool:
    return any(problem.startswith(MUTATIONS[name].finds) for problem in problems)


def _some_kinds() -> list[ParameterSet]:
    """Each kind has a shortened history that is played at each change. So of the long ones a few are, and at night all:
    where the dice have changed, most of those do not find their kind any more."""
    return [pytest.param(name, marks=() if at % 4 == 0 else pytest.mark.nightly) for at, name in enumerate(MUTATIONS)]


@pytest.mark.parametrize("name", _some_kinds())
def test_a_kind_that_comes_back_is_found_by_its_seed(name: str) -> None:
    script = write_script(MUTATIONS[name].seed)
    assert _found(name, play(script, mutation=name).problems), _again(name)


@pytest.mark.parametrize("seed", _seeds())
def test_the_seed_of_a_kind_ends_as_it_must_without_it(seed: int) -> None:
    assert play(write_script(seed)).problems == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_kind_that_comes_back_is_found_by_its_shortened_history(name: str) -> None:
    script = read_script(_HISTORIES / f"{name}.json")
    assert _found(name, play(script, mutation=name).problems), _again(name)


def test_the_documentation_tells_every_kind_with_what_finds_it() -> None:
    rows = [
        f"| `{name}` | {mutation.what} | seed {mutation.seed}, {mutation.finds} |"
        for name, mutation in MUTATIONS.items()
    ]
    table = "\n".join(["| mutation | what happens then | found by |", "|---|---|---|", *rows])
    told = _DOCUMENT.read_text(encoding="utf-8")
    assert f"\n\n{table}\n\n" in told, f"docs/simulation.md has another table than this one:\n{table}"


def test_each_seed_is_one_of_those_that_are_searched() -> None:
    assert all(0 <= seed < _SEARCHED for seed in (mutation.seed for mutation in MUTATIONS.values()))


@pytest.mark.nightly
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_kind_that_comes_back_is_found_within_a_thousand_seeds(name: str) -> None:
    played = (play(write_script(seed), mutation=name).problems for seed in range(_SEARCHED))
    assert any(_found(name, problems) for problems in played), f"{name} is not found any more"
