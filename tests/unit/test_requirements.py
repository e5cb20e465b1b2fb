"""The lock and what the deployment installs from it agree, and hold for every pip."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.requirements import LOCK, exported, with_extras
from tests.support.project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REQUIREMENTS = ROOT / "requirements.txt"
PINS = [REQUIREMENTS, *sorted((ROOT / "requirements").glob("*.txt"))]
ONLY_THE_COMMAND_LINE = {"rich", "typer"}
HASHED = re.compile(r"^[\w.-]+(\[[\w,-]+\])?==[\w.!+]+\s.*--hash=sha256:[0-9a-f]{64}")


def lines(file: Path) -> list[str]:
    """The requirements of a file, a line each, whatever goes on in the next line."""
    joined = file.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def pins(file: Path) -> list[Requirement]:
    return [Requirement(line.partition("--hash")[0].strip()) for line in lines(file)]


def asked_for(pinned: list[Requirement]) -> Iterator[tuple[str, Requirement]]:
    """What the installed distributions of these pins ask for themselves, with the extras that they are pinned with."""
    for pin in pinned:
        try:
            wants = requires(pin.name) or []
        except PackageNotFoundError:
            continue  # another platform's
        for wanted in map(Requirement, wants):
            environments = [{"extra": extra} for extra in (*pin.extras, "")]
            if wanted.marker is None or any(wanted.marker.evaluate(environment) for environment in environments):
                yield pin.name, wanted


@pytest.mark.parametrize("file", PINS, ids=lambda file: file.name)
def test_every_package_is_pinned_with_its_hashes(file: Path) -> None:
    assert lines(file)
    assert [line[:80] for line in lines(file) if not HASHED.match(line)] == []


@pytest.mark.process
def test_what_the_deployment_installs_is_what_the_lock_says() -> None:
    assert REQUIREMENTS.read_text(encoding="utf-8") == exported(), "run `make lock`"


@pytest.mark.process
def test_the_lock_is_that_of_the_project_file() -> None:
    uv = Path(sys.executable).with_name("uv")
    ended = subprocess.run(
        [str(uv), "lock", "--check", "--offline", "--project", str(ROOT)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{ended.stderr}\nrun `make lock`"


def test_every_extra_that_a_pinned_package_asks_for_stands_in_the_line_of_its_package() -> None:
    pinned = pins(REQUIREMENTS)
    extras = {canonicalize_name(pin.name): pin.extras for pin in pinned}
    wanted = [(by, value) for by, value in asked_for(pinned) if value.extras]
    assert wanted, "the rule is about something"
    assert [
        (by, str(value)) for by, value in wanted if not value.extras <= extras.get(canonicalize_name(value.name), set())
    ] == []


def test_a_pin_keeps_its_marker_and_hashes_beside_its_extras() -> None:
    line = "pyjwt==2.15.1 ; python_version < '4' \\\n    --hash=sha256:00\nidna==3.20 \\\n    --hash=sha256:01\n"
    assert with_extras(line, {"pyjwt": {"crypto"}, "idna": set()}) == line.replace("pyjwt==", "pyjwt[crypto]==")


def test_everything_that_the_app_asks_for_is_deployed_and_nothing_of_the_command_line() -> None:
    asked = {canonicalize_name(Requirement(each).name) for each in PROJECT["project"]["dependencies"]}
    deployed = {canonicalize_name(pin.name) for pin in pins(REQUIREMENTS)}
    assert asked - deployed == ONLY_THE_COMMAND_LINE


def test_the_lock_pins_the_linter_of_the_infrastructure_beside_the_tests_that_it_clashes_with() -> None:
    locked = tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]
    assert len({each["version"] for each in locked if each["name"] == "packaging"}) > 1
    assert "checkov" in {each["name"] for each in locked}
