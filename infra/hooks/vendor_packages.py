"""Puts the app's packages beside it, as they are for the site's Python on Linux: azd calls it before it packages.

A build in Azure takes whatever Python it has: packages for another one do not load, and the app is left without a
function. Here the pins and hashes of requirements/site.txt are installed from wheels alone, whatever Python and system
runs this.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from cli import ROOT, Failed, names, run, tell
from map_document import require_map_document

# Wheels that load where glibc is 2.28 or newer, as in the image of the platform.
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def vendor(target: Path) -> None:
    """Refill a folder. Raises Failed with pip's error text."""
    shutil.rmtree(target, ignore_errors=True)
    python = str(names()["python"])
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--target", str(target), "--no-compile", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", python]
    command += [option for platform in PLATFORMS for option in ("--platform", platform)]
    command += ["--requirement", str(ROOT / "requirements" / "site.txt")]
    # Settings for a user's own installations do not apply here.
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if ended.returncode != 0:
        raise Failed(
            f"The packages for the site could not be installed:\n{ended.stderr.strip()}\n"
            f"{sys.executable} needs pip (`python3 -m ensurepip`, or the package python3-pip), and pip must reach its "
            "index."
        )
    # Programs for a shell on another computer: they are never called there.
    shutil.rmtree(target / "bin", ignore_errors=True)
    tell(f"Packages for Python {python} on Linux are in {target}.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--target", type=Path, default=ROOT / ".python_packages" / "lib" / "site-packages")
    given = parser.parse_args()

    def package() -> None:
        """What must be there for the package, and what goes into it."""
        require_map_document()
        vendor(given.target)

    run(package)
