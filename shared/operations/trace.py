"""What a record waits for, from record to record, to the one that must move first; and what waits for a record."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.clock import Clock
from shared.mapping.verdicts import Parent
from shared.operations.examine import Examined, Examining
from shared.state.storage.tables import escape
from shared.sync.apply.filters import in_words
from shared.sync.apply.judge import PARENT_FILTERED
from shared.sync.apply.outcome import Kind
from shared.sync.apply.parents import is_looked_at, owner_of
from shared.sync.flow import Flow, dependents, waiting_for_looks
from shared.sync.state import State

_TOLD = 3
# No flow waits for itself, not even through others: a longer chain is a defect.
_LONGEST = 10
_READS_S = 0.5


@dataclass(frozen=True, slots=True)
class TracedStep:
    """A record on the way to the first cause. `depth` counts the records between it and the one that is explained;
    `number` and `name` are those by which people know it, empty if it has none. `outcome` is what apply would make of
    it, empty if no record is linked under a key; `cause` is the rule or the cause that keeps it from its target, empty
    if another record does, or none. `words` describe its state, and `remedy` is what helps, empty if that is with
    another record."""

    depth: int
    flow: str
    id: str
    number: str
    name: str
    outcome: str
    cause: str
    words: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Traced:
    """`words` name each record on the way, with its state and the reason; `remedy` is what helps at the end of it;
    `steps` are the same records one by one, each before those that it waits for."""

    words: str
    remedy: str
    steps: tuple[TracedStep, ...]


@dataclass(frozen=True, slots=True)
class Child:
    """A record that waits for another one."""

    flow: str
    id: str


class Tracing:
    """Follows records of a flow to the ones that they wait for."""

    def __init__(self, examining: Examining, flow: Flow) -> None:
        self._examining = examining
        self._flow = flow

    def trace(self, parents: Sequence[Parent]) -> Traced:
        """The state of records that another one waits for. Raises SystemTrouble and StorageTrouble."""
        return self._trace(self._flow, parents, 0)

    def _trace(self, child: Flow, parents: Sequence[Parent], depth: int) -> Traced:
        found = [self._one(child, parent, depth) for parent in parents[:_TOLD]]
        more = f", and {len(parents) - _TOLD} more" if len(parents) > _TOLD else ""
        words = "; and for ".join(each.words for each in found) + more
        return Traced(words, found[0].remedy, tuple(step for each in found for step in each.steps))

    def _one(self, child: Flow, parent: Parent, depth: int) -> Traced:
        if parent.is_by_key:
            owner = owner_of(self._examining.state, child.company, parent)
            if owner is None:
                return _not_there(child, parent, depth) if parent.flow in child.finders else _nobody(parent, depth)
            parent = Parent(owner.flow, owner.route, owner.id)
        flow = self._examining.flows[parent.flow]
        (examined,) = self._examining.examine(flow, [parent.id])
        name = _known_as(flow, examined)
        if examined.depends and depth < _LONGEST:
            further = self._trace(flow, examined.parents, depth + 1)
            why = "is filtered with" if examined.reason.startswith(PARENT_FILTERED) else "waits for"
            step = _step(depth, flow, examined, words=f"{why} {_of_step(further.steps[0])}", remedy="")
            return Traced(f"{name}, which {why} {further.words}", further.remedy, (step, *further.steps))
        words, remedy = self._state(parent, flow, examined, name)
        return Traced(f"{name}, which {words}", remedy, (_step(depth, flow, examined, words=words, remedy=remedy),))

    def _state(self, parent: Parent, flow: Flow, examined: Examined, name: str) -> tuple[str, str]:
        match examined.kind:
            case Kind.FILTERED | Kind.ENDED | Kind.DELETED if parent.is_look and is_looked_at(flow, examined.link):
                pass
            case Kind.REJECTED if examined.failure is not None:
                failure = examined.failure
                return f"is rejected: {failure.cause}: {failure.message}", f"{name}: {failure.remedy}"
            case Kind.FILTERED | Kind.ENDED:
                rule = in_words(examined.reason, flow, self._examining.flows)
                return f"is not for {flow.target_system.label}, because {rule.meaning}", f"{name}: {rule.remedy}"
            case Kind.DELETED:
                source = flow.source_system.label
                return f"does not exist in {source}", f"choose another record than {name} in {source}"
        stands = self._standstill(flow)
        if parent.is_look:
            words = "is to be looked at before"
            stopped = f"let the flow {flow.name} run again: it is {stands}"
            soon = f"nothing: the sync looks at {name} now, which takes minutes"
            return (f"{words}: the flow {flow.name} is {stands}", stopped) if stands else (words, soon)
        linked = examined.link.linked
        state = f"is linked, but not as {parent.route} yet" if linked else "is not written yet"
        if stands:
            return f"{state}: the flow {flow.name} is {stands}", f"let the flow {flow.name} run again: it is {stands}"
        remedy = f"nothing: the sync writes {name} the next time it checks it; run `p2c sync` for that one to do it now"
        return state, remedy

    def _standstill(self, flow: Flow) -> str:
        control = self._examining.state.control.flow(flow.name)
        if flow.off:
            return f"off: {flow.off}"
        return "paused" if control.paused else f"blocked: {control.blocked}" if control.blocked else ""


def some_children_of(
    state: State, flows: Mapping[str, Flow], flow: str, id: str, *, clock: Clock, after: str = ""
) -> tuple[list[Child], str | None]:
    """The records that wait for a record, on any of its routes, or under a key that it owns; in parts. It may be waited
    for at several places, each a range of rows with a name: those that wait at the places behind the name `after`, and
    the name to go on with (None: the end). A record that waits at several places may be found in several parts. After
    half a second no further place is read. Raises StorageTrouble."""
    found: dict[Child, None] = {}
    not_after = clock.monotonic() + _READS_S
    # The places may have changed since the part before: the record may own other keys by now.
    places = _waited_for(state, flows, flow, id)
    names = sorted(name for name in places if name > after)
    for name in names:
        found |= dict.fromkeys(_children_at(state, *places[name]))
        if name != names[-1] and clock.monotonic() >= not_after:
            return list(found), name
    return list(found), None


def _waited_for(state: State, flows: Mapping[str, Flow], flow: str, id: str) -> dict[str, tuple[str, Parent]]:
    """The flows whose records may wait for a record, each with one of the parents that the record is for them; by the
    name of that place."""
    link = state.links.load(flow, [id])[id]
    routes = flows[flow].routes
    keys = [Parent.with_key(routes[route].entity, key) for route, key in sorted(link.owned) if route in routes]
    parents = [*(Parent(flow, route, id) for route in routes), *keys]
    waited_for = [(other.name, parent) for other in dependents(flows, flow) for parent in parents]
    waited_for += [(other.name, Parent.looked_at(flow, id)) for other in waiting_for_looks(flows, flow)]
    return {escape(f"{other}|{at.flow}|{at.route}|{at.id}"): (other, at) for other, at in waited_for}


def _children_at(state: State, flow: str, parent: Parent) -> list[Child]:
    return [Child(flow, child) for child in state.waits.of_parents(flow, parent.flow, parent.route, [parent.id])]


def _step(depth: int, flow: Flow, examined: Examined, *, words: str, remedy: str) -> TracedStep:
    cause = examined.failure.cause if examined.failure is not None else examined.reason
    return TracedStep(
        depth,
        flow.name,
        examined.id,
        _number(flow, examined),
        flow.name_of(examined.row),
        str(examined.kind),
        cause if remedy else "",
        words,
        remedy,
    )


def _of_step(step: TracedStep) -> str:
    return f"{step.flow} {step.number or step.id}"


def _nobody(parent: Parent, depth: int) -> Traced:
    """A key that no record owns, so none has been written under it."""
    words, remedy = "no record is linked", f"create or link the record that is {parent.id} in {parent.flow}"
    step = TracedStep(depth, parent.flow, parent.id, parent.id, "", "", "", f"under which {words}", remedy)
    return Traced(f"{parent.flow} {parent.id}, under which {words}", remedy, (step,))


def _not_there(child: Flow, parent: Parent, depth: int) -> Traced:
    """A row that is looked for in the target, whoever makes it, and that is not there."""
    target, number = child.target_system.label, parent.id.upper()
    words = f"which {target} does not have"
    remedy = f"see that {target} has {number} in {parent.flow}: by the flow that writes it, or by hand"
    step = TracedStep(depth, parent.flow, parent.id, number, "", "", "", words, remedy)
    return Traced(f"{parent.flow} {number}, {words}", remedy, (step,))


def _known_as(flow: Flow, examined: Examined) -> str:
    """A record as people know it: by its number and name, and by its id if that is not the number."""
    number, name = _number(flow, examined), flow.name_of(examined.row)
    named = [flow.name, number, f'"{name}"' if name else "", f"({examined.id})" if number != examined.id else ""]
    return " ".join(part for part in named if part) if number else f"{flow.name} {examined.id}"


def _number(flow: Flow, examined: Examined) -> str:
    given = examined.row.values.get(flow.number_column) if examined.row is not None else None
    return str(given or examined.key or examined.link.target_key or "").strip()
