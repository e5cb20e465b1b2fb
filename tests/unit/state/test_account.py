"""How the storage account is reached."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableServiceClient
from azure.identity import DefaultAzureCredential

from shared.errors import SettingsInvalid
from shared.outbound import Outbound
from shared.state.storage.account import TABLES, Account, Storage, _connected
from shared.state.storage.transport import StorageTransport

ADDRESS = "https://contoso.table.core.windows.net"


@pytest.mark.parametrize(
    ("outbound", "verify", "proxies"),
    [
        (Outbound(), True, {}),
        (Outbound(ca_file="/authorities.pem"), "/authorities.pem", {}),
        (Outbound(proxy="http://proxy:3128"), True, {"https": "http://proxy:3128"}),
    ],
)
def test_certificates_are_always_checked_and_only_the_proxy_of_the_address_is_used(
    outbound: Outbound, verify: object, proxies: dict[str, str]
) -> None:
    made: list[StorageTransport] = []
    asked: list[str] = []

    def make(**given: Any) -> TableServiceClient:
        made.append(given["transport"])
        return TableServiceClient(ADDRESS, credential=AzureNamedKeyCredential("contoso", "AAAA"), **given)

    def way(url: str) -> Outbound:
        asked.append(url)
        return outbound

    with _connected(make, way):
        (transport,) = made
        assert transport.connection_config.verify == verify
        assert transport.session.proxies == proxies
        assert not transport.session.trust_env
    assert [url.rstrip("/") for url in asked] == [ADDRESS]


class Service(BaseHTTPRequestHandler):
    """Table and queue storage of one account on loopback: what exists, and what was made. It has made nothing of what
    somebody else makes meanwhile."""

    tables: ClassVar[list[str]] = []
    queues: ClassVar[list[str]] = []
    meanwhile: ClassVar[set[str]] = set()
    made: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Lists the tables, or the queues."""
        if "comp=list" in self.path:
            listed = "".join(f"<Queue><Name>{name}</Name></Queue>" for name in self.queues)
            text = f"<EnumerationResults><Queues>{listed}</Queues><NextMarker/></EnumerationResults>"
            self._answer(200, f"<?xml version='1.0'?>{text}", "application/xml")
        else:
            self._answer(200, json.dumps({"value": [{"TableName": name} for name in self.tables]}))

    def do_POST(self) -> None:
        """Makes a table."""
        self._make(str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["TableName"]), "Table")

    def do_PUT(self) -> None:
        """Makes a queue."""
        self._make(self.path.rpartition("/")[2], "Queue")

    def _make(self, name: str, kind: str) -> None:
        if name in self.meanwhile:
            code = f"{kind}AlreadyExists"
            self._answer(409, json.dumps({"odata.error": {"code": code, "message": {"value": "there"}}}), code=code)
            return
        self.made.append(name)
        self._answer(201, json.dumps({"TableName": name}))

    def _answer(self, status: int, text: str, kind: str = "application/json", *, code: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if code:
            self.send_header("x-ms-error-code", code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def serving(service: type[Service]) -> Iterator[str]:
    """Its address."""
    with HTTPServer(("127.0.0.1", 0), service) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/contoso"
        finally:
            server.shutdown()
            thread.join()


def connection_string(address: str) -> str:
    ends = f"TableEndpoint={address};QueueEndpoint={address}"
    return f"DefaultEndpointsProtocol=http;AccountName=contoso;AccountKey=AAAA;{ends}"


EVERYTHING = {*TABLES, "accounts", "accounts-hold", "accounts-poison"}


@pytest.mark.parametrize(
    ("tables", "queues", "meanwhile", "made"),
    [
        ([], [], set(), EVERYTHING),
        (["links", "runs", "beside"], ["accounts-hold"], set(), EVERYTHING - {"links", "runs", "accounts-hold"}),
        ([], [], {"links", "accounts"}, EVERYTHING - {"links", "accounts"}),
        ([*TABLES], ["accounts", "accounts-hold", "accounts-poison"], set(), set()),
    ],
    ids=["nothing is there", "some are there", "another instance makes some", "all are there"],
)
def test_every_table_and_queue_that_is_missing_is_made_and_no_other(
    tables: list[str], queues: list[str], meanwhile: set[str], made: set[str]
) -> None:
    class Here(Service):
        pass

    Here.tables, Here.queues, Here.meanwhile, Here.made = tables, queues, meanwhile, []
    with serving(Here) as address:
        Storage(Account(connection_string=connection_string(address))).create(["accounts"])
    assert sorted(Here.made) == sorted(made)


@pytest.mark.parametrize("missing", ["table_url", "queue_url", "credential"])
def test_without_a_connection_string_both_addresses_and_a_credential_are_needed(missing: str) -> None:
    whole = Account(
        table_url=ADDRESS, queue_url="https://contoso.queue.core.windows.net", credential=DefaultAzureCredential()
    )
    assert Storage(whole).table("links")
    with pytest.raises(ValueError, match="needs both addresses and a credential"):
        Storage(replace(whole, **{missing: None}))  # type: ignore[arg-type]


def test_a_connection_string_that_leads_nowhere_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsInvalid, match="AzureWebJobsStorage is set") as refused:
        Storage(Account(connection_string="AccountKey=secret"))
    assert "secret" not in str(refused.value)
    assert refused.value.__context__ is None
