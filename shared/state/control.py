"""Control: what may run. Two rows per flow (paused, blocked; its environment) and one per system (its gate)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.errors import RowConflict, StorageTrouble, System
from shared.state.rows import Cell, Insert, Replace, Row, Stored, Table, escape

_ROUNDS = 5
_FLOW, _GATE, _ENVIRONMENT = "flow", "gate", "environment"


class BlockKind(StrEnum):
    """Why a flow waits for an operator: more would go or change than the limits allow, one of the systems is not the
    one of the first run, or columns are not as the mapping knows them."""

    THRESHOLD = "threshold"
    ENVIRONMENT = "environment"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class MetDrift:
    """A drift of the schema that a flow has met as it ran. `said` are the system's own words, `record` is the id of the
    record that met it (empty: none in particular). The sweep looks at `probe_at` whether it is over; `strikes` counts,
    for the back-off, how often it was met or was not over yet, also after the block is gone."""

    said: str
    record: str
    probe_at: datetime
    strikes: int


@dataclass(frozen=True, slots=True)
class FlowControl:
    """What an operator or a threshold says of a flow. After a deployment every flow is paused (rules.md, First start).

    `blocked` is the reason of a block, empty when there is none, `block_kind` and `block_walk` what it is about; `met`
    tells more of a drift that the flow itself has met, None of one that a preflight has found;
    `block_gone` and `block_changed` are how many gone and changed records the reason shows (0: it is not about them).
    `accepted_walk` names the walk whose threshold an operator has accepted, up to `accepted_gone` and
    `accepted_changed` records: what was shown; `compared` is the position behind which the
    next comparison goes on. `look_again` asks for a look at the links for those that know something else than is true
    now (see Outdated), `look_cursor` is where such a look goes on; empty when none is under way. `walks` is how many
    walks of a source without versions have begun.
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
        """The same without its block: a walk may go as far as the reason shows."""
        if self.block_kind is not BlockKind.THRESHOLD:
            return self.unblock()
        return replace(
            self.unblock(),
            accepted_walk=self.block_walk,
            accepted_gone=self.block_gone,
            accepted_changed=self.block_changed,
        )

    def release(self) -> "FlowControl":
        """The same without its block, which may come back: its strikes are kept."""
        return replace(self.unblock(), met=self.met)


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether a system may be called. `reason` is why not, `said` what the system has answered; `strikes` counts
    closings in a row, for the back-off; `closed_at` is the last of them, `closed_since` the first since the gate was
    open; until `probed_until` one worker alone asks whether it is back."""

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


class Control:
    """The control table. Every `save_` writes over the version that was read and tells whether it was the first."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def flow(self, flow: str) -> FlowControl:
        """The control row of a flow; paused when there is none."""
        stored = self._one(flow, _FLOW)
        if stored is None:
            return FlowControl(flow)
        cells = stored.row.cells
        return FlowControl(
            flow=flow,
            paused=bool(cells["paused"]),
            blocked=str(cells.get("blocked", "")),
            block_kind=BlockKind(str(cells["block_kind"])) if cells.get("block_kind") else None,
            block_walk=str(cells.get("block_walk", "")),
            block_gone=int(str(cells.get("block_gone", 0))),
            block_changed=int(str(cells.get("block_changed", 0))),
            met=_met(cells),
            accepted_walk=str(cells.get("accepted_walk", "")),
            accepted_gone=int(str(cells.get("accepted_gone", 0))),
            accepted_changed=int(str(cells.get("accepted_changed", 0))),
            waiting_cursor=str(cells.get("waiting_cursor", "")),
            failures_cursor=str(cells.get("failures_cursor", "")),
            history_cursor=str(cells.get("history_cursor", "")),
            keys_cursor=str(cells.get("keys_cursor", "")),
            compared=int(str(cells.get("compared", 0))),
            look_again=bool(cells.get("look_again", False)),
            look_cursor=str(cells.get("look_cursor", "")),
            walks=int(str(cells.get("walks", 0))),
            etag=stored.etag,
        )

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
            **_met_cells(control.met),
        }
        return self._save(Row(escape(control.flow), _FLOW, cells), control.etag)

    def change_flow(self, flow: str, change: Callable[[FlowControl], FlowControl | None]) -> FlowControl | None:
        """Change a flow's control row as it is now, whoever else changes it; None when `change` wants nothing, or the
        row as saved. Raises StorageTrouble."""
        for _ in range(_ROUNDS):
            changed = change(self.flow(flow))
            if changed is None or self.save_flow(changed):
                return changed
        raise StorageTrouble(f"the control row of {flow} could not be saved in {_ROUNDS} rounds")

    def ask_to_look_again(self, flow: str) -> None:
        """Have the links of a flow looked at for those that know something else than is true now. Raises
        StorageTrouble."""
        self.change_flow(flow, lambda now: None if now.look_again else replace(now, look_again=True))

    def gate(self, system: System) -> Gate:
        """The gate of a system; open when there is no row."""
        stored = self._one(system, _GATE)
        if stored is None:
            return Gate(system)
        cells = stored.row.cells
        return Gate(
            system=system,
            closed=bool(cells["closed"]),
            blocked_until=_time(cells.get("blocked_until")),
            closed_at=_time(cells.get("closed_at")),
            closed_since=_time(cells.get("closed_since")),
            reason=str(cells["reason"]),
            said=str(cells.get("said", "")),
            strikes=int(str(cells["strikes"])),
            probed_until=_time(cells.get("probed_until")),
            etag=stored.etag,
        )

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
        """The ids of the environment that a flow's links are about, or None before its first run."""
        stored = self._one(flow, _ENVIRONMENT)
        return None if stored is None else {name: str(cell) for name, cell in stored.row.cells.items()}

    def store_environment(self, flow: str, ids: Mapping[str, str]) -> bool:
        """Store the ids of the first run; False when another invocation was first."""
        return self._save(Row(escape(flow), _ENVIRONMENT, dict(ids)), None)

    def accept_environment(self, flow: str, ids: Mapping[str, str], instead_of: Mapping[str, str]) -> bool:
        """Replace the stored ids by those of today: an operator says that the change is meant. False when other ids
        are stored by now."""
        stored = self._one(flow, _ENVIRONMENT)
        if stored is None or stored.row.cells != instead_of:
            return False
        return self._save(Row(escape(flow), _ENVIRONMENT, dict(ids)), stored.etag)

    def _one(self, partition: str, key: str) -> Stored | None:
        return self.table.read(escape(partition), [key]).get(key)

    def _save(self, row: Row, etag: str | None) -> bool:
        try:
            self.table.transact([Replace(row, etag) if etag else Insert(row)])
        except RowConflict:
            return False
        return True


def _met(cells: Mapping[str, Cell]) -> MetDrift | None:
    probe_at = _time(cells.get("drift_probe_at"))
    if probe_at is None:
        return None
    said, record = str(cells.get("drift_said", "")), str(cells.get("drift_record", ""))
    return MetDrift(said, record, probe_at, int(str(cells.get("drift_strikes", 0))))


def _met_cells(met: MetDrift | None) -> dict[str, Cell]:
    if met is None:
        return {}
    said, record = met.said[:2000], met.record
    return {"drift_said": said, "drift_record": record, "drift_probe_at": met.probe_at, "drift_strikes": met.strikes}


def _time(cell: Cell | None) -> datetime | None:
    return cell if isinstance(cell, datetime) else None
