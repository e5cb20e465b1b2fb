"""What an operator is told: the events of docs/telemetry.md at the moments that the alerts rely on."""

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.errors import AccessRefused, StorageTrouble, Transient
from shared.state.storage.queues import hold_queue
from shared.sync.limits import Limits
from shared.systems import System
from shared.telemetry import EVENTS
from tests.support.events import Heard
from tests.support.world import World

ROOT = Path(__file__).parents[2]


def state_of(heard: Heard, flow: str = "parents") -> dict[str, Any]:
    """What the last sweep has told of a flow."""
    return heard.of("flow_state", flow=flow)[-1]


@pytest.fixture
def world() -> World:
    return World()


def test_every_event_of_the_contract_is_logged_somewhere_and_no_other() -> None:
    logged = set()
    texts = {file: file.read_text(encoding="utf-8") for file in (ROOT / "shared").rglob("*.py")}
    for file in [file for file, text in texts.items() if "log_event(" in text]:
        for node in ast.walk(ast.parse(texts[file])):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "log_event":
                assert isinstance(node.args[0], ast.Constant), f"{file}: the name of an event is not written out"
                logged.add(node.args[0].value)
    assert logged == set(EVENTS)


def test_each_sweep_tells_how_every_flow_and_system_stands_also_a_paused_one(world: World, heard: Heard) -> None:
    control = world.state.control.flow("children")
    world.state.control.save_flow(replace(control, paused=True))
    world.sweep()
    assert [(event["flow"], event["paused"]) for event in heard.of("flow_state")] == [
        ("parents", False),
        ("children", True),
    ]
    assert {event["system"]: event["closed"] for event in heard.of("gate_state")} == {
        "dataverse": False,
        "finops": False,
    }


def test_the_age_of_a_checkpoint_is_null_before_the_first_pull_and_grows_until_the_source_is_read_to_its_end(
    world: World, heard: Heard
) -> None:
    world.sweep()
    assert state_of(heard)["checkpoint_age_s"] is None
    world.pull()
    world.clock.sleep(90)
    world.sweep()
    assert state_of(heard)["checkpoint_age_s"] == 90
    world.pull()
    world.sweep()
    assert state_of(heard)["checkpoint_age_s"] == 0


def test_a_first_read_that_continues_over_many_ticks_is_behind_since_it_began(heard: Heard) -> None:
    world = World(limits=Limits(pull_budget_s=0))
    for number in range(20):
        world.source.save(f"p{number}", key=f"K{number}", name="x")
    world.pull()
    world.clock.sleep(60)
    world.pull()
    world.sweep()
    assert heard.of("pull_run")[-1]["ended"] == "out_of_time"
    assert state_of(heard)["checkpoint_age_s"] == 60


def test_of_several_sources_of_a_flow_the_one_that_is_furthest_behind_counts(heard: Heard) -> None:
    world = World(flows=("parents", "people", "documents"))
    world.pull("documents")
    world.clock.sleep(30)
    checkpoints = world.state.checkpoints
    own = checkpoints.load("documents")
    assert own is not None
    assert checkpoints.save(replace(own, current_at=world.clock.now()))
    world.sweep()
    assert state_of(heard, "documents")["checkpoint_age_s"] == 30


def test_a_message_that_nobody_takes_grows_old(world: World, heard: Heard) -> None:
    world.source.save("p1", number="K1", name="x")
    world.pull()
    world.clock.sleep(700)
    world.sweep()
    told = state_of(heard)
    assert (told["queued"], told["queued_s"]) == (1, 700)


def test_held_and_poisoned_messages_are_counted(world: World, heard: Heard) -> None:
    world.queues.send(hold_queue("parents"), "x")
    world.queues.send("parents-poison", "x")
    world.gates().close(Transient(System.FINOPS, "down", retry_after_s=600))
    world.sweep()
    assert (state_of(heard)["held"], state_of(heard)["poison"]) == (1, 1)


def test_open_failures_are_counted_until_they_are_resolved(world: World, heard: Heard) -> None:
    world.source.save("p1", number="K1", name="x")
    world.source.save("p2", number="K1", name="y")
    world.pull()
    world.drain()
    world.sweep()
    assert state_of(heard)["failures_open"] == 1
    assert [event["cause"] for event in heard.of("record_rejected")] == ["key_taken"]
    world.source.save("p2", number="K2", name="y")
    world.pull()
    world.drain()
    world.sweep()
    assert state_of(heard)["failures_open"] == 0


def test_a_record_that_waits_is_reported_with_its_time_and_its_release(world: World, heard: Heard) -> None:
    world.child_source.save("c1", number="C1", name="x", parent="p1")
    world.pull("children")
    world.drain()
    world.clock.sleep(3600)
    world.child_source.save("c1", number="C1", name="still waiting", parent="p1")
    world.pull("children")
    world.drain()
    world.sweep()
    told = state_of(heard, "children")
    assert (told["waiting"], told["waiting_s"]) == (1, 3600)
    world.source.save("p1", number="K1", name="x")
    world.pull()
    world.drain()
    (released,) = heard.of("waiting_released")
    assert (released["flow"], released["by"], released["records"]) == ("children", "parents", 1)
    world.sweep()
    told = state_of(heard, "children")
    assert (told["waiting"], told["waiting_s"]) == (0, None)


def test_a_child_of_a_filtered_parent_does_not_count_as_waiting(world: World, heard: Heard) -> None:
    world.source.save("p1", number="K1", name="x", state="foreign")
    world.child_source.save("c1", number="C1", name="x", parent="p1")
    for flow in ("parents", "children"):
        world.pull(flow)
        world.drain()
    world.sweep()
    assert state_of(heard, "children")["waiting"] == 0


def test_a_gate_tells_when_it_closes_for_how_long_it_is_closed_and_when_it_opens(world: World, heard: Heard) -> None:
    world.gates().close(Transient(System.FINOPS, "down", retry_after_s=300))
    assert heard.of("gate_closed")[-1]["for_s"] == 300
    world.clock.sleep(200)
    world.gates().close(Transient(System.FINOPS, "still down", retry_after_s=300))
    world.clock.sleep(100)
    world.sweep()
    (told,) = heard.of("gate_state", system="finops")
    assert (told["closed"], told["closed_s"]) == (True, 300)
    world.clock.sleep(250)
    world.sweep()
    assert heard.of("gate_opened") == [{"event": "gate_opened", "system": "finops", "closed_s": 550}]
    assert heard.of("gate_state", system="finops")[-1]["closed_s"] == 0


@pytest.mark.parametrize("lacks", ["identity", "token", "privilege"])
def test_access_that_is_refused_is_reported_beside_the_closed_gate(world: World, heard: Heard, lacks: str) -> None:
    world.gates().close(AccessRefused(System.DATAVERSE, "no", lacks=lacks))
    (told,) = heard.of("access_refused")
    assert (told["system"], told["lacks"]) == ("dataverse", lacks)


@pytest.mark.parametrize(("refused", "kind"), [(True, "refused"), (False, "unreachable")])
def test_trouble_of_the_storage_is_reported_by_every_function(
    world: World, heard: Heard, monkeypatch: pytest.MonkeyPatch, refused: bool, kind: str
) -> None:
    service = world.service()

    def fail(*_: object, **__: object) -> Any:
        raise StorageTrouble("Table Storage answered 403: Forbidden", refused=refused)

    for read in ("read", "whole"):
        monkeypatch.setattr(world.state.control.table, read, fail)
    monkeypatch.setattr(world.state.failures, "load", fail)
    hint = '{"format":1,"flow":"parents","run":"r","epoch":null,"hints":[{"id":"a"}]}'
    with pytest.raises(StorageTrouble):
        service.pull("parents")
    with pytest.raises(StorageTrouble):
        service.sweep()
    service.poison("parents", hint.encode())
    service.apply("parents", hint.encode())
    assert [event["kind"] for event in heard.of("storage_trouble")] == [kind] * 4


def test_a_pull_that_blocks_its_flow_tells_by_what(world: World, heard: Heard) -> None:
    world.pull()
    world.settings["company"] = "demf"
    world.pull()
    (told,) = heard.of("flow_blocked")
    assert told["kind"] == "environment"
    assert heard.of("pull_run")[-1]["ended"] == "blocked"
    world.sweep()
    assert "company" in state_of(heard)["blocked"]


def test_the_runs_of_pull_and_apply_can_be_brought_together(world: World, heard: Heard) -> None:
    world.source.save("p1", number="K1", name="x")
    world.pull()
    world.drain()
    (pulled,) = heard.of("pull_run")
    (applied,) = heard.of("batch_applied")
    assert applied["sent_by"] == pulled["run"] != applied["run"]
    assert (pulled["hints"], applied["created"], applied["read"]) == (1, 1, 1)


def test_levels_and_sampling_of_the_host_hide_nothing_that_an_alert_looks_at() -> None:
    logging = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))["logging"]
    shown = ("Trace", "Debug", "Information")
    assert all(logging["logLevel"][name] in shown for name in ("Function", "Host.Results", "Host.Triggers"))
    # The line about a message that the host gives up, in either version of its extension.
    assert logging["logLevel"]["Microsoft.Azure.WebJobs.Host.Queues.QueueProcessor"] in (*shown, "Warning")
    sampling = logging["applicationInsights"]["samplingSettings"]
    assert set(sampling["excludedTypes"].split(";")) >= {"Request", "Exception", "Trace"}
