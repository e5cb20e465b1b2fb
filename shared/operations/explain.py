"""Why one record is, or is not, in step: in words, as data, and with what helps."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.counting import counted
from shared.mapping.verdicts import Filter
from shared.operations.acts import acts_of
from shared.operations.causers import causers_of
from shared.operations.examine import Examined, Examining
from shared.operations.lines import LineBeside, lines_beside
from shared.operations.side_by_side import SideBySide, side_by_side
from shared.operations.trace import Traced, TracedStep, Tracing
from shared.state.control import FlowControl, Gate
from shared.state.failures import Failure
from shared.state.history import OF_LINE, PUT_BACK, Entry, Histories
from shared.state.links import LinkState
from shared.sync.apply.claim import claim_ends_in
from shared.sync.apply.filters import in_words
from shared.sync.apply.outcome import Kind
from shared.sync.flow import Flow, OnTargetDeleted

_ENTRIES = 10
# How far back to look for the last write: a record may have been rejected many times since.
_LOOKED_AT = 1000
_WRITTEN = (Kind.CREATED, Kind.UPDATED)
_CAUSES_OF_TARGETS = ("finops.", "dataverse.", "outcome_unknown", "poison", "crashed")


@dataclass(frozen=True, slots=True)
class Explanation:
    """One record; `number` and `name` are those by which people know it. `beside` is what its target holds, `lines` are
    those of a document. `sentences` describe its state, `action` is what helps, empty if nothing is needed, and `acts`
    are the places and commands for it. `steps` are the records that it waits for, up to the first cause."""

    flow: str
    source: str
    target: str
    number: str
    name: str
    examined: Examined
    beside: SideBySide
    lines: tuple[LineBeside, ...]
    failure: Failure | None
    history: tuple[Entry, ...]
    sentences: tuple[str, ...]
    action: str
    acts: tuple[str, ...]
    steps: tuple[TracedStep, ...]


class Explaining:
    """Explains records of one flow."""

    def __init__(self, examining: Examining, flow: Flow) -> None:
        self._examining = examining
        self._state = examining.state
        self._flow = flow
        self._flows = examining.flows
        self._source = flow.source_system.label
        self._target = flow.target_system.label

    def explain(self, id: str, *, remembered: bool = False) -> Explanation:
        """Explain one record by its id; with `remembered` without a read of its target row. Raises SystemTrouble and
        StorageTrouble."""
        (examined,) = self._examining.examine(self._flow, [id])
        (beside,) = side_by_side(self._examining, self._flow, [examined], remembered=remembered)
        state = self._state
        failure = state.failures.load(self._flow.name, [id]).get(id)
        history = Histories(state.links.table).latest(self._flow.name, id, _LOOKED_AT)
        control = state.control.flow(self._flow.name)
        traced = self._traced(examined)
        sentences = [self._standing(examined), *self._last(history), self._now(examined, traced)]
        sentences += self._there(examined, beside)
        sentences += self._put_back(history)
        sentences += self._kept(examined)
        sentences += self._result(id)
        sentences += [*self._obstacles(control), *self._rival(examined.failure or failure)]
        if failure is not None:
            sentences.append(f"Listed as a failure since {failure.first_seen:%Y-%m-%d %H:%M} UTC: {failure.message}")
            if failure.dismissed:
                sentences.append(
                    f"Dismissed by an operator, and not tried again until it is retried: {failure.dismissed}"
                )
        action = self._action(examined, failure, control, traced, beside.failure)
        listed = examined.failure or failure
        return Explanation(
            flow=self._flow.name,
            source=self._source,
            target=self._target,
            number=self._flow.number_of(examined.row).strip(),
            name=self._flow.name_of(examined.row),
            examined=examined,
            beside=beside,
            lines=lines_beside(self._flow, examined, remembered=remembered),
            failure=failure,
            history=tuple(history[:_ENTRIES]),
            sentences=tuple(sentences),
            action=action,
            acts=acts_of(listed).words if listed is not None else (),
            steps=traced.steps if traced is not None else (),
        )

    def _standing(self, examined: Examined) -> str:
        link = examined.link
        if link.etag is None:
            return "The sync has not looked at it yet."
        if link.damage is not None:
            return f"Its link cannot be read: {link.damage}."
        held = claim_ends_in(link, self._examining.limits)
        busy = f" A worker is processing it, for at most {held:.0f} s more." if held else ""
        match link.state:
            case LinkState.WRITTEN if link.dirty:
                return f"It was written to {self._target} as {link.target_key}, but may differ there since.{busy}"
            case LinkState.WRITTEN:
                return f"It was in step when it was last checked, in {self._target} as {link.target_key}.{busy}"
            case LinkState.ENDED:
                return f"It was in {self._target} as {link.target_key} and has ended there.{busy}"
            case state:
                linked = f", in {self._target} as {link.target_key}" if link.linked else ""
                return f"Its state is {state}{linked}.{busy}"

    @staticmethod
    def _last(history: Sequence[Entry]) -> list[str]:
        written = next((entry for entry in history if entry.outcome in _WRITTEN), None)
        if written is None:
            return []
        return [f"Last written {written.time:%Y-%m-%d %H:%M:%S} UTC by run {written.run}: {', '.join(written.fields)}."]

    def _traced(self, examined: Examined) -> Traced | None:
        """Why a record waits, or is filtered because another one is."""
        return Tracing(self._examining, self._flow).trace(examined.parents) if examined.depends else None

    def _rival(self, failure: Failure | None) -> list[str]:
        """The state of the record that already has the key of this one."""
        if failure is None or failure.rival is None:
            return []
        flow, id = failure.rival
        link = self._state.links.load(flow, [id])[id]
        stands = f"is in {self._target} as {link.target_key}" if link.linked else f"is not linked: it is {link.state}"
        return [f"The other record, {flow} {id}, {stands}."]

    def _now(self, examined: Examined, traced: Traced | None) -> str:
        match examined.kind:
            case Kind.UNCHANGED:
                return f"Now: {self._source} and what was last written agree; there is nothing to write."
            case Kind.CREATED:
                fields = counted(len(examined.changes), "field")
                return f"Now: it would be created in {self._target} as {examined.key}, with {fields}."
            case Kind.UPDATED if examined.leaves:
                return f"Now: {examined.leaves} would be ended in {self._target}, and {examined.key} created instead."
            case Kind.UPDATED if examined.adopts:
                return f"Now: {examined.key} exists in {self._target} already, and would be adopted as this record."
            case Kind.UPDATED if not examined.writes:
                return f"Now: all its fields would be written to {self._target} again, to be sure."
            case Kind.UPDATED:
                return f"Now: {counted(len(examined.changes), 'field')} would change in {self._target}."
            case Kind.FILTERED:
                whose = f" It belongs to {traced.words}." if traced else ""
                return f"Now: it is not for {self._target}, because {self._rule(examined).meaning}.{whose}"
            case Kind.ENDED:
                ends = "has ended" if examined.link.state is LinkState.ENDED else "would end"
                return f"Now: it {ends}, because {self._rule(examined).meaning}; its row in {self._target} stays."
            case Kind.WAITING if traced:
                return f"Now: it waits for {traced.words}."
            case Kind.REJECTED if examined.failure is not None:
                return f"Now: it is rejected ({examined.failure.cause}): {examined.failure.message}"
            case Kind.DELETED:
                return f"Now: it does not exist in {self._source}."
            case kind:
                return f"Now: it is {kind} and is retried automatically."

    def _there(self, examined: Examined, beside: SideBySide) -> list[str]:
        """What the target holds, where that is not what was last written."""
        if not beside.is_looked_at:
            return []
        name, id = self._flow.name, beside.id
        mends = f"`p2c reconcile {name} {id} --repair`"
        if beside.is_gone_there and self._flow.route(examined.route).on_target_deleted is OnTargetDeleted.UNLINK:
            return [f"Its row is not in {self._target} any more; by the policy of the flow it stays deleted."]
        if beside.is_gone_there:
            return [f"Its row is not in {self._target} any more; {mends} creates it again."]
        if count := beside.changed_there:
            fields = f"{counted(count, 'field')} changed in {self._target} since"
            kept = f"the sync writes a field only when it changes in {self._source}"
            return [f"{fields}: {kept}; {mends} writes all of them."]
        if beside.failure is not None:
            return [f"{self._target} does not hold what it should: {beside.failure.message}"]
        if examined.kind is Kind.UNCHANGED and not examined.kept:
            return [f"{self._target} still holds what was last written."]
        return []

    def _put_back(self, history: Sequence[Entry]) -> list[str]:
        """What an operator has undone, as far as it was not written since."""
        told: list[str] = []
        since: set[str] = set()
        for entry in history:
            # A write names a line of a document as a whole.
            names = [name for name in entry.fields if since.isdisjoint((name, OF_LINE.sub(r"line \1", name)))]
            if entry.outcome == PUT_BACK and names:
                (by,) = causers_of(self._state.audit, [entry])
                when = f"{entry.time:%Y-%m-%d %H:%M:%S}"
                told.append(f"Put back at {when} UTC ({by}): {', '.join(names)}; a repair would reverse that.")
            if entry.outcome in (*_WRITTEN, PUT_BACK):
                since.update(entry.fields)
        return told

    def _kept(self, examined: Examined) -> list[str]:
        """The fields in which the target's own value stays."""
        names = ", ".join(examined.kept)
        decides = f"`p2c resolve {self._flow.name} {examined.id}` decides otherwise"
        return [f"What {self._target} has stays in {names}, though {self._source} differs; {decides}."] if names else []

    def _result(self, id: str) -> list[str]:
        """What keeps the result of a record from its columns in the source."""
        result = self._state.results.load(self._flow.name, id) if self._flow.results is not None else None
        if result is None:
            return []
        why = f"{self._source} has refused it: {result.message}" if result.cause else "a sweep writes it"
        return [f"Its result is not in its columns in {self._source} yet: {why}."]

    def _rule(self, examined: Examined) -> Filter:
        return in_words(examined.reason, self._flow, self._flows)

    def _obstacles(self, control: FlowControl) -> list[str]:
        if self._flow.off:
            return [f"The flow {self._flow.name} is off: {self._flow.off}."]
        found = []
        if control.paused:
            found.append(f"The flow {self._flow.name} is paused.")
        if control.blocked:
            found.append(f"The flow {self._flow.name} is blocked: {control.blocked}")
        for gate in self._gates():
            if gate.closed:
                said = f" It said: {gate.said}" if gate.said else ""
                found.append(f"{gate.system.label} is not reachable: {gate.reason}.{said}")
        return found

    def _gates(self) -> list[Gate]:
        systems = (self._flow.source_system, self._flow.target_system)
        return [self._state.control.gate(system) for system in systems]

    def _action(
        self,
        examined: Examined,
        failure: Failure | None,
        control: FlowControl,
        traced: Traced | None,
        there: Failure | None,
    ) -> str:
        """What helps. `there` is what is wrong in the target's own row."""
        if self._flow.off:
            return f"turn the flow {self._flow.name} on by its setting ({self._flow.off}), and resume it"
        if control.paused:
            return f"resume the flow {self._flow.name}"
        if control.blocked:
            return (
                f"check the reason of the block: accept {self._flow.name} if it is intended, or correct it and unblock"
            )
        if examined.failure is not None:
            return examined.failure.remedy
        if there is not None:
            return there.remedy
        closed = next((gate for gate in self._gates() if gate.closed), None)
        if closed is not None:
            return (
                "nothing for this record: it continues automatically as soon as "
                f"{closed.system.label} is reachable again"
            )
        match examined.kind:
            case Kind.WAITING if traced:
                return f"{traced.remedy}; this record continues automatically as soon as its parent is linked"
            case Kind.FILTERED if traced:
                return traced.remedy
            case Kind.FILTERED:
                return self._rule(examined).remedy
            case Kind.CREATED | Kind.UPDATED if failure is not None:
                return _retry(failure)
            case Kind.CREATED | Kind.UPDATED:
                return "nothing: the sync writes it the next time it checks it; run `p2c sync` to do it now"
        return _retry(failure) if failure is not None else ""


def _retry(failure: Failure) -> str:
    """What helps with a failure that cannot be reproduced by reading: only the target knows whether it is corrected."""
    of_target = failure.cause.startswith(_CAUSES_OF_TARGETS)
    return f"{failure.remedy}; then retry it" if of_target else "retry it: the cause has been corrected"
