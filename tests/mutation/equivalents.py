"""The mutants that no test can kill, for nothing that anybody could see differs: `equivalents.toml`."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants_of

LIST = Path(__file__).with_name("equivalents.toml")
_NUMBER = "NumberReplacer"


@dataclass(frozen=True, slots=True)
class Size:
    """A line with a size that was chosen by hand and on which no result depends, such as that of a page: each of its
    numbers may be one more or less. The line has single blanks and no indentation. `reason` is for readers."""

    file: str
    line: str
    reason: str

    def is_of(self, mutant: Mutant, root: Path) -> bool:
        """Whether a mutant changes a number of this line."""
        return mutant.file == self.file and mutant.operator == _NUMBER and mutant.changes(root)[0] == self.line

    def is_outdated(self, root: Path) -> bool:
        """Whether the line is gone, or has no number."""
        file = root / self.file
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        return not re.search(r"[0-9]", self.line) or self.line not in {" ".join(line.split()) for line in lines}


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A line of a module and what it may become, with single blanks and no indentation, for lines may move. `reason` is
    for readers."""

    file: str
    line: str
    becomes: str
    reason: str

    def is_of(self, mutant: Mutant, root: Path) -> bool:
        """Whether it names this mutant."""
        return mutant.file == self.file and mutant.changes(root) == (self.line, self.becomes)


def read_equivalents(path: Path = LIST) -> list[Equivalent | Size]:
    """The list. Raises TypeError for an entry with another shape."""
    listed = tomllib.loads(path.read_text(encoding="utf-8"))
    sizes = [Size(**entry) for entry in listed.get("size", [])]
    return [*sizes, *(Equivalent(**entry) for entry in listed.get("equivalent", []))]


def outdated(equivalents: Sequence[Equivalent | Size], root: Path) -> list[Equivalent | Size]:
    """Those whose line is gone or cannot be changed that way."""
    return [equivalent for equivalent in equivalents if not _exists(equivalent, root)]


def _exists(equivalent: Equivalent | Size, root: Path) -> bool:
    if isinstance(equivalent, Size):
        return not equivalent.is_outdated(root)
    file = root / equivalent.file
    if not file.exists():
        return False
    numbers = {
        at
        for at, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if " ".join(line.split()) == equivalent.line
    }
    of_line = [
        each
        for each in mutants_of(root, equivalent.file)
        if any(each.span[0][0] <= at <= each.span[1][0] for at in numbers)
    ]
    return any(equivalent.is_of(mutant, root) for mutant in of_line)
