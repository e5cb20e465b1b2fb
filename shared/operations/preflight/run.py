"""Is everything in place that the flows need? For the time before the first run, and whenever something looks wrong."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.environment import API
from shared.clients.finops.environment import rows_of
from shared.clients.finops.keys import FinopsKey
from shared.clients.http.filter_size import FilterSize
from shared.errors import OperatorNeeded, SystemTrouble
from shared.flows.checks import (
    ACCESS,
    BY_HAND,
    FINOPS,
    SALES,
    Check,
    CheckResult,
    by_cause,
    judged,
    looked,
    one_of_several,
    part,
    unanswered,
)
from shared.flows.spec import Deployment
from shared.mapping.map_document import MapDocument
from shared.mapping.type_names import fits
from shared.mapping.value_maps import as_known_to
from shared.operations.live_types import LiveTypes
from shared.operations.preflight.dates import date_checks
from shared.operations.preflight.document import document_checks
from shared.operations.preflight.keys import key_checks
from shared.operations.preflight.required_columns import CollectionUse, TableUse, collections_of_finops, tables_of_sales
from shared.operations.preflight.results import result_checks
from shared.operations.preflight.states import States
from shared.setupguide import section
from shared.sync.ports import SystemPort
from shared.systems import System

_LINE_ITEM = 0
_ORGANISATION = "settings of the organisation (organizations)"
_FILTERS = "keys that one filter of {} may name"


class Preflight:
    """Checks a deployment. It only reads, with the operator's rights: those of the app may differ."""

    def __init__(self, systems: Mapping[System, SystemPort], deployment: Deployment, now: datetime) -> None:
        self._deployment = deployment
        self._settings = deployment.settings
        self._now = now
        self._types = LiveTypes.of(systems)
        self._dataverse, self._finops = self._types.dataverse, self._types.finops
        self._states = States(self._dataverse, deployment.maps)
        self._sales_answers = False

    def checks(self) -> Iterator[Check]:
        """Every check; each cause is reported once, with everything that it affects. A call that a system does not
        answer is a finding, and the next part is checked; a system that refuses access is not called again."""
        yield from by_cause((*self._of_sales(), *self._of_finops(), *BY_HAND))

    def _of_sales(self) -> Iterator[Check]:
        who = looked(SALES, "reachable, and grants access", self._dataverse.probe, self._deployment.flows.names)
        yield who
        self._sales_answers = who.verdict is CheckResult.WELL
        if not self._sales_answers:
            return
        required = tables_of_sales(self._deployment)
        there = {use.entity_set for use in required}
        try:
            there = set(self._types.tables())
        except SystemTrouble as trouble:
            yield unanswered(SALES, "the list of tables (EntityDefinitions)", trouble)
        for use in required:
            yield from self._table(use, exists=use.entity_set in there)
        yield from part(SALES, _ORGANISATION, self._organisation)
        yield from result_checks(self._dataverse, self._deployment)
        yield from key_checks(self._dataverse, self._deployment, self._types)
        yield from document_checks(self._deployment, self._types, SALES)
        for flow in self._deployment.flows:
            yield from flow.checks_of_sales(self._deployment, self._dataverse, self._now)
        table = next((use for use in required if use.tracked), None)
        if table is not None:
            yield from part(SALES, _FILTERS.format(table.entity_set), partial(self._filters_of_sales, table))

    def _of_finops(self) -> Iterator[Check]:
        what = f"reachable, and shows the company {self._settings.COMPANY}"
        company = looked(FINOPS, what, self._finops.probe, self._deployment.flows.names)
        yield company
        if company.verdict is not CheckResult.WELL:
            return
        required = collections_of_finops(self._deployment)
        for use in required:
            yield looked(FINOPS, f"{use.entity_set} may be read", partial(self._one_of, use))
            what = f"columns of {use.entity_set} (PublicEntities)"
            yield from part(FINOPS, what, partial(self._properties, use), use.flows)
        yield from document_checks(self._deployment, self._types, FINOPS)
        yield self._customer_group()
        for flow in self._deployment.flows if self._sales_answers else ():
            yield from flow.checks_of_finops(self._deployment, self._dataverse, self._finops)
        keyed = next((use for use in required if use.key), None)
        if keyed is not None:
            yield from part(FINOPS, _FILTERS.format(keyed.entity_set), partial(self._filters_of_finops, keyed))

    def _definitions(self, path: str, select: str) -> str:
        return self._dataverse.channel.origin.url(f"{API}/EntityDefinitions{path}?{quoting.query({'$select': select})}")

    def _table(self, use: TableUse, *, exists: bool) -> Iterator[Check]:
        name = use.entity_set
        if not exists:
            yield _absent(SALES, f"table {name}", use, "there is no such table", section("2.1"))
            return
        row = self._dataverse.url(name, {"$select": use.id_column, "$top": "1"})
        read = looked(SALES, f"{name} may be read", lambda: list(self._dataverse.rows(name, row)))
        yield read
        if read.verdict is CheckResult.WELL:
            yield from part(SALES, f"states of {name}", partial(self._states.checks, use))
        yield from part(SALES, f"columns of {name} (Attributes)", partial(self._attributes, use), use.flows)
        dates = partial(date_checks, self._dataverse, use)
        yield from part(SALES, f"date columns of {name} (Attributes)", dates, use.flows)
        if use.tracked:
            yield from part(SALES, f"changes of {name} are tracked", partial(self._tracking, use))

    def _attributes(self, use: TableUse) -> Iterator[Check]:
        yield from _columns(SALES, use, self._types.of_table(use.logical_name), self._own(use))

    def _tracking(self, use: TableUse) -> Iterator[Check]:
        address = self._definitions(_place(use), "ChangeTrackingEnabled")
        definition = self._dataverse.channel.read(address, subject="EntityDefinitions")
        tracked = definition.get("ChangeTrackingEnabled") is True
        what = f"changes of {use.entity_set} are tracked"
        check = judged(SALES, what, tracked, "change tracking is off", f"switch it on: {section('2.4')}")
        yield one_of_several(check, "changes of {} are tracked", use.entity_set)

    def _organisation(self) -> Iterator[Check]:
        names = "oobpricecalculationenabled,discountcalculationmethod"
        url = self._dataverse.url("organizations", {"$select": names, "$top": "1"})
        rows = list(self._dataverse.rows("organizations", url))
        if not rows:
            yield Check(SALES, _ORGANISATION, CheckResult.WRONG, "no row is shown", ACCESS[SALES])
        for row in rows:
            pricing, method = row.get("oobpricecalculationenabled"), row.get("discountcalculationmethod")
            remedy = section("2.2")
            yield judged(SALES, "prices are calculated by the system", pricing is True, "they are not", remedy)
            found = "it is per unit: F&O would multiply each discount by the quantity"
            yield judged(SALES, "discounts are per line", method == _LINE_ITEM, found, remedy)

    def _one_of(self, use: CollectionUse) -> object:
        parameters = {"$top": "1", "cross-company": "true", "$select": quoting.columns(sorted(use.columns)[:1])}
        return self._finops.channel.read(self._finops.url(use.entity_set, parameters), subject=use.entity_set)

    def _properties(self, use: CollectionUse) -> Iterator[Check]:
        there = self._types.of_collection(use.entity_set)
        if there is None:
            yield _absent(FINOPS, f"collection {use.entity_set}", use, "there is none", "check F&O's version")
            return
        yield from _columns(FINOPS, use, there, self._own(use))

    def _own(self, use: CollectionUse) -> Set[str]:
        """The columns that the map document declares, by attribute in small letters: a lookup of Sales is read by its
        id, and written by its navigation."""
        declared = as_known_to(MapDocument, self._deployment.maps).own_columns.get(use.entity_set, {})
        return {name.removeprefix("_").removesuffix("_value").casefold() for name in declared}

    def _filters_of_sales(self, use: TableUse) -> Iterator[Check]:
        system, table, id_column = self._dataverse, use.entity_set, use.id_column

        def read(ids: Sequence[str]) -> None:
            url = system.url(table, {"$select": id_column, "$filter": quoting.one_of(id_column, ids)})
            system.channel.read(url, subject=table)

        yield _filters(SALES, table, system.filters, quoting.name_based_id, read)

    def _filters_of_finops(self, use: CollectionUse) -> Iterator[Check]:
        system, key = self._finops, FinopsKey(self._settings.COMPANY, (use.key,))

        def read(numbers: Sequence[str]) -> None:
            wanted = {"$filter": key.filter(numbers), "cross-company": "true", "$select": use.key}
            system.channel.read(system.url(use.entity_set, wanted), subject=use.entity_set)

        yield _filters(FINOPS, use.entity_set, system.filters, str, read)

    def _customer_group(self) -> Check:
        group = self._deployment.maps.defaults.customer_group
        wanted = quoting.all_of(
            quoting.equals("dataAreaId", self._settings.COMPANY), quoting.equals("CustomerGroupId", group)
        )
        what = f"customer group {group} exists"
        url = self._finops.url("CustomerGroups", {"$filter": wanted, "cross-company": "true"})
        try:
            found = list(rows_of(self._finops.channel, url, "CustomerGroups"))
        except OperatorNeeded as refused:
            return Check(FINOPS, what, CheckResult.BY_HAND, f"you are not allowed to see it ({refused})", section("3"))
        except SystemTrouble as trouble:
            return unanswered(FINOPS, f"{what} (CustomerGroups)", trouble)
        return judged(FINOPS, what, bool(found), "it does not", "create it, or correct defaults.customer_group")


def _filters(
    area: str, table: str, filters: FilterSize, key_of: Callable[[str], str], read: Callable[[Sequence[str]], object]
) -> Check:
    """Whether a system accepts filters of the length that the sync sends; shorter ones work too, and take more
    requests."""
    # These keys need not exist; short ones keep the address short.
    size = filters.try_out([key_of(str(number)) for number in range(filters.most)], read)
    found = f"{size}" if size == filters.most else f"{size}, and {filters.most} are too many: reads take more requests"
    return Check(area, _FILTERS.format(table), CheckResult.WELL, found)


def _place(use: TableUse) -> str:
    return f"(LogicalName={quoting.literal(use.logical_name)})"


def _columns(area: str, use: CollectionUse, there: Mapping[str, str], own: Set[str]) -> Iterator[Check]:
    """Whether the columns exist, with the types that the mapping expects. `own` are those that the map document
    declares."""
    name = use.entity_set
    if not there:
        yield _absent(area, f"columns of {name}", use, "the metadata shows none", ACCESS[area])
        return
    missing = {flow: sorted(columns.keys() - there.keys()) for flow, columns in use.flows.items()}
    found = f"missing: {', '.join(_every(missing))}"
    remedy = "; ".join(_remedies(_every(missing), own))
    drift = {flow: f"{name} lacks {', '.join(value)}" for flow, value in missing.items() if value}
    yield _drifted(area, f"{name} has the columns of the mapping", use, found, remedy, drift)
    other = {
        flow: sorted(column for column, names in columns.items() if column in there and not fits(names, there[column]))
        for flow, columns in use.flows.items()
    }
    found = ", ".join(f"{each} is {there[each]}" for each in _every(other))
    remedy = "schema drift: compare the column's type with the mapping"
    drift = {
        flow: ", ".join(f"{name}.{column} is {there[column]}" for column in value)
        for flow, value in other.items()
        if value
    }
    yield _drifted(area, f"{name} has them with the types of the mapping", use, found, remedy, drift)


def _remedies(missing: Sequence[str], own: Set[str]) -> Iterator[str]:
    """What helps with columns that a system lacks."""
    declared = [name for name in missing if name.casefold() in own]
    if declared:
        names, it = ", ".join(declared), "it" if len(declared) == 1 else "them"
        yield f"own_columns declares {names}, but this system lacks {it}: create {it} there, or remove {it}"
    if len(declared) < len(missing):
        solution = "columns msdynce_* come with the Prospect-to-cash solution"
        yield f"{solution}; otherwise compare the mapping with the environment"


def _every(by_flow: Mapping[str, Iterable[str]]) -> list[str]:
    return sorted({name for names in by_flow.values() for name in names})


def _drifted(  # noqa: PLR0917 - a check with what it is about
    area: str, what: str, use: CollectionUse, found: str, remedy: str, drift: Mapping[str, str]
) -> Check:
    flows = tuple(use.flows)
    if not drift:
        return Check(area, what, CheckResult.WELL, flows=flows)
    return Check(area, what, CheckResult.WRONG, found, remedy, flows, drift)


def _absent(area: str, what: str, use: CollectionUse, found: str, remedy: str) -> Check:
    return Check(area, what, CheckResult.WRONG, found, remedy, tuple(use.flows))
