"""Proxies of the environment, and what never goes through one."""

import pytest
from requests.utils import should_bypass_proxies

from local import loopback
from local.demo import environment

PROXIES = {"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"}


@pytest.mark.parametrize("address", ["http://127.0.0.1:10002/x", "http://localhost:1", "http://[::1]:1"])
def test_loopback_is_never_proxied(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in loopback.spared(PROXIES).items():
        monkeypatch.setenv(name, value)
    assert should_bypass_proxies(address, None)
    assert not should_bypass_proxies("https://contoso.crm.dynamics.com", None)


@pytest.mark.parametrize(
    ("given", "spared"),
    [
        ({}, "127.0.0.1,localhost,::1"),
        ({"NO_PROXY": "intranet, localhost"}, "intranet,localhost,127.0.0.1,::1"),
        ({"no_proxy": "a", "NO_PROXY": "b"}, "b,a,127.0.0.1,localhost,::1"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_what_the_user_has_spared_stays_spared(given: dict[str, str], spared: str) -> None:
    assert loopback.spared(given) == {"NO_PROXY": spared, "no_proxy": spared}


def test_a_child_of_the_demo_keeps_the_proxies_and_spares_loopback() -> None:
    found = environment.child_environment({**PROXIES, "no_proxy": "intranet"})
    assert found["HTTP_PROXY"] == PROXIES["HTTP_PROXY"]
    assert found["NO_PROXY"] == found["no_proxy"] == "intranet,127.0.0.1,localhost,::1"
