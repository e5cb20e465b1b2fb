"""The connection to one system: token, ids, throttling, retries of reads, and our errors instead of statuses."""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import uuid4

from shared import exact_json
from shared.clients.http import multipart
from shared.clients.http.correlation import next_request_id
from shared.clients.http.credentials import Tokens
from shared.clients.http.deadline import last_start
from shared.clients.http.exchange import Answer, AnswerLost, CertificateRefused, NotConnected, PreparedCall, Transport
from shared.clients.http.multipart import BatchPart
from shared.clients.http.origin import Origin, require_same_origin
from shared.clients.http.responses import (
    Throttled,
    dop_hint,
    is_too_fast,
    json_object,
    raise_for_read,
    raise_for_write,
    retry_after_s,
)
from shared.clients.http.throttle import Throttle
from shared.clock import Clock
from shared.errors import OperatorNeeded, OutcomeUnknown, RecordRejected, SystemTrouble, Transient
from shared.invocations import in_context
from shared.records import Json, Values
from shared.systems import System

READ_ATTEMPTS = 3

_FIRST_BACK_OFF_S = 0.5
_WAITS_IN_PLACE = 3
_SHORTEST_PAUSE_S = 1.0
_HEADERS = {"OData-Version": "4.0", "OData-MaxVersion": "4.0"}
_JSON = {"Content-Type": "application/json"}
_NOTHING: Mapping[str, str] = {}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """How many requests were sent to a system so far; `throttled` is how many it answered with 429."""

    reads: int = 0
    writes: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class StartLimit:
    """Until when a request may start, and a last check right before it: `require` raises NotSent."""

    not_after: float | None
    require: Callable[[], None]


class Channel:
    """Calls one system and raises only our errors. Safe for use by many threads.

    `jitter` gives a number in [0, 1) that spreads repeated reads; `accept` is the media type to ask for.
    """

    def __init__(
        self,
        system: System,
        origin: Origin,
        transport: Transport,
        *,
        tokens: Tokens,
        throttle: Throttle,
        clock: Clock,
        jitter: Callable[[], float],
        accept: str = "application/json",
    ) -> None:
        self.system = system
        self.origin = origin
        self._transport = transport
        self._tokens = tokens
        self._throttle = throttle
        self.clock = clock
        self._jitter = jitter
        self._headers = {**_HEADERS, "Accept": accept}
        self._lock = threading.Lock()
        self._counts = RequestCounts()
        # Reads have threads of their own. Otherwise the reads of a message would wait for the writes of others.
        self._readers = ThreadPoolExecutor(throttle.maximum, thread_name_prefix=f"{system}-read")
        self._writers = ThreadPoolExecutor(throttle.maximum, thread_name_prefix=str(system))

    @property
    def requests(self) -> RequestCounts:
        """The requests sent so far."""
        return self._counts

    def read(self, url: str, *, subject: str, headers: Mapping[str, str] = _NOTHING) -> dict[str, Json]:
        """GET a JSON object, repeated a few times while the system fails briefly and the invocation has time.

        Raises Transient, OperatorNeeded (ReadRefused if the request itself was refused), and NotSent if the invocation
        has no time left for it.
        """
        return self._repeated(
            PreparedCall("GET", url, headers), subject, lambda answer: self._object_of(answer, subject)
        )

    def read_batch(self, url: str, parts: Sequence[BatchPart], *, subject: str) -> list[dict[str, Json]]:
        """GET several JSON objects by one request; see read."""
        boundary = f"batch_{uuid4()}"
        # Otherwise the parts after one that is refused would not be answered.
        headers = {"Content-Type": multipart.content_type(boundary), "Prefer": "odata.continue-on-error"}
        call = PreparedCall("POST", url, headers, multipart.compose(parts, boundary), reads=True)

        def objects_of(answer: Answer) -> list[dict[str, Json]]:
            if answer.status != 200:
                raise_for_read(self.system, subject, answer, self.clock.now())
            return [self._part_of(part, subject) for part in multipart.read_answers(answer, len(parts))]

        return self._repeated(call, subject, objects_of)

    def _repeated(self, call: PreparedCall, subject: str, understood: Callable[[Answer], T]) -> T:
        for attempt in range(1, READ_ATTEMPTS):
            try:
                return self._read_once(call, subject, understood)
            except Transient as trouble:
                if trouble.retry_after_s is not None or isinstance(trouble, Throttled):
                    raise
                back_off_s: float = _FIRST_BACK_OFF_S * (1 << attempt) * (0.5 + self._jitter())
                if self.clock.monotonic() + back_off_s >= last_start():
                    raise
                self.clock.sleep(back_off_s)
        return self._read_once(call, subject, understood)

    def write(
        self,
        method: str,
        url: str,
        values: Values,
        *,
        subject: str,
        turn: StartLimit,
        headers: Mapping[str, str] = _NOTHING,
    ) -> Answer:
        """Send one write, once; only a throttled write, which was certainly not applied, is sent again.

        The answer is a success or the refusal of this record (RECORD_REFUSED); everything else is raised:
        Transient, OperatorNeeded, OutcomeUnknown, NotSent, and RecordRejected for text that cannot be sent.
        """
        body = encoded(values)
        return self.send(method, url, body, subject=subject, turn=turn, headers={**headers, **_JSON})

    def send(
        self, method: str, url: str, body: bytes | None, *, subject: str, turn: StartLimit, headers: Mapping[str, str]
    ) -> Answer:
        """Send one write whose body is ready; see write."""
        try:
            answer = self._exchange(PreparedCall(method, url, headers, body), turn)
        except AnswerLost as lost:
            text = f"{self.system.label}: {lost} to a write of {subject}"
            raise OutcomeUnknown(self.system, text) from lost
        self.check_written(answer, subject)
        return answer

    def check_written(self, answer: Answer, subject: str) -> None:
        """Raise what the answer to a write means for the system; return for success and for a refused record."""
        raise_for_write(self.system, subject, answer, self.clock.now())

    def gather_reads(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Run tasks that only read in parallel, as far as the throttle allows, and return their results in order.

        The first error is raised in its turn; tasks that have not begun are then dropped.
        """
        return _gather(self._readers, tasks)

    def gather_writes(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """The same for tasks that write; they may gather reads."""
        return _gather(self._writers, tasks)

    def close(self) -> None:
        """Stop the threads."""
        self._writers.shutdown()
        self._readers.shutdown()

    def _read_once(self, call: PreparedCall, subject: str, understood: Callable[[Answer], T]) -> T:
        try:
            answer = self._exchange(call, StartLimit(last_start(), lambda: None))
        except AnswerLost as lost:
            raise Transient(self.system, f"{self.system.label}: {lost} to a read of {subject}") from lost
        return understood(answer)

    def _part_of(self, answer: Answer | None, subject: str) -> dict[str, Json]:
        if answer is None:
            raise Transient(
                self.system, f"{self.system.label}: the answer of a batch of reads of {subject} lacks a part"
            )
        return self._object_of(answer, subject)

    def _object_of(self, answer: Answer, subject: str) -> dict[str, Json]:
        if answer.status != 200:
            raise_for_read(self.system, subject, answer, self.clock.now())
        found = json_object(answer)
        if found is None:
            raise Transient(
                self.system, f"{self.system.label} answered a read of {subject} with something that is not JSON"
            )
        return found

    def _exchange(self, call: PreparedCall, turn: StartLimit) -> Answer:
        """One answer, after short pauses that the system asked for. Raises AnswerLost, Transient, OperatorNeeded."""
        answer = self._send(call, turn)
        for _ in range(_WAITS_IN_PLACE):
            if answer.status != 429:
                return answer
            seconds = retry_after_s(answer, self.clock.now())
            pause_s = None if seconds is None else max(seconds, _SHORTEST_PAUSE_S)
            if not self._throttle.pause(pause_s, too_fast=is_too_fast(answer), not_after=turn.not_after):
                return answer
            answer = self._send(call, turn)
        return answer

    def _send(self, call: PreparedCall, turn: StartLimit) -> Answer:
        require_same_origin(call.url, self.origin, self.system)
        token = self._tokens.token()
        answer = self._send_with(token, call, turn)
        if answer.status == 401:
            answer = self._send_with(self._tokens.refresh(token), call, turn)
        return answer

    def _send_with(self, token: str, call: PreparedCall, turn: StartLimit) -> Answer:
        headers = {
            **self._headers,
            **call.headers,
            "x-ms-client-request-id": next_request_id(),
            "Authorization": f"Bearer {token}",
        }
        with self._throttle.slot(not_after=turn.not_after, reads=call.only_reads) as slot:
            turn.require()
            self._count(call)
            try:
                answer = self._transport(replace(call, headers=headers))
            except NotConnected as error:
                raise self._not_connected(error) from error
            slot.throttled = answer.status == 429
            slot.dop_hint = dop_hint(answer)
        if slot.throttled:
            with self._lock:
                self._counts = replace(self._counts, throttled=self._counts.throttled + 1)
        return answer

    def _not_connected(self, error: NotConnected) -> SystemTrouble:
        text = f"{self.system.label} at {self.origin}: {error}"
        if isinstance(error, CertificateRefused):
            return OperatorNeeded(self.system, f"{text}; check the URL and which server answers there")
        return Transient(self.system, text)

    def _count(self, call: PreparedCall) -> None:
        reads, writes = (1, 0) if call.only_reads else (0, 1)
        with self._lock:
            counts = self._counts
            self._counts = replace(counts, reads=counts.reads + reads, writes=counts.writes + writes)


def _gather(pool: ThreadPoolExecutor, tasks: Sequence[Callable[[], T]]) -> list[T]:
    if len(tasks) == 1:
        return [tasks[0]()]
    futures = [in_context(pool, task) for task in tasks]
    try:
        return [future.result() for future in futures]
    finally:
        for future in futures:
            future.cancel()


def encoded(values: Values) -> bytes:
    """A body. Raises RecordRejected for text that no request can carry."""
    try:
        return exact_json.encoded(dict(values))
    except UnicodeEncodeError as error:
        raise RecordRejected(
            "text_not_sendable",
            "a text of the record holds half of a surrogate pair, which no request can carry",
            remedy="enter the damaged character of the text again in the source",
            sent=False,
        ) from error
