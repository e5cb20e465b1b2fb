"""The border to the storage SDKs: their errors become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, HttpResponseError

from shared.errors import StorageTrouble


@contextmanager
def storage_errors(service: str) -> Iterator[None]:
    """Raise StorageTrouble for whatever the SDK raises; the cause is chained, the message names no content."""
    try:
        yield
    except HttpResponseError as refused:
        raise StorageTrouble(f"{service} answered {refused.status_code}: {refused.reason}") from refused
    except AzureError as trouble:
        raise StorageTrouble(f"{service} did not answer: {type(trouble).__name__}") from trouble
