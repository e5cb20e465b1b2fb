"""Everything that the sync remembers, in one place."""

from dataclasses import dataclass

from shared.state.audit import Audit
from shared.state.batches import Batches
from shared.state.checkpoints import Checkpoints
from shared.state.control import Control
from shared.state.failures import Failures
from shared.state.keys import Keys
from shared.state.links import Links
from shared.state.results import Results
from shared.state.runs import Runs
from shared.state.storage.tables import Table
from shared.state.waiting import Waits
from shared.sync.flow import Flow, Route


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is remembered."""

    links: Links
    failures: Failures
    waits: Waits
    results: Results
    batches: Batches
    checkpoints: Checkpoints
    control: Control
    runs: Runs
    audit: Audit
    keys: Table
    snapshots: Table

    def keys_of(self, flow: Flow, route: Route) -> Keys:
        """The owned keys of a route's target collection."""
        return self.keys_in(route.entity, flow.company)

    def keys_in(self, collection: str, company: str) -> Keys:
        """The owned keys of a target collection."""
        return Keys(self.keys, collection, company)
