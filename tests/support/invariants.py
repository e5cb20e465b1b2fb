"""The invariants I1 to I3 of the protocol, checked on a world that is quiet."""

from collections import Counter

from shared.mapping.verdicts import Filtered, Known, Mapped, Rejected
from shared.records import SourceRow, fold
from shared.state.keys import Owner
from shared.state.link_targets import FormerTarget
from shared.state.links import Link, LinkState
from shared.sync.apply.parents import parent_links
from shared.sync.flow import Flow, Route
from tests.support.doubles import FakeTarget
from tests.support.trade import DocumentTarget
from tests.support.world import World

_DECIDED = (LinkState.WRITTEN, LinkState.FILTERED, LinkState.ENDED, LinkState.WAITING, LinkState.REJECTED)


def check(world: World) -> None:
    """Assert the invariants for every flow."""
    assert world.depth() == 0, "messages are left"
    for flow in world.service().flows.values():
        links = {link.id: link for link in world.state.links.walk(flow.name)}
        _accounted(world, flow, links)
        _listed(world, flow, links)
        _owned_once(flow, links)
        _in_step(world, flow, links)
    _keys_owned(world)


def check_at_rest(world: World, hours: float = 2) -> None:
    """Assert the invariants, and that a quiet system writes nothing."""
    check(world)
    targets = [target for flow in world.flows for target in world.targets_of(flow)]
    before = [len(target.writes) for target in targets]
    world.settle(hours=hours)
    check(world)
    assert [len(target.writes) for target in targets] == before, "a quiet system goes on writing"


def _accounted(world: World, flow: Flow, links: dict[str, Link]) -> None:
    """I1: every source record is written, filtered, waiting, rejected or deleted."""
    for id in world.sources[flow.name].rows:
        assert links[id].state in _DECIDED, f"{id} is {links[id].state}"
        assert links[id].claim.id is None, f"{id} is still claimed"
        failures = world.state.failures.load(flow.name, [id])
        assert (id in failures) == (links[id].state is LinkState.REJECTED), f"{id}: failure row and link disagree"


def _listed(world: World, flow: Flow, links: dict[str, Link]) -> None:
    """I1, I5: a failure is of a record that is there and rejected; a record that is gone is told as gone."""
    there = world.sources[flow.name].rows
    failures, _ = world.state.failures.page(flow.name, "", 1000)
    for failure in failures:
        assert failure.id in there, f"{failure.id} is gone and listed: {failure.cause}"
        assert links[failure.id].state is LinkState.REJECTED, f"{failure.id} is listed and {links[failure.id].state}"
    for link in links.values():
        assert link.id in there or link.state is LinkState.DELETED, f"{link.id} is gone and {link.state}"


def _keys_owned(world: World) -> None:
    """I2: every owned key has a living owner whose link names it, and every row that a link names has its key."""
    flows = world.service().flows
    for (partition, _), row in world.keys_table.content().items():
        owner = Owner(str(row.cells["flow"]), str(row.cells["route"]), str(row.cells["record_id"]))
        key, link = str(row.cells["key"]), world.state.links.load(owner.flow, [owner.id])[owner.id]
        assert link.etag is not None, f"{key} in {partition} is owned by {owner.id}, which is forgotten"
        assert (owner.route, fold(key)) in link.owned, f"{key} is not in {link}"
    for flow in flows.values():
        for link in world.state.links.walk(flow.name):
            for route, key in _places(link):
                owned = world.state.keys_of(flow, flow.route(route)).owners([key]).get(key)
                assert owned is not None, f"nobody owns {key}, where {link.id} is"
                assert owned.owner == Owner(flow.name, route, link.id), f"{key} of {link.id} is owned by {owned.owner}"


def _owned_once(flow: Flow, links: dict[str, Link]) -> None:
    """I2: one source record has at most one target record on a route, one target record one owner; what stands in the
    target and was made by us is owned by somebody."""
    owned = Counter(place for link in links.values() for place in _places(link))
    assert all(count == 1 for count in owned.values()), f"owned twice: {owned}"
    for route in flow.routes.values():
        target = _target(route)
        target.arrive()
        keys = {key.casefold() for name, key in owned if name == route.name}
        made = target.made & target.rows.keys()
        assert made <= keys, f"created but owned by nobody: {made - keys}"


def _places(link: Link) -> set[tuple[str, str]]:
    """The target rows that are a record's own: the present one and those that it has left."""
    now = {(link.route or "", link.target_key)} if link.target_key else set()
    return now | {(left.route, left.key) for left in link.former}


def _in_step(world: World, flow: Flow, links: dict[str, Link]) -> None:
    """I3: each owned field of the target equals what the mapping makes of the source."""
    for id, row in world.sources[flow.name].rows.items():
        link = links[id]
        match flow.mapper.evaluate(row, _known(world, flow, row, link)):
            case Mapped() as mapped if link.state is LinkState.WRITTEN:
                assert not link.dirty
                route = flow.route(mapped.route)
                assert link.route == route.name
                _row_in_step(id, mapped, route)
            case Mapped():
                assert link.state in (LinkState.WAITING, LinkState.REJECTED, LinkState.FILTERED), f"{id} {link.state}"
            case Filtered():
                assert link.state in (LinkState.FILTERED, LinkState.ENDED)
            case Rejected():
                assert link.state is LinkState.REJECTED


def _known(world: World, flow: Flow, row: SourceRow, link: Link) -> Known:
    parents = parent_links(world.state, flow)({*flow.mapper.parents(row)})
    keys = {each: key for each, parent in parents.items() if (key := parent.key_on(each.route)) is not None}
    rows = {each: parents[each].id for each in keys if each.is_by_key}
    route, numbers = link.route if link.linked else None, link.content.numbers
    return Known(world.clock.now(), route=route, keys=keys, rows=rows, numbers=numbers)


def _row_in_step(id: str, mapped: Mapped, route: Route) -> None:
    target = _target(route)
    there = target.rows[mapped.key.casefold()]
    for name, value in mapped.owned.items():
        assert route.rules.agree(name, value, there.get(name)), f"{id}.{name}: {value!r} != {there.get(name)!r}"
    if isinstance(target, DocumentTarget):
        assert route.document is not None
        lines = target.lines.get(mapped.key.casefold(), {})
        ours = {number for number in lines if mapped.numbers.get(number)}
        assert ours == set(mapped.lines), f"{id} has the lines {sorted(ours)}, not {sorted(mapped.lines)}"
        for number, line in mapped.lines.items():
            for name, value in line.owned.items():
                assert route.document.agree_on_line(name, value, lines[number].get(name)), f"{id} line {number}.{name}"


def left(link: Link, route: str) -> list[str]:
    """The keys of the target rows that a record has left on a route."""
    return [each.key for each in link.former if isinstance(each, FormerTarget) and each.route == route]


def _target(route: Route) -> FakeTarget:
    assert isinstance(route.target, FakeTarget)
    return route.target
