"""The invariants I1 to I3 of the protocol, checked on a world that is quiet."""

from collections import Counter

from shared.mapping.verdicts import Filtered, Known, Mapped, Rejected
from shared.state.links import LinkState
from tests.support.world import FakeSource, FakeTarget, WalkedTable, World


def check(world: World) -> None:
    """Assert the invariants for every flow."""
    assert world.depth() == 0, "messages are left"
    for flow in world.flows:
        source, target = world.sources[flow], world.targets[flow]
        _accounted(world, flow, source)
        _owned_once(world, flow)
        _in_step(world, flow, source, target)


def _accounted(world: World, flow: str, source: FakeSource | WalkedTable) -> None:
    """I1: every source record is written, filtered, waiting, rejected or deleted."""
    links = {link.id: link for link in world.state.links.walk(flow)}
    for id in source.rows:
        assert links[id].state in (
            LinkState.WRITTEN, LinkState.FILTERED, LinkState.ENDED, LinkState.WAITING, LinkState.REJECTED,
        ), f"{id} is {links[id].state}"  # fmt: skip
        assert links[id].claim_id is None, f"{id} is still claimed"
        failures = world.state.failures.load(flow, [id])
        assert (id in failures) == (links[id].state is LinkState.REJECTED), f"{id}: failure row and link disagree"


def _owned_once(world: World, flow: str) -> None:
    """I2: one source record has at most one target record, one target record one owner."""
    keys = Counter(link.target_key for link in world.state.links.walk(flow) if link.target_key)
    assert all(count == 1 for count in keys.values()), f"owned twice: {keys}"


def _in_step(world: World, flow: str, source: FakeSource | WalkedTable, target: FakeTarget) -> None:
    """I3: each owned field of the target equals what the mapping makes of the source; nothing stands there twice."""
    mapper = world.mappers[flow]
    links = {link.id: link for link in world.state.links.walk(flow)}
    for id, row in source.rows.items():
        link = links[id]
        match mapper.evaluate(row, Known(world.clock.now())):
            case Mapped() as mapped if link.state is LinkState.WRITTEN:
                there = target.rows[mapped.key.casefold()]
                for name, value in mapped.owned.items():
                    assert mapper.agree(name, value, there.get(name)), f"{id}.{name}: {value!r} != {there.get(name)!r}"
                assert not link.dirty
            case Mapped():
                assert link.state in (LinkState.WAITING, LinkState.REJECTED, LinkState.FILTERED), f"{id} {link.state}"
            case Filtered():
                assert link.state in (LinkState.FILTERED, LinkState.ENDED)
            case Rejected():
                assert link.state is LinkState.REJECTED
    owned = {link.target_key.casefold() for link in links.values() if link.target_key}
    made = {write.key.casefold() for write in target.writes if write.create}
    assert made <= owned | {key for key in made if key not in target.rows}, (
        f"created but owned by nobody: {made - owned}"
    )
