"""The command line goes out as the company wants it: by its proxy, and believing its certificates."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from local.identity import Identity, IdentityServer
from p2c.__main__ import app
from p2c.mistakes import Mistake
from p2c.network import CERTIFICATES, Network
from shared.errors import StorageTrouble
from shared.outbound import STRAIGHT, Outbound, straight
from shared.state.storage.account import Account, Storage
from tests.support.company import HOST, Proxy, clear_network, proxy, system

FINOPS, SALES = f"https://{HOST}", "https://contoso.crm4.dynamics.com"
QUEUES, TABLES = "https://contoso.queue.core.windows.net", "https://contoso.table.core.windows.net"
KEY = "AccountName=contoso;AccountKey=a2V5;EndpointSuffix=core.windows.net"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Of the network nothing is set."""
    clear_network(monkeypatch)
    return monkeypatch


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("url", [FINOPS, SALES, QUEUES, TABLES])
def test_every_system_is_reached_by_the_proxy(environment: pytest.MonkeyPatch, name: str, url: str) -> None:
    environment.setenv(name, "http://user:secret@proxy:8080")
    assert Network()(url) == Outbound("http://user:secret@proxy:8080")
    assert "secret" not in repr(Network()(url))


def test_a_proxy_without_scheme_is_taken_as_http(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", "proxy:8080")
    assert Network()(FINOPS) == Outbound("http://proxy:8080")


@pytest.mark.parametrize("excepted", [HOST, ".dynamics.com", "*", f"other.example,{HOST}"])
def test_a_host_of_no_proxy_is_reached_without_it(environment: pytest.MonkeyPatch, excepted: str) -> None:
    environment.setenv("HTTPS_PROXY", "http://proxy:8080")
    environment.setenv("NO_PROXY", excepted)
    assert Network()(FINOPS) == STRAIGHT


@pytest.mark.parametrize("url", ["http://127.0.0.1:8101", "http://localhost:1", "https://127.0.0.2", "https://[::1]:1"])
def test_this_computer_is_never_reached_by_a_proxy(environment: pytest.MonkeyPatch, url: str) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        environment.setenv(name, "http://proxy:8080")
    assert Network()(url) == STRAIGHT


@pytest.mark.parametrize("wrong", ["socks5://proxy:1080", "http://", "http://proxy:port", "ftp://proxy", "http://[x"])
def test_an_address_of_no_proxy_is_refused_and_not_shown(environment: pytest.MonkeyPatch, wrong: str) -> None:
    environment.setenv("HTTPS_PROXY", wrong)
    with pytest.raises(Mistake, match="HTTPS_PROXY or ALL_PROXY is set") as caught:
        Network()(FINOPS)
    assert wrong not in str(caught.value).replace("http://HOST", "")


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates_of_the_company_are_believed(environment: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    with system(tmp_path, b"") as (_, authority, _):
        environment.setenv(name, str(authority))
    assert Network()(FINOPS) == Outbound(ca_file=str(authority))
    environment.setenv(CERTIFICATES[0], str(tmp_path))
    assert Network()(FINOPS) == Outbound(ca_file=str(tmp_path))


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_file_without_certificates_is_refused(
    environment: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    environment.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(Mistake, match="SSL_CERT_FILE does not name readable certificates: set it to the path"):
        Network()(FINOPS)


# --- the storage account ----------------------------------------------------------------------------------------------


def _tables(storage: Storage) -> None:
    storage.table("links").read("a", ["b"])


def _queues(storage: Storage) -> None:
    storage.queues.send("accounts", "x")


@pytest.mark.parametrize(("ask", "host"), [(_tables, TABLES), (_queues, QUEUES)])
def test_the_storage_account_is_reached_by_the_way_that_is_given(
    environment: pytest.MonkeyPatch, tmp_path: Path, ask: Callable[[Storage], None], host: str
) -> None:
    name = host.removeprefix("https://")
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    with system(tmp_path, refusal, name) as (port, authority, requests), proxy(port) as company:
        environment.setenv("HTTPS_PROXY", company.address)
        environment.setenv("REQUESTS_CA_BUNDLE", str(authority))
        with pytest.raises(StorageTrouble, match="answered 403"):
            ask(Storage(Account(connection_string=KEY, way=Network())))
    assert set(company.asked) == {f"CONNECT {name}:443"}
    assert b"SharedKey" in requests[0]


def test_the_deployed_app_asks_no_environment_for_its_way(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    environment.setenv("http_proxy", "http://127.0.0.1:1")
    with proxy(refusal="403 Forbidden\r\nContent-Length: 0\r\nConnection: close") as plain:
        endpoints = f"TableEndpoint={plain.address}/contoso;QueueEndpoint={plain.address}/contoso;"
        with pytest.raises(StorageTrouble, match="answered 403"):
            _tables(Storage(Account(connection_string=f"{endpoints}{KEY}")))
    assert plain.asked[0].startswith("GET /contoso/")
    assert straight(FINOPS) == STRAIGHT


# --- the whole command ------------------------------------------------------------------------------------------------


def _planned(environment: pytest.MonkeyPatch, company: Proxy, **more: str) -> str:
    """What a plan says where the proxy lets nobody through, and the identity endpoint is on this computer."""
    settings = {"DATAVERSE_URL": SALES, "FINOPS_URL": FINOPS, "COMPANY": "usmf", "HTTPS_PROXY": company.address}
    identity = Identity(b"k" * 32, "header", frozenset({SALES, FINOPS}))
    with IdentityServer(identity) as server, environment.context() as patch:
        for name, value in {**settings, "HTTP_PROXY": company.address, **more}.items():
            patch.setenv(name, value)
        patch.setenv("IDENTITY_ENDPOINT", server.endpoint)
        patch.setenv("IDENTITY_HEADER", "header")
        patch.setattr("shared.clock.SystemClock.sleep", lambda *_: None)
        ended = CliRunner().invoke(app, ["plan", "accounts", "--without-state"])
    assert ended.exit_code == 3, ended.output
    return ended.output


def test_a_plan_goes_by_the_proxy_and_says_so_where_it_is_refused(environment: pytest.MonkeyPatch) -> None:
    with proxy(refusal="407 Proxy Authentication Required") as company:
        said = _planned(environment, company)
    assert f"{SALES}: no connection through the proxy (it answered 407); try again later" in said
    assert set(company.asked) == {"CONNECT contoso.crm4.dynamics.com:443"}
