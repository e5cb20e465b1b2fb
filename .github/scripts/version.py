"""Whether the tag of a release is the version of the project: `python version.py v0.2.0 pyproject.toml`."""

import sys
import tomllib
from pathlib import Path


def main(arguments: list[str]) -> int:
    """0 when they agree, 1 with what to do otherwise."""
    tag, project = arguments
    version = tomllib.loads(Path(project).read_text(encoding="utf-8"))["project"]["version"]
    if tag == f"v{version}":
        return 0
    sys.stderr.write(
        f"The release is tagged {tag}, and {project} says {version}: tag it v{version}, or correct the version first.\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
