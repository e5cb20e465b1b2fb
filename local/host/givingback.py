"""What becomes of the messages that a dead worker held."""

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from local.host import logs
from local.host.arguments import host_json_of
from local.host.errors import MessageGone
from local.host.events import ignore
from local.host.queue_listener import POISON_SUFFIX, Settlement, has_poison_queue, log
from local.host.queues import Message
from local.host.storage import AzureStorage
from local.host.triggers import QueueAddress


def give_back(held: Sequence[Mapping[str, Any]], arguments: Sequence[str]) -> None:
    """Settle each as a failure: visible after the visibility timeout, or poison. `arguments` are those of the host.
    Raises StorageUnavailable as soon as one cannot be settled: the real host ends then, too."""
    host_json = host_json_of(arguments)
    logs.install(sys.stderr, host_json.log_levels, debug=False)
    with closing(AzureStorage()) as storage:
        for entry in held:
            address = QueueAddress(entry["connection"], entry["queue"])
            poison = QueueAddress(address.connection_string, address.name + POISON_SUFFIX)
            settlement = Settlement(
                "",
                storage.queue(address),
                storage.queue(poison) if has_poison_queue(address.name) else None,
                host_json.queues,
                ignore,
            )
            kept = entry["holds"]
            message = Message(kept["id"], kept["text"], kept["receipt"], kept["count"], None, None, None)
            try:
                settlement.fail(message, 0.0)
            except MessageGone as error:
                log.debug("%s", error)
