"""Checks rows the way the service does: each given value on its own, then the finished row as a whole."""

from local.finops.parties import Parties
from local.finops.refusals import field_failed, record_exists, row_failed
from local.finops.rules import Reference, Rules, described
from local.finops.schema import COMPANY, EntityType, Kind, Property
from local.finops.settings import Overlong, Settings
from local.finops.tables import Record, Row, Tables
from local.finops.values import Stored
from local.simulator.filters import Condition
from local.simulator.store import padded


class Checks:
    """The checks of one environment; with `read_only_too` those that the application itself has to pass."""

    def __init__(self, tables: Tables, settings: Settings, *, read_only_too: bool) -> None:
        self._tables = tables
        self._settings = settings
        self._read_only_too = read_only_too
        self._parties = Parties(tables)

    def fields(self, of: EntityType, rules: Rules, given: Row, company: Stored) -> Row:
        """The given values in their stored form. Raises Refused (400) for an impossible one."""
        for name in given:
            if (of.properties[name].read_only or name in rules.kept) and not self._read_only_too:
                # Which properties are read-only is inferred from their names, and so are these words.
                raise field_failed(of.aot, name, f"Field '{name}' does not allow editing.")
        fitting = {name: self._fitting(of, rules, of.properties[name], value) for name, value in given.items()}
        for reference in rules.references:
            if fitting.get(reference.name):
                self._require_target(of, reference, fitting[reference.name], company)
        for name, value in fitting.items():
            refusal = rules.accept(name, value) if isinstance(value, str) else None
            if refusal is not None:
                raise field_failed(of.aot, name, refusal)
        return {name: rules.normalise(name, value) for name, value in fitting.items()}

    def row(self, of: EntityType, rules: Rules, row: Row) -> None:
        """Raises Refused (400) if the finished row lacks something."""
        numbered = tuple(sequence.name for sequence in rules.sequences if sequence.name not in of.needed)
        texts = [
            f"Field '{rules.label(name, of.properties[name].label)}' must be filled in."
            for name in (*of.needed, *numbered)
            if isinstance(row[name], str) and not padded(str(row[name]))
        ]
        texts += rules.complain(row)
        for reference in rules.references:
            if reference.complains and (target := self.target(reference, row[reference.name], row.get(COMPANY))):
                texts += reference.complain(row, target.row)
        if texts:
            raise row_failed(of.aot, *texts)

    def party(self, of: EntityType, rules: Rules, row: Row) -> None:
        """Raises Refused (400) if the party of a new row cannot be what the row is."""
        if rules.joined is None:
            return
        link = rules.joined.link
        mismatch = self._parties.refusal(of, row)
        if mismatch is not None:
            raise field_failed(of.aot, link, mismatch)
        if not rules.joined.exclusive or not self._settings.one_customer_per_party:
            return
        taken = self._other(of, row, link)
        if taken is not None:
            text = f"The party number '{row[link]}' is already used in this company. {described(rules, taken)}."
            raise field_failed(of.aot, link, text)

    def unique(self, of: EntityType, rules: Rules, row: Row) -> None:
        """Raises Refused (400) if another row of the company has a value that only one can have."""
        for name in rules.unique:
            if self._other(of, row, name) is not None:
                label = rules.label(name, of.properties[name].label)
                raise record_exists(of.aot, rules.table, f"{label}: {row[name]}")

    def target(self, reference: Reference, value: Stored, company: Stored) -> Record | None:
        """The row that a value names, None if there is none."""
        if not value:
            return None
        target = self._tables.schema.entities[reference.target]
        key: dict[str, Stored] = {COMPANY: company} if target.company_specific else {}
        return self._tables.find(target, {**key, reference.target_name: value})

    def _fitting(self, of: EntityType, rules: Rules, property_: Property, value: Stored) -> Stored:
        if property_.kind is not Kind.STRING or not isinstance(value, str):
            return value
        limit, overlong = property_.max_length, Overlong.REJECT
        if limit is None:
            limit, overlong = property_.usual_length, self._settings.overlong
        if limit is None or overlong is Overlong.OFF or _units(value) <= limit:
            return value
        if overlong is Overlong.CUT:
            return _cut(value, limit)
        label = rules.label(property_.name, property_.label)
        raise field_failed(
            of.aot, property_.name, f"The value in field '{label}' is longer than the maximum of {limit} characters."
        )

    def _require_target(self, of: EntityType, reference: Reference, value: Stored, company: Stored) -> None:
        found = self.target(reference, value, company)
        if found is None:
            raise field_failed(
                of.aot,
                reference.name,
                f"The value '{value}' in field '{reference.label}' "
                f"is not found in the related table '{reference.table}'.",
            )
        refusal = reference.accept(found.row)
        if refusal is not None:
            raise field_failed(of.aot, reference.name, refusal)

    def _other(self, of: EntityType, row: Row, name: str) -> Row | None:
        """The key of another row of the company with the same value."""
        where = Condition(f'"{COMPANY}" = ? AND "{name}" = ?', (row[COMPANY], row[name]))
        found = self._tables.select(of, where, names=of.key, order=(), limit=2, offset=0)
        return next((record.row for record in found if not _same_key(of, record.row, row)), None)


def _same_key(of: EntityType, row: Row, other: Row) -> bool:
    return all(padded(str(row[name])) == padded(str(other[name])) for name in of.key)


def _units(text: str) -> int:
    """The length as the database counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, limit: int) -> str:
    return text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", errors="ignore")
