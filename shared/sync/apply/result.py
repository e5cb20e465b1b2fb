"""The result of a record: what its commit wants to be written into its row in the source (protocol A13)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shared.mapping.results import digest_of
from shared.state.links import Link, LinkState
from shared.state.results import Result, result_key
from shared.state.storage.tables import Delete, Operation, Put, Row, escape
from shared.sync.apply.filters import in_words
from shared.sync.apply.judge import is_begun
from shared.sync.apply.outcome import DECIDED, Outcome
from shared.sync.apply.record import Record
from shared.sync.flow import Flow


def linked_at(found: Link, link: Link, now: datetime) -> datetime | None:
    """Since when the record is linked to its present target row; None if it is not. That of one which an operator has
    linked is when it was looked at next."""
    if not link.linked:
        return None
    stays = (found.route, found.target_key) == (link.route, link.target_key)
    return link.linked_at if stays and link.linked_at is not None else now.replace(microsecond=0)


def with_result(
    flow: Flow, flows: Mapping[str, Flow], record: Record, outcome: Outcome, link: Link
) -> tuple[Link, list[Operation]]:
    """The link, and the row that asks for the result to be written, if it is another one than the last. A record that
    the scope leaves out gets none: its row must not look as if somebody had changed it. Without columns the last result
    is forgotten, whether or not it was written: columns that are named again get theirs."""
    into, row = flow.results, record.row
    if row is None or outcome.kind not in DECIDED or (into is None and not link.told):
        return link, []
    if into is None:
        return replace(link, told=""), [Delete(Row(escape(flow.name), result_key(record.id), {}))]
    id = into.row_of(row)
    if id is None or not (is_begun(link) or flow.mapper.in_scope(row)):
        return link, []
    values = into.columns.values(link.state.value, _reason(flow, flows, outcome), link.linked_at)
    told = digest_of(into.columns, id, link.target_key, values)
    if told == link.told:
        return link, []
    return replace(link, told=told), [Put(Result(flow.name, record.id, id, values).to_row())]


def _reason(flow: Flow, flows: Mapping[str, Flow], outcome: Outcome) -> str:
    """Why a record is not in step, with what helps and the rule or cause as operators know it; empty if it is."""
    if (rejection := outcome.rejection) is not None:
        return f"{rejection.message}. What helps: {rejection.remedy} ({rejection.cause})"
    match outcome.link.state:
        case LinkState.FILTERED | LinkState.ENDED:
            rule = in_words(outcome.reason, flow, flows)
            return f"{rule.meaning}. What helps: {rule.remedy} ({outcome.reason})"
        case LinkState.WAITING:
            parents = ", ".join(dict.fromkeys(wait.parent_flow for wait in outcome.waits))
            return f"waits for a record of {parents} that is not in {flow.target_system.label} yet"
    return ""
