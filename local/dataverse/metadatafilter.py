"""$filter on metadata: equality of properties that hold plain values or enumerations."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from odata_query import ast

from local.dataverse.definitions import Definition
from local.dataverse.metadatatypes import NAMESPACE, PROPERTY_ENUMS, MetadataType
from local.dataverse.refusals import not_simulated, unknown_property, wrong_request
from local.simulator.filters import FilterRefused, Node, parse
from shared.records import Json

_ENUM = re.compile(rf"{re.escape(NAMESPACE)}(?P<type>\w+)'(?P<member>\w+)'|'(?:[^']|'')*'")
# Replaces a member of an enumeration in a text: the grammar does not know these.
_MARK = "\x1f"

Test = Callable[[Definition], bool]


@dataclass(frozen=True, slots=True)
class _Member:
    enumeration: str
    name: str


def metadata_test(of: MetadataType, text: str) -> Test:
    """Whether an element fits a decoded $filter. Raises Refused: 400 for a filter that does not fit the type, 501 for
    operators and functions that are not simulated."""
    try:
        return _test(of, parse(_ENUM.sub(_marked, text)))
    except FilterRefused as error:
        raise wrong_request(str(error)) from error


def _marked(found: re.Match[str]) -> str:
    return found[0] if found["type"] is None else f"'{_MARK}{found['type']}{_MARK}{found['member']}'"


def _test(of: MetadataType, node: Node) -> Test:
    match node:
        case ast.BoolOp(op=ast.And()):
            left, right = _test(of, node.left), _test(of, node.right)
            return lambda each: left(each) and right(each)
        case ast.BoolOp(op=ast.Or()):
            left, right = _test(of, node.left), _test(of, node.right)
            return lambda each: left(each) or right(each)
        case ast.UnaryOp(op=ast.Not()):
            inner = _test(of, node.operand)
            return lambda each: not inner(each)
        case ast.Compare(comparator=ast.Eq() | ast.NotEq()):
            return _comparison(of, node)
    raise not_simulated(f"{type(node).__name__} in $filter on metadata")


def _comparison(of: MetadataType, node: ast.Compare) -> Test:
    path, value = _path(of, node.left), _literal(node.right)
    equal = isinstance(node.comparator, ast.Eq)
    enumeration = PROPERTY_ENUMS.get("/".join(path))

    def fits(each: Definition) -> bool:
        found = _found(each, path)
        _check_types(path, enumeration, found, value)
        return (found == (value.name if isinstance(value, _Member) else value)) is equal

    return fits


def _path(of: MetadataType, node: Node) -> list[str]:
    match node:
        case ast.Identifier():
            names = [node.name]
        case ast.Attribute(owner=ast.Identifier() as owner):
            names = [owner.name, node.attr]
        case _:
            raise wrong_request("A comparison in $filter on metadata has a property on its left side.")
    if not of.declares(names[0]):
        raise unknown_property(names[0], of.name)
    return names


def _literal(node: Node) -> Json | _Member:
    match node:
        case ast.String(val=str() as text) if text.startswith(_MARK):
            _, enumeration, member = text.split(_MARK)
            return _Member(enumeration, member)
        case ast.String():
            return str(node.val)
        case ast.GUID():
            return str(node.val).lower()
        case ast.Boolean():
            return str(node.val).lower() == "true"
        case ast.Integer():
            return int(node.val)
        case ast.Null():
            return None
    raise not_simulated(f"a {type(node).__name__} in $filter on metadata")


def _found(each: Definition, path: list[str]) -> Json:
    value: Json = dict(each.content)
    for name in path:
        if not isinstance(value, dict) or name not in value:
            raise not_simulated(f"the property {'/'.join(path)} of {each.of.name} {each.name}")
        value = value[name]
    return value


def _check_types(path: list[str], enumeration: str | None, found: Json, value: Json | _Member) -> None:
    """Raise Refused (400) where a property and a constant cannot be compared: an enumeration needs its own member."""
    name = "/".join(path)
    if isinstance(found, dict | list):
        raise wrong_request(f"The property {name} is not a plain value; $filter takes a path, such as {name}/Value.")
    if value is None or (found is None and not isinstance(value, _Member)):
        return
    given = value.enumeration if isinstance(value, _Member) else None
    if given != enumeration or (given is None and type(found) is not type(value)):
        wanted = f"{NAMESPACE}{enumeration}'{found}'" if enumeration else f"a {type(found).__name__}"
        raise wrong_request(
            f"A binary operator with incompatible types was detected: the property {name} is compared with {wanted}."
        )
