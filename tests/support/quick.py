"""Constructors of frozen dataclasses that take less time, for processes that play a great deal: these objects are what
a test or a history makes most of. Processes that a test starts keep the constructors that are shipped.

A frozen dataclass fills its slots through `object.__setattr__`, which finds the slot of each name anew. Its slots can
as well be filled directly. What is made is the same, and as frozen as before.
"""

import dataclasses
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from types import ModuleType
from typing import Any

_OURS = ("shared.", "local.", "p2c.", "tests.")
# What makes an object of a class anew as it is, and then fills slots of it by the names of their fields.
_RENEWED: dict[type, tuple[Callable[[Any], Any], dict[str, Callable[[Any, Any], None]]]] = {}
# The constructor that a class had before, and its quick one.
_SHIPPED: dict[type, Any] = {}


def quicken() -> None:
    """Let the frozen dataclasses that are loaded by now be made, and made anew, quickly."""
    for each in _classes():
        _SHIPPED[each] = each.__init__  # type: ignore[misc]
        each.__init__ = _constructor(each)  # type: ignore[misc]
        _RENEWED[each] = (
            _renewer(each),
            {field.name: each.__dict__[field.name].__set__ for field in fields(each) if field.init},
        )
    for module in _modules():
        if vars(module).get("replace") is dataclasses.replace:
            setattr(module, "replace", _replace)  # noqa: B010 - each module has its own name for it


def shipped() -> dict[type, Any]:
    """The classes that are made quickly, each with the constructor that is shipped."""
    return dict(_SHIPPED)


def _modules() -> list[ModuleType]:
    return [module for name, module in sys.modules.items() if name.startswith(_OURS)]


def _replace(made: Any, /, **changes: Any) -> Any:
    """`dataclasses.replace`, without its look at each field."""
    known = _RENEWED.get(type(made))
    if known is None:
        return dataclasses.replace(made, **changes)
    renewed, setters = known
    new = renewed(made)
    for name, value in changes.items():
        if name not in setters:
            # Says what is wrong.
            return dataclasses.replace(made, **changes)
        setters[name](new, value)
    return new


def _classes() -> Iterator[type]:
    """Frozen dataclasses that have all their fields in slots, and nothing of their own in the constructor."""
    for each in {each for module in _modules() for each in vars(module).values() if isinstance(each, type)}:
        if each.__module__.startswith(_OURS) and is_dataclass(each) and each not in _SHIPPED:
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


def _renewer(each: type) -> Any:
    """Makes an object again; a field that its constructor does not take gets its default anew."""
    given: dict[str, Any] = {"_class": each, "_new": object.__new__}
    lines = ["def renewed(made):", " new = _new(_class)"]
    for field in fields(each):
        if not field.init and field.default is field.default_factory is MISSING:
            continue
        given[f"_set_{field.name}"] = each.__dict__[field.name].__set__
        lines.append(f" _set_{field.name}(new, {f'made.{field.name}' if field.init else _value(field, given)})")
    exec("\n".join([*lines, " return new"]), given)
    return given["renewed"]


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
