"""Evaluates the tree of a Kusto query over rows. It knows no query, and refuses operators that it does not know."""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any

from tests.kql import values
from tests.kql.parsing import Tree
from tests.kql.values import Unknown

Row = dict[str, Any]
Rows = list[Row]


def run(tree: Tree, tables: Mapping[str, Sequence[Mapping[str, Any]]], now: datetime | None = None) -> Rows:
    """The rows that a query returns, asked at a moment. Raises Unknown for what it does not know."""
    return _Query(tables).block(_at(now, tree) if now else tree)


def _at(now: datetime, tree: Any) -> Any:
    """A query with the moments in place of its `ago(...)`."""
    match tree:
        case ["FunctionCallExpression", ["NameReference", ["TokenName", "ago"]], _]:
            (before,) = _arguments(tree)
            return ["Moment", now - _value(before, {})]
        case [*parts]:
            return [_at(now, part) for part in parts]
    return tree


class _Query:
    def __init__(self, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self._tables: dict[str, Rows] = {name: [dict(row) for row in rows] for name, rows in tables.items()}

    def block(self, tree: Tree) -> Rows:
        """Every statement in turn; the rows of the last one."""
        rows: Rows = []
        for kind, *parts in _listed(tree[2]):
            if kind == "LetStatement":
                self._tables[_name(parts[1])] = self._rows(parts[3])
            elif kind == "ExpressionStatement":
                rows = self._rows(parts[0])
            else:
                raise Unknown(f"the statement {kind}")
        return rows

    def _rows(self, tree: Tree) -> Rows:
        match tree:
            case ["PipeExpression", source, "|", operator]:
                return self._operator(operator, self._rows(source))
            case ["PipeExpression" | "ParenthesizedExpression", *parts]:
                return self._rows(next(part for part in parts if isinstance(part, list)))
            case ["NameReference", name]:
                return self._table(name)
            case ["DataTableExpression", "datatable", _, schema, "[", cells, "]"]:
                return _data_table(schema, cells)
        raise Unknown(f"rows of {tree[0]}")

    def _table(self, name: Tree) -> Rows:
        found = self._tables.get(_name(name))
        if found is None:
            raise Unknown(f"the table {_name(name)}")
        return found

    def _operator(self, tree: Tree, rows: Rows) -> Rows:
        match tree:
            case ["FilterOperator", "where", _, condition]:
                return [row for row in rows if _value(condition, row)]
            case ["ExtendOperator", "extend", columns]:
                named = _named(columns)
                return [{**row, **_columns(named, row)} for row in rows]
            case ["ProjectOperator", "project", columns]:
                named = _named(columns)
                return [_columns(named, row) for row in rows]
            case ["DistinctOperator", "distinct", _, columns]:
                return _distinct(columns, rows)
            case ["SummarizeOperator", "summarize", _, aggregates, *by]:
                return _summarized(rows, _listed(aggregates), _listed(by[0][2]) if by else [])
            case ["SortOperator", _, _, "by", order]:
                return _sorted(rows, _listed(order))
            case ["JoinOperator", "join", parameters, other, ["JoinOnClause", "on", keys]]:
                kind = {_name(each[1]): _text(each[3]) for each in _listed(parameters)}.get("kind", "innerunique")
                return _joined(kind, rows, self._rows(other), [_name(key) for key in _listed(keys)])
        raise Unknown(f"the operator {tree[0]}")


def _data_table(schema: Tree, cells: Tree) -> Rows:
    names = [_name(each[1]) for each in _listed(schema[2])]
    given = [_value(cell, {}) for cell in _listed(cells)]
    return [dict(zip(names, given[at : at + len(names)], strict=True)) for at in range(0, len(given), len(names))]


def _named(columns: Tree) -> list[tuple[str, Tree]]:
    """The columns of a list by name, with what each of them holds."""
    return [(_column_name(each), _unnamed(each)) for each in _listed(columns)]


def _columns(named: Iterable[tuple[str, Tree]], row: Row) -> Row:
    found: Row = {}
    # A column may use one that stands before it.
    known = {**row}
    for name, tree in named:
        known[name] = found[name] = _value(tree, known)
    return found


def _distinct(columns: Tree, rows: Rows) -> Rows:
    found: Rows = []
    named = _named(columns)
    for row in rows:
        of = _columns(named, row)
        if of not in found:
            found.append(of)
    return found


def _summarized(rows: Rows, aggregates: Iterable[Tree], by: Sequence[Tree]) -> Rows:
    named = [(_column_name(each), _unnamed(each)) for each in by]

    def key(row: Row) -> Row:
        return {name: _value(tree, row) for name, tree in named}

    keyed = sorted(((key(row), row) for row in rows), key=lambda pair: repr(list(pair[0].values())))
    groups = [(name, [row for _, row in value]) for name, value in groupby(keyed, key=lambda pair: pair[0])]
    if not by and not groups:
        groups = [({}, [])]
    listed = list(aggregates)
    return [{**name, **_aggregated(listed, group)} for name, group in groups]


def _aggregated(aggregates: Iterable[Tree], rows: Rows) -> Row:
    found: Row = {}
    for aggregate in aggregates:
        call = _unnamed(aggregate)
        if call[0] == "FunctionCallExpression" and _name(call[1]) == "arg_max":
            found |= _arg_max(_arguments(call), rows)
        else:
            found[_column_name(aggregate)] = _aggregate(call, rows)
    return found


def _aggregate(tree: Tree, rows: Rows) -> Any:
    """An aggregate, or an expression over aggregates."""
    match tree:
        case ["FunctionCallExpression", name, _] if _name(name) in values.AGGREGATES:
            arguments = _arguments(tree)
            cells = [_value(arguments[0], row) for row in rows] if arguments else rows
            return values.AGGREGATES[_name(name)](cells)
        case [kind, left, str(), right] if kind in _BINARY:
            return _BINARY[kind](_aggregate(left, rows), _aggregate(right, rows))
        case [kind, *_] if kind in _LITERALS:
            return _value(tree, {})
    raise Unknown(f"the aggregate {tree[0]} {_name(tree[1]) if len(tree) > 1 else ''}")


def _arg_max(arguments: Sequence[Tree], rows: Rows) -> Row:
    first, *others = arguments
    known = [row for row in rows if _value(first, row) is not None]
    best = max(known, key=lambda row: _value(first, row), default={})
    return {_column_name(each): _value(each, best) if best else None for each in (first, *others)}


def _sorted(rows: Rows, order: Sequence[Tree]) -> Rows:
    for each in reversed(order):
        column, *ordering = each[1:] if each[0] == "OrderedExpression" else (each,)
        falling = not ordering or "asc" not in ordering[0]
        rows = sorted(rows, key=lambda row: _value(column, row), reverse=falling)
    return rows


def _joined(kind: str, left: Rows, right: Rows, keys: Sequence[str]) -> Rows:
    def matches(row: Row) -> Rows:
        return [other for other in right if all(other[key] == row[key] for key in keys)]

    if kind == "leftanti":
        return [row for row in left if not matches(row)]
    if kind == "leftouter":
        missing = {name: None for other in right[:1] for name in other}
        return [_side_by_side(row, other) for row in left for other in matches(row) or [missing]]
    raise Unknown(f"the join {kind}")


def _side_by_side(left: Row, right: Row) -> Row:
    return {**left, **{f"{name}1" if name in left else name: value for name, value in right.items()}}


def _value(tree: Tree, row: Row) -> Any:
    match tree:
        case ["NameReference", name]:
            return _column(_name(name), row)
        case ["PathExpression", target, ".", ["NameReference", name]]:
            found = _value(target, row)
            return found.get(_name(name)) if isinstance(found, dict) else None
        case ["ElementExpression", target, ["BracketedExpression", "[", index, "]"]]:
            found, at = _value(target, row), _value(index, row)
            return found[at] if isinstance(found, list) and at < len(found) else None
        case ["ParenthesizedExpression", "(", inner, ")"]:
            return _value(inner, row)
        case ["Moment", moment]:
            return moment
        case ["InExpression", of, "in", ["ExpressionList", "(", choices, ")"]]:
            return _value(of, row) in [_value(choice, row) for choice in _listed(choices)]
        case ["FunctionCallExpression", name, _]:
            return _call(_name(name), [_value(argument, row) for argument in _arguments(tree)])
        case [kind, left, str(), right] if kind in _BINARY:
            return _BINARY[kind](_value(left, row), _value(right, row))
        case [kind, *parts] if kind in _LITERALS:
            return _LITERALS[kind](_text(parts[0]))
    raise Unknown(f"the expression {tree[0]}")


def _column(name: str, row: Row) -> Any:
    # A join whose other side has no rows leaves its columns out; they are null.
    return row.get(name)


def _call(name: str, arguments: Sequence[Any]) -> Any:
    function = values.FUNCTIONS.get(name)
    if function is None:
        raise Unknown(f"the function {name}")
    return function(*arguments)


_BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "AndExpression": values.both,
    "ContainsExpression": lambda text, part: part.casefold() in values.to_string(text).casefold(),
    "DivideExpression": values.quotient,
    "EqualExpression": values.equal,
    "GreaterThanExpression": values.greater,
    "LessThanExpression": lambda left, right: values.greater(right, left),
    "OrExpression": values.either,
    "StartsWithExpression": lambda text, part: values.to_string(text).casefold().startswith(part.casefold()),
    "SubtractExpression": values.difference,
}
_LITERALS: Mapping[str, Callable[[str], Any]] = {
    "BooleanLiteralExpression": lambda text: text == "true",
    "LongLiteralExpression": int,
    "RealLiteralExpression": float,
    "StringLiteralExpression": cache(ast.literal_eval),
    "TimespanLiteralExpression": cache(values.timespan),
}


def _arguments(call: Tree) -> list[Tree]:
    return _listed(call[2][2])


def _listed(tree: Tree) -> list[Tree]:
    """The elements of a list, without the commas between them."""
    return [each[1] if each[0] == "SeparatedElement" else each for each in tree[1:]]


def _unnamed(tree: Tree) -> Tree:
    return tree[3] if tree[0] == "SimpleNamedExpression" else tree


def _column_name(tree: Tree) -> str:
    """The name that Kusto gives a column."""
    match tree:
        case ["SimpleNamedExpression", name, *_]:
            return _name(name)
        case ["NameReference", name]:
            return _name(name)
        case ["FunctionCallExpression", ["NameReference", ["TokenName", "bin"]], _]:
            return _column_name(_arguments(tree)[0])
    raise Unknown(f"the name of the column {tree[0]}: give it one")


def _name(tree: Tree) -> str:
    while isinstance(tree, list):
        tree = tree[1]
    return str(tree)


def _text(tree: Any) -> str:
    return str(tree) if isinstance(tree, str) else _name(tree)
