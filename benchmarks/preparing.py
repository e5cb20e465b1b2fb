"""Brings a stage so far that a flow can be measured: what its records refer to is in its target, and nothing else."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from benchmarks.flows import Flow
from benchmarks.progress import PATIENCE_S, wait_until_done
from benchmarks.stage import Stage
from local.demo.edits import Sales
from local.demo.errors import DemoFailed
from local.demo.flows import API
from local.demo.samplequotes import SampleQuotes
from local.demo.selling import HEADER_ACTIVATED, LINE_SUBMITTED, Seller
from local.simulator.auth import system_clock
from shared.clients import quoting
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.quotations import QUOTATIONS
from shared.records import Json

_ROWS_AT_ONCE = 500


def prepare(stage: Stage, flow: Flow) -> None:
    """Sync what is needed first, and let people write the documents: they can be written once the products are in
    Sales. No flow is let flow at the end."""
    for name in flow.needs:
        if name not in stage.in_step:
            _WRITE_RECORDS.get(name, _none)(stage)
            sync(stage, name)
    _WRITE_RECORDS.get(flow.name, _none)(stage)


def sync(stage: Stage, flow: str) -> None:
    """Bring every record of a flow to its target."""
    since = system_clock()
    stage.let_flow(flow)
    wait_until_done(stage, flow, since, len(stage.ids(flow)), patience_s=PATIENCE_S)
    stage.let_flow()
    stage.in_step.add(flow)


def _none(_stage: Stage) -> None:
    """The records are those of the sample."""


def _quote(stage: Stage) -> None:
    catalogue = Seller(stage.sales).catalogue()
    samples = SampleQuotes(stage.sales, stage.samples)
    samples.add_prices(catalogue)
    if samples.write(catalogue)[0] == 0:
        raise DemoFailed(f"{stage.samples} holds no quote whose products are all in Sales.")


def _order(stage: Stage) -> None:
    """Customers order what they were quoted: every active quote is won, and its order is activated."""
    seller = Seller(stage.sales)
    quotes = list(_ids(stage, "quotes", "quoteid", quoting.equals("statecode", 1)))
    orders = [seller.convert(quote)[0] for quote in quotes]
    lines = list(_ids(stage, "salesorderdetails", "salesorderdetailid"))
    _change_all(stage, "salesorder", orders, HEADER_ACTIVATED)
    _change_all(stage, "salesorderdetail", lines, LINE_SUBMITTED)


def _invoice(stage: Stage) -> None:
    """F&O delivers and invoices every order as a whole."""
    stage.finops.control("POST", "clerk", {"do": "totals"})
    for number in stage.ids(ORDERS):
        for deed in ("confirm", "deliver", "invoice"):
            stage.finops.control("POST", "clerk", {"do": deed, "SalesOrderNumber": number})


def _ids(stage: Stage, entity_set: str, id_column: str, wanted: str = "") -> Iterator[str]:
    query = quoting.query({"$select": id_column, "$filter": wanted})
    return (str(row[id_column]) for row in stage.sales.rows(f"{API}/{entity_set}?{query}"))


def _change_all(stage: Stage, table: str, ids: Sequence[str], values: Mapping[str, Json]) -> None:
    rows = Sales(stage.sales, f"{table}s", table)
    for at in range(0, len(ids), _ROWS_AT_ONCE):
        rows.change_many(dict.fromkeys(ids[at : at + _ROWS_AT_ONCE], values))


_WRITE_RECORDS: Mapping[str, Callable[[Stage], None]] = {QUOTATIONS: _quote, ORDERS: _order, INVOICES: _invoice}
