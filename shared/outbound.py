"""How a request leaves this computer."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outbound:
    """The way to one address: straight, or through the tunnel that a proxy makes; `ca_file` holds the certificates of
    the authorities that are believed instead of the usual ones."""

    # An address of a proxy may hold a password.
    proxy: str | None = field(default=None, repr=False)
    ca_file: str | None = None


STRAIGHT = Outbound()
Way = Callable[[str], Outbound]


def straight(_url: str) -> Outbound:
    """The route of the deployed app to every address: proxies in its environment are ignored."""
    return STRAIGHT
