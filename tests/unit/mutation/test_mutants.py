"""What is changed, and which changes a sample takes."""

from pathlib import Path

import pytest

from tests.mutation.equivalents import Equivalent, Size, outdated, read_equivalents
from tests.mutation.mutants import Mutant, mutant_of, mutants_of, sample
from tests.support.project import ROOT
from tests.support.thinned import share, share_of_steps

# Some modules of every size: to find the mutants of one takes some tenths of a second.
SYNC = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "shared/sync").glob("*.py"))][::6]


def changes(tmp_path: Path, text: str) -> set[str]:
    """What becomes of the first line of a module that a mutant changes."""
    (tmp_path / "tiny.py").write_text(text, encoding="utf-8")
    return {mutant.changes(tmp_path)[1] for mutant in mutants_of(tmp_path, "tiny.py")}


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("if a < b: pass", {"if a <= b: pass", "if a >= b: pass", "if not a < b: pass"}),
        ("x = a and b", {"x = a or b"}),
        ("x = a in b", {"x = a not in b"}),
        ("x = a not in b", {"x = a in b"}),
        ("x = [a for a in b if a.dirty]", {"x = [a for a in b if not (a.dirty)]"}),
        ("x = 7", {"x = 8", "x = 6"}),
        ("reject(a)", {"pass"}),
        ("a.dirty = b", {"pass"}),
        ("a.size += b", {"pass"}),
        ("raise Wrong", {"pass"}),
        ("x = b", set()),
        ("def f(a, *, b, **c): return {**c}", set()),
    ],
)
def test_a_line_becomes_each_of_these(tmp_path: Path, text: str, becomes: set[str]) -> None:
    assert changes(tmp_path, f"{text}\n") == becomes


def test_what_only_a_type_checker_reads_is_not_changed(tmp_path: Path) -> None:
    text = (
        "@dataclass(frozen=True)\nclass A:\n    b: int | None\n\n    def c(self, d: E | F) -> G | H: ...\n\nI = J | K\n"
    )
    assert changes(tmp_path, text) == set()


def lines_of(path: Path) -> set[str]:
    """The lines of a module with single blanks and no indentation."""
    return {" ".join(line.split()) for line in path.read_text(encoding="utf-8").splitlines()}


def test_the_same_seed_gives_the_same_sample_and_another_seed_another_one() -> None:
    first = sample(ROOT, SYNC, 8, "1")
    assert sample(ROOT, SYNC, 8, "1") == first
    assert sample(ROOT, SYNC, 8, "2") != first
    assert 6 <= len(first) <= 8
    assert len(set(first)) == len(first)


def test_a_sample_takes_more_of_a_large_module_than_of_a_small_one() -> None:
    places = {file: {each.place for each in mutants_of(ROOT, file)} for file in SYNC}
    everywhere, taken = sum(map(len, places.values())), sample(ROOT, SYNC, 30, "1")
    for file, of_file in places.items():
        fair = 30 * len(of_file) / everywhere
        assert abs(sum(each.file == file for each in taken) - fair) <= 2


def test_a_mutant_is_found_again_by_its_name() -> None:
    (mutant,) = sample(ROOT, SYNC, 1, "1")
    assert mutant_of(mutant.name, ROOT) == mutant


def test_a_name_of_no_mutant_is_refused() -> None:
    with pytest.raises(LookupError, match="the code has changed"):
        mutant_of("shared/sync/apply/record.py:AddNot:9999", ROOT)


def test_every_equivalent_mutant_has_its_line_and_its_reason() -> None:
    known = read_equivalents()
    assert [each for each in known if not each.reason] == []
    lines = {file: lines_of(ROOT / file) for file in {each.file for each in known}}
    assert [each for each in known if each.line not in lines[each.file]] == []


# As long as its line stays, so does what it may become: to change each of them anew takes seconds.
@share_of_steps(12)
def test_an_equivalent_mutant_can_still_be_made(every: int) -> None:
    assert outdated(share(read_equivalents(), every), ROOT) == []


def test_an_equivalent_mutant_is_known_wherever_its_line_moves(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text("\n\nif 1:\n    x = 7\n", encoding="utf-8")
    up = next(each for each in mutants_of(tmp_path, "tiny.py") if each.changes(tmp_path)[1] == "x = 8")
    named = Equivalent("tiny.py", "x = 7", "x = 8", "x is not read")
    assert named.is_of(up, tmp_path)
    assert outdated([named, Equivalent("tiny.py", "x = 9", "x = 8", "x is not read")], tmp_path)[0].line == "x = 9"


def test_of_a_size_only_its_numbers_may_be_others(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text("_PAGE = 10 * 20\nMOST = 10\n", encoding="utf-8")
    size = Size("tiny.py", "_PAGE = 10 * 20", "a size of a page")
    named = {each.changes(tmp_path)[1] for each in mutants_of(tmp_path, "tiny.py") if size.is_of(each, tmp_path)}
    assert named == {"_PAGE = 11 * 20", "_PAGE = 9 * 20", "_PAGE = 10 * 21", "_PAGE = 10 * 19"}
    gone = [Size("tiny.py", "_PAGE = 30", ""), Size("tiny.py", "_PAGE = MOST", ""), Size("gone.py", "MOST = 10", "")]
    assert outdated([size, *gone], tmp_path) == gone


def test_a_mutant_has_the_diff_by_which_it_is_shown(tmp_path: Path) -> None:
    (tmp_path / "tiny.py").write_text("x = a and b\n", encoding="utf-8")
    mutant = Mutant("tiny.py", ((1, 6), (1, 9)), "ReplaceAndWithOr", 0)
    assert mutant.diff(tmp_path)[3:] == ["-x = a and b", "+x = a or b"]
