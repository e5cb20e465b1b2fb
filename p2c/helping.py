"""The help of the commands: an option that takes no value is shown without one."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.models import CommandFunctionType


class _Command(TyperCommand):
    def get_params(self, ctx: Any) -> Any:
        """The parameters; the library would show every flag as `<bool>`."""
        return _shown(super().get_params(ctx))


class _Group(TyperGroup):
    def get_params(self, ctx: Any) -> Any:
        """As for a command."""
        return _shown(super().get_params(ctx))


class Application(typer.Typer):
    """An application whose help shows no value for flags."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=_Group, **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """Register a command."""
        return super().command(name, cls=_Command, **options)


def _shown(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""
    return parameters
