"""Where a token may be sent: to one scheme, host and port, and nowhere else."""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from urllib3.exceptions import HTTPError
from urllib3.util import parse_url

from shared.errors import OperatorNeeded, SettingsInvalid
from shared.systems import System

# Every request is checked twice, and there are few systems.
_STARTS_KEPT = 64
_DEFAULT_PORTS = {"https": 443, "http": 80}
# Blanks, control characters and backslashes are where parsers of addresses disagree.
_UNSAFE = re.compile(r"[\s\\\x00-\x20\x7f-\x9f]")
_START = re.compile(r"[^/?#]*(?://[^/?#]*)?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of an environment, in lower case and with the port filled in."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Origin":
        """The origin of a configured environment URL.

        Raises SettingsInvalid, which does not show it, unless it is https (http on this computer only) with a host and
        nothing after it.
        """
        found = _origin(url)
        if found is None:
            raise SettingsInvalid("the address of an environment cannot be read; write it as https://HOST, in ASCII")
        if urlsplit(url).path not in ("", "/") or "?" in url or "#" in url:
            raise SettingsInvalid(
                "the address of an environment has a path, query or fragment after it; give https://HOST only"
            )
        if found.scheme == "http" and not is_loopback(found.host):
            raise SettingsInvalid(
                "the address of an environment is not encrypted; use https (http is for this computer only)"
            )
        return found

    def url(self, path: str) -> str:
        """The address of a path, which begins with a slash."""
        return f"{self}{path}"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def require_same_origin(url: str, origin: Origin, system: System) -> None:
    """Raises OperatorNeeded unless the address leads to exactly this origin for every parser."""
    if not is_at(url, origin):
        raise OperatorNeeded(
            system,
            f"an address of {system.label} leads to {start_of(url)!r} instead of {origin}: no token is sent "
            "there; check which server answers under that name, and the environment's URL in the "
            "settings",
        )


def is_at(url: str, origin: Origin) -> bool:
    """Whether an address leads to exactly this origin for every parser."""
    return _origin(url) == origin


def _origin(url: str) -> Origin | None:
    """The origin as read by both parsers that handle a request; None if they could disagree."""
    start = _START.match(url)
    if _UNSAFE.search(url) or start is None or "@" in start.group() or not start.group().isascii():
        return None
    return _origin_of(start.group())


@lru_cache(maxsize=_STARTS_KEPT)
def _origin_of(start: str) -> Origin | None:
    """What stands before the path, the query and the fragment of an address; for both parsers it ends there."""
    try:
        sent, second = parse_url(start), urlsplit(start)
        second_port = second.port
    except (HTTPError, ValueError):
        return None
    scheme, host = sent.scheme or "", (sent.host or "").strip("[]")
    if scheme not in _DEFAULT_PORTS or not host or sent.auth is not None:
        return None
    if (scheme, host.lower(), sent.port) != (second.scheme, second.hostname, second_port):
        return None
    port = _DEFAULT_PORTS[scheme] if sent.port is None else sent.port
    return Origin(scheme, host.lower(), port)


def is_loopback(host: str) -> bool:
    """Whether a host is this computer."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def start_of(url: str) -> str:
    """The part of an address that may be shown: text before an @ may be a password, and text after the host can be
    anything."""
    start = _START.match(url)
    return (start.group() if start else "")[:100].rpartition("@")[2]
