"""Which records that have changed in the source would change in the target as well: what is mapped of them differs from
what was applied. A change of columns that no mapping reads is none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.records import fold
from shared.state.links import Link, LinkState
from shared.sync.apply.changes import Planning
from shared.sync.apply.judge import Judging
from shared.sync.apply.work import Kind, Work
from shared.sync.flow import Flow
from shared.sync.hints import Hint
from shared.sync.parts import Parts

_READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Differing:
    """A linked record of which something else is mapped than was applied: the fields, or the rule or cause by which it
    is not for the target any more."""

    id: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a look at records has found. `unread` is how many there was no time for."""

    differing: tuple[Differing, ...]
    unread: int = 0

    @property
    def most(self) -> int:
        """How many of them would change at most."""
        return len(self.differing) + self.unread


class Weighing:
    """Compares as apply does, and needs nothing of the target but its small tables. Memory is bounded by a batch."""

    def __init__(self, parts: Parts, flow: Flow) -> None:
        self._parts = parts
        self._flow = flow

    def weigh(self, links: Sequence[Link], *, not_after: float) -> Weighed:
        """Read the records of these links in bulk and tell which differ, as far as there is time. Raises
        SystemTrouble."""
        found: list[Differing] = []
        for at in range(0, len(links), _READ_AT_ONCE):
            if self._parts.clock.monotonic() >= not_after:
                return Weighed(tuple(found), unread=len(links) - at)
            found += self._differing(links[at : at + _READ_AT_ONCE])
        return Weighed(tuple(found))

    def _differing(self, links: Sequence[Link]) -> Iterator[Differing]:
        rows = self._flow.source.read([link.id for link in links])
        works = [Work(Hint(link.id), link, trusted=True, row=rows[link.id]) for link in links if link.id in rows]
        Judging(self._parts, self._flow).judge(works)
        for work in works:
            if what := self._difference(work):
                yield Differing(work.id, what)

    def _difference(self, work: Work) -> tuple[str, ...]:
        """What would change; nothing of a record that waits, or is listed or has ended already."""
        outcome, link = work.outcome, work.link
        if outcome is not None:
            news = {
                Kind.FILTERED: link.state is LinkState.WRITTEN,
                Kind.ENDED: link.state is LinkState.WRITTEN,
                Kind.REJECTED: link.state is not LinkState.REJECTED,
            }
            return (outcome.reason,) if news.get(outcome.kind) else ()
        route = self._flow.route(work.content.route)
        if fold(link.key_on(route.name) or "") != fold(work.content.key):
            return (route.entity,)
        planning = Planning(route)
        lines = (f"line {number}" for number in sorted(planning.changed_lines(work)) if work.ending is None)
        return (*sorted(planning.difference(work)), *lines)
