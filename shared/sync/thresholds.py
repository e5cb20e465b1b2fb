"""How much a walk may take away or change before its flow waits for an operator (protocol P4)."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import Transient
from shared.records import Change
from shared.state.checkpoints import Checkpoint
from shared.state.links import Link
from shared.sync.flow import Flow
from shared.sync.parts import Parts
from shared.sync.reading import Reader, Step
from shared.sync.weighing import Differing, Weighed, Weighing

_ALL = 100
_EXAMPLES = 3
_FIELDS_OF_EXAMPLE = 4
# A page that is met shortly before the pull's end is looked at all the same, for a while: the function has more time.
_SHARE_OF_BUDGET = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """How many linked records the walk changes so far, and what is too much of it; empty when nothing is."""

    changed: int
    excess: str = ""


class Thresholds:
    """Measures one walk, page by page.

    A record counts as changed when what is mapped of it is not what was applied. To know that costs a read of the
    source, so versions and digests are asked first: on the last page of a walk only as many changes as would block the
    flow are looked at. On a page that others follow all are: what is counted there cannot be looked at again.
    """

    def __init__(self, parts: Parts, flow: Flow) -> None:
        self._parts = parts
        self._flow = flow
        self._weighing = Weighing(parts, flow)
        self._linked, self._counted_to = 0, 0
        self.longest_s = 0.0
        """The longest time that the look at a page has taken."""
        self.blind = False
        """Whether the target does not answer in which the mapping looks up: then no record can be looked at."""

    def measure(self, reader: Reader, checkpoint: Checkpoint, step: Step, deadline: float) -> Measured:
        """Whether the walk may go on with a page. Raises SystemTrouble when the source does not answer, or the target
        does not and so many records may have changed that they must be looked at."""
        goes_on = step.after.walk == checkpoint.walk
        possible = checkpoint.changed + len(step.news)
        floor = self._parts.limits.gone_limit_count
        if max(step.gone, possible) <= floor and not (goes_on and step.news):
            return Measured(possible)
        if self._parts.state.control.flow(self._flow.name).accepted_walk == checkpoint.walk:
            return Measured(checkpoint.changed)
        gone = self._gone_beyond(step)
        return Measured(possible, gone) if gone else self._changed(reader, checkpoint, step, deadline, goes_on=goes_on)

    def _gone_beyond(self, step: Step) -> str:
        limits = self._parts.limits
        if step.gone <= limits.gone_limit_count:
            return ""
        known = self._count_linked(step.gone, limits.gone_limit_percent) if step.known is None else step.known
        limit = max(limits.gone_limit_count, known * limits.gone_limit_percent // 100)
        return f"{step.gone} of {known} known records would be gone" if step.gone > limit else ""

    def _changed(
        self, reader: Reader, checkpoint: Checkpoint, step: Step, deadline: float, *, goes_on: bool
    ) -> Measured:
        if self._parts.limits.change_limit_percent >= _ALL:
            return Measured(checkpoint.changed)
        suspects = self._suspects(reader, step.news)
        changed = checkpoint.changed + len(suspects)
        if not suspects or ((self.blind or not goes_on) and changed <= self._limit_of(changed)):
            return Measured(changed)
        if self.blind:
            text = f"{changed} records have changed in the source, and cannot be looked at while it does not answer"
            raise Transient(self._flow.target_system, text)
        weighed = self._weigh(suspects, deadline)
        changed = checkpoint.changed + weighed.most
        if changed <= self._limit_of(changed):
            return Measured(changed)
        linked = self._count_linked(changed, self._parts.limits.change_limit_percent)
        return Measured(changed, f"{changed} of {linked} linked records would change{_examples(weighed)}")

    def _suspects(self, reader: Reader, news: Sequence[Change]) -> list[Link]:
        """The linked records that are not as they were seen, by version or digest."""
        links = self._parts.state.links.load(self._flow.name, [change.id for change in news])
        return [links[of.id] for of in news if links[of.id].linked and reader.is_news(links[of.id], of)]

    def _weigh(self, suspects: Sequence[Link], deadline: float) -> Weighed:
        clock = self._parts.clock
        began = clock.monotonic()
        share = self._parts.limits.pull_budget_s / _SHARE_OF_BUDGET
        weighed = self._weighing.weigh(suspects, not_after=max(deadline, began + share))
        self.longest_s = max(self.longest_s, clock.monotonic() - began)
        return weighed

    def _limit_of(self, changed: int) -> int:
        """How many may change."""
        limits = self._parts.limits
        if changed <= limits.gone_limit_count:
            return limits.gone_limit_count
        percent = limits.change_limit_percent
        return max(limits.gone_limit_count, self._count_linked(changed, percent) * percent // 100)

    def _count_linked(self, count: int, percent: int) -> int:
        """How many records are linked, exactly when they are so few that `count` exceeds `percent` of them. Counts
        ahead, so that the pages of one walk together do not read the links again and again."""
        enough = -(-count * 100 // percent) if percent else 0
        if self._linked == self._counted_to < enough:
            self._counted_to = 2 * enough
            self._linked = self._parts.state.links.count_linked(self._flow.name, self._counted_to)
        return self._linked


def _examples(weighed: Weighed) -> str:
    """Some of those that would change. Ids and names of fields only: the text is logged."""
    named = "; ".join(map(_example, weighed.differing[:_EXAMPLES]))
    unread = f" ({weighed.unread} of them could not be looked at in time)" if weighed.unread else ""
    return f"{unread}, such as {named}," if named else unread


def _example(of: Differing) -> str:
    fields = ", ".join(of.what[:_FIELDS_OF_EXAMPLE])
    return f"{of.id} ({fields}{' ...' if len(of.what) > _FIELDS_OF_EXAMPLE else ''})"
