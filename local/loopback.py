"""Proxies are for what lies outside: whatever runs here reaches this computer directly."""

from collections.abc import Mapping, MutableMapping

_NAMES = ("NO_PROXY", "no_proxy")
_HERE = ("127.0.0.1", "localhost", "::1")


def spared(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that keep loopback from every proxy, beside what the user has spared."""
    given = [host.strip() for name in _NAMES for host in environ.get(name, "").split(",") if host.strip()]
    # An asterisk means every host, and only where it stands alone.
    hosts = "*" if "*" in given else ",".join(dict.fromkeys((*given, *_HERE)))
    return dict.fromkeys(_NAMES, hosts)


def spare(environ: MutableMapping[str, str]) -> None:
    """Keep loopback from every proxy in this process and its children."""
    environ.update(spared(environ))
