"""The help of the commands: an option that takes no value is shown without one, and there is a call to paste."""

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
    """An application whose help shows no value for flags, and an example of each command that needs to be told
    something."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=_Group, **options)

    def command(
        self, name: str | None = None, *, example: str = "", **options: Any
    ) -> Callable[[CommandFunctionType], CommandFunctionType]:
        """Register a command. `example` is a call of it that can be pasted: a call that lacks something is told it."""
        epilog = f"{_EXAMPLE}{example}" if example else None
        return super().command(name, cls=_Command, epilog=epilog, **options)


_EXAMPLE = "For example: "


def example_of(command: object) -> str:
    """The example of a command; empty if it has none."""
    epilog = getattr(command, "epilog", None) or ""
    return epilog.removeprefix(_EXAMPLE) if epilog.startswith(_EXAMPLE) else ""


def for_example(said: str, example: str) -> str:
    """What a call lacks, with a call that has it."""
    return f"{said}; for example: `{example}`"


def _shown(parameters: list[Any]) -> list[Any]:
    for each in parameters:
        if isinstance(each, TyperOption) and each.is_flag:
            each.metavar = ""
    return parameters
