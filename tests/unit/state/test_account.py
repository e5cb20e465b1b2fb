"""How the storage account is reached."""

from typing import Any

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableServiceClient

from shared.outbound import Outbound
from shared.state.storage.account import _connected
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
