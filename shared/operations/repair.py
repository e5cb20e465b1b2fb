"""Repairs rows that cannot be read: a record is begun anew from its source, with the target rows that it owns by the
keys table; or a row that is not needed is dropped."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.clock import Clock
from shared.errors import Damage, StateUnreadable
from shared.operations.audit_log import AuditLog, Refused
from shared.operations.damaged_rows import Damages
from shared.operations.link import save_link
from shared.operations.sender import Sender
from shared.records import TargetRow, fold
from shared.state.control import ENVIRONMENT, BlockKind
from shared.state.keys import Keys, Owner
from shared.state.link_parts import read_revisions
from shared.state.link_targets import FormerTarget
from shared.state.links import Link, LinkState, link_key
from shared.state.storage.cells import Cells
from shared.state.storage.tables import Row, Stored, escape, remove_as_read, unescape
from shared.sync.apply.judge import judge
from shared.sync.apply.parents import parent_links
from shared.sync.apply.record import Judged, Record
from shared.sync.damage import damage_of, damage_of_key
from shared.sync.environment import COMPANY
from shared.sync.flow import Flow, Route
from shared.sync.hints import Hint
from shared.sync.limits import Limits
from shared.sync.state import State

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class _Place:
    """A key that a record owns, and the target's row under it, None where there is none."""

    route: Route
    key: str
    row: TargetRow | None

    def is_at(self, route: object, key: object) -> bool:
        return self.route.name == route and isinstance(key, str) and fold(self.key) == fold(key)


@dataclass(frozen=True, slots=True)
class Repairing:
    """Repairs the rows of one flow. Every action is written to the audit log."""

    flow: Flow
    audit_log: AuditLog
    flows: Mapping[str, Flow]
    state: State
    sender: Sender
    clock: Clock
    limits: Limits

    def repair(self, id: str) -> str | None:
        """Begin a record anew if its link cannot be read or is lost; if its link can be read, give it back the keys
        that it names and whose owner is unknown. Returns the key of the target row that the record owns, None if there
        is none. Raises Refused, SystemTrouble and StorageTrouble."""
        link = self.state.links.load(self.flow.name, [id])[id]
        damage = damage_of(link, self.flow)
        if damage is None and link.etag is not None:
            return self._repair_keys(link)
        places = self._owned(id)
        if damage is None and not places:
            raise Refused(f"nothing of {id} of {self.flow.name} is damaged, and nothing is stored about it")
        self._require_rest(link)
        self._note(id, str(damage or "its link is lost"))
        begun = self._begun(link, places)
        save_link(self.state.links, begun)
        self.sender.send(self.flow.name, [id])
        return begun.target_key

    def _require_rest(self, link: Link) -> None:
        """The row does not tell whether a worker is processing the record: none is after the longest possible claim."""
        limits = self.limits
        left_s = max(limits.claim_live_s, limits.unsettled_live_s) - link.age_s
        if link.etag is not None and left_s > 0:
            raise Refused(f"a worker may be processing {link.id}; try again in {left_s:.0f} s")

    def _note(self, id: str, reason: str) -> None:
        self.audit_log.note("repair", self.flow.name, id, reason=reason, anywhere=self._is_moving)

    @property
    def _is_moving(self) -> bool:
        """Whether an operator must still accept the environment of today: the links are about the former one, and must
        be readable for that. Until then the keys table counts, not the target of today."""
        return self.state.control.flow(self.flow.name).block_kind is BlockKind.ENVIRONMENT

    def _repair_keys(self, link: Link) -> str:
        """Raises Refused if none of the keys is damaged, or if a damaged key belongs to another record."""
        mended, refused = [], f"nothing of {link.id} of {self.flow.name} is damaged; `p2c damaged` lists what is"
        for route, key in sorted(_named(link)):
            for keys in _keys_of(self.state, self.flow, self.flow.route(route)):
                owned = keys.owners([key]).get(key)
                damage = damage_of_key(owned, keys.row_of(key), self.flows) if owned is not None else None
                if owned is None or damage is None:
                    continue
                rightful = _rightful(self.flows, self.state, keys.row_of(key))
                if rightful is not None and (rightful.flow, rightful.id) != (link.flow, link.id):
                    refused = f"{key} is the key of {rightful.flow} {rightful.id}: {_repair(rightful)}"
                    continue
                self._note(link.id, str(damage))
                owner = Owner(self.flow.name, route, link.id)
                if not keys.hand_over(replace(owned, key=key), owner) and not _has(keys, key, owner):
                    raise Refused(f"the owner of {key} has changed meanwhile; try again")
                mended.append(key)
        if not mended:
            raise Refused(refused)
        self.sender.send(self.flow.name, [link.id])
        return mended[0]

    def _owned(self, id: str) -> list[_Place]:
        """The keys that a record owns by the keys table, with what the target has under them."""
        found = []
        for route in self.flow.routes.values():
            owner = Owner(self.flow.name, route.name, id)
            own = (
                each for keys in _keys_of(self.state, self.flow, route) for each in keys.walk() if each.owner == owner
            )
            names = list({fold(each.key): each.key for each in own}.values())
            rows = route.target.find(names) if names and not self._is_moving else {}
            found += [_Place(route, key, rows.get(key)) for key in names]
        return found

    def _begun(self, link: Link, places: Sequence[_Place]) -> Link:
        """The link of a record of which only its owned keys are known: the next sync compares with the target row
        itself, and creates none that exists."""
        stored = self._stored(link.id)
        last_key, waits = _last_key(stored), tuple(self._waits(link.id))
        begun = Link(self.flow.name, link.id, state=LinkState.RETRYING, dirty=True, etag=link.etag)
        new = replace(begun, last_key=last_key, waits=waits)
        # What is sent once and was sent is not sent again, even if somebody has removed its row.
        there = [
            place
            for place in places
            if place.row is not None
            or self._is_moving
            or (place.route.once and fold(last_key or "") == fold(place.key))
        ]
        if not there:
            return replace(new, route=places[0].route.name, held_key=places[0].key) if places else new
        at = self._present(link.id, there, stored)
        former = tuple(FormerTarget(each.route.name, each.key) for each in there if each is not at)
        row_id = at.row.id if at.row is not None else None
        # By its number alone a document could be another one (Known.revisions).
        content = replace(new.content, revisions=_revisions(stored))
        linked = replace(new, route=at.route.name, target_key=at.key, held_key=at.key, target_id=row_id)
        return replace(linked, former=former, content=content)

    def _waits(self, id: str) -> Iterator[str]:
        """The keys of a record's waiting rows: its next commit removes those that are no longer needed."""
        after: str | None = ""
        while after is not None:
            waits, after = self.state.waits.page(self.flow.name, after, _PAGE)
            yield from (wait.stored_key for wait in waits if wait.child == id)

    def _stored(self, id: str) -> Row | None:
        """The damaged row; None if it is lost."""
        key = link_key(id)
        stored = self.state.links.table.read(escape(self.flow.name), [key]).get(key)
        return None if stored is None else stored.row

    def _present(self, id: str, there: Sequence[_Place], stored: Row | None) -> _Place:
        """Where the record is: as the damaged row says, otherwise as the mapping says today, otherwise the first
        place."""
        if len(there) == 1:
            return there[0]
        cells = stored.cells if stored is not None else {}
        for place in there:
            if place.is_at(cells.get("route"), cells.get("target_key")):
                return place
        row = self.flow.source.read([id]).get(id)
        record = Record.of(Hint(id), Link(self.flow.name, id), trusted=False, row=row)
        judged = next(judge(self.flow, self.clock.now(), parent_links(self.state, self.flow), [record]))
        mapped = judged.content if isinstance(judged, Judged) else None
        by_mapping = (each for each in there if mapped is not None and each.is_at(mapped.route, mapped.key))
        return next(by_mapping, there[0])


def drop(damages: Damages, audit_log: AuditLog, table: str, partition: str, key: str) -> Damage:
    """Remove a row that cannot be read. Returns why it cannot. Raises Refused as `droppable` does, StorageTrouble."""
    stored, damage = droppable(damages, table, partition, key)
    audit_log.note("drop", "", f"{table} {partition} {key}", str(damage), anywhere=True)
    if not remove_as_read(damages.tables[table], stored):
        raise Refused("the row has changed meanwhile; try again")
    return damage


def droppable(damages: Damages, table: str, partition: str, key: str) -> tuple[Stored, Damage]:
    """A row that may be removed, and why it cannot be read. Raises Refused for a row that does not exist or can be
    read, and for a key that a record names, since another record could then take it. Raises StorageTrouble."""
    if table not in damages.tables:
        raise Refused(f"there is no table {table!r}; the tables are {', '.join(damages.tables)}")
    stored = damages.tables[table].read(partition, [key]).get(key)
    damage = None if stored is None else damages.of(table, stored)
    if stored is None or damage is None:
        why = "there is no such row" if stored is None else "it can be read"
        raise Refused(
            f"row {key} of partition {partition} in table {table}: {why}; `p2c damaged` lists the rows that cannot be "
            "read, and only these can be dropped"
        )
    _require_droppable(damages.flows, damages.state, table, stored)
    return stored, damage


def _require_droppable(flows: Mapping[str, Flow], state: State, table: str, stored: Stored) -> None:
    row = stored.row
    flow = next((flow for flow in flows.values() if escape(flow.name) == row.partition), None)
    if table == "links" and flow is not None and link_key(id := unescape(row.key).removeprefix("L|")) == row.key:
        raise Refused(f"row {row.key} says what {id} has in the target: p2c repair {flow.name} {id}")
    if table == "control" and flow is not None and row.key == ENVIRONMENT:
        raise Refused(
            f"row {row.key} of {flow.name} is what its links are about: check the settings; if they are "
            f"right, run p2c accept {flow.name}"
        )
    if table == "keys" and (rightful := _rightful(flows, state, row)) is not None:
        raise Refused(f"row {row.key} is the key of {rightful.flow} {rightful.id}: {_repair(rightful)}")


def _has(keys: Keys, key: str, owner: Owner) -> bool:
    """Whether a key is this owner's, as after a request that was repeated because its answer got lost."""
    now = keys.owners([key]).get(key)
    return now is not None and now.owner == owner


def _rightful(flows: Mapping[str, Flow], state: State, row: Row) -> Link | None:
    """The record whose key is in this row, according to the links; None if none names it. A record that has the target
    row, or has left it, takes precedence over those that may have written it: a first write is noted before its key is
    taken, so the key may have been another record's. Those that only wanted the key come last. Raises Refused if it may
    belong to a link that cannot be read."""
    noted: list[Link] = []
    named: list[Link] = []
    damaged: Damage | None = None
    for flow in flows.values():
        routes = {route.name for route in flow.routes.values() if row.partition in _partitions(state, flow, route)}
        for link in state.links.walk(flow.name) if routes else ():
            damaged = damage_of(link, flow) or damaged
            of_row = [(route, key) for route, key in _named(link) if route in routes and escape(fold(key)) == row.key]
            if any(link.has_made(route, key) for route, key in of_row):
                return link
            noted += [link] if any(link.may_have_made(route, key) for route, key in of_row) else []
            named += [link] if of_row else []
    if damaged is not None:
        raise Refused(f"{damaged}: it may own this key; {damaged.remedy} first")
    return next(iter((*noted, *named)), None)


def _last_key(stored: Row | None) -> str | None:
    """The target key of a record, if its damaged row still names it."""
    last_key = stored.cells.get("last_key") if stored is not None else None
    return last_key if isinstance(last_key, str) else None


def _revisions(stored: Row | None) -> dict[str, int]:
    """The source rows that a document was made from, if its damaged row still names them."""
    if stored is None:
        return {}
    try:
        return read_revisions(Cells("links", stored, ""))
    except StateUnreadable:
        return {}


def _repair(link: Link) -> str:
    return f"p2c repair {link.flow} {link.id}"


def _named(link: Link) -> set[tuple[str, str]]:
    """The keys that a link names, as they are written, with their routes."""
    keys = (link.target_key, link.held_key, link.intent.key if link.intent else None)
    here = {(link.route, key) for key in keys if key} if link.route is not None else set()
    return here | {(left.route, left.key) for left in link.former}


def _keys_of(state: State, flow: Flow, route: Route) -> list[Keys]:
    """The owned keys of a route; if another company is not accepted yet, first those of the former one."""
    try:
        former = (state.control.environment(flow.name) or {}).get(COMPANY, flow.company)
    except StateUnreadable:
        former = flow.company
    companies = dict.fromkeys(company.casefold() for company in (former, flow.company))
    return [Keys(state.keys, route.entity, company) for company in companies]


def _partitions(state: State, flow: Flow, route: Route) -> list[str]:
    return [keys.partition for keys in _keys_of(state, flow, route)]
