"""Links corrected by hand: removed, or created to an existing target row. Both sides are read first."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from shared.operations.audit_log import AuditLog, Refused
from shared.operations.examine import Examining
from shared.operations.sender import Sender
from shared.state.keys import Owner
from shared.state.links import Link, Links, LinkState, Place, link_key
from shared.state.storage.tables import Cell, escape
from shared.sync.apply.claim import claim_ends_in
from shared.sync.apply.release import release
from shared.sync.damage import damage_of
from shared.sync.flow import TARGET_DELETED, Flow
from shared.sync.link_writer import Group, LinkWriter, holds, link_operation

UNLINK = "unlink"
"""What the audit calls it that a record is unlinked; its subject is the id and the key."""


@dataclass(frozen=True, slots=True)
class Linking:
    """Corrects links of one flow. Every action is written to the audit log."""

    flow: Flow
    audit_log: AuditLog
    examining: Examining
    sender: Sender

    def show(self, id: str) -> Link:
        """The link of a record as it is stored."""
        return self.examining.state.links.load(self.flow.name, [id])[id]

    def cells(self, id: str) -> Mapping[str, Cell]:
        """The raw content of a link's row: all there is if it cannot be read."""
        key = link_key(id)
        stored = self.examining.state.links.table.read(escape(self.flow.name), [key]).get(key)
        return {} if stored is None else stored.row.cells

    def unlink(self, id: str) -> Link:
        """Remove the link of a record to its target row; the row itself stays as it is. The sync then treats the record
        as new. Returns the link as it was. Raises Refused."""
        link = self._free(id)
        self.require_linked(link)
        self.audit_log.note(UNLINK, self.flow.name, f"{id} {link.last_target_key}")
        # The row under its former key is noted as its own while it stays out of the target.
        unseen = replace(link.seen, fingerprint=None)
        unlinked = replace(
            link.without_target(ended=False), former=(), state=LinkState.NEW, rule=None, seen=unseen, dirty=False
        )
        save_link(self.examining.state.links, unlinked)
        self._release(id, link.owned)
        return link

    def require_linked(self, link: Link) -> None:
        """Raises Refused for a record that has no link to a target row, and had none before the row was deleted."""
        if not link.linked and link.rule != TARGET_DELETED:
            raise Refused(f"{link.id} of {link.flow} is not linked: its state is {link.state}")

    def link(self, id: str) -> Link:
        """Link a record to the row with its number in the target, as adoption would: its owned fields are written there
        at the next sync. Raises Refused, and SystemTrouble."""
        link = self._free(id)
        if link.linked:
            raise Refused(f"{id} is linked to {link.target_key} already; unlink it first")
        (examined,) = self.examining.examine(self.flow, [id])
        if examined.row is None:
            raise Refused(f"there is no record {id} in {self.flow.source_system.label}")
        if examined.key is None:
            raise Refused(f"{id} is {examined.kind}: see `p2c explain {self.flow.name} {id}`")
        route, key = self.flow.route(examined.route), examined.key
        row = route.target.find([key]).get(key)
        if row is None:
            raise Refused(f"there is no {key} in {route.entity}; the sync creates it automatically")
        self.audit_log.note("link", self.flow.name, f"{id} {key}")
        taken = self.examining.state.keys_of(self.flow, route).own({key: Owner(self.flow.name, route.name, id)})
        if taken:
            owner = taken[key].owner
            raise Refused(f"{key} belongs to {owner.flow} {owner.id}; unlink that one first")
        # What was written is unknown: the next sync compares with the row itself.
        linked = replace(
            link, route=route.name, target_key=key, held_key=key, target_id=row.id, dirty=True,
            seen=replace(link.seen, fingerprint=None), content=link.content.unknown(),
            intent=None, former=(), state=LinkState.RETRYING,
        )  # fmt: skip
        try:
            save_link(self.examining.state.links, linked)
        finally:
            self._release(id, link.owned | linked.owned)
        run = self.sender.new_id()
        self.audit_log.note("sync", self.flow.name, id, run=run)
        self.sender.send(self.flow.name, [id], run)
        return linked

    def _release(self, id: str, keys: frozenset[Place]) -> None:
        """Give up those keys that the record no longer names."""
        now, state = self.show(id), self.examining.state
        release(self.flow, state.links, partial(state.keys_of, self.flow), {id: keys - now.owned}, {id: now})

    def _free(self, id: str) -> Link:
        link = self.show(id)
        require_free(self.examining, self.flow, link)
        return link


def require_free(examining: Examining, flow: Flow, link: Link) -> None:
    """Raises Refused if a link cannot be read, or if a worker has claimed the record."""
    if (damage := damage_of(link, flow)) is not None:
        raise Refused(f"{damage}; {damage.remedy}")
    held = claim_ends_in(link, examining.limits)
    if held > 0:
        raise Refused(f"a worker is processing {link.id}; try again in {held:.0f} s")


def save_link(links: Links, link: Link) -> None:
    """Overwrite a link as it was read. A write that meets its own first success is saved (protocol A10). Raises Refused
    if the link has changed since."""
    written = LinkWriter(links, partial(holds, link)).write([Group(link, (link_operation(link),))])
    if written.foreign:
        raise Refused(f"{link.id} has changed meanwhile; try again")
