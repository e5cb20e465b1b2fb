"""The source rows, read under the claim (protocol A4)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.state.failures import STATE_UNREADABLE
from shared.sync.apply.record import Concluded, Record
from shared.sync.damage import damage_of
from shared.sync.flow import Flow
from shared.sync.ports import Source


def read(source: Source, records: Sequence[Record]) -> Iterator[Record]:
    """Each record with its row as it is now; None if it does not exist. Raises SystemTrouble, and NotSent if there is
    no time for so many records."""
    rows = source.read([record.id for record in records])
    for record in records:
        yield replace(record, row=rows.get(record.id))


def reject_damaged(flow: Flow, records: Sequence[Record]) -> Iterator[Record | Concluded]:
    """List the records whose link is damaged. Apply has left them out when it claimed the others."""
    for record in records:
        if (damage := damage_of(record.link, flow)) is not None:
            yield record.rejected(STATE_UNREADABLE, str(damage), damage.remedy)
        else:
            yield record
