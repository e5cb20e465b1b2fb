"""What walks take away, and how much of that an operator has seen: judged by what pulls send while limits are tight."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator

from tests.simulation.company import Company
from tests.simulation.targets import Record
from tests.simulation.threads import CALM

# Of so few records as a history has a tight limit lets no more go unasked.
_UNASKED = 1
# The lines of quotations are a source of their own, whose walks are others.
_FLOWS = ("accounts", "contacts", "products", "ordersback")
_SHOWN = re.compile(r"(\d+) of \d+ known records would be gone")
_NOTHING_THERE = ("deleted", "new")
# A flow and one of its walks.
Walk = tuple[str, str]


class Takings:
    """The records of one history whose deletion walks have told, and how many of them operators have accepted."""

    def __init__(self, company: Company) -> None:
        self._company = company
        self._taken: dict[Walk, set[Record]] = defaultdict(set)
        self._accepted: dict[Walk, int] = {}

    def note_sent(self, queue: str, body: str) -> None:
        """A message is put into a queue. One that a pull sends belongs to the walk that it has noted before."""
        threads = self._company.stage.threads
        worker = threads.current
        # Whoever stands still may have read a record before it was deleted.
        if worker is None or worker.plan is not CALM or queue not in _FLOWS or worker.name != f"pull {queue}":
            return
        for hint in json.loads(body)["hints"]:
            record = queue, str(hint["id"])
            if not self._company.has(record) and self._is_there(record):
                self._taken[queue, self._walk_of(queue)].add(record)

    def note_accepted(self, flow: str, reason: str) -> None:
        """An operator has accepted a walk, by what the reason shows."""
        shown = _SHOWN.search(reason)
        walk = flow, self._walk_of(flow)
        self._accepted[walk] = max(self._accepted.get(walk, 0), int(shown[1]) if shown else 0)

    def problems(self) -> Iterator[str]:
        """The walks that take away more than was shown."""
        for walk, records in self._taken.items():
            accepted = self._accepted.get(walk, 0)
            if len(records) > max(accepted, _UNASKED):
                yield f"P4 {walk[0]}: a walk takes {len(records)} records away, and an operator has accepted {accepted}"

    def _walk_of(self, flow: str) -> str:
        row = self._company.stage.tables["checkpoints"].content().get((flow, "pull"))
        return "" if row is None else str(row.cells.get("walk"))

    def _is_there(self, record: Record) -> bool:
        flow, id = record
        link = self._company.stage.tables["links"].content().get((flow, f"L|{id}"))
        return link is not None and "target_key" in link.cells and link.cells.get("state") not in _NOTHING_THERE
