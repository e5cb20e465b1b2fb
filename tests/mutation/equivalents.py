"""The mutants that no test can kill, for nothing that anybody could see differs: `equivalents.toml`."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants_of

LIST = Path(__file__).with_name("equivalents.toml")


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


def read_equivalents(path: Path = LIST) -> list[Equivalent]:
    """The list. Raises TypeError for an entry with another shape."""
    return [Equivalent(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", [])]


def outdated(equivalents: list[Equivalent], root: Path) -> list[Equivalent]:
    """Those whose line is gone or cannot be changed that way."""
    return [equivalent for equivalent in equivalents if not _exists(equivalent, root)]


def _exists(equivalent: Equivalent, root: Path) -> bool:
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
