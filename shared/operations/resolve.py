"""Conflicts decided by an operator: for each field whether the source's or the target's value counts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.errors import RowTooLarge
from shared.operations.audit_log import AuditLog, Refused
from shared.operations.examine import Examining
from shared.operations.link import require_free, save_link
from shared.operations.sender import Sender
from shared.records import Json
from shared.state.links import Link
from shared.state.storage.tables import check_size
from shared.sync.apply.changes import Changes
from shared.sync.apply.record import Judged
from shared.sync.flow import Flow
from shared.systems import System

# The systems as an operator names them.
SIDES: Mapping[str, System] = {"sales": System.DATAVERSE, "finops": System.FINOPS}


@dataclass(frozen=True, slots=True)
class Contested:
    """A field that others have changed in the target: as it was last `written`, as it is `there`, and as the source has
    it (`ours`)."""

    field: str
    written: Json
    there: Json
    ours: Json


@dataclass(frozen=True, slots=True)
class Conflict:
    """The fields of one record that are to be decided; `key` is that of its target row, `link` as it is stored."""

    id: str
    key: str
    link: Link
    fields: tuple[Contested, ...]


@dataclass(frozen=True, slots=True)
class Resolving:
    """Decides conflicts of one flow. What is decided counts for the values that were shown: if the target's value
    changes before the record is written, or the source's after it was decided for the target, it is a conflict again
    (protocol A7)."""

    flow: Flow
    examining: Examining
    sender: Sender

    def look(self, id: str) -> Conflict:
        """What others have changed in the target of a record: fields in conflict, and those in which the target's value
        stays. Raises Refused if there is none, SystemTrouble and StorageTrouble."""
        link = self.examining.state.links.load(self.flow.name, [id])[id]
        if link.target_key is None:
            raise Refused(f"{id} of {self.flow.name} is not linked: its state is {link.state}")
        require_free(self.examining, self.flow, link)
        judged = self._judged(link)
        route = self.flow.route(link.route)
        row = route.target.find([link.target_key]).get(link.target_key)
        if row is None:
            raise Refused(
                f"{link.target_key} is not in {route.entity} any more: see `p2c explain {self.flow.name} {id}`"
            )
        changes, owned = Changes(route), judged.content.owned
        names = changes.conflicts(judged, row) if route.looks_for_conflicts else []
        kept = (name for name in link.content.kept if name in owned and name in row.values)
        names += [
            each for each in kept if each not in names and not route.rules.agree(each, owned[each], row.values[each])
        ]
        if not names:
            raise Refused(
                f"{link.target_key} of {route.entity} has no conflict: see `p2c explain {self.flow.name} {id}`, "
                "or retry it if it is listed as one"
            )
        applied = link.content.applied
        fields = (Contested(name, applied.get(name), row.values[name], owned[name]) for name in names)
        return Conflict(id, link.target_key, link, tuple(fields))

    def resolve(self, shown: Conflict, takes: Mapping[str, System], reason: str, audit_log: AuditLog) -> None:
        """Decide every field that was shown, and queue the record. Raises Refused for a blank reason, for values that
        are too large to be kept, and if anything has changed since it was shown; SystemTrouble and StorageTrouble."""
        if not reason.strip():
            raise Refused("the reason for a decision must not be blank")
        now = self.look(shown.id)
        if (now.link.etag, now.fields) != (shown.link.etag, shown.fields):
            raise Refused(f"{shown.key} has changed since it was shown; look at it again: nothing was decided")
        decided = self._decided(now, takes)
        _require_room(shown.key, decided)
        run = self.sender.new_id()
        told = " ".join(f"{name}={_named(takes[name])}" for name in takes)
        audit_log.note("resolve", self.flow.name, f"{shown.id} {told}", reason, run=run)
        save_link(self.examining.state.links, decided)
        self.sender.send(self.flow.name, [shown.id], run)

    def _decided(self, of: Conflict, takes: Mapping[str, System]) -> Link:
        known = of.link.content
        applied, kept, overruled = dict(known.applied), dict(known.kept), dict(known.overruled)
        for each in of.fields:
            if takes[each.field] is self.flow.source_system:
                overruled[each.field] = each.there
                kept.pop(each.field, None)
            else:
                overruled.pop(each.field, None)
                kept[each.field] = each.there
                applied[each.field] = each.ours
        filled: dict[str, Json] = {name: value for name, value in applied.items() if value is not None}
        return replace(of.link, content=replace(known, applied=filled, kept=kept, overruled=overruled))

    def _judged(self, link: Link) -> Judged:
        judged = self.examining.judged(self.flow, link.id)
        if judged is None or judged.ending is not None or judged.record.link.target_key != link.target_key:
            raise Refused(
                f"{link.id} would not be written to {link.target_key} now: see `p2c explain {self.flow.name} {link.id}`"
            )
        return judged


def _require_room(key: str, decided: Link) -> None:
    """A decision for the target keeps the values of both sides in the link."""
    try:
        check_size(decided.to_row())
    except RowTooLarge as large:
        raise Refused(
            f"{key} cannot be decided: its sync state is too large to be kept: {large}; shorten its texts in the "
            "source: nothing was decided"
        ) from large


def _named(system: System) -> str:
    """A system as an operator names it."""
    return next(name for name, each in SIDES.items() if each is system)
