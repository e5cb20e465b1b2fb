"""The operators' command line where it cannot reach what it needs: one sentence, the right exit code."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from azure.core.pipeline.transport import HttpTransport

from local.azurite import ACCOUNT, ACCOUNT_KEY, Azurite
from tests.support.operator import p2c_in

Answer = Callable[..., str]
SETTINGS = {
    "DATAVERSE_URL": "http://127.0.0.1:9",
    "FINOPS_URL": "http://127.0.0.1:9",
    "COMPANY": "usmf",
}


@pytest.fixture(scope="module")
def empty_account() -> Iterator[str]:
    """A storage account in which no app has ever run."""
    with Azurite() as running:
        yield running.connection_string


@pytest.fixture
def p2c(tmp_path: Path) -> Answer:
    """Asks the command line with these settings; it must end with this code and one sentence."""

    def ask(*arguments: str, code: int, **values: str) -> str:
        file = tmp_path / "settings.json"
        file.write_text(json.dumps({"Values": {**SETTINGS, **values}}), encoding="utf-8")
        # Nobody is signed in where there is no `az` and no `azd`.
        environment = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
        ended = p2c_in(environment, "--settings", str(file), *arguments)
        assert ended.exit_code == code, f"{ended.output}{ended.exception!r}"
        assert len(ended.stderr.strip().splitlines()) == 1
        return ended.stderr.strip()

    return ask


@pytest.mark.parametrize(
    "command",
    [("status",), ("failures",), ("pause", "accounts"), ("history", "quotations", "Q-1"), ("audit",)],
    ids=lambda command: command[0],
)
def test_an_account_in_which_the_app_has_never_run_is_named(
    empty_account: str, p2c: Answer, command: tuple[str, ...]
) -> None:
    said = p2c(*command, code=3, AzureWebJobsStorage=empty_account)
    assert "of devstoreaccount1: it is not there" in said
    assert "Name the storage account of the app" in said


def test_an_emulator_that_is_not_running_is_named(p2c: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HttpTransport, "sleep", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = f"http://127.0.0.1:{gone.getsockname()[1]}/{ACCOUNT}"
    connection = f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};TableEndpoint={address};QueueEndpoint={address};"
    said = p2c("audit", code=3, AzureWebJobsStorage=connection)
    assert "of devstoreaccount1 did not answer" in said
    assert "Azurite, the storage emulator, is not running at the address" in said


class Forbidding(BaseHTTPRequestHandler):
    """A storage account in which whoever asks has no role."""

    def do_GET(self) -> None:
        self.send_response(403)
        self.send_header("x-ms-error-code", "AuthorizationPermissionMismatch")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def forbidden_account() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Forbidding) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/{ACCOUNT}"
        yield f"AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};TableEndpoint={address};QueueEndpoint={address};"
        server.shutdown()


@pytest.mark.parametrize("command", [("status",), ("pause", "accounts")], ids=lambda command: command[0])
def test_a_missing_role_is_named(forbidden_account: str, p2c: Answer, command: tuple[str, ...]) -> None:
    said = p2c(*command, code=3, AzureWebJobsStorage=forbidden_account)
    assert "answered 403" in said
    assert "you need the roles Storage Table and Queue Data Contributor" in said


def test_whoever_is_not_signed_in_is_told_to_sign_in(p2c: Answer) -> None:
    said = p2c("status", code=2, STORAGE_ACCOUNT_NAME="contoso")
    assert "`az login` or `azd auth login`" in said
    assert "https://storage.azure.com/.default" in said


def test_systems_need_a_sign_in_too(p2c: Answer) -> None:
    said = p2c("plan", "accounts", "--without-state", code=2)
    assert "`az login` or `azd auth login`" in said
