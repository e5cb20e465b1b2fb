"""Creates of unknown outcome, found out about before anything else is decided (protocol A6)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.records import Json, TargetRow, Values, fold
from shared.state.keys import Keys, OwnedKey, Owner
from shared.state.links import Intent
from shared.sync.apply.claim import claim_ends_in
from shared.sync.apply.work import Work
from shared.sync.damage import damage_of_key
from shared.sync.flow import Flow, Route
from shared.sync.parts import Parts


def settle_intents(parts: Parts, flow: Flow, works: Sequence[Work], *, looks_only: bool = False) -> None:
    """Find out what became of creates whose answer, or whose worker, got lost.

    A row that is there now counts as ours if its id is ours, or if the first look had found nothing and it agrees
    with what was sent; and if the key is the record's: an intent is noted before the key is taken. Where that has not
    come about yet it is taken now, unless this is a look only. Where nothing is there nothing comes any more: whoever
    had the record before has lost its claim, and a request of it would have landed by now. A look also meets records
    that somebody has in hands still. Of a key whose owner nobody knows nothing is found out. Raises SystemTrouble when
    the target does not answer.
    """
    doubtful: dict[str | None, list[Work]] = defaultdict(list)
    for work in works:
        if work.link.intent is not None and not work.link.linked:
            doubtful[work.link.route].append(work)
    for name, of_route in doubtful.items():
        route = flow.route(name)
        found = route.target.find([work.link.intent.key for work in of_route if work.link.intent])
        keys = parts.state.keys_of(flow, route)
        owners = keys.owners([work.link.intent.key for work in of_route if work.link.intent])
        damaged = {key for key, of in owners.items() if damage_of_key(of, keys.row_of(key), parts.flows) is not None}
        known = [work for work in of_route if work.link.intent and work.link.intent.key not in damaged]
        there = [work for work in known if work.link.intent and work.link.intent.key in found]
        owned = _owned(keys, owners, route, there, looks_only=looks_only)
        for work in known:
            if work.id in owned:
                _settle(route, work, found)
            elif work in there:
                work.link = replace(work.link, intent=None)
            elif not (looks_only and claim_ends_in(work.link, parts.limits) > 0):
                work.drop_intent()


def return_to_former_targets(works: Sequence[Work]) -> None:
    """A record that was on its way to another target and has not arrived there is still at the one that it has left,
    unless that was ended: it can be ended there, and it is found there when it goes back."""
    for work in works:
        link = work.link.back_at_former()
        if link is not work.link:
            work.link, work.trusted = link, False


def _settle(route: Route, work: Work, found: Mapping[str, TargetRow]) -> None:
    intent = work.link.intent
    assert intent is not None
    row = found[intent.key]
    applied = _applied_by(route, intent, row)
    if applied is None:
        work.link = replace(work.link, intent=None)
        return
    # Where a record has several parts the intent stays until all of them are written: the creation is not finished.
    kept = intent if row.ours else None
    work.link = replace(
        work.link, route=route.name, target_key=intent.key, held_key=intent.key, intent=kept, applied=applied
    )
    work.trusted = False


def _owned(
    keys: Keys, owners: Mapping[str, OwnedKey], route: Route, works: Sequence[Work], *, looks_only: bool
) -> set[str]:
    """The records whose intended key is their own. Of several that want one that nobody has, the first gets it."""
    wanted = {of.id: (of.link.intent.key, Owner(of.link.flow, route.name, of.id)) for of in works if of.link.intent}
    own = {id for id, (key, owner) in wanted.items() if key in owners and owners[key].owner == owner}
    first: dict[str, str] = {}
    for id, (key, _) in wanted.items():
        if key not in owners:
            first.setdefault(fold(key), id)
    taken = {} if looks_only else keys.own(dict(wanted[id] for id in first.values()))
    return own | {id for id in first.values() if wanted[id][0] not in taken}


def _applied_by(route: Route, intent: Intent, row: TargetRow) -> dict[str, Json] | None:
    """What our creates may have left in a row; None when the row is not ours."""
    if row.ours:
        # Any of them may have come through, and its parts one by one: what one of them has filled may be filled.
        return {name: value for sent in intent.sent for name, value in sent.items()}
    agreeing = [sent for sent in intent.sent if row.id is None and _agrees(route, sent, row.values)]
    return agreeing[-1] if agreeing else None


def _agrees(route: Route, sent: Mapping[str, Json], row: Values) -> bool:
    """Whether a row holds what was sent, as far as it is read: the mapping may have another field less since then."""
    return all(route.rules.agree(name, value, row[name]) for name, value in sent.items() if name in row)
