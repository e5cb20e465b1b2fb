"""Concluded contents: what a pull takes over, and what stays for the next one."""

import pytest

from shared.state.decided_contents import MOST_TAKEN, DecidedContent, DecidedContents, decided_row
from shared.state.snapshots import UNKNOWN, digest
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put, Row
from tests.support.clock import ManualClock
from tests.support.events import Heard

FLOW = "products"
A, B = digest("a"), digest("b")


def table(**contents: bytes | None) -> MemoryTable:
    """Rows of these records, among those of others."""
    made = MemoryTable(ManualClock())
    decide(made, **contents)
    for key in ("F|x", "L|x", "C|x", "D"):
        made.transact([Put(Row(FLOW, key, {}))])
    made.transact([Put(decided_row("accounts", "x", A))])
    return made


def decide(at: MemoryTable, **contents: bytes | None) -> None:
    for id, content in contents.items():
        at.transact([Put(decided_row(FLOW, id, content))])


def taken(at: MemoryTable) -> dict[str, bytes | None]:
    return {each.id: each.content for each in DecidedContents(at, FLOW).take()}


def meeting_a_worker(at: MemoryTable, **contents: bytes | None) -> list[str]:
    """Before the next transaction another worker decides these once more; the steps from then on."""
    steps: list[str] = []

    def meet(step: str) -> None:
        if step == "table.transact":
            at.step = steps.append
            decide(at, **contents)
            steps.clear()

    at.step = meet
    return steps


def test_every_content_of_the_flow_is_taken_and_then_removed_with_nothing_else() -> None:
    at = table(p1=A, p2=None)
    contents = DecidedContents(at, FLOW)
    assert list(contents.take()) == [DecidedContent("p1", A), DecidedContent("p2", None)]
    contents.remove_taken()
    assert set(at.content()) == set(table().content())


def test_what_was_decided_once_more_since_stays() -> None:
    at = table(p1=A, p2=A)
    contents = DecidedContents(at, FLOW)
    list(contents.take())
    decide(at, p1=B, p3=A)
    contents.remove_taken()
    assert taken(at) == {"p1": B, "p3": A}


def test_two_pulls_may_take_the_same_and_remove_it() -> None:
    at = table(p1=A)
    first, second = DecidedContents(at, FLOW), DecidedContents(at, FLOW)
    assert list(first.take()) == list(second.take())
    first.remove_taken()
    second.remove_taken()
    assert taken(at) == {}


def test_many_that_are_decided_once_more_during_the_removal_cost_one_look_and_one_request_more() -> None:
    at, ids = table(), [f"p{number:02}" for number in range(60)]
    decide(at, **dict.fromkeys(ids, A))
    contents = DecidedContents(at, FLOW)
    list(contents.take())
    steps = meeting_a_worker(at, **dict.fromkeys(ids[:50], B))
    contents.remove_taken()
    assert steps == ["table.scan", "table.transact", "table.transact done"]
    assert taken(at) == dict.fromkeys(ids[:50], B)


def test_a_record_that_is_decided_once_more_keeps_only_its_neighbours_from_being_removed_at_once() -> None:
    at, ids = table(), [f"p{number:03}" for number in range(250)]
    decide(at, **dict.fromkeys(ids, A))
    contents = DecidedContents(at, FLOW)
    list(contents.take())
    steps = meeting_a_worker(at, p120=B)
    contents.remove_taken()
    assert [step for step in steps if step != "table.transact done"] == [
        *["table.transact"] * 2,
        "table.scan",
        "table.transact",
    ]
    assert taken(at) == {"p120": B}


def test_what_others_go_on_deciding_during_the_removal_is_left_to_the_next_pull() -> None:
    at = table(p1=A, p2=A, p3=A, p4=A)
    contents, others = DecidedContents(at, FLOW), iter(("p1", "p2", "p3"))
    list(contents.take())

    def meet_a_worker(step: str) -> None:
        if step == "table.transact":
            at.step = lambda _step: None
            decide(at, **{next(others): B})
            at.step = meet_a_worker

    at.step = meet_a_worker
    contents.remove_taken()
    at.step = lambda _step: None
    assert taken(at) == {"p1": B, "p2": B, "p3": B, "p4": A}


def test_of_very_many_a_pull_takes_a_part_and_leaves_the_others_to_the_next() -> None:
    at = table()
    for start in range(0, MOST_TAKEN + 100, 100):
        at.transact([Put(decided_row(FLOW, f"p{number:06}", A)) for number in range(start, start + 100)])
    contents = DecidedContents(at, FLOW)
    assert sum(1 for _ in contents.take()) == MOST_TAKEN
    contents.remove_taken()
    assert len(taken(at)) == 100


@pytest.mark.parametrize("cells", [{}, {"record_id": "p2", "content": A}, {"record_id": "p/1", "content": b"short"}])
def test_one_that_cannot_be_read_is_reported_and_of_unknown_content(
    cells: dict[str, str | bytes], heard: Heard
) -> None:
    at = table()
    at.transact([Put(Row(FLOW, decided_row(FLOW, "p/1", A).key, cells))])
    assert taken(at) == {"p/1": UNKNOWN}
    assert heard.of("state_unreadable", flow=FLOW)
