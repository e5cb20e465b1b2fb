"""What a check has found: a line each, for whoever has to mend it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something wrong in a file: what it is, with the value and the remedy."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class Findings(list[Finding]):
    """Collects findings, each once."""

    def add(self, file: Path, line: int, text: str) -> None:
        """Note a finding."""
        found = Finding(file.name, line, text)
        if found not in self:
            self.append(found)

    def told(self) -> str:
        """All of them, a line each."""
        return "\n".join(map(str, sorted(self)))
