"""What the target holds now, beside what was last written and what would be written.

What is remembered as written says nothing about later edits in the target. So the records of a batch are examined once
more without it: what differs then is what the target holds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.operations.examine import Examined, Examining, FieldChange
from shared.records import Json
from shared.state.failures import Failure
from shared.sync.apply.claim import is_clean
from shared.sync.apply.outcome import Kind
from shared.sync.flow import TARGET_DELETED, Flow, Route

_AT_A_TIME = 100
_COMPARED = (Kind.UNCHANGED, Kind.UPDATED)


@dataclass(frozen=True, slots=True)
class FieldValues:
    """A field of the target: as it is `there` now, as it was last `written`, and as it would be written (`new`), if
    anything would be: `writes`. `changed_there` says that somebody else has changed it since. `line` is the number of a
    document's line, None for its header; what was last written of a line is not remembered. `stays` says that the
    target's value is not written over, by a policy or an operator's decision. `same` says that the target holds already
    what would be written."""

    field: str
    there: Json
    written: Json
    new: Json
    writes: bool
    changed_there: bool
    line: int | None = None
    stays: bool = False
    same: bool = False


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One record, by its id, with the fields that would be written, or that others have changed. `is_looked_at` says
    that the target was read, and `is_gone_there` that the record's row is not there any more. `failure` says why the
    record would be rejected if its row was read, though nothing has changed in the source."""

    id: str
    values: tuple[FieldValues, ...]
    is_looked_at: bool = False
    is_gone_there: bool = False
    failure: Failure | None = None

    @property
    def changed_there(self) -> int:
        """How many fields others have changed since they were last written, but for those in which that stays."""
        return sum(each.changed_there and not each.stays for each in self.values)


def side_by_side(
    examining: Examining, flow: Flow, examined: Sequence[Examined], *, remembered: bool = False
) -> list[SideBySide]:
    """Every record, in the same order, read in batches. With `remembered` the target is not read. Raises SystemTrouble
    and StorageTrouble."""
    linked = [each.id for each in examined if each.link.linked and is_clean(each.link) and each.kind in _COMPARED]
    compared: dict[str, Examined] = {}
    for at in range(0, 0 if remembered else len(linked), _AT_A_TIME):
        again = examining.examine(flow, linked[at : at + _AT_A_TIME], trust=False)
        compared |= {each.id: each for each in again}
    return [_beside(flow, each, compared.get(each.id)) for each in examined]


def _beside(flow: Flow, examined: Examined, compared: Examined | None) -> SideBySide:
    if compared is None:
        # A record that is new, or that the target was read for already.
        return SideBySide(examined.id, tuple(_remembered(examined)), is_looked_at=not is_clean(examined.link))
    if compared.kind is Kind.CREATED or (compared.kind is Kind.FILTERED and compared.reason == TARGET_DELETED):
        return SideBySide(examined.id, tuple(_remembered(examined)), is_looked_at=True, is_gone_there=True)
    values = tuple(_compared(flow.route(examined.route), examined, compared))
    return SideBySide(examined.id, values, is_looked_at=True, failure=compared.failure)


def _remembered(examined: Examined) -> Iterator[FieldValues]:
    applied = examined.link.content.applied
    for change in examined.changes:
        written = applied.get(change.field) if change.line is None else change.old
        yield FieldValues(change.field, change.old, written, change.new, True, False, change.line)


def _compared(route: Route, examined: Examined, compared: Examined) -> Iterator[FieldValues]:
    would, differ = _by_field(examined), _by_field(compared)
    applied = examined.link.content.applied
    for at in dict.fromkeys((*would, *differ)):
        field, line = at
        change = would.get(at) or differ[at]
        there = differ[at].old if at in differ else change.new
        if line is not None:
            yield FieldValues(field, there, None, change.new, at in would, False, line, same=at not in differ)
            continue
        written = applied.get(field)
        is_same = field not in applied or route.rules.agree(field, written, there)
        if at in would or not is_same:
            yield FieldValues(field, there, written, change.new, at in would, not is_same, same=at not in differ)
    for field, there in compared.kept.items():
        yield FieldValues(field, there, applied.get(field), None, writes=False, changed_there=True, stays=True)


def _by_field(of: Examined) -> dict[tuple[str, int | None], FieldChange]:
    return {(change.field, change.line): change for change in of.changes}
