"""Creates of unknown outcome, found out about before anything else is decided (protocol A6)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.records import Json, TargetRow, Values, fold
from shared.state.keys import Keys, Owner
from shared.state.links import Intent
from shared.sync.apply.work import Work
from shared.sync.flow import Flow, Route
from shared.sync.parts import Parts


def settle_intents(parts: Parts, flow: Flow, works: Sequence[Work], *, looks_only: bool = False) -> None:
    """Find out what became of creates whose answer, or whose worker, got lost.

    A row that is there now counts as ours if its id is ours, or if the first look had found nothing and it agrees
    with what was sent; and if the key is the record's: an intent is noted before the key is taken. Where that has not
    come about yet it is taken now, unless this is a look only. Raises SystemTrouble when the target does not answer.
    """
    doubtful: dict[str | None, list[Work]] = defaultdict(list)
    for work in works:
        if work.link.intent is not None and not work.link.linked:
            doubtful[work.link.route].append(work)
    for name, of_route in doubtful.items():
        route = flow.route(name)
        found = route.target.find([work.link.intent.key for work in of_route if work.link.intent])
        there = [work for work in of_route if work.link.intent and work.link.intent.key in found]
        strangers = _strangers(parts.state.keys_of(flow, route), route, there, looks_only=looks_only)
        for work in there:
            if work.id in strangers:
                work.link = replace(work.link, intent=None)
            else:
                _settle(route, work, found)


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


def _strangers(keys: Keys, route: Route, works: Sequence[Work], *, looks_only: bool) -> set[str]:
    """The records whose intended key is another one's. Of several that want one that nobody has, the first gets it."""
    wanted = {of.id: (of.link.intent.key, Owner(of.link.flow, route.name, of.id)) for of in works if of.link.intent}
    owners = keys.owners([key for key, _ in wanted.values()]) if wanted else {}
    first: dict[str, str] = {}
    for id, (key, _) in wanted.items():
        first.setdefault(fold(key), id)
    free = [id for id, (key, _) in wanted.items() if key not in owners and first[fold(key)] == id]
    strange = {id for id, (key, owner) in wanted.items() if key in owners and owners[key].owner != owner}
    strange |= {id for id, (key, _) in wanted.items() if key not in owners and first[fold(key)] != id}
    taken = {} if looks_only else keys.own(dict(wanted[id] for id in free))
    return strange | {id for id in free if wanted[id][0] in taken}


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
