"""Answers $batch: requests that come in one body are carried out one after the other."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from local.dataverse.refusals import Refused, content_id_missing, wrong_request
from local.simulator.messages import Reply, Request
from local.simulator.multipart import (
    Answer,
    Answered,
    BatchMalformed,
    ChangeSet,
    Member,
    Part,
    batch_reply,
    check_ids,
    parts_of,
    read_batch,
)
from local.simulator.store import Store
from shared import exact_json
from shared.records import Json

LIMIT = 1000
# Who asks is said once, for the whole batch.
_INHERITED = ("Authorization", "CallerObjectId", "MSCRMCallerID")
_CONTINUE = frozenset({"odata.continue-on-error", "odata.continue-on-error=true"})
_REFERENCE = re.compile(r"\$(?P<id>[^/$]+)")

References = Mapping[str, str]
"""The addresses of the rows that a change set has written so far, by Content-ID."""


class _ChangeSetFailed(Exception):
    """A request of a change set was refused, which undoes the others."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Batch:
    """Carries out batches on the rows of a store: `handler` answers one request or raises Refused, which `refusal`
    turns into its answer."""

    store: Store
    handler: Callable[[Request], Reply]
    refusal: Callable[[Refused], Reply]

    def answer(self, request: Request) -> Reply:
        """All answers; up to and including the first failure, unless the caller prefers to continue.

        What was written before a failure stays, except in its own change set. Raises Refused (400) for a body that is
        not a batch.
        """
        goes_on = _goes_on(request)
        answers: list[Answered] = []
        for member in _members(request):
            answered = self._answered(member)
            answers.append(answered)
            if not goes_on and isinstance(answered, Answer) and answered.failed:
                return batch_reply(400, answers)
        return batch_reply(200, answers)

    def _answered(self, member: Member) -> Answered:
        match member:
            case Part():
                return self._one(member, {})
            case ChangeSet():
                try:
                    with self.store.transaction():
                        return self._all(member)
                except _ChangeSetFailed as failed:
                    return failed.answer

    def _all(self, change_set: ChangeSet) -> tuple[Answer, ...]:
        """The answers to every request of a change set. Raises _ChangeSetFailed with the first refusal."""
        written: dict[str, str] = {}
        answers: list[Answer] = []
        for part in change_set.parts:
            answer = self._one(part, written)
            if answer.failed:
                raise _ChangeSetFailed(answer)
            answers.append(answer)
            address = answer.reply.headers.get("OData-EntityId")
            if part.content_id is not None and address is not None:
                written[part.content_id] = address
        return tuple(answers)

    def _one(self, part: Part, written: References) -> Answer:
        try:
            reply = self.handler(_resolved(part.request, written))
        except Refused as refused:
            reply = self.refusal(refused)
        return Answer(reply, part.content_id)


def _members(request: Request) -> tuple[Member, ...]:
    try:
        members = read_batch(request, inherited=_INHERITED)
        parts = parts_of(members)
        check_ids(parts)
    except BatchMalformed as error:
        raise wrong_request(str(error)) from error
    if len(parts) > LIMIT:
        raise wrong_request(f"The batch has {len(parts)} requests; it can have {LIMIT} at most.")
    if any("/$batch" in unquote(part.request.raw_path) for part in parts):
        raise wrong_request("A batch cannot contain another batch.")
    return members


def _goes_on(request: Request) -> bool:
    preferences = (request.header("Prefer") or "").lower().split(",")
    return any(preference.strip() in _CONTINUE for preference in preferences)


def _resolved(request: Request, written: References) -> Request:
    """The request with addresses in place of $<Content-ID>. Raises Refused (400) for a reference to a request that is
    not written yet."""
    path, body = request.raw_path, request.body
    found = _REFERENCE.match(path)
    if found is not None:
        path = urlsplit(_address(found["id"], written)).path + path[found.end() :]
    # Few bodies hold a reference; the others are not worth reading twice.
    if b'"$' in body:
        body = _resolved_body(body, written)
    return request if (path, body) == (request.raw_path, request.body) else replace(request, raw_path=path, body=body)


def _resolved_body(body: bytes, written: References) -> bytes:
    try:
        return exact_json.dumps(_bound(exact_json.loads(body), written)).encode(errors="surrogatepass")
    except (ValueError, RecursionError):
        # The reader of the body refuses it.
        return body


def _bound(value: Json, written: References) -> Json:
    match value:
        case dict():
            return {
                name: _row(each, written) if name.endswith(("@odata.bind", "@odata.id")) else _bound(each, written)
                for name, each in value.items()
            }
        case list():
            return [_bound(each, written) for each in value]
    return value


def _row(address: Json, written: References) -> Json:
    """The address of a row, looked up if it is a reference."""
    found = _REFERENCE.fullmatch(address) if isinstance(address, str) else None
    return address if found is None else _address(found["id"], written)


def _address(content_id: str, written: References) -> str:
    if content_id not in written:
        raise content_id_missing(content_id)
    return written[content_id]
