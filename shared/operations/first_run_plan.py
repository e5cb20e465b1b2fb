"""Records examined in the order of a first run: each sees what the earlier ones would have done."""

from collections import defaultdict
from dataclasses import replace

from shared.mapping.verdicts import Parent
from shared.operations.examine import Examined, Examining, LookJudging
from shared.state.links import Link, LinkState
from shared.sync.apply.work import Kind


class FirstRunPlan(Examining):
    """Examines the records of one flow as a first run would leave them: parents that it would write count as written,
    and a number that an earlier record would get is taken. It remembers each key that it has seen."""

    def judging(self) -> LookJudging:
        """A judge that knows the parents which a first run would have written."""
        return _FirstRun(self._parts, self._flow)


class _FirstRun(LookJudging):
    def load_parents(self, parents: set[Parent]) -> dict[Parent, Link]:
        """The links of parents, as they would be."""
        found = super().load_parents(parents)
        by_flow: dict[str, list[Parent]] = defaultdict(list)
        for parent, link in found.items():
            if link.key_on(parent.route) is None and not link.keeps_off(parent.route):
                by_flow[parent.flow].append(parent)
        for name, unlinked in by_flow.items():
            ids = [parent.id for parent in unlinked]
            examined = {of.id: of for of in FirstRunPlan(self._parts, self._parts.flows[name]).examine(ids)}
            found |= {parent: self._as_it_would_be(parent, examined[parent.id], found[parent]) for parent in unlinked}
        return found

    def _as_it_would_be(self, parent: Parent, examined: Examined, link: Link) -> Link:
        if examined.kind in (Kind.CREATED, Kind.UPDATED) and examined.route == parent.route:
            self.foreseen.add(parent)
            return replace(link, route=parent.route, target_key=examined.key)
        if examined.kind in (Kind.FILTERED, Kind.ENDED):
            return replace(link, state=LinkState.FILTERED, rule=examined.reason)
        return link
