"""Turns the syntax tree of a $filter into an SQL condition, in the dialect that F&O understands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from odata_query import ast

from local.finops.navigations import way_of
from local.finops.refusals import bad_request, not_simulated
from local.finops.schema import EntityType, Kind, Property
from local.finops.sqlfunctions import CALCULATE, LIKE
from local.finops.values import Stored
from local.simulator.filters import COMPARATORS, Condition, chain, joined
from local.simulator.store import quoted

NUMBERS = frozenset({Kind.DECIMAL, Kind.INT32, Kind.INT64})
MOMENTS = frozenset({Kind.DATE, Kind.DATE_TIME})

# Prefix of both parts of an enumeration literal; no string of a filter can hold it.
ENUM_MARK = "\0"
# Prefix of a name that begins like a word of the grammar.
PLAIN_NAME = "_name_"

_ARITHMETIC: Mapping[type, str] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Mod: "mod"}


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison. `kind` is None for the literal null; `literal` is set for a constant."""

    sql: str
    parameters: tuple[Stored, ...]
    kind: Kind | None
    of: Property | None = None
    literal: str | None = None


def condition(of: EntityType, tree: object) -> Condition:
    """The condition that a tree means. Raises Refused (400) for a filter that the service cannot apply."""
    match tree:
        case ast.BoolOp():
            return _both(of, tree)
        case ast.UnaryOp(op=ast.Not()):
            inner = condition(of, tree.operand)
            return Condition(f"NOT ({inner.sql})", inner.parameters)
        case ast.Compare():
            return _comparison(of, tree)
        case ast.Call():
            raise bad_request(f"The function '{tree.func.name}' is not supported in $filter.")
        case ast.CollectionLambda(owner=ast.Identifier(namespace=(), name=str() as name)):
            way = way_of(of, name.removeprefix(PLAIN_NAME))
            raise not_simulated(f"any and all of the navigation '{way.name}'")
    raise bad_request("The $filter expression must evaluate to a single boolean value.")


def _both(of: EntityType, tree: ast.BoolOp) -> Condition:
    word = "AND" if isinstance(tree.op, ast.And) else "OR"
    parts = [condition(of, part) for part in chain(tree, type(tree.op))]
    parameters = tuple(parameter for part in parts for parameter in part.parameters)
    return Condition(joined([part.sql for part in parts], word), parameters)


def _comparison(of: EntityType, tree: object) -> Condition:
    assert isinstance(tree, ast.Compare)
    operator = COMPARATORS.get(type(tree.comparator))
    if operator is None:
        raise bad_request(f"The operator '{type(tree.comparator).__name__.lower()}' is not supported in $filter.")
    left, right = _operand(of, tree.left), _operand(of, tree.right)
    left, right = _typed(left, right), _typed(right, left)
    if left.kind is None or right.kind is None:
        return _null_comparison(left, operator, right)
    if not _comparable(left.kind, right.kind) or _enumeration(left) != _enumeration(right):
        raise bad_request(
            f"A binary operator with incompatible types was detected: '{_type_name(left)}' and '{_type_name(right)}'."
        )
    match left.kind:
        case Kind.ENUM:
            return _enum_comparison(left, operator, right)
        case Kind.STRING:
            return _text_comparison(left, operator, right)
        case Kind.DECIMAL | Kind.INT32 | Kind.INT64:
            return _plain(_number(left), operator, _number(right))
    return _plain(left, operator, right)


def _plain(left: Operand, operator: str, right: Operand) -> Condition:
    return Condition(f"{left.sql} {operator} {right.sql}", left.parameters + right.parameters)


def _text_comparison(left: Operand, operator: str, right: Operand) -> Condition:
    # The documented way to say "contains": an asterisk in a compared string.
    if right.literal is not None and "*" in right.literal and operator in ("=", "<>"):
        wanted = "" if operator == "=" else "NOT "
        return Condition(f"{wanted}{LIKE}({left.sql}, {right.sql})", left.parameters + right.parameters)
    return _plain(left, operator, right)


def _enum_comparison(left: Operand, operator: str, right: Operand) -> Condition:
    if operator not in ("=", "<>"):
        raise bad_request("Enumerations can be compared with eq and ne only.")
    return _plain(left, "IS" if operator == "=" else "IS NOT", right)


def _null_comparison(left: Operand, operator: str, right: Operand) -> Condition:
    if operator not in ("=", "<>"):
        raise bad_request("null can be compared with eq and ne only.")
    return _plain(left, "IS" if operator == "=" else "IS NOT", right)


def _number(operand: Operand) -> Operand:
    # Decimals are kept as text to stay exact; this collation compares them as numbers.
    return Operand(f"CAST({operand.sql} AS TEXT) COLLATE decimal", operand.parameters, operand.kind)


def _operand(of: EntityType, node: object) -> Operand:
    match node:
        case ast.Identifier(namespace=()):
            found = property_of(of, node.name.removeprefix(PLAIN_NAME))
            return Operand(quoted(found.name), (), found.kind, found)
        case ast.BinOp():
            return _calculation(of, node)
        case ast.UnaryOp(op=ast.USub()):
            inner = _arithmetic_operand(of, node.operand)
            return Operand(f"{CALCULATE}('mul', '-1', {inner.sql})", inner.parameters, Kind.DECIMAL)
        case ast.Attribute(owner=ast.Identifier(namespace=(), name=str() as name), attr=str() as attribute):
            return _related(of, name.removeprefix(PLAIN_NAME), attribute.removeprefix(PLAIN_NAME))
        case ast.Call():
            raise bad_request(f"The function '{node.func.name}' is not supported in $filter.")
    return _constant(node)


def _related(of: EntityType, name: str, attribute: str) -> Operand:
    """A property of the one record that a navigation leads to."""
    navigation = of.navigations.get(name)
    if navigation is not None and navigation.many:
        raise bad_request(f"The navigation '{name}' leads to many records: a comparison needs a single value.")
    way = way_of(of, name)
    found = property_of(way.target, attribute)
    target = quoted(way.target.set_name)
    same = " AND ".join(f"{target}.{quoted(each)} = {quoted(of.set_name)}.{quoted(each)}" for each in way.columns)
    value = f"(SELECT {target}.{quoted(found.name)} FROM {target} WHERE {same})"
    # The result of a subquery has no collation of its own.
    collation = " COLLATE padded" if found.kind is Kind.STRING else ""
    return Operand(value + collation, (), found.kind, found)


def _constant(node: object) -> Operand:
    match node:
        case ast.String(val=str() as text):
            return Operand("?", (text,), Kind.STRING, literal=text)
        case ast.Integer() | ast.Float():
            return Operand("?", (_decimal(str(node.val)),), Kind.DECIMAL)
        case ast.DateTime():
            return Operand("?", (_moment(str(node.val)),), Kind.DATE_TIME)
        case ast.GUID():
            return Operand("?", (str(node.val).lower(),), Kind.GUID)
        case ast.Null():
            return Operand("NULL", (), None)
        case ast.Date():
            raise bad_request(f"A date is compared with a full time stamp such as {node.val}T12:00:00Z.")
    raise bad_request("The $filter expression holds a part that the service cannot compare.")


def _calculation(of: EntityType, node: object) -> Operand:
    assert isinstance(node, ast.BinOp)
    name = _ARITHMETIC[type(node.op)]
    left, right = _arithmetic_operand(of, node.left), _arithmetic_operand(of, node.right)
    return Operand(f"{CALCULATE}('{name}', {left.sql}, {right.sql})", left.parameters + right.parameters, Kind.DECIMAL)


def _arithmetic_operand(of: EntityType, node: object) -> Operand:
    operand = _operand(of, node)
    if operand.kind not in NUMBERS:
        raise bad_request("Arithmetic in $filter takes numbers only.")
    return operand


def property_of(of: EntityType, name: str) -> Property:
    """The property of that exact name. Raises Refused (400) if the entity has none."""
    found = of.properties.get(name)
    if found is None:
        raise bad_request(f"Could not find a property named '{name}' on type '{of.full_name}'.")
    return found


def _typed(literal: Operand, other: Operand) -> Operand:
    """An enumeration literal takes the type of the property that it is compared with."""
    if literal.literal is None or not literal.literal.startswith(ENUM_MARK):
        return literal
    _, name, member = literal.literal.split(ENUM_MARK)
    enumeration = other.of.enumeration if other.of else None
    if enumeration is None or enumeration.name != name or member not in enumeration.members:
        raise bad_request(f"The enumeration literal {name}'{member}' does not fit what it is compared with.")
    return Operand("?", (member,), Kind.ENUM, other.of)


def _comparable(left: Kind, right: Kind) -> bool:
    return left is right or {left, right} <= NUMBERS or {left, right} <= MOMENTS


def _enumeration(operand: Operand) -> str | None:
    return operand.of.enumeration.name if operand.of and operand.of.enumeration else None


def _type_name(operand: Operand) -> str:
    return operand.of.edm_type if operand.of else str(operand.kind)


def _decimal(text: str) -> str:
    number = Decimal(text)
    if abs(number.adjusted()) > 40:
        raise bad_request(f"The number {text} is out of range.")
    return format(number, "f")


def _moment(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
        moment_utc = found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise bad_request(f"The time stamp {text} is not valid.") from error
    if found.tzinfo is None:
        raise bad_request(f"The time stamp {text} names no zone; end it with Z.")
    return moment_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
