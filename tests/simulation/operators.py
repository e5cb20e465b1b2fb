"""An operator at work: what `p2c` does, by the same operations."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy

from shared import exact_json
from shared.errors import Damage, NotSent, StateUnreadable, StorageTrouble, SystemTrouble
from shared.operations.audit_log import AuditLog, Refused
from shared.operations.link import Linking
from shared.operations.repair import drop
from shared.operations.retarget import NewTarget
from shared.records import Json, SourceRow
from shared.service import Service
from shared.state.control import BlockKind
from shared.state.links import LinkState, link_key
from shared.state.map_entries import ENTRIES as ENTRIES_ROW
from shared.state.map_entries import MAP, read_map_entries
from shared.state.storage.tables import Cell, Row, Stored, escape, unescape
from shared.sync.apply.plan import CONFLICT
from shared.sync.environment import may_be_another
from shared.sync.flow import TARGET_DELETED
from shared.systems import System
from tests.simulation.books import sources_of
from tests.simulation.company import Company
from tests.simulation.deployment import Deployment
from tests.simulation.host import is_without_checkpoint
from tests.simulation.script import Act
from tests.simulation.settings import ENTRIES, Entry, deployment_of, has_entry
from tests.simulation.takings import Takings
from tests.simulation.targets import Record
from tests.simulation.threads import CALM, Worker

_WHO = "operator@contoso"
# What an operator may be told instead of a result.
_TOLD = Refused | SystemTrouble | StorageTrouble | NotSent


class Operators:
    """The operators of one history. What is refused is refused, and what trouble interrupts stays half done."""

    def __init__(self, company: Company, counts: Counter[str], takings: Takings) -> None:
        self._takings = takings
        self._company = company
        self._counts = counts
        self._unlinked: set[tuple[str, str]] = set()
        self.mended: set[tuple[str, str]] = set()
        self._dismissed: dict[tuple[str, str], SourceRow | None] = {}
        self._retried: set[str] = set()
        self._surprised = False
        # The entries of value maps that were set by hand and not taken back, by what they are called in ENTRIES.
        self.entries: dict[str, Entry] = {}
        # Whether a row may be spoilt: to look at every row takes its time.
        self.has_damages = False

    def act(self, act: Act, process: Deployment, dice: random.Random) -> None:
        """Do one thing. Raises AssertionError for an error that no operator may see."""
        worker = Worker(f"operator {act.what}", lambda: self._operate(act, process, dice), dice, CALM)
        self._company.stage.threads.run([worker], dice)
        error = worker.error
        if error is not None and not isinstance(error, _TOLD) and not is_without_checkpoint(error):
            raise AssertionError(f"operator {act.what} raised {error!r}") from error
        if isinstance(error, Refused):
            self._counts[f"refused {act.what}"] += 1

    def look_after(self, process: Deployment, dice: random.Random) -> None:
        """What operators do in the end: have unlinked records looked at, let flows run, accept what blocks them. While
        they look for the first time at a walk that takes too much, people go on deleting."""
        service = process.service
        audit_log = service.audit_log(_WHO)
        commands = service.commands(audit_log)
        for flow in process.flows:
            control = service.state.control.flow(flow)
            if control.paused:
                commands.resume(flow)
            if control.blocked and control.block_kind is not BlockKind.DRIFT:
                # A drift is over by itself.
                is_walk = control.block_kind is BlockKind.THRESHOLD
                with suppress(Refused, StateUnreadable):
                    # What cannot be read is mended first.
                    self._accept(flow, process, audit_log)
                if is_walk and not self._surprised:
                    self._surprised = True
                    self._company.purge(flow, dice)
                    # Of what cannot be sent, some may be gone by now.
                    self._retried.discard(flow)
        with suppress(Refused):
            # A worker may have it in its hands still.
            self._repair(process, audit_log)
        for flow in sorted(set(process.flows) - self._retried):
            # Nobody else tries them, also those that were dismissed: where the source has been mended they close.
            if not service.environment.change_by_settings(flow):
                failing = service.failing()
                of_flow = (*failing.walk(flow), *failing.walk(flow, dismissed=True))
                failing.retry(flow, [each for each in of_flow if each.cause == "text_not_sendable"], audit_log)
                self._retried.add(flow)
        for flow, id in sorted(self._unlinked):
            if not service.environment.change_by_settings(flow):
                service.syncing(audit_log).some(flow, [id])
                self._unlinked.remove((flow, id))

    def left_alone(self, process: Deployment) -> set[tuple[str, str]]:
        """The records that an operator has dismissed, and that nobody has changed since."""
        sources = sources_of(self._company.stage, process.company)
        return {(flow, id) for (flow, id), then in self._dismissed.items() if sources[flow].get(id) == then}

    def damages(self, process: Deployment) -> list[Damage]:
        """The rows that cannot be read and that nobody but an operator mends: links, owned keys, and checkpoints."""
        if not self.has_damages:
            return []
        mended = {"keys": "", "links": "L|", "checkpoints": "pull"}
        found = process.service.damages().found(process.flows)
        damages = [each for each in found if each.table in mended and each.key.startswith(mended[each.table])]
        self.has_damages = bool(damages)
        return damages

    def _repair(self, process: Deployment, audit_log: AuditLog) -> None:
        """Mend what is damaged, as far as that can be done now. Raises Refused for the first that cannot."""
        service = process.service
        for damage in self.damages(process):
            records: Iterable[tuple[str, str]] = ()
            if damage.table == "links":
                records = [(damage.partition, unescape(damage.key).removeprefix("L|"))]
            elif damage.table == "keys":
                records = self._named_in(damage, process)
            if self._repair_one(records, process, audit_log):
                self._counts[f"{damage.table} repaired"] += 1
            else:
                drop(service.damages(), audit_log, damage.table, damage.partition, damage.key)

    def _repair_one(self, records: Iterable[tuple[str, str]], process: Deployment, audit_log: AuditLog) -> bool:
        """Repair the first of these records that is not refused: a refusal names another one. False if there is no
        record. Raises the last Refused if all are."""
        told: Refused | None = None
        for flow, id in records:
            try:
                process.service.repairing(flow, audit_log).repair(id)
            except Refused as refused:
                told = refused
                continue
            self.mended.add((flow, id))
            return True
        if told is not None:
            raise told
        return False

    @staticmethod
    def _named_in(damage: Damage, process: Deployment) -> Iterator[tuple[str, str]]:
        """The records whose links name a damaged key."""
        service = process.service
        for name in process.flows:
            flow = service.flows[name]
            for link in service.state.links.walk(name):
                for route, key in link.owned:
                    row = service.state.keys_of(flow, flow.route(route)).row_of(key)
                    if (row.partition, row.key) == (damage.partition, damage.key):
                        yield name, link.id

    def _accept(self, flow: str, process: Deployment, audit_log: AuditLog) -> None:
        """Accept what blocks a flow. Of another environment an operator knows whether our rows are there."""
        service = process.service
        control, commands = service.state.control.flow(flow), service.commands(audit_log)
        target: NewTarget | None = None
        if control.block_kind is BlockKind.ENVIRONMENT:
            differences = service.environment.differences(flow)
            if may_be_another(service.flows[flow].target_system, differences):
                target = NewTarget.COPY if self._company.has_rows_of(flow, process.company) else NewTarget.EMPTY
                if (watch := self._company.stage.finops.watch) is not None:
                    watch.forget_flow(flow)
        if control.block_kind is BlockKind.THRESHOLD:
            self._takings.note_accepted(flow, control.blocked)
        if not commands.accept(flow, control.blocked, target):
            # It has changed once more: the next pull says how it is now.
            commands.unblock(flow, control.blocked)

    def _operate(self, act: Act, process: Deployment, dice: random.Random) -> None:
        service, flow = process.service, act.flow
        audit_log = service.audit_log(_WHO)
        commands, failing = service.commands(audit_log), service.failing()
        known = sorted(link.id for link in service.state.links.walk(flow))
        match act.what:
            case "pause":
                commands.pause(flow)
            case "resume":
                commands.resume(flow)
            case "accept":
                self._accept(flow, process, audit_log)
            case "unblock":
                commands.unblock(flow, service.state.control.flow(flow).blocked)
            case "sync some":
                service.syncing(audit_log).some(flow, [dice.choice(known or ["?"])])
            case "sync all":
                service.syncing(audit_log).everything(flow)
            case "retry":
                failing.retry(flow, list(failing.walk(flow)), audit_log)
            case "dismiss":
                first = list(failing.walk(flow))[:1]
                rows = sources_of(self._company.stage, process.company)[flow]
                self._dismissed |= {(flow, each.id): deepcopy(rows.get(each.id)) for each in first}
                failing.dismiss(flow, first, "known", audit_log)
            case "repair":
                self._repair(process, audit_log)
            case "resolve":
                self._resolve(process, audit_log, dice)
            case "map set" | "map unset":
                self._set_entry(act, process, audit_log)
            case _ if known:
                linking = service.linking(flow, audit_log)
                # Chance alone has hardly ever anybody choose a record that has ended.
                meant = LinkState.ENDED if process.key.trade else None
                self._mend(act.what, self._chosen(known, linking, dice, meant), linking, service, dice)

    def _set_entry(self, act: Act, process: Deployment, audit_log: AuditLog) -> None:
        """Set an entry of a value map, or take it back; nobody else sets any. If the answer gets lost, what is stored
        tells what has become of it."""
        entry, editing = ENTRIES[act.flow], process.service.map_editing(deployment_of(process.key), audit_log)
        sets, is_set = act.what == "map set", act.flow in self.entries
        try:
            if sets:
                editing.set(entry.flow, entry.map, entry.name, str(entry.code), "a new customer")
                # What the document has already is not set.
                is_set = is_set or not has_entry(process.key.maps, entry)
            else:
                editing.unset(entry.flow, entry.map, entry.name, "a mistake")
                is_set = False
        except StorageTrouble:
            if (entry in self._stored_entries()) is sets:
                is_set = sets
            raise
        finally:
            self.entries.pop(act.flow, None)
            if is_set:
                self.entries[act.flow] = entry

    def wrong_entries(self, process: Deployment) -> Iterator[str]:
        """Entries of value maps that are kept although nobody has set them, or are not kept although somebody has."""
        kept = {Entry(each.flow, each.map, each.name, each.code) for each in process.service.map_entries.now()}
        for entry in sorted(kept ^ set(self.entries.values()), key=repr):
            yield f"entry {entry.map} {entry.name}: it is {'kept' if entry in kept else 'lost'}"

    def _stored_entries(self) -> set[Entry]:
        """The entries as they are stored, whatever the weather."""
        cells = self._company.stage.tables["control"].cells_of(MAP, ENTRIES_ROW) or {}
        found = read_map_entries(Stored(Row(MAP, ENTRIES_ROW, cells), "", 0.0))
        return {Entry(each.flow, each.map, each.name, each.code) for each in found}

    def _resolve(self, process: Deployment, audit_log: AuditLog, dice: random.Random) -> None:
        """Decide a conflict: a listed one, or one in which the target's value stays."""
        service = process.service
        contested = {
            (flow, link.id) for flow in process.flows for link in service.state.links.walk(flow) if link.content.kept
        }
        for flow in process.flows:
            contested |= {(flow, each.id) for each in service.failing().walk(flow) if each.cause == CONFLICT}
        if not contested:
            return
        flow, id = dice.choice(sorted(contested))
        resolving = service.resolving(flow)
        shown = resolving.look(id)
        takes = {each.field: dice.choice(list(System)) for each in shown.fields}
        try:
            resolving.resolve(shown, takes, "as agreed", audit_log)
        except StorageTrouble:
            # What is stored tells whether it is decided.
            self._note_overruled((flow, id), self._overruled((flow, id)))
            raise
        for each in shown.fields:
            is_overruled = takes[each.field] is resolving.flow.source_system
            self._counts[f"resolved for the {'source' if is_overruled else 'target'}"] += 1
        overruled = {
            each.field: each.there for each in shown.fields if takes[each.field] is resolving.flow.source_system
        }
        self._note_overruled((flow, id), overruled)

    def _note_overruled(self, record: Record, overruled: Mapping[str, Json]) -> None:
        """The source's value replaces these from now on."""
        if (watch := self._company.stage.finops.watch) is not None:
            for name, there in overruled.items():
                watch.note_overruled(record, name, there)

    def _overruled(self, record: Record) -> Mapping[str, Json]:
        """What is stored of such decisions."""
        stored = exact_json.loads(str((self._cells(record) or {}).get("overruled") or "{}"))
        return stored if isinstance(stored, dict) else {}

    @staticmethod
    def _chosen(known: list[str], linking: Linking, dice: random.Random, first: LinkState | None) -> str:
        """A record, and first its state: most are in the same one. One in the state `first`, if there is any."""
        states = {id: linking.show(id).state for id in known}
        state = first if first in states.values() else dice.choice(sorted(set(states.values())))
        return dice.choice([id for id in known if states[id] is state])

    def _mend(self, what: str, id: str, linking: Linking, service: Service, dice: random.Random) -> None:
        state = linking.show(id).state
        self._counts[f"{what} in state {state}"] += 1
        if what == "forget":
            self._forget(id, linking, service)
        elif what == "link":
            self._link(id, linking)
        else:
            self._unlink(id, linking)
            # What the runbook says of a record that is to have another number.
            if dice.random() < 0.7:
                self._counts["another number after unlinking"] += 1
                self._company.renumber((linking.flow.name, id), dice)

    def _link(self, id: str, linking: Linking) -> None:
        """An order is not written any more: that the row is its own from now on is known from here only."""
        record = linking.flow.name, id
        try:
            linking.link(id)
        finally:
            key = (self._cells(record) or {}).get("target_key")
            if linking.flow.name == "orders" and key is not None:
                self._company.hand_over(linking.flow.company, str(key), record)

    def _unlink(self, id: str, linking: Linking) -> None:
        record = linking.flow.name, id
        was_tied, was_deleted = self.is_tied(record), self._stays_deleted(record)
        try:
            linking.unlink(id)
        finally:
            is_free = not (self.is_tied(record) or self._stays_deleted(record))
            if (was_tied or was_deleted) and is_free:
                # The row is nobody's now, as the operator wants it.
                self._company.disown(record)
                self._unlinked.add(record)

    def _forget(self, id: str, linking: Linking, service: Service) -> None:
        """What a forgotten record has in its target is only people's now: should the record come back it is a new one,
        and nobody who names it finds a number."""
        record = linking.flow.name, id
        try:
            service.forget(linking.flow.name, id, service.audit_log(_WHO))
        finally:
            if self._cells(record) is None:
                self._company.disown(record)

    def _stays_deleted(self, record: tuple[str, str]) -> bool:
        """Whether a record has no row because people have deleted it, until an operator takes the record off it."""
        return (self._cells(record) or {}).get("rule") == TARGET_DELETED

    def is_tied(self, record: tuple[str, str]) -> bool:
        """Whether a link says which row of its target is the record's."""
        return (self._cells(record) or {}).get("target_key") is not None

    def _cells(self, record: tuple[str, str]) -> Mapping[str, Cell] | None:
        """What is stored of a link, whatever the weather: the answer to an operator may have got lost."""
        flow, id = record
        return self._company.stage.tables["links"].cells_of(escape(flow), link_key(id))
