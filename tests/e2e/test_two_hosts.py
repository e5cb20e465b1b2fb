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
and not 60. A host that is without storage for 26 s ends, and is started again. With an odd seed the hosts share no
lock: then two pulls of a flow and two sweeps run at once, as where the worker of a killed host lives on.
"""

from pathlib import Path

import pytest

from tests.e2e.two_hosts.plans import Strike, plan
from tests.e2e.two_hosts.running import assert_all_is_in_step, running_hosts

# What is not of a flow, and brings the storage's data to disk.
_NO_FLOWS = "marks"


@pytest.mark.nightly
@pytest.mark.long(85)
@pytest.mark.parametrize("seed", range(9))
def test_two_hosts_end_in_step_after_every_part_was_killed_among_edits_and_garbage(seed: int, tmp_path: Path) -> None:
    # Each trouble takes some ten seconds.
    steps = plan(seed)
    with running_hosts(tmp_path, all_fire=seed % 2 == 1) as stage:
        stage.play(steps)
        assert stage.settle() == ""
        # What the sync itself has written comes back as a change of its source.
        stage.until("nothing is queued", lambda: set(stage.queues.depths()) <= {_NO_FLOWS})
        assert_all_is_in_step(stage)
        assert len(stage.in_hand) == sum(isinstance(step, Strike) for step in steps)
        assert any(stage.in_hand)


def test_a_seed_gives_the_same_steps_each_time() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)
