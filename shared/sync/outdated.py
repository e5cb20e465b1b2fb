"""Records that were applied with an outdated mapping or parent key, and that no change reports (protocol P7, W3).

A function that notices that there may be some asks for a look (FlowControl.look_again). The sweep then reads the links
once, when everything that a walk has sent is applied, and sends those that it finds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from shared.clock import Clock
from shared.errors import NotSent, SystemTrouble
from shared.mapping.verdicts import Parent
from shared.records import fold
from shared.state.control import FlowControl
from shared.state.link_parts import KnownKey
from shared.state.links import Link
from shared.state.relinked import Relinked
from shared.state.storage.queues import Queues
from shared.sync.apply.parents import parent_links
from shared.sync.flow import Flow, dependents
from shared.sync.gates import Gates
from shared.sync.limits import Limits
from shared.sync.pull.changes import ENDED
from shared.sync.state import State

_BEGINNING = "L|"
# Links are looked at in pages of 1000.
_PAGES_A_RUN = 100


class Outdated:
    """Looks for such records. `send` queues records of a flow by their ids."""

    def __init__(
        self,
        flows: Mapping[str, Flow],
        run_id: str,
        send: Callable[[Flow, list[str]], None],
        *,
        gates: Gates,
        state: State,
        queues: Queues,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._flows = flows
        self._gates = gates
        self._run_id = run_id
        self._send = send
        self._state = state
        self._queues = queues
        self._clock = clock
        self._limits = limits

    def ask_children(self, flow: Flow) -> None:
        """Ask for a look for records that know a relinked record of this flow by its former key. Raises
        StorageTrouble."""
        children = dependents(self._flows, flow.name)
        if not children:
            return
        relinked = Relinked(self._state.links.table)
        rows = relinked.page(flow.name, self._limits.sweep_rows)
        if rows:
            for child in children:
                self._state.control.ask_to_look_again(child.name)
            relinked.told(rows)

    def look(self, flow: Flow, control: FlowControl, has_time: Callable[[], bool]) -> None:
        """Read the links of a flow if a look is asked for, as far as there is time; the next run continues. Raises
        StorageTrouble."""
        if not (control.look_again or control.look_cursor):
            return
        today = self._today(flow)
        if today is None or not self._is_quiet(today):
            return
        cursor = control.look_cursor or self._begin(flow)
        for _ in range(_PAGES_A_RUN):
            if not (cursor and has_time()):
                break
            links, after = self._state.links.page(flow.name, cursor)
            self._send(flow, list(self._outdated(today, links)))
            cursor = after or ""
        self._state.control.change_flow(flow.name, lambda now: replace(now, look_cursor=cursor))

    def _today(self, flow: Flow) -> Flow | None:
        """The flow with what its mapping looks up now; None if that cannot be read."""
        try:
            return flow.as_of(self._clock.now())
        except NotSent:
            return None
        except SystemTrouble as trouble:
            self._gates.meet(trouble, flow, run=self._run_id)
            return None

    def _is_quiet(self, flow: Flow) -> bool:
        """Whether the last walk was for today's mapping, and what it has sent is applied. Before that, most of what
        would be found is still queued, and an instance with a former mapping must not look."""
        checkpoint = self._state.checkpoints.load(flow.name)
        if checkpoint is None or checkpoint.made_for.fingerprint != flow.fingerprint:
            return False
        if not checkpoint.position.is_between_walks:
            return False
        return self._queues.depth(flow.name) <= self._limits.sweep_messages

    def _begin(self, flow: Flow) -> str:
        """Take the request: a later one is for the next look."""

        def change(now: FlowControl) -> FlowControl:
            return replace(now, look_again=False, look_cursor=_BEGINNING)

        self._state.control.change_flow(flow.name, change)
        return _BEGINNING

    def _outdated(self, flow: Flow, links: Sequence[Link]) -> Iterator[str]:
        links = [link for link in links if link.state not in ENDED]
        known = {_parent(key) for link in links for key in link.seen.known_keys}
        parents = parent_links(self._state, flow)(known)

        def is_other(of: KnownKey) -> bool:
            key = parents[_parent(of)].key_on(of.route)
            return key is not None and fold(key) != fold(of.key)

        for link in links:
            # A worker that has claimed it may have read it before the change.
            in_work, seen = link.claim.id is not None, link.seen
            if in_work or seen.fingerprint not in (None, flow.fingerprint) or any(map(is_other, seen.known_keys)):
                yield link.id


def _parent(of: KnownKey) -> Parent:
    return Parent(of.flow, of.route, of.id)
