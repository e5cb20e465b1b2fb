"""A token leaves for one scheme, host and port only."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import Request, RequestException, Session
from urllib3.util import parse_url

from shared.clients.http.origin import Origin, require_same_origin
from shared.errors import OperatorNeeded, SettingsInvalid
from shared.systems import System

GOOD = Origin.parse("https://good.example.com")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://good.example.com", "https://good.example.com"),
        ("https://GOOD.example.com:443/", "https://good.example.com"),
        ("https://good.example.com:8443", "https://good.example.com:8443"),
        ("http://127.0.0.1:8101", "http://127.0.0.1:8101"),
        ("http://localhost:8101/", "http://localhost:8101"),
        ("http://[::1]:8101", "http://[::1]:8101"),
    ],
)
def test_an_environment_url_is_read_as_its_origin(url: str, origin: str) -> None:
    assert str(Origin.parse(url)) == origin


@pytest.mark.parametrize(
    "url",
    [
        "",
        "good.example.com",
        "//good.example.com",
        "ftp://good.example.com",
        "http://good.example.com",
        "http://127.0.0.1.evil.com",
        "https://user:secret@good.example.com",
        "https://good.example.com/api",
        "https://good.example.com/?x",
        "https://good.example.com/#x",
        "https://good.example.com#",
        "https://good.example.com:99999",
        "https://gööd.example.com",
        "https://good.example.com\n",
        "https://",
    ],
)
def test_any_other_environment_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        Origin.parse(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example.com/api/data/v9.2/accounts?$deltatoken=919042%2108%2f22",
        "HTTPS://GOOD.EXAMPLE.COM:443/data?$filter=a@b.example",
        "https://good.example.com",
    ],
)
def test_an_address_of_the_same_origin_passes(url: str) -> None:
    require_same_origin(url, GOOD, System.DATAVERSE)


@pytest.mark.parametrize(
    "url",
    [
        "https://good.example.com@evil.com/",
        "https://good.example.com:443@evil.com/",
        "https://evil.com@good.example.com/",
        "https://good.example.com.evil.com/",
        "https://evilgood.example.com/",
        "https://good.example.com./",
        "https://good.example.com:8443/",
        "https://good.example.com:80/",
        "http://good.example.com/",
        "http://good.example.com:443/",
        "//good.example.com/",
        "/api/data",
        "https:good.example.com",
        "https:///good.example.com",
        "https:/good.example.com",
        "https://evil.com\\@good.example.com/",
        "https://evil.com\\.good.example.com/",
        "https://evil.com/\\good.example.com",
        "https://good.example.com\\@evil.com/",
        " https://good.example.com/",
        "https://good.example.com /",
        "https://good.example.com\t.evil.com/",
        "https://good.exam\nple.com/",
        "https://good。example.com/",
        "https://good．example．com/",
        "https://ｇood.example.com/",
        "https://%67ood.example.com/",
        "https://good.example.com%2eevil.com/",
        "https://good.example.com%40evil.com/",
        "https://good.example.com#@evil.com/ ",
        "https://good.example.com?@evil.com/\u2028",
        "https://[::1]/",
        "https://[good.example.com]/",
        "https://good.example.com:44３/",
        "javascript:alert(1)//good.example.com/",
        "",
    ],
)
def test_a_hostile_address_gets_no_token(url: str) -> None:
    with pytest.raises(OperatorNeeded) as caught:
        require_same_origin(url, GOOD, System.DATAVERSE)
    assert "https://good.example.com" in str(caught.value)


def test_the_message_names_both_origins_and_no_password() -> None:
    with pytest.raises(OperatorNeeded, match=r"evil\.com.*good\.example\.com") as caught:
        require_same_origin("https://user:secret@evil.com/path?token=abc", GOOD, System.DATAVERSE)
    assert "secret" not in str(caught.value)
    assert "abc" not in str(caught.value)


_parts = st.sampled_from(
    [
        *"@:/\\?#.%[] \t\n",
        "//",
        "https:",
        "http:",
        "good.example.com",
        "evil.com",
        ":443",
        ":80",
        "%40",
        "%2e",
        "。",
        "\0",
    ]
)


@given(rest=st.lists(_parts | st.text(max_size=3), max_size=8).map("".join), start=st.sampled_from(["", "https://"]))
def test_whatever_passes_is_sent_to_that_origin_by_the_http_library(rest: str, start: str) -> None:
    url = start + rest
    with contextlib.suppress(OperatorNeeded):
        require_same_origin(url, GOOD, System.DATAVERSE)
        with contextlib.suppress(RequestException):
            sent = parse_url(Session().prepare_request(Request("GET", url)).url or "")
            assert (sent.scheme, sent.host, sent.port or 443) == ("https", "good.example.com", 443)
