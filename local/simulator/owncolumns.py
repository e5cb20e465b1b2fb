"""The columns that only an organisation has, as `own_columns` of a map document declares them: `p2c map learn` writes
them from a live system, and both simulators have them with `--schema`."""

from collections.abc import Mapping
from pathlib import Path

from shared.errors import SettingsInvalid
from shared.mapping.names import Name, shipped
from shared.records import Json

OwnColumns = Mapping[str, Mapping[str, Name]]
"""By entity set of Sales or collection of F&O: the columns by their name."""

PART = "own_columns"


class OverlayUnreadable(Exception):
    """A file of further columns cannot be used; the message names it, and says what is wrong."""


def read_object(file: Path) -> Mapping[str, Json]:
    """The content of a file of columns. Raises OverlayUnreadable."""
    # Few simulators read such a file, and to load what reads and checks it takes a third of the start of one.
    from shared.mapping.map_source import map_source, require_readable  # noqa: PLC0415

    try:
        require_readable(file)
        content = map_source(str(file)).content()
    except SettingsInvalid as wrong:
        # Without the name of the setting that a map document usually is.
        raise OverlayUnreadable(str(wrong).partition(": ")[2]) from wrong
    if not isinstance(content, dict):
        raise OverlayUnreadable(f"{file} is no object in braces; name a map document, or what `p2c map learn` writes.")
    return content


def own_columns_in(content: Mapping[str, Json], file: Path) -> OwnColumns:
    """The columns of a map document, or of what `p2c map learn` writes. Raises OverlayUnreadable."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - as above

    from shared.mapping.field_specs import OwnColumn  # noqa: PLC0415

    try:
        found = TypeAdapter(dict[str, dict[str, OwnColumn]]).validate_python(content.get(PART))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join((PART, *map(str, first["loc"])))
        raise OverlayUnreadable(f"{file}: {place}: {first['msg']}; run `p2c map check` on it.") from error
    unknown = sorted(found.keys() - shipped().keys())
    if unknown:
        raise OverlayUnreadable(f"{file}: {PART} has columns of {', '.join(unknown)}, which no simulator has.")
    return {table: {name: column.as_name() for name, column in columns.items()} for table, columns in found.items()}


def read_own_columns(file: Path) -> OwnColumns:
    """The columns that a file declares. Raises OverlayUnreadable."""
    content = read_object(file)
    if PART not in content:
        raise OverlayUnreadable(f"{file} has no object {PART!r}; name a map document, or what `p2c map learn` writes.")
    return own_columns_in(content, file)
