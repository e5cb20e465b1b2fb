"""Applies writes the way the service does: fields are checked, blanks filled, the row checked, then written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from local.finops import companies
from local.finops.checking import Checks
from local.finops.documents import Documents
from local.finops.etags import etag, matches
from local.finops.parties import Parties
from local.finops.refusals import (
    TagStale,
    bad_request,
    delete_failed,
    entity_read_only,
    field_failed,
    nothing_to_update,
    record_exists,
)
from local.finops.rules import Rules, described
from local.finops.schema import COMPANY, EntityType, Kind
from local.finops.sequences import Sequences
from local.finops.served import SERVED
from local.finops.settings import Settings
from local.finops.tables import KeyTaken, Record, Row, Tables
from local.finops.values import Stored, moment, stored
from local.simulator.auth import system_clock
from local.simulator.store import padded
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

    def __init__(
        self,
        tables: Tables,
        settings: Settings,
        *,
        read_only_too: bool = False,
        clock: Callable[[], datetime] = system_clock,
    ) -> None:
        self._read_only_too = read_only_too
        self._tables = tables
        self._settings = settings
        self._clock = clock
        self._sequences = Sequences(tables, manual=settings.manual_numbers)
        self._checks = Checks(tables, settings, read_only_too=read_only_too)
        self._documents = Documents(tables)
        self._parties = Parties(tables)

    def create(self, of: EntityType, body: Mapping[str, Json]) -> Record:
        """Add a record and return it whole, as it was before it was stored: texts with the blanks at their ends.

        Raises Refused if the service would refuse it.
        """
        given, of = _given(of, body), _stored_as(of)
        rules = SERVED[of.set_name]
        self._require_writable(of, rules)
        with self._tables.writing():
            given = self._with_company(of, given)
            self._sequences.check(of, rules, given)
            given = self._checks.fields(of, rules, given, given.get(COMPANY))
            shared = self._shared(of, rules, given)
            row = self._filled(of, rules, given, {**self._taken_over(rules, given), **shared})
            self._checks.row(of, rules, row)
            self._checks.party(of, rules, row)
            self._checks.unique(of, rules, row)
            self._require_open(of, rules, row)
            record = self._insert(of, rules, row, shared)
            self._documents.follow(of, rules, row)
            return record

    def restore(self, of: EntityType, body: Mapping[str, Json]) -> None:
        """Add a record as it is, as an import of known good data: defaults are filled in, nothing is checked
        but names and types, no other record of its party changes. Raises Refused and KeyTaken."""
        given, of = _given(of, body), _stored_as(of)
        rules = SERVED[of.set_name]
        with self._tables.writing():
            # Totals are calculated again from the imported lines.
            given = {name: value for name, value in given.items() if name not in rules.counted}
            given = {name: rules.normalise(name, value) for name, value in given.items()}
            row = self._filled(of, rules, given, {})
            self._tables.insert(of, _kept(of, row))
            self._count_in(rules, row, before=None, after=row)

    def update(self, target: Target, body: Mapping[str, Json]) -> None:
        """Change the given properties of a record. Raises Refused and TagStale."""
        given, of = _given(target.of, body), _stored_as(target.of)
        rules = SERVED[of.set_name]
        self._require_writable(of, rules)
        with self._tables.writing():
            record = self._selected(of, target)
            _require_same(of, record.row, given, of.key)
            if rules.joined is not None:
                _require_same(of, record.row, given, (rules.joined.link,))
            _require_same(of, record.row, given, rules.fixed)
            self._require_open(of, rules, record.row)
            given = {name: value for name, value in given.items() if name not in rules.fixed}
            changed = _kept(of, self._checks.fields(of, rules, given, record.row.get(COMPANY)))
            changed = {name: value for name, value in changed.items() if value != record.row[name]}
            changed = {name: value for name, value in changed.items() if name not in of.key}
            after = self._computed(rules, {**record.row, **changed})
            if changed:
                after = {**after, **rules.outdated}
            changed = {name: value for name, value in after.items() if value != record.row[name]}
            self._checks.row(of, rules, after)
            self._checks.unique(of, rules, after)
            own, joined = _parted(rules, changed)
            self._tables.update(of, record_key(of, record.row), own, joined)
            self._spread(of, rules, record.row, joined)
            self._documents.spread(of, record.row, after)
            self._count_in(rules, after, before=record.row, after=after)
            if changed:
                self._documents.follow(of, rules, after)

    def delete(self, target: Target) -> None:
        """Remove a record, with what goes with it. Raises Refused and TagStale."""
        of = _stored_as(target.of)
        rules = SERVED[of.set_name]
        self._require_writable(of, rules)
        with self._tables.writing():
            record = self._selected(of, target)
            self._require_open(of, rules, record.row)
            self._require_removable(of, rules, record.row)
            self._documents.remove_dependents(of, rules, record.row)
            self._tables.delete(of, record_key(of, record.row))
            self._count_in(rules, record.row, before=record.row, after=None)
            self._documents.follow(of, rules, record.row)

    def _require_writable(self, of: EntityType, rules: Rules) -> None:
        if rules.read_only and not self._read_only_too:
            raise entity_read_only(of.aot, of.set_name)

    def _require_open(self, of: EntityType, rules: Rules, row: Row) -> None:
        if not self._read_only_too:
            self._documents.require_open(of, rules, row)

    def _require_removable(self, of: EntityType, rules: Rules, row: Row) -> None:
        reason = None if self._read_only_too else rules.stays(row)
        if reason:
            raise delete_failed(of.aot, reason)

    def _selected(self, of: EntityType, target: Target) -> Record:
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

    def _filled(self, of: EntityType, rules: Rules, given: Row, taken_over: Row) -> Row:
        row: dict[str, Stored] = dict(of.blank)
        row |= {name: moment(of.properties[name], self._clock().isoformat()) for name in rules.today}
        row |= taken_over
        row |= given
        for sequence in rules.sequences:
            if sequence.name not in given:
                row[sequence.name] = self._sequences.number(of, rules, sequence, row)
        if rules.owner is not None and rules.owner.number not in given:
            row[rules.owner.number] = self._documents.next_number(of, rules.owner, row)
        return self._computed(rules, rules.derive(row, frozenset(given) | _party_names(rules, taken_over)))

    def _computed(self, rules: Rules, row: Row) -> Row:
        shown = {**row, **self._documents.shown(rules, row)}
        return rules.in_currency(rules.compute(shown), self._settings.amount_decimals)

    def _taken_over(self, rules: Rules, given: Row) -> Row:
        """What a new row takes over from the rows that it names, the later ones first."""
        taken_over: dict[str, Stored] = {}
        for reference in rules.references:
            if reference.gives_something:
                found = self._checks.target(reference, given.get(reference.name), given.get(COMPANY))
                taken_over |= reference.gives(found.row) if found else {}
        return taken_over

    def _shared(self, of: EntityType, rules: Rules, given: Row) -> Row:
        """What a row of the joined table already says, when the new record names one that exists."""
        if rules.joined is None or not given.get(rules.joined.link):
            return {}
        return self._parties.shared(of, given[rules.joined.link], rules.joined.names)

    def _insert(self, of: EntityType, rules: Rules, row: Row, shared: Row) -> Record:
        kept = _kept(of, row)
        key = record_key(of, kept)
        try:
            pairs = self._tables.insert(of, kept).pairs
        except KeyTaken as error:
            raise record_exists(of.aot, rules.table, described(rules, key)) from error
        # What is said about a party is said of every record that shows it.
        changed = {name: kept[name] for name, known in shared.items() if kept[name] != known}
        if changed:
            self._tables.update(of, key, {}, changed)
            self._spread(of, rules, kept, changed)
            shown = self._tables.find(of, key)
            assert shown is not None
            pairs = shown.pairs
        self._count_in(rules, kept, before=None, after=kept)
        return Record(row, pairs)

    def _spread(self, of: EntityType, rules: Rules, row: Row, joined: Row) -> None:
        if rules.joined is not None and joined:
            self._parties.spread(of, row[rules.joined.link], joined)

    def _count_in(self, rules: Rules, row: Row, *, before: Row | None, after: Row | None) -> None:
        if rules.owner is not None:
            was, becomes = (None if each is None else each[rules.owner.amount] for each in (before, after))
            self._documents.count_in(rules, row, before=was, after=becomes)


def record_key(of: EntityType, row: Row) -> Row:
    """The key of a row."""
    return {name: row[name] for name in of.key}


def _stored_as(of: EntityType) -> EntityType:
    """The collection whose rows a collection shows; messages name the one that was written."""
    view_of = SERVED[of.set_name].view_of
    return replace(of.others[view_of], aot=of.aot) if view_of else of


def _given(of: EntityType, body: Mapping[str, Json]) -> Row:
    kind = body.get("@odata.type", of.full_name)
    if not isinstance(kind, str) or kind.removeprefix("#") != of.full_name:
        raise bad_request(f"The type '{kind}' of the body is not '{of.full_name}'.")
    # Clients also send other annotations, and those of single properties: these are not properties.
    names = [name for name in body if "@" not in name]
    unknown = [name for name in names if name not in of.properties]
    if unknown:
        raise bad_request(
            f"The property '{unknown[0]}' does not exist on type '{of.full_name}'. "
            "Make sure to only use property names that are defined by the type."
        )
    return {name: stored(of.properties[name], body[name]) for name in names}


def _kept(of: EntityType, row: Row) -> Row:
    """A row as the database keeps it: texts without the blanks at their ends."""
    return {
        name: value.rstrip(" ") if of.properties[name].kind is Kind.STRING and isinstance(value, str) else value
        for name, value in row.items()
    }


def _require_same(of: EntityType, row: Row, given: Row, names: tuple[str, ...]) -> None:
    for name in names:
        if name in given and padded(str(given[name])) != padded(str(row[name])):
            raise field_failed(of.aot, name, f"Field '{name}' cannot be changed.")


def _parted(rules: Rules, changed: Row) -> tuple[Row, Row]:
    names = rules.joined.names if rules.joined else frozenset()
    own = {name: value for name, value in changed.items() if name not in names}
    return own, {name: value for name, value in changed.items() if name in names}


def _party_names(rules: Rules, taken_over: Row) -> frozenset[str]:
    """What the party of a new row already says counts as given."""
    return frozenset(taken_over) & (rules.joined.names if rules.joined else frozenset())
