"""Whether queries rely on events and fields that the app logs: the parser knows nothing of what stands in a message."""

from collections.abc import Iterator
from typing import Any

from shared.telemetry import EVENTS
from tests.kql.parsing import Tree

# The column of the parsed message, and that of the event's name (infra/queries/events.kql).
_MESSAGE, _EVENT = "e", "event"


def breaches(tree: Tree) -> list[str]:
    """Events in a query that are never logged, and fields that no event has which the query looks at there."""
    return sorted(set(_breaches(tree, [])))


def _breaches(tree: Any, looked_at: list[str]) -> Iterator[str]:
    """`looked_at` are the events that the filters of the pipe leave; none where it does not filter by event."""
    match tree:
        case ["PipeExpression", *_]:
            stages = list(_stages(tree))
            events = [name for stage in stages for name in _filtered(stage)]
            for stage in stages:
                yield from _breaches(stage, events)
        case ["PathExpression", ["NameReference", ["TokenName", name]], ".", ["NameReference", ["TokenName", field]]]:
            if name == _MESSAGE and field not in _fields(looked_at):
                owner = " or ".join(map(repr, looked_at)) or "any event"
                yield f"no field {field!r} is logged with {owner}"
        case ["EqualExpression" | "InExpression", ["NameReference", ["TokenName", name]], _, other] if name == _EVENT:
            yield from (f"no event {named!r} is logged" for named in _texts(other) if named not in EVENTS)
        case [_, *parts]:
            for part in parts:
                yield from _breaches(part, looked_at)


def _stages(tree: Tree) -> Iterator[Tree]:
    """The source of a pipe, and every operator on it."""
    while tree[0] == "PipeExpression":
        yield tree[3]
        tree = tree[1]
    yield tree


def _filtered(stage: Tree) -> Iterator[str]:
    if stage[0] == "FilterOperator":
        yield from _events(stage)


def _events(tree: Any) -> Iterator[str]:
    match tree:
        case ["EqualExpression" | "InExpression", ["NameReference", ["TokenName", name]], _, other] if name == _EVENT:
            yield from _texts(other)
        case [_, *parts]:
            for part in parts:
                yield from _events(part)


def _fields(events: list[str]) -> set[str]:
    """What stands in these events; in any event where none is named. An unknown event is told by itself."""
    known = [EVENTS[name] for name in events if name in EVENTS] or EVENTS.values()
    return {_EVENT} | {field for each in known for field in (*each.fields, *each.optional)}


def _texts(tree: Any) -> Iterator[str]:
    match tree:
        case ["StringLiteralExpression", text]:
            yield str(text).strip("\"'")
        case [_, *parts]:
            for part in parts:
                yield from _texts(part)
