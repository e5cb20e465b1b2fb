"""Records queued by an operator's command."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.state.storage.queues import Queues
from shared.sync.hints import Hint, Why, messages


@dataclass(frozen=True, slots=True)
class Sender:
    """Queues records to be looked at."""

    queues: Queues
    new_id: Callable[[], str]
    hints_per_message: int

    def send(self, flow: str, ids: Sequence[str], run: str = "") -> int:
        """Queue records by their ids, under the id of an act if one is given; how many. Raises StorageTrouble."""
        hints = [Hint(id) for id in ids]
        for message in messages(flow, run or self.new_id(), hints, self.hints_per_message, why=Why.ACT):
            self.queues.send(flow, message.to_body())
        return len(ids)
