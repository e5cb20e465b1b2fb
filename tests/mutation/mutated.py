"""Lets a process import the changed text of a module in place of its file: no file is ever changed."""

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType


class _Changed(SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        """Never from a cache of compiled files, and never into one."""
        code = compile(self._source, self.path, "exec", dont_inherit=True)
        assert isinstance(code, CodeType)
        return code


class _Finder(MetaPathFinder):
    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        """The changed module, and no other."""
        if fullname != self._name:
            return None
        loader = _Changed(fullname, str(self._path), self._source)
        return spec_from_file_location(fullname, self._path, loader=loader)


def import_changed(root: Path, file: str, source: str) -> None:
    """From now on this process imports `source` for a module of the project. Raises ImportError when it has imported
    the module already."""
    name = module_of(file)
    if name in sys.modules:
        raise ImportError(f"{name} is imported already: whoever judges mutants must not import the product")
    sys.meta_path.insert(0, _Finder(name, root / file, source))


def module_of(file: str) -> str:
    """The name by which a file is imported."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
