"""Whether log search alerts take a query: they ask for a table first, and refuse what reads more than tables.

After Microsoft's "Optimize log search alert queries": a query begins with a table, `search` and `union` are refused.
"""

from collections.abc import Iterator
from typing import Any

from tests.kql.parsing import TABLES, Tree, parse

_REFUSED = {
    "DataTableExpression", "ExternalDataExpression", "FindOperator", "PrintOperator", "RangeOperator", "SearchOperator",
    "UnionOperator",
}  # fmt: skip
# The moment belongs to the rule, and a span is a literal.
_REFUSED_FUNCTIONS = {"now"}


def refused_in_alerts(query: str) -> list[str]:
    """What an alert must not use, and every pipe that begins with something else than a table."""
    (parsed,) = parse({"query": query}).values()
    statements = [each[1] if each[0] == "SeparatedElement" else each for each in parsed.tree[2][1:]]
    named = {_name(statement[2]): statement[4] for statement in statements if statement[0] == "LetStatement"}
    return sorted({*_refused(parsed.tree), *_beginnings(statements, named)})


def _refused(tree: Any) -> Iterator[str]:
    match tree:
        case [kind, *_] if kind in _REFUSED:
            yield f"{kind} is refused"
        case ["FunctionCallExpression", ["NameReference", ["TokenName", name]], *_] if name in _REFUSED_FUNCTIONS:
            yield f"{name} is refused"
        case ["FunctionCallExpression", ["NameReference", ["TokenName", "ago"]], span]:
            if "TimespanLiteralExpression" not in str(span) or "MultiplyExpression" in str(span):
                yield "ago takes a literal only"
    if isinstance(tree, list):
        for part in tree:
            yield from _refused(part)


def _beginnings(statements: list[Tree], named: dict[str, Tree]) -> Iterator[str]:
    for statement in statements:
        tree = statement[4] if statement[0] == "LetStatement" else statement[1]
        # A let may also name a value.
        if tree[0] != "PipeExpression" and statement[0] == "LetStatement":
            continue
        first = _first(tree)
        while first in named:
            first = _first(named[first])
        if first not in TABLES:
            yield f"a query begins with {first}, which is no table"


def _first(tree: Any) -> str:
    """What a pipe begins with: the name of a table, or the kind of something else."""
    while tree[0] == "PipeExpression":
        tree = tree[1]
    return _name(tree) if tree[0] == "NameReference" else str(tree[0])


def _name(tree: Any) -> str:
    while isinstance(tree, list):
        tree = tree[1]
    return str(tree)
