"""The identity endpoint, spoken to by azure-identity itself."""

import stat
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential

from local.identity import CLIENT_ID, Identity, IdentityServer, SecretInvalid, secret_file
from tests.support.patience import PATIENCE_S

DATAVERSE = "http://127.0.0.1:8101"
KEY = bytes(range(32))
HEADER = "the-header-of-this-test"


@pytest.fixture(scope="module")
def server() -> Iterator[IdentityServer]:
    with IdentityServer(Identity(KEY, HEADER, frozenset({DATAVERSE}))) as running:
        yield running


@pytest.fixture
def environment(server: IdentityServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", server.endpoint)
    monkeypatch.setenv("IDENTITY_HEADER", HEADER)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("client_id", [None, CLIENT_ID])
def test_the_managed_identity_client_gets_a_token_for_its_audience(client_id: str | None) -> None:
    with ManagedIdentityCredential(client_id=client_id) as credential:
        token = credential.get_token(f"{DATAVERSE}/.default")

    claims = jwt.decode(token.token, KEY, algorithms=["HS256"], audience=DATAVERSE)
    assert claims["exp"] == token.expires_on
    assert claims["appid"] == CLIENT_ID


@pytest.mark.usefixtures("environment")
def test_a_resource_that_is_not_allowed_gets_no_token() -> None:
    with (
        ManagedIdentityCredential() as credential,
        pytest.raises((ClientAuthenticationError, CredentialUnavailableError)),
    ):
        credential.get_token("https://elsewhere.example/.default")


@pytest.mark.parametrize(
    ("header", "query", "status"),
    [
        (HEADER, {"api-version": "2019-08-01", "resource": DATAVERSE}, 200),
        (HEADER, {"api-version": "2019-08-01", "resource": f"{DATAVERSE}/"}, 200),
        ("wrong", {"api-version": "2019-08-01", "resource": DATAVERSE}, 401),
        (None, {"api-version": "2019-08-01", "resource": DATAVERSE}, 401),
        (HEADER, {"api-version": "2017-09-01", "resource": DATAVERSE}, 400),
        (HEADER, {"api-version": "2019-08-01"}, 400),
        (HEADER, {"api-version": "2019-08-01", "resource": "https://elsewhere.example"}, 400),
        (HEADER, {"api-version": "2019-08-01", "resource": DATAVERSE, "client_id": "unknown"}, 400),
    ],
)
def test_the_endpoint_refuses_what_app_service_would_refuse(
    server: IdentityServer, header: str | None, query: dict[str, str], status: int
) -> None:
    headers = {"X-IDENTITY-HEADER": header} if header else {}

    reply = requests.get(server.endpoint, params=query, headers=headers, timeout=PATIENCE_S)

    assert reply.status_code == status
    assert ("access_token" in reply.json()) == (status == 200)


def test_a_new_secret_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    secret = secret_file(tmp_path / "key")

    assert len(bytes.fromhex(secret)) == 32
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert secret_file(tmp_path / "key") == secret


@pytest.mark.parametrize(("content", "mode"), [("ab" * 32, 0o644), ("short", 0o600)])
def test_a_secret_that_is_weak_or_open_to_others_is_refused(tmp_path: Path, content: str, mode: int) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(mode)

    with pytest.raises(SecretInvalid, match="key"):
        secret_file(path)


def test_secrets_do_not_show_in_a_representation() -> None:
    assert HEADER not in repr(Identity(KEY, HEADER, frozenset({DATAVERSE})))
