"""The package as azd builds it: the files of a folder that .funcignore leaves, in a zip."""

import os
import zipfile
from pathlib import Path

import pathspec

from tests.support.project import ROOT


def packaged_files(root: Path = ROOT) -> list[str]:
    """The paths that are deployed, of all that lies in the folder, whether git knows it or not."""
    spec = pathspec.GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())
    found = []
    for folder, folders, files in os.walk(root):
        place = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if not spec.match_file(f"{(place / name).as_posix()}/")]
        paths = ((place / name).as_posix() for name in files)
        found += [path for path in paths if not spec.match_file(path)]
    return sorted(found)


def write_package(target: Path, root: Path = ROOT) -> Path:
    """Write the zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in packaged_files(root):
            archive.write(root / path, path)
    return target
