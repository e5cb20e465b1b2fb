"""The sign-in of a developer or operator: who was asked, how long, and why there is no token."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.clients.http.signing_in import WAIT_S, DeveloperSignIn
from shared.errors import NotSignedIn

SCOPE = "https://contoso.crm4.dynamics.com/.default"
AZ_TOKEN = json.dumps({"accessToken": "from az", "expires_on": 2_000_000_000})
AZD_TOKEN = json.dumps({"token": "from azd", "expiresOn": "2033-05-18T03:33:20Z"})
NOBODY = "echo 'ERROR: Please run az login to setup account.' >&2; exit 1"
EXPIRED = "echo 'ERROR: AADSTS700082: The refresh token has expired.' >&2; exit 1"
Tool = Callable[[str, str], None]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Puts a program on the path; there is none before."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, script: str) -> None:
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\necho asked >>'{tmp_path}/{name}.asked'\n{script}\n", encoding="utf-8")
        file.chmod(0o755)

    return put


def refused(sign_in: DeveloperSignIn) -> str:
    """Why there is no token."""
    with pytest.raises(NotSignedIn) as caught:
        sign_in.get_token(SCOPE)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def asked(tmp_path: Path, name: str) -> int:
    """How often a tool was asked."""
    file = tmp_path / f"{name}.asked"
    return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0


@pytest.mark.process
def test_the_token_of_az_is_taken_first(tool: Tool, tmp_path: Path) -> None:
    tool("az", f"echo '{AZ_TOKEN}'")
    tool("azd", f"echo '{AZD_TOKEN}'")
    assert DeveloperSignIn().get_token(SCOPE).token == "from az"
    assert asked(tmp_path, "azd") == 0


@pytest.mark.process
def test_where_az_has_nobody_azd_is_asked_and_then_only_azd(tool: Tool, tmp_path: Path) -> None:
    tool("az", NOBODY)
    tool("azd", f"echo '{AZD_TOKEN}'")
    sign_in = DeveloperSignIn()
    assert [sign_in.get_token(SCOPE).token for _ in range(2)] == ["from azd"] * 2
    assert (asked(tmp_path, "az"), asked(tmp_path, "azd")) == (1, 2)


@pytest.mark.process
def test_a_token_past_the_cache_is_asked_of_az_like_any_other(tool: Tool) -> None:
    tool("az", f"echo '{AZ_TOKEN}'")
    assert DeveloperSignIn().get_token(SCOPE, claims='{"access_token":{}}').token == "from az"


@pytest.mark.process
@pytest.mark.parametrize(
    ("script", "told"),
    [
        (None, "az is not installed; azd is not installed: install one of the two, and sign in with it (`az login` or"),
        (NOBODY, "az is not signed in; azd is not installed: call `az login` or `azd auth login`"),
        (EXPIRED, "az is refused (ERROR: AADSTS700082: The refresh token has expired.); azd is not installed: call"),
        ("echo no token at all", "az is refused (its answer is not a token); azd is not installed: call"),
    ],
)
def test_why_there_is_no_token_is_reported_of_each_tool_with_the_remedy(
    tool: Tool, script: str | None, told: str
) -> None:
    if script is not None:
        tool("az", script)
    assert refused(DeveloperSignIn()).startswith(f"no token for {SCOPE}: {told}")


@pytest.mark.process
def test_a_program_that_cannot_be_started_is_reported(tool: Tool, tmp_path: Path) -> None:
    tool("az", "")
    (tmp_path / "az").write_text("#!/no/such/shell\n", encoding="utf-8")
    assert "az cannot be started; azd is not installed" in refused(DeveloperSignIn())


@pytest.mark.process
def test_az_that_does_not_answer_in_time_is_slow_and_not_signed_out(tool: Tool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never")
    tool("az", f"read answer <'{tmp_path}/never'")
    told = refused(DeveloperSignIn(wait_s=0))
    assert (
        "az did not answer within 0 s; azd is not installed: check how long `az account get-access-token` takes" in told
    )
    assert "login" not in told


def test_az_is_given_a_minute(tool: Tool, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_after_13_s(command: list[str], *, timeout: float, **_: Any) -> str:
        if timeout <= 13:
            raise subprocess.TimeoutExpired(command, timeout)
        return AZ_TOKEN

    tool("az", "")
    monkeypatch.setattr(subprocess, "check_output", answer_after_13_s)
    assert WAIT_S == 60
    assert DeveloperSignIn().get_token(SCOPE).token == "from az"
