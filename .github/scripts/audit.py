"""Judge a report of pip-audit: fail unless every pinned package was audited and none is known to be vulnerable.

pip-audit says "No known vulnerabilities found" also when it could look up nothing at all, and notes that per package
(`skip_reason`) in its JSON report only. Packages that this Python and platform would not install are not asked for:
run it on every Python version that counts. `packaging` comes with pip-audit.

    python .github/scripts/audit.py audit.json requirements.txt [more requirements ...]
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.markers import Marker

_PINNED = re.compile(
    r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*[^\s;]+[ \t]*(?:;[ \t]*(.*?))?[ \t]*\\?$", re.MULTILINE
)


def pinned_names(requirements: str, environment: Mapping[str, str] | None = None) -> set[str]:
    """The packages that a requirements file pins for this Python and platform, by normalised name; `environment`
    stands for other ones, by the names of markers."""
    wanted = dict(environment) if environment else None
    return {
        _normal(name) for name, marker in _PINNED.findall(requirements) if not marker or Marker(marker).evaluate(wanted)
    }


def problems(report: Any, pinned: set[str]) -> Iterator[str]:
    """What is wrong with a report, a line each: skipped, vulnerable and missing packages."""
    dependencies = report.get("dependencies") if isinstance(report, dict) else None
    if not isinstance(dependencies, list) or not dependencies:
        yield "the report names no packages: pip-audit did not get as far; read its own messages"
        return
    for dependency in dependencies:
        yield from _problems_of(dependency)
    audited = {_normal(str(dependency.get("name"))) for dependency in dependencies}
    for name in sorted(pinned - audited):
        yield f"{name} is pinned and not in the report: audit its requirements file too"


def _problems_of(dependency: dict[str, Any]) -> Iterator[str]:
    name, version = dependency.get("name"), dependency.get("version", "?")
    if "skip_reason" in dependency:
        yield f"{name} was not audited: {dependency['skip_reason']}"
    elif not isinstance(dependency.get("vulns"), list):
        yield f"{name} {version} was not audited: the report says nothing of its vulnerabilities"
    for found in dependency.get("vulns") or ():
        fixed = ", ".join(found.get("fix_versions") or ()) or "no version yet"
        yield f"{name} {version} has {found.get('id')}; fixed in {fixed}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main(arguments: Sequence[str]) -> int:
    """Write every problem of the report `arguments[0]` with the requirements files behind it; 1 if there is any."""
    if len(arguments) < 2:
        sys.stderr.write("usage: audit.py REPORT REQUIREMENTS...\n")
        return 2
    try:
        report = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        pinned = {name for file in arguments[1:] for name in pinned_names(Path(file).read_text(encoding="utf-8"))}
    except (OSError, ValueError) as unreadable:
        sys.stderr.write(f"{unreadable}: run pip-audit with --format json --output {arguments[0]} first\n")
        return 1
    found = list(problems(report, pinned))
    verdict = found or [f"{len(pinned)} pinned packages, all audited, none known to be vulnerable"]
    sys.stdout.write("\n".join(verdict) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
