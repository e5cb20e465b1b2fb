"""The command lines of this project's programs, apart from p2c's."""

import argparse
import re
from collections.abc import Callable, Mapping
from typing import NoReturn

_DIGITS = 18
# What argparse says where a text is no number.
_NO_NUMBER = re.compile(r"invalid (int|float) value: ('.*')")


class Parser(argparse.ArgumentParser):
    """Tells a mistake in one sentence, and where the options are listed, instead of the list. No option is abbreviated.

    `prog` is what a user types, with `...` where the options stand if they do not stand at its end. `examples` says
    what may stand behind an option that takes a value; the example of "" is shown for all others.
    """

    def __init__(self, prog: str, description: str | None, examples: Mapping[str, str] | None = None) -> None:
        super().__init__(allow_abbrev=False, prog=prog, description=description)
        self._examples = examples or {}

    def error(self, message: str) -> NoReturn:
        """Ends the program with code 2."""
        told = _NO_NUMBER.sub(_no_number, message.removeprefix("argument ").replace(": is ", " is ", 1))
        # A terminal would obey control characters in an argument.
        shown = "".join(each if each.isprintable() else repr(each)[1:-1] for each in told)
        self.exit(2, f"{shown}; {self._example(told)}see `{self._called('--help')}`\n")

    def _example(self, told: str) -> str:
        known = next((each for each in self._examples if each and told.startswith((f"{each}:", f"{each} "))), "")
        if not self._examples:
            return ""
        return f"for example: `{self._called(f'{known} {self._examples[known]}'.strip())}`; "

    def _called(self, options: str) -> str:
        return self.prog.replace("...", options) if "..." in self.prog else f"{self.prog} {options}"


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """The type of an argument that is a whole number between these two."""
    wanted = f"a whole number from {least}" + ("" if most is None else f" to {most}")

    def read(text: str) -> int:
        # More digits than any number has that a program could work with, and Python reads no text of thousands of them.
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else -1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
        return number

    return read


def _no_number(found: re.Match[str]) -> str:
    return f"{found[2]} is not a {'whole number' if found[1] == 'int' else 'number'}"
