"""Company proxies and certificates, read from the same variables that `az`, pip and requests read."""

import os
import ssl
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from requests.utils import get_environ_proxies, select_proxy
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from p2c.mistakes import Mistake
from shared.clients.http.origin import is_loopback
from shared.outbound import STRAIGHT, Outbound

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Network:
    """What the environment says: HTTPS_PROXY, ALL_PROXY, NO_PROXY, and the first of CERTIFICATES that is set; loopback
    is never proxied. Raises Mistake, which does not show the address of a proxy: it may hold a password."""

    def __call__(self, url: str) -> Outbound:
        """The way to an address."""
        if urlsplit(url).scheme != "https":
            return STRAIGHT  # Plain http is for this computer only.
        return Outbound(proxy=_proxy(url), ca_file=self._ca_file)

    @cached_property
    def _ca_file(self) -> str | None:
        for name in CERTIFICATES:
            given = os.environ.get(name, "").strip()
            if given:
                return _readable(name, given)
        return None


def _proxy(url: str) -> str | None:
    if is_loopback(urlsplit(url).hostname or ""):
        return None
    given = (select_proxy(url, get_environ_proxies(url)) or "").strip()
    if not given:
        return None
    proxy = given if "://" in given else f"http://{given}"
    try:
        parts = parse_url(proxy)
    except HTTPError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.host:
        raise Mistake(
            "HTTPS_PROXY or ALL_PROXY is set (its value is not shown) and is not a proxy address: write "
            "it as http://HOST:PORT, or list the hosts that need no proxy in NO_PROXY"
        )
    return proxy


def _readable(name: str, given: str) -> str:
    folder = Path(given).is_dir()
    try:
        ssl.create_default_context(cafile=None if folder else given, capath=given if folder else None)
    except (OSError, ValueError):
        usable = False
    else:
        usable = True
    if not usable:
        raise Mistake(f"{name} does not name readable certificates: set it to the path of a PEM file, or remove it")
    return given
