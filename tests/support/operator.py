"""The operators' command line on a product in this process."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from p2c.__main__ import app
from p2c.connection import Connection
from shared.flows.spec import Deployment
from shared.operations.audit_log import AuditLog
from shared.service import Service
from shared.settings import Settings
from tests.support.product import Product

# Typer puts all commands together anew for each call.
_put_together = cache(get_command)


@dataclass(frozen=True)
class ToProduct(Connection):
    """The connection to a product in this process."""

    sync: Product | None = None

    def with_map(self, file: Path | None, *, placeholders: bool = False) -> Connection:
        """The product with another map document."""
        assert self.sync is not None
        if file is not None:
            self.sync.start(MAP_DOCUMENT=str(file))
        return self

    @property
    def deployment(self) -> Deployment:
        assert self.sync is not None
        return self.sync.checked

    @property
    def settings(self) -> Settings:
        assert self.sync is not None
        return self.sync.settings

    @property
    def service(self) -> Service:
        assert self.sync is not None
        return self.sync.service

    @property
    def audit_log(self) -> AuditLog:
        return self.service.audit_log("operator@contoso")


@contextmanager
def operated(made: Product, **environ: str) -> Iterator[None]:
    """The command line works on this product."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("COLUMNS", "300")
        patched.setattr("p2c.app.connect", lambda *_, **__: ToProduct(made.flows, environ, sync=made))
        yield


@contextmanager
def put_together_once() -> Iterator[None]:
    """Calls of `main` take the commands that are put together already."""
    with patch("typer.main.get_command", _put_together):
        yield


def p2c_in(environment: Mapping[str, str], *arguments: str) -> Result:
    """What a command says that knows no other variables than these."""
    with patch.dict(os.environ, environment, clear=True):
        return _ended(*arguments)


def p2c(*arguments: str, code: int = 0, said: str | None = None) -> str:
    """What a command says; it must end with this code. `said` is what the operator answers."""
    ended = _ended(*arguments, said=said)
    assert ended.exit_code == code, ended.output
    return ended.output


def _ended(*arguments: str, said: str | None = None) -> Result:
    with patch("typer.testing._get_command", _put_together):
        return CliRunner().invoke(app, list(arguments), input=said)


def answer(*arguments: str, code: int = 0) -> Any:
    """What a command answers to a program."""
    return json.loads(p2c(*arguments, "--json", code=code))
