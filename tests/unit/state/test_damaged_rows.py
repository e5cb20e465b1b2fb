"""Whatever stands in a row of our tables, reading it gives a value, or our own error with the row's place."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Damage, StateUnreadable
from shared.state.audit import AuditEntry, read_audit_entry
from shared.state.batches import Batches, read_batch
from shared.state.checkpoint_parts import MadeFor, Phase, Position, Scans, Walk
from shared.state.checkpoints import Checkpoint, Checkpoints, read_checkpoint
from shared.state.control import BlockKind, Control, FlowControl, Gate, MetDrift, read_environment, read_flow, read_gate
from shared.state.decided_contents import decided_row, read_decided
from shared.state.failures import STATE_UNREADABLE, Failure, Failures, read_failure
from shared.state.filter_sizes import FilterSizes, read_size
from shared.state.history import Histories, history_row, read_entry
from shared.state.keys import Keys, Owner, read_key
from shared.state.link_parts import Claim, ClaimKind, LinkContent, Seen
from shared.state.link_targets import FormerTarget, Intent
from shared.state.links import Link, Links, LinkState, link_key, read_link
from shared.state.owners import Owners, read_owners
from shared.state.runs import Run, Runs, read_run
from shared.state.snapshots import BUCKETS, Sight, Snapshot, digest, read_bucket
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Cell, Foreign, Put, Row, Stored, escape, is_key, unescape
from shared.state.waiting import Wait, Waits, read_wait
from shared.systems import System
from tests.support.clock import ManualClock
from tests.support.thinned import few_examples

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
FLOW = "contacts"
LINK = Link(
    FLOW, "a|b", route="r", state=LinkState.WAITING, rule="x", target_key="K", target_id="i", held_key="K",
    intent=Intent("K", ({"a": 1},)), former=(FormerTarget("r", "J", True),),
    content=LinkContent({"name": "x"}, ("t",), {1: "d"}, {2: "n"}, ("f",), (3,), {"q": 4}, ({"p": None},)),
    seen=Seen(2**63, "e", "f"), claim=Claim("c", ClaimKind.WORKING, "l"),
    dirty=True, waits=(Wait(FLOW, "a|b", "accounts", "customer", "p").key,),
)  # fmt: skip
FAILURE = Failure(
    FLOW, "a|b", "cause", "message", "remedy", NOW, NOW, 1, NOW, NOW, 2, "d", "who", "note", "n", "v",
    ("accounts", "other"),
)  # fmt: skip
CHECKPOINT = Checkpoint(
    FLOW, "e", Walk("w"), position=Position(Phase.FULL, "c", "d"), made_for=MadeFor("f", ("a", "b")),
    scans=Scans(full_at=NOW), source="lines", current_at=NOW,
)  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of rows: one as this app writes it, and how it is read."""

    row: Row
    read: Callable[[Stored], object]


def rows_of(fill: Callable[[MemoryTable], object]) -> list[Row]:
    """The rows that this app writes into an empty table."""
    table = MemoryTable(ManualClock())
    fill(table)
    return list(table.content().values())


def snapshot(table: MemoryTable) -> None:
    """A bucket of an unfinished walk."""
    taken = Snapshot(table, FLOW, "w")
    taken.note("P1", digest("x"))
    assert taken.save(finished=False)


def controls(table: MemoryTable) -> None:
    """A flow, a gate and the environment."""
    control = Control(table)
    flow = FlowControl(FLOW, blocked="b", block_kind=BlockKind.DRIFT, waiting_cursor="W|a ", failures_cursor="F|a ")
    control.save_flow(flow.block_by(MetDrift("said", "r", NOW, 1), "b"))
    control.save_gate(Gate(System.FINOPS, True, NOW, NOW, NOW, "reason", "said", 1, NOW))
    control.store_environment(FLOW, {"company": "usmf"})


(FLOW_ROW, GATE_ROW, ENVIRONMENT_ROW) = rows_of(controls)
KINDS = {
    "link": Kind(LINK.to_row(), lambda stored: read_link(FLOW, stored)),
    "failure": Kind(FAILURE.to_row(), lambda stored: read_failure(FLOW, stored)),
    "wait": Kind(Wait(FLOW, "c", "accounts", "customer", "p").to_row(), lambda stored: read_wait(FLOW, stored)),
    "history": Kind(
        history_row(FLOW, "a", time=NOW, claim="c", run="r", outcome="created", fields="a,b"), read_entry
    ),
    "owners": Kind(
        rows_of(lambda at: [Owners(at).remember(FLOW, "quotes", {"a": each}) for each in ("1", "2")])[0],
        lambda stored: read_owners(FLOW, stored),
    ),
    "batch": Kind(
        rows_of(lambda at: Batches(at).note(FLOW, "c", ["Q-1", "Q/2"]))[0], lambda stored: read_batch(FLOW, stored)
    ),
    "decided": Kind(decided_row(FLOW, "a|b", digest("x")), lambda stored: read_decided(FLOW, stored)),
    "key": Kind(rows_of(lambda at: Keys(at, "E", "usmf").own({"K1 ": Owner(FLOW, "r", "a")}))[0], read_key),
    "checkpoint": Kind(CHECKPOINT.to_row(), lambda stored: read_checkpoint(FLOW, stored)),
    "snapshot": Kind(rows_of(snapshot)[0], lambda stored: read_bucket(stored, "w")),
    "flow": Kind(FLOW_ROW, lambda stored: read_flow(FLOW, stored)),
    "gate": Kind(GATE_ROW, lambda stored: read_gate(System.FINOPS, stored)),
    "environment": Kind(ENVIRONMENT_ROW, read_environment),
    "filter size": Kind(
        rows_of(lambda at: FilterSizes(at, System.FINOPS, lambda: NOW).remember(20))[0], read_size
    ),
    "run": Kind(Run(FLOW, "apply", "r", NOW, 1.5, {"created": 1}).to_row(), lambda stored: read_run(FLOW, stored)),
    "action": Kind(
        Row("audit", "x", {"time": NOW, "who": "w", "what": "w", "flow": "f", "subject": "s", "reason": "r"}),
        read_audit_entry,
    ),
}  # fmt: skip
JSON_TEXTS = ["{", "[]", "{}", "null", "1", '""', "[1]", '["/"]', '[["a"]]', '[["a","b",1]]', '{"a":1}', "[" * 70_000]
CELLS: st.SearchStrategy[Cell] = (
    st.text(max_size=20)
    | st.sampled_from(JSON_TEXTS)
    | st.integers(-(2**31), 2**31 - 1)
    | st.booleans()
    | st.datetimes(timezones=st.just(UTC) | st.none())
    | st.binary(max_size=40)
    | st.just(Foreign("float"))
)


def stored_as(row: Row) -> Stored:
    """A row as read."""
    return Stored(row, "etag", 1.0)


def damage_of(kind: Kind, row: Row) -> Damage | None:
    """Why a row cannot be read."""
    try:
        kind.read(stored_as(row))
    except StateUnreadable as unreadable:
        return unreadable.damage
    return None


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_row_as_this_app_writes_it_is_read(kind: Kind) -> None:
    kind.read(stored_as(kind.row))


def test_what_was_written_is_what_is_read() -> None:
    table = MemoryTable(ManualClock())
    table.transact([Put(LINK.to_row()), Put(FAILURE.to_row())])
    (link,), (failure,) = Links(table).walk(FLOW), Failures(table).page(FLOW, "", 9)[0]
    assert link.to_row() == LINK.to_row()
    assert failure.to_row() == FAILURE.to_row()
    assert read_checkpoint(FLOW, stored_as(CHECKPOINT.to_row())).to_row() == CHECKPOINT.to_row()
    assert isinstance(read_audit_entry(stored_as(KINDS["action"].row)), AuditEntry)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@few_examples()
@given(data=st.data())
def test_whatever_stands_in_a_row_reading_it_gives_a_value_or_our_own_error(kind: Kind, data: st.DataObject) -> None:
    cells = dict(kind.row.cells)
    for name in data.draw(st.lists(st.sampled_from(sorted(cells)), unique=True, min_size=1)):
        damaged = data.draw(st.none() | CELLS)
        cells.pop(name)
        cells |= {} if damaged is None else {name: damaged}
    key = data.draw(st.just(kind.row.key) | st.text(max_size=30))
    damage = damage_of(kind, Row(kind.row.partition, key, cells))
    if damage is not None:
        assert (damage.partition, damage.key) == (kind.row.partition, key)
        assert damage.property
        assert damage.remedy
        assert damage.table in str(damage)
        assert damage.property in str(damage)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@few_examples()
@given(st.dictionaries(st.text(min_size=1, max_size=5) | st.sampled_from(["p00", "walk", "n_x", "state"]), CELLS))
def test_a_row_of_strange_cells_gives_a_value_or_our_own_error(kind: Kind, cells: dict[str, Cell]) -> None:
    damage = damage_of(kind, Row(kind.row.partition, kind.row.key, cells))
    assert damage is None or damage.table in ("links", "keys", "checkpoints", "control", "runs")


@given(st.text(st.characters(exclude_categories=[])))
def test_the_text_of_a_key_follows_from_the_key(text: str) -> None:
    assert unescape(escape(text)) == text
    assert is_key(escape(text))
    assert isinstance(unescape(text), str)


@given(data=st.data())
def test_a_damaged_row_among_others_is_read_as_its_records_damage_and_the_others_as_they_are(
    data: st.DataObject,
) -> None:
    table = MemoryTable(ManualClock())
    ids = ["a", "b|c", "d"]
    wait = Wait(FLOW, "b|c", "accounts", "customer", "p")
    for id in ids:
        rows = [Link(FLOW, id).to_row(), Failure(FLOW, id, "c", "m", "r", NOW, NOW).to_row()]
        rows += [history_row(FLOW, id, time=NOW, claim="c", run="r", outcome="created", fields="x")]
        table.transact([Put(row) for row in rows])
    table.transact([Put(wait.to_row())])
    victims = [row for row in table.content().values() if "|b|c" in row.key]
    for row in victims:
        name = data.draw(st.sampled_from(sorted(row.cells)))
        table.transact([Put(Row(row.partition, row.key, {**row.cells, name: Foreign("float")}))])
    links, failures = Links(table).load(FLOW, ids), Failures(table).load(FLOW, ids)
    assert [link.id for link in links.values() if link.damage] in ([], ["b|c"])
    assert [link.id for link in Links(table).walk(FLOW)] == sorted(ids)
    assert sorted(failures) == ids
    assert {id for id in ids if failures[id].cause == STATE_UNREADABLE} <= {"b|c"}
    (told,), _ = Waits(table).page(FLOW, "", 10)
    assert told == wait
    assert Waits(table).of_parents(FLOW, "accounts", "customer", ["p"]) == ["b|c"]
    for id in ids:
        (entry,) = Histories(table).latest(FLOW, id, 9)
        assert entry.time == NOW


def test_nobody_writes_over_a_link_that_could_not_be_read() -> None:
    table = MemoryTable(ManualClock())
    table.transact([Put(Row(FLOW, link_key("a"), {"state": "of a newer version", "record_id": "a"}))])
    link = Links(table).load(FLOW, ["a"])["a"]
    assert link.damage is not None
    assert link.damage.property == "state"
    with pytest.raises(StateUnreadable):
        link.to_row()


def test_a_key_of_which_nobody_knows_the_owner_is_given_to_nobody() -> None:
    table = MemoryTable(ManualClock())
    keys = Keys(table, "E", "usmf")
    keys.own({"K": Owner(FLOW, "r", "a")})
    (row,) = table.content().values()
    table.transact([Put(Row(row.partition, row.key, {**row.cells, "flow": 7}))])
    taken = keys.own({"K": Owner(FLOW, "r", "a")})
    assert taken["K"].damage is not None
    assert taken["K"].damage.property == "flow"


def test_a_gate_that_cannot_be_read_is_due_and_a_flow_that_cannot_be_read_is_blocked() -> None:
    table = MemoryTable(ManualClock())
    controls(table)
    for row in (FLOW_ROW, GATE_ROW):
        table.transact([Put(Row(row.partition, row.key, {**row.cells, "paused": "x", "closed": "x"}))])
    control = Control(table)
    assert control.gate(System.FINOPS).closed
    assert control.gate(System.FINOPS).blocked_until is None
    assert control.flow(FLOW).block_kind is BlockKind.STATE
    assert "paused" in control.flow(FLOW).blocked
    assert control.save_flow(control.flow(FLOW).unblock())
    assert control.flow(FLOW).blocked == ""
    assert control.flow(FLOW).paused


def test_a_bucket_that_cannot_be_read_is_written_again_and_its_records_are_new_once_more() -> None:
    table = MemoryTable(ManualClock())
    first = Snapshot(table, FLOW, "1")
    ids = [f"P{number}" for number in range(2 * BUCKETS)]
    for id in ids:
        first.note(id, digest("x"))
    assert first.save(finished=True)
    row = min(table.content().values(), key=lambda row: row.key)
    lost = [id for id in ids if digest(id)[0] == int(row.key[-3:])]
    table.transact([Put(Row(row.partition, row.key, {"p00": b"short"})), Put(Row(FLOW, "snapshot-xyz", {}))])
    second = Snapshot(table, FLOW, "2")
    assert (first.is_damaged, second.is_damaged) == (False, True)
    assert [id for id in ids if second.note(id, digest("x")) is Sight.NEW] == lost
    assert second.save(finished=True)
    third = Snapshot(table, FLOW, "3")
    assert {third.note(id, digest("x")) for id in ids} == {Sight.SAME}


def test_a_checkpoint_that_cannot_be_read_names_its_place_and_what_helps() -> None:
    table = MemoryTable(ManualClock())
    table.transact([Put(Row(FLOW, "pull", {**CHECKPOINT.to_row().cells, "phase": "later"}))])
    with pytest.raises(StateUnreadable, match=r"row pull of partition contacts in table checkpoints.*phase.*p2c drop"):
        Checkpoints(table).load(FLOW)


def test_a_run_that_cannot_be_read_hides_no_other() -> None:
    table = MemoryTable(ManualClock())
    runs = Runs(table)
    for number in range(3):
        runs.add(Run(FLOW, "apply", f"r{number}", NOW, 1.0, {"created": 1}))
    row = max(table.content().values(), key=lambda row: row.key)
    table.transact([Put(Row(row.partition, row.key, {**row.cells, "n_created": "many"}))])
    assert [run.id for run in runs.walk(FLOW)] == [run.id for run in runs.latest(FLOW, 9)] == ["r0", "r1"]
