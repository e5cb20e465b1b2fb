"""Two simulators that begin with the same rows and get the same requests: one remembers what it looked up, its twin
asks its tables each time. Whatever differs between them is an answer that should have been forgotten."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from local.simulator.messages import Reply, Request, headers_of
from local.simulator.remembered import Found, Key, Remembered
from local.simulator.server import Simulator
from local.simulator.store import Store
from tests.unit.local.batch_bodies import CONTENT_TYPE, Op, body_of

_ADDRESS = "http://twin"
# Drawn for each answer: what marks its parts, and what support staff find it by.
_DRAWN = re.compile(r"(batchresponse_|changesetresponse_|(?:x-ms-service-request-id|REQ_ID): )[0-9a-f-]{36}")


class AsksEachTime(Remembered):
    """Remembers nothing."""

    def answer(self, table: str, question: Key, read: Callable[[], Found]) -> Found:
        """What the table holds now."""
        return read()


class Watched(Remembered):
    """Remembers as ever, and can be asked what of it is not so any more."""

    def __init__(self) -> None:
        super().__init__()
        self._reads: dict[tuple[str, Key], Callable[[], object]] = {}

    def answer(self, table: str, question: Key, read: Callable[[], Found]) -> Found:
        """What was found since the table was written."""
        self._reads[table, question] = read
        return super().answer(table, question, read)

    def stale(self) -> list[tuple[str, Key]]:
        """The questions that the tables would answer otherwise now, whether anybody asks them again or not."""
        return [
            (table, question)
            for table, answers in self._answers.items()
            for question, known in answers.items()
            if known != self._reads[table, question]()
        ]


@dataclass(frozen=True)
class Twins:
    """The simulators with their rows; `headers` are those of every request."""

    remembering: tuple[Simulator, Store]
    asking: tuple[Simulator, Store]
    headers: Mapping[str, str]
    _watched: Watched = field(default_factory=Watched)

    def __post_init__(self) -> None:
        self.remembering[1]._remembered = self._watched
        self.asking[1]._remembered = AsksEachTime()

    def ask(self, op: Op) -> Reply:
        """Send a request to both, which have to answer the same."""
        path, _, query = _encoded(op.address).partition("?")
        body = op.body if isinstance(op.body, bytes) else b"" if op.body is None else json.dumps(op.body).encode()
        headers = headers_of({"Content-Type": "application/json", **self.headers, **op.headers})
        request = Request(op.method, path, query, headers, body, _ADDRESS)
        remembered, asked = (simulator.ask(request) for simulator, _ in (self.remembering, self.asking))
        assert _told(remembered) == _told(asked), op
        assert self._watched.stale() == [], op
        assert asked.status < 500 or asked.status == 501, (op, asked)
        return asked

    def ask_in_batch(self, address: str, ops: Sequence[Op], *, as_change_set: bool) -> Reply:
        """Send requests in one batch, all or nothing if they are a change set."""
        members = [replace(op, address=_encoded(op.address)) for op in ops]
        body = body_of(members) if as_change_set else body_of(*members)
        return self.ask(Op("POST", address, body, headers={"Content-Type": CONTENT_TYPE}))

    def compare(self) -> None:
        """All rows of both are the same."""
        remembered, asked = (store for _, store in (self.remembering, self.asking))
        for (table,) in asked.tuples("SELECT name FROM sqlite_master WHERE type = 'table'"):
            every = f'SELECT * FROM "{table}"'
            assert remembered.tuples(every) == asked.tuples(every), table


def _encoded(address: str) -> str:
    return quote(address, safe="/?=&$()',:@%*")


def _told(reply: Reply) -> tuple[int, str, str]:
    headers = "\n".join(f"{name}: {value}" for name, value in reply.headers.items())
    return reply.status, _DRAWN.sub(r"\1", headers), _DRAWN.sub(r"\1", reply.body.decode())
