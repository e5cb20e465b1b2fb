"""What the oracle is given, and what it says."""

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.records import SourceRow, Values
from shared.visible import visible
from tests.simulation.targets import Record, Row


@dataclass(frozen=True, slots=True)
class Entry:
    """What the product says of one record: its state, the reason, the row that it is tied to, rows that it has left,
    and whether something of it may have reached the target. `made_of` is the row of the source that a document in the
    target was made of."""

    state: str
    reason: str = ""
    entity: str = ""
    key: str = ""
    former: frozenset[tuple[str, str]] = frozenset()
    begun: bool = False
    open_doubt: str = ""
    made_of: str = ""


@dataclass(slots=True)
class Books:
    """Everything that the product says: entries and failures (by cause) by record, those of them that an operator does
    not want to see, owners of keys by collection and key, who waits for whom, and the messages that lie in queues."""

    entries: dict[Record, Entry] = field(default_factory=dict)
    failures: dict[Record, str] = field(default_factory=dict)
    dismissed: set[Record] = field(default_factory=set)
    keys: dict[tuple[str, str], Record] = field(default_factory=dict)
    waits: dict[Record, list[Record]] = field(default_factory=dict)
    messages: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class TradeFacts:
    """What only orders and invoices need. `signs` are the ids of all orders that were ever made in Sales by the sign
    that each has, `steady` those of which nobody has changed anything since their activation. `removed_orders` are the
    sales orders that people have deleted in F&O, by folded key, `removed_invoices` the records whose invoices people
    have deleted in Sales, and `typed_invoices` those whose invoice people have made there. `numbers` are the ids of the
    rows of Sales by collection and folded number, `products` the states of its products by id. Sales orders
    `may_be_taken_over` if the settings have ever allowed it."""

    signs: Mapping[str, str] = field(default_factory=dict)
    steady: Set[str] = frozenset()
    removed_orders: Mapping[str, Row] = field(default_factory=dict)
    removed_invoices: Set[str] = frozenset()
    typed_invoices: Set[str] = frozenset()
    numbers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    products: Mapping[str, object] = field(default_factory=dict)
    may_be_taken_over: bool = False


@dataclass(slots=True)
class Facts:
    """Both systems as they are. `targets` are the rows of each collection by folded key; those of Sales (products) come
    as rows of the same kind. `mended` are records of which an operator has begun the memory anew: what the sync had
    filled before is known to nobody. `left_alone` are those whose failure an operator has dismissed and that have not
    changed since. `stops` are the flows in which a change of others stops a record, `lists_what_is_gone` those in which
    a deleted row is a failure, `may_stay_deleted` those in which one stays deleted, or did for a while."""

    now: datetime
    mapper_of: Callable[[str], Any]
    sources: dict[str, dict[str, SourceRow]]
    targets: dict[str, dict[str, Row]]
    references: Mapping[str, Any]
    removed: set[tuple[str, str]]
    adopts: frozenset[str] = frozenset()
    mended: frozenset[Record] = frozenset()
    left_alone: frozenset[Record] = frozenset()
    stops: Set[str] = frozenset()
    lists_what_is_gone: Set[str] = frozenset()
    may_stay_deleted: Set[str] = frozenset()
    trade: TradeFacts = field(default_factory=TradeFacts)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must not be."""

    invariant: str
    record: Record
    text: str

    def __str__(self) -> str:
        return visible(f"{self.invariant} {self.record[0]} {self.record[1]}: {self.text}")


def line_agrees(rules: Any, ours: Values, theirs: Values) -> bool:
    """Whether a line of the target is one of ours."""
    return all(rules.agree_on_line(name, value, theirs.get(name)) for name, value in ours.items())


def short(thing: object) -> str:
    """A thing as a text that is not too long."""
    text = str(thing)
    return text if len(text) < 300 else f"{text[:300]} ..."
