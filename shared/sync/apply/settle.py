"""First writes of unknown outcome, found out about before anything else is decided (protocol A6)."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from shared.records import Json, TargetRow, Values, fold
from shared.state.keys import Keys, OwnedKey, Owner
from shared.state.links import Intent, Link
from shared.sync.apply.ownership import KeysOf
from shared.sync.apply.record import Record
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
) -> Iterator[Record]:
    """Each record with what became of a create whose answer, or whose worker, got lost.

    A row that is there now counts as ours if its id is ours, or if the first look had found nothing and it agrees
    with what was sent; and if the key is the record's: an intent is noted before the key is taken. Where that has not
    come about yet it is taken now, unless this is a look only. Where nothing is there nothing comes any more: whoever
    had the record before has lost its claim, and a request of it would have landed by now. A look also meets records
    that somebody has in hands still (`is_held`). Of a key whose owner nobody knows nothing is found out. Raises
    SystemTrouble when the target does not answer.
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
        damaged = {key for key, owner in owners.items() if damage_of_key(owner, keys.row_of(key), flows) is not None}
        there = {id: intent for id, intent in intents.items() if intent.key in found.keys() - damaged}
        owned = _owned(keys, owners, Owner(flow.name, route.name, ""), there, looks_only=looks_only)
        for id, intent in intents.items():
            record = by_id[id]
            if intent.key in damaged or (intent.key not in found and is_held(record.link)):
                yield record
            elif id in owned:
                yield _settled(route, record, intent, found[intent.key])
            elif id in there:
                yield replace(record, link=replace(record.link, intent=None))
            else:
                yield record.without_intent()


def back_at_former(records: Sequence[Record]) -> Iterator[Record]:
    """A record that was on its way to another target and has not arrived there is still at the one that it has left,
    unless that was ended: it can be ended there, and it is found there when it goes back."""
    for record in records:
        link = record.link.back_at_former()
        yield record if link is record.link else replace(record, link=link, trusted=False)


def _settled(route: Route, record: Record, intent: Intent, row: TargetRow) -> Record:
    applied = _applied_by(route, intent, row)
    if applied is None:
        return replace(record, link=replace(record.link, intent=None))
    # Where a record has several parts the intent stays until all of them are written: the creation is not finished.
    kept = intent if row.ours else None
    content = replace(record.link.content, applied=applied)
    link = replace(
        record.link, route=route.name, target_key=intent.key, held_key=intent.key, intent=kept, content=content
    )
    return replace(record, link=link, trusted=False)


def _owned(
    keys: Keys, owners: Mapping[str, OwnedKey], of_route: Owner, intents: Mapping[str, Intent], *, looks_only: bool
) -> set[str]:
    """The records whose intended key is their own. Of several that want one that nobody has, the first gets it."""
    wanted = {id: (intent.key, replace(of_route, id=id)) for id, intent in intents.items()}
    own = {id for id, (key, owner) in wanted.items() if key in owners and owners[key].owner == owner}
    first: dict[str, str] = {}
    for id, (key, _) in wanted.items():
        if key not in owners:
            first.setdefault(fold(key), id)
    taken = {} if looks_only else keys.own(dict(wanted[id] for id in first.values()))
    return own | {id for id in first.values() if wanted[id][0] not in taken}


def _applied_by(route: Route, intent: Intent, row: TargetRow) -> dict[str, Json] | None:
    """What our first writes may have left in a row; None when the row is not ours."""
    if row.ours:
        # Any of them may have come through, and its parts one by one: what one of them has filled may be filled.
        return {name: value for sent in intent.sent for name, value in sent.items()}
    agreeing = [sent for sent in intent.sent if row.id is None and _agrees(route, sent, row.values)]
    return agreeing[-1] if agreeing else None


def _agrees(route: Route, sent: Mapping[str, Json], row: Values) -> bool:
    """Whether a row holds what was sent, as far as it is read: the mapping may have another field less since then."""
    return all(route.rules.agree(name, value, row[name]) for name, value in sent.items() if name in row)
