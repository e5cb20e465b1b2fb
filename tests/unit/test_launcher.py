"""`p2c.sh` runs the command line from a clone: from any folder, through links, with the exit code of the command."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone in a folder whose name has a blank, with an environment."""
    folder = tmp_path / "my clone's"
    folder.mkdir()
    (folder / "p2c.sh").write_bytes((ROOT / "p2c.sh").read_bytes())
    (folder / "p2c.sh").chmod(0o755)
    for name in ("p2c", "shared", ".venv"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def run(program: Path, *arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What a program says to arguments."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(cwd), **environment}
    return subprocess.run([program, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.process
def test_it_runs_through_links_from_any_folder_and_keeps_exit_codes_and_arguments(clone: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "else where"
    # What lies there by the same name is not taken for ours.
    (elsewhere / "shared").mkdir(parents=True)
    (elsewhere / "shared" / "__init__.py").write_text("raise SystemExit(9)")
    (tmp_path / "link").symlink_to(clone / "p2c.sh")
    (elsewhere / "p2c").symlink_to("../link")
    ended = run(elsewhere / "p2c", "--settings", "no file.json", "status", cwd=elsewhere)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "--settings 'no file.json' does not exist: name a file that exists; a demo's is there while it runs\n"
    )


@pytest.mark.process
def test_it_makes_the_environment_first_and_says_so_where_that_fails(clone: Path, tmp_path: Path) -> None:
    (clone / ".venv").unlink()
    (tmp_path / "bin").mkdir()
    make = tmp_path / "bin" / "make"
    make.write_text('#!/bin/sh\necho "$@"\nexit 2\n', encoding="utf-8")
    make.chmod(0o755)
    ended = run(clone / "p2c.sh", "status", cwd=tmp_path, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr == f"-s -C {clone} .venv/.ready\n"


def test_it_may_be_run() -> None:
    assert os.access(ROOT / "p2c.sh", os.X_OK)
