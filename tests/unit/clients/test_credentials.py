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
from azure.identity import CredentialUnavailableError

from shared.clients.credentials import TokenProvider
from shared.errors import OperatorNeeded, System, Transient
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
    ],
)
def test_a_token_that_is_not_given_says_what_to_do(trouble: Callable[[], Exception], expected: type[Exception]) -> None:
    tokens, _, _ = provider(trouble())
    with pytest.raises(expected, match=r"no token for https://org\.crm4\.dynamics\.com"):
        tokens.token()
