"""The links of the records that others wait for (protocol W1, W2)."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from shared.mapping.verdicts import Parent
from shared.records import fold
from shared.state.keys import Owner
from shared.state.links import Link, LinkState
from shared.sync.flow import Finder, Flow
from shared.sync.state import State

LinksOfParents = Callable[[set[Parent]], Mapping[Parent, Link]]
"""Loads the links of parents; linked means committed, not claimed."""


def parent_links(state: State, flow: Flow, *, asks_target: bool = True) -> LinksOfParents:
    """Loads the links of parents of the records of a flow. Rows of the target that stand for parents (`Flow.finders`)
    count as linked; without `asks_target` they are not looked for. Raises SystemTrouble if the target does not
    answer."""
    return partial(_load, state, flow.company, flow.finders if asks_target else dict.fromkeys(flow.finders, _nothing))


def may_continue(parent: Parent, link: Link) -> bool:
    """Whether a record that waits for a parent is to be looked at again: the parent is linked, or filtered."""
    if parent.is_look:
        return is_beyond_looking(link)
    return link.key_on(parent.route) is not None or link.keeps_off(parent.route)


def is_beyond_looking(link: Link) -> bool:
    """Whether another look at a record would not help those that wait for one: it is listed as a failure."""
    return link.damage is not None or link.state is LinkState.REJECTED


def keeps_off(parent: Parent, link: Link) -> bool:
    """Whether a parent keeps its child from the target, with itself."""
    return not parent.is_look and link.keeps_off(parent.route)


def is_looked_at(flow: Flow, link: Link) -> bool:
    """Whether a record has come as far as it comes by being looked at: it does not wait, and no rule filters it that
    ceases to hold by itself (protocol W4)."""
    rule = flow.filters.get(link.rule or "") if link.state is LinkState.FILTERED else None
    return link.state is not LinkState.WAITING and not (rule is not None and rule.passes)


def keeps_parked(parent: Parent, link: Link) -> bool:
    """Whether a record that is filtered because of a parent stays so. A record that is named by its key must be linked
    first."""
    return keeps_off(parent, link) or (parent.is_by_key and link.key_on(parent.route) is None)


def owner_of(state: State, company: str, parent: Parent) -> Owner | None:
    """The record that owns the key by which a parent is named; None if none is known. Raises StorageTrouble."""
    return _owners(state, company, parent.flow, [parent.id]).get(parent.id)


def _nothing(_keys: Sequence[str]) -> Mapping[str, str]:
    return {}


def _load(state: State, company: str, finders: Mapping[str, Finder], parents: set[Parent]) -> dict[Parent, Link]:
    """The links, read in the order of their ids: that of a set differs between processes."""
    by_flow: dict[str, set[str]] = defaultdict(set)
    by_collection: dict[str, set[str]] = defaultdict(set)
    for parent in parents:
        (by_collection if parent.is_by_key else by_flow)[parent.flow].add(parent.id)
    found = {flow: state.links.load(flow, sorted(by_flow[flow])) for flow in sorted(by_flow)}
    for collection in sorted(by_collection):
        keys, finder = sorted(by_collection[collection]), finders.get(collection)
        found[collection] = (
            _under_keys(state, company, collection, keys) if finder is None else _in_target(finder, collection, keys)
        )
    return {parent: found[parent.flow][parent.id] for parent in parents}


def _in_target(finder: Finder, collection: str, keys: list[str]) -> dict[str, Link]:
    """A link to each row of the target that is found under a key, whoever has made it."""
    ids = finder(keys)
    return {
        key: Link(collection, ids[key], route=Parent.BY_KEY, target_key=key) if key in ids else Link(collection, key)
        for key in keys
    }


def _under_keys(state: State, company: str, collection: str, keys: list[str]) -> dict[str, Link]:
    """The links of the records that own these keys, each on the route of parents that are named by their key if it is
    linked under the key. A link that an operator has made counts once a worker has confirmed it: only then the source
    row is known that stands for the key. A key without an owner gets a new link."""
    owners = _owners(state, company, collection, keys)
    by_flow: dict[str, set[str]] = defaultdict(set)
    for owner in owners.values():
        by_flow[owner.flow].add(owner.id)
    links = {flow: state.links.load(flow, sorted(ids)) for flow, ids in sorted(by_flow.items())}
    return {
        key: _as_named(links[owners[key].flow][owners[key].id], owners[key], key)
        if key in owners
        else Link(collection, key)
        for key in keys
    }


def _as_named(link: Link, owner: Owner, key: str) -> Link:
    if fold(link.key_on(owner.route) or "") == key and not link.is_unconfirmed:
        return replace(link, route=Parent.BY_KEY)
    return replace(link, route=None, target_key=None, target_id=None)


def _owners(state: State, company: str, collection: str, keys: list[str]) -> dict[str, Owner]:
    found = state.keys_in(collection, company).owners(keys)
    return {key: owned.owner for key, owned in found.items() if owned.damage is None}
