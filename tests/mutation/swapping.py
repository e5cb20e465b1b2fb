"""Gives functions that are imported already the code that they have in a changed text."""

import gc
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import CodeType, FunctionType

Loaded = Mapping[str, Sequence[FunctionType]]


class NotSwapped(Exception):
    """The change cannot be made in place: the module must be imported anew."""


def loaded_functions(root: Path) -> Loaded:
    """The functions of this process that stand in files of the project, by file."""
    found = defaultdict(list)
    gc.unfreeze()
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(f"{root}/"):
            found[each.__code__.co_filename].append(each)
    gc.freeze()
    return found


def swap(loaded: Loaded, path: Path, source: str, name: str) -> None:
    """From now on the function `name` does what it does in `source`. Raises NotSwapped when it is not loaded, or takes
    other names from around it."""
    before, after = _codes(path.read_text(encoding="utf-8"), path, name), _codes(source, path, name)
    functions = [each for each in loaded.get(str(path), ()) if each.__code__.co_qualname == name]
    if not functions or len(before) != len(after):
        raise NotSwapped(name)
    # A property and its setter have one name.
    becomes = {old.co_firstlineno: new for old, new in zip(before, after, strict=True)}
    for function in functions:
        try:
            function.__code__ = becomes[function.__code__.co_firstlineno]
        except (KeyError, ValueError) as wrong:
            raise NotSwapped(name) from wrong


def _codes(text: str, path: Path, name: str) -> list[CodeType]:
    module = compile(text, str(path), "exec", dont_inherit=True)
    assert isinstance(module, CodeType)
    return sorted((each for each in _within(module) if each.co_qualname == name), key=lambda each: each.co_firstlineno)


def _within(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _within(each)
