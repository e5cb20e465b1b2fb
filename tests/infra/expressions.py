"""The values of Bicep expressions, as far as they are known before a deployment; the rest stays as `Runtime`."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tree_sitter import Node

from tests.infra.syntax import literal, parts, text

_ESCAPES = {r"\'": "'", r"\\": "\\", r"\n": "\n", r"\t": "\t", r"\$": "$", r"\r": "\r"}


class Wrong(Exception):
    """An expression cannot be evaluated; the message says what is wrong and what helps."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.line = node.start_point.row + 1


class Runtime(str):
    """A value that only a deployment knows; the text is the expression for it."""

    __slots__ = ()


class Expressions:
    """Evaluates expressions of one file. `lookup` gives the value of a name, `member` that of a name's property."""

    def __init__(self, folder: Path, lookup: Callable[[Node], Any], member: Callable[[Node, Any, str], Any]) -> None:
        self._folder = folder
        self._lookup = lookup
        self._member = member
        self._local: dict[str, Any] = {}

    def value(self, node: Node) -> Any:
        """The value of an expression. Raises Wrong."""
        kind = getattr(self, f"_{node.type}", None)
        if kind is None:
            raise Wrong(node, f"{node.type} {text(node)[:60]!r} is not known to these checks; write it more simply")
        return kind(node)

    def each(self, node: Node) -> Iterator[tuple[Node, dict[str, Any]]]:
        """The bodies of a loop with the values of its variables; any other body once. None for a false condition."""
        if node.type == "if_statement":
            condition, body = parts(node)
            if self.value(condition):
                yield from self.each(body)
        elif node.type == "for_statement":
            head, *_, over, body = parts(node)
            names = [text(child) for child in parts(head)] if head.type == "for_loop_parameters" else [text(head)]
            for index, item in enumerate(self.value(over)):
                yield body, dict(zip(names, (item, index), strict=False))
        else:
            yield node, {}

    def within(self, local: Mapping[str, Any], node: Node) -> Any:
        """The value of an expression that sees the variables of a loop."""
        outer, self._local = self._local, {**self._local, **local}
        try:
            return self.value(node)
        finally:
            self._local = outer

    def _identifier(self, node: Node) -> Any:
        name = text(node)
        return self._local[name] if name in self._local else self._lookup(node)

    _compatible_identifier = _identifier

    def _string(self, node: Node) -> Any:
        found = [
            _unescaped(text(child)) if child.type != "interpolation" else self.value(parts(child)[0])
            for child in node.named_children
        ]
        if any(isinstance(part, Runtime) for part in found):
            return Runtime("".join(f"[{part}]" if isinstance(part, Runtime) else as_text(part) for part in found))
        return "".join(map(as_text, found))

    def _number(self, node: Node) -> int:
        return int(text(node))

    def _boolean(self, node: Node) -> bool:
        return text(node) == "true"

    def _null(self, _: Node) -> None:
        return None

    def _array(self, node: Node) -> list[Any]:
        return [self.value(child) for child in parts(node)]

    def _object(self, node: Node) -> dict[str, Any]:
        pairs = [parts(child) for child in parts(node) if child.type == "object_property"]
        keys = [self.value(key) if key.type == "string" else text(key) for key, *_ in pairs]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise Wrong(pairs[number][0], f"the property {key!r} stands there twice; remove one")
        return {key: self.value(value) for key, (_, value) in zip(keys, pairs, strict=True)}

    def _parenthesized_expression(self, node: Node) -> Any:
        return self.value(parts(node)[0])

    def _ternary_expression(self, node: Node) -> Any:
        condition, yes, no = parts(node)
        return self.value(yes) if self.value(condition) else self.value(no)

    def _unary_expression(self, node: Node) -> Any:
        value = self.value(parts(node)[0])
        return not value if text(node).startswith("!") else -value

    def _binary_expression(self, node: Node) -> Any:
        left, right = parts(node)
        sign = next(text(child) for child in node.children if not child.is_named)
        if sign in ("&&", "||"):
            first = bool(self.value(left))
            return first if first == (sign == "||") else bool(self.value(right))
        operation = _OPERATIONS.get(sign)
        if operation is None:
            raise Wrong(node, f"the operator {sign} is not known to these checks; write it more simply")
        return operation(self.value(left), self.value(right))

    def _for_statement(self, node: Node) -> list[Any]:
        return [self.within(local, body) for body, local in self.each(node)]

    def _member_expression(self, node: Node) -> Any:
        target, name = parts(node)
        return self._member(node, self.value(target), text(name))

    def _subscript_expression(self, node: Node) -> Any:
        target, index = (self.value(child) for child in parts(node))
        return target[index]

    def _call_expression(self, node: Node) -> Any:
        name, arguments = parts(node)
        if text(name) == "loadTextContent":
            return self._loaded(parts(arguments)[0])
        function = _FUNCTIONS.get(text(name))
        if function is None:
            raise Wrong(node, f"the function {text(name)!r} is not known to these checks; is it spelled right?")
        return function(*(self.value(child) for child in parts(arguments)))

    def _loaded(self, node: Node) -> str:
        file = self._folder / literal(node)
        if not file.is_file():
            raise Wrong(node, f"there is no file {literal(node)!r}; correct the path")
        return file.read_text(encoding="utf-8")


def as_text(value: Any) -> str:
    """A value as Bicep writes it into a text."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def _unescaped(content: str) -> str:
    for written, meant in _ESCAPES.items():
        content = content.replace(written, meant)
    return content


def _union(*objects: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for each in objects for key, value in each.items()}


def _concat(*values: Any) -> Any:
    return [item for each in values for item in each] if isinstance(values[0], list) else "".join(values)


def _digest(*values: Any) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "|".join(map(as_text, values))))


_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "concat": _concat,
    "empty": lambda value: not value,
    "environment": lambda: {"suffixes": {"storage": "core.windows.net"}},
    "guid": _digest,
    "resourceGroup": lambda: {"id": Runtime("resourceGroup().id")},
    "split": lambda value, by: value.split(by),
    "string": lambda value: Runtime(as_text(value)) if isinstance(value, Runtime) else as_text(value),
    "subscription": lambda: {"id": Runtime("subscription().id")},
    "subscriptionResourceId": lambda kind, name: f"/subscriptions/[]/providers/{kind}/{name}",
    "tenant": lambda: {"tenantId": Runtime("tenant().tenantId")},
    "toLower": lambda value: value.lower(),
    "union": _union,
    "uniqueString": lambda *values: _digest(*values).replace("-", "")[:13],
}
