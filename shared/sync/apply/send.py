"""The planned writes, sent to the target (protocol A8)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.errors import PartlyApplied
from shared.sync.apply.record import Planned, Sent
from shared.sync.ports import Target


def send(target: Target, planned: Sequence[Planned], *, not_after: float) -> Iterator[Sent]:
    """Send every write, none after `not_after` on the monotonic clock. Each record gets the target's answer. If only a
    first part of a record was applied, the record is no longer trusted."""
    if not planned:
        return
    by_id = {each.id: each for each in planned}
    for id, answer in target.write([each.write for each in planned], not_after=not_after).items():
        of = by_id[id]
        if isinstance(answer, PartlyApplied):
            yield Sent(of.with_record(replace(of.record, trusted=False)), answer.error, is_begun=True)
        else:
            yield Sent(of, answer)
