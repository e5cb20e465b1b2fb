"""Constructors of the engine's frozen dataclasses that take less time, for a process that plays thousands of histories:
these objects are what a history makes most of. All else that a process does keeps the constructors that it has.

A frozen dataclass fills its slots through `object.__setattr__`, which finds the slot of each name anew. Its slots can
as well be filled directly. What is made is the same, and as frozen as before.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from operator import attrgetter
from types import ModuleType
from typing import Any

_ENGINE = "shared."
# How the fields of a class are read at once, with their names.
_READ: dict[type, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {}


def quicken() -> None:
    """Let the frozen dataclasses of the engine that are loaded by now be made, and made anew, quickly."""
    for each, constructor in constructors():
        each.__init__ = constructor  # type: ignore[misc]
        names = tuple(field.name for field in fields(each) if field.init)
        if len(names) > 1:
            _READ[each] = names, attrgetter(*names)
    for module in _modules():
        if vars(module).get("replace") is replace:
            setattr(module, "replace", _replace)  # noqa: B010 - each module has its own name for it


@contextmanager
def quickened() -> Iterator[None]:
    """The same for some time, in a process that does other things later."""
    shipped = [(each, each.__init__) for each, _ in constructors()]  # type: ignore[misc]
    replacing = [module for module in _modules() if vars(module).get("replace") is replace]
    quicken()
    try:
        yield
    finally:
        for each, constructor in shipped:
            each.__init__ = constructor  # type: ignore[misc]
        for module in replacing:
            setattr(module, "replace", replace)  # noqa: B010 - as above


def constructors() -> list[tuple[type, Any]]:
    """The classes of the engine that are loaded by now, each with its quick constructor."""
    return [(each, _constructor(each)) for each in _classes()]


def _modules() -> list[ModuleType]:
    return [module for name, module in sys.modules.items() if name.startswith(_ENGINE)]


def _replace(made: Any, /, **changes: Any) -> Any:
    """`dataclasses.replace`, without its look at each field."""
    known = _READ.get(type(made))
    if known is None:
        return replace(made, **changes)
    names, read = known
    return type(made)(**{**dict(zip(names, read(made), strict=True)), **changes})


def _classes() -> Iterator[type]:
    """Frozen dataclasses that have all their fields in slots, and nothing of their own in the constructor."""
    for each in {each for module in _modules() for each in vars(module).values() if isinstance(each, type)}:
        if each.__module__.startswith(_ENGINE) and is_dataclass(each):
            slots = all(field.name in each.__dict__ for field in fields(each)) and "__slots__" in each.__dict__
            frozen = each.__dataclass_params__.frozen  # type: ignore[attr-defined]
            if frozen and slots and not hasattr(each, "__post_init__") and _has_no_passed_values(each):
                yield each


def _has_no_passed_values(each: type) -> bool:
    """Whether the constructor takes the fields alone."""
    taken = list(inspect.signature(each.__init__).parameters)[1:]  # type: ignore[misc]
    return sorted(taken) == sorted(field.name for field in fields(each) if field.init)


def _constructor(each: type) -> Any:
    given: dict[str, Any] = {}
    lines = []
    for field in fields(each):
        if not field.init and field.default is field.default_factory is MISSING:
            continue
        given[f"_set_{field.name}"] = each.__dict__[field.name].__set__
        lines.append(f" _set_{field.name}(self, {_value(field, given)})")
    signature = [_parameter(field, given) for field in fields(each) if field.init and not field.kw_only]
    named = [_parameter(field, given) for field in fields(each) if field.init and field.kw_only]
    taken = ", ".join(["self", *signature, *(["*", *named] if named else [])])
    exec("\n".join([f"def __init__({taken}):", *(lines or [" pass"])]), given)
    return given["__init__"]


def _parameter(field: "Field[Any]", given: dict[str, Any]) -> str:
    if field.default is not MISSING:
        given[f"_default_{field.name}"] = field.default
    elif field.default_factory is not MISSING:
        given[f"_default_{field.name}"] = _NOT_GIVEN
    else:
        return field.name
    return f"{field.name}=_default_{field.name}"


def _value(field: "Field[Any]", given: dict[str, Any]) -> str:
    if field.default_factory is MISSING:
        if field.init:
            return field.name
        given[f"_default_{field.name}"] = field.default
        return f"_default_{field.name}"
    given[f"_make_{field.name}"], given["_not_given"] = field.default_factory, _NOT_GIVEN
    made = f"_make_{field.name}()"
    return f"{made} if {field.name} is _not_given else {field.name}" if field.init else made


_NOT_GIVEN = object()
