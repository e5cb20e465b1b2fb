"""Records that end their workers: listed instead of worked on, so that they do not end one after the other (protocol
F5). A claim that nobody has cleared tells of them, so no message and no row is written for it."""

from collections.abc import Iterator, Sequence

from shared.sync.apply.record import Concluded, Record

CRASHED = "crashed"
"""The cause of a record that workers do not come to the end of."""

# The host ends with the third worker that dies. Of these two one may have died of a neighbour in the same message.
_MOST_UNFINISHED = 2
_MESSAGE = (
    "{count} workers in a row have taken this record in their hands and have not come to its end: they have died, or "
    "ended with an error"
)
_REMEDY = (
    "read the errors of the flow's apply function; where there is none the worker was killed: look at its memory, and "
    "at what is unusually large in this record. The sync tries the record again by itself, alone"
)


def list_crashed(records: Sequence[Record]) -> Iterator[Record | Concluded]:
    """Let those records be failures that workers do not come to the end of."""
    for record in records:
        if record.link.claim.unfinished >= _MOST_UNFINISHED:
            yield record.rejected(CRASHED, _MESSAGE.format(count=record.link.claim.unfinished), _REMEDY)
        else:
            yield record
