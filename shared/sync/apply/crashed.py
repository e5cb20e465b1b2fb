"""Records that end their workers: they are listed and not processed, so that no further worker ends (protocol F5). The
claim that such a worker leaves in the link is the only trace of it: no message and no row is written."""

from collections.abc import Iterator, Sequence

from shared.sync.apply.record import Concluded, Record

CRASHED = "crashed"
"""The cause of a record that workers do not finish."""

# The host ends with the third worker that dies. One of these two may have died of another record in its message.
_MOST_UNFINISHED = 2
_MESSAGE = (
    "{count} workers in a row have started this record and not finished it: they have died, or ended with an error"
)
_REMEDY = (
    "read the errors of the flow's apply function; if there are none, the worker was killed: check its memory, and "
    "what is unusually large in this record. The sync retries the record automatically, alone"
)


def list_crashed(records: Sequence[Record]) -> Iterator[Record | Concluded]:
    """List the records that workers do not finish as failures."""
    for record in records:
        if record.link.claim.unfinished >= _MOST_UNFINISHED:
            yield record.rejected(CRASHED, _MESSAGE.format(count=record.link.claim.unfinished), _REMEDY)
        else:
            yield record
