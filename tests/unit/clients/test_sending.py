"""Whether it still makes sense to send a further write of a call."""

import pytest

from shared.clients.http.sending import Sending, send_each
from shared.errors import NotSent, OperatorNeeded, OutcomeUnknown, RecordRejected, SyncError, Transient
from shared.records import Write
from shared.systems import System
from tests.support.clock import ManualClock
from tests.unit.clients.fakes import line, ok

BUSY, WRONG = Transient(System.FINOPS, "it is busy"), OperatorNeeded(System.FINOPS, "a table is missing")
LOST, REFUSED, LATE = (
    OutcomeUnknown(System.FINOPS, "no answer"),
    RecordRejected("refused", "no", remedy="mend it"),
    NotSent("too late"),
)


@pytest.mark.parametrize(
    ("results", "stopped"),
    [
        ([], None),
        ([BUSY], BUSY),
        ([WRONG], WRONG),
        ([WRONG, BUSY], WRONG),
        ([LOST, LOST], None),
        ([LOST, LOST, LOST], LOST),
        ([LOST, LATE, LOST, LATE, LOST], LOST),
        ([LOST, LOST, None, LOST, LOST], None),
        ([LOST, LOST, REFUSED, LOST, LOST], None),
        ([LOST, LOST, None, LOST, LOST, LOST], LOST),
        ([REFUSED] * 9, None),
        ([LATE] * 9, None),
        ([LOST, LOST, BUSY, LOST], BUSY),
    ],
)
def test_trouble_of_the_system_stops_the_others_and_so_do_three_lost_answers_in_a_row(
    results: list[SyncError | None], stopped: SyncError | None
) -> None:
    sending = Sending(ManualClock(), 10)
    for result in results:
        sending.note(result)
    if stopped is None:
        sending.require_turn()
    else:
        told = f"not sent after trouble with another record: {type(stopped).__name__}: {stopped}"
        with pytest.raises(NotSent, match=told):
            sending.require_turn()


@pytest.mark.parametrize(("now", "in_time"), [(0, True), (10, True), (10.001, False)])
def test_a_write_begins_until_its_time_is_up(now: float, in_time: bool) -> None:
    sending = Sending(ManualClock(now), 10)
    if in_time:
        sending.require_turn()
    else:
        with pytest.raises(NotSent, match="no time was left for this record"):
            sending.require_turn()


def test_each_write_has_its_own_result_and_those_behind_trouble_are_not_sent() -> None:
    sent: list[str] = []
    channel = line(ok({})).channel

    def send(write: Write, _turn: object) -> None:
        sent.append(write.id)
        if write.id == "2":
            raise REFUSED
        if write.id == "3":
            raise BUSY

    writes = [Write(str(number), "K", {}, create=False) for number in range(1, 6)]
    results = send_each(channel, writes, send, not_after=10)
    assert (results["1"], results["2"], results["3"]) == (None, REFUSED, BUSY)
    assert [type(results[id]) for id in ("4", "5")] == [NotSent, NotSent]
    assert sent == ["1", "2", "3"]
    assert send_each(channel, [], send, not_after=10) == {}
