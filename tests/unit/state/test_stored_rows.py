"""What is written into a row of our tables is what is read of it, property by property."""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.state.audit import Audit, AuditEntry
from shared.state.checkpoint_parts import MadeFor, Phase, Position, Scans, Walk
from shared.state.checkpoints import Checkpoint, read_checkpoint
from shared.state.control import BlockKind, Control, FlowControl, Gate, MetDrift
from shared.state.failures import Failure, read_failure
from shared.state.history import Entry, Histories, history_row
from shared.state.link_parts import Claim, ClaimKind, KnownKey, LinkContent, Seen
from shared.state.link_targets import Elsewhere, FormerTarget, Intent
from shared.state.links import Link, LinkState, read_link
from shared.state.results import Result, Results, ResultTurn
from shared.state.runs import Run, read_run
from shared.state.storage.memory import MemoryTable
from shared.state.storage.tables import Put, Row, Stored
from shared.state.waiting import Wait, read_wait
from shared.systems import System
from tests.support.clock import ManualClock

FLOW = "contacts"
NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
LATER, LAST = NOW + timedelta(hours=1), NOW + timedelta(days=1)

CONTENT = LinkContent(
    applied={"name": "x"}, touched=("t",), lines={1: "d"}, numbers={2: "n"}, line_fields=("f",), noted=(3,),
    revisions={"q": 4}, places=({"p": None},), kept={"k": 1}, overruled={"o": True}, sent=({"s": "v"},),
)  # fmt: skip
THERE = Elsewhere(
    "r2", "K2", "i2", "H2", Intent("N2", ({"b": 2},)), (FormerTarget("r3", "M", inherited=True),), CONTENT
)
LINK = Link(
    FLOW, "a|b", route="r", state=LinkState.WAITING, rule="x", target_key="K", target_id="i", held_key="H",
    intent=Intent("N", ({"a": 1},)), former=(FormerTarget("r", "J", ended=True),), last_key="L", elsewhere=THERE,
    content=CONTENT, claim=Claim("c", ClaimKind.UNSETTLED, "l", 2, True),
    seen=Seen(2**63, "e", "f", (KnownKey("accounts", "customer", "p", "C1"),)), dirty=True, attempts=3, unknowns=4,
    unanswered=5, waits=(Wait(FLOW, "a|b", "accounts", "customer", "p").key,), linked_at=NOW, told="digest",
)  # fmt: skip
FAILURE = Failure(
    FLOW, "a|b", "cause", "message", "remedy", NOW, LATER, tries=1, next_try=LAST, asked_at=LATER, retried=2,
    dismissed="d", assigned="who", note="note", number="n", value="v", rival=("accounts", "other"),
    lacks=("units", "ea", "NAME"),
)  # fmt: skip
CHECKPOINT = Checkpoint(
    FLOW, "e", Walk("w", 1, 2, True, True), position=Position(Phase.FULL, "c", "d", 3),
    made_for=MadeFor("f", ("a", "b")), scans=Scans(4, NOW), source="lines", current_at=LATER,
)  # fmt: skip
RESULT = Result(FLOW, "a|b", "row", {"new_state": 1}, "cause", "message", "remedy", tries=2, next_try=NOW)
TURN = ResultTurn(FLOW, "h", True, "met", "said", 3, NOW, LATER, "w", "K")
GATE = Gate(System.FINOPS, True, LAST, NOW, LATER, "reason", "said", 3, LAST + timedelta(hours=1))
RUN = Run(FLOW, "apply", "r", NOW, 1.5, {"created": 1, "unchanged": 2})
WAIT = Wait(FLOW, "c|d", "accounts", "customer", "p", is_parked=True)
CONTROL = FlowControl(
    FLOW, paused=False, blocked="b", block_kind=BlockKind.DRIFT, block_walk="w", block_gone=1, block_changed=2,
    met=MetDrift("said", "r", NOW, 3), accepted_walk="v", accepted_gone=4, accepted_changed=5, waiting_cursor="W|a",
    failures_cursor="F|a", history_cursor="H|a", keys_cursor="K", compared=6, look_again=True, look_cursor="L|a",
    walks=7, rejections_until=NOW,
)  # fmt: skip
AUDIT = AuditEntry(NOW, "who", "what", FLOW, "subject", "reason", "run")
# What is not stored, but told by the storage.
_OF_THE_STORAGE = {"etag", "age_s", "damage", "stored_key"}


def stored(row: Row) -> Stored:
    return Stored(row, "etag", 1.0)


def through_gate(gate: Gate) -> Gate:
    control = Control(MemoryTable(ManualClock()))
    assert control.save_gate(gate)
    return control.gate(gate.system)


def through_control(flow: FlowControl) -> FlowControl:
    control = Control(MemoryTable(ManualClock()))
    assert control.save_flow(flow)
    return control.flow(flow.flow)


def through_results(result: Result) -> Result | None:
    results = Results(MemoryTable(ManualClock()), MemoryTable(ManualClock()))
    results.ask([result])
    return results.load(result.flow, result.id)


def through_turn(turn: ResultTurn) -> ResultTurn:
    results = Results(MemoryTable(ManualClock()), MemoryTable(ManualClock()))
    assert results.save_turn(turn) is not None
    return results.turn(turn.flow)


def through_audit(entry: AuditEntry) -> AuditEntry:
    audit = Audit(MemoryTable(ManualClock()))
    audit.add(entry, "1")
    return audit.latest(9)[0]


@dataclass(frozen=True)
class Kind:
    """What is stored with every property, what with only those that it must have, and the way into a row and back."""

    full: Any
    bare: Any
    through: Callable[[Any], Any]


KINDS = {
    "link": Kind(LINK, Link(FLOW, "1"), lambda link: read_link(FLOW, stored(link.to_row()))),
    "failure": Kind(
        FAILURE,
        Failure(FLOW, "1", "cause", "message", "remedy", NOW, NOW),
        lambda failure: read_failure(FLOW, stored(failure.to_row())),
    ),
    "checkpoint": Kind(
        CHECKPOINT, Checkpoint(FLOW, "e", Walk("w")), lambda each: read_checkpoint(FLOW, stored(each.to_row()))
    ),
    "wait": Kind(WAIT, Wait(FLOW, "c", "accounts", "customer", "p"), lambda w: read_wait(FLOW, stored(w.to_row()))),
    "run": Kind(RUN, replace(RUN, counts={}), lambda run: read_run(FLOW, stored(run.to_row()))),
    "result": Kind(RESULT, Result(FLOW, "1", "row", {}), through_results),
    "turn": Kind(TURN, ResultTurn(FLOW), through_turn),
    "gate": Kind(GATE, Gate(System.FINOPS), through_gate),
    "control": Kind(CONTROL, FlowControl(FLOW), through_control),
    "audit": Kind(AUDIT, AuditEntry(NOW, "who", "what", FLOW), through_audit),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_property_comes_back(kind: Kind) -> None:
    for given in (kind.full, kind.bare):
        back = kind.through(given)
        names = [each.name for each in fields(given) if each.name not in _OF_THE_STORAGE]
        assert {name: getattr(back, name) for name in names} == {name: getattr(given, name) for name in names}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_property_is_left_out_of_this(kind: Kind) -> None:
    assert [each for each in unset(kind.full) if each not in _OF_THE_STORAGE] == []


def unset(given: Any) -> list[str]:
    """The properties, also those of its parts, that are as they are without being given."""
    usual: list[str] = []
    for each in fields(given):
        value = getattr(given, each.name)
        default = each.default if each.default_factory is MISSING else each.default_factory()
        if value == default:
            usual.append(each.name)
        elif hasattr(value, "__dataclass_fields__"):
            usual += unset(value)
    return usual


def test_a_history_entry_comes_back_with_what_was_told() -> None:
    table = MemoryTable(ManualClock())
    row = history_row(
        FLOW, "a", time=NOW, claim="c", run="r", outcome="updated", fields="a,,b", sent_by="p", why="changed",
        fingerprint="0123456789abcdef", values={"a": (1, None)}, kept={"b": ("x", "y")},
    )  # fmt: skip
    table.transact([Put(row)])
    assert Histories(table).latest(FLOW, "a", 9) == [
        Entry(NOW, "r", "updated", ("a", "b"), "p", "changed", "0123456789ab", {"a": (1, None)}, {"b": ("x", "y")})
    ]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (replace(GATE, reason="r" * 2001, said="s" * 2001), replace(GATE, reason="r" * 2000, said="s" * 2000)),
        (
            replace(CONTROL, met=MetDrift("s" * 2001, "r", NOW, 3)),
            replace(CONTROL, met=MetDrift("s" * 2000, "r", NOW, 3)),
        ),
        (replace(TURN, trouble="t" * 2001, said="s" * 2001), replace(TURN, trouble="t" * 2000, said="s" * 2000)),
        (
            replace(AUDIT, who="w" * 201, subject="s" * 8001, reason="r" * 2001),
            replace(AUDIT, who="w" * 200, subject="s" * 8000, reason="r" * 2000),
        ),
    ],
    ids=["gate", "control", "turn", "audit"],
)
def test_of_long_words_their_beginning_is_kept(given: Any, kept: Any) -> None:
    through = {type(kind.full): kind.through for kind in KINDS.values()}[type(given)]
    back = through(given)
    names = [each.name for each in fields(kept) if each.name not in _OF_THE_STORAGE]
    assert {name: getattr(back, name) for name in names} == {name: getattr(kept, name) for name in names}
