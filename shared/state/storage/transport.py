"""What sends the requests to the storage account: the SDK's own transport, which the SDK lets its users replace, with
answers that are read quickly."""

from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline.transport import RequestsTransport

from shared.state.storage.row_answers import RowAnswer
from shared.state.storage.transaction_answers import TransactionAnswer

_OK, _ACCEPTED = 200, 202


class StorageTransport(RequestsTransport):  # type: ignore[misc]  # the library leaves it untyped
    """Sends as the SDK's own transport does."""

    def send(self, request: Any, **options: Any) -> Any:
        """The answer, which reads its own parts if it is one to a transaction, and gives its rows to whoever takes
        them if it is one to a read of a table."""
        answer, path = super().send(request, **options), urlsplit(request.url).path
        if answer.status_code == _ACCEPTED and path.endswith("/$batch"):
            return TransactionAnswer(answer)
        # links(), or links(PartitionKey='accounts',RowKey='...')
        if answer.status_code == _OK and request.method == "GET" and path.endswith(")"):
            return RowAnswer(answer)
        return answer
