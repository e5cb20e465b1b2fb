"""Writes what the app needs from `uv.lock`: `python -m local.requirements`.

`requirements.txt` holds for every Python and system; `requirements/site.txt` is the part of it for the site in Azure,
which the deployment installs (infra/hooks/vendor_packages.py). pip would judge the markers by the Python that runs it.

`uv export` names no extras. With hashes, pip before 23.3 needs them: where a package asks for `PyJWT[crypto]` and the
line says `pyjwt==2.15.1`, it takes the newest release instead, and refuses it for its hash.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Set
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "uv.lock"
REQUIREMENTS = ROOT / "requirements.txt"
SITE = ROOT / "requirements" / "site.txt"
SITE_PYTHON = "3.12"
"""The Python of the function app (infra/app.bicep)."""
# The command line's own: the deployed app has no screen.
_NOT_DEPLOYED = ("rich", "typer")
_HEADER = "# What the app needs, from uv.lock. `make lock` writes it; change pyproject.toml instead.\n"
_SITE_HEADER = (
    f"# What the deployment installs: requirements.txt for Python {SITE_PYTHON} on Linux. `make lock` writes it.\n"
)
_OF_THE_SITE = {
    "implementation_name": "cpython",
    "implementation_version": f"{SITE_PYTHON}.0",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": f"{SITE_PYTHON}.0",
    "python_version": SITE_PYTHON,
    "sys_platform": "linux",
}
_PIN = re.compile(r"^([a-z0-9._-]+)==", re.MULTILINE)


def exported(lock: Path = LOCK) -> str:
    """The content of requirements.txt as the lock has it. It asks no index."""
    command = [str(Path(sys.executable).with_name("uv")), "export", "--quiet", "--frozen", "--offline"]
    command += ["--no-default-groups", "--no-emit-project", "--no-header", "--no-annotate"]
    command += [option for name in _NOT_DEPLOYED for option in ("--prune", name)]
    command += ["--project", str(lock.parent)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a command of our own
    if ended.returncode != 0:
        raise SystemExit(f"uv cannot export {lock}: {ended.stderr.strip()}")
    return _HEADER + with_extras(ended.stdout, extras_asked_for(lock))


def extras_asked_for(lock: Path) -> Mapping[str, Set[str]]:
    """By package, the extras that any package of the lock asks for."""
    asked: dict[str, set[str]] = {}
    for package in tomllib.loads(lock.read_text(encoding="utf-8"))["package"]:
        for dependency in package.get("dependencies", ()):
            asked.setdefault(dependency["name"], set()).update(dependency.get("extra", ()))
    return asked


def with_extras(requirements: str, extras: Mapping[str, Set[str]]) -> str:
    """The same pins, each with the extras of its package."""

    def pin(found: re.Match[str]) -> str:
        named = ",".join(sorted(extras.get(found[1], ())))
        return f"{found[1]}[{named}]==" if named else found[0]

    return _PIN.sub(pin, requirements)


def for_the_site(requirements: str) -> str:
    """The pins that hold in Azure, without markers."""
    return _SITE_HEADER + "".join(_pins_of_the_site(requirements))


def _pins_of_the_site(requirements: str) -> Iterator[str]:
    lines = "".join(line for line in requirements.splitlines(keepends=True) if not line.startswith("#"))
    # A pin continues in the next line, with its hashes, as long as a line ends in a backslash.
    for pin in re.split(r"(?<!\\)\n", lines):
        head, *hashes = pin.split(" \\\n")
        if head:
            marker = Requirement(head).marker
            if marker is None or marker.evaluate(_OF_THE_SITE):
                yield " \\\n".join([head.partition(" ;")[0], *hashes]) + "\n"


if __name__ == "__main__":
    REQUIREMENTS.write_text(exported(), encoding="utf-8")
    SITE.write_text(for_the_site(exported()), encoding="utf-8")
