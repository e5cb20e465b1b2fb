"""Records that end their workers: listed instead of worked on, so that they do not end one after the other (protocol
F5). A claim that nobody has cleared tells of them, so no message and no row is written for it."""

from collections.abc import Sequence

from shared.state.links import LinkState
from shared.sync.judging import new_failure
from shared.sync.parts import Parts
from shared.sync.work import Kind, Work

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


def list_crashed(parts: Parts, works: Sequence[Work]) -> None:
    """Let those records be failures that workers do not come to the end of."""
    for work in works:
        if work.link.unfinished >= _MOST_UNFINISHED:
            message = _MESSAGE.format(count=work.link.unfinished)
            failure = new_failure(parts, work, CRASHED, message, _REMEDY)
            work.end(Kind.REJECTED, LinkState.REJECTED, reason=failure.cause, failure=failure)
