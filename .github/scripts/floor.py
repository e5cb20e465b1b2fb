"""Fail when a change lowers the floor of the branch coverage (`fail_under` in pyproject.toml).

python .github/scripts/floor.py BASE/pyproject.toml pyproject.toml
"""

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def floor(project: Path) -> float:
    """The floor that a project file sets; 0 where it sets none."""
    coverage: dict[str, Any] = tomllib.loads(project.read_text(encoding="utf-8")).get("tool", {}).get("coverage", {})
    return float(coverage.get("report", {}).get("fail_under", 0))


def main(arguments: Sequence[str]) -> int:
    """Compare the floor of the base, `arguments[0]`, with that of the change, `arguments[1]`."""
    if len(arguments) != 2:
        sys.stderr.write("usage: floor.py BASE-PYPROJECT PYPROJECT\n")
        return 2
    before, after = (floor(Path(file)) for file in arguments)
    if after < before:
        sys.stderr.write(f"fail_under falls from {before:g} to {after:g}: test what the change adds instead\n")
        return 1
    sys.stdout.write(f"fail_under: {before:g} before, {after:g} now\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
