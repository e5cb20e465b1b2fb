"""The stages from the read to the plan, in the order of the protocol (A4 to A8). Apply takes them, and so does a dry
run, which writes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from shared.clock import Clock
from shared.state.links import Link
from shared.sync.apply.batch import Batch
from shared.sync.apply.claim import claim_ends_in
from shared.sync.apply.judge import judge
from shared.sync.apply.keys import confirm_inherited, reject_occupied
from shared.sync.apply.ownership import KeyOwnership
from shared.sync.apply.parents import LinksOfParents
from shared.sync.apply.plan import by_route, plan, take_routes
from shared.sync.apply.read import read, reject_damaged
from shared.sync.apply.record import Judged, Planned, Record
from shared.sync.apply.settle import back_at_former, settle
from shared.sync.flow import Flow
from shared.sync.limits import Limits
from shared.sync.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """Reads, settles, judges and plans the records of one flow. `links_of` loads the links of their parents.

    With `looks_only` nothing is written to the storage: no key is taken. The records are not claimed then, so a link
    may be damaged, or another worker may have the record.
    """

    flow: Flow
    flows: Mapping[str, Flow]
    state: State
    clock: Clock
    limits: Limits
    links_of: LinksOfParents
    looks_only: bool = False

    def judged(self, batch: Batch, records: Sequence[Record]) -> list[Judged]:
        """The records that have a target and a route. Raises SystemTrouble, StorageTrouble, and NotSent when there is
        no time to read so many."""
        flow = self.flow
        reading = batch.take(read(flow.source, records))
        settled = self._looked_at(batch, reading) if self.looks_only else self._settled(batch, reading)
        settled = batch.take(back_at_former(settled))
        judged = batch.take(judge(flow, self.clock.now(), self.links_of, settled))
        return batch.take(take_routes(flow, judged))

    def planned(self, batch: Batch, judged: Sequence[Judged]) -> Iterator[tuple[KeyOwnership, list[Planned]]]:
        """Route by route, the records that have a write, with the rules of the route's keys. A route is planned after
        the caller has finished with the one before. Raises SystemTrouble and StorageTrouble."""
        for name, of_route in by_route(self.flow, judged).items():
            ownership = self._ownership(name)
            yield ownership, batch.take(reject_occupied(ownership, batch.take(plan(ownership.route, of_route))))

    def _settled(self, batch: Batch, reading: Sequence[Record]) -> list[Record]:
        settled = batch.take(settle(self.flow, self.flows, partial(self.state.keys_of, self.flow), reading))
        return batch.take(confirm_inherited(self._ownership, settled))

    def _looked_at(self, batch: Batch, reading: Sequence[Record]) -> list[Record]:
        readable, keys_of = batch.take(reject_damaged(self.flow, reading)), partial(self.state.keys_of, self.flow)
        return batch.take(settle(self.flow, self.flows, keys_of, readable, looks_only=True, is_held=self._is_held))

    def _ownership(self, route: str) -> KeyOwnership:
        flow, state = self.flow, self.state
        keys = state.keys_of(flow, flow.route(route))
        return KeyOwnership(flow, flow.route(route), keys, state.links, self.flows, self.limits)

    def _is_held(self, link: Link) -> bool:
        return claim_ends_in(link, self.limits) > 0
