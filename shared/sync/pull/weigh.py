"""Which records that have changed in the source would change in the target as well: their mapped content differs from
the applied content. A change of columns that no mapping reads does not count."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.clock import Clock
from shared.records import fold
from shared.state.links import Link, LinkState
from shared.sync.apply.changes import Changes
from shared.sync.apply.judge import judge
from shared.sync.apply.outcome import Kind
from shared.sync.apply.parents import LinksOfParents
from shared.sync.apply.record import Concluded, Judged, Record
from shared.sync.flow import Flow
from shared.sync.hints import Hint

_READ_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Differing:
    """A linked record whose mapped content differs from the applied content: the fields, or the rule or cause by which
    it is not for the target any more."""

    id: str
    what: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Weighed:
    """The result of a look at records. `unread` is how many there was no time for."""

    differing: tuple[Differing, ...]
    unread: int = 0

    @property
    def most(self) -> int:
        """How many of them would change at most."""
        return len(self.differing) + self.unread


class Weighing:
    """Compares as apply does, and needs only the small tables of the target. Memory is bounded by a batch."""

    def __init__(self, flow: Flow, *, links_of: LinksOfParents, clock: Clock) -> None:
        self._links_of = links_of
        self._clock = clock
        self._flow = flow

    def weigh(self, links: Sequence[Link], *, not_after: float) -> Weighed:
        """Read the records of these links in bulk and return which differ, as far as there is time. Raises
        SystemTrouble."""
        found: list[Differing] = []
        for at in range(0, len(links), _READ_AT_ONCE):
            if self._clock.monotonic() >= not_after:
                return Weighed(tuple(found), unread=len(links) - at)
            found += self._differing(links[at : at + _READ_AT_ONCE])
        return Weighed(tuple(found))

    def _differing(self, links: Sequence[Link]) -> Iterator[Differing]:
        rows = self._flow.source.read([link.id for link in links])
        records = [Record.of(Hint(link.id), link, trusted=True, row=rows[link.id]) for link in links if link.id in rows]
        for judged in judge(self._flow, self._clock.now(), self._links_of, records):
            if what := self._news(judged) if isinstance(judged, Concluded) else self._difference(judged):
                yield Differing(judged.id, what)

    @staticmethod
    def _news(of: Concluded) -> tuple[str, ...]:
        """The outcome of a record that would not be written; nothing if it waits, or is listed or has ended already."""
        link = of.record.link
        news = {
            Kind.FILTERED: link.state is LinkState.WRITTEN,
            Kind.ENDED: link.state is LinkState.WRITTEN,
            Kind.REJECTED: link.state is not LinkState.REJECTED,
        }
        return (of.outcome.reason,) if news.get(of.outcome.kind) else ()

    def _difference(self, judged: Judged) -> tuple[str, ...]:
        """What would be written."""
        route = self._flow.route(judged.content.route)
        if fold(judged.record.link.key_on(route.name) or "") != fold(judged.content.key):
            return (route.entity,)
        changes = Changes(route)
        lines = (f"line {number}" for number in sorted(changes.changed_lines(judged)) if judged.ending is None)
        return (*sorted(changes.difference(judged)), *lines)
