"""Secrets in files: keys, connection strings, tokens. The emulator's published key is the only one here."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_SHAPES = {
    "a connection string with its key": re.compile(r"AccountKey=[A-Za-z0-9+/]{40,}={0,2}"),
    "a key of a storage account": re.compile(r"(?<![A-Za-z0-9+/-])[A-Za-z0-9+/]{86}==(?![A-Za-z0-9+/=])"),
    "a shared access signature": re.compile(r"[?&]sig=[A-Za-z0-9%]{40,}"),
    "a token": re.compile(r"eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "a client secret": re.compile(r"(?<![\w~.-])[A-Za-z0-9_-]{3}8Q~[A-Za-z0-9_~.-]{34}(?![\w~.-])"),
    "a key of Application Insights": re.compile(r"InstrumentationKey=[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"),
}
# The emulator's account is the same everywhere and public (Microsoft's documentation of Azurite).
_EMULATOR = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def secrets_in(root: Path, files: Iterable[Path]) -> list[str]:
    """Every place that looks like a secret; its value is not repeated."""
    return [found for file in files for found in _in_file(root, file)]


def _in_file(root: Path, file: Path) -> Iterator[str]:
    try:
        lines = file.read_text(encoding="utf-8").replace(_EMULATOR, "").splitlines()
    except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
        return
    for number, line in enumerate(lines, start=1):
        for name, shape in _SHAPES.items():
            if shape.search(line):
                yield f"{file.relative_to(root)}:{number}: this looks like {name}; remove it, and make a new one"
