"""Microsoft's Bicep compiler, where this computer has one: it formats, builds, lints, and predicts what is deployed.

To start it, and to read the types of Azure's resources, takes it two seconds of processor time. So one process answers
all questions, by JSON-RPC over its standard input and output (`bicep jsonrpc`).
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Timer
from typing import IO, Any

from tests.support.patience import PATIENCE_S

MISSING = "no Bicep compiler: set BICEP, or install it with `az bicep install`; the templates are not compiled here"
# Ids of nobody: a snapshot is the same everywhere.
_SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
_TENANT = "00000000-0000-0000-0000-000000000002"
_DEPLOYMENT = {
    "subscriptionId": _SUBSCRIPTION,
    "tenantId": _TENANT,
    "resourceGroup": None,
    "location": "westeurope",
    "deploymentName": "main",
}
_LENGTH = b"content-length:"


@cache
def compiler() -> Path | None:
    """The compiler that `BICEP` names, that of the path, or that of azd or az."""
    return found(os.environ)


def found(environ: Mapping[str, str]) -> Path | None:
    """The compiler of an environment, or None. Raises FileNotFoundError where `BICEP` names no file."""
    named = environ.get("BICEP")
    if named:
        if not Path(named).is_file():
            raise FileNotFoundError(f"BICEP is {named}, and there is no such file: correct it, or take it away")
        return Path(named)
    return next((file for file in _places(environ) if file.is_file()), None)


def _places(environ: Mapping[str, str]) -> Iterator[Path]:
    if on_path := shutil.which("bicep", path=environ.get("PATH")):
        yield Path(on_path)
    home = Path(environ.get("HOME") or environ.get("USERPROFILE") or ".")
    for folder in (environ.get("AZD_CONFIG_DIR") or home / ".azd", environ.get("AZURE_CONFIG_DIR") or home / ".azure"):
        yield from (Path(folder) / "bin" / name for name in ("bicep", "bicep.exe"))


class Compiler:
    """A running compiler; made by `running`."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._asked: IO[bytes] = process.stdin
        self._answered: IO[bytes] = process.stdout
        self._number = 0

    def build(self, file: Path) -> str:
        """What the compiler and its linter say of a template and its modules: nothing where all is well."""
        return _said(self._ask("compile", path=str(file))["diagnostics"])

    def format_all(self, infra: Path) -> str:
        """Write every template and parameters file of a folder in the compiler's form; the names of those that it
        cannot read."""
        unread = []
        for file in sorted(infra.rglob("*.bicep*")):
            contents = self._ask("format", path=str(file))["contents"]
            if contents is None:
                unread.append(f"{file}: the compiler cannot format it")
            else:
                file.write_bytes(contents.encode())
        return "\n".join(unread)

    def write_snapshot(self, parameters: Path) -> str:
        """Write what a deployment with these parameters would make beside them; what the compiler and its linter say of
        the templates."""
        compiled = self._ask("compileParams", path=str(parameters), parameterOverrides={})
        if said := _said(compiled["diagnostics"]):
            return said
        content = json.loads(self._ask("getSnapshot", path=str(parameters), metadata=_DEPLOYMENT)["snapshot"])
        # The compiler writes outputs in another order each time.
        content["outputs"] = dict(sorted(content["outputs"].items()))
        file = parameters.with_suffix(".snapshot.json")
        file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        return ""

    def _ask(self, method: str, **parameters: Any) -> Any:
        """The result of a method. Raises RuntimeError with what the compiler says instead."""
        self._number += 1
        body = json.dumps(
            {"jsonrpc": "2.0", "id": self._number, "method": f"bicep/{method}", "params": parameters}
        ).encode()
        too_long = Timer(PATIENCE_S, self._process.kill)
        too_long.start()
        try:
            self._asked.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            self._asked.flush()
            answer = json.loads(self._answer())
        finally:
            too_long.cancel()
        if "error" in answer:
            raise RuntimeError(f"bicep {method}: {answer['error']['message']}")
        return answer["result"]

    def _answer(self) -> bytes:
        length = 0
        # A blank line ends the headers; at the end of the stream there is none.
        while line := self._answered.readline().strip().lower():
            if line.startswith(_LENGTH):
                length = int(line.removeprefix(_LENGTH))
        if not length:
            raise RuntimeError("the compiler has ended without an answer")
        return self._answered.read(length)


@contextmanager
def running() -> Iterator[Compiler]:
    """The compiler, which ends with the block."""
    program = compiler()
    assert program is not None, MISSING
    with subprocess.Popen(
        [str(program), "jsonrpc", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield Compiler(process)
        finally:
            process.kill()


def _said(diagnostics: Sequence[Mapping[str, Any]]) -> str:
    """One line each, as the compiler's own command writes it."""
    return "\n".join(
        f"{each['source']}({each['range']['start']['line'] + 1},{each['range']['start']['char'] + 1}) : "
        f"{each['level']} {each['code']}: {each['message']}"
        for each in diagnostics
    )
