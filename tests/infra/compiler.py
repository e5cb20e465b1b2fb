"""Microsoft's Bicep compiler, where this computer has one: it formats, builds, lints, and predicts what is deployed."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.support.patience import PATIENCE_S

MISSING = "no Bicep compiler: set BICEP, or install it with `az bicep install`; the templates are not compiled here"
# Ids of nobody: a snapshot is the same everywhere.
_SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
_TENANT = "00000000-0000-0000-0000-000000000002"
_DEPLOYMENT = ("--location", "westeurope", "--deployment-name", "main")


@cache
def compiler() -> Path | None:
    """The compiler that `BICEP` names, that of the path, or that of azd or az."""
    return found(os.environ)


def found(environ: Mapping[str, str]) -> Path | None:
    """The compiler of an environment, or None. Raises FileNotFoundError where `BICEP` names no file."""
    named = environ.get("BICEP")
    if named:
        if not Path(named).is_file():
            raise FileNotFoundError(f"BICEP is {named}, and there is no such file: correct it, or take it away")
        return Path(named)
    return next((file for file in _places(environ) if file.is_file()), None)


def _places(environ: Mapping[str, str]) -> Iterator[Path]:
    if on_path := shutil.which("bicep", path=environ.get("PATH")):
        yield Path(on_path)
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or ".")
    for folder in (environ.get("AZD_CONFIG_DIR") or home / ".azd", environ.get("AZURE_CONFIG_DIR") or home / ".azure"):
        yield from (Path(folder) / "bin" / name for name in ("bicep", "bicep.exe"))


def build(file: Path) -> str:
    """What the compiler and its linter say of a template and its modules: nothing where all is well."""
    return _run("build", str(file), "--stdout").stderr.strip()


def format_all(infra: Path) -> str:
    """Write every template and parameters file of a folder in the compiler's form; what it says."""
    return _run("format", "--pattern", f"{infra.as_posix()}/**/*.bicep*").stderr.strip()


def write_snapshot(parameters: Path) -> str:
    """Write what a deployment with these parameters would make beside them; what the compiler and its linter say of the
    templates."""
    ids = ("--subscription-id", _SUBSCRIPTION, "--tenant-id", _TENANT)
    ended = _run("snapshot", str(parameters), "--mode", "overwrite", *ids, *_DEPLOYMENT)
    if ended.returncode or ended.stderr.strip():
        return (ended.stdout + ended.stderr).strip()
    file = parameters.with_suffix(".snapshot.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    # The compiler writes outputs in another order each time.
    content["outputs"] = dict(sorted(content["outputs"].items()))
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return ""


def _run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = compiler()
    assert program is not None, MISSING
    return subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False, encoding="utf-8"
    )
