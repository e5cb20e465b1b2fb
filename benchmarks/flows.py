"""The flows that are measured: what their records refer to, and how people change one percent of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from benchmarks.stage import COMPANY, Stage
from local.demo.edits import Fulfilment, Sales
from local.demo.flows import API
from local.demo.selling import ACTIVE, Seller
from shared.clients import quoting
from shared.flows.accounts import ACCOUNTS
from shared.flows.contacts import CONTACTS
from shared.flows.invoices import INVOICES
from shared.flows.orders import ORDERS
from shared.flows.products import PRODUCTS
from shared.flows.products import mapping as products
from shared.flows.quotations import QUOTATIONS, quote_rows
from shared.flows.quotations import mapping as quotations
from shared.flows.registry import FLOWS


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow. `change` changes the source records that are named; there is none where records are written once.
    `needs` are the flows whose records must be in their targets before, in this order. The naive loop takes one of
    `naive_part` records: a quote has many lines. `settings` are what the flow needs beside the usual ones."""

    name: str
    change: Callable[[Stage, Sequence[str]], None] | None
    needs: tuple[str, ...] = ()
    naive_part: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its records and its direction, in words."""
        spec = FLOWS[self.name]
        return f"{self.name.capitalize()}: {spec.source.label} to {spec.target.label}"


def _rename_accounts(stage: Stage, ids: Sequence[str]) -> None:
    Sales(stage.sales).change_many({id: {"name": f"Renamed account {number}"} for number, id in enumerate(ids)})


def _rename_contacts(stage: Stage, ids: Sequence[str]) -> None:
    people = Sales(stage.sales, "contacts", "contact")
    people.change_many({id: {"lastname": f"Renamed {number}"} for number, id in enumerate(ids)})


def _rename_products(stage: Stage, ids: Sequence[str]) -> None:
    renamed = [{products.KEY_FIELD: id, "ProductName": f"Renamed product {n}"} for n, id in enumerate(ids)]
    Fulfilment(stage.finops, COMPANY).put_products(renamed)


def _revise_quotes(stage: Stage, ids: Sequence[str]) -> None:
    """An active quote cannot be edited: it is revised, another quantity is entered, and it is activated again."""
    seller = Seller(stage.sales)
    for number in ids:
        wanted = quoting.all_of(quoting.equals(quote_rows.KEY_COLUMN, number), quoting.equals("statecode", 1))
        query = quoting.query({"$select": quote_rows.HEADER_ID_COLUMN, "$filter": wanted})
        (quote,) = stage.sales.rows(f"{API}/{quotations.HEADER_SET}?{query}")
        revision = seller.revise(str(quote[quote_rows.HEADER_ID_COLUMN]))
        line = seller.lines(revision)[0]
        seller.change_line(str(line["quotedetailid"]), {"quantity": Decimal(str(line["quantity"])) + 1})
        seller.change(revision, ACTIVE)


MEASURED: Mapping[str, Flow] = {
    flow.name: flow
    for flow in (
        Flow(ACCOUNTS, _rename_accounts),
        Flow(CONTACTS, _rename_contacts, needs=(ACCOUNTS,)),
        Flow(PRODUCTS, _rename_products),
        Flow(QUOTATIONS, _revise_quotes, needs=(ACCOUNTS, PRODUCTS), naive_part=10),
        Flow(ORDERS, None, needs=(ACCOUNTS, PRODUCTS, QUOTATIONS), naive_part=10),
        Flow(
            INVOICES,
            None,
            needs=(ACCOUNTS, PRODUCTS, QUOTATIONS, ORDERS),
            naive_part=10,
            # As shipped: an invoice would otherwise wait until another flow has looked at its order.
            settings={"INVOICES": "on", "ORDERS_BACK": "off"},
        ),
    )
}
