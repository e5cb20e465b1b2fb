"""Whoever follows docs/adding-a-flow.md and docs/adding-a-field.md to the letter gets what they promise."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from tests.infra.compiler import MISSING, compiler
from tests.support.patience import PATIENCE_S
from tests.support.project import ROOT, project_files

pytestmark = pytest.mark.process
_BLOCK = re.compile(r"^```(python title=\"(?P<path>[^\"]+)\"|diff|sh)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
# Large, and changed by no guide.
_SHARED = Path("local") / "data"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, as a newcomer has it, with what Python has compiled of it."""
    copy = tmp_path / "project"
    files = [file for file in project_files() if not file.is_relative_to(ROOT / _SHARED)]
    caches = {file.parent / "__pycache__" for file in files if file.suffix == ".py"}
    for file in [*files, *(compiled for cache in caches for compiled in cache.glob("*.pyc"))]:
        path = copy / file.relative_to(ROOT)
        path.parent.mkdir(parents=True, exist_ok=True)
        # With its time, by which Python knows what it has compiled.
        shutil.copy2(file, path)
    (copy / _SHARED).symlink_to(ROOT / _SHARED)
    (copy / ".venv").symlink_to(sys.prefix)
    return copy


def without_a_compiler(project: Path) -> Mapping[str, str]:
    """Where the templates are not compiled, unless a compiler is on the path."""
    return {"BICEP": "", **dict.fromkeys(("HOME", "AZD_CONFIG_DIR", "AZURE_CONFIG_DIR"), str(project))}


def follow(guide: str, project: Path, variables: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Do what each block of a guide says, from top to bottom, with more `variables` of the environment; the commands
    that were run."""
    text = (project / "docs" / guide).read_text(encoding="utf-8")
    done: list[str] = []
    for block in _BLOCK.finditer(text):
        if block["path"]:
            file = project / block["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block["text"], encoding="utf-8")
        elif block[1] == "diff":
            applied = _run(["git", "apply", "-"], project, variables, text=block["text"])
            assert applied.returncode == 0, _told(applied)
        else:
            done += list(_commands(block["text"], project, variables))
    return done


def _commands(block: str, project: Path, variables: Mapping[str, str]) -> Iterator[str]:
    for command in block.splitlines():
        # A newcomer's project would install its environment first; this one has that of the tests, which stays.
        ended = _run([*shlex.split(command), "--old-file=.venv/.ready"], project, variables)
        no_compiler = command == "make infra" and MISSING in ended.stderr
        assert ended.returncode == 0 or no_compiler, _told(ended)
        yield command


def _run(
    command: list[str], project: Path, variables: Mapping[str, str], *, text: str | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GIT"))}
    return subprocess.run(
        command,
        cwd=project,
        input=text,
        env={**environment, **variables, "GIT_CEILING_DIRECTORIES": str(project.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


def _told(ended: subprocess.CompletedProcess[str]) -> str:
    return f"{shlex.join(ended.args)}\n{ended.stdout}\n{ended.stderr}"


# To compile the templates takes as long as all the rest: it is done with the templates as they are, and here at night.
@pytest.mark.long(10)
@pytest.mark.parametrize(
    "compiled",
    [
        pytest.param(True, marks=[pytest.mark.nightly, pytest.mark.skipif(compiler() is None, reason=MISSING)]),
        False,
    ],
    ids=["compiled", "not compiled"],
)
def test_the_guide_for_a_flow_ends_with_a_flow_that_runs(project: Path, *, compiled: bool) -> None:
    assert follow("adding-a-flow.md", project, {} if compiled else without_a_compiler(project)) == [
        "make infra",
        "make docs",
        "make unit ARGS=tests/scenarios/test_pricelists.py",
    ]
    assert '"pricelists-poison"' in (project / "infra" / "names.json").read_text(encoding="utf-8")
    assert "| `PRICELISTS_SCHEDULE` |" in (project / "docs" / "settings.md").read_text(encoding="utf-8")


def test_the_guide_for_a_field_ends_with_a_field_that_is_mapped(project: Path) -> None:
    assert len(follow("adding-a-field.md", project)) == 4
    assert "`OrganizationPhoneticName`" in (project / "docs" / "mapping.md").read_text(encoding="utf-8")
