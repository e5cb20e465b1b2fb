"""Documents: lines that belong to a header, and rows that go or stay because others depend on them."""

from decimal import Decimal

from local.finops.refusals import delete_failed, row_failed
from local.finops.rules import Owner, Reference, Rules
from local.finops.schema import COMPANY, EntityType
from local.finops.served import SERVED
from local.finops.tables import Record, Row, Tables, equal
from local.finops.values import Stored, exact

_NO_LIMIT = -1


class Documents:
    """What the service does with the other rows of a document when one of its rows is written."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    def require_open(self, of: EntityType, rules: Rules, row: Row) -> None:
        """Raises Refused (400) if the row, or the document that it belongs to, cannot be changed any more."""
        header = None if rules.owner is None else self._header(rules.owner, row)
        reason = rules.locked(row) or (header and SERVED[self._entity(rules).set_name].locked(header.row))
        if reason:
            raise row_failed(of.aot, reason)

    def next_number(self, of: EntityType, owner: Owner, row: Row) -> int:
        """The number of a line that brings none: the one after the highest of its document, from 1."""
        where = equal({COMPANY: row[COMPANY], owner.link: row[owner.link]})
        order = ((owner.number, True),)
        found = next(self._tables.select(of, where, names=(owner.number,), order=order, limit=1, offset=0), None)
        return 1 if found is None else int(found.row[owner.number] or 0) + 1

    def count_in(self, rules: Rules, row: Row, *, before: Stored, after: Stored) -> None:
        """Let the total of the document follow the amount of a line that was `before` and is `after`."""
        difference = Decimal(after or 0) - Decimal(before or 0)
        header = None if rules.owner is None else self._header(rules.owner, row)
        if rules.owner is None or not rules.owner.total or header is None or not difference:
            return
        of = self._entity(rules)
        total = exact(of.properties[rules.owner.total], Decimal(header.row[rules.owner.total] or 0) + difference)
        self._tables.update(of, {name: header.row[name] for name in of.key}, {rules.owner.total: total}, {})

    def follow(self, of: EntityType, rules: Rules, row: Row) -> None:
        """Let the document of a line that was written or removed show what follows from its lines."""
        owner = rules.owner
        if owner is None or owner.follows is None:
            return
        header = self._header(owner, row)
        assert header is not None
        lines = self._tables.select(
            of,
            equal({COMPANY: row[COMPANY], owner.link: row[owner.link]}),
            names=(owner.watched,),
            order=(),
            limit=_NO_LIMIT,
            offset=0,
        )
        self.change(self._entity(rules), header.row, owner.follows([line.row[owner.watched] for line in lines]))

    def shown(self, rules: Rules, row: Row) -> Row:
        """What a row shows of the rows that it names."""
        found: dict[str, Stored] = {}
        for reference in rules.references:
            if reference.shows and row[reference.name]:
                target = self._tables.schema.entities[reference.target]
                named = self._tables.find(target, _key_of(target, reference, row))
                found |= {name: named.row[source] for name, source in reference.shows.items()} if named else {}
        return found

    def change(self, of: EntityType, row: Row, changes: Row) -> None:
        """Change what the service itself keeps of a row, and what other rows show of it."""
        different = {name: value for name, value in changes.items() if row[name] != value}
        if different:
            self._tables.update(of, {name: row[name] for name in of.key}, different, {})
            self.spread(of, row, {**row, **different})

    def spread(self, of: EntityType, before: Row, after: Row) -> None:
        """Let the rows that show something of a changed row show it as it is now."""
        for name, rules in SERVED.items():
            for reference in rules.references:
                if rules.view_of or reference.target != of.set_name:
                    continue
                shown = reference.shows.items()
                changed = {own: after[source] for own, source in shown if before[source] != after[source]}
                if changed:
                    self._show(self._tables.schema.entities[name], reference, after, changed)

    def _show(self, of: EntityType, reference: Reference, named: Row, changed: Row) -> None:
        where = equal({COMPANY: named[COMPANY], reference.name: named[reference.target_name]})
        rows = self._tables.select(of, where, names=tuple(of.properties), order=(), limit=_NO_LIMIT, offset=0)
        for record in list(rows):
            self.change(of, record.row, changed)

    def remove_dependents(self, of: EntityType, rules: Rules, row: Row) -> None:
        """Delete what goes with a row. Raises Refused (400) if something depends on it."""
        keys = [
            (dependent, {COMPANY: row[COMPANY], dependent.link: row[dependent.link_target]})
            for dependent in rules.dependents
        ]
        for dependent, key in keys:
            target = self._tables.schema.entities[dependent.target]
            if not dependent.cascades and self._tables.count(target, equal(key)):
                raise delete_failed(
                    of.aot,
                    f"{rules.table} cannot be deleted while dependent {dependent.label} exist. "
                    f"Delete dependent {dependent.label} and try again.",
                )
        for dependent, key in keys:
            if dependent.cascades:
                self._tables.delete(self._tables.schema.entities[dependent.target], key)

    def _header(self, owner: Owner, row: Row) -> Record | None:
        return self._tables.find(
            self._tables.schema.entities[owner.target], {COMPANY: row[COMPANY], owner.link: row[owner.link]}
        )

    def _entity(self, rules: Rules) -> EntityType:
        """The documents that lines belong to."""
        assert rules.owner is not None
        return self._tables.schema.entities[rules.owner.target]


def _key_of(target: EntityType, reference: Reference, row: Row) -> Row:
    company: Row = {COMPANY: row[COMPANY]} if target.company_specific else {}
    return {**company, reference.target_name: row[reference.name]}
