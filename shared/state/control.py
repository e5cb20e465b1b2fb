"""Control: what may run. Two rows per flow (paused, blocked; its environment) and one per system (its gate)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.errors import RowConflict, StateUnreadable, StorageTrouble
from shared.state.storage.cells import Cells, once_per_row
from shared.state.storage.tables import MAX_KEY_CHARACTERS, Cell, Insert, Replace, Row, Stored, Table, escape, is_key
from shared.state.storage.whole import read_whole
from shared.systems import System

_ROUNDS = 5
_FLOW, _GATE, ENVIRONMENT = "flow", "gate", "environment"


class BlockKind(StrEnum):
    """Why a flow waits for an operator: more would go or change than the limits allow, one of the systems is not the
    one of the first run, columns do not match the mapping, many records were rejected with one cause, or the flow's own
    control row cannot be read."""

    THRESHOLD = "threshold"
    ENVIRONMENT = "environment"
    DRIFT = "drift"
    REJECTIONS = "rejections"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class MetDrift:
    """A schema drift that a flow has met while it ran. `said` are the system's own words, `record` is the id of the
    record that met it (empty: no particular one). The sweep checks at `probe_at` whether it is over; `strikes` counts,
    for the back-off, how often it was met or was not over yet, also after the block is gone."""

    said: str
    record: str
    probe_at: datetime
    strikes: int


@dataclass(frozen=True, slots=True)
class FlowControl:
    """Whether a flow may run. After a deployment every flow is paused (docs/setup.md, section 8.2).

    `blocked` is the reason of a block, empty if there is none, `block_kind` and `block_walk` are its cause; `met`
    describes a drift that the flow itself has met, and is None for one that preflight has found;
    `block_gone` and `block_changed` are the numbers of gone and changed records that the reason shows (0: it is not
    about them).
    `accepted_walk` names the walk whose threshold an operator has accepted, up to `accepted_gone` and
    `accepted_changed` records: what was shown; `compared` is the position after which the next comparison continues.
    `look_again` asks for a check of the links for those that are outdated (see Outdated), `look_cursor` is where such a
    check continues; empty if none is under way. `walks` is how many
    walks of a source without versions have begun. Records that were rejected up to `rejections_until` do not count any
    more for the limit of rejections.
    """

    flow: str
    paused: bool = True
    blocked: str = ""
    block_kind: BlockKind | None = None
    block_walk: str = ""
    block_gone: int = 0
    block_changed: int = 0
    met: MetDrift | None = None
    accepted_walk: str = ""
    accepted_gone: int = 0
    accepted_changed: int = 0
    waiting_cursor: str = ""
    failures_cursor: str = ""
    history_cursor: str = ""
    keys_cursor: str = ""
    compared: int = 0
    look_again: bool = False
    look_cursor: str = ""
    walks: int = 0
    rejections_until: datetime | None = None
    etag: str | None = None

    def block(self, kind: BlockKind, reason: str, walk: str = "", *, gone: int = 0, changed: int = 0) -> "FlowControl":
        """The same, blocked."""
        blocked = replace(self, blocked=reason, block_kind=kind, block_walk=walk, met=None)
        return replace(blocked, block_gone=gone, block_changed=changed)

    def block_by(self, met: MetDrift, reason: str) -> "FlowControl":
        """The same, blocked by a drift that the flow has met."""
        return replace(self.block(BlockKind.DRIFT, reason), met=met)

    def unblock(self) -> "FlowControl":
        """The same without its block."""
        return replace(self, blocked="", block_kind=None, block_walk="", block_gone=0, block_changed=0, met=None)

    def accept(self) -> "FlowControl":
        """The same without its block: a walk may go as far as the reason shows. What was accepted for the same walk
        before still holds: a reason shows either gone or changed records."""
        if self.block_kind is not BlockKind.THRESHOLD:
            return self.unblock()
        before = self if self.accepted_walk == self.block_walk else FlowControl(self.flow)
        return replace(
            self.unblock(),
            accepted_walk=self.block_walk,
            accepted_gone=max(before.accepted_gone, self.block_gone),
            accepted_changed=max(before.accepted_changed, self.block_changed),
        )

    def release(self) -> "FlowControl":
        """The same without its block, which may come back: its strikes are kept."""
        return replace(self.unblock(), met=self.met)


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a system may be called. `reason` is why not, `said` what the system has answered; `strikes` counts
    closings in a row, for the back-off; `closed_at` is the last of them, `closed_since` the first since the gate was
    open; until `probed_until` only one worker probes it. `age_s` is how long ago this was written, by the storage
    service's own clock: clocks of workers may be wrong."""

    system: System
    closed: bool = False
    blocked_until: datetime | None = None
    closed_at: datetime | None = None
    closed_since: datetime | None = None
    reason: str = ""
    said: str = ""
    strikes: int = 0
    probed_until: datetime | None = None
    etag: str | None = None
    age_s: float = 0.0


class Control:
    """The control table. Every `save_` overwrites the version that was read and returns whether it was the first."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def at_once(self) -> "Control":
        """The same with all rows as they are at this moment, read in one request. Raises StorageTrouble."""
        return Control(read_whole(self.table))

    def flow(self, flow: str) -> FlowControl:
        """The control row of a flow; paused if there is none. An unreadable row is a block: it is unknown whether the
        flow may run, until an operator lifts it."""
        stored = self._one(flow, _FLOW)
        if stored is None:
            return FlowControl(flow)
        try:
            return read_flow(flow, stored)
        except StateUnreadable as unreadable:
            # Whether a check was asked for is also unknown.
            return FlowControl(flow, look_again=True, etag=stored.etag).block(BlockKind.STATE, str(unreadable))

    def save_flow(self, control: FlowControl) -> bool:
        """Save a flow's control row."""
        cells: dict[str, Cell] = {
            "paused": control.paused,
            "blocked": control.blocked,
            "block_kind": control.block_kind or "",
            "block_walk": control.block_walk,
            "block_gone": control.block_gone,
            "block_changed": control.block_changed,
            "accepted_walk": control.accepted_walk,
            "accepted_gone": control.accepted_gone,
            "accepted_changed": control.accepted_changed,
            "waiting_cursor": control.waiting_cursor,
            "failures_cursor": control.failures_cursor,
            "history_cursor": control.history_cursor,
            "keys_cursor": control.keys_cursor,
            "compared": control.compared,
            "look_again": control.look_again,
            "look_cursor": control.look_cursor,
            "walks": control.walks,
            **({} if control.rejections_until is None else {"rejections_until": control.rejections_until}),
            **_met_cells(control.met),
        }
        return self._save(Row(escape(control.flow), _FLOW, cells), control.etag)

    def change_flow(self, flow: str, change: Callable[[FlowControl], FlowControl | None]) -> FlowControl | None:
        """Change a flow's control row as it is now, despite concurrent changes; returns the saved row, or None if
        `change` changes nothing. Raises StorageTrouble."""
        for _ in range(_ROUNDS):
            changed = change(self.flow(flow))
            if changed is None or self.save_flow(changed):
                return changed
        raise StorageTrouble(f"the control row of {flow} could not be saved in {_ROUNDS} rounds")

    def ask_to_look_again(self, flow: str) -> None:
        """Have the links of a flow checked for those that are outdated. Raises StorageTrouble."""
        self.change_flow(flow, lambda now: None if now.look_again else replace(now, look_again=True))

    def gate(self, system: System) -> Gate:
        """The gate of a system; open if there is no row. An unreadable gate is closed and due: the next worker probes
        the system, and rewrites the row."""
        stored = self._one(system, _GATE)
        if stored is None:
            return Gate(system)
        try:
            return read_gate(system, stored)
        except StateUnreadable as unreadable:
            return Gate(system, closed=True, reason=str(unreadable), etag=stored.etag, age_s=stored.age_s)

    def save_gate(self, gate: Gate) -> bool:
        """Save a system's gate."""
        cells: dict[str, Cell | None] = {
            "closed": gate.closed,
            "blocked_until": gate.blocked_until,
            "closed_at": gate.closed_at,
            "closed_since": gate.closed_since,
            "reason": gate.reason[:2000],
            "said": gate.said[:2000],
            "strikes": gate.strikes,
            "probed_until": gate.probed_until,
        }
        row = Row(escape(gate.system), _GATE, {k: v for k, v in cells.items() if v is not None})
        return self._save(row, gate.etag)

    def environment(self, flow: str) -> Mapping[str, str] | None:
        """The ids of the environment that a flow's links are about, or None before its first run. Raises
        StateUnreadable."""
        stored = self._one(flow, ENVIRONMENT)
        return None if stored is None else read_environment(stored)

    def store_environment(self, flow: str, ids: Mapping[str, str]) -> bool:
        """Store the ids of the first run; False if another invocation was first."""
        return self._save(Row(escape(flow), ENVIRONMENT, dict(ids)), None)

    def accept_environment(self, flow: str, ids: Mapping[str, str], instead_of: Mapping[str, str]) -> bool:
        """Replace the stored ids by those of today: an operator says that the change is intended. False if other ids
        are stored by now."""
        stored = self._one(flow, ENVIRONMENT)
        if stored is None or stored.row.cells != instead_of:
            return False
        return self._save(Row(escape(flow), ENVIRONMENT, dict(ids)), stored.etag)

    def replace_unreadable_environment(self, flow: str, ids: Mapping[str, str]) -> bool:
        """Overwrite unreadable ids with those of today: an operator says that they are right. False if the stored ones
        can be read by now."""
        stored = self._one(flow, ENVIRONMENT)
        if stored is not None:
            try:
                read_environment(stored)
            except StateUnreadable:
                return self._save(Row(escape(flow), ENVIRONMENT, dict(ids)), stored.etag)
        return False

    def _one(self, partition: str, key: str) -> Stored | None:
        return self.table.read(escape(partition), [key]).get(key)

    def _save(self, row: Row, etag: str | None) -> bool:
        try:
            self.table.transact([Replace(row, etag) if etag else Insert(row)])
        except RowConflict:
            return False
        return True


@once_per_row
def read_flow(flow: str, stored: Stored) -> FlowControl:
    """The control row of a flow. Raises StateUnreadable."""
    cells = Cells("control", stored.row, f"p2c unblock {flow}, then p2c resume {flow}")
    kind = cells.text("block_kind", "")
    return FlowControl(
        flow=flow,
        paused=cells.flag("paused"),
        blocked=cells.text("blocked", ""),
        block_kind=cells.word("block_kind", BlockKind) if kind else None,
        block_walk=cells.text("block_walk", ""),
        block_gone=cells.number("block_gone", 0),
        block_changed=cells.number("block_changed", 0),
        met=_met(cells),
        accepted_walk=cells.text("accepted_walk", ""),
        accepted_gone=cells.number("accepted_gone", 0),
        accepted_changed=cells.number("accepted_changed", 0),
        waiting_cursor=_cursor(cells, "waiting_cursor", "W"),
        failures_cursor=_cursor(cells, "failures_cursor", "F"),
        history_cursor=_cursor(cells, "history_cursor", "H"),
        keys_cursor=cells.text("keys_cursor", ""),
        compared=cells.number("compared", 0),
        look_again=cells.flag("look_again", default=False),
        look_cursor=_cursor(cells, "look_cursor", "L"),
        walks=cells.number("walks", 0),
        rejections_until=cells.maybe_time("rejections_until"),
        etag=stored.etag,
    )


def _cursor(cells: Cells, name: str, first: str) -> str:
    """A row key to continue from: a key of another kind of rows, or an impossible key, would end the scan."""
    cursor = cells.text(name, "")
    if cursor and not (cursor.startswith(f"{first}|") and len(cursor) <= MAX_KEY_CHARACTERS + 1 and is_key(cursor)):
        raise cells.unreadable(name, "is not a place to continue from")
    return cursor


def read_gate(system: System, stored: Stored) -> Gate:
    """The gate of a system. Raises StateUnreadable."""
    return replace(_read_gate(system, stored), age_s=stored.age_s)


@once_per_row
def _read_gate(system: System, stored: Stored) -> Gate:
    cells = Cells("control", stored.row, "nothing: the next probe rewrites it")
    return Gate(
        system=system,
        closed=cells.flag("closed"),
        blocked_until=cells.maybe_time("blocked_until"),
        closed_at=cells.maybe_time("closed_at"),
        closed_since=cells.maybe_time("closed_since"),
        reason=cells.text("reason"),
        said=cells.text("said", ""),
        strikes=cells.number("strikes"),
        probed_until=cells.maybe_time("probed_until"),
        etag=stored.etag,
        age_s=stored.age_s,
    )


def read_environment(stored: Stored) -> dict[str, str]:
    """The environment of the first run. Raises StateUnreadable."""
    cells = Cells("control", stored.row, "check the settings; if they are right, run p2c accept for each blocked flow")
    if not stored.row.cells:
        raise cells.unreadable("dataverse_origin", "is missing")
    return {name: cells.text(name) for name in stored.row.cells}


def _met(cells: Cells) -> MetDrift | None:
    probe_at = cells.maybe_time("drift_probe_at")
    if probe_at is None:
        return None
    said, record = cells.text("drift_said", ""), cells.text("drift_record", "")
    return MetDrift(said, record, probe_at, cells.number("drift_strikes", 0))


def _met_cells(met: MetDrift | None) -> dict[str, Cell]:
    if met is None:
        return {}
    said, record = met.said[:2000], met.record
    return {"drift_said": said, "drift_record": record, "drift_probe_at": met.probe_at, "drift_strikes": met.strikes}
