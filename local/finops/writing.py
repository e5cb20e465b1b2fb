"""Applies writes the way the service does: fields are checked, blanks filled, the row checked, then written."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.finops import companies
from local.finops.etags import etag, matches
from local.finops.refusals import (
    TagStale,
    bad_request,
    entity_read_only,
    field_failed,
    nothing_to_update,
    record_exists,
    row_failed,
)
from local.finops.rules import SERVED, Reference, Rules, described
from local.finops.schema import COMPANY, NAMESPACE, EntityType, Kind, Property, load_schema
from local.finops.sequences import Sequences
from local.finops.settings import Overlong, Settings
from local.finops.sqlfunctions import folded
from local.finops.tables import KeyTaken, Record, Row, Tables
from local.finops.values import Stored, stored
from local.simulator.filters import Condition
from shared.records import Json


@dataclass(frozen=True, slots=True)
class Target:
    """The record that a change names, and the tag that it must have, if any."""

    of: EntityType
    key: Row
    cross: bool
    if_match: str | None


class Writer:
    """Writes as the user of the settings; with `read_only_too` as the application itself, also what users only read."""

    def __init__(self, tables: Tables, settings: Settings, *, read_only_too: bool = False) -> None:
        self._read_only_too = read_only_too
        self._tables = tables
        self._settings = settings
        self._sequences = Sequences(tables, manual=settings.manual_numbers)

    def create(self, of: EntityType, body: Mapping[str, Json]) -> Record:
        """Add a record and give it back whole. Raises Refused where the service would refuse it."""
        rules = SERVED[of.set_name]
        self._require_writable(of, rules)
        with self._tables.writing():
            given = self._with_company(of, _given(of, body))
            self._sequences.check(of, rules, given)
            given = self._check_fields(of, rules, given, given.get(COMPANY))
            shared = self._shared(of, rules, given)
            row = self._filled(of, rules, given, shared)
            self._check_row(of, rules, row)
            self._check_party(of, rules, row)
            return self._insert(of, rules, row, shared)

    def restore(self, of: EntityType, body: Mapping[str, Json]) -> None:
        """Add a record as it is, as an import of known good data: defaults are filled in, nothing is checked
        but names and types, no other record of its party changes. Raises Refused and KeyTaken."""
        rules = SERVED[of.set_name]
        with self._tables.writing():
            given = {name: rules.normalise(name, value) for name, value in _given(of, body).items()}
            self._tables.insert(of, self._filled(of, rules, given, {}))

    def update(self, target: Target, body: Mapping[str, Json]) -> None:
        """Change the given properties of a record. Raises Refused and TagStale."""
        of, rules = target.of, SERVED[target.of.set_name]
        self._require_writable(of, rules)
        given = _given(of, body)
        with self._tables.writing():
            record = self._selected(target)
            _require_same(of, record.row, given, of.key)
            if rules.joined is not None:
                _require_same(of, record.row, given, (rules.joined.link,))
            changed = self._check_fields(of, rules, given, record.row.get(COMPANY))
            changed = {name: value for name, value in changed.items() if value != record.row[name]}
            changed = {name: value for name, value in changed.items() if name not in of.key}
            after = rules.compute({**record.row, **changed})
            changed = {name: value for name, value in after.items() if value != record.row[name]}
            self._check_row(of, rules, after)
            own, joined = _parted(rules, changed)
            self._tables.update(of, record_key(of, record.row), own, joined)

    def delete(self, target: Target) -> None:
        """Remove a record. Raises Refused and TagStale."""
        self._require_writable(target.of, SERVED[target.of.set_name])
        with self._tables.writing():
            record = self._selected(target)
            self._tables.delete(target.of, record_key(target.of, record.row))

    def _require_writable(self, of: EntityType, rules: Rules) -> None:
        if rules.read_only and not self._read_only_too:
            raise entity_read_only(of.aot, of.set_name)

    def _selected(self, target: Target) -> Record:
        of = target.of
        found = self._tables.find(of, target.key)
        if found is None or not companies.within_reach(of, target.key, self._settings.company, cross=target.cross):
            raise nothing_to_update()
        if target.if_match is not None and not matches(target.if_match, etag(found.pairs)):
            raise TagStale
        return found

    def _with_company(self, of: EntityType, given: Row) -> Row:
        if of.company_specific:
            company = str(given.get(COMPANY, self._settings.company))
            return {**given, COMPANY: companies.require_company(self._tables, company)}
        return given

    def _check_fields(self, of: EntityType, rules: Rules, given: Row, company: Stored) -> Row:
        fitting = {name: self._fitting(of, rules, of.properties[name], value) for name, value in given.items()}
        for reference in rules.references:
            if fitting.get(reference.name):
                self._require_target(of, reference, fitting[reference.name], company)
        for name, value in fitting.items():
            refusal = rules.accept(name, value) if isinstance(value, str) else None
            if refusal is not None:
                raise field_failed(of.aot, name, refusal)
        return {name: rules.normalise(name, value) for name, value in fitting.items()}

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
        target = load_schema().entities[reference.target]
        key: dict[str, Stored] = {COMPANY: company} if target.company_specific else {}
        if self._tables.find(target, {**key, reference.target_name: value}) is None:
            raise field_failed(
                of.aot,
                reference.name,
                f"The value '{value}' in field '{reference.label}' "
                f"is not found in the related table '{reference.table}'.",
            )

    def _filled(self, of: EntityType, rules: Rules, given: Row, shared: Row) -> Row:
        row: dict[str, Stored] = {name: property_.initial for name, property_ in of.properties.items()}
        row |= shared
        row |= given
        for sequence in rules.sequences:
            if sequence.name not in given:
                row[sequence.name] = self._sequences.number(of, rules, sequence, row)
        return rules.compute(rules.derive(row, frozenset(given) | frozenset(shared)))

    def _shared(self, of: EntityType, rules: Rules, given: Row) -> Row:
        """What a row of the joined table already says, when the new record names one that exists."""
        if rules.joined is None or not given.get(rules.joined.link):
            return {}
        where = Condition(f'"{rules.joined.link}" = ?', (given[rules.joined.link],))
        names = tuple(sorted(rules.joined.names))
        found = next(self._tables.select(of, where, names=names, order=(), limit=1, offset=0), None)
        return found.row if found else {}

    def _check_row(self, of: EntityType, rules: Rules, row: Row) -> None:
        numbered = {sequence.name for sequence in rules.sequences}
        needed = [
            name
            for name, property_ in of.properties.items()
            if property_.mandatory or name in of.key or name in numbered
        ]
        texts = [
            f"Field '{rules.label(name, of.properties[name].label)}' must be filled in."
            for name in needed
            if isinstance(row[name], str) and not folded(str(row[name]))
        ]
        texts += rules.complain(row)
        if texts:
            raise row_failed(of.aot, *texts)

    def _check_party(self, of: EntityType, rules: Rules, row: Row) -> None:
        if rules.joined is None or not self._settings.one_customer_per_party:
            return
        link = rules.joined.link
        where = Condition(f'"{COMPANY}" = ? AND "{link}" = ?', (row[COMPANY], row[link]))
        taken = next(self._tables.select(of, where, names=of.key, order=(), limit=1, offset=0), None)
        if taken is not None and not _same_key(of, taken.row, row):
            other = described(rules, record_key(of, taken.row))
            raise field_failed(
                of.aot, link, f"The party number '{row[link]}' is already used in this company. {other}."
            )

    def _insert(self, of: EntityType, rules: Rules, row: Row, shared: Row) -> Record:
        key = record_key(of, row)
        try:
            self._tables.insert(of, row)
        except KeyTaken as error:
            raise record_exists(of.aot, rules.table, described(rules, key)) from error
        # What is said about a party is said of every customer that it is.
        self._tables.update(of, key, {}, {name: row[name] for name, known in shared.items() if row[name] != known})
        inserted = self._tables.find(of, key)
        assert inserted is not None
        return inserted


def record_key(of: EntityType, row: Row) -> Row:
    """The key of a row."""
    return {name: row[name] for name in of.key}


def _same_key(of: EntityType, row: Row, other: Row) -> bool:
    return all(folded(str(row[name])) == folded(str(other[name])) for name in of.key)


def _given(of: EntityType, body: Mapping[str, Json]) -> Row:
    # Annotations such as @odata.type are no properties; clients send them.
    names = [name for name in body if "@" not in name]
    unknown = [name for name in names if name not in of.properties]
    if unknown:
        raise bad_request(
            f"The property '{unknown[0]}' does not exist on type '{NAMESPACE}.{of.name}'. "
            "Make sure to only use property names that are defined by the type."
        )
    return {name: stored(of.properties[name], body[name]) for name in names}


def _require_same(of: EntityType, row: Row, given: Row, names: tuple[str, ...]) -> None:
    for name in names:
        if name in given and folded(str(given[name])) != folded(str(row[name])):
            raise field_failed(of.aot, name, f"Field '{name}' cannot be changed.")


def _parted(rules: Rules, changed: Row) -> tuple[Row, Row]:
    names = rules.joined.names if rules.joined else frozenset()
    own = {name: value for name, value in changed.items() if name not in names}
    return own, {name: value for name, value in changed.items() if name in names}


def _units(text: str) -> int:
    """The length as the database counts it, in UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, limit: int) -> str:
    return text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", errors="ignore")
