"""Answers reads: lists, single records and counts."""

from collections.abc import Mapping
from dataclasses import dataclass

from local.finops import companies
from local.finops.queries import Query
from local.finops.refusals import RecordUnknown
from local.finops.schema import EntityType
from local.finops.selecting import Expansion
from local.finops.served import SERVED
from local.finops.settings import Settings
from local.finops.showing import Form
from local.finops.tables import Record, Row, Tables, equal
from local.simulator.filters import Condition
from shared.records import Json

# Seen in records of 2026, in no published schema: the enumeration's members are not known.
_LATER_VALUES: Mapping[str, Json] = {
    "QMSApprovedCustomerGroupId": "",
    "QMSApprovedCustomerListCheckMethod": None,
    "QMSCertificateOfAnalysisCustomerGroupId": "",
    "QMSWillPrintCustomerSpecificCertificateOfAnalysis": "No",
}


_NO_LIMIT = -1


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. `total` counts all matches; `delivered` is set when another page follows."""

    rows: tuple[Json, ...]
    total: int
    delivered: int | None


class Reader:
    """Reads as the user of the settings."""

    def __init__(self, tables: Tables, settings: Settings) -> None:
        self._tables = tables
        self._settings = settings

    def page(self, of: EntityType, query: Query, form: Form, *, already: int, page_size: int) -> Page:
        """One page of the matches, after `already` rows of earlier pages."""
        where = self._where(of, query)
        wanted = page_size if query.top is None else min(page_size, max(query.top - already, 0))
        names = _fetched(of, query)
        # One row more than the page shows whether another page follows.
        found = list(
            self._tables.select(of, where, names=names, order=query.order, limit=wanted + 1, offset=query.skip)
        )
        finished = len(found) <= wanted or (query.top is not None and already + wanted >= query.top)
        rows = tuple(self.shown(of, record, query, form) for record in found[:wanted])
        total = self._tables.count(of, where) if query.count else 0
        return Page(rows, total, None if finished else already + wanted)

    def count(self, of: EntityType, query: Query) -> int:
        """How many rows match."""
        return self._tables.count(of, self._where(of, query))

    def record(self, of: EntityType, key: Row, *, cross: bool) -> Record:
        """The record of a key. Raises RecordUnknown if there is none in the companies that are seen."""
        found = self._tables.find(of, key)
        if found is not None and not self._tables.count(of, _visible(of, equal(key))):
            raise RecordUnknown
        if found is None or not companies.within_reach(of, key, self._settings.company, cross=cross):
            raise RecordUnknown
        return found

    def shown(self, of: EntityType, record: Record, query: Query, form: Form) -> dict[str, Json]:
        """The JSON object of a record with what is selected and expanded."""
        expanded = {each.way.name: self._expanded(record, each, form) for each in query.expand}
        later: dict[str, Json] = {}
        if query.select is None and self._settings.later_properties:
            later = {name: _LATER_VALUES.get(name, "") for name in of.later}
        return form.members(of, record, query.select, expanded) | later

    def _expanded(self, record: Record, expansion: Expansion, form: Form) -> Json:
        way = expansion.way
        where = Condition(
            " AND ".join(f'"{name}" = ?' for name in way.columns), tuple(record.row[name] for name in way.columns)
        )
        names = _with(expansion.select or tuple(way.target.properties), way.target.key)
        found = self._tables.select(way.target, where, names=names, order=(), limit=_NO_LIMIT, offset=0)
        rows: list[Json] = [form.members(way.target, each, expansion.select, {}) for each in found]
        return rows if way.many else next(iter(rows), None)

    def _where(self, of: EntityType, query: Query) -> Condition:
        seen = _visible(of, companies.visible(of, self._settings.company, cross=query.cross_company))
        if query.where is None:
            return seen
        return Condition(f"({seen.sql}) AND ({query.where.sql})", seen.parameters + query.where.parameters)


def _visible(of: EntityType, where: Condition) -> Condition:
    """The condition without the rows that clients do not see."""
    visible = SERVED[of.set_name].visible
    return Condition(f"({where.sql}) AND {visible}", where.parameters) if visible else where


def _fetched(of: EntityType, query: Query) -> tuple[str, ...]:
    """The properties that an answer is made of: what is shown, what addresses a record, what expansions need."""
    columns = [name for expansion in query.expand for name in expansion.way.columns]
    return _with(query.select or tuple(of.properties), (*of.key, *columns))


def _with(names: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*names, *more)))
