"""What a template would deploy: every resource with its properties, module by module, and every mistake on the way."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tree_sitter import Node

from tests.infra.expressions import Expressions, Runtime, Wrong
from tests.infra.findings import Findings
from tests.infra.resource_types import resource_types
from tests.infra.syntax import Declaration, Source, parts, read_source, text

INFRA = Path(__file__).parents[2] / "infra"
_TYPES: Mapping[str, type | tuple[type, ...]] = {"string": str, "int": int, "bool": bool, "array": list, "object": dict}
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; `symbol` is its name in the file."""

    symbol: str
    type: str
    body: Mapping[str, Any]
    file: Path
    line: int
    existing: bool

    @property
    def kind(self) -> str:
        """The type without its version."""
        return self.type.partition("@")[0]

    @property
    def name(self) -> str:
        """The name in Azure."""
        return str(self.body.get("name", ""))

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties, empty where it has none."""
        found = self.body.get("properties")
        return found if isinstance(found, dict) else {}


@dataclass(slots=True)
class Deployment:
    """Everything that is deployed, with what is wrong."""

    resources: list[Resource] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)

    def of(self, kind: str) -> list[Resource]:
        """The resources of a type, without those that are only referred to."""
        return [resource for resource in self.resources if resource.kind == kind and not resource.existing]


class _Property(Runtime):
    """A property of a resource, which is known once that is deployed."""

    __slots__ = ("path", "resource")

    def __new__(cls, resource: Resource, path: tuple[str, ...]) -> "_Property":
        """The property at a path."""
        new = super().__new__(cls, ".".join((resource.symbol, *path)))
        new.resource, new.path = resource, path
        return new

    resource: Resource
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Outputs:
    """What a module returns."""

    module: "_Module"


def deploy(folder: Path = INFRA, environment: Mapping[str, str] | None = None) -> Deployment:
    """Evaluate main.bicep with its parameters file. `environment` are the variables that azd has."""
    deployment = Deployment()
    main = folder / "main.bicep"
    given = _parameters(folder / "main.parameters.json", environment or {}, deployment.findings)
    types = {name: of.type_name for name, of in read_source(main, deployment.findings).parameters.items()}
    typed = {name: _typed(value, types.get(name, "")) for name, value in given.items()}
    _Module(main, typed, deployment, f"{main.stem}.parameters.json").run()
    for source in folder.glob("*.bicep"):
        if source.name not in {resource.file.name for resource in deployment.resources} | {main.name}:
            read_source(source, deployment.findings)
    return deployment


def _parameters(file: Path, environment: Mapping[str, str], findings: Findings) -> dict[str, Any]:
    """The values of a parameters file. A text that becomes empty is left out, as azd does."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))["parameters"]
    except (OSError, ValueError, KeyError) as wrong:
        findings.add(file, 1, f"no parameters can be read ({wrong!r}); correct the file")
        return {}
    filled = {name: _filled(entry.get("value"), environment) for name, entry in content.items()}
    return {name: value for name, value in filled.items() if value != ""}


def _filled(value: Any, environment: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(of, environment) for name, of in value.items()}
    return _VARIABLE.sub(lambda found: environment.get(found[1], ""), value) if isinstance(value, str) else value


def _typed(value: Any, expected: str) -> Any:
    """A value as azd gives it: it reads a text as what the parameter takes."""
    if not isinstance(value, str) or expected not in ("int", "bool", "array"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


class _Module:
    """One file with the values of its parameters."""

    def __init__(self, file: Path, given: Mapping[str, Any], deployment: Deployment, caller: str) -> None:
        self._deployment = deployment
        self._findings = deployment.findings
        self._source: Source = read_source(file, deployment.findings)
        self._given = given
        self._caller = caller
        self._expressions = Expressions(file.parent, self._lookup, self._member)
        self._values: dict[str, Any] = {}
        self._used: set[str] = set()
        self._ran = False

    def run(self) -> None:
        """Evaluate everything."""
        self._check_parameters()
        for name in [*self._source.variables, *self._source.resources, *self._source.modules]:
            self._noted(self._source_of(name), self._named, name)
        for name in self._source.outputs:
            self.output(name)
        for kind, names in (("parameter", self._source.parameters), ("variable", self._source.variables)):
            for name in names.keys() - self._used:
                self._findings.add(self._source.file, names[name].line, f"the {kind} {name!r} is never used; remove it")

    def output(self, name: str) -> Any:
        """The value of an output."""
        declaration = self._source.outputs[name]
        return self._noted(declaration, self._expressions.value, declaration.value)

    @property
    def outputs(self) -> Mapping[str, Declaration]:
        """The outputs that are declared."""
        return self._source.outputs

    def _noted(self, declaration: Declaration, evaluate: Any, argument: Any) -> Any:
        try:
            return evaluate(argument)
        except Wrong as wrong:
            self._findings.add(self._source.file, wrong.line, str(wrong))
        except (TypeError, KeyError, IndexError, AttributeError) as wrong:
            self._findings.add(self._source.file, declaration.line, f"cannot be evaluated: {wrong!r}; correct it")
        return Runtime("")

    def _source_of(self, name: str) -> Declaration:
        source = self._source
        for table in (source.parameters, source.variables, source.resources, source.modules):
            if name in table:
                return table[name]
        raise KeyError(name)

    def _check_parameters(self) -> None:
        file = self._source.file
        for name in self._given.keys() - self._source.parameters.keys():
            self._findings.add(
                file, 1, f"{self._caller} gives the parameter {name!r}, which is not declared; remove it"
            )
        for name, declaration in self._source.parameters.items():
            if name in self._given:
                self._check_value(name, declaration, self._given[name])
            elif not _has_default(declaration):
                text_ = f"{self._caller} does not give the parameter {name!r}; give it, or a default here"
                self._findings.add(file, declaration.line, text_)

    def _check_value(self, name: str, declaration: Declaration, value: Any) -> None:
        if isinstance(value, Runtime):
            return
        expected = _TYPES[declaration.type_name]
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            text_ = f"the parameter {name!r} takes {declaration.type_name}; {self._caller} gives {value!r}"
            self._findings.add(self._source.file, declaration.line, text_)
        for call in declaration.decorators:
            self._check_decorator(name, declaration, value, call)

    def _check_decorator(self, name: str, declaration: Declaration, value: Any, call: Node) -> None:
        function, arguments = parts(call)
        limit = self._expressions.value(parts(arguments)[0])
        size = len(value) if isinstance(value, str | list) else value
        broken: Mapping[str, Callable[[], bool]] = {
            "allowed": lambda: value not in limit,
            "minValue": lambda: size < limit,
            "maxValue": lambda: size > limit,
            "minLength": lambda: size < limit,
            "maxLength": lambda: size > limit,
        }
        if text(function) in broken and broken[text(function)]():
            text_ = f"the parameter {name!r} is {value!r}, against @{text(call)}"
            self._findings.add(self._source.file, declaration.line, text_)

    def _lookup(self, node: Node) -> Any:
        name = text(node)
        if name not in self._values and not self._is_declared(name):
            raise Wrong(node, f"{name!r} is not declared; is it spelled right?")
        self._used.add(name)
        return self._named(name)

    def _is_declared(self, name: str) -> bool:
        source = self._source
        return any(name in of for of in (source.parameters, source.variables, source.resources, source.modules))

    def _named(self, name: str) -> Any:
        if name not in self._values:
            self._values[name] = self._evaluated(name)
        return self._values[name]

    def _evaluated(self, name: str) -> Any:
        source = self._source
        if name in source.parameters:
            return self._parameter(name)
        if name in source.variables:
            return self._expressions.value(source.variables[name].value)
        if name in source.resources:
            found = list(self._resources(name, source.resources[name]))
            return found if source.resources[name].value.type == "for_statement" else next(iter(found), None)
        return self._module(source.modules[name])

    def _parameter(self, name: str) -> Any:
        declaration = self._source.parameters[name]
        if name in self._given:
            return self._given[name]
        return self._expressions.value(declaration.value) if _has_default(declaration) else Runtime(name)

    def _resources(self, name: str, declaration: Declaration) -> Iterator[Resource]:
        kind, file = declaration.type_name, self._source.file
        unknown = resource_types().unknown(kind)
        if unknown:
            self._findings.add(file, declaration.line, unknown)
        for body, local in self._expressions.each(declaration.value):
            values = self._expressions.within(local, body)
            resource = Resource(name, kind, values, file, declaration.line, declaration.existing)
            self._deployment.resources.append(resource)
            if not unknown:
                for mistake in resource_types().mistakes(kind, values, existing=declaration.existing):
                    self._findings.add(file, declaration.line, f"{name} ({kind}): {mistake}")
            yield resource

    def _module(self, declaration: Declaration) -> "_Module | None":
        file = self._source.file.parent / declaration.type_name
        if not file.is_file():
            text_ = f"there is no module {declaration.type_name!r}; correct the path"
            self._findings.add(self._source.file, declaration.line, text_)
            return None
        for body, local in self._expressions.each(declaration.value):
            values = self._expressions.within(local, body)
            caller = f"{self._source.file.name}, line {declaration.line},"
            module = _Module(file, values.get("params", {}), self._deployment, caller)
            module.run()
            return module
        return None

    def _member(self, node: Node, target: Any, name: str) -> Any:
        match target:
            case _Module() if name == "outputs":
                return _Outputs(target)
            case _Outputs() if name in target.module.outputs:
                return target.module.output(name)
            case dict() if name in target:
                return target[name]
            case Resource():
                return target.name if name == "name" else self._property(node, _Property(target, (name,)))
            case _Property():
                return self._property(node, _Property(target.resource, (*target.path, name)))
            case Runtime():
                return Runtime(f"{target}.{name}")
        raise Wrong(node, f"there is no {name!r} in {text(node)!r}; is it spelled right?")

    def _property(self, node: Node, read: _Property) -> _Property:
        kind = read.resource.type
        if not resource_types().unknown(kind) and not resource_types().readable(kind, list(read.path)):
            raise Wrong(node, f"{kind} has no property {'.'.join(read.path)!r} to read; correct it")
        return read


def _has_default(declaration: Declaration) -> bool:
    return len(parts(declaration.node)) > 2
