"""What a read shows of its records: $select and $expand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from local.finops.filtering import property_of
from local.finops.navigations import Way, way_of
from local.finops.refusals import bad_request, not_simulated
from local.finops.schema import EntityType

_TOKEN = re.compile(r"'(?:[^']|'')*'|[(),;]")
_EXPANDED = re.compile(r"(?P<name>\w+)(?:\((?P<options>.*)\))?", re.DOTALL)
_OF_ODATA = frozenset({"$filter", "$orderby", "$top", "$skip", "$count", "$search", "$levels"})


@dataclass(frozen=True, slots=True)
class Expansion:
    """Related records that are shown inside of each record; `select` is None if they are shown whole."""

    way: Way
    select: tuple[str, ...] | None


def selection(of: EntityType, text: str | None) -> tuple[str, ...] | None:
    """The properties that $select names, None for all. Raises Refused."""
    if text is None or text.strip() == "*":
        return None
    names = dict.fromkeys(name.strip() for name in text.split(","))
    for name in names:
        if name in of.navigations:
            raise not_simulated(f"$select of the navigation '{name}'")
    return tuple(property_of(of, name).name for name in names)


def expansions(of: EntityType, text: str | None) -> tuple[Expansion, ...]:
    """What $expand asks for. Raises Refused."""
    found = tuple(_expansion(of, part.strip()) for part in _split(text, ",")) if text is not None else ()
    if len({expansion.way.name for expansion in found}) < len(found):
        raise bad_request("$expand names a navigation more than once.")
    return found


def _expansion(of: EntityType, text: str) -> Expansion:
    if text.startswith("*"):
        raise not_simulated("$expand=*")
    matched = _EXPANDED.fullmatch(text)
    if matched is None:
        raise bad_request(f"$expand cannot be '{text}'.")
    way = way_of(of, matched["name"])
    select = None
    for option in _split(matched["options"], ";") if matched["options"] is not None else ():
        name, _, value = option.strip().partition("=")
        if name == "$expand":
            raise bad_request("$expand reaches the first level only.")
        if name in _OF_ODATA:
            raise not_simulated(f"{name} inside of $expand")
        if name != "$select":
            raise bad_request(f"The query option '{name}' is not supported inside of $expand.")
        select = selection(way.target, value)
    return Expansion(way, select)


def _split(text: str, separator: str) -> Iterator[str]:
    """The parts between separators outside parentheses and quotes."""
    depth, start = 0, 0
    for token in _TOKEN.finditer(text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] == separator and depth == 0:
            yield text[start : token.start()]
            start = token.end()
    yield text[start:]
