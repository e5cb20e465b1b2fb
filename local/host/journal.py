"""What host and worker tell each other: the host what happened before, the worker which messages it holds. The host
gives these back if the worker dies."""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.host.queues import Message
    from local.host.triggers import QueueAddress

VARIABLE = "LOCAL_HOST_JOURNAL"
"""Names the descriptor to write to, the host's process, and what distinguishes it from others: `7:4711:UUID`."""
SO_FAR = "LOCAL_HOST_SO_FAR"
_LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class SoFar:
    """What a worker learns about those before it: how often one was restarted, why the last time, the counts of each
    function, and the largest resident size. A worker that dies leaves neither of the last two."""

    restarts: int = 0
    reason: str = ""
    functions: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    peak_memory_mb: float = 0.0


class Journal:
    """One line of JSON for each thing, into the host's pipe; without a host, into nothing. Any thread may write."""

    def __init__(self, descriptor: int | None = None, host: int = 0, instance: str = "") -> None:
        self._descriptor = descriptor
        self._host = host
        self._lock = threading.Lock()
        self.instance = instance
        """Stays the same while the host lives, through all of its workers; empty without a host."""

    def holds(self, address: "QueueAddress", message: "Message") -> None:
        """The worker has a message, under a new pop receipt."""
        kept = {"id": message.id, "text": message.text, "receipt": message.pop_receipt, "count": message.dequeue_count}
        self._write({"holds": kept, "queue": address.name, "connection": address.connection_string})

    def settled(self, message: "Message") -> None:
        """The worker has done with a message."""
        self._write({"settled": message.id})

    def lost(self, so_far: SoFar) -> None:
        """The worker gives up what still runs in it: the next one shall start."""
        self._write({"lost": asdict(so_far)})

    def end(self) -> None:
        """The worker ends by its own will: its exit code is the host's."""
        self._write({"end": True})

    def when_the_host_is_gone(self, act: Callable[[], None]) -> None:
        """Call `act` once the host's process has ended."""
        if self._descriptor is not None:
            threading.Thread(target=self._watch, args=(act,), name="host", daemon=True).start()

    def is_orphan(self) -> bool:
        """Whether the host's process has ended."""
        return self._descriptor is not None and os.getppid() != self._host

    def _watch(self, act: Callable[[], None]) -> None:
        while not self.is_orphan():
            time.sleep(_LOOK_EVERY_S)
        act()

    def _write(self, entry: dict[str, object]) -> None:
        if self._descriptor is None:
            return
        line = json.dumps(entry).encode() + b"\n"
        try:
            with self._lock:
                while line:
                    line = line[os.write(self._descriptor, line) :]
        except BrokenPipeError:
            # The host was killed.
            return


def journal_of(environ: MutableMapping[str, str]) -> Journal:
    """The journal that the host has prepared, removed from the environment, because it does not concern the
    functions."""
    described = environ.pop(VARIABLE, "")
    if not described:
        return Journal()
    descriptor, host, instance = described.split(":")
    return Journal(int(descriptor), int(host), instance)


def take_over(environ: MutableMapping[str, str]) -> SoFar:
    """What the host has reported about the former workers, removed from the environment."""
    told = environ.pop(SO_FAR, "")
    return SoFar(**json.loads(told)) if told else SoFar()
