"""What the transport to the storage account makes of answers."""

from io import BytesIO
from typing import Any

import pytest
from azure.core.rest import HttpRequest
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from shared.state.storage.row_answers import RowAnswer
from shared.state.storage.transaction_answers import TransactionAnswer
from shared.state.storage.transport import StorageTransport


class Answering(HTTPAdapter):
    """Answers every request with one status."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status = status

    def send(self, request: PreparedRequest, *_given: Any, **_named: Any) -> Response:
        """The answer."""
        return self.build_response(request, HTTPResponse(BytesIO(b"{}"), status=self._status, preload_content=False))


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("POST", "$batch", 202, TransactionAnswer),
        ("POST", "$batch", 503, None),
        ("POST", "links()", 202, None),
        ("GET", "links()", 200, RowAnswer),
        ("GET", "links(PartitionKey='a',RowKey='b')", 404, None),
        ("GET", "Tables", 200, None),
    ],
)
def test_answers_to_transactions_and_to_reads_of_rows_are_read_by_us_and_all_others_by_the_sdk(
    method: str, path: str, status: int, kind: type | None
) -> None:
    session = Session()
    session.mount("https://", Answering(status))
    with StorageTransport(session=session) as transport:
        answer = transport.send(HttpRequest(method, f"https://kept.table.core.windows.net/{path}"))
    ours = next((each for each in (TransactionAnswer, RowAnswer) if isinstance(answer, each)), None)
    assert ours is kind
    assert answer.status_code == status
