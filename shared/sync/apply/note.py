"""What is noted in a link before a write is sent, in case the answer or this worker is lost: the key that the record is
about to own, the intent of its first write, the fields that are filled for the first time, and the line numbers of a
document (protocol A6, A8)."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from shared.errors import RowTooLarge
from shared.records import Json, LineAction, Values, Write
from shared.state.link_parts import LinkContent
from shared.state.links import Link, Links, Place
from shared.state.storage.tables import check_size
from shared.sync.apply.changes import Changes, takes_over
from shared.sync.apply.claim import BUSY_DELAY_S
from shared.sync.apply.outcome import WrittenTarget
from shared.sync.apply.record import SENT_KEPT, Concluded, Planned
from shared.sync.apply.written import target_of
from shared.sync.flow import Route
from shared.sync.link_writer import Group, LinkWriter, link_operation

Release = Callable[[Mapping[str, Iterable[Place]], Mapping[str, Link]], int]


def note(route: Route, links: Links, release: Release, planned: Sequence[Planned]) -> Iterator[Planned | Concluded]:
    """Write what is new into each link. A record whose link has changed meanwhile comes back. A record whose state does
    not fit into its row is rejected before anything is sent. Keys that a note removes are given up before."""
    notes: dict[str, Link] = {}
    for each in planned:
        target = None if each.judged.leaves else target_of(route, each)
        too_large = _too_large(route, each, target)
        noted = None if too_large else _noted(route, each, target)
        if noted is not None:
            notes[each.id] = noted
        else:
            yield too_large or each
    noting = [each for each in planned if each.id in notes]
    dropped = {each.id: each.record.stored.owned - notes[each.id].owned for each in noting}
    release(dropped, {each.id: each.record.stored for each in noting})
    groups = [Group(link, (link_operation(link),)) for link in notes.values()]
    written = LinkWriter(links, lambda now: _same_note(now, notes[now.id])).write(groups)
    for item in noting:
        if item.id in written.etags:
            yield item.with_record(item.record.noted(replace(notes[item.id], etag=written.etags[item.id])))
        else:
            yield item.record.retried(delay_s=BUSY_DELAY_S)


def _too_large(route: Route, planned: Planned, target: WrittenTarget | None) -> Concluded | None:
    """The outcome of a record whose link cannot hold the note."""
    record, write = planned.record, planned.write
    content = replace(record.link.content, applied={**record.link.content.applied, **write.values})
    if _counts(route, write):
        content = replace(content, sent=_not_of_others(route, record.link, content, write))
    link = replace(record.link, intent=record.intent_of(write), content=content)
    try:
        check_size((link if target is None else target.on(link)).to_row())
    except RowTooLarge as large:
        message = f"the sync state of this record is too large to be kept: {large}"
        return record.rejected("state_too_large", message, "shorten its texts in the source")
    return None


def _noted(route: Route, planned: Planned, target: WrittenTarget | None) -> Link | None:
    """The link with the note; None if there is nothing new. `target` is the place of the record after its write; None
    if it leaves its place."""
    write, judged, record = planned.write, planned.judged, planned.record
    link = record.link
    if target is None:
        # A create of unknown outcome that was just found to be ours is kept as well: what ends it makes it look
        # like another's.
        return replace(link, held_key=judged.content.key)
    if not link.linked:
        link = replace(link, route=route.name, held_key=write.key)
    link = _with_values(route, planned, link, write)
    if route.document is not None and judged.ending is None:
        ours = {line.number for line in write.lines if line.action is LineAction.CREATE}
        if write.before is not None and takes_over(record.link):
            ours |= set(write.before.lines)
        content = replace(
            link.content,
            numbers=dict(target.numbers),
            revisions={**link.content.revisions, **target.revisions},
            line_fields=target.line_fields,
            noted=tuple(sorted({*link.content.noted, *ours})),
        )
        link = replace(link, content=content)
    places = Changes(route).noted_places(judged) if judged.ending is None else link.content.places
    if places != link.content.places:
        link = replace(link, content=replace(link.content, places=places))
    return link if link is not record.link or not record.found.linked else None


def _with_values(route: Route, planned: Planned, link: Link, write: Write) -> Link:
    """The intent of a first write to a row, also of one that is created again, and the fields that this write fills for
    the first time. A take-over needs both: its intent does not count if the id of the row is not ours. Where changes of
    others count, what is sent as well, and what the row holds that is taken over: if the answer is lost, neither must
    look like one."""
    is_first = not link.linked
    if is_first or write.create:
        link = replace(link, intent=planned.record.intent_of(write))
        if is_first and write.create:
            return link
    content = link.content
    first = sorted(set(write.values) - set(content.applied) - set(content.touched))
    if first:
        content = replace(content, touched=(*content.touched, *first))
    if _counts(route, write):
        content = replace(content, sent=_not_of_others(route, link, content, write))
    return link if content is link.content else replace(link, content=content)


def _counts(route: Route, write: Write) -> bool:
    """Whether what a write sends, or writes over, must be told from the changes of others."""
    return route.looks_for_conflicts and write.before is not None


def _not_of_others(route: Route, link: Link, content: LinkContent, write: Write) -> tuple[dict[str, Json], ...]:
    """What is no change of others in the row, whether or not this write is applied. What a take-over sends stands in
    its intent."""
    return _sent(route, content, write) if link.linked else _written_over(route, content, write)


def _written_over(route: Route, content: LinkContent, write: Write) -> tuple[dict[str, Json], ...]:
    """The values that a row holds, and that a take-over is to replace: the row holds them still if the write is not
    applied."""
    there: Values = {} if write.before is None else write.before.values
    replaced = {
        name: there[name]
        for name, value in write.values.items()
        if name in there and not route.rules.agree(name, value, there[name])
    }
    return (*(each for each in content.sent if each != replaced), *([replaced] if replaced else ()))[-SENT_KEPT:]


def _sent(route: Route, content: LinkContent, write: Write) -> tuple[dict[str, Json], ...]:
    """What writes without a clear answer have sent, this one included: the last ones, and of those before them what the
    row as read shows. What it does not show cannot come to the row any more."""
    sent = [*(each for each in content.sent if each != write.values), dict(write.values)]
    there: Values = {} if write.before is None else write.before.values
    shown = {
        name: value
        for earlier in sent[:-SENT_KEPT]
        for name, value in earlier.items()
        if name in there and route.rules.agree(name, value, there[name])
    }
    return (*([shown] if shown else ()), *sent[-SENT_KEPT:])


def _same_note(now: Link, noted: Link) -> bool:
    return now.claim.id == noted.claim.id and _note_of(now) == _note_of(noted)


def _note_of(link: Link) -> tuple[object, ...]:
    at = link.held_key, link.target_key, link.intent
    return (
        *at,
        link.content.touched,
        link.content.numbers,
        link.content.noted,
        link.content.revisions,
        link.content.places,
        link.content.sent,
    )
