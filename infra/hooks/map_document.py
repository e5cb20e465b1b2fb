"""Whether the map document that MAP_DOCUMENT names is one that the package will have: asked before anything is
deployed, since an app without its document starts no function."""

import os
from pathlib import Path, PurePosixPath

from cli import ROOT, Failed

_SITE = "/home/site/wwwroot/"
# What .funcignore lets into the package.
_PACKAGED = "shared"
_SUFFIXES = (".json", ".yaml", ".yml")


def require_map_document() -> None:
    """Raises Failed in one sentence if the file is not there, or would not be deployed."""
    given = os.environ.get("MAP_DOCUMENT", "").strip()
    if not given:
        return
    path = PurePosixPath(given.replace("\\", "/").removeprefix(_SITE))
    # A value that is no path may be something else, put there by mistake.
    named = f"MAP_DOCUMENT is {given}" if path.suffix in _SUFFIXES else "MAP_DOCUMENT is set"
    helps = f"write its path from this folder, such as `azd env set MAP_DOCUMENT {_PACKAGED}/mapping/contoso.json`."
    if path.is_absolute() or ".." in path.parts or path.parts[:1] != (_PACKAGED,):
        raise Failed(f"{named}, and the package has only what is in `{_PACKAGED}`: put the file there, and {helps}")
    if not Path(ROOT, path).is_file():
        raise Failed(f"{named}, and there is no such file in {ROOT}: {helps}")
