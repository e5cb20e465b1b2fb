"""What a record waits for, from record to record, to the one that must move first."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.mapping.verdicts import Parent
from shared.operations.examine import Examined, Examining
from shared.operations.filters import in_words
from shared.sync.apply.judge import PARENT_FILTERED
from shared.sync.apply.outcome import Kind
from shared.sync.apply.parents import owner_of
from shared.sync.flow import Flow

_TOLD = 3
# No flow waits for itself, not even through others: a longer chain is a defect.
_LONGEST = 10


@dataclass(frozen=True, slots=True)
class Traced:
    """`words` name each record on the way, with its state and the reason; `remedy` is what helps at the end of it."""

    words: str
    remedy: str


class Tracing:
    """Follows records to the ones that they wait for, in one company."""

    def __init__(self, examining: Examining, company: str) -> None:
        self._examining = examining
        self._company = company

    def trace(self, parents: Sequence[Parent]) -> Traced:
        """The state of records that another one waits for. Raises SystemTrouble and StorageTrouble."""
        return self._trace(parents, _LONGEST)

    def _trace(self, parents: Sequence[Parent], left: int) -> Traced:
        found = [self._one(parent, left) for parent in parents[:_TOLD]]
        more = f", and {len(parents) - _TOLD} more" if len(parents) > _TOLD else ""
        return Traced("; and for ".join(each.words for each in found) + more, found[0].remedy)

    def _one(self, parent: Parent, left: int) -> Traced:
        if parent.is_by_key:
            owner = owner_of(self._examining.state, self._company, parent)
            if owner is None:
                return _nobody(parent)
            parent = Parent(owner.flow, owner.route, owner.id)
        flow = self._examining.flows[parent.flow]
        (examined,) = self._examining.examine(flow, [parent.id])
        name = _name(flow, examined)
        if examined.depends and left:
            further = self._trace(examined.parents, left - 1)
            why = "is filtered with" if examined.reason.startswith(PARENT_FILTERED) else "waits for"
            return Traced(f"{name}, which {why} {further.words}", further.remedy)
        words, remedy = self._state(parent, flow, examined, name)
        return Traced(f"{name}, which {words}", remedy)

    def _state(self, parent: Parent, flow: Flow, examined: Examined, name: str) -> tuple[str, str]:
        match examined.kind:
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


def _nobody(parent: Parent) -> Traced:
    """A key that no record owns, so none has been written under it."""
    words = f"{parent.flow} {parent.id}, under which no record is linked"
    return Traced(words, f"create or link the record that is {parent.id} in {parent.flow}")


def _name(flow: Flow, examined: Examined) -> str:
    """A record as people know it: by its number, and by its id if that differs."""
    given = examined.row.values.get(flow.number_column) if examined.row is not None else None
    number = str(given or examined.key or examined.link.target_key or "").strip()
    return f"{flow.name} {number} ({examined.id})" if number and number != examined.id else f"{flow.name} {examined.id}"
