"""Finds out what became of first writes of unknown outcome, before anything else is decided (protocol A6)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from shared.records import Json, TargetRow, Values, fold
from shared.state.failures import STATE_UNREADABLE
from shared.state.keys import Keys, OwnedKey, Owner
from shared.state.link_targets import Intent
from shared.state.links import Link
from shared.sync.apply.ownership import KeysOf
from shared.sync.apply.record import Concluded, Record
from shared.sync.damage import damage_of_key
from shared.sync.flow import Flow, Route


def settle(
    flow: Flow,
    flows: Mapping[str, Flow],
    keys_of: KeysOf,
    records: Sequence[Record],
    *,
    looks_only: bool = False,
    is_held: Callable[[Link], bool] = lambda _: False,
) -> Iterator[Record | Concluded]:
    """Each record with the result of a create whose answer, or whose worker, was lost.

    An existing row counts as ours if its id is ours, or if the first look found no row and the fields agree with what
    was sent. The key must be the record's own as well. An intent is noted before its key is taken, so a key that is not
    taken yet is taken now, except in a dry run (`looks_only`). If there is no row, none will come: the claim of the
    former worker has expired, and its request would have arrived by now. A dry run also meets records that a worker
    still holds (`is_held`). If the owner of a key is unknown, the record is listed whatever has become of it, and keeps
    its intent until the key is repaired. Raises SystemTrouble if the target does not answer.
    """
    doubtful: dict[str | None, dict[str, Intent]] = defaultdict(dict)
    for record in records:
        link = record.link
        if link.intent is not None and not link.linked:
            doubtful[link.route][record.id] = link.intent
        else:
            yield record
    by_id = {record.id: record for record in records}
    for name, intents in doubtful.items():
        route, keys = flow.route(name), keys_of(flow.route(name))
        found = route.target.find([intent.key for intent in intents.values()])
        owners = keys.owners([intent.key for intent in intents.values()])
        damages = {key: damage_of_key(owner, keys.row_of(key), flows) for key, owner in owners.items()}
        damaged = {key: damage for key, damage in damages.items() if damage is not None}
        there = {id: intent for id, intent in intents.items() if intent.key in found.keys() - damaged.keys()}
        owned = _owned(keys, owners, Owner(flow.name, route.name, ""), there, looks_only=looks_only)
        for id, intent in intents.items():
            record = by_id[id]
            if (damage := damaged.get(intent.key)) is not None:
                yield record.rejected(STATE_UNREADABLE, str(damage), damage.remedy, value=intent.key)
            elif intent.key not in found and is_held(record.link):
                yield record
            elif id in owned:
                yield _settled(route, record, intent, found[intent.key])
            elif id in there:
                yield replace(record, link=replace(record.link, intent=None))
            else:
                yield record.without_intent()


def back_at_former(records: Sequence[Record]) -> Iterator[Record]:
    """Each record, back at the target that it was about to leave if it has not arrived at the other one, unless the
    former row was ended. So it can be ended there, and is found there if it returns."""
    for record in records:
        link = record.link.back_at_former()
        yield record if link is record.link else replace(record, link=link, trusted=False)


def _settled(route: Route, record: Record, intent: Intent, row: TargetRow) -> Record:
    applied = _applied_by(route, intent, row)
    if applied is None:
        return replace(record, link=replace(record.link, intent=None))
    # The intent stays until all parts of a record are written: until then the creation is not finished.
    kept = intent if row.ours else None
    content = replace(record.link.content, applied=applied)
    link = replace(
        record.link, route=route.name, target_key=intent.key, held_key=intent.key, intent=kept, content=content
    )
    return replace(record, link=link, trusted=False)


def _owned(
    keys: Keys, owners: Mapping[str, OwnedKey], of_route: Owner, intents: Mapping[str, Intent], *, looks_only: bool
) -> set[str]:
    """The records whose intended key is their own. If several want a key without an owner, the first gets it."""
    wanted = {id: (intent.key, replace(of_route, id=id)) for id, intent in intents.items()}
    own = {id for id, (key, owner) in wanted.items() if key in owners and owners[key].owner == owner}
    first: dict[str, str] = {}
    for id, (key, _) in wanted.items():
        if key not in owners:
            first.setdefault(fold(key), id)
    taken = {} if looks_only else keys.own(dict(wanted[id] for id in first.values()))
    return own | {id for id in first.values() if wanted[id][0] not in taken}


def _applied_by(route: Route, intent: Intent, row: TargetRow) -> dict[str, Json] | None:
    """The fields that our first writes may have filled in a row; None if the row is not ours."""
    if row.ours:
        # Each write, and each of its parts, may have been applied: a field that one of them has filled may be filled.
        return {name: value for sent in intent.sent for name, value in sent.items()}
    agreeing = [sent for sent in intent.sent if row.id is None and _agrees(route, sent, row.values)]
    return agreeing[-1] if agreeing else None


def _agrees(route: Route, sent: Mapping[str, Json], row: Values) -> bool:
    """Whether a row holds what was sent, in the fields that are read: the mapping may have fewer fields since then."""
    return all(route.rules.agree(name, value, row[name]) for name, value in sent.items() if name in row)
