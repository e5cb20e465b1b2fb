"""Answers $batch: many requests in one body, each on its own or as part of a change set."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from urllib.parse import unquote

from local.finops.refusals import bad_request
from local.simulator.messages import Reply, Request
from local.simulator.multipart import (
    Answer,
    Answered,
    BatchMalformed,
    ChangeSet,
    Member,
    Part,
    batch_reply,
    parts_of,
    read_batch,
)

LIMIT = 5000


class _ChangeSetFailed(Exception):
    """A request of a change set was refused, which undoes the others."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Batch:
    """Carries out batches: `handler` answers one request, `writing` opens a transaction."""

    handler: Callable[[Request], Reply]
    writing: Callable[[], AbstractContextManager[None]]

    def answer(self, request: Request) -> Reply:
        """All answers: always 200, because no member of a batch depends on another.

        Raises Refused (400) for a body that is not a batch.
        """
        return batch_reply(200, [self._answered(member) for member in _members(request)])

    def _answered(self, member: Member) -> Answered:
        match member:
            case Part(request, content_id):
                return Answer(self.handler(request), content_id)
            case ChangeSet(parts):
                try:
                    with self.writing():
                        return tuple(self._written(part) for part in parts)
                except _ChangeSetFailed as failed:
                    # All of a set is saved at its end: the error names the first request, whichever was at fault.
                    return Answer(failed.reply, parts[0].content_id)

    def _written(self, part: Part) -> Answer:
        answer = Answer(self.handler(part.request), part.content_id)
        if answer.failed:
            raise _ChangeSetFailed(answer.reply)
        return answer


def _members(request: Request) -> tuple[Member, ...]:
    try:
        members = read_batch(request, folder="/data/")
    except BatchMalformed as error:
        raise bad_request(str(error)) from error
    parts = parts_of(members)
    if len(parts) > LIMIT:
        raise bad_request(f"The batch has {len(parts)} operations; it can have {LIMIT} at most.")
    if any("/$batch" in unquote(part.request.raw_path) for part in parts):
        raise bad_request("A batch cannot contain another batch.")
    return members
