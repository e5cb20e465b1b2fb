"""Records examined in the order of a first run: each sees what the earlier ones would have done."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from shared.mapping.verdicts import Parent
from shared.operations.examine import Examined, Examining, Foresight
from shared.state.links import Link, LinkState
from shared.sync.apply.outcome import Kind
from shared.sync.apply.parents import may_continue, parent_links
from shared.sync.flow import Flow


class FirstRunPlan:
    """Examines the records of one flow as a first run would leave them: parents that it would write count as written,
    and a number that an earlier record would get is taken. It remembers each key that it has seen."""

    def __init__(self, examining: Examining, flow: Flow) -> None:
        self._examining = examining
        self._flow = flow
        self._promised: dict[tuple[str, str], tuple[str, str]] = {}

    def examine(self, ids: Sequence[str]) -> list[Examined]:
        """Every record, in the order of `ids`. Raises SystemTrouble and StorageTrouble."""
        foreseen: set[Parent] = set()

        def links_of(parents: set[Parent]) -> dict[Parent, Link]:
            links, written = foreseen_links(self._examining, self._flow, parents)
            foreseen.update(written)
            return links

        return self._examining.examine(self._flow, ids, foresight=Foresight(links_of, self._promised, foreseen))


def foreseen_links(examining: Examining, flow: Flow, parents: set[Parent]) -> tuple[dict[Parent, Link], set[Parent]]:
    """The links of the parents of a flow's records as a first run would leave them, and which of the parents it would
    write. Of a parent that is named by its key it is not known who would get the key. Raises SystemTrouble and
    StorageTrouble."""
    links = dict(parent_links(examining.state, flow)(parents))
    written: set[Parent] = set()
    by_flow: dict[str, list[Parent]] = defaultdict(list)
    for parent, link in links.items():
        if not (parent.is_by_key or parent.is_look or may_continue(parent, link)):
            by_flow[parent.flow].append(parent)
    for name, unlinked in by_flow.items():
        ids = [parent.id for parent in unlinked]
        examined = {each.id: each for each in FirstRunPlan(examining, examining.flows[name]).examine(ids)}
        for parent in unlinked:
            of, link = examined[parent.id], links[parent]
            if of.kind in (Kind.CREATED, Kind.UPDATED) and of.route == parent.route:
                written.add(parent)
                links[parent] = replace(link, route=parent.route, target_key=of.key)
            elif of.kind in (Kind.FILTERED, Kind.ENDED):
                links[parent] = replace(link, state=LinkState.FILTERED, rule=of.reason)
    return links, written
