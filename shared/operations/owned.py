"""The target keys that a record owns, given up by hand."""

from shared.records import fold
from shared.state.keys import Owner
from shared.state.links import FormerTarget, Link
from shared.sync.flow import Flow
from shared.sync.parts import Parts


def release_keys(parts: Parts, flow: Flow, link: Link, *, but: FormerTarget | None = None) -> None:
    """Give up every key that a record owns by its link, also those of targets that it has left, `but` one."""
    places = {(left.route, left.key) for left in link.former}
    if link.route is not None:
        places |= {(link.route, key) for key in (link.held_key, link.target_key) if key}
    for route, key in places:
        if but is not None and (route, fold(key)) == (but.route, fold(but.key)):
            continue
        keys = parts.state.keys_of(flow, flow.route(route))
        owned = keys.owners([key]).get(key)
        if owned is not None and owned.owner == Owner(flow.name, route, link.id):
            keys.release(owned)
