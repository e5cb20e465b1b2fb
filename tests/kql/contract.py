"""Whether queries rely on events and fields that the app logs: the parser knows nothing of what stands in a message."""

from collections.abc import Iterator
from typing import Any

from shared.telemetry import EVENTS
from tests.kql.parsing import Tree

# The column of the parsed message, and that of the event's name (infra/queries/events.kql).
_MESSAGE, _EVENT = "e", "event"
_FIELDS = {"event"} | {field for of in EVENTS.values() for field in (*of.fields, *of.optional)}


def breaches(tree: Tree) -> list[str]:
    """Events and fields in a query that no event of the contract has."""
    return sorted({f"no event {name!r} is logged" for name in _events(tree) if name not in EVENTS}) + sorted(
        {f"no event has a field {name!r}" for name in _fields(tree) if name not in _FIELDS}
    )


def _fields(tree: Any) -> Iterator[str]:
    match tree:
        case ["PathExpression", ["NameReference", ["TokenName", name]], ".", ["NameReference", ["TokenName", field]]]:
            if name == _MESSAGE:
                yield str(field)
        case [_, *parts]:
            for part in parts:
                yield from _fields(part)


def _events(tree: Any) -> Iterator[str]:
    match tree:
        case ["EqualExpression" | "InExpression", ["NameReference", ["TokenName", name]], _, other] if name == _EVENT:
            yield from _texts(other)
        case [_, *parts]:
            for part in parts:
                yield from _events(part)


def _texts(tree: Any) -> Iterator[str]:
    match tree:
        case ["StringLiteralExpression", text]:
            yield str(text).strip("\"'")
        case [_, *parts]:
            for part in parts:
                yield from _texts(part)
