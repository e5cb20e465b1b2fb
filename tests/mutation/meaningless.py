"""Where a change tells nothing of the tests: what only a type checker reads, and what only saves time or memory."""

import ast
from collections.abc import Iterator

from tests.mutation.operators import Span

_DECORATORS = {"dataclass", "lru_cache", "cache", "abstractmethod", "overload", "override", "runtime_checkable"}


def meaningless(text: str) -> list[Span]:
    """Annotations and aliases of types, imports for them, and decorators whose options no result depends on."""
    lines = text.splitlines()
    return [_span(node, lines) for node in _found(ast.parse(text))]


def _found(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    for node in ast.walk(tree):
        match node:
            case ast.arg(annotation=ast.expr() as annotation) | ast.AnnAssign(annotation=annotation):
                yield annotation
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            yield node.returns
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from (each for each in node.decorator_list if _named(each) in _DECORATORS)
    for statement in tree.body:
        match statement:
            case ast.Assign(value=ast.BinOp(op=ast.BitOr()) as alias):
                yield alias


def _named(decorator: ast.expr) -> str:
    if isinstance(decorator, ast.Call):
        return _named(decorator.func)
    return decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")


def _span(node: ast.expr | ast.stmt, lines: list[str]) -> Span:
    # A decorator begins with its sign, one column before its name.
    first, last = node.lineno, node.end_lineno or node.lineno
    start = _column(lines[first - 1], node.col_offset)
    if lines[first - 1][:start].strip() == "@":
        return (first, start - 1), (last + 1, 0)
    return (first, start), (last, _column(lines[last - 1], node.end_col_offset or 0))


def _column(line: str, offset_bytes: int) -> int:
    return len(line.encode()[:offset_bytes].decode())
