"""One HTTP request and its reply, as a simulator's handler sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from multidict import CIMultiDict, CIMultiDictProxy

Headers = CIMultiDictProxy[str]


@dataclass(frozen=True, slots=True)
class Request:
    """A request exactly as it was sent: nothing in `raw_path` and `query` is decoded.

    `query` is the text after the question mark, empty if there is none; `base_url` is scheme, host and port as
    the client addressed them, without a trailing slash.
    """

    method: str
    raw_path: str
    query: str
    headers: Headers
    body: bytes
    base_url: str

    @property
    def url(self) -> str:
        """The absolute address as sent."""
        return self.base_url + self.target

    @property
    def target(self) -> str:
        """Path and query as sent."""
        return f"{self.raw_path}?{self.query}" if self.query else self.raw_path

    def header(self, name: str) -> str | None:
        """The value of a header, in any case; repeated ones joined by commas; None if it is missing."""
        values = self.headers.getall(name, [])
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a simulator answers. Content-Length is added by the server."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def headers_of(pairs: Mapping[str, str] | None = None) -> Headers:
    """Headers for a request that does not come from the wire, such as a part of a batch."""
    return CIMultiDictProxy(CIMultiDict(pairs or {}))
