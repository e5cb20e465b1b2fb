"""What went over the wire: a record of every exchange, and how many reads and writes there were."""

import json
import re
import threading
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from urllib.parse import unquote

from local import space
from local.simulator.evidence import Evidence, evidence
from local.simulator.messages import Reply, Request

# So much is kept in a file. A demo that runs for days must not fill the disk.
MOST_BYTES = 256 * 1024 * 1024
_SECRET = frozenset({"authorization", "x-simulator-admin-token"})
_COLLECTION = re.compile(r"^/(?:api/data/v[\d.]+|data|metadata)/(\$?\w+)", re.IGNORECASE)
_BATCH_LINE = re.compile(rb"^(GET|POST|PATCH|PUT|DELETE) (\S+) HTTP/1\.1\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with its answer, verbatim except for the Authorization header. `status` 0: cut without an answer.

    `fault` is the kind of fault that was played instead of the answer or on top of it, empty if there was none.
    """

    time: str
    system: str
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: str
    status: int
    response_headers: Mapping[str, str]
    response_body: str
    fault: str


class ExchangeLog:
    """Keeps the last exchanges in memory and, given a file, all of them as JSON lines, up to `most_bytes`; then the
    file ends with a line that says so. If the environment enables evidence, every exchange goes there as well.
    """

    def __init__(
        self, system: str, *, file: Path | None = None, keep: int = 1000, most_bytes: int = MOST_BYTES
    ) -> None:
        self._system = system
        self._ring: deque[Exchange] = deque(maxlen=keep)
        self._lock = threading.Lock()
        self._folder = file.absolute().parent if file else Path()
        self._file: TextIOWrapper | None = file.open("a", encoding="utf-8", newline="\n") if file else None
        self._left_bytes = most_bytes
        self._evidence: Evidence | None = evidence()
        self._reads: Counter[str] = Counter()
        self._writes: Counter[str] = Counter()
        self._operations: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()

    def record(self, time: datetime, request: Request, reply: Reply | None, *, fault: str = "") -> None:
        """Note one exchange; no reply means that the connection was cut without one. Raises NoSpaceLeft."""
        exchange = _exchange(self._system, time, request, reply, fault)
        with self._lock:
            self._ring.append(exchange)
            self._count(request, exchange.status)
            if self._file is not None:
                self._write(self._file, exchange)
        if self._evidence is not None:
            self._evidence.add(asdict(exchange))

    def last(self, limit: int = 100) -> list[Exchange]:
        """The newest exchanges, oldest of them first."""
        with self._lock:
            return list(self._ring)[-limit:]

    def counters(self) -> dict[str, object]:
        """Requests since the last reset.

        `reads` and `writes` count requests per collection (a batch is one request of `$batch`, a read where all its
        parts are); `batch_operations` counts the parts of batches as `METHOD collection`; `statuses` counts answers.
        """
        with self._lock:
            return {
                "reads": dict(self._reads),
                "writes": dict(self._writes),
                "total_reads": self._reads.total(),
                "total_writes": self._writes.total(),
                "batch_operations": dict(self._operations),
                "statuses": dict(self._statuses),
            }

    def reset(self) -> None:
        """Reset the counts and forget the kept exchanges; the file stays."""
        with self._lock:
            self._ring.clear()
            for counter in (self._reads, self._writes, self._operations, self._statuses):
                counter.clear()

    def flush(self) -> None:
        """Bring what is buffered into the file."""
        with self._lock:
            if self._file is not None:
                with space.named(self._folder):
                    self._file.flush()
        if self._evidence is not None:
            self._evidence.flush()

    def close(self) -> None:
        """Flush and close the file; recording continues in memory."""
        with self._lock:
            if self._file is not None:
                self._end(self._file)

    def _write(self, file: TextIOWrapper, exchange: Exchange) -> None:
        line = json.dumps(asdict(exchange)) + "\n"
        self._left_bytes -= len(line)
        try:
            with space.named(self._folder):
                if self._left_bytes >= 0:
                    file.write(line)
                    return
                file.write(json.dumps(asdict(_end_of_log(exchange))) + "\n")
        except space.NoSpaceLeft:
            self._file = None
            with suppress(OSError):
                file.close()
            raise
        self._end(file)

    def _end(self, file: TextIOWrapper) -> None:
        self._file = None
        with space.named(self._folder):
            file.close()

    def _count(self, request: Request, status: int) -> None:
        collection = collection_of(request.raw_path)
        parts = _batch_parts(request) if collection == "$batch" else []
        reads = all(method == "GET" for method, _ in parts) if parts else request.method in ("GET", "HEAD")
        (self._reads if reads else self._writes)[collection] += 1
        self._statuses[str(status)] += 1
        for method, path in parts:
            self._operations[f"{method} {collection_of(path)}"] += 1


def _end_of_log(last: Exchange) -> Exchange:
    """The line at the end of a log that has reached its limit: an empty exchange that says why."""
    why = "The log has reached its limit and ends here; the exchanges went on."
    return Exchange(last.time, last.system, "", "", {}, "", 0, {}, why, "")


def collection_of(path: str) -> str:
    """The collection or operation that a path addresses, such as `accounts`; the path itself outside the service."""
    found = _COLLECTION.match(unquote(path))
    return found.group(1) if found else path


def _batch_parts(request: Request) -> list[tuple[str, str]]:
    found = _BATCH_LINE.findall(request.body)
    return [(method.decode(), _path(url.decode(errors="replace"))) for method, url in found]


def _path(url: str) -> str:
    path = re.sub(r"^https?://[^/]+", "", url).split("?", 1)[0]
    return path if path.startswith("/") else f"/data/{path}"


def _exchange(system: str, time: datetime, request: Request, reply: Reply | None, fault: str) -> Exchange:
    return Exchange(
        time=time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        system=system,
        method=request.method,
        url=request.url,
        request_headers={name: value for name, value in request.headers.items() if name.lower() not in _SECRET},
        request_body=_text(request.body),
        status=reply.status if reply else 0,
        response_headers=dict(reply.headers) if reply else {},
        response_body=_text(reply.body) if reply else "",
        fault=fault,
    )


def _text(body: bytes) -> str:
    # Bytes that are not UTF-8 survive as lone surrogates, which JSON writes as escapes.
    return body.decode("utf-8", errors="surrogateescape")
