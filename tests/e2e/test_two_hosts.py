"""Two functions hosts on one storage account, while everything is killed in turn and people go on with their work.

One seed decides every step and its order: which part is killed (SIGKILL), hangs (SIGSTOP) or cuts connections, what
people do in both systems meanwhile, and which garbage lies in the queues. The wall clock has no seed: how far the hosts
are when a step comes is up to the machine, so that a seed gives the same steps and not the same history.

What the parts keep when they are killed:
- A simulator has every answered change in SQLite; nothing is lost, as in the real systems.
- Azurite has rows and messages in memory and saves them every five seconds. A storage account loses nothing that it has
  answered to. So before Azurite is killed both hosts are held (SIGSTOP) at whatever they are at, until all is on disk;
  they go on while it is down, with broken connections.
- A host has nothing to keep. Of one of both the worker lives on, as after a crash of the host alone; the other one is
  killed with its worker, as after the loss of a machine.

As on the platform, each timer fires in one of the hosts, whichever holds its lock; both work on the queues. When that
host is killed, its timers stand still until the lock is over: 15 s here, the least that the lease of a blob may last,
and not 60. A host that is without storage for 26 s ends, and is started again. After the troubles of a change the hosts
are ended, and one is started again a minute later, as where the platform scales in; at night both go on. With an even
seed at night the hosts share no lock: then two pulls of a flow and two sweeps run at once, as where the worker of a
killed host lives on.
"""

import json
from pathlib import Path

import pytest

from shared.flows.registry import FLOWS
from shared.operations.failures import failures_of
from shared.state.failures import Failures
from tests.e2e.two_hosts.garbage import STRAYS
from tests.e2e.two_hosts.plans import Strike, plan
from tests.e2e.two_hosts.running import running_hosts

_NIGHTLY = tuple(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 9))


@pytest.mark.long(85)
@pytest.mark.parametrize("seed", [0, *_NIGHTLY])
def test_two_hosts_end_in_step_after_every_part_was_killed_among_edits_and_garbage(seed: int, tmp_path: Path) -> None:
    # Each trouble takes some ten seconds.
    steps = plan(seed, others=2 if seed else 1)
    with running_hosts(tmp_path, all_fire=seed > 0 and seed % 2 == 0) as stage:
        stage.play(steps)
        if not seed:
            stage.rest()
        assert stage.settle() == ""
        # What the sync itself has written comes back as a change of its source. "marks" belongs to no flow.
        stage.until("nothing is queued", lambda: set(stage.queues.depths()) <= {"marks"})
        result = stage.compared()

        wrong = {name: flow.comparison for name, flow in result.flows.items() if not flow.comparison.clean}
        assert wrong == {}
        assert result.unaccounted == 0
        failures = Failures(stage.session.storage.table("links"))
        listed = {(flow, failure.id) for flow in FLOWS.names for failure in failures_of(failures, flow)}
        assert listed == stage.littered
        assert len(stage.in_hand) == sum(isinstance(step, Strike) for step in steps)
        assert any(stage.in_hand)

        assert all(stage.tables.remove(*stray) for stray in STRAYS)
        for flow in FLOWS.names:
            ids = sorted(id for value, id in stage.littered if value == flow)
            stage.ask("dismiss", flow, *ids, "--reason", "put there by the test", "--yes")
        assert json.loads(stage.ask("failures", "--json")) == []


def test_a_seed_gives_the_same_steps_each_time() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)
