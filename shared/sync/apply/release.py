"""Gives target keys up: each only while the link of its record still names it, so that a crash leaves no key with an
unknown owner (protocol A6)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from shared.state.keys import OwnedKey, Owner
from shared.state.links import Link, Links, Place
from shared.sync.apply.ownership import KeysOf
from shared.sync.damage import damage_of
from shared.sync.flow import Flow


def release(
    flow: Flow, links: Links, keys_of: KeysOf, places: Mapping[str, Iterable[Place]], stored: Mapping[str, Link]
) -> int:
    """Give up keys of records, by the records' ids. Returns how many of the keys were theirs. `stored` are the links as
    they were last written or read. A record keeps its keys if its link has changed meanwhile or cannot be read.

    A key is read before its link is compared. A worker that takes the key for the same record at that moment has
    written the link first and writes the key again. So either the comparison or the release fails. Raises
    StorageTrouble.
    """
    owned = _owned(flow, keys_of, places)
    if not owned:
        return 0
    now = links.load(flow.name, list(dict.fromkeys(key.owner.id for _, key in owned)))
    return sum(
        keys_of(flow.route(route)).release(key)
        for route, key in owned
        if now[key.owner.id].etag == stored[key.owner.id].etag and damage_of(now[key.owner.id], flow) is None
    )


def _owned(flow: Flow, keys_of: KeysOf, places: Mapping[str, Iterable[Place]]) -> list[tuple[str, OwnedKey]]:
    """Those of the keys that are the records' own, by route."""
    wanted: dict[str, dict[str, str]] = defaultdict(dict)
    for id, of_record in places.items():
        for route, key in sorted(of_record):
            wanted[route][key] = id
    return [
        (route, owned)
        for route, ids in wanted.items()
        for key, owned in keys_of(flow.route(route)).owners(list(ids)).items()
        if owned.owner == Owner(flow.name, route, ids[key])
    ]
