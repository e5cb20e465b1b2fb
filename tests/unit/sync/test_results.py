"""Which result a commit asks for, and what is written of it into the source (protocol A13)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import NotSent, OutcomeUnknown, RecordMissing, RecordRejected, SyncError, Transient
from shared.mapping.results import ResultColumns
from shared.mapping.verdicts import Filter
from shared.records import Json, SourceRow, Values
from shared.state.failures import FIRST_RETRY
from shared.state.keys import Owner
from shared.state.link_parts import LinkContent
from shared.state.links import Link, LinkState
from shared.state.results import Result, ResultTurn
from shared.state.storage.tables import Delete, Insert, Put
from shared.state.waiting import Wait
from shared.sync.apply.outcome import Kind
from shared.sync.apply.record import Concluded, Record
from shared.sync.apply.result import with_result
from shared.sync.flow import Flow, ResultRows
from shared.sync.hints import Hint, Why, read_message
from shared.sync.limits import Limits
from shared.sync.watching import Watching
from shared.systems import System
from tests.support.clock import START
from tests.support.doubles import ROUTE, FakeMapper
from tests.support.events import listening
from tests.support.world import World
from tests.unit.sync.test_writeback import STATE, STATUS, WithStatus, due

REASON = "new_reason"
COLUMNS = ResultColumns(state=STATE, reason=REASON)
ROW = SourceRow("1", 7, {"number": "K"})
NEW = Link("parents", "1")
LINKED = replace(NEW, route=ROUTE, state=LinkState.WRITTEN, target_key="K", held_key="K", linked_at=START)


def flow_of(columns: ResultColumns | None = COLUMNS, row: str | None = "r1", *, in_scope: bool = True) -> Flow:
    flow = World().service().flows["parents"]
    target: Any = None
    into = None if columns is None else ResultRows(columns, lambda _: row, target)
    rules = {"foreign": Filter("it is of another company", "change its company")}
    return replace(flow, results=into, filters=rules, mapper=FakeMapper(scope=lambda _: in_scope))


def asked(of: Concluded, flow: Flow | None = None, link: Link | None = None) -> tuple[Link, list[Any]]:
    """The link of a record that ends so, and what its commit asks for."""
    flow = flow or flow_of()
    link, operations = with_result(flow, {"parents": flow}, of.record, of.outcome, link or of.outcome.link)
    return link, list(operations)


def record(link: Link = LINKED, row: SourceRow | None = ROW) -> Record:
    return Record.of(Hint("1"), link, trusted=True, row=row)


def values_of(of: Concluded) -> dict[str, Json]:
    _, (operation,) = asked(of)
    assert isinstance(operation, Put)
    return operation.row.cells  # type: ignore[return-value]


def filtered(of: Record, rule: str = "foreign") -> Concluded:
    return of.concluded(Kind.FILTERED, LinkState.FILTERED, reason=rule)


WAITS = tuple(
    Wait("parents", "1", flow, ROUTE, id) for flow, id in (("people", "2"), ("people", "3"), ("parents", "4"))
)


@pytest.mark.parametrize(
    ("of", "state", "reason"),
    [
        (record().concluded(Kind.UNCHANGED, LinkState.WRITTEN, applied={}), "written", "null"),
        (filtered(record()), "filtered", '"it is of another company. What helps: change its company (foreign)"'),
        (record().concluded(Kind.ENDED, LinkState.ENDED, reason="foreign"), "ended",
         '"it is of another company. What helps: change its company (foreign)"'),
        (record().rejected("bad", "bad is x", "clear it"), "rejected", '"bad is x. What helps: clear it (bad)"'),
        (record().concluded(Kind.WAITING, LinkState.WAITING, waits=WAITS), "waiting",
         '"waits for a record of people, parents that is not in F&O yet"'),
    ],
)  # fmt: skip
def test_a_result_says_the_state_of_its_record_and_why_it_is_not_in_step(
    of: Concluded, state: str, reason: str
) -> None:
    cells = values_of(of)
    assert (cells["record_id"], cells["row"]) == ("1", "r1")
    assert cells["values"] == f'{{"{STATE}":"{state}","{REASON}":{reason}}}'


@pytest.mark.parametrize(
    ("of", "flow", "is_asked"),
    [
        (filtered(record()), flow_of(), True),
        (filtered(record(row=None)), flow_of(), False),
        (record().retried(delay_s=5), flow_of(), False),
        (filtered(record()), flow_of(None), False),
        (filtered(record()), flow_of(row=None), False),
        (filtered(record(NEW)), flow_of(), True),
        (filtered(record(NEW)), flow_of(in_scope=False), False),
        (filtered(record(LINKED)), flow_of(in_scope=False), True),
    ],
    ids=["decided", "gone", "undecided", "no columns", "no row", "in scope", "out of scope", "begun out of scope"],
)
def test_a_result_is_asked_for_each_decided_record_that_has_a_row_and_is_in_scope(
    of: Concluded, flow: Flow, is_asked: bool
) -> None:
    link, operations = asked(of, flow)
    assert len(operations) == is_asked
    assert bool(link.told) is is_asked


def test_a_result_is_asked_for_once_until_it_is_another_one() -> None:
    told, operations = asked(filtered(record()))
    assert len(operations) == 1
    assert asked(filtered(record()), link=told) == (told, [])
    assert len(asked(filtered(record(), "lost"), link=told)[1]) == 1
    assert len(asked(filtered(record()), flow_of(row="r2"), told)[1]) == 1
    assert len(asked(filtered(record()), link=replace(told, target_key="L"))[1]) == 1


def test_where_no_column_is_named_any_more_the_last_result_is_forgotten() -> None:
    link, (operation,) = asked(filtered(record()), flow_of(None), replace(LINKED, told="x"))
    assert isinstance(operation, Delete)
    assert (link.told, operation.row.key) == ("", "T|1")


@dataclass
class Rows:
    """Watched rows, in pages of two."""

    rows: Mapping[str, Json]
    asked: list[Any] = field(default_factory=list)

    def page(self, after: str | None) -> tuple[Mapping[str, Values], str | None]:
        self.asked.append(after)
        keys = sorted(key for key in self.rows if after is None or key > after)
        return {key: {STATUS: self.rows[key]} for key in keys[:2]}, keys[1] if len(keys) > 2 else None

    def read(self, keys: Sequence[str]) -> Mapping[str, Values]:
        self.asked.append(list(keys))
        return {key: {STATUS: self.rows[key]} for key in keys if key in self.rows}


OF_ROWS = replace(LINKED, content=LinkContent(revisions={"r1": 0, "r3": 2, "r2": 1}))


def watched(rows: Rows, *links: Link) -> tuple[World, Watching]:
    """The rows of the target, and records that are linked under their keys."""
    world = World()
    world.results = {"parents": WithStatus(state=STATE)}
    flow = world.service().flows["parents"]
    for link in links:
        world.links_table.transact([Insert(link.to_row())])
        if link.held_key:
            world.state.keys_of(flow, flow.route(ROUTE)).own({link.held_key: Owner("parents", ROUTE, link.id)})
    return world, Watching(flow, rows, "run", state=world.state, clock=world.clock)


def results(world: World) -> dict[str, str]:
    return {each.id: each.row for each in world.state.results.page("parents", "", 9)[0]}


def test_a_look_asks_for_the_results_of_linked_records_whose_row_is_new_or_has_changed() -> None:
    other = replace(LINKED, id="2", target_key="L", held_key="l")
    rows = Rows({"K": "open", "L": "open", "M": "open"})
    world, watching = watched(rows, OF_ROWS, other, replace(NEW, id="3", held_key="M", route=ROUTE))
    turn = watching.look(ResultTurn("parents"), has_time=lambda: True)
    assert results(world) == {"1": "r3", "2": "2"}
    assert (turn.looked_at, turn.look_walk, turn.look_cursor) == (world.clock.now(), "", "")
    assert rows.asked == [None, "L"]
    world.state.results.remove(world.state.results.page("parents", "", 9)[0])
    watching.look(turn, has_time=lambda: True)
    assert results(world) == {}
    rows.rows = {**rows.rows, "K": "closed"}
    watching.look(turn, has_time=lambda: True)
    assert results(world) == {"1": "r3"}


def test_a_look_for_which_there_is_no_time_continues_behind_its_last_page() -> None:
    rows = Rows(dict.fromkeys("KLMNO", "open"))
    world, watching = watched(rows, LINKED)
    turn = watching.look(ResultTurn("parents"), has_time=lambda: False)
    assert (turn.looked_at, turn.look_walk, turn.look_cursor) == (None, "run", "L")
    turn = watching.look(turn, has_time=lambda: True)
    assert rows.asked == [None, "L", "N"]
    assert (turn.look_walk, turn.look_cursor, turn.looked_at) == ("", "", world.clock.now())


@pytest.mark.parametrize(("owner", "is_asked"), [("parents", True), ("children", False)])
def test_a_key_of_another_flow_asks_for_nothing(owner: str, is_asked: bool) -> None:
    world, watching = watched(Rows({"K": "open"}), replace(LINKED, held_key=None))
    flow = world.service().flows["parents"]
    world.state.keys_of(flow, flow.route(ROUTE)).own({"K": Owner(owner, ROUTE, "1")})
    watching.look(ResultTurn("parents"), has_time=lambda: True)
    assert bool(results(world)) is is_asked


def test_the_fields_of_a_row_are_shown_as_they_are_now_and_blank_for_a_record_that_is_not_linked() -> None:
    other = replace(LINKED, id="2", target_key="L", held_key="L")
    rows = Rows({"K": "open"})
    _, watching = watched(rows, LINKED, other, replace(NEW, id="3"))
    shown = watching.shown([Result("parents", id, id, {}) for id in "1234"])
    assert shown == {"1": {STATUS: "open"}, "2": {STATUS: None}, "3": {STATUS: None}, "4": {STATUS: None}}
    assert rows.asked == [["K", "L"]]
    assert watching.shown([Result("parents", "3", "3", {})]) == {"3": {STATUS: None}}
    assert rows.asked == [["K", "L"]]


def left(world: World) -> list[Result]:
    return [replace(each, etag=None) for each in world.state.results.page("parents", "", 9)[0]]


RESULT = Result("parents", "p1", "p1", {STATE: "written"})


@pytest.mark.parametrize(
    ("answer", "cause", "refused"),
    [
        (None, None, 0),
        (RecordRejected("too_long", "it is too long", remedy="widen it"), "too_long", 1),
        (OutcomeUnknown(System.DATAVERSE, "no answer"), "outcome_unknown", 1),
        (Transient(System.DATAVERSE, "busy"), "", 0),
        (NotSent("no time"), "", 0),
    ],
)
def test_a_result_is_written_once_or_stays_with_what_was_said_of_it(
    answer: SyncError | None, cause: str | None, refused: int
) -> None:
    world = due()
    world.source_rows["parents"].lands = False
    world.source_rows["parents"].fault = lambda write: answer
    with listening() as heard:
        world.sweep()
    if cause is None:
        assert left(world) == []
    else:
        (result,) = left(world)
        assert (result.cause, result.tries) == (cause, int(bool(cause)))
        assert result.next_try == (world.clock.now() + FIRST_RETRY if cause else None)
        if cause == "too_long":
            assert (result.message, result.remedy) == ("it is too long", "widen it")
    (told,) = heard.of("results_written")
    assert (told["records"], told["refused"]) == (int(answer is None), refused)
    delayed = heard.of("results_delayed", flow="parents")
    assert [event["reason"] for event in delayed] == (["Transient: busy"] if isinstance(answer, Transient) else [])
    assert heard.breaches == set()


def test_a_result_whose_row_is_gone_is_forgotten_and_its_record_is_looked_at_again() -> None:
    world = due()
    world.links_table.transact([Insert(replace(LINKED, id="p1", told="x").to_row())])
    world.source_rows["parents"].fault = lambda write: RecordMissing("p1")
    world.sweep()
    assert left(world) == []
    assert world.state.links.load("parents", ["p1"])["p1"].told == ""
    (body,) = world.queues.bodies("parents")
    message = read_message(body)
    assert (message.hints, message.why) == ((Hint("p1"),), Why.AGAIN)


@pytest.mark.parametrize(("there", "writes"), [({STATUS: "open"}, 0), ({STATUS: "closed"}, 1), ({}, 1)])
def test_a_field_that_the_row_shows_already_is_not_written(there: dict[str, Json], writes: int) -> None:
    world = due(watches=True)
    world.source.save("p1", number="P1", **there)
    world.target.rows["k"] = {"status": "open"}
    world.links_table.transact([Insert(replace(LINKED, id="p1").to_row())])
    world.state.results.ask([Result("parents", "p1", "p1", {})])
    with listening() as heard:
        world.sweep()
    assert len(world.source_rows["parents"].writes) == writes
    assert world.source.rows["p1"].values[STATUS] == "open"
    assert heard.of("results_written")[-1]["records"] == writes
    assert left(world) == []


@pytest.mark.parametrize(("wait_s", "writes"), [(3599, 0), (3600, 1)])
def test_a_refused_result_is_written_again_when_it_is_due(wait_s: float, writes: int) -> None:
    world = due()
    refused = RecordRejected("bad", "no", remedy="")
    world.source_rows["parents"].fault = lambda write: refused
    world.sweep()
    world.source_rows["parents"].fault = lambda write: None
    world.clock.sleep(wait_s)
    world.sweep()
    assert len(world.source_rows["parents"].writes) == writes


def test_results_are_written_page_by_page_as_far_as_there_is_time() -> None:
    world = due()
    world.limits = Limits(sweep_rows=2, run_budget_s=100)
    for number in range(5):
        world.source.save(f"q{number}", number=f"Q{number}", name="x")
    world.state.results.ask([Result("parents", f"q{number}", f"q{number}", {STATE: "written"}) for number in range(5)])
    world.source_rows["parents"].fault = lambda write: world.clock.sleep(60)
    world.sweep()
    assert len(world.source_rows["parents"].writes) == 2
    assert len(left(world)) == 4
    world.source_rows["parents"].fault = lambda write: None
    world.sweep()
    assert left(world) == []


def test_trouble_ends_the_writing_of_a_flow_until_its_pause_is_over() -> None:
    world = due()
    world.limits = Limits(sweep_rows=1)
    world.state.results.ask([Result("parents", "p0", "p0", {STATE: "written"})])
    tried = list[str]()

    def busy(write: Any) -> SyncError:
        tried.append(write.id)
        return Transient(System.DATAVERSE, "busy")

    world.source_rows["parents"].fault = busy
    world.sweep()
    assert tried == ["p0"]
    turn = world.state.results.turn("parents")
    assert turn.next_try == world.clock.now() + timedelta(seconds=60)


@pytest.mark.parametrize("closed", ["paused", "source", "target", "company"])
def test_no_result_is_written_while_its_flow_or_its_source_must_not_be_touched(closed: str) -> None:
    world = due()
    if closed == "paused":
        world.state.control.change_flow("parents", lambda now: replace(now, paused=True))
    elif closed == "company":
        world.state.control.store_environment("parents", {"company": "demf"})
    else:
        system = System.DATAVERSE if closed == "source" else System.FINOPS
        world.gates().close(Transient(system, "busy", retry_after_s=600))
    world.sweep()
    # The target is asked only where its rows are shown.
    assert bool(world.source_rows["parents"].writes) is (closed == "target")
