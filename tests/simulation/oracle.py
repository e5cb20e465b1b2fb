"""Judges both systems after a history, from their contents and the mapping alone.

It knows nothing of how the product works: no module of `shared.sync` or `shared.state` is imported here (a test holds
it to that). What the product says of its records comes as `Books`, in plain words. The invariants:

I1  Every record of a source is accounted for, with the true reason.
I2  One record has one row in its target, one row has one record.
I3  Each owned field of a target row is what the mapping makes of the source.
I4  Nothing is left under way: no message, no claim, no open doubt.
I5  A failure is listed as long as it is true, and no longer.
I6  All of this comes about by itself, and a quiet system writes nothing (judged by whoever lets it rest).
"""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from shared.flows.products import mapping as products
from shared.flows.quotations import mapping as quotations
from shared.flows.quotations import rules as quotation_rules
from shared.mapping.verdicts import Filtered, Known, Mapped, Parent, Rejected
from shared.records import KEY_SEPARATOR, Json, SourceRow, fold
from shared.visible import has_half_pair, visible
from tests.simulation.judgement import Books, Entry, Facts, Problem, line_agrees, short
from tests.simulation.targets import (
    CUSTOMERS,
    INVOICES,
    ORDERS,
    ORDERS_OF_SALES,
    PERSONS,
    PHONE,
    QUOTATIONS,
    REFUSED_PHONE,
    Record,
    Row,
)
from tests.simulation.trade import TRADE, TradeJudge

_TARGET_DELETED = "target_deleted"
# More characters than the sync can remember of one text.
_LONG = 20_000
# A sync derives the ids of its rows from names (version 5 of a UUID), people's are others.
_OF_NAMES = 5
ENTITIES = {("accounts", "customer"): CUSTOMERS, ("contacts", "customer"): CUSTOMERS, ("contacts", "contact"): PERSONS}
ENTITIES |= {("quotations", "quotation"): QUOTATIONS, ("products", "product"): "products"}
ENTITIES |= {("orders", "order"): ORDERS, ("ordersback", "status"): ORDERS_OF_SALES, ("invoices", "invoice"): INVOICES}
_ONLY_ROUTES = {
    "accounts": "customer",
    "products": "product",
    "quotations": "quotation",
    "orders": "order",
    "ordersback": "status",
    "invoices": "invoice",
}


class Oracle:
    """Judges one end."""

    def __init__(self, facts: Facts, books: Books) -> None:
        self._facts = facts
        self._books = books
        self._of: dict[tuple[str, Record], list[Row]] = {}
        for entity, rows in facts.targets.items():
            for row in rows.values():
                if row.of is not None:
                    self._of.setdefault((entity, row.of), []).append(row)
        self._verdicts: dict[Record, Filtered | Rejected | Mapped | None] = {}
        self._trade = TradeJudge(facts, books, self._of, self._key_of, self._waits, self._is_filtered)

    def problems(self) -> list[Problem]:
        """Whatever is wrong."""
        return [
            *self._under_way(),
            *(
                problem
                for flow, rows in self._facts.sources.items()
                for id in rows
                for problem in self._record(flow, id)
            ),
            *self._of_gone_records(),
            *self._of_rows(),
            *self._of_keys(),
            *self._trade.sent_once(),
        ]

    # What each record should have become.

    def _record(self, flow: str, id: str) -> Iterator[Problem]:
        record, entry = (flow, id), self._books.entries.get((flow, id))
        if has_half_pair(id):
            listed = self._books.failures.get((flow, visible(id)))
            if listed != "text_not_sendable":
                yield Problem("I1", record, f"no message can carry its number, and listed is {listed}")
            return
        if self._is_left_alone(record, entry):
            return
        if entry is None and self._trade.is_unmet(record):
            return
        if entry is None:
            yield Problem("I1", record, f"nobody has accounted for it; {self._told(record)}")
            return
        failure = self._books.failures.get(record)
        if (entry.state == "rejected") != (failure is not None):
            yield Problem("I5", record, f"it is {entry.state} and its failure is {failure}")
        if self._stays_deleted(record):
            yield from self._left_deleted(record, entry)
            return
        verdict = self._verdict(record)
        match verdict:
            case None:
                if entry.state != "filtered":
                    yield Problem("I1", record, f"it is out of scope, and {entry.state}")
            case Filtered(rule, ends):
                if not self._trade.stays_untold(record, entry, rule):
                    yield from self._filtered(record, entry, rule, ends=ends)
            case Rejected() if self._trade.stays(record):
                # It was written once, and nobody asks whether it could be written today.
                return
            case Rejected(cause=cause):
                if failure != cause:
                    yield Problem(
                        "I1", record, f"the mapping says {cause}; it is {entry.state} {failure or entry.reason}"
                    )
            case Mapped() if record in self._books.dismissed:
                # It is not tried again until its record changes, whatever becomes of its parents.
                return
            case Mapped() as mapped if flow in TRADE:
                yield from self._trade.mapped(record, entry, mapped, failure)
            case Mapped() as mapped:
                yield from self._mapped(record, entry, mapped, failure)

    def _stays_deleted(self, record: Record) -> bool:
        entry = self._books.entries.get(record)
        return entry is not None and entry.state == "filtered" and entry.reason == _TARGET_DELETED

    def _left_deleted(self, record: Record, entry: Entry) -> Iterator[Problem]:
        """A record whose row people have deleted, and that gets none again until an operator wants it."""
        if record[0] not in self._facts.may_stay_deleted or not any(self._is_removed(*left) for left in entry.former):
            yield Problem("I1", record, f"told is {entry.reason}, and nobody has deleted its row")

    def _is_left_alone(self, record: Record, entry: Entry | None) -> bool:
        """Whether a poison message has named a record, or its workers have died, so that nothing was read of it, and an
        operator wants no further try."""
        was_not_read = entry is None or self._books.failures.get(record) in ("crashed", "poison")
        return was_not_read and record in self._books.dismissed and record in self._facts.left_alone

    def _told(self, record: Record) -> str:
        return f"the mapping says {short(self._verdict(record))}"

    def _verdict(self, record: Record) -> Filtered | Rejected | Mapped | None:
        """What the mapping makes of a record today; None where it is not in scope."""
        if record not in self._verdicts:
            flow, id = record
            row = self._facts.sources[flow][id]
            mapper = self._facts.mapper_of(flow)
            entry = self._books.entries.get(record)
            begun = any(self._rows_of(record)) or (
                entry is not None and (entry.begun or bool(entry.key or entry.former))
            )
            known = self._known(record, row, mapper)
            self._verdicts[record] = mapper.evaluate(row, known) if begun or mapper.in_scope(row) else None
        return self._verdicts[record]

    def _known(self, record: Record, row: SourceRow, mapper: Any) -> Known:
        flow = record[0]
        if flow in TRADE:
            return self._trade.known(record, mapper.parents(row))
        keys = {parent: key for parent in mapper.parents(row) if (key := self._key_of(parent)) is not None}
        route: str | None = None
        applied: dict[str, Json] = {}
        if flow == "contacts" and (self._of.get((CUSTOMERS, record)) or self._was_customer(record)):
            route = "customer"
        if flow == "products":
            items = [item for each in self._rows_of(record) for item in _items(each)]
            # Of a product that was taken over nobody but its row says on which list it is.
            lists = [item["pricelevelid"] for item in [item for item in items if item["ours"]] or items]
            applied = {products.ITEM: {"pricelevelid": lists[0]}} if lists else {}
        return Known(now=self._facts.now, applied=applied, references=self._facts.references, route=route, keys=keys)

    def _was_customer(self, record: Record) -> bool:
        """Whether people have removed the customer of a contact, to which it is tied."""
        entry = self._books.entries.get(record)
        return entry is not None and entry.entity == CUSTOMERS and self._is_removed(entry.entity, entry.key)

    def _is_removed(self, entity: str, key: str) -> bool:
        """Whether people have removed a row under this key."""
        return (entity, fold(key)) in self._facts.removed

    def _rows_of(self, record: Record) -> Iterator[Row]:
        for entity in dict.fromkeys(ENTITIES.values()):
            yield from self._of.get((entity, record), ())

    def _key_of(self, parent: Parent) -> str | None:
        """The number that a parent has in the target: that of the row which was written for it."""
        entity, record = ENTITIES[parent.flow, parent.route], (parent.flow, parent.id)
        rows = self._of.get((entity, record), [])
        entry = self._books.entries.get(record)
        if entry is not None and entry.entity == entity and all(self._is_left(record, entity, row) for row in rows):
            # Somebody has removed the row, and nobody has looked since. What the record has left before may be there.
            return entry.key
        if entry is not None and any(fold(row.key) == fold(entry.key) for row in rows):
            # Each knows it as it was written there, perhaps in another case. Of several rows it is the one to which
            # the record is tied: those that it has left are judged by themselves.
            return entry.key
        return rows[-1].key if rows else None

    def _filtered(self, record: Record, entry: Entry, rule: str, *, ends: bool) -> Iterator[Problem]:
        if entry.state not in ("filtered", "ended"):
            yield Problem("I1", record, f"the rule {rule} filters it; it is {entry.state} {entry.reason}")
        elif entry.reason != rule:
            yield Problem("I1", record, f"the rule {rule} filters it; told is {entry.reason}")
        if ends and entry.key:
            yield from self._ended(record, entry)

    def _ended(self, record: Record, entry: Entry) -> Iterator[Problem]:
        row = self._facts.targets[entry.entity].get(fold(entry.key))
        rules = self._rules(record[0], entry.entity)
        for name, value in rules.ended().items():
            if row is not None and name not in row.touched and not rules.agree(name, value, row.values.get(name)):
                yield Problem("I3", record, f"it has ended, and {name} of {entry.key} is {row.values.get(name)!r}")

    def _mapped(self, record: Record, entry: Entry, mapped: Mapped, failure: str | None) -> Iterator[Problem]:
        missing = [parent for parent in mapped.parents if self._key_of(parent) is None]
        entity = ENTITIES[record[0], mapped.route or _only_route(record[0])]
        row = self._facts.targets[entity].get(fold(mapped.key))
        if missing and not (failure == "key_changed" and self._is_true(record, failure, entity, mapped, row)):
            yield from self._waits(record, entry, missing)
            return
        if failure is not None:
            if not self._is_true(record, failure, entity, mapped, row):
                yield Problem(
                    "I5", record, f"{failure} is listed and is not true; {mapped.key} of {entity} is {_owner(row)}"
                )
            return
        if entry.state != "written":
            yield Problem("I1", record, f"it can be written as {mapped.key}, and is {entry.state} {entry.reason}")
        elif self._is_removed(entity, mapped.key) and (row is None or row.of != record):
            # People have removed the row, and nothing has changed in the source since.
            return
        elif row is None:
            yield Problem("I3", record, f"it counts as written, and there is no {mapped.key} in {entity}")
        elif row.of != record and not (row.of is None and row.made):
            # A row of ours that an operator has taken off, and that needed no write to be ours again, has no writer.
            yield Problem("I2", record, f"it counts as written, and {mapped.key} of {entity} is {_owner(row)}")
        else:
            yield from self._fields(record, mapped, entity, row)

    def _fields(self, record: Record, mapped: Mapped, entity: str, row: Row) -> Iterator[Problem]:
        if row.overwritten is not None:
            yield Problem("I3", record, f"a late worker of {row.overwritten} has written {row.key}, and nobody since")
        rules = self._rules(record[0], entity)
        for name, value in mapped.owned.items():
            if name in row.touched:
                continue
            if value is None and record in self._facts.mended:
                continue
            theirs = row.values.get(name)
            if name == products.STATE and value is None:
                # Blank is whatever people want, but for what the sync has retired.
                if row.made and theirs == products.RETIRED:
                    yield Problem("I3", record, "it is retired in Sales, and sellable in F&O")
                continue
            if not rules.agree(name, value, theirs):
                yield Problem("I3", record, f"{name} of {row.key} is {theirs!r} and should be {value!r}")
        if mapped.lines or row.lines:
            yield from self._lines(record, mapped, rules, row)

    def _lines(self, record: Record, mapped: Mapped, rules: Any, row: Row) -> Iterator[Problem]:
        """Each line of ours has one that agrees, and none is left; numbers are the product's own matter."""
        left = dict(row.lines)
        for line in mapped.lines.values():
            found = next((value for value, theirs in left.items() if line_agrees(rules, line.owned, theirs)), None)
            if found is None:
                yield Problem("I3", record, f"no line of {row.key} is {short(dict(line.owned))}")
            else:
                del left[found]
        for number in left:
            yield Problem("I3", record, f"line {number} of {row.key} is no line of its source")

    def _rules(self, flow: str, entity: str) -> Any:
        mapper = self._facts.mapper_of(flow)
        if flow == "contacts":
            return mapper.customer_rules if entity == CUSTOMERS else mapper.person_rules
        return mapper if flow == "products" else mapper.rules

    def _waits(self, record: Record, entry: Entry, missing: Sequence[Parent]) -> Iterator[Problem]:
        parents = [(parent.flow, parent.id) for parent in missing]
        if entry.state == "written" and (any(self._rows_of(record)) or self._is_removed(entry.entity, entry.key)):
            # An operator has taken the parent off its row: what hangs there stays, or is away where people have removed
            # it, until the parent has another one.
            return
        filtered = [parent for parent in parents if self._is_filtered(parent)]
        wanted = "filtered" if filtered else "waiting"
        if entry.state != wanted:
            yield Problem(
                "I1", record, f"it waits for {parents} and should be {wanted}; it is {entry.state} {entry.reason}"
            )
        elif not set(parents) & set(self._books.waits.get(record, [])):
            yield Problem("I4", record, f"it waits for {parents}, and nobody would release it")

    def _is_filtered(self, parent: Record) -> bool:
        flow, id = parent
        if id not in self._facts.sources.get(flow, ()) or parent in self._books.dismissed:
            # A dismissed one stays rejected as it is.
            return False
        if self._stays_deleted(parent):
            return True
        verdict = self._verdict(parent)
        if verdict is None or isinstance(verdict, Filtered):
            return True
        # A child waits for the route of a customer, which a contact person never takes. A record that is written stays
        # in its row, and nobody looks at it, until its own parent has another number, or it is rejected for that; one
        # that was looked at since it has got another parent is filtered.
        entry = self._books.entries.get(parent)
        # Its row may be away, because people have removed it since.
        has_row = any(self._rows_of(parent)) or (entry is not None and self._is_removed(entry.entity, entry.key))
        stays = has_row and (entry is None or entry.state != "filtered")
        missing = (
            [parent for parent in verdict.parents if self._key_of(parent) is None]
            if isinstance(verdict, Mapped) and not stays
            else []
        )
        return any(self._is_filtered((each.flow, each.id)) for each in missing)

    # Which failures are true.

    def _is_true(self, record: Record, cause: str, entity: str, mapped: Mapped, row: Row | None) -> bool:
        flow = record[0]
        match cause:
            case "key_taken":
                return self._has_rival(record, entity, mapped.key, row)
            case "target_exists":
                return row is not None and not (row.made and row.of == record) and flow not in self._facts.adopts
            case "conflict":
                return row is not None and flow in self._facts.stops and self._is_contested(record, entity, mapped, row)
            case "target_gone":
                is_removed = self._is_removed(entity, mapped.key) and (row is None or row.of != record)
                return is_removed and flow in self._facts.lists_what_is_gone
            case "state_too_large":
                return any(isinstance(value, str) and len(value) > _LONG for value in mapped.owned.values())
            case "key_changed":
                return any(fold(each.key) != fold(mapped.key) for each in self._rows_of(record)) or self._is_tied(
                    record, mapped
                )
            case "simulated.refused":
                return entity == CUSTOMERS and mapped.owned.get(PHONE) == REFUSED_PHONE
            case "key_not_addressable":
                return mapped.key.count(KEY_SEPARATOR) != (entity == PERSONS)
            case "lines_differ":
                # Of a record that an operator has begun anew nobody knows which lines are its own.
                return row is not None and (row.of != record or record in self._facts.mended)
            case "number_reused":
                return row is not None
            case "finops.reference_not_found":
                return self._refers_to_nobody(entity, mapped)
            case "quotation_status":
                return row is not None and row.values.get(quotation_rules.STATUS_FIELD) not in (
                    "Created",
                    "Modified",
                    None,
                )
            case "quotation_ordered":
                return row is not None and bool(row.values.get(quotation_rules.ORDER_FIELD))
            case "product_is_family":
                return row is not None and row.values.get(products.STRUCTURE) == products.FAMILY
            case "maintained_by_other_deployment":
                return row is not None and not row.made and UUID(str(row.values["productid"])).version == _OF_NAMES
            case "product_not_published":
                return row is not None and row.values.get(products.STATE) not in products.COUNTS_AS[products.ACTIVE]
        return False

    def _is_contested(self, record: Record, entity: str, mapped: Mapped, row: Row) -> bool:
        """Whether people have put something else into an owned field of a record's row."""
        rules = self._rules(record[0], entity)
        theirs = (name for name in row.touched if name in mapped.owned)
        return row.of == record and any(
            not rules.agree(name, mapped.owned[name], row.values.get(name)) for name in theirs
        )

    def _is_tied(self, record: Record, mapped: Mapped) -> bool:
        entry = self._books.entries[record]
        return bool(entry.key) and fold(entry.key) != fold(mapped.key)

    def _has_rival(self, record: Record, entity: str, key: str, row: Row | None) -> bool:
        """Whether another record that exists has the row under this number, or could have it as well."""
        if row is not None and not (row.of is None and record[0] in self._facts.adopts):
            return row.of not in (None, record) and self._exists(row.of)
        others = ((flow, id) for flow, rows in self._facts.sources.items() for id in rows if (flow, id) != record)
        return any(self._wants(other, entity, key) or self._holds(other, entity, key) for other in others)

    def _holds(self, record: Record, entity: str, key: str) -> bool:
        """Whether a record is tied to a row, or has left one, under this number."""
        entry = self._books.entries.get(record)
        if entry is None:
            return False
        return (entry.entity == entity and fold(entry.key) == fold(key)) or (entity, fold(key)) in entry.former

    def _exists(self, record: Record | None) -> bool:
        return record is not None and record[1] in self._facts.sources[record[0]]

    def _wants(self, record: Record, entity: str, key: str) -> bool:
        verdict = self._verdict(record)
        if not isinstance(verdict, Mapped) or fold(verdict.key) != fold(key):
            return False
        return ENTITIES[record[0], verdict.route or _only_route(record[0])] == entity

    def _refers_to_nobody(self, entity: str, mapped: Mapped) -> bool:
        customer: Json = mapped.owned.get(quotations.CUSTOMER_FIELD)
        if entity == PERSONS:
            customer = mapped.key.partition("/")[2]
        return customer is not None and fold(str(customer)) not in self._facts.targets[CUSTOMERS]

    # What is left of records that are gone, and rows and keys without a record.

    def _of_gone_records(self) -> Iterator[Problem]:
        for record, entry in self._books.entries.items():
            if self._exists(record) or self._is_left_alone(record, entry):
                continue
            if entry.state not in ("deleted", "ended"):
                yield Problem("I1", record, f"it is gone in its source, and {entry.state}")
        for record, cause in self._books.failures.items():
            if record in self._books.dismissed:
                # Nobody wants to see it, and nobody tries it again.
                continue
            unsendable = any(visible(id) == record[1] for id in self._facts.sources[record[0]] if has_half_pair(id))
            if not (unsendable or self._exists(record) or record[1].startswith("message-")):
                yield Problem("I5", record, f"it is gone in its source, and {cause} is listed")

    def _of_rows(self) -> Iterator[Problem]:
        for entity, rows in self._facts.targets.items():
            for row in rows.values():
                if row.of is not None and row.made:
                    yield from self._of_row(entity, row, row.of)
        for (entity, record), of_record in self._of.items():
            live = [row for row in of_record if row.made and not self._is_left(record, entity, row)]
            if len(live) > 1:
                yield Problem("I2", record, f"it has {len(live)} rows in {entity}: {[row.key for row in live]}")

    def _is_left(self, record: Record, entity: str, row: Row) -> bool:
        entry = self._books.entries.get(record)
        return entry is not None and (entity, fold(row.key)) in entry.former

    def _of_row(self, entity: str, row: Row, record: Record) -> Iterator[Problem]:
        entry = self._books.entries.get(record)
        tied = entry is not None and entry.entity == entity and fold(entry.key) == fold(row.key)
        if row.passable and any((entity, fold(row.key)) in other.former for other in self._books.entries.values()):
            # Another record has inherited it, and has not written it (protocol A6).
            return
        if entry is None or not (tied or self._is_left(record, entity, row)):
            told = "nothing" if entry is None else f"{entry.state}, tied to {entry.key or 'nothing'}"
            yield Problem("I2", record, f"{row.key} of {entity} was written for it, and nobody knows; told is {told}")

    def _of_keys(self) -> Iterator[Problem]:
        for (entity, key), owner in self._books.keys.items():
            entry = self._books.entries.get(owner)
            if not self._holds(owner, entity, key) and not self._exists(owner):
                told = (
                    "nothing is told of it"
                    if entry is None
                    else f"it is {entry.state}, tied to {entry.key or 'nothing'}"
                )
                yield Problem("I2", owner, f"it keeps the number {key} of {entity}, and {told}")

    def _under_way(self) -> Iterator[Problem]:
        for queue, bodies in self._books.messages.items():
            yield Problem("I4", (queue, "?"), f"{len(bodies)} messages lie there")
        for record, entry in self._books.entries.items():
            if entry.open_doubt:
                yield Problem("I4", record, entry.open_doubt)
            if entry.state in ("new", "retrying"):
                yield Problem("I1", record, f"it is {entry.state}, and nothing happens to it")
        for record, parents in self._books.waits.items():
            known = self._books.entries.get(record)
            if known is None or known.state not in ("waiting", "filtered"):
                told = None if known is None else known.state
                yield Problem("I4", record, f"it is {told}, and waits for {parents}")


def _only_route(flow: str) -> str:
    return _ONLY_ROUTES[flow]


def _owner(row: Row | None) -> str:
    if row is None:
        return "not there"
    return "of others" if row.of is None else f"that of {row.of[0]} {row.of[1]}"


def _items(row: Row) -> list[dict[str, Any]]:
    items = row.values.get(products.ITEM)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
