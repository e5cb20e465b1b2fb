"""The package as azd builds it: the files of the project that .funcignore leaves, in a zip."""

import zipfile
from pathlib import Path

import pathspec

from tests.support.project import ROOT, project_files


def packaged_files(root: Path = ROOT) -> list[str]:
    """The paths that are deployed. Of files that git ignores, such as environments, none is."""
    spec = pathspec.GitIgnoreSpec.from_lines((root / ".funcignore").read_text(encoding="utf-8").splitlines())
    paths = (str(file.relative_to(root)) for file in project_files(root))
    return [path for path in paths if not spec.match_file(path)]


def write_package(target: Path, root: Path = ROOT) -> Path:
    """Write the zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in packaged_files(root):
            archive.write(root / path, path)
    return target
