"""requirements.txt installs what it pins, by the pips that people have, on any day; and the project gives `p2c`. The
pips between the oldest and the newest one are tried at night."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.project import ROOT

PIPS = sorted(path.stem for path in (ROOT / "requirements").glob("pip-*.txt"))
# The first pip that runs on Python 3.12.
SINCE_3_12 = "pip-23.2"


def wheel(folder: Path, name: str, version: str, more: Sequence[str] = ()) -> Path:
    """An empty distribution with a name, a version and further lines of metadata."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    content = {
        f"{info}/METADATA": "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *more, "", ""]),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    content[f"{info}/RECORD"] = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in content.items())
    file = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in content.items():
            archive.writestr(path, text)
    return file


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def needs(name: str) -> list[str]:
    """What the real distribution asks for, as lines of metadata."""
    try:
        found = metadata(name)
    except PackageNotFoundError:
        return []
    lines = [f"Provides-Extra: {extra}" for extra in found.get_all("Provides-Extra") or ()]
    return lines + [f"Requires-Dist: {wanted}" for wanted in found.get_all("Requires-Dist") or ()]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An index with every pinned package and a newer, empty release of each; and requirements.txt with the hashes of
    these. Only the hashes are others: the names, extras, versions and markers are those of the file."""
    folder = tmp_path_factory.mktemp("index")
    lines = []
    for block in (ROOT / "requirements.txt").read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if not block.strip() or block.lstrip().startswith("#"):
            continue
        line = block.partition("--hash")[0].strip()
        pin = Requirement(line)
        name, (version,) = canonicalize_name(pin.name), (each.version for each in pin.specifier)
        project = folder / "simple" / name
        project.mkdir(parents=True, exist_ok=True)
        pinned = wheel(project, name, version, needs(name))
        # Within the bounds that others set: a next release as it comes on any day.
        wheel(project, name, f"{Version(version).base_version}.1")
        links = "".join(f'<a href="{file.name}">{file.name}</a>\n' for file in sorted(project.glob("*.whl")))
        (project / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>", encoding="utf-8")
        lines.append(f"{line} --hash=sha256:{hashlib.sha256(pinned.read_bytes()).hexdigest()}")
    requirements = folder / "requirements.txt"
    requirements.write_text("\n".join(lines), encoding="utf-8")
    return folder / "simple", requirements


@pytest.mark.parametrize(
    "pip", [PIPS[0], *(pytest.param(pip, marks=pytest.mark.nightly) for pip in PIPS[1:-1]), PIPS[-1]]
)
def test_a_newer_release_of_every_package_changes_nothing(pip: str, index: tuple[Path, Path], tmp_path: Path) -> None:
    if sys.version_info >= (3, 12) and pip < SINCE_3_12:
        pytest.skip(f"{pip} does not run on Python {sys.version_info[0]}.{sys.version_info[1]}")
    simple, requirements = index
    report = tmp_path / "report.json"
    command = [sys.executable, "-I", str(ROOT / ".pips" / pip / "pip"), "--isolated", "install", "--quiet"]
    command += ["--disable-pip-version-check", "--no-cache-dir", "--dry-run", "--ignore-installed", "--report"]
    command += [str(report), "--require-hashes", "--index-url", simple.as_uri(), "-r", str(requirements)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    installed = {
        canonicalize_name(each["metadata"]["name"]): each["metadata"]["version"]
        for each in json.loads(report.read_text(encoding="utf-8"))["install"]
    }
    expected = {}
    for line in requirements.read_text(encoding="utf-8").splitlines():
        pin = Requirement(line.partition("--hash")[0])
        if pin.marker is None or pin.marker.evaluate():
            expected[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    assert installed == expected


def test_the_installed_project_gives_the_command_p2c_with_the_value_maps_that_it_ships(tmp_path: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    target = tmp_path / "installed"
    install = [str(uv), "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--python", sys.executable, "--target", str(target), str(ROOT)], check=True)
    assert {path.name for path in target.iterdir() if path.is_dir()} >= {"shared", "p2c"}
    assert (target / "shared" / "mapping" / "value_maps.json").is_file()
    ended = subprocess.run(
        [str(target / "bin" / "p2c"), "--help"],
        cwd=tmp_path, env={"PYTHONPATH": str(target)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Usage: p2c" in ended.stdout


@pytest.mark.process
@pytest.mark.parametrize("jobs", ["-j2", "-j"])
def test_make_says_nothing_about_its_own_jobs_where_their_number_is_given(jobs: str) -> None:
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    }
    asked = ["make", jobs, "--dry-run", "ready"]
    ended = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
