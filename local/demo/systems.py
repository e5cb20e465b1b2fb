"""Both simulated systems as their owner sees them: read and edited independently of the sync, neither counted nor
delayed."""

import math
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import requests

from local.demo.errors import DemoFailed, Unanswered
from local.demo.standstill import stretched
from local.identity import CLIENT_ID
from local.simulator.auth import mint, system_clock
from local.simulator.control import PREFIX, TOKEN_HEADER
from local.simulator.server import ADMIN_HEADER
from shared import exact_json
from shared.records import Json, Values
from shared.systems import System

DATAVERSE, FINOPS = SYSTEMS = "dataverse", "finops"
SYSTEM_NAMES = {system.value: system.label for system in System}
_TIMEOUT_S = 60.0
# Requests that may be repeated are repeated after this time, and that is reported.
_AGAIN_AFTER_S = 15.0
_TOKEN_LIFETIME = timedelta(hours=1)
_RENEW_BEFORE = timedelta(minutes=10)
_MOST_PAGES = 10_000
_MOST_CAUSES = 10
_SERVER_FAULT = 500


@dataclass(frozen=True, slots=True)
class Requests:
    """How many requests a system has answered, the owner's own not counted."""

    read: int = 0
    write: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """The collections that requests address."""

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()

    @classmethod
    def both(cls, *names: str) -> "Asked":
        """Collections that are read and written."""
        return cls(frozenset(names), frozenset(names))


@dataclass(frozen=True, slots=True)
class Counts:
    """The requests that a system has answered, by the collection that they address; `throttled` with 429."""

    reads: Mapping[str, int] = field(default_factory=dict)
    writes: Mapping[str, int] = field(default_factory=dict)
    throttled: int = 0

    @property
    def total(self) -> Requests:
        """All of them."""
        return Requests(sum(self.reads.values()), sum(self.writes.values()))

    def of(self, asked: Asked) -> Requests:
        """Those that address one of these collections."""
        read = sum(count for name, count in self.reads.items() if name in asked.reads)
        return Requests(read, sum(count for name, count in self.writes.items() if name in asked.writes))


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secrets that the demo shares with the simulators, new at each start."""

    signing_key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    identity_header: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    admin_token: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)


class RequestRefused(DemoFailed):
    """A system has refused a request; `reason` is its own text."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Access:
    """Speaks to one simulator at `url` (scheme, host and port); `tell` reports that no answer comes.

    Requests of the `owner` are neither counted nor delayed; any other caller is a client like the sync.
    """

    def __init__(self, name: str, url: str, shared: Secrets, *, owner: bool = True) -> None:
        self.name = name
        self.label = SYSTEM_NAMES[name]
        self.url = url
        self._secrets = shared
        self._session = requests.Session()
        self._session.trust_env = False
        if owner:
            self._session.headers[ADMIN_HEADER] = "1"
        self._expires = system_clock()
        self.tell: Callable[[str], None] = lambda _text: None

    def rows(self, path: str) -> Iterator[Values]:
        """Every row of a collection address, over all pages."""
        address = self.url + path
        for _ in range(_MOST_PAGES):
            page = self.get(address)
            listed = page.get("value")
            for row in listed if isinstance(listed, list) else []:
                if isinstance(row, dict):
                    yield row
            following = page.get("@odata.nextLink")
            if not isinstance(following, str):
                return
            address = following
        raise DemoFailed(f"{self.label} gave more than {_MOST_PAGES} pages of {path}.")

    def get(self, address: str) -> dict[str, Json]:
        """One JSON document. Raises DemoFailed."""
        return self._sent("GET", address, None)

    def send(self, method: str, path: str, body: Mapping[str, Json] | None = None, **headers: str) -> dict[str, Json]:
        """Change something; returns what was answered, empty if nothing. Raises DemoFailed."""
        return self._sent(method, self.url + path, None if body is None else dict(body), headers)

    def counts(self) -> Counts:
        """What the simulator has counted since its start."""
        counted = self.control("GET", "counters")
        throttled = _numbers(counted["statuses"]).get("429", 0)
        return Counts(_numbers(counted["reads"]), _numbers(counted["writes"]), throttled)

    def control(self, method: str, name: str, body: Json = None) -> dict[str, Json]:
        """Use a control of the simulator: faults, latency, actions of users. Raises DemoFailed."""
        headers = {TOKEN_HEADER: self._secrets.admin_token}
        return self._sent(method, f"{self.url}{PREFIX}{name}", body, headers)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _sent(self, method: str, address: str, body: Json, headers: Mapping[str, str] | None = None) -> dict[str, Json]:
        content = None if body is None else exact_json.dumps(body).encode()
        response = self._answer(method, address, content, {**_content_type(content), **(headers or {})})
        if not response.ok:
            text = f"{self.label} answered {response.status_code} to {method} {address}: {response.text[:500]}"
            raise RequestRefused(text, _reason(response)) if response.status_code < _SERVER_FAULT else DemoFailed(text)
        found = exact_json.loads(response.content) if response.content else {}
        return found if isinstance(found, dict) else {"value": found}

    def _answer(
        self, method: str, address: str, content: bytes | None, headers: Mapping[str, str]
    ) -> requests.Response:
        """What comes back. A read is repeated when nothing comes in time. Raises Unanswered."""
        limit_s = stretched(_TIMEOUT_S)
        try_s = min(_AGAIN_AFTER_S, limit_s) if method == "GET" else limit_s
        tries = math.ceil(limit_s / try_s)
        for number in range(1, tries + 1):
            try:
                return self._session.request(
                    method,
                    address,
                    data=content,
                    headers={**self._authorised(), **headers},
                    timeout=try_s,
                    allow_redirects=False,
                )
            except requests.Timeout as error:
                if number == tries:
                    raise Unanswered(
                        f"{self.label} at {self.url} does not answer the demo; its process hangs."
                    ) from error
                self.tell(f"{self.label} has not answered the demo for {number * try_s:.0f} s; trying again")
            except requests.RequestException as error:
                raise Unanswered(f"{self.label} at {self.url} does not answer the demo: {_why(error)}.") from error
        raise AssertionError("the last try returns or raises")

    def _authorised(self) -> Mapping[str, str]:
        now = system_clock()
        if now >= self._expires - _RENEW_BEFORE:
            self._expires = now + _TOKEN_LIFETIME
            lifetime_s = int(_TOKEN_LIFETIME.total_seconds())
            key = self._secrets.signing_key
            token = mint(key, self.url, now=now, lifetime_s=lifetime_s, client_id=CLIENT_ID)
            self._session.headers["Authorization"] = f"Bearer {token}"
        return {}


def _reason(response: requests.Response) -> str:
    try:
        content = response.json()
    except ValueError:
        return response.text[:500]
    error = content.get("error") if isinstance(content, dict) else None
    return str(error.get("message")) if isinstance(error, dict) else response.text[:500]


def _numbers(counted: Json) -> dict[str, int]:
    return {name: int(str(count)) for name, count in counted.items()} if isinstance(counted, dict) else {}


def _why(error: requests.RequestException) -> str:
    """What the computer says of a connection, such as "Connection refused"."""
    cause: BaseException = error
    for _ in range(_MOST_CAUSES):
        if cause.__context__ is None:
            break
        cause = cause.__context__
    return getattr(cause, "strerror", None) or type(error).__name__


def _content_type(content: bytes | None) -> Mapping[str, str]:
    return {} if content is None else {"Content-Type": "application/json"}
