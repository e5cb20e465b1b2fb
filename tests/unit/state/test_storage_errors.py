"""What the errors of the storage libraries mean."""

import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

from shared.errors import NotSignedIn, StorageTrouble
from shared.state.storage.storage_errors import is_not_made, storage_errors


class Response:
    """An answer of the service."""

    reason = "Because"

    def __init__(self, status_code: int, **headers: str) -> None:
        self.status_code = status_code
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def answered(status: int) -> HttpResponseError:
    return HttpResponseError(response=Response(status))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "refused", "told"),
    [
        (answered(400), False, "Tables answered 400: Because"),
        (answered(401), True, "Tables answered 401: Because"),
        (answered(402), False, "Tables answered 402: Because"),
        (answered(403), True, "Tables answered 403: Because"),
        (answered(404), False, "Tables: it is not there. Name the storage account of the app"),
        (answered(405), False, "Tables answered 405: Because"),
        (answered(503), False, "Tables answered 503: Because"),
        (HttpResponseError("x"), False, "no answer of Tables: HttpResponseError; check the identity of the app"),
        (ClientAuthenticationError("x"), True, "no answer of Tables: ClientAuthenticationError"),
        (ServiceRequestError("secret"), False, "Tables did not answer: check that the name"),
        (ServiceResponseError("secret"), False, "Tables did not answer: "),
        (AzureError("secret"), False, "Tables did not answer: "),
        (NotSignedIn("nobody is signed in"), True, "Tables: nobody is signed in"),
    ],
)
def test_an_error_says_what_the_storage_has_answered_and_whether_it_has_refused_us(
    error: Exception, refused: bool, told: str
) -> None:
    with pytest.raises(StorageTrouble) as raised, storage_errors("Tables"):
        raise error
    assert raised.value.refused is refused
    assert str(raised.value).startswith(told)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is error


def test_an_account_that_cannot_be_reached_is_named_with_what_to_check() -> None:
    with pytest.raises(StorageTrouble) as raised, storage_errors("table control of contososync"):
        raise ServiceRequestError("no such host")
    told = str(raised.value)
    assert told.startswith("table control of contososync did not answer: check that the name of the account is right")
    assert "Azurite" not in told


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ServiceRequestError("refused"), "is not running at the address in AzureWebJobsStorage: start it with `npx"),
        (ServiceResponseError("reset"), "the connection broke off, or the answer took too long; try again"),
        (ServiceResponseTimeoutError("slow"), "the connection broke off, or the answer took too long; try again"),
    ],
)
def test_an_emulator_that_does_not_run_is_told_from_one_that_is_slow(error: AzureError, told: str) -> None:
    with pytest.raises(StorageTrouble) as raised, storage_errors("table control of devstoreaccount1"):
        raise error
    assert str(raised.value).startswith("table control of devstoreaccount1 did not answer: ")
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("code", "missing"), [("TableNotFound", True), ("QueueNotFound", True), ("ResourceNotFound", False), ("", False)]
)
def test_a_table_or_queue_that_is_missing_is_told_from_a_missing_row(code: str, missing: bool) -> None:
    by_header = HttpResponseError(response=Response(404, x_ms_error_code=code))  # type: ignore[arg-type]
    by_code = answered(404)
    by_code.error_code = code  # type: ignore[attr-defined]
    assert (is_not_made(by_header), is_not_made(by_code)) == (missing, missing)
