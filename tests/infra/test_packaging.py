"""What is deployed: the app and its packages for the site's Python, whatever else lies in the folder."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.packaging import ignored, packaged_by_the_rules_of_git, packaged_files, write_package
from tests.infra.names import functions, names
from tests.support.patience import PATIENCE_S
from tests.support.project import ROOT

# What make has vendored by the hook.
SITE_PACKAGES = ROOT / ".site" / "site-packages"
APP = ("function_app.py", "host.json", "shared")
LEFTOVERS = (
    ".azure/contoso/.env", ".env", ".git/config", ".venv/lib/x.py", "venv/lib/x.py", "deploy_env/lib/x.py",
    "__azurite_db_blob__.json", "__blobstorage__/x", "__pycache__/function_app.cpython-312.pyc", "certificate.pem",
    "docs/setup.md", "infra/main.json", "local.settings.json", "local/host/__init__.py", "main.json",
    "node_modules/x.js", "package.zip", "requirements.txt", "requirements/site.txt",
    "shared/mapping/__pycache__/x.cpython-312.pyc", "tests/test_x.py",
)  # fmt: skip


def python_of_the_site() -> Path | None:
    """A Python of the site's version on this computer, None where there is none."""
    wanted = str(names()["python"])
    named = [shutil.which(f"python{wanted}"), sys.executable]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [Path(each) for each in named if each] + sorted(pyenv.glob(f"{wanted}.*/bin/python"))
    return next((place for place in places if version_of(place) == wanted), None)


def version_of(python: Path) -> str:
    """Its version in two numbers, empty where it does not run."""
    asked = [str(python), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


@pytest.fixture
def cluttered(tmp_path: Path) -> Path:
    """The app in a folder full of leftovers."""
    root = tmp_path / "project"
    for name in LEFTOVERS:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("left over", encoding="utf-8")
    for name in (*APP, ".funcignore"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy(source, root / name)
    return root


def test_nothing_but_the_app_and_its_packages_is_deployed_from_a_folder_full_of_leftovers(cluttered: Path) -> None:
    package = cluttered / ".python_packages" / "lib" / "site-packages" / "azure" / "functions" / "__init__.py"
    package.parent.mkdir(parents=True)
    package.write_text("", encoding="utf-8")
    files = packaged_files(cluttered)
    assert files == packaged_by_the_rules_of_git(cluttered)
    assert {path.partition("/")[0] for path in files} == {*APP, ".python_packages"}
    assert [path for path in files if path in LEFTOVERS] == []
    assert "shared/mapping/value_maps.json" in files
    assert package.relative_to(cluttered).as_posix() in files


def test_a_star_behind_a_slash_leaves_out_what_lies_in_folders_that_are_brought_back() -> None:
    patterns = ["/*", "!/shared/"]
    assert not ignored(patterns, "shared", is_folder=True)
    assert ignored(patterns, "shared/flows/spec.py", is_folder=False)
    assert not ignored([*patterns, "!/shared/**"], "shared/flows/accounts/mapping.py", is_folder=False)


def test_a_value_map_document_of_ones_own_is_deployed(cluttered: Path) -> None:
    (cluttered / "shared" / "mapping" / "contoso.json").write_text("{}", encoding="utf-8")
    assert "shared/mapping/contoso.json" in packaged_files(cluttered)


def test_the_package_indexes_every_function_on_the_python_of_the_site_with_nothing_else_installed(
    cluttered: Path, tmp_path: Path
) -> None:
    python = python_of_the_site()
    if python is None:
        pytest.skip(f"no Python {names()['python']} here: the package is not loaded as the site loads it")
    assert SITE_PACKAGES.is_dir(), "`make test` vendors the packages"
    shutil.copytree(SITE_PACKAGES, cluttered / ".python_packages" / "lib" / "site-packages")
    with zipfile.ZipFile(write_package(tmp_path / "package.zip", cluttered)) as archive:
        archive.extractall(tmp_path / "wwwroot")
    script = (
        "import json, sys; sys.path[:0] = ['.python_packages/lib/site-packages', '.']; import function_app;"
        "print(json.dumps(sorted(of.get_function_name() for of in function_app.app.get_functions())))"
    )
    ended = subprocess.run(
        [str(python), "-I", "-S", "-c", script],
        cwd=tmp_path / "wwwroot", env={}, capture_output=True, text=True, check=False, timeout=PATIENCE_S,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout.splitlines()[-1]) == functions()


# --- the hook that vendors ------------------------------------------------------------------------------------------


def wheel(folder: Path, name: str, tag: str) -> Path:
    """An empty distribution for some Python and platform."""
    file = folder / f"{name}-1.0-{tag}.whl"
    info = f"{name}-1.0.dist-info"
    content = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: false\nTag: {tag}\n",
        f"{name}/built_for": tag,
    }
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in {**content, f"{info}/RECORD": "".join(f"{path},,\n" for path in content)}.items():
            archive.writestr(path, text)
    return file


def vendored(tmp_path: Path, *wheels: Path) -> "subprocess.CompletedProcess[str]":
    """Run the hook on a project that pins one package, of which the index has these wheels."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "infra" / "hooks", root / "infra" / "hooks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "infra" / "names.json", root / "infra")
    (root / "requirements").mkdir()
    hashes = " ".join(f"--hash=sha256:{hashlib.sha256(each.read_bytes()).hexdigest()}" for each in wheels)
    (root / "requirements" / "site.txt").write_text(f"thing==1.0 {hashes}\n", encoding="utf-8")
    stale = root / ".python_packages" / "lib" / "site-packages" / "stale.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    index = {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }
    return subprocess.run(
        [sys.executable, str(root / "infra" / "hooks" / "vendor_packages.py")],
        cwd=root, env={"PATH": os.environ["PATH"], **index}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_packages_are_vendored_for_the_python_of_the_site_whatever_python_and_system_runs_the_hook(
    tmp_path: Path,
) -> None:
    site = f"cp{str(names()['python']).replace('.', '')}"
    wheels = [
        wheel(tmp_path, "thing", f"{site}-{site}-{platform}")
        for platform in ("manylinux_2_28_x86_64", "win_amd64", "macosx_11_0_arm64", "manylinux_2_28_aarch64")
    ]
    wheels += [
        wheel(tmp_path, "thing", f"{other}-{other}-manylinux_2_17_x86_64") for other in ("cp311", "cp313", "cp314")
    ]
    ended = vendored(tmp_path, *wheels)
    assert ended.returncode == 0, ended.stderr
    target = tmp_path / "project" / ".python_packages" / "lib" / "site-packages"
    assert (target / "thing" / "built_for").read_text(encoding="utf-8") == f"{site}-{site}-manylinux_2_28_x86_64"
    assert not (target / "stale.py").exists()


def test_a_package_without_a_wheel_for_the_site_fails_with_the_words_of_pip(tmp_path: Path) -> None:
    ended = vendored(tmp_path, wheel(tmp_path, "thing", "cp311-cp311-win_amd64"))
    assert ended.returncode == 1
    assert "No matching distribution found for thing==1.0" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_packages_are_vendored_for_the_very_pins_of_the_lock() -> None:
    from local.requirements import SITE, exported, for_the_site

    assert SITE.read_text(encoding="utf-8") == for_the_site(exported()), "run `make lock`"
