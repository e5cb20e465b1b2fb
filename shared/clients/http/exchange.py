"""One exchange with a server: what goes out, what comes back, and how it can fail on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A request, ready to be sent. `reads` says that it changes nothing, though it is no GET: a batch of those."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    reads: bool = False

    @property
    def only_reads(self) -> bool:
        """Whether it changes nothing: a batch may hold reads alone."""
        return self.reads or self.method == "GET"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered. `complete` is false if the body broke off or was too long."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    complete: bool = True

    def header(self, name: str) -> str | None:
        """The value of a header, in any case."""
        wanted = name.lower()
        return next((value for given, value in self.headers.items() if given.lower() == wanted), None)


class NotConnected(Exception):
    """The request was certainly not sent: no address, no connection."""


class CertificateRefused(NotConnected):
    """The server could not prove who it is; nothing was sent."""


class AnswerLost(Exception):
    """The request may have arrived, but no answer came back."""


# The network as one callable: real HTTP in Azure, anything else in tests. Raises the three above and nothing else.
Transport = Callable[[PreparedCall], Answer]
