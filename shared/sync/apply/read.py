"""The source rows, read under the claim (protocol A4)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from shared.sync.apply.record import Record
from shared.sync.ports import Source


def read(source: Source, records: Sequence[Record]) -> Iterator[Record]:
    """Each record with its row as it is now, None where it does not exist. Raises SystemTrouble, and NotSent when
    there is no time for so many."""
    rows = source.read([record.id for record in records])
    for record in records:
        yield replace(record, row=rows.get(record.id))
