"""What a deployment can do: a method for each kind of function, and one for each kind of operators' command. Each class
is given only what it needs."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from shared.clients.http.correlation import correlated
from shared.clients.http.deadline import reading_until
from shared.clock import Clock
from shared.errors import StateUnreadable, StorageTrouble
from shared.flows.spec import Deployment
from shared.invocations import Invocation, invoked
from shared.operations.audit_log import AuditLog
from shared.operations.cleanup import Cleanup
from shared.operations.control import FlowCommands
from shared.operations.damaged_rows import Damages
from shared.operations.digest import Digest
from shared.operations.drift_blocks import DriftBlocks
from shared.operations.dry_run import DryRun
from shared.operations.examine import Examined, Examining
from shared.operations.explain import Explaining
from shared.operations.failures import Failing
from shared.operations.forget import forget
from shared.operations.link import Linking
from shared.operations.lookup import locate, locate_everywhere
from shared.operations.map_entries import MapEditing
from shared.operations.reconcile import Comparison, Reconciling
from shared.operations.repair import Repairing
from shared.operations.resolve import Resolving
from shared.operations.resync import Syncing
from shared.operations.sender import Sender
from shared.operations.side_by_side import SideBySide, side_by_side
from shared.operations.status import RecordCounts, Status, brief_status_of, count_records, status_of
from shared.operations.undo import Undoing
from shared.records import MapEntry
from shared.state.control import Control
from shared.state.map_entries import MapEntries
from shared.state.storage.queues import Queues
from shared.sync.apply.run import Apply
from shared.sync.environment import Environment
from shared.sync.flow import Flow
from shared.sync.gates import Gates
from shared.sync.limits import Limits
from shared.sync.poison import Poison
from shared.sync.ports import SystemPort
from shared.sync.pull.run import Pull
from shared.sync.state import State
from shared.sync.sweep import Sweep
from shared.sync.write_back import WriteBack
from shared.systems import System
from shared.telemetry import tell_damage, tell_trouble


def new_id() -> str:
    """A random id."""
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class Service:
    """One deployment. Nothing is called until one of its methods is."""

    flows: Mapping[str, Flow]
    systems: Mapping[System, SystemPort]
    environment: Environment
    gates: Gates
    state: State
    queues: Queues
    clock: Clock
    limits: Limits
    new_id: Callable[[], str] = new_id
    history_days: int = 90
    history_values_days: int = 0
    flows_with: Callable[[Sequence[MapEntry]], Mapping[str, Flow]] | None = None

    def flows_at(self, control: Control) -> Mapping[str, Flow]:
        """The flows with the entries of value maps that these control rows have: those are set by hand, above the map
        document. Of an unreadable row, the document alone is told: the gates of all flows are closed then."""
        if self.flows_with is None:
            return self.flows
        try:
            entries = MapEntries(control.table).now()
        except StateUnreadable:
            entries = ()
        return self.flows_with(entries) if entries else self.flows

    @property
    def map_entries(self) -> MapEntries:
        """The entries of value maps that are set by hand."""
        return MapEntries(self.state.control.table)

    @property
    def flows_now(self) -> Mapping[str, Flow]:
        """The flows as they are applied now: one request to the storage."""
        return self.flows_at(self.state.control)

    def pull(self, flow: str, invocation: Invocation | None = None) -> None:
        """Find out which records have changed and queue hints."""
        with self._run(flow, invocation) as run_id:
            control = self.state.control.at_once()
            Pull(
                self.flows_at(control)[flow],
                run_id,
                control=control,
                gates=self.gates,
                environment=self.environment,
                state=self.state,
                queues=self.queues,
                clock=self.clock,
                limits=self.limits,
                new_id=self.new_id,
            ).run()

    def apply(self, flow: str, body: bytes, invocation: Invocation | None = None) -> None:
        """Write the records that a message names."""
        with self._run(flow, invocation) as run_id:
            Apply(
                self.flows,
                flow,
                self.flows_at,
                run_id,
                claim_id=self.new_id(),
                gates=self.gates,
                environment=self.environment,
                state=self.state,
                queues=self.queues,
                clock=self.clock,
                limits=self.limits,
            ).run(_text(body))

    def poison(self, flow: str, body: bytes, invocation: Invocation | None = None) -> None:
        """Split or list a message that failed too often."""
        with self._run(flow, invocation) as run_id:
            Poison(
                self.flows[flow],
                run_id,
                failures=self.state.failures,
                queues=self.queues,
                clock=self.clock,
                limits=self.limits,
            ).run(_text(body))

    def sweep(self, invocation: Invocation | None = None) -> None:
        """Bring back what waits for something other than a change, then write the results of records into their
        source."""
        with self._run(None, invocation) as run_id:
            not_after = self.clock.monotonic() + self.limits.run_budget_s
            flows = self.flows_now
            Sweep(
                flows,
                run_id,
                gates=self.gates,
                state=self.state,
                queues=self.queues,
                clock=self.clock,
                limits=self.limits,
            ).run()
            WriteBack(
                flows,
                run_id,
                gates=self.gates,
                environment=self.environment,
                state=self.state,
                queues=self.queues,
                clock=self.clock,
                limits=self.limits,
                not_after=not_after,
            ).run()

    def reconcile(self, invocation: Invocation | None = None) -> None:
        """Compare both systems, and log what has drifted."""
        with self._run(None, invocation) as run_id:
            Comparison(self.examining, self.gates, run_id).run()

    def cleanup(self, invocation: Invocation | None = None) -> None:
        """Remove what is past its retention, and tell what is open."""
        with self._run(None, invocation) as run_id:
            Cleanup(
                self.flows,
                run_id,
                state=self.state,
                environment=self.environment,
                clock=self.clock,
                limits=self.limits,
                keep_days=self.history_days,
                keep_values_days=self.history_values_days,
            ).run()
            Digest(run_id, self.state, self.clock).tell(self.flows.values())

    @property
    def examining(self) -> Examining:
        """Examines records: what would be written of them."""
        return Examining(self.flows_now, self.state, self.clock, self.limits)

    @property
    def sender(self) -> Sender:
        """Queues records by their ids."""
        return Sender(self.queues, self.new_id, self.limits.hints_per_message)

    def audit_log(self, who: str) -> AuditLog:
        """The audit log, for the actions of one operator."""
        return AuditLog(who, audit=self.state.audit, environment=self.environment, clock=self.clock, new_id=self.new_id)

    def dry_run(self, flow: str) -> DryRun:
        """A dry run of a flow."""
        return DryRun(*self._examining(flow))

    def side_by_side(self, flow: str, examined: Sequence[Examined], *, remembered: bool = False) -> list[SideBySide]:
        """What the target holds now of these records; with `remembered` what was last written."""
        return side_by_side(*self._examining(flow), examined, remembered=remembered)

    def explaining(self, flow: str) -> Explaining:
        """Explains why records of a flow are, or are not, in step."""
        return Explaining(*self._examining(flow))

    def reconciling(self, flow: str) -> Reconciling:
        """Compares both systems, for one flow."""
        return Reconciling(*self._examining(flow))

    def status(self, flows: Iterable[str], *, lag_minutes: int | None = None) -> Status:
        """How flows stand."""
        named = [self.flows[flow] for flow in flows]
        return status_of(named, state=self.state, queues=self.queues, clock=self.clock, lag_minutes=lag_minutes)

    def brief_status(self) -> Status:
        """How all flows stand, without the counts of their records."""
        return brief_status_of(self.flows.values(), state=self.state, queues=self.queues, clock=self.clock)

    def count_records(self, flow: str, tell: Callable[[RecordCounts], None]) -> RecordCounts:
        """The records of a flow, by state and rule; `tell` gets what was counted so far."""
        return count_records(self.state, self.flows[flow], tell)

    def locate(self, flow: str, text: str) -> str:
        """The id of the record with an id or a number."""
        return locate(self.state, self.flows[flow], text)

    def locate_everywhere(self, text: str) -> list[tuple[str, str]]:
        """The records with an id or a number in any flow, each as its flow and its id."""
        return locate_everywhere(self.state, self.flows.values(), text)

    def failing(self) -> Failing:
        """The failures of every flow."""
        return Failing(state=self.state, sender=self.sender, clock=self.clock, limits=self.limits)

    def commands(self, audit_log: AuditLog) -> FlowCommands:
        """Which flows run."""
        return FlowCommands(self.flows, audit_log, environment=self.environment, state=self.state, sender=self.sender)

    def syncing(self, audit_log: AuditLog) -> Syncing:
        """Records synced on demand."""
        return Syncing(
            self.flows,
            audit_log,
            sender=self.sender,
            control=self.state.control,
            checkpoints=self.state.checkpoints,
        )

    def map_editing(self, deployment: Deployment, audit_log: AuditLog) -> MapEditing:
        """Entries of value maps set by hand, above the document of a deployment."""
        return MapEditing(deployment, audit_log, kept=self.map_entries, clock=self.clock)

    def drift_blocks(self, audit_log: AuditLog) -> DriftBlocks:
        """Blocks and releases flows by the findings of preflight."""
        return DriftBlocks(self.flows, audit_log, control=self.state.control)

    def linking(self, flow: str, audit_log: AuditLog) -> Linking:
        """Corrects links of a flow by hand."""
        examining, wanted = self._examining(flow)
        return Linking(wanted, audit_log, examining, self.sender)

    def resolving(self, flow: str) -> Resolving:
        """Decides conflicts of a flow."""
        examining, wanted = self._examining(flow)
        return Resolving(wanted, examining, self.sender)

    def undoing(self, flow: str) -> Undoing:
        """Puts values back that a flow has written."""
        examining, wanted = self._examining(flow)
        return Undoing(wanted, examining, self.new_id)

    def forget(self, flow: str, id: str, audit_log: AuditLog) -> int:
        """Remove what is stored of a record that is gone; how many rows."""
        return forget(self.flows[flow], id, audit_log, state=self.state, limits=self.limits)

    def damages(self) -> Damages:
        """Rows that cannot be read."""
        return Damages(self.flows, self.state)

    def repairing(self, flow: str, audit_log: AuditLog) -> Repairing:
        """Rows of a flow repaired."""
        flows = self.flows_now
        return Repairing(flows[flow], audit_log, flows, self.state, self.sender, self.clock, self.limits)

    def _examining(self, flow: str) -> tuple[Examining, Flow]:
        """What examines records, and a flow, of the same moment."""
        examining = self.examining
        return examining, examining.flows[flow]

    @contextmanager
    def _run(self, flow: str | None, invocation: Invocation | None) -> Iterator[str]:
        """The id of an invocation, the host's where there is one: its events carry it, and its requests ids that begin
        with it. It reads as long as it has time. Storage trouble is also logged as an event: if it lasts, nothing
        else can report it."""
        run_id = self.new_id() if invocation is None else invocation.run
        last_start = self.clock.monotonic() + self.limits.run_budget_s
        with invoked(invocation), correlated(run_id), reading_until(last_start):
            try:
                yield run_id
            except StorageTrouble as trouble:
                tell_trouble(trouble, flow=flow, run=run_id)
                raise
            except StateUnreadable as unreadable:
                tell_damage(unreadable.damage, flow=flow, run=run_id)
                raise


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")
