"""The source rows, read under the claim (protocol A4)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.sync.apply.record import Record
from shared.sync.flow import Flow, Tracked
from shared.sync.ports import Source


def read(source: Source, records: Sequence[Record]) -> Iterator[Record]:
    """Each record with its row as it is now, None where it does not exist. Raises SystemTrouble, and NotSent when
    there is no time for so many."""
    rows = source.read([record.id for record in records])
    for record in records:
        yield replace(record, row=rows.get(record.id))


def remember_parts(flow: Flow, records: Sequence[Record]) -> None:
    """Keep what the records consist of: a part that was made since the last pull, and is deleted before the next one,
    is known only from here (protocol P2). Raises StorageTrouble."""
    if isinstance(flow.feed, Tracked):
        flow.feed.remember_parts(record.row for record in records if record.row is not None)
