"""Owned target keys, checked one by one: keys that no link names are found only here."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from shared.errors import SystemTrouble
from shared.records import fold
from shared.state.keys import Keys, OwnedKey
from shared.sync.damage import damage_of
from shared.sync.environment import Environment
from shared.sync.flow import Flow
from shared.sync.state import State

PAGE = 500


@dataclass(frozen=True, slots=True)
class KeyPage:
    """Some keys of one route; `after` is where to continue, None after the last one of the flow."""

    route: str
    keys: Keys
    owned: list[OwnedKey]
    after: str | None


def pages(state: State, flow: Flow, after: str = "") -> Iterator[KeyPage]:
    """Every owned key of the targets of a flow, also those of other flows, page by page from `after`."""
    first, _, row = after.partition("|")
    routes = list(flow.routes.values())
    names = [route.name for route in routes]
    at = names.index(first) if first in names else 0
    for number, route in enumerate(routes[at:], at):
        keys = state.keys_of(flow, route)
        start: str | None = row if number == at else ""
        while start is not None:
            owned, start = keys.page(start, PAGE)
            further = f"{routes[number + 1].name}|" if number + 1 < len(routes) else None
            yield KeyPage(route.name, keys, owned, further if start is None else f"{route.name}|{start}")


def owned_by(state: State, flow: Flow, id: str) -> list[tuple[Keys, OwnedKey]]:
    """Every key whose owner is this record, whether or not its link says so. Each key of the flow's targets is read:
    some seconds for a hundred thousand."""
    return [
        (page.keys, key)
        for page in pages(state, flow)
        for key in page.owned
        if (key.owner.flow, key.owner.id) == (flow.name, id)
    ]


def release_ownerless(state: State, environment: Environment, flow: Flow, page: KeyPage, *, claim_live_s: float) -> int:
    """Give up those keys that their record of this flow does not name; how many.

    A worker may have written a key late, after another one had decided about the record. A key that was written just
    now is left for the next time. The keys of a record whose link is damaged or lost are kept: a repair needs them to
    find what the record owns. Raises StorageTrouble.
    """
    old = [key for key in page.owned if key.owner.flow == flow.name and key.age_s > claim_live_s]
    links = state.links.load(flow.name, list(dict.fromkeys(key.owner.id for key in old)))
    unnamed = [key for key in old if (key.owner.route, fold(key.key)) not in links[key.owner.id].owned]
    lost = _lost(environment, flow, {key.owner.id for key in unnamed if links[key.owner.id].etag is None})
    return sum(
        page.keys.release(key)
        for key in unnamed
        if key.owner.id not in lost and damage_of(links[key.owner.id], flow) is None
    )


def _lost(environment: Environment, flow: Flow, ids: Collection[str]) -> Collection[str]:
    """Those records without a link that exist in their source, or may exist if it cannot be read."""
    if not ids or environment.change_by_settings(flow.name):
        return ids
    try:
        return flow.source.existing(sorted(ids))
    except SystemTrouble:
        return ids
