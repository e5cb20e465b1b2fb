"""Answers to transactions are read as the SDK reads them, from what the service sends."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
import requests
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableClient, TableTransactionError
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from shared.state.storage.transport import StorageTransport

ADDRESS, KEY = "https://contoso.table.core.windows.net", AzureNamedKeyCredential("contoso", "AAAA")
HEAD = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
ROW = '{"PartitionKey":"p","RowKey":"1","text":"\\r\\nHTTP/1.1 412 Precondition Failed\\r\\nETag: none\\r\\n"}'
WRITTEN = [
    "HTTP/1.1 204 No Content\r\nX-Content-Type-Options: nosniff\r\nDataServiceVersion: 1.0;\r\n"
    "ETag: W/\"datetime'2026-01-05T08%3A00%3A00.1Z'\"\r\n\r\n\r\n",
    "HTTP/1.1 201 Created\r\nContent-Type: application/json;odata=minimalmetadata\r\n"
    f"etag: W/\"datetime'2026-01-05T08%3A00%3A00.2Z'\"\r\n\r\n{ROW}\r\n",
    "HTTP/1.1 204 No Content\r\nCache-Control: no-cache\r\n\r\n\r\n",
]
REFUSED = [
    "HTTP/1.1 412 Precondition Failed\r\nContent-Type: application/json;odata=minimalmetadata\r\n\r\n"
    '{"odata.error":{"code":"UpdateConditionNotSatisfied","message":{"lang":"en-US","value":"1:The update condition '
    'specified in the request was not satisfied."}}}\r\n',
]
ROWS = [("upsert", {"PartitionKey": "p", "RowKey": str(number)}) for number in range(3)]


class Answering(HTTPAdapter):
    """Answers every request with these parts."""

    def __init__(self, parts: list[str]) -> None:
        super().__init__()
        inner = "".join(f"--changeset_1\r\n{HEAD}{part}" for part in parts) + "--changeset_1--\r\n"
        kind = "Content-Type: multipart/mixed; boundary=changeset_1\r\n\r\n"
        self.body = f"--batch_1\r\n{kind}{inner}--batch_1--\r\n".encode()

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """The answer."""
        head = {"Content-Type": "multipart/mixed; boundary=batch_1"}
        answer = HTTPResponse(BytesIO(self.body), head, status=202, preload_content=False)
        return self.build_response(request, answer)


def sent(transport: Callable[..., Any], parts: list[str]) -> Any:
    session = requests.Session()
    session.mount("https://", Answering(parts))
    with TableClient(ADDRESS, "links", credential=KEY, transport=transport(session=session), retry_total=0) as client:
        return client.submit_transaction(ROWS)


def test_a_successful_answer_is_read_as_the_sdk_reads_it() -> None:
    read = sent(StorageTransport, WRITTEN)
    assert read == sent(RequestsTransport, WRITTEN)
    etags = [f"W/\"datetime'2026-01-05T08%3A00%3A00.{number}Z'\"" for number in (1, 2)]
    assert read == [{"etag": etags[0]}, {"etag": etags[1]}, {}]


@pytest.mark.parametrize("transport", [StorageTransport, RequestsTransport])
def test_a_refused_answer_names_its_operation(transport: Callable[..., Any]) -> None:
    with pytest.raises(TableTransactionError) as caught:
        sent(transport, REFUSED)
    assert (caught.value.index, caught.value.status_code) == (1, 412)
