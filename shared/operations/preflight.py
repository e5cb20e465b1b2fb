"""Is everything there that the flows need? Asked before the first run, and whenever something is odd."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from shared.clients import quoting
from shared.clients.dataverse import API, DataverseSystem
from shared.clients.finops import FinopsSystem, rows_of
from shared.errors import OperatorNeeded, System, SystemTrouble
from shared.mapping import catalogue
from shared.mapping.catalogue import Catalogue
from shared.mapping.value_maps import ValueMaps, read_value_maps
from shared.mapping.vocabulary import Unmappable, WireType
from shared.operations.uses import CollectionUse, TableUse, collections_of_finops, tables_of_sales
from shared.records import Json, References
from shared.settings import Settings
from shared.sync.gates import Gates
from shared.sync.parts import Parts

_LINE_ITEM = 0
# How both systems name what arrives as such a value (Dataverse: AttributeType, F&O: DataType).
_NAMED_TYPES: Mapping[WireType, frozenset[str]] = {
    bool: frozenset({"Boolean"}),
    int: frozenset({"Integer", "BigInt", "Picklist", "State", "Status", "Int32", "Int64"}),
    Decimal: frozenset({"Money", "Decimal", "Double", "Real"}),
}


class Verdict(StrEnum):
    """What a check has found. `BY_HAND` is what nobody can see from outside."""

    WELL = "well"
    WRONG = "wrong"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was looked at, what was found, and what helps (a step of docs/setup.md). `drift` says that it
    is about columns as the mapping knows them."""

    area: str
    what: str
    verdict: Verdict
    found: str = ""
    remedy: str = ""
    drift: bool = False


BY_HAND = (
    Check(
        "F&O", "number sequences of customers, parties and quotations are manual", Verdict.BY_HAND, "", "setup.md, 3"
    ),
    Check("F&O", "the app's user has the language en-us", Verdict.BY_HAND, "", "setup.md, 7"),
    Check("F&O", "the app has a throttling priority", Verdict.BY_HAND, "", "setup.md, 7"),
    Check("F&O", "sites and warehouses of the value-map document exist", Verdict.BY_HAND, "", "setup.md, 3"),
    Check("Sales", "the app may read columns with column-level security", Verdict.BY_HAND, "", "setup.md, 6.1"),
    Check("both", "dual-write and the old projects are off", Verdict.BY_HAND, "", "setup.md, 10"),
)


class Preflight:
    """Checks a deployment. It reads only, with the rights of whoever asks: those of the app may differ."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._settings = settings
        dataverse, finops = parts.systems[System.DATAVERSE], parts.systems[System.FINOPS]
        assert isinstance(dataverse, DataverseSystem)
        assert isinstance(finops, FinopsSystem)
        self._dataverse = dataverse
        self._finops = finops
        self._logical: Mapping[str, str] = {}

    def checks(self) -> Iterator[Check]:
        """Every check, one after the other. What a system does not answer is a finding and ends its part."""
        yield from self._of_sales()
        yield from self._of_finops()
        yield from BY_HAND

    def _of_sales(self) -> Iterator[Check]:
        who = _looked("Sales", "reachable, and lets us in", self._dataverse.probe)
        yield who
        if who.verdict is not Verdict.WELL:
            return
        self._logical = self._logical_names()
        for use in tables_of_sales(self._settings):
            yield from self._table(use)
        yield from self._organisation()
        yield from self._catalogue()

    def _of_finops(self) -> Iterator[Check]:
        company = _looked("F&O", f"reachable, and shows the company {self._settings.COMPANY}", self._finops.probe)
        yield company
        if company.verdict is not Verdict.WELL:
            return
        for use in collections_of_finops(self._settings):
            yield _looked("F&O", f"{use.entity_set} may be read", lambda use=use: self._one_of(use))  # type: ignore[misc]
            yield from self._properties(use)
        yield self._customer_group()

    def _logical_names(self) -> Mapping[str, str]:
        rows = self._dataverse.rows("EntityDefinitions", self._definitions("", "LogicalName,EntitySetName"))
        return {str(row["EntitySetName"]): str(row["LogicalName"]) for row in rows}

    def _definitions(self, path: str, select: str) -> str:
        return self._dataverse.channel.origin.url(f"{API}/EntityDefinitions{path}?{quoting.query({'$select': select})}")

    def _table(self, use: TableUse) -> Iterator[Check]:
        logical = self._logical.get(use.entity_set)
        if logical is None:
            yield Check("Sales", f"table {use.entity_set}", Verdict.WRONG, "there is no such table", "setup.md, 2.1")
            return
        row = self._dataverse.url(use.entity_set, {"$select": f"{logical}id", "$top": "1"})
        yield _looked("Sales", f"{use.entity_set} may be read", lambda: list(self._dataverse.rows(use.entity_set, row)))
        place = f"(LogicalName={quoting.literal(logical)})"
        address = self._definitions(f"{place}/Attributes", "LogicalName,AttributeType")
        there = {str(of["LogicalName"]): str(of["AttributeType"]) for of in self._dataverse.rows("Attributes", address)}
        yield _columns("Sales", use.entity_set, use.columns, there)
        yield _typed("Sales", use.entity_set, use.types, there)
        if use.tracked:
            address = self._definitions(place, "ChangeTrackingEnabled")
            definition = self._dataverse.channel.read(address, subject="EntityDefinitions")
            yield _check(
                "Sales",
                f"changes of {use.entity_set} are tracked",
                definition.get("ChangeTrackingEnabled") is True,
                "change tracking is off",
                "switch it on: setup.md, 2.4",
            )

    def _organisation(self) -> Iterator[Check]:
        names = "oobpricecalculationenabled,discountcalculationmethod"
        url = self._dataverse.url("organizations", {"$select": names, "$top": "1"})
        for row in self._dataverse.rows("organizations", url):
            pricing, method = row.get("oobpricecalculationenabled"), row.get("discountcalculationmethod")
            remedy = "setup.md, 2.2"
            yield _check("Sales", "prices are calculated by the system", pricing is True, "they are not", remedy)
            found = "it is per unit: F&O would multiply each discount by the quantity"
            yield _check("Sales", "discounts are those of a line", method == _LINE_ITEM, found, remedy)

    def _catalogue(self) -> Iterator[Check]:
        maps = read_value_maps(self._settings.VALUE_MAPS)
        references: References = {
            name: tuple(self._dataverse.rows(name, self._dataverse.url(name, {"$select": quoting.columns(select)})))
            for name, select in catalogue.TABLES.items()
        }
        tables = Catalogue(references, maps)
        for symbol in sorted({unit.finops for unit in maps.units}):
            yield _mapped(f"unit {symbol} of F&O", lambda symbol=symbol: tables.unit(symbol))  # type: ignore[misc]
        yield from _price_lists(references, maps)

    def _one_of(self, use: CollectionUse) -> object:
        parameters = {"$top": "1", "cross-company": "true", "$select": quoting.columns(sorted(use.properties)[:1])}
        return self._finops.channel.read(self._finops.url(use.entity_set, parameters), subject=use.entity_set)

    def _properties(self, use: CollectionUse) -> Iterator[Check]:
        query = quoting.query({"$filter": quoting.equals("EntitySetName", use.entity_set)})
        url = self._finops.channel.origin.url(f"/Metadata/PublicEntities?{query}")
        rows = list(rows_of(self._finops.channel, url, "PublicEntities"))
        if not rows:
            yield Check("F&O", f"collection {use.entity_set}", Verdict.WRONG, "there is none", "check F&O's version")
            return
        there = dict(_properties(rows[0].get("Properties")))
        yield _columns("F&O", use.entity_set, use.properties, there)
        yield _typed("F&O", use.entity_set, use.types, there)

    def _customer_group(self) -> Check:
        group = read_value_maps(self._settings.VALUE_MAPS).defaults.customer_group
        wanted = quoting.all_of(
            quoting.equals("dataAreaId", self._settings.COMPANY), quoting.equals("CustomerGroupId", group)
        )
        what = f"customer group {group} exists"
        url = self._finops.url("CustomerGroups", {"$filter": wanted, "cross-company": "true"})
        try:
            found = list(rows_of(self._finops.channel, url, "CustomerGroups"))
        except OperatorNeeded as refused:
            return Check("F&O", what, Verdict.BY_HAND, f"you may not see it ({refused})", "setup.md, 3")
        return _check("F&O", what, bool(found), "it does not", "enter it, or correct defaults.customer_group")


def close_gates(gates: Gates, checks: Iterable[Check]) -> list[System]:
    """Close the gate of each system whose columns are not as the mapping knows them, as a run does; which."""
    drifted = [check for check in checks if check.drift and check.verdict is Verdict.WRONG]
    closed = {}
    for check in drifted:
        system = System.DATAVERSE if check.area == "Sales" else System.FINOPS
        if system not in closed:
            closed[system] = OperatorNeeded(system, f"schema drift: {check.what}: {check.found}; {check.remedy}")
            gates.close(closed[system])
    return list(closed)


def _price_lists(references: References, maps: ValueMaps) -> Iterator[Check]:
    """A currency without a price list is wrong only where a product has it: which, only the products tell."""
    of_lists = {str(row["_transactioncurrencyid_value"]).lower() for row in references[catalogue.PRICE_LISTS]}
    for row in references[catalogue.CURRENCIES]:
        code = str(row["isocurrencycode"])
        has = str(row["transactioncurrencyid"]).lower() in of_lists
        verdict = Verdict.WELL if has else Verdict.BY_HAND
        found = "" if has else "no price list has it; products in it would be rejected"
        yield Check("Sales", f"currency {code} has a price list", verdict, found, "" if has else "setup.md, 2.3")
    names = {str(row["name"]) for row in references[catalogue.PRICE_LISTS]}
    for code, name in maps.price_lists.items():
        yield _check("Sales", f"price list {name} of {code}", name in names, "there is none", "correct price_lists")


def _properties(properties: Json) -> Iterator[tuple[str, str]]:
    for of in properties if isinstance(properties, list) else ():
        if isinstance(of, dict):
            yield str(of.get("Name")), str(of.get("DataType"))


def _columns(area: str, table: str, needed: Iterable[str], there: Mapping[str, str]) -> Check:
    missing = sorted(set(needed) - there.keys())
    found = f"missing: {', '.join(missing)}"
    remedy = "columns msdynce_* come with the Prospect-to-cash solution; else compare the mapping with the environment"
    return replace(_check(area, f"{table} has the columns of the mapping", not missing, found, remedy), drift=True)


def _typed(area: str, table: str, needed: Mapping[str, WireType], there: Mapping[str, str]) -> Check:
    other = sorted(f"{name} is {there[name]}" for name, of in needed.items() if not _fits(of, there.get(name)))
    remedy = "schema drift: compare the column's type with the mapping"
    check = _check(area, f"{table} has them with the types of the mapping", not other, ", ".join(other), remedy)
    return replace(check, drift=True)


def _fits(expected: WireType, named: str | None) -> bool:
    """Whether a type of the metadata arrives as the mapping expects it; one that is not there is told elsewhere."""
    return named is None or named in _NAMED_TYPES.get(expected, frozenset({named}))


def _check(area: str, what: str, well: bool, found: str, remedy: str) -> Check:
    return Check(area, what, Verdict.WELL) if well else Check(area, what, Verdict.WRONG, found, remedy)


def _mapped(what: str, look_up: Callable[[], object]) -> Check:
    try:
        look_up()
    except Unmappable as missing:
        return Check("Sales", what, Verdict.WRONG, str(missing), missing.remedy)
    return Check("Sales", what, Verdict.WELL)


def _looked(area: str, what: str, look: Callable[[], object]) -> Check:
    try:
        look()
    except SystemTrouble as trouble:
        said = f" ({trouble.said})" if trouble.said else ""
        return Check(area, what, Verdict.WRONG, f"{trouble}{said}", "setup.md, 6 and 7")
    return Check(area, what, Verdict.WELL)
