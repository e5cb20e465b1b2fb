"""What may be changed: those operators of cosmic-ray whose change means something here, and what it does not have."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from cosmic_ray.operators.provider import OperatorProvider
from parso import parse
from parso.python.tree import Name
from parso.tree import BaseNode, NodeOrLeaf

Position = tuple[int, int]
Span = tuple[Position, Position]

# Not all of them: "+" into ">>" fails in every test that runs the line, and "==" into "is" hardly changes anything.
_OF_COSMIC_RAY = (
    "AddNot",
    "ExceptionReplacer",
    "NumberReplacer",
    "RemoveDecorator",
    "ReplaceAndWithOr",
    "ReplaceBinaryOperator_Add_Sub",
    "ReplaceBinaryOperator_BitAnd_BitOr",
    "ReplaceBinaryOperator_BitOr_BitAnd",
    "ReplaceBinaryOperator_Div_Mul",
    "ReplaceBinaryOperator_FloorDiv_Mul",
    "ReplaceBinaryOperator_LShift_RShift",
    "ReplaceBinaryOperator_Mod_FloorDiv",
    "ReplaceBinaryOperator_Mul_Add",
    "ReplaceBinaryOperator_Mul_Div",
    "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceBinaryOperator_RShift_LShift",
    "ReplaceBinaryOperator_Sub_Add",
    "ReplaceBreakWithContinue",
    "ReplaceComparisonOperator_Eq_NotEq",
    "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_GtE_Lt",
    "ReplaceComparisonOperator_Gt_GtE",
    "ReplaceComparisonOperator_Gt_LtE",
    "ReplaceComparisonOperator_IsNot_Is",
    "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_LtE_Gt",
    "ReplaceComparisonOperator_LtE_Lt",
    "ReplaceComparisonOperator_Lt_GtE",
    "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_NotEq_Eq",
    "ReplaceContinueWithBreak",
    "ReplaceFalseWithTrue",
    "ReplaceOrWithAnd",
    "ReplaceTrueWithFalse",
    "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_Delete_USub",
    "ZeroIterationForLoop",
)


class Operator(Protocol):
    """How cosmic-ray's operators are called (`cosmic_ray.operators.operator.Operator`)."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[Span]:
        """Where the node can be changed; one span for each way."""

    def mutate(self, node: Any, index: int) -> Any:
        """The node, changed in the way of this index."""


class RemoveStatement:
    """Leaves out a call, a raise, a deletion, or an assignment to an attribute, an item or an earlier value."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[Span]:
        """The statement, where the node is a line with one."""
        if node.type == "simple_stmt" and isinstance(node, BaseNode) and _has_effect(node.children[0]):
            yield node.children[0].start_pos, node.children[0].end_pos

    def mutate(self, node: BaseNode, index: int) -> BaseNode:
        """`pass` in its place."""
        left = node.children[0]
        node.children[0] = Name("pass", left.start_pos, prefix=left.get_first_leaf().prefix)
        return node


class SwapMembership:
    """`in` for `not in`, and the other way about."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[Span]:
        """The operators of a comparison that ask for a member."""
        for at in _memberships(node):
            yield at.start_pos, at.end_pos

    def mutate(self, node: BaseNode, index: int) -> BaseNode:
        """The comparison with the opposite of one of them."""
        asked = _memberships(node)[index]
        opposite = " in" if _code(asked).split() == ["not", "in"] else " not in"
        node.children[node.children.index(asked)] = parse(opposite)
        return node


class NegateFilter:
    """`not` before the condition of a comprehension."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[Span]:
        """The condition, where the node is one."""
        if node.type == "comp_if" and isinstance(node, BaseNode):
            yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: BaseNode, index: int) -> BaseNode:
        """The condition, negated."""
        node.children[1] = parse(f" not ({_code(node.children[1]).strip()})")
        return node


def _code(node: NodeOrLeaf) -> str:
    return str(node.get_code())


def _has_effect(statement: NodeOrLeaf) -> bool:
    if not isinstance(statement, BaseNode):
        return False
    if statement.type == "expr_stmt":
        target, sign = statement.children[0], statement.children[1]
        return target.type == "atom_expr" or (sign.type == "operator" and _code(sign).strip() != "=")
    called = statement.type == "atom_expr" and _code(statement.children[-1]).startswith("(")
    return called or statement.type in {"raise_stmt", "del_stmt"}


def _memberships(node: NodeOrLeaf) -> list[NodeOrLeaf]:
    if node.type != "comparison" or not isinstance(node, BaseNode):
        return []
    return [child for child in node.children[1::2] if _code(child).split() in (["in"], ["not", "in"])]


def _operators() -> Mapping[str, Operator]:
    offered = OperatorProvider()
    ours: tuple[type[Operator], ...] = (RemoveStatement, SwapMembership, NegateFilter)
    return {name: offered[name]() for name in _OF_COSMIC_RAY} | {each.__name__: each() for each in ours}


OPERATORS = _operators()
