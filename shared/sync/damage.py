"""Links and owned keys that are not used because they cannot be read, or name what this version does not have (protocol
A12)."""

from collections.abc import Mapping

from shared.errors import Damage
from shared.state.keys import OwnedKey, unknown_owner
from shared.state.links import Link, link_key
from shared.state.storage.tables import Row, escape
from shared.sync.flow import Flow


def damage_of(link: Link, flow: Flow) -> Damage | None:
    """Why a link of a flow must not be used; None if it may. Only the flow knows which routes exist."""
    if link.damage is not None:
        return link.damage
    named = [link.route, *(left.route for left in link.former)]
    if any(route is not None and route not in flow.routes for route in named):
        return _damage(link, "route", "is one that this version does not know")
    if link.route is None and (link.linked or link.intent is not None):
        return _damage(link, "route", "is missing")
    details = [route.detail for route in flow.routes.values() if route.detail is not None]
    if not all(detail.is_readable(link.content.applied, link.content.places) for detail in details):
        return _damage(link, "applied", "or places is not what the mapping keeps")
    return None


def damage_of_key(owned: OwnedKey, row: Row, flows: Mapping[str, Flow]) -> Damage | None:
    """Why the owner of the key in this row is unknown; None if it is known."""
    if owned.damage is not None:
        return owned.damage
    flow = flows.get(owned.owner.flow)
    return unknown_owner(row) if flow is None or owned.owner.route not in flow.routes else None


def _damage(link: Link, name: str, problem: str) -> Damage:
    helps = f"p2c repair {link.flow} {link.id}"
    return Damage("links", escape(link.flow), link_key(link.id), name, problem, helps)
