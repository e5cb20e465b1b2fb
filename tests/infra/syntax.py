"""A Bicep file as its parser sees it: declarations by name, and what does not parse."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import tree_sitter
import tree_sitter_bicep
from tree_sitter import Node

from tests.infra.findings import Findings

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
_DECLARED = {
    "parameter_declaration": "parameters",
    "variable_declaration": "variables",
    "resource_declaration": "resources",
    "module_declaration": "modules",
    "output_declaration": "outputs",
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declaration; `decorators` are the calls above it."""

    node: Node
    decorators: tuple[Node, ...] = ()

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.node.start_point.row + 1

    @property
    def value(self) -> Node:
        """What stands behind the equals sign."""
        return parts(self.node)[-1]

    @property
    def existing(self) -> bool:
        """Whether a resource is only referred to."""
        return any(child.type == "existing" for child in self.node.children)

    @property
    def type_name(self) -> str:
        """The type of a parameter or output, the resource type with its version, or the path of a module."""
        second = parts(self.node)[1]
        return literal(second) if second.type == "string" else text(second)


@dataclass(frozen=True, slots=True)
class Source:
    """The declarations of one file."""

    file: Path
    parameters: Mapping[str, Declaration]
    variables: Mapping[str, Declaration]
    resources: Mapping[str, Declaration]
    modules: Mapping[str, Declaration]
    outputs: Mapping[str, Declaration]


def read_source(file: Path, findings: Findings) -> Source:
    """Parse a file; syntax errors and names that are declared twice become findings."""
    root = _PARSER.parse(file.read_bytes()).root_node
    for node in walk(root):
        if node.is_error or node.is_missing:
            near = text(node).splitlines()[0][:60] if text(node) else "the end of a construct"
            findings.add(file, node.start_point.row + 1, f"syntax error near {near!r}; correct it")
    declared: dict[str, dict[str, Declaration]] = {kind: {} for kind in _DECLARED.values()}
    decorators: tuple[Node, ...] = ()
    for node in root.named_children:
        if node.type == "decorators":
            decorators = tuple(child.named_children[0] for child in node.named_children)
        elif node.type in _DECLARED:
            _declare(file, declared, Declaration(node, decorators), findings)
            decorators = ()
    return Source(file, **declared)


def _declare(file: Path, declared: dict[str, dict[str, Declaration]], found: Declaration, findings: Findings) -> None:
    kind, name = _DECLARED[found.node.type], text(found.node.named_children[0])
    # Outputs have a name space of their own.
    rivals = [declared["outputs"]] if kind == "outputs" else [of for key, of in declared.items() if key != "outputs"]
    if any(name in of for of in rivals):
        findings.add(file, found.line, f"{name!r} is declared twice; rename one of them")
    declared[kind][name] = found


def walk(node: Node) -> Iterator[Node]:
    """A node and everything below it."""
    yield node
    for child in node.children:
        yield from walk(child)


def parts(node: Node) -> list[Node]:
    """The parts of a node, without comments."""
    return [child for child in node.named_children if child.type not in ("comment", "diagnostic_comment")]


def text(node: Node) -> str:
    """The text of a node."""
    return (node.text or b"").decode("utf-8")


def literal(node: Node) -> str:
    """The value of a text without interpolation."""
    return "".join(text(child) for child in node.named_children if child.type == "string_content")
