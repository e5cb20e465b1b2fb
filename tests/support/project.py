"""The files of the project itself."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NOT_OURS = {
    ".git",
    ".venv",
    ".venv-checkov",
    ".venv-app",
    ".venv-host",
    ".site",
    ".python_packages",
    "node_modules",
    "__pycache__",
}


def project_files(root: Path = ROOT) -> list[Path]:
    """Every file that is in git or could be, or that stands in a folder that is no repository; without environments."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        found = [root / name for name in listed.stdout.split("\0") if name]
    else:
        found = [path for path in root.rglob("*") if not _NOT_OURS & set(path.relative_to(root).parts)]
    return sorted(path for path in found if path.is_file())
