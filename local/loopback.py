"""Proxies are for other computers: everything that runs here reaches this computer directly."""

from collections.abc import Mapping, MutableMapping

_NAMES = ("NO_PROXY", "no_proxy")
_HERE = ("127.0.0.1", "localhost", "::1")


def spared(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that exempt loopback from every proxy, besides the user's own exemptions."""
    given = [host.strip() for name in _NAMES for host in environ.get(name, "").split(",") if host.strip()]
    # An asterisk means every host, but only if it is alone.
    hosts = "*" if "*" in given else ",".join(dict.fromkeys((*given, *_HERE)))
    return dict.fromkeys(_NAMES, hosts)


def spare(environ: MutableMapping[str, str]) -> None:
    """Keep loopback from every proxy in this process and its children."""
    environ.update(spared(environ))
