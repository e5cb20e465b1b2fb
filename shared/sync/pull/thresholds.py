"""How much a walk may remove or change before its flow waits for an operator (protocol P4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.clock import Clock
from shared.errors import NotSent, Transient
from shared.records import Change
from shared.state.checkpoints import Checkpoint
from shared.state.control import FlowControl
from shared.state.links import Link
from shared.sync.apply.parents import parent_links
from shared.sync.flow import Flow
from shared.sync.limits import Limits
from shared.sync.pull.changes import Reader, Step
from shared.sync.pull.weigh import Differing, Weighed, Weighing
from shared.sync.state import State

_ALL = 100
_EXAMPLES = 3
_FIELDS_OF_EXAMPLE = 4
# A page read shortly before the pull's end is still looked at, for a while: the function has more time.
_SHARE_OF_BUDGET = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """How many linked records the walk changes so far, and which limit it exceeds; empty if none. `gone` and
    `shown_changed` are the counts that the excess names (0: not that one)."""

    changed: int
    excess: str = ""
    gone: int = 0
    shown_changed: int = 0


@dataclass(frozen=True, slots=True)
class _Part:
    """A walk up to one of its pages: how many are gone and changed, and whether that is too many."""

    changed: int
    differing: tuple[Differing, ...] = ()
    unread: int = 0
    gone: int = 0
    too_many_gone: bool = False
    too_many_changed: bool = False

    @property
    def is_excess(self) -> bool:
        return self.too_many_gone or self.too_many_changed

    def with_next(self, part: "_Part") -> "_Part":
        """The walk up to a later page. Reads confirm the count of what was not met at the end of a walk later: the
        highest count is kept."""
        return replace(
            part,
            differing=(*self.differing, *part.differing)[:_EXAMPLES],
            unread=self.unread + part.unread,
            gone=max(self.gone, part.gone),
            too_many_gone=self.too_many_gone or part.too_many_gone,
            too_many_changed=self.too_many_changed or part.too_many_changed,
        )


class Thresholds:
    """Measures one walk, page by page.

    A record counts as changed if its mapped content is not the applied content. To know that costs a read of the
    source, so versions and digests are compared first: on the last page of a walk only as many changes as would block
    the flow are looked at. On a page that others follow all are: what is counted there cannot be looked at again.

    A walk that exceeds a limit is measured to its end before anything of it is sent: an operator sees all of it. What
    was accepted raises the limits of that walk only.
    """

    def __init__(self, flow: Flow, *, state: State, clock: Clock, limits: Limits) -> None:
        self._links = state.links
        self._control = state.control
        self._clock = clock
        self._limits = limits
        self._flow = flow
        self._weighing = Weighing(flow, links_of=parent_links(state, flow), clock=clock)
        self._linked, self._counted_to = 0, 0
        self.longest_s = 0.0
        """The longest time that a look at a page has taken."""
        self.blind = False
        """Whether the target does not answer the look-ups of the mapping: then no record can be looked at."""

    def measure(self, reader: Reader, checkpoint: Checkpoint, step: Step, deadline: float) -> Measured:
        """Whether the walk may continue with a page. If it may not, the reader has read to the end of the walk. Raises
        SystemTrouble if the source does not answer, or if the target does not answer and so many records may have
        changed that they must be looked at."""
        part = self._part(reader, checkpoint, step, deadline)
        if not part.is_excess:
            return Measured(part.changed)
        walk, known, ended = checkpoint.walk.id, step.known, step.after.walk.id != checkpoint.walk.id
        while not ended and self._clock.monotonic() < deadline:
            checkpoint = step.after.with_changed(part.changed)
            try:
                step = reader.next(checkpoint)
                part = part.with_next(self._part(reader, checkpoint, step, deadline))
            except NotSent:
                break
            known = step.known if step.known is not None else known
            if step.after.position.restarts > checkpoint.position.restarts:
                break
            ended = step.after.walk.id != walk
        return self._shown(part, known, ended=ended)

    def _part(self, reader: Reader, checkpoint: Checkpoint, step: Step, deadline: float) -> _Part:
        goes_on = step.after.walk.id == checkpoint.walk.id
        possible = checkpoint.walk.changed + len(step.news)
        floor = self._limits.gone_limit_count
        if max(step.gone, possible) <= floor and not (goes_on and step.news):
            return _Part(possible, gone=step.gone)
        beyond = self._is_gone_beyond(step, checkpoint.walk.id)
        if beyond and self.blind:
            return _Part(checkpoint.walk.changed, gone=step.gone, too_many_gone=True)
        part = self._changed(reader, checkpoint, step, deadline, goes_on=goes_on)
        return replace(part, gone=step.gone, too_many_gone=beyond)

    def _is_gone_beyond(self, step: Step, walk: str) -> bool:
        limits = self._limits
        if step.gone <= limits.gone_limit_count:
            return False
        limit = self._known(step.gone, step.known) * limits.gone_limit_percent // 100
        return step.gone > max(limits.gone_limit_count, limit) and step.gone > self._accepted(walk).accepted_gone

    def _known(self, gone: int, known: int | None) -> int:
        return self._count_linked(gone, self._limits.gone_limit_percent) if known is None else known

    def _accepted(self, walk: str) -> FlowControl:
        """How far an operator lets a walk go."""
        control = self._control.flow(self._flow.name)
        return control if control.accepted_walk == walk else FlowControl(self._flow.name)

    def _changed(self, reader: Reader, checkpoint: Checkpoint, step: Step, deadline: float, *, goes_on: bool) -> _Part:
        if self._limits.change_limit_percent >= _ALL:
            return _Part(checkpoint.walk.changed)
        suspects = self._suspects(reader, step.news)
        changed = checkpoint.walk.changed + len(suspects)
        if not suspects or ((self.blind or not goes_on) and not self._is_change_beyond(changed, checkpoint.walk.id)):
            return _Part(changed)
        if self.blind:
            text = f"{changed} records have changed in the source, and cannot be looked at while it does not answer"
            raise Transient(self._flow.target_system, text)
        weighed = self._weigh(suspects, deadline)
        changed = checkpoint.walk.changed + weighed.most
        beyond = self._is_change_beyond(changed, checkpoint.walk.id)
        return _Part(changed, weighed.differing, weighed.unread, too_many_changed=beyond)

    def _suspects(self, reader: Reader, news: Sequence[Change]) -> list[Link]:
        """The linked records whose version or digest is not the one that was seen."""
        links = self._links.load(self._flow.name, [change.id for change in news])
        return [links[each.id] for each in news if links[each.id].linked and reader.is_news(links[each.id], each)]

    def _weigh(self, suspects: Sequence[Link], deadline: float) -> Weighed:
        began = self._clock.monotonic()
        share = self._limits.pull_budget_s / _SHARE_OF_BUDGET
        weighed = self._weighing.weigh(suspects, not_after=max(deadline, began + share))
        self.longest_s = max(self.longest_s, self._clock.monotonic() - began)
        return weighed

    def _is_change_beyond(self, changed: int, walk: str) -> bool:
        """Whether more have changed than the limit allows. People continue to work while an operator looks: besides
        what was accepted, as many may change as never block a flow."""
        floor, percent = self._limits.gone_limit_count, self._limits.change_limit_percent
        if changed <= floor or changed <= self._count_linked(changed, percent) * percent // 100:
            return False
        accepted = self._accepted(walk).accepted_changed
        return not accepted or changed > accepted + floor

    def _count_linked(self, count: int, percent: int) -> int:
        """How many records are linked; exact if they are so few that `count` exceeds `percent` of them. Counts ahead:
        the pages of one walk must not read the links again and again."""
        enough = -(-count * 100 // percent) if percent else 0
        if self._linked == self._counted_to < enough:
            self._counted_to = 2 * enough
            self._linked = self._links.count_linked(self._flow.name, self._counted_to)
        return self._linked

    def _shown(self, part: _Part, known: int | None, *, ended: bool) -> Measured:
        """What an operator is shown, and accepts."""
        told: list[str] = []
        if part.too_many_gone:
            told.append(f"{part.gone} of {self._known(part.gone, known)} known records would be gone")
        if part.too_many_changed:
            linked = self._count_linked(part.changed, self._limits.change_limit_percent)
            told.append(f"{part.changed} of {linked} linked records would change{_examples(part)}")
        excess = f"{'' if ended else 'at least '}{' and '.join(told)}"
        return Measured(
            part.changed,
            excess if ended else f"{excess} (it was not measured to its end: more than that will block again)",
            gone=part.gone if part.too_many_gone else 0,
            shown_changed=part.changed if part.too_many_changed else 0,
        )


def _examples(of: _Part) -> str:
    """Some of the records that would change. Only ids and names of fields: the text is logged."""
    named = "; ".join(map(_example, of.differing[:_EXAMPLES]))
    unread = f" ({of.unread} of them could not be looked at in time)" if of.unread else ""
    return f"{unread}, such as {named}," if named else unread


def _example(of: Differing) -> str:
    fields = ", ".join(of.what[:_FIELDS_OF_EXAMPLE])
    return f"{of.id} ({fields}{' ...' if len(of.what) > _FIELDS_OF_EXAMPLE else ''})"
