"""The storage account of a history: tables and queues that fail as the real ones do."""

import itertools
import random
from collections.abc import Callable, Mapping, Sequence

from shared.errors import RowConflict, StorageTrouble
from shared.state.storage.memory import MemoryQueues, MemoryTable
from shared.state.storage.queues import Message
from shared.state.storage.tables import Cell, Insert, Operation, Replace, Stored
from tests.simulation.threads import WorkerClock
from tests.simulation.weather import Weather


class Table(MemoryTable):
    """A table whose answers get lost, and whose client repeats a request that had taken effect already."""

    def __init__(self, clock: WorkerClock, name: str, weather: Weather) -> None:
        super().__init__(clock, name, weather.threads.step)
        self._weather = weather

    @property
    def version(self) -> int:
        """How often it was written to."""
        return self._version

    def empty(self) -> None:
        """Begin anew."""
        self._rows.clear()
        self._in_order.clear()
        self._version = 0

    def read(self, partition: str, keys: Sequence[str]) -> Mapping[str, Stored]:
        """The rows that exist among `keys`."""
        if self._weather.storage:
            self._weather.storage_read(f"{self.name}.read")
        return super().read(partition, keys)

    def whole(self, limit: int) -> Sequence[Stored]:
        """At most `limit` rows of all partitions."""
        if self._weather.storage:
            self._weather.storage_read(f"{self.name}.whole")
        return super().whole(limit)

    def transact(self, operations: Sequence[Operation]) -> Sequence[str]:
        """Apply all operations, which share one partition, or none; returns the new etags in order."""
        fault = self._weather.storage_fault(f"{self.name}.transact") if self._weather.storage else None
        if fault == "unreachable":
            raise StorageTrouble("the storage did not answer a write")
        etags = super().transact(operations)
        if fault == "answer lost":
            raise StorageTrouble("the answer of the storage got lost")
        if fault == "own success":
            # The client of the storage has repeated a request that was applied: its own success refuses it.
            for place, operation in enumerate(operations):
                if isinstance(operation, Insert | Replace):
                    raise RowConflict(place)
        return etags

    def cells_of(self, partition: str, key: str) -> Mapping[str, Cell] | None:
        """What stands in a row; None where there is none."""
        found = self._rows.get((partition, key))
        return None if found is None else found[0].cells

    def copy_of(self, partition: str, key: str) -> object:
        """A row as it stands now, to be put back later; None where there is none."""
        return self._rows.get((partition, key))

    def put_back(self, partition: str, key: str, copy: object) -> None:
        """Roll a row back to an earlier copy of it, as from a backup; its version is a new one."""
        if (partition, key) in self._rows:
            self._drop(partition, key)
        if copy is not None:
            self._apply(Insert(copy[0]))  # type: ignore[index]


class Queues(MemoryQueues):
    """Queues out of which any visible message may be taken."""

    def __init__(self, clock: WorkerClock, weather: Weather) -> None:
        super().__init__(clock, weather.threads.step)
        self._weather = weather
        self.on_send: Callable[[str, str], None] = lambda _queue, _body: None

    def empty(self) -> None:
        """Begin anew."""
        self._queues.clear()
        self._put_at.clear()
        self._expires.clear()
        self._ids = itertools.count()

    def send(self, queue: str, body: str, *, delay_s: float = 0) -> None:
        """Put a message, visible after `delay_s` seconds."""
        fault = self._weather.storage_fault("send")
        if fault == "unreachable":
            raise StorageTrouble("the queue did not take a message")
        super().send(queue, body, delay_s=delay_s)
        self.on_send(queue, body)
        if fault == "answer lost":
            raise StorageTrouble("the answer of the queue got lost")

    def take(self, queue: str, lease_s: float, dice: random.Random) -> Message | None:
        """Lease one of the visible messages, as the host does."""
        now = self.clock.monotonic()
        visible = [(id, body) for id, (body, at) in self._there(queue).items() if at <= now]
        if not visible:
            return None
        id, body = visible[0] if dice.random() < 0.7 else dice.choice(visible)
        self._queues[queue][id] = body, now + lease_s
        return Message(id, body)

    def take_again(self, queue: str, message: Message, lease_s: float) -> Message | None:
        """Lease the same message once more, if it lies there still."""
        if message.id not in self._there(queue):
            return None
        self._queues[queue][message.id] = message.body, self.clock.monotonic() + lease_s
        return message

    def settle(self, queue: str, message: Message) -> None:
        """The host deletes a message."""
        self._queues.get(queue, {}).pop(message.id, None)

    def show(self, queue: str, message: Message, after_s: float) -> None:
        """The host gives a message back."""
        if message.id in self._queues.get(queue, {}):
            self._queues[queue][message.id] = message.body, self.clock.monotonic() + after_s

    def put(self, queue: str, body: str, *, delay_s: float = 0) -> None:
        """Somebody other than a worker puts a message."""
        id, now = str(next(self._ids)), self.clock.monotonic()
        self._queues.setdefault(queue, {})[id] = body, now + delay_s
        self._put_at[id] = now

    def next_visible_in(self) -> float | None:
        """In how many seconds a message can be seen, 0 where one can be seen now; None where there is none."""
        now = self.clock.monotonic()
        times = [at for messages in self._queues.values() for _, at in messages.values()]
        return max(0.0, min(times) - now) if times else None

    def lying(self) -> dict[str, list[str]]:
        """What lies in the queues that are not empty."""
        return {name: [body for body, _ in messages.values()] for name, messages in self._queues.items() if messages}
