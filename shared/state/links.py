"""Links: the row that ties a source record to its target key and holds its sync state.

Partition = flow, row = `L|id`: one row per record, whatever its routes are, so that one claim covers it. Failures
(`F|`), waits (`W|`) and history (`H|`) of the record are in the same partition, so that one transaction commits them
together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from itertools import islice

from shared import exact_json
from shared.errors import Damage, StateUnreadable
from shared.records import fold
from shared.state.link_parts import Claim, LinkContent, Seen, read_claim, read_content, read_seen
from shared.state.link_targets import (
    ELSEWHERE,
    Elsewhere,
    FormerTarget,
    Intent,
    read_elsewhere,
    read_target,
    target_cells,
)
from shared.state.storage.cells import Cells, once_per_row
from shared.state.storage.tables import MAX_KEY_CHARACTERS, Cell, Row, Stored, Table, escape, is_key, unescape

SCHEMA_VERSION = 1
# A target key, folded, on a route.
Place = tuple[str, str]
_PREFIX = "L|"
_PAGE = 1000


class LinkState(StrEnum):
    """How the last commit of a record ended."""

    NEW = "new"
    WRITTEN = "written"
    FILTERED = "filtered"
    ENDED = "ended"
    WAITING = "waiting"
    REJECTED = "rejected"
    RETRYING = "retrying"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Link:
    """The sync state of one record: where it is, and in its parts what was written of it, who works on it and what was
    seen of its source.

    `route` is that of `target_key`, `held_key` and `intent`; `former` are targets that the record has left. `held_key`
    is the target key that the record owns in the keys table; `target_key` is the one that a commit has made final,
    `target_id` the target's own id of the row where it does not follow from the key. `last_key` is the key that those
    may know that wait for this one: under which it is linked, or was before (see Route.moves). `elsewhere` is set for a
    record that has nothing in the present environment and has something in the one before.
    `dirty` means that the target may differ from the applied content. `unanswered` counts the writes since the last
    decision that got no clear answer, `unknowns` those of them that count against the record (protocol F1).
    `linked_at` is when the record was linked to its present target row, `told` the digest of its last result, as its
    commit has asked for it to be written into the source (empty: none was).
    `damage` says that the row is there and cannot be read: then nothing is known of the record but its id, it must
    not be treated as new, and only an operator's repair writes the row.
    """

    flow: str
    id: str
    route: str | None = None
    state: LinkState = LinkState.NEW
    rule: str | None = None
    target_key: str | None = None
    target_id: str | None = None
    held_key: str | None = None
    intent: Intent | None = None
    former: tuple[FormerTarget, ...] = ()
    last_key: str | None = None
    elsewhere: Elsewhere | None = None
    content: LinkContent = field(default_factory=LinkContent)
    claim: Claim = field(default_factory=Claim)
    seen: Seen = field(default_factory=Seen)
    dirty: bool = False
    attempts: int = 0
    unknowns: int = 0
    unanswered: int = 0
    waits: tuple[str, ...] = ()
    linked_at: datetime | None = None
    told: str = ""
    etag: str | None = None
    age_s: float = 0.0
    damage: Damage | None = None

    @property
    def linked(self) -> bool:
        """Committed, not merely claimed."""
        return self.target_key is not None

    @property
    def last_target_key(self) -> str | None:
        """The key of its target row, or of the one that it has left last."""
        return self.target_key or (self.former[-1].key if self.former else None)

    @property
    def is_unconfirmed(self) -> bool:
        """Whether an operator has tied the record to a target row, and no worker has decided it since: of what it was
        made is not known."""
        return self.linked and self.state is LinkState.RETRYING and self.seen.fingerprint is None

    def key_on(self, route: str) -> str | None:
        """The target key on a route, None when the record is not linked there."""
        return self.target_key if self.route == route else None

    def keeps_off(self, route: str) -> bool:
        """Whether the record does not reach a route as it is now: a rule filters it, or it has ended elsewhere. A child
        that waits for it there is filtered as well."""
        return self.key_on(route) is None and self.state in (LinkState.FILTERED, LinkState.ENDED)

    def was_at(self, route: str, key: str) -> bool:
        """Whether the record has left a target row with this key."""
        return any(left.is_at(route, key) for left in self.former)

    @property
    def owned(self) -> frozenset[Place]:
        """Every target key that the record may own in the keys table. A key that is in no link has no living owner."""
        keys = (self.target_key, self.held_key, self.intent.key if self.intent else None)
        now = {(self.route, fold(key)) for key in keys if key} if self.route is not None else set()
        return frozenset(now | {(left.route, fold(left.key)) for left in self.former})

    def has_made(self, route: str, key: str) -> bool:
        """Whether the record has written the row under this key in the target, and has it or has left it."""
        left = any(left.is_at(route, key) and not left.inherited for left in self.former)
        return left or fold(self.key_on(route) or "") == fold(key)

    def may_have_made(self, route: str, key: str) -> bool:
        """Whether the row under this key in the target is, or may be, one that the record has written."""
        intended = self.intent is not None and self.route == route and fold(self.intent.key) == fold(key)
        return intended or self.has_made(route, key)

    def inherit(self, route: str, key: str) -> "Link":
        """The link of a record that gets a row which it is not known to have written."""
        others = tuple(left for left in self.former if not left.is_at(route, key))
        return replace(self, former=(FormerTarget(route, key, ended=True, inherited=True), *others))

    def back_at_former(self) -> "Link":
        """The link of a record that has left a row without ending it, and has not arrived elsewhere: it is still at
        that row. What was applied to it is no longer known: the row counts as left, too, until it is written in
        full."""
        if self.linked or not self.former or self.former[-1].ended:
            return self
        last = self.former[-1]
        return replace(
            self,
            route=last.route,
            target_key=last.key,
            held_key=last.key,
            intent=None,
            content=self.content.unknown(),
        )

    def without_target(self, *, ended: bool) -> "Link":
        """The link of a record that leaves its target row for another one."""
        former = self.former
        route, key = self.route, self.target_key
        if route is not None and key is not None:
            former = tuple(left for left in former if not left.is_at(route, key))
            former = (*former, FormerTarget(route, key, ended))
        return replace(
            self,
            route=None,
            target_key=None,
            target_id=None,
            held_key=None,
            intent=None,
            content=LinkContent(),
            former=former,
        )

    def left_behind(self) -> "Link":
        """The link of a record that has nothing in another environment, and keeps what it has in this one. What it has
        in an environment before this one is kept if it has nothing here."""
        here = Elsewhere(
            self.route, self.target_key, self.target_id, self.held_key, self.intent, self.former, self.content
        )
        kept = here if self.owned else self.elsewhere
        return replace(self.without_target(ended=False), former=(), elsewhere=kept)

    def back_from_elsewhere(self) -> "Link":
        """The link in the environment in which the record has something; unchanged if it has something in this one."""
        there = self.elsewhere
        if there is None or self.owned:
            return self
        of_there = {each.name: getattr(there, each.name) for each in fields(there)}
        return replace(self, **of_there, elsewhere=None)

    def without_key(self, route: str, key: str) -> "Link":
        """The link of a record that has given a target key away. It keeps everything else."""
        former = tuple(left for left in self.former if not left.is_at(route, key))
        if self.route != route:
            return replace(self, former=former)
        held = self.held_key if fold(self.held_key or "") != fold(key) else None
        if fold(self.target_key or "") == fold(key):
            left = self.without_target(ended=False)
            return replace(left, former=former, held_key=held, route=route if held else None)
        kept = self.intent if self.intent and fold(self.intent.key) != fold(key) else None
        return replace(self, former=former, held_key=held, intent=kept)

    def to_row(self) -> Row:
        """The row as stored. Raises StateUnreadable for one that could not be read: what it holds must not get lost."""
        if self.damage is not None:
            raise StateUnreadable(self.damage)
        there = self.elsewhere
        cells: dict[str, Cell | None] = {
            "schema": SCHEMA_VERSION,
            "state": self.state.value,
            "rule": self.rule,
            **target_cells(self),
            "last_key": self.last_key,
            "dirty": self.dirty,
            "attempts": self.attempts,
            "unknowns": self.unknowns,
            "unanswered": self.unanswered,
            "waits": exact_json.dumps(list(self.waits)) if self.waits else None,
            "record_id": self.id,
            "linked_at": self.linked_at,
            "told": self.told or None,
            **self.content.cells(),
            **self.claim.cells(),
            **self.seen.cells(),
            **({f"{ELSEWHERE}{name}": cell for name, cell in there.cells().items()} if there else {}),
        }
        return Row(escape(self.flow), link_key(self.id), {k: v for k, v in cells.items() if v is not None})


def link_key(id: str) -> str:
    """The row key of a link."""
    return escape(f"{_PREFIX}{id}")


def to_link(flow: str, stored: Stored) -> Link:
    """A link from its stored row; one that cannot be read has its damage."""
    try:
        return read_link(flow, stored)
    except StateUnreadable as unreadable:
        id = unescape(stored.row.key).removeprefix(_PREFIX)
        return Link(flow, id, etag=stored.etag, age_s=stored.age_s, damage=unreadable.damage)


def read_link(flow: str, stored: Stored) -> Link:
    """A link from its stored row. Unknown columns of a newer schema are never read, and so left alone. Raises
    StateUnreadable."""
    link = _read_link(flow, stored)
    return link if link.age_s == stored.age_s else replace(link, age_s=stored.age_s)


@once_per_row
def _read_link(flow: str, stored: Stored) -> Link:
    cells = Cells("links", stored.row, f"p2c repair {flow} {unescape(stored.row.key).removeprefix(_PREFIX)}")
    id = cells.text("record_id")
    if link_key(id) != stored.row.key:
        raise cells.unreadable("record_id", "is not that of the row's key")
    return Link(
        flow=flow,
        id=id,
        state=cells.word("state", LinkState),
        rule=cells.maybe_text("rule"),
        **read_target(cells),
        last_key=cells.maybe_text("last_key"),
        elsewhere=read_elsewhere(cells),
        content=read_content(cells),
        claim=read_claim(cells),
        seen=read_seen(cells),
        dirty=cells.flag("dirty"),
        attempts=cells.number("attempts"),
        unknowns=cells.number("unknowns"),
        unanswered=cells.number("unanswered"),
        waits=_waits(cells),
        linked_at=cells.maybe_time("linked_at"),
        told=cells.text("told", ""),
        etag=stored.etag,
        age_s=stored.age_s,
    )


def _waits(cells: Cells) -> tuple[str, ...]:
    """Keys of rows: an impossible key would end every transaction that names it."""
    keys = cells.texts("waits")
    if not all(key.startswith("W|") and len(key) <= MAX_KEY_CHARACTERS and is_key(key) for key in keys):
        raise cells.unreadable("waits", "holds something other than keys of waits")
    return keys


class Links:
    """The links of every flow."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def load(self, flow: str, ids: Sequence[str]) -> dict[str, Link]:
        """The links of `ids`; one that does not exist is returned as new, without an etag."""
        stored = self.table.read(escape(flow), [link_key(id) for id in ids])
        return {id: to_link(flow, stored[key]) if (key := link_key(id)) in stored else Link(flow, id) for id in ids}

    def page(self, flow: str, after: str, limit: int = _PAGE) -> tuple[list[Link], str | None]:
        """Some links in key order from the row key `after` ("" = the first), and where to continue (None: the end)."""
        stored = self.table.scan(escape(flow), start=after or "L|", end="L}", limit=limit)
        links = [to_link(flow, row) for row in stored]
        return links, stored[-1].row.key + " " if len(stored) == limit else None

    def walk(self, flow: str, page: int = _PAGE) -> Iterator[Link]:
        """Every link of a flow, page by page."""
        after: str | None = ""
        while after is not None:
            links, after = self.page(flow, after, page)
            yield from links

    def count_linked(self, flow: str, at_most: int) -> int:
        """How many records are linked; counts no further than `at_most`, since it reads row by row. A damaged link
        counts: what it says of its target cannot be read."""
        linked = (link for link in self.walk(flow, min(_PAGE, at_most)) if link.linked or link.damage is not None)
        return sum(1 for _ in islice(linked, at_most))
