"""Preflight's look at the latest posted invoices: whether Sales has what they refer to."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from shared.clients import quoting
from shared.clients.dataverse.environment import DataverseSystem, TableRows
from shared.clients.finops.environment import ACROSS, FinopsSystem, Row, rows_of
from shared.counting import counted
from shared.flows.checks import FINOPS, SALES, Check, CheckResult, judged, part
from shared.flows.choices import zone_of
from shared.flows.finops_documents import references
from shared.flows.finops_documents.wiring import finder_of, lookup_of
from shared.flows.invoices import mapping as invoices
from shared.flows.invoices.settings import InvoiceSettings
from shared.flows.products.catalogue import Catalogue
from shared.flows.spec import Deployment
from shared.mapping.dates import today
from shared.mapping.words import Unmappable, value_of
from shared.records import fold
from shared.setupguide import section

_CURRENCIES = "Sales has the currencies of posted invoices, each with a price list"
_UNITS = "Sales has the units of posted invoices"
_ORDERS = "Sales has the orders of posted invoices"
_NUMBERS = "no invoice of Sales has the number of a posted one"
# How many posted invoices, and how many of their lines, are looked at.
_LOOKED_AT = 100
_TOLD = 3


def checks_of_finops(deployment: Deployment, dataverse: DataverseSystem, finops: FinopsSystem) -> Iterator[Check]:
    """Whether the latest invoices could be written; nothing if the flow is off."""
    if deployment.settings_for(InvoiceSettings).INVOICES == "off":
        return
    yield from part(FINOPS, "the latest posted invoices", partial(_of_headers, deployment, dataverse, finops))
    yield from part(FINOPS, "the lines of posted invoices", partial(_of_lines, deployment, dataverse, finops))


def _of_headers(deployment: Deployment, dataverse: DataverseSystem, finops: FinopsSystem) -> Iterator[Check]:
    fields = (invoices.NUMBER_FIELD, invoices.ORDER_FIELD, references.CURRENCY_FIELD)
    rows = _latest(deployment, finops, invoices.ENTITY_SET, fields)
    tables = _catalogue(deployment, dataverse)
    day = today(dataverse.channel.clock.now(), zone_of(deployment.settings))

    def refers_to(code: str) -> None:
        tables.price_list(tables.currency(code), today=day, kept=None)

    yield _known(_CURRENCIES, [str(row.get(references.CURRENCY_FIELD)) for row in rows], refers_to, section("2.3"))
    yield from _orders(dataverse, rows)
    yield from _numbers(dataverse, rows)


def _of_lines(deployment: Deployment, dataverse: DataverseSystem, finops: FinopsSystem) -> Iterator[Check]:
    rows = _latest(deployment, finops, invoices.LINE_ENTITY_SET, (references.UNIT_FIELD, references.PRODUCT_FIELD))
    of_products = [row for row in rows if value_of(row, references.PRODUCT_FIELD) is not None]
    symbols = [str(row.get(references.UNIT_FIELD)) for row in of_products]
    yield _known(_UNITS, symbols, _catalogue(deployment, dataverse).unit, f"{section('4')}: `units`")


def _catalogue(deployment: Deployment, dataverse: DataverseSystem) -> Catalogue:
    rows = lookup_of(dataverse).rows(max_age_s=0.0)
    return Catalogue(rows, deployment.maps, zone_of(deployment.settings))


def _latest(deployment: Deployment, finops: FinopsSystem, entity_set: str, fields: Sequence[str]) -> list[Row]:
    parameters = {
        "$filter": quoting.equals("dataAreaId", deployment.settings.COMPANY),
        "$orderby": f"{invoices.DATE_FIELD} desc",
        "$top": str(_LOOKED_AT),
        **ACROSS,
        "$select": quoting.columns(fields),
    }
    return list(rows_of(finops.channel, finops.url(entity_set, parameters), entity_set))


def _known(what: str, values: Iterable[str], look_up: Callable[[str], object], remedy: str) -> Check:
    missing: list[str] = []
    for value in sorted(set(values)):
        try:
            look_up(value)
        except Unmappable as unmappable:
            missing.append(str(unmappable))
    return judged(SALES, what, not missing, "; ".join(missing[:_TOLD]), remedy)


def _orders(dataverse: DataverseSystem, rows: Sequence[Row]) -> Iterator[Check]:
    """An order that is missing may come, or never: only people know."""
    named = [str(number) for row in rows if (number := value_of(row, invoices.ORDER_FIELD)) is not None]
    found = finder_of(dataverse, invoices.ORDERS, invoices.ORDER_ID, invoices.ORDER_NUMBER)(list(dict.fromkeys(named)))
    missing = [number for number in named if fold(number) not in found]
    if not missing:
        yield Check(SALES, _ORDERS, CheckResult.WELL)
        return
    told = (
        f"of {counted(len(named), 'posted invoice')}, {len(missing)} name a sales order that Sales does not have, such "
        f"as {missing[0]}: they would wait for it. INVOICES_SCOPE leaves out the invoices before a day"
    )
    yield Check(SALES, _ORDERS, CheckResult.BY_HAND, told, section("8.1"))


def _numbers(dataverse: DataverseSystem, rows: Sequence[Row]) -> Iterator[Check]:
    """An invoice of Sales that the sync has not made may be the same one, or another."""
    column, numbers = invoices.KEY_COLUMN, [str(row[invoices.NUMBER_FIELD]) for row in rows]
    table = TableRows(dataverse, invoices.TARGET_SET, invoices.ID_COLUMN)
    there = table.by_value(column, numbers, {"$select": quoting.columns([invoices.ID_COLUMN, column])})
    strange = sorted(str(row[column]) for row in there if not quoting.is_name_based(table.id_of(row)))
    if not strange:
        yield Check(SALES, _NUMBERS, CheckResult.WELL)
        return
    told = (
        f"{counted(len(strange), 'invoice')} that the sync has not made, such as {strange[0]}: with the same day, it "
        "is rejected, or adopted by INVOICES_ON_EXISTING"
    )
    yield Check(SALES, _NUMBERS, CheckResult.BY_HAND, told, section("8.1"))
