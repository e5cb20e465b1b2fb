"""Tokens are fetched for one scope, kept until shortly before their end, and their errors say what to do."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential

from local.identity import Identity, IdentityServer
from shared.clients.http.credentials import TokenProvider, identity, managed_identity
from shared.clients.http.signing_in import DeveloperSignIn
from shared.errors import AccessRefused, NotSignedIn, OperatorNeeded, StorageTrouble, Transient
from shared.state.storage.storage_errors import storage_errors
from shared.systems import System
from tests.support.clock import ManualClock
from tests.unit.clients.fakes import ORIGIN


class FakeCredential:
    """Hands out numbered tokens that live an hour."""

    def __init__(self, clock: ManualClock, trouble: Exception | None = None) -> None:
        self.clock = clock
        self.trouble = trouble
        self.asked: list[tuple[str, str | None]] = []

    def get_token(
        self,
        *scopes: str,
        claims: str | None = None,
        tenant_id: str | None = None,
        enable_cae: bool = False,
        **kwargs: Any,
    ) -> AccessToken:
        self.asked.append((scopes[0], claims))
        if self.trouble is not None:
            raise self.trouble
        return AccessToken(f"t{len(self.asked)}", int(self.clock.now().timestamp()) + 3600)


def provider(trouble: Exception | None = None) -> tuple[TokenProvider, FakeCredential, ManualClock]:
    clock = ManualClock()
    credential = FakeCredential(clock, trouble)
    return TokenProvider(System.DATAVERSE, ORIGIN, credential, clock), credential, clock


def test_a_token_is_asked_for_the_origin_itself() -> None:
    tokens, credential, _ = provider()
    tokens.token()
    assert credential.asked == [("https://org.crm4.dynamics.com/.default", None)]


@pytest.mark.parametrize(("age_s", "token"), [(0, "t1"), (3600 - 301, "t1"), (3600 - 299, "t2"), (4000, "t2")])
def test_a_token_is_kept_until_five_minutes_before_its_end(age_s: float, token: str) -> None:
    tokens, _, clock = provider()
    tokens.token()
    clock.sleep(age_s)
    assert tokens.token() == token


def test_a_refused_token_is_replaced_once_and_past_the_credentials_own_cache() -> None:
    tokens, credential, _ = provider()
    first = tokens.token()
    assert tokens.refresh(first) == "t2"
    assert tokens.refresh(first) == "t2"
    assert [claims is None for _, claims in credential.asked] == [True, False]


def _answered(status: int) -> HttpResponseError:
    error = HttpResponseError("no")
    error.status_code = status
    return error


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (lambda: ServiceRequestError("connect"), Transient),
        (lambda: ServiceResponseError("read"), Transient),
        (lambda: _answered(503), Transient),
        (lambda: _answered(429), Transient),
        (lambda: ValueError("not JSON"), Transient),
        (lambda: _answered(400), OperatorNeeded),
        (lambda: ClientAuthenticationError("wrong identity"), OperatorNeeded),
        (lambda: CredentialUnavailableError("no identity"), OperatorNeeded),
        (lambda: NotSignedIn("no token for https://org.crm4.dynamics.com: call `az login`"), AccessRefused),
    ],
)
def test_a_token_that_is_not_given_says_what_to_do(trouble: Callable[[], Exception], expected: type[Exception]) -> None:
    tokens, _, _ = provider(trouble())
    with pytest.raises(expected, match=r"no token for https://org\.crm4\.dynamics\.com"):
        tokens.token()


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, DeveloperSignIn),
        ({"WEBSITE_HOSTNAME": "localhost:7071", "AZURE_FUNCTIONS_ENVIRONMENT": "Development"}, DeveloperSignIn),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1/msi/token"}, ManagedIdentityCredential),
        ({"MSI_ENDPOINT": "http://127.0.0.1/msi/token"}, ManagedIdentityCredential),
        ({"WEBSITE_SKU": "FlexConsumption", "WEBSITE_POD_NAME": "a"}, ManagedIdentityCredential),
        ({"WEBSITE_INSTANCE_ID": "a"}, ManagedIdentityCredential),
    ],
)
def test_the_app_is_itself_where_it_is_hosted_and_its_developer_elsewhere(
    environ: dict[str, str], expected: type[object]
) -> None:
    assert isinstance(identity(environ), expected)


def test_a_message_says_which_identity_was_tried() -> None:
    hosted, _, _ = provider(CredentialUnavailableError("none here"))
    with pytest.raises(AccessRefused, match=r"by the app's managed identity: none here; give the Function App"):
        hosted.token()
    local, _, _ = provider(NotSignedIn("no token: az is not signed in: call `az login`"))
    with pytest.raises(AccessRefused, match=r"^no token: az is not signed in: call `az login`$") as caught:
        local.token()
    assert caught.value.lacks == "identity"


def test_storage_says_that_nobody_is_signed_in() -> None:
    with (
        pytest.raises(StorageTrouble, match="Table Storage: call `az login`") as caught,
        storage_errors("Table Storage"),
    ):
        raise NotSignedIn("call `az login`")
    assert caught.value.refused


def test_the_endpoint_of_the_managed_identity_is_never_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with IdentityServer(Identity(b"k" * 32, "header", frozenset({str(ORIGIN)}))) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", server.endpoint)
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        assert TokenProvider(System.DATAVERSE, ORIGIN, managed_identity(), ManualClock()).token()
