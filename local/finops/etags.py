"""Entity tags: one pair of record version and record id for each table that an entity joins."""

from base64 import b64encode
from dataclasses import dataclass

# A joined table without a row shows as 0,0.
FRESH_VERSION = 1


@dataclass(frozen=True, slots=True)
class Pair:
    """The version and the id of one table's row."""

    version: int
    record: int

    def text(self) -> str:
        """As written inside a tag."""
        return f"{self.version},{self.record}"


def etag(pairs: tuple[Pair, ...]) -> str:
    """The tag of a record: it changes when any of its tables changes."""
    content = "'" + ";".join(pair.text() for pair in pairs) + "'"
    return f'W/"{b64encode(content.encode()).decode()}"'


def matches(header: str, tag: str) -> bool:
    """Whether an If-Match or If-None-Match header names this tag; weak comparison, `*` names every tag."""
    named = [part.strip() for part in header.split(",")]
    return "*" in named or _opaque(tag) in [_opaque(part) for part in named]


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")
