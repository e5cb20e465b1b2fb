"""Reads `$filter` into the syntax tree of odata-query; each simulator turns the tree into its own SQL."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from odata_query import ast, exceptions
from odata_query.grammar import ODataLexer, ODataParser

from local.simulator.store import Value

Node = object
"""A node of odata_query.ast; match on its classes."""


COMPARATORS: Mapping[type, str] = {
    ast.Eq: "=",
    ast.NotEq: "<>",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
}
"""The comparisons of OData in SQL."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL condition with its parameters."""

    sql: str
    parameters: tuple[Value, ...] = ()


class FilterRefused(ValueError):
    """The text is not a filter, or one that the service does not understand; the message says why."""


class TooManyNodes(FilterRefused):
    """The filter holds more than the service takes."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The node count limit of '{limit}' has been exceeded. To increase the limit, set the 'MaxNodeCount' "
            "property on EnableQueryAttribute or ODataValidationSettings."
        )


@lru_cache(maxsize=256)
def parse(text: str) -> Node:
    """The syntax tree of a decoded `$filter`. Raises FilterRefused for a syntax error."""
    try:
        tree: Node = ODataParser().parse(ODataLexer().tokenize(text.strip()))
    except (exceptions.ODataException, ValueError) as error:
        raise FilterRefused(f"Syntax error in the filter expression '{text}': {error}") from error
    if tree is None:
        raise FilterRefused("The filter expression is empty.")
    return tree


def require_nodes(tree: Node, limit: int | None) -> None:
    """Raises TooManyNodes if a tree has more nodes than the limit of a service; None is no limit."""
    if limit is not None and _nodes(tree) > limit:
        raise TooManyNodes(limit)


def _nodes(tree: Node) -> int:
    """How many nodes Microsoft's OData stack counts in a filter: with 100 nodes 19 comparisons pass and 20 do not, as
    reported for services. A comparison is five: itself, the field and the row that has it, the value, and the word that
    joins it to the others; the filter itself is one more. That each value of a list counts is our assumption."""
    count, pending = 1, [tree]
    while pending:
        match pending.pop():
            case ast.BoolOp() as both:
                pending += [both.left, both.right]
            case ast.Compare() as comparison:
                count += 2
                pending += [comparison.left, comparison.right]
            case ast.Call() as call:
                count += 2
                pending += call.args
            case ast.UnaryOp() as turned:
                count += 1
                pending.append(turned.operand)
            case ast.BinOp() as calculated:
                count += 1
                pending += [calculated.left, calculated.right]
            case ast.List() as listed:
                pending += listed.val
            case ast.Identifier() | ast.Attribute():
                count += 2
            case _:
                count += 1
    return count


def unsupported(node: Node) -> FilterRefused:
    """The error for a node that a simulator has no SQL for."""
    return FilterRefused(f"The query node {type(node).__name__} is not supported in $filter.")


def chain(node: Node, operator: type) -> Iterator[Node]:
    """The terms of `a and b and c` (operator And) or of an or-chain, however long, without recursion."""
    pending = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, ast.BoolOp) and isinstance(current.op, operator):
            pending += [current.right, current.left]
        else:
            yield current


def joined(conditions: list[str], word: str) -> str:
    """Conditions joined by AND or OR in halves, since SQLite allows an expression a depth of 1,000."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return f"({joined(conditions[:middle], word)} {word} {joined(conditions[middle:], word)})"


def outside_literals(text: str) -> Iterator[tuple[bool, str]]:
    """The text cut into parts outside quotes (True) and quoted strings (False), in order."""
    for position, part in enumerate(text.split("'")):
        if position % 2 == 0:
            yield True, part
        else:
            yield False, f"'{part}'"
