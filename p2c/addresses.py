"""Addresses of records in both systems, made from templates; and the record that an address names.

`{id}`, `{table}`, `{key}` and `{company}` are filled in. The addresses of F&O differ between environments.
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

_PLACE = re.compile(r"\{(id|table|key|company)\}")


def filled(template: str, place: Mapping[str, str]) -> str:
    """The address of a record."""
    return _PLACE.sub(lambda found: quote(place[found[1]], safe=""), template)


def meant(templates: Sequence[str], address: str) -> str | None:
    """The id or key in an address that was made from one of the templates, None where none of them fits."""
    for template in templates:
        found = re.fullmatch(_pattern(template), address.strip(), re.IGNORECASE)
        if found is not None:
            return unquote(found["record"])
    return None


def _pattern(template: str) -> str:
    """The first place of the record is read; any text is accepted at the others."""
    parts = _PLACE.split(template)
    names = [name for name in ("id", "key") if name in parts[1::2]]
    if not names:
        return r"(?!)(?P<record>)"
    pattern, is_read = "", False
    for literal, name in zip(parts[::2], [*parts[1::2], ""], strict=True):
        pattern += re.escape(literal)
        if name == names[0] and not is_read:
            pattern, is_read = f"{pattern}(?P<record>[^/?#&]+)", True
        elif name:
            pattern += "[^/?#&]*"
    return pattern
