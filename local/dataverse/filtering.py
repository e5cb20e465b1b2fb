"""Turns a $filter into an SQL condition over the columns of one table."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from odata_query import ast

from local.dataverse.refusals import not_simulated, unknown_property, wrong_request
from local.dataverse.schema import NUMBERS, TEXTS, EntityType, Kind, Property, Schema
from local.dataverse.values import GUID, parsed_moment
from local.simulator.filters import (
    COMPARATORS,
    Condition,
    FilterRefused,
    Node,
    chain,
    joined,
    parse,
    require_nodes,
    unsupported,
)
from local.simulator.store import Value, quoted

_MIRRORED = {"=": "=", "<>": "<>", ">": "<", ">=": "<=", "<": ">", "<=": ">="}
_FUNCTIONS = {"contains": "text_contains", "startswith": "text_starts", "endswith": "text_ends"}
_SPECIAL = re.compile(r"'(?:[^']|'')*'|Microsoft\.Dynamics\.CRM\.In\(|@\w+")
_IN = "Microsoft.Dynamics.CRM.In"
_IN_HEAD = re.compile(r"\s*PropertyName\s*=\s*'(\w+)'\s*,\s*PropertyValues\s*=\s*")
_IN_TAIL = re.compile(r"\s*\)")


@dataclass(frozen=True, slots=True)
class _Path:
    """A property of the table itself, or of the table that a navigation leads to."""

    of: Property
    wrap: Callable[[str], str]


def condition(
    schema: Schema, entity: EntityType, text: str, aliases: Mapping[str, str], max_nodes: int | None = None
) -> Condition:
    """The condition that a decoded $filter means; `aliases` are the query options that start with @.

    Raises Refused (400) for a filter that the service cannot apply.
    """
    try:
        tree = parse(_prepared(text, aliases))
        require_nodes(tree, max_nodes)
        return _Visitor(schema, entity).visit(tree)
    except FilterRefused as error:
        raise wrong_request(str(error)) from error


def _prepared(text: str, aliases: Mapping[str, str]) -> str:
    """Aliases put in, and the In function written in the form that the grammar knows."""
    parts: list[str] = []
    position = 0
    while found := _SPECIAL.search(text, position):
        parts.append(text[position : found.start()])
        position = found.end()
        match found.group()[0]:
            case "'":
                parts.append(found.group())
            case "@":
                parts.append(_alias(found.group(), aliases))
            case _:
                call, position = _in_call(text, position)
                parts.append(call)
    return "".join([*parts, text[position:]])


def _alias(name: str, aliases: Mapping[str, str]) -> str:
    if name not in aliases:
        raise FilterRefused(f"The parameter alias '{name}' has no value.")
    return aliases[name]


def _in_call(text: str, position: int) -> tuple[str, int]:
    head = _IN_HEAD.match(text, position)
    if head is None:
        raise FilterRefused("In takes PropertyName='<name>' and PropertyValues=[..], in this order.")
    try:
        values, end = json.JSONDecoder().raw_decode(text, head.end())
    except ValueError as error:
        raise FilterRefused(f"The PropertyValues of In are not a JSON array: {error}") from error
    tail = _IN_TAIL.match(text, end)
    if tail is None or not isinstance(values, list) or not values:
        raise FilterRefused("In takes a JSON array of one value or more.")
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        raise FilterRefused("The PropertyValues of In are quoted strings or numbers.")
    literals = ",".join("'" + str(value).replace("'", "''") + "'" for value in values)
    return f"{_IN}('{head.group(1)}',{literals})", tail.end()


class _Visitor:
    def __init__(self, schema: Schema, entity: EntityType) -> None:
        self._schema = schema
        self._entity = entity

    def visit(self, node: Node) -> Condition:
        match node:
            case ast.BoolOp(op=ast.And()):
                return self._all(node, ast.And, "AND")
            case ast.BoolOp(op=ast.Or()):
                return self._all(node, ast.Or, "OR")
            case ast.UnaryOp(op=ast.Not()):
                inner = self.visit(node.operand)
                return Condition(f"NOT ({inner.sql})", inner.parameters)
            case ast.Compare():
                return self._comparison(node)
            case ast.Call():
                return self._call(node)
        raise unsupported(node)

    def _all(self, node: Node, operator: type, word: str) -> Condition:
        conditions = [self.visit(part) for part in chain(node, operator)]
        parameters = tuple(value for each in conditions for value in each.parameters)
        return Condition(joined([each.sql for each in conditions], word), parameters)

    def _comparison(self, node: ast.Compare) -> Condition:
        operator = COMPARATORS.get(type(node.comparator))
        if operator is None:
            raise FilterRefused("The operator 'in' is not supported; use Microsoft.Dynamics.CRM.In.")
        left, right = node.left, node.right
        if not isinstance(left, ast.Identifier | ast.Attribute):
            left, right, operator = right, left, _MIRRORED[operator]
        path = self._path(left)
        column = quoted(path.of.column)
        if isinstance(right, ast.Identifier | ast.Attribute):
            raise not_simulated("the comparison of two columns")
        if isinstance(right, ast.Null):
            if operator not in ("=", "<>"):
                raise FilterRefused("null can be compared with eq and ne only.")
            return Condition(path.wrap(f"{column} IS {'NOT ' if operator == '<>' else ''}NULL"))
        return Condition(path.wrap(f"{column} {operator} ?"), (_literal(path.of, right),))

    def _call(self, node: ast.Call) -> Condition:
        name = ".".join((*node.func.namespace, node.func.name))
        if name == _IN:
            return self._in(node)
        function = _FUNCTIONS.get(name)
        match function, node.args:
            case str(), [ast.Identifier() | ast.Attribute() as left, ast.String() as right]:
                path = self._path(left)
                if path.of.kind not in TEXTS:
                    raise FilterRefused(f"The function '{name}' takes a text column, not '{path.of.name}'.")
                return Condition(path.wrap(f"{function}({quoted(path.of.column)}, ?)"), (right.val,))
        raise FilterRefused(f"The function '{name}' with these arguments is not supported.")

    def _in(self, node: ast.Call) -> Condition:
        name, *values = (argument.val for argument in node.args if isinstance(argument, ast.String))
        of = self._entity.properties.get(name) or self._entity.columns.get(name)
        if of is None:
            raise unknown_property(name, self._entity.name)
        parameters = tuple(_in_value(of, value) for value in values)
        marks = ",".join("?" * len(parameters))
        return Condition(f"{quoted(of.column)} IN ({marks})", parameters)

    def _path(self, node: Node) -> _Path:
        match node:
            case ast.Identifier(namespace=()):
                return _Path(self._property(self._entity, node.name), lambda sql: sql)
            case ast.Attribute(owner=ast.Identifier(namespace=()) as owner):
                return self._navigated(owner.name, node.attr)
        raise unsupported(node)

    def _navigated(self, name: str, attribute: str) -> _Path:
        nav = self._entity.navigations.get(name)
        if nav is None:
            raise unknown_property(name, self._entity.name)
        target = self._schema.entities.get(nav.targets[0])
        if target is None or len(nav.targets) > 1:
            raise not_simulated(f"a filter along {name}")
        of = self._property(target, attribute)
        source = f"{quoted(self._entity.name)}.{quoted(nav.column)}"
        kind = self._entity.columns[nav.column].type_column
        typed = f" AND {quoted(self._entity.name)}.{quoted(kind)} = '{target.name}'" if kind else ""

        def wrap(sql: str) -> str:
            inner = f"SELECT 1 FROM {quoted(target.name)} AS target WHERE target.{quoted(target.primary_id)} = {source}"
            # The column belongs to the inner table, which hides the outer one of the same name.
            return f"EXISTS ({inner}{typed} AND ({sql}))"

        return _Path(of, wrap)

    def _property(self, entity: EntityType, name: str) -> Property:
        of = entity.properties.get(name)
        if of is None:
            raise unknown_property(name, entity.name)
        return of


def _literal(of: Property, node: Node) -> Value:
    """The constant that a column is compared with, in the form of the store."""
    match of.kind, node:
        case ((Kind.TEXT | Kind.MEMO), ast.String()):
            return str(node.val)
        case ((Kind.GUID | Kind.LOOKUP), ast.GUID()):
            return str(node.val).lower()
        case ((Kind.INTEGER | Kind.BIG_INTEGER | Kind.CHOICE), ast.Integer()):
            return _whole(str(node.val))
        case ((Kind.DECIMAL | Kind.MONEY | Kind.DOUBLE), (ast.Integer() | ast.Float())):
            return _plain(str(node.val))
        case Kind.BOOLEAN, ast.Boolean():
            return int(str(node.val).lower() == "true")
        case Kind.MOMENT, (ast.DateTime() | ast.Date()):
            return _moment(str(node.val))
        case Kind.DATE, ast.Date():
            return _date(str(node.val))
    raise FilterRefused(
        f"A binary operator with incompatible types was detected: the column '{of.name}' has the type '{of.kind}', "
        f"the constant is a {type(node).__name__}."
    )


def _in_value(of: Property, text: str) -> Value:
    try:
        if of.kind in (Kind.INTEGER, Kind.BIG_INTEGER, Kind.CHOICE):
            return _whole(text)
        if of.kind in NUMBERS:
            return _plain(text)
        if of.kind is Kind.BOOLEAN:
            return {"true": 1, "false": 0, "1": 1, "0": 0}[text.lower()]
    except (ValueError, ArithmeticError, KeyError) as error:
        raise FilterRefused(f"The value '{text}' does not fit the column '{of.name}'.") from error
    if of.kind is Kind.MOMENT:
        return _moment(text)
    if of.kind in (Kind.GUID, Kind.LOOKUP):
        if not GUID.fullmatch(text):
            raise FilterRefused(f"The value '{text}' is not a GUID.")
        return text.lower()
    return text


def _whole(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise FilterRefused(f"The number {text} is out of range.")
    return value


def _plain(text: str) -> str:
    value = Decimal(text)
    if value and abs(value.adjusted()) > 40:
        raise FilterRefused(f"The number {text} is out of range.")
    return format(value, "f")


def _moment(text: str) -> str:
    try:
        return parsed_moment(text)
    except (ValueError, OverflowError) as error:
        raise FilterRefused(f"The time '{text}' is not valid.") from error


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise FilterRefused(f"The date '{text}' is not valid.") from error
