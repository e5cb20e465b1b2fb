"""Takes $expand apart: what is expanded, and the options in its parentheses."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from local.dataverse.refusals import wrong_request

_ITEM = re.compile(r"\s*(?P<name>\w+)\s*(?:\((?P<options>.*)\))?\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Item:
    """One navigation of $expand with its options, such as $select."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)


def expand_items(text: str | None) -> list[Item]:
    """The navigations that $expand names, in its order. Raises Refused (400) for a syntax error."""
    return [] if text is None else [_item(part, text) for part in _parts(text, ",")]


def _item(part: str, text: str) -> Item:
    found = _ITEM.fullmatch(part)
    if found is None:
        raise _malformed(text)
    options: dict[str, str] = {}
    for option in _parts(found["options"] or "", ";"):
        name, equals, value = option.partition("=")
        if option.strip() and (not equals or name.strip() in options):
            raise _malformed(text)
        options |= {name.strip(): value.strip()} if equals else {}
    return Item(found["name"], options)


def _parts(text: str, separator: str) -> Iterator[str]:
    """The text cut at separators outside parentheses and quotes."""
    depth, start, quoted = 0, 0, False
    for position, character in enumerate(text):
        if character == "'":
            quoted = not quoted
        elif not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
            if character == separator and depth == 0:
                yield text[start:position]
                start = position + 1
    yield text[start:]


def _malformed(text: str) -> Exception:
    return wrong_request(f"Bad Request - Error in query syntax: $expand={text}.")
