"""All rows of our own tables that cannot be read, each with its place and what helps."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial

from shared.errors import Damage, StateUnreadable
from shared.state.audit import PARTITION as AUDIT
from shared.state.audit import read_audit_entry
from shared.state.batches import read_batch
from shared.state.checkpoints import read_checkpoint
from shared.state.control import ENVIRONMENT, read_environment, read_flow, read_gate
from shared.state.decided_contents import read_decided
from shared.state.failures import read_failure
from shared.state.filter_sizes import FILTER, FILTER_TOGETHER, read_size
from shared.state.history import read_entry
from shared.state.keys import read_key
from shared.state.links import read_link
from shared.state.map_entries import ENTRIES, MAP, read_map_entries
from shared.state.owners import read_owners
from shared.state.results import TURN, read_result, read_turn
from shared.state.runs import read_run
from shared.state.snapshots import read_bucket
from shared.state.storage.cells import drop
from shared.state.storage.tables import LAST_KEY, Stored, Table, escape
from shared.state.waiting import read_wait
from shared.sync.damage import damage_of, damage_of_key
from shared.sync.flow import Flow
from shared.sync.state import State
from shared.systems import System

_PAGE = 1000
# Sorts before every key: those of the keys table begin with any letter.
_FIRST = " "

Read = Callable[[Stored], object]


class Damages:
    """Reads every row and changes nothing."""

    def __init__(self, flows: Mapping[str, Flow], state: State) -> None:
        self.flows = flows
        self.state = state
        self.tables: dict[str, Table] = {
            "links": state.links.table,
            "keys": state.keys,
            "checkpoints": state.snapshots,
            "control": state.control.table,
            "runs": state.runs.table,
        }

    def found(self, flows: Iterable[str]) -> Iterator[Damage]:
        """The damage in these flows, and in rows that belong to no flow, table by table. Raises StorageTrouble."""
        for name, partition in self._places(list(flows)):
            for stored in _rows(self.tables[name], partition):
                damage = self.of(name, stored)
                if damage is not None:
                    yield damage

    def of(self, table: str, stored: Stored) -> Damage | None:
        """Why a row cannot be read; None if it can."""
        read = self._reader(table, stored)
        if read is None:
            row = stored.row
            return Damage(table, row.partition, row.key, "RowKey", "is none of this app", drop(table, row))
        try:
            read(stored)
        except StateUnreadable as unreadable:
            return unreadable.damage
        return None

    def _places(self, flows: list[str]) -> list[tuple[str, str]]:
        partitions = [escape(flow) for flow in flows]
        places = [
            (table, partition) for table in ("links", "checkpoints", "control", "runs") for partition in partitions
        ]
        routes = [(self.flows[flow], route) for flow in flows for route in self.flows[flow].routes.values()]
        keys = dict.fromkeys(self.state.keys_of(flow, route).partition for flow, route in routes)
        places += [("keys", partition) for partition in keys]
        places += [("control", escape(each)) for each in (*System, MAP)]
        return [*places, ("runs", AUDIT)]

    def _reader(self, table: str, stored: Stored) -> Read | None:
        flow = next((flow for flow in self.flows.values() if escape(flow.name) == stored.row.partition), None)
        key = stored.row.key
        match table:
            case "links" if flow is not None:
                return _of_links(flow, key)
            case "keys":
                return partial(_key, self.flows)
            case "checkpoints" if flow is not None:
                named = key.startswith("pull")
                return partial(read_checkpoint, flow.name) if named else partial(read_bucket, walk="")
            case "control":
                return _of_control(flow, stored.row.partition, key)
            case "runs":
                return (
                    read_audit_entry if stored.row.partition == AUDIT else partial(read_run, flow.name if flow else "")
                )
        return None


def _of_links(flow: Flow, key: str) -> Read | None:
    readers: dict[str, Read] = {
        "D|": partial(read_decided, flow.name),
        "L|": partial(_link, flow),
        "F|": partial(read_failure, flow.name),
        "W|": partial(read_wait, flow.name),
        "H|": read_entry,
        "P|": partial(read_owners, flow.name),
        "B|": partial(read_batch, flow.name),
        "R|": _by_its_key,
        "T|": partial(read_result, flow.name),
    }
    return readers.get(key[:2])


def _by_its_key(_stored: Stored) -> None:
    """A row whose key is all that counts."""


def _link(flow: Flow, stored: Stored) -> None:
    damage = damage_of(read_link(flow.name, stored), flow)
    if damage is not None:
        raise StateUnreadable(damage)


def _key(flows: Mapping[str, Flow], stored: Stored) -> None:
    damage = damage_of_key(read_key(stored), stored.row, flows)
    if damage is not None:
        raise StateUnreadable(damage)


def _of_control(flow: Flow | None, partition: str, key: str) -> Read | None:
    if key == "flow" and flow is not None:
        return partial(read_flow, flow.name)
    if key == TURN and flow is not None:
        return partial(read_turn, flow.name)
    if (partition, key) == (MAP, ENTRIES):
        return read_map_entries
    if key in (FILTER, FILTER_TOGETHER):
        return read_size
    if key == ENVIRONMENT and flow is not None:
        return read_environment
    with suppress(ValueError):
        if key == "gate":
            return partial(read_gate, System(partition))
    return None


def _rows(table: Table, partition: str) -> Iterator[Stored]:
    start: str | None = _FIRST
    while start is not None:
        page = table.scan(partition, start=start, end=LAST_KEY, limit=_PAGE)
        yield from page
        start = page[-1].row.key + " " if len(page) == _PAGE else None
