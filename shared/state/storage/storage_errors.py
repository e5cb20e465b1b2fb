"""The border to the storage SDKs: their errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError, ServiceRequestError

from shared.errors import NotSignedIn, StorageTrouble
from shared.storage_settings import EMULATOR

_NO_ACCESS = frozenset({401, 403})
_NOT_THERE = 404
_CHECK_ACCOUNT = "check that the name of the account is right and that it can be reached from here, and try again"
_START_EMULATOR = (
    "Azurite, the storage emulator, is not running at the address in AzureWebJobsStorage: start it with "
    "`npx azurite --skipApiVersionCheck`, or set AzureWebJobsStorage to the storage account of the app"
)
# The emulator was reached.
_TRY_AGAIN = "the connection broke off, or the answer took too long; try again"
_NOT_MADE = frozenset({"TableNotFound", "QueueNotFound"})


@contextmanager
def storage_errors(service: str) -> Iterator[None]:
    """Raise StorageTrouble for whatever the SDK raises; the cause is chained, the message names no content."""
    try:
        yield
    except NotSignedIn as nobody:
        raise StorageTrouble(f"{service}: {nobody}", refused=True) from nobody
    except HttpResponseError as error:
        text = f"{service} answered {error.status_code}: {error.reason}"
        if error.status_code == _NOT_THERE:
            # A missing row or message does not get here: it is the table or the queue itself.
            text = f"{service}: it is not there. Name the storage account of the app; the app creates it when it starts"
        if error.status_code is None:
            text = f"no answer of {service}: {type(error).__name__}; check the identity of the app"
        refused = error.status_code in _NO_ACCESS or isinstance(error, ClientAuthenticationError)
        raise StorageTrouble(text, refused=refused) from error
    except AzureError as trouble:
        raise StorageTrouble(f"{service} did not answer: {_help(service, trouble)}") from trouble


def _help(service: str, trouble: AzureError) -> str:
    if not service.endswith(EMULATOR):
        return _CHECK_ACCOUNT
    return _START_EMULATOR if isinstance(trouble, ServiceRequestError) else _TRY_AGAIN


def is_not_made(error: HttpResponseError) -> bool:
    """Whether it is the table or queue itself that is missing, and not a row or a message of it."""
    code = getattr(error, "error_code", None)
    # The SDK tells the code of some errors as a text, of some as a member, and of others not at all.
    said = getattr(error.response, "headers", {}).get("x-ms-error-code")
    return not _NOT_MADE.isdisjoint({str(getattr(code, "value", code)), str(said)})
