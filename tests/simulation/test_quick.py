"""The quick constructors of processes that play histories make what those of the engine make."""

import inspect
from dataclasses import MISSING, fields, replace
from typing import Any

from shared.sync import flow
from tests.simulation.quick import constructors, quickened
from tests.simulation.run import stage_of_process


def test_a_quick_constructor_takes_and_fills_what_that_of_its_class_does() -> None:
    stage_of_process()
    found = dict(constructors())
    for each, quick in found.items():
        shipped = inspect.signature(each.__init__).parameters  # type: ignore[misc]
        assert {name: _kind(taken) for name, taken in inspect.signature(quick).parameters.items()} == {
            name: _kind(taken) for name, taken in shipped.items()
        }
        needed = [field.name for field in fields(each) if field.init and not _has_default(field)]
        every = [field.name for field in fields(each) if field.init]
        for names in (needed, every):
            values = {name: object() for name in names}
            made: object = each(**values)
            made_quickly: object = object.__new__(each)
            quick(made_quickly, **values)
            assert [_of(made, field.name) for field in fields(each)] == [
                _of(made_quickly, field.name) for field in fields(each)
            ]
    assert len(found) > 100


def test_afterwards_everything_is_made_as_the_engine_makes_it() -> None:
    stage_of_process()
    shipped = {each: each.__init__ for each, _ in constructors()}  # type: ignore[misc]
    with quickened():
        assert all(each.__init__ is not constructor for each, constructor in shipped.items())  # type: ignore[misc]
        assert vars(flow)["replace"] is not replace
    assert all(each.__init__ is constructor for each, constructor in shipped.items())  # type: ignore[misc]
    assert vars(flow)["replace"] is replace


def _kind(taken: inspect.Parameter) -> tuple[Any, bool]:
    return taken.kind, taken.default is inspect.Parameter.empty


def _has_default(field: Any) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _of(made: object, name: str) -> object:
    """The value of a field; of one that was made anew, its class and content."""
    value = getattr(made, name, MISSING)
    return value if type(value) is object or value is MISSING else (type(value), repr(value))
