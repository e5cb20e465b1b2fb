"""The package as azd builds it: the files of a folder that .funcignore leaves, in a zip.

azd reads .funcignore by a library (denormal/go-gitignore) whose rules are not quite those of git: see `ignored`.
"""

import os
import zipfile
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pathspec

from tests.support.project import ROOT


def packaged_files(root: Path = ROOT) -> list[str]:
    """The paths that azd deploys, of all that lies in the folder, whether git knows it or not."""
    patterns = _patterns(root)
    found = []
    for folder, folders, files in os.walk(root):
        place = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if not ignored(patterns, (place / name).as_posix(), is_folder=True)]
        paths = ((place / name).as_posix() for name in files)
        found += [path for path in paths if not ignored(patterns, path, is_folder=False)]
    return sorted(found)


def packaged_by_the_rules_of_git(root: Path) -> list[str]:
    """The paths that a tool deploys which reads .funcignore as git reads .gitignore."""
    spec = pathspec.GitIgnoreSpec.from_lines(_patterns(root))
    paths = (file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file())
    return sorted(path for path in paths if not spec.match_file(path))


def _patterns(root: Path) -> list[str]:
    lines = (root / ".funcignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def ignored(patterns: Sequence[str], path: str, *, is_folder: bool) -> bool:
    """Whether azd's library leaves a path out: the last pattern that matches decides, and a folder that is brought back
    brings nothing back that lies in it. A star in a name matches slashes as well: `/*` is everything.

    Raises NotImplementedError for a kind of pattern that is not used here.
    """
    for pattern in reversed(patterns):
        brought_back = pattern.startswith("!")
        if _matches(pattern.removeprefix("!"), path, is_folder):
            return not brought_back
    return False


def _matches(pattern: str, path: str, is_folder: bool) -> bool:
    if pattern.endswith("/") and not is_folder:
        return False
    anchored, name = pattern.startswith("/"), pattern.strip("/")
    if name.endswith("/**") and anchored:
        folder = name.removesuffix("/**")
        if set(folder) & set("*?[/"):
            raise NotImplementedError(pattern)
        return path == folder or path.startswith(f"{folder}/")
    if "/" in name or "**" in name:
        raise NotImplementedError(pattern)
    return fnmatchcase(path if anchored else path.rpartition("/")[2], name)


def write_package(target: Path, root: Path = ROOT) -> Path:
    """Write the zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in packaged_files(root):
            archive.write(root / path, path)
    return target
