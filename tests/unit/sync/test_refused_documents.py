"""What is remembered of the lines of a document whose write was refused (protocol A8, A9)."""

from dataclasses import replace
from typing import Any

import pytest

from shared.errors import LinkRefused, RecordRejected
from shared.mapping.verdicts import Mapped
from shared.records import LineAction, LineWrite, TargetRow, Write
from shared.state.link_parts import LinkContent
from shared.state.links import Link, LinkState
from shared.sync.apply.answers import Blame, read_answers
from shared.sync.apply.outcome import Kind
from shared.sync.apply.record import Concluded, Judged, Planned, Record, Sent
from shared.sync.flow import OnConflict
from shared.sync.hints import Hint
from shared.sync.limits import Limits
from tests.support.doubles import ROUTE
from tests.support.world import World

LINKED = Link(
    "parents", "1", route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K",
    content=LinkContent(applied={"name": "old"}, noted=(1, 2, 3)),
)  # fmt: skip
LINES = tuple(LineWrite(number, action) for number, action in enumerate(LineAction, 1))
BAD = RecordRejected("bad", "it is bad", remedy="clear it")
BUSY = RecordRejected("busy", "it is locked", remedy="wait", repeatable=True)


def refused(refusal: RecordRejected, *, begun: bool = False, content: Mapped | None = None, **how: Any) -> Concluded:
    flow = World().service().flows["parents"]
    write = Write("1", "K", {}, create=False, lines=LINES, before=TargetRow({}))
    judged = Judged(Record.of(Hint("1"), LINKED, trusted=True), content or Mapped("K", {"name": "new"}, {}))
    sent = Sent(Planned(judged, write), refusal, is_begun=begun)
    (found,) = read_answers(flow, replace(flow.route(ROUTE), **how), Limits(), Blame(), [sent])
    assert isinstance(found, Concluded)
    return found


@pytest.mark.parametrize("refusal", [BAD, BUSY])
@pytest.mark.parametrize(("begun", "noted"), [(False, (2, 3)), (True, (1, 2, 3))])
def test_a_line_that_was_not_added_is_no_line_of_ours_unless_a_part_of_the_write_was_applied(
    refusal: RecordRejected, begun: bool, noted: tuple[int, ...]
) -> None:
    assert refused(refusal, begun=begun).outcome.link.content.noted == noted


@pytest.mark.parametrize(
    ("policy", "fills", "dirty"),
    [(OnConflict.SOURCE_WINS, False, True), (OnConflict.SOURCE_WINS, True, False), (OnConflict.STOP, False, False)],
)
def test_a_record_that_was_read_because_of_a_field_that_is_filled_once_stays_clean_too(
    policy: OnConflict, fills: bool, dirty: bool
) -> None:
    content = Mapped("K", {"name": "new"}, {}, fills=frozenset({"name"} if fills else ()))
    outcome = refused(BUSY, content=content, on_conflict=policy).outcome
    assert (outcome.kind, outcome.delay_s, outcome.link.attempts) == (Kind.RETRIED, 30, 1)
    assert outcome.link.dirty is dirty


def test_an_answer_that_no_write_can_get_is_an_error_and_no_outcome() -> None:
    strange: Any = LinkRefused("410 Gone")
    with pytest.raises(LinkRefused):
        refused(strange)
