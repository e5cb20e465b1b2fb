"""Rows that cannot be read, mended: a record is begun anew from its source, with the target rows that are its own by
the keys table; or a row that nobody needs is dropped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from shared.errors import Damage, RowConflict
from shared.operations.damaged import Damages
from shared.operations.deeds import Deeds, Refused
from shared.operations.syncing import send
from shared.records import TargetRow, fold
from shared.state.keys import Keys, Owner
from shared.state.links import FormerTarget, Link, LinkState, link_key
from shared.state.rows import Delete, Insert, Replace, Stored, escape
from shared.sync.damage import damage_of
from shared.sync.flow import Flow, Route
from shared.sync.hints import Hint
from shared.sync.judging import Judging
from shared.sync.parts import Parts
from shared.sync.work import Work

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
class Mending:
    """Mends what belongs to one flow. Every deed is noted."""

    parts: Parts
    flow: Flow
    deeds: Deeds

    def repair(self, id: str) -> str | None:
        """Begin a record anew whose link cannot be read or is lost; give one whose link can be read back the keys that
        it names and of which nobody knows the owner. Returns the key of the target row that was found to be its own,
        None where there is none. Raises Refused, SystemTrouble and StorageTrouble."""
        link = self.parts.state.links.load(self.flow.name, [id])[id]
        damage = damage_of(link, self.flow)
        if damage is None and link.etag is not None:
            return self._repair_keys(link)
        places = self._owned(id)
        if damage is None and not places:
            raise Refused(f"nothing of {id} of {self.flow.name} is damaged, and nothing is remembered of it")
        self._require_rest(link)
        self.deeds.note("repair", self.flow.name, id, reason=str(damage or "its link is lost"))
        begun = self._begun(link, places)
        self._save(begun)
        send(self.parts, self.flow.name, [id])
        return begun.target_key

    def _require_rest(self, link: Link) -> None:
        """The row does not tell whether a worker is at the record: none is once the longest claim would be over."""
        limits = self.parts.limits
        left_s = max(limits.claim_live_s, limits.unsettled_live_s) - link.age_s
        if link.etag is not None and left_s > 0:
            raise Refused(f"a worker may have {link.id} in its hands; try again in {left_s:.0f} s")

    def _repair_keys(self, link: Link) -> str:
        """Raises Refused where none of the keys is damaged."""
        named = {(left.route, left.key) for left in link.former}
        named |= {(link.route, key) for key in (link.target_key, link.held_key) if link.route is not None and key}
        mended = []
        for route, key in sorted((route, key) for route, key in named if route is not None):
            keys = self.parts.state.keys_of(self.flow, self.flow.route(route))
            owned = keys.owners([key]).get(key)
            if owned is not None and owned.damage is not None:
                self.deeds.note("repair", self.flow.name, link.id, reason=str(owned.damage))
                if not keys.hand_over(replace(owned, key=key), Owner(self.flow.name, route, link.id)):
                    raise Refused(f"the owner of {key} has changed meanwhile; look again")
                mended.append(key)
        if not mended:
            raise Refused(f"nothing of {link.id} of {self.flow.name} is damaged; `p2c damaged` names what is")
        send(self.parts, self.flow.name, [link.id])
        return mended[0]

    def _owned(self, id: str) -> list[_Place]:
        """The keys that the keys table says are a record's own, with what the target has under them."""
        found = []
        for route in self.flow.routes.values():
            owner = Owner(self.flow.name, route.name, id)
            keys = [of.key for of in self._keys_of(route).walk() if of.owner == owner]
            rows = route.target.find(keys) if keys else {}
            found += [_Place(route, key, rows.get(key)) for key in keys]
        return found

    def _keys_of(self, route: Route) -> Keys:
        return self.parts.state.keys_of(self.flow, route)

    def _begun(self, link: Link, places: Sequence[_Place]) -> Link:
        """The link of a record of which nothing is known but what it owns: the next look compares with the target's own
        row, and makes none that is there."""
        waits = tuple(self._waits(link.id))
        new = Link(self.flow.name, link.id, state=LinkState.RETRYING, dirty=True, waits=waits, etag=link.etag)
        there = [place for place in places if place.row is not None]
        if not there:
            return replace(new, route=places[0].route.name, held_key=places[0].key) if places else new
        at = self._present(link.id, there)
        former = tuple(FormerTarget(of.route.name, of.key) for of in there if of is not at)
        row_id = at.row.id if at.row is not None else None
        return replace(new, route=at.route.name, target_key=at.key, held_key=at.key, target_id=row_id, former=former)

    def _waits(self, id: str) -> Iterator[str]:
        """The keys of the rows by which a record waits: its next commit removes those by which it waits no longer."""
        after: str | None = ""
        while after is not None:
            waits, after = self.parts.state.waits.page(self.flow.name, after, _PAGE)
            yield from (wait.stored_key for wait in waits if wait.child == id)

    def _present(self, id: str, there: Sequence[_Place]) -> _Place:
        """Where the record is: as the damaged row says, else as the mapping says today, else at the first place."""
        if len(there) == 1:
            return there[0]
        key = link_key(id)
        stored = self.parts.state.links.table.read(escape(self.flow.name), [key]).get(key)
        cells = stored.row.cells if stored is not None else {}
        for place in there:
            if place.is_at(cells.get("route"), cells.get("target_key")):
                return place
        work = Work(Hint(id), Link(self.flow.name, id), trusted=False, row=self.flow.source.read([id]).get(id))
        Judging(self.parts, self.flow).judge([work])
        mapped = work.mapped
        by_mapping = (of for of in there if mapped is not None and of.is_at(mapped.route, mapped.key))
        return next(by_mapping, there[0])

    def _save(self, begun: Link) -> None:
        row = begun.to_row()
        try:
            self.parts.state.links.table.transact([Replace(row, begun.etag) if begun.etag else Insert(row)])
        except RowConflict as conflict:
            raise Refused(f"{begun.id} has changed meanwhile; look again") from conflict


def drop(parts: Parts, deeds: Deeds, table: str, partition: str, key: str) -> Damage:
    """Remove a row that cannot be read. Returns why. Raises Refused for a row that can be read, and for a key that a
    record names: it would be given to another one. Raises StorageTrouble."""
    damages = Damages(parts)
    if table not in damages.tables:
        raise Refused(f"there is no table {table!r}; the tables are {', '.join(damages.tables)}")
    stored = damages.tables[table].read(partition, [key]).get(key)
    damage = None if stored is None else damages.of(table, stored)
    if stored is None or damage is None:
        why = "there is no such row" if stored is None else "it can be read"
        raise Refused(
            f"row {key} of partition {partition} in table {table}: {why}; `p2c damaged` names those that cannot"
        )
    if table == "keys":
        _require_unnamed(parts, stored)
    deeds.note("drop", "", f"{table} {partition} {key}", str(damage), anywhere=True)
    try:
        damages.tables[table].transact([Delete(stored.row, stored.etag)])
    except RowConflict as conflict:
        raise Refused("the row has changed meanwhile; look again") from conflict
    return damage


def _require_unnamed(parts: Parts, stored: Stored) -> None:
    for flow in parts.flows.values():
        for link in parts.state.links.walk(flow.name):
            if link.damage is not None:
                raise Refused(f"{link.damage}: it may be whose this key is; p2c repair {flow.name} {link.id} first")
            named = {(left.route, left.key) for left in link.former} | {
                (link.route, key) for key in (link.target_key, link.held_key)
            }
            for route, key in named:
                if route is None or key is None or route not in flow.routes:
                    continue
                row = parts.state.keys_of(flow, flow.route(route)).row_of(key)
                if (row.partition, row.key) == (stored.row.partition, stored.row.key):
                    raise Refused(f"{key} is the key of {flow.name} {link.id}: p2c repair {flow.name} {link.id}")
