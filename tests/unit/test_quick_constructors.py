"""The quick constructors of processes that play a great deal make what those that are shipped make."""

import dataclasses
import inspect
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from typing import Any

import pytest

import shared.bootstrap  # noqa: F401 - the engine is what is made quickly
from shared.state.links import Link
from shared.sync import flow
from tests.support.quick import quicken, shipped


def test_a_quick_constructor_takes_and_fills_what_that_of_its_class_does() -> None:
    quicken()
    for each, constructor in shipped().items():
        taken = inspect.signature(constructor).parameters
        quick = each.__init__  # type: ignore[misc]
        assert {name: _kind(given) for name, given in inspect.signature(quick).parameters.items()} == {
            name: _kind(given) for name, given in taken.items()
        }
        needed = [field.name for field in fields(each) if field.init and not _has_default(field)]
        every = [field.name for field in fields(each) if field.init]
        for names in (needed, every):
            values = {name: object() for name in names}
            made_quickly: object = each(**values)
            made: object = object.__new__(each)
            constructor(made, **values)
            assert [_of(made, field) for field in fields(each)] == [_of(made_quickly, field) for field in fields(each)]
    assert len(shipped()) > 100


def test_what_is_made_anew_is_what_the_library_makes_anew() -> None:
    quicken()
    renewed = vars(flow)["replace"]
    for each, constructor in shipped().items():
        names = [field.name for field in fields(each) if field.init]
        made: Any = object.__new__(each)
        constructor(made, **{name: object() for name in names})
        for changes in ({}, *({name: object()} for name in names)):
            quick, usual = renewed(made, **changes), dataclasses.replace(made, **changes)
            assert type(quick) is type(usual) is each
            assert [_of(quick, field) for field in fields(each)] == [_of(usual, field) for field in fields(each)]


def test_what_is_made_quickly_and_made_anew_is_frozen_and_equal() -> None:
    quicken()
    renewed = vars(flow)["replace"]
    assert renewed is not dataclasses.replace
    link = Link("accounts", "1", rule="x")
    assert (
        renewed(link, target_key="K")
        == dataclasses.replace(link, target_key="K")
        == Link("accounts", "1", None, rule="x", target_key="K")
    )
    with pytest.raises(FrozenInstanceError):
        link.id = "2"  # type: ignore[misc]
    with pytest.raises(TypeError, match="unexpected keyword argument 'ide'"):
        renewed(link, ide="2")


def _kind(taken: inspect.Parameter) -> tuple[Any, bool]:
    return taken.kind, taken.default is inspect.Parameter.empty


def _has_default(field: Any) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _of(made: object, field: "Field[Any]") -> object:
    """The value of a field; of one that was made anew, its class and content; of a random one, its class."""
    value = getattr(made, field.name, MISSING)
    if type(value) is object or value is MISSING:
        return value
    return type(value), None if _is_random(field) else repr(value)


def _is_random(field: "Field[Any]") -> bool:
    make = field.default_factory
    return make is not MISSING and repr(make()) != repr(make())
