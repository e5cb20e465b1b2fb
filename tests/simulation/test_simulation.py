"""Random histories of the whole product, and what holds the simulation itself to its word."""

import os
import subprocess
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path

import pytest

from tests.simulation.__main__ import main
from tests.simulation.run import play, play_seeds
from tests.simulation.script import STEPS, read_script, write_script

_ROOT = Path(__file__).parents[2]
_KEPT = sorted((Path(__file__).parent / "histories").glob("*.json"))
_AT_ONCE = 10
# Ten thousand others are played at night (`make simulate`).
_SEEDS = 200


@pytest.mark.parametrize("first", range(0, _SEEDS, _AT_ONCE))
def test_random_histories_end_as_they_must(first: int) -> None:
    report = play_seeds(range(first, first + _AT_ONCE))
    assert report.histories == _AT_ONCE
    assert {each.script.seed: each.problems for each in report.broken} == {}


@pytest.mark.parametrize("path", _KEPT, ids=lambda path: path.stem)
def test_a_history_that_was_broken_once_ends_as_it_must(path: Path) -> None:
    assert play(read_script(path)).problems == []


def test_a_history_has_as_many_acts_as_asked_for_and_its_workers_do_real_steps() -> None:
    played = [play(write_script(seed)) for seed in range(5)]
    assert all(len(each.script.acts) == STEPS for each in played)
    assert sum(each.steps for each in played) > 10 * 5 * STEPS


_INTERRUPTED = """
import runpy, sys

class CtrlC:
    def find_spec(self, name, *_):
        if name == "tests.simulation.shrink":
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
runpy.run_module("tests.simulation", run_name="__main__", alter_sys=True)
"""


def test_ctrl_c_while_it_loads_ends_it_without_a_traceback() -> None:
    ended = subprocess.run([sys.executable, "-c", _INTERRUPTED], cwd=_ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "")


def test_a_reader_who_has_gone_ends_it_without_a_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tests.simulation", "--seeds", "1", "--steps", "1"]
    ended = subprocess.run(command, cwd=_ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, "")


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_an_output_that_takes_no_more_ends_it_with_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Nothing is kept in a buffer, which would be written again when the file is closed.
    with TextIOWrapper(BufferedWriter(FileIO("/dev/full", "w"), 1), "utf-8", write_through=True) as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main(["--seeds", "1", "--steps", "1"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("the output cannot be written (")
    assert said.count("\n") == 1


# In history 3008 several parents are linked at once, and children wait for each of them. History 0 has orders.
_TRACED = """
from tests.simulation.__main__ import main
from tests.support.quick import quicken

quicken()
for first in ("0", "300", "3008"):
    main(["--seeds", "1", "--first", first, "--trace"])
"""


@pytest.mark.process
def test_the_same_seed_gives_the_same_history_on_any_machine(capsys: pytest.CaptureFixture[str]) -> None:
    for first in (0, 300, 3008):
        main(["--seeds", "1", "--first", str(first), "--trace"])
    here = capsys.readouterr().out
    # Sets have another order there; and this process has played other histories, and made its objects before.
    other_seed = "3" if os.environ.get("PYTHONHASHSEED") != "3" else "0"
    there = subprocess.run(
        [sys.executable, "-c", _TRACED],
        cwd=_ROOT, env={**os.environ, "PYTHONHASHSEED": other_seed}, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert here == there
    assert all(f"seed {first}" in here for first in (0, 300, 3008))
    assert "step" in here


@pytest.mark.process
def test_the_oracle_knows_nothing_of_the_engine() -> None:
    program = "import sys, tests.simulation.oracle; print(*sorted(name for name in sys.modules if 'shared' in name))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=_ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "shared.mapping.verdicts" in loaded
    assert not [name for name in ("shared.sync", "shared.state", "shared.operations") if name in loaded]


@pytest.mark.parametrize(
    "text", ["", "{bad", "[1]", "{}", '{"seed": "x", "acts": []}', '{"seed": 1, "acts": [["x", 1]]}']
)
def test_a_file_that_is_no_history_is_refused_in_one_line(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "history.json"
    path.write_text(text, encoding="utf-8")
    assert main(["--script", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "is no history" in told


@pytest.mark.parametrize("option", ["--seeds", "--steps"])
@pytest.mark.parametrize("count", ["0", "-1", "x", ""])
def test_a_count_of_nothing_is_refused_and_not_called_a_success(option: str, count: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([option, count])
    assert ended.value.code == 2
