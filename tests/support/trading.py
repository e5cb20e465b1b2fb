"""Contacts and quotations as they are deployed, between both simulators."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from local.dataverse.loading import load_folder
from local.dataverse.settings import Settings as SalesSettings
from local.finops.settings import Settings as FinopsSettings
from shared.flows.quotations import QUOTATIONS
from shared.flows.registry import FLOWS
from shared.state.links import LinkState
from shared.systems import System
from tests.support.assortment import Assortment
from tests.support.stocked import Stocked, Stocks
from tests.unit.local import dataverse_world, finops_environment

ACTIVE: Mapping[str, int] = {"statecode": 1, "statuscode": 2}
DRAFT: Mapping[str, int] = {"statecode": 0, "statuscode": 1}
LOST, CANCELED, REVISED = 5, 6, 7
_DECIMALS = 4


class Trading(Assortment):
    """A salesperson's desk in Sales, and the quotations of F&O. A product P-1 is in both systems."""

    flow = QUOTATIONS
    route = "quotation"
    # The headers of the flow's documents in Sales.
    headers = "quotes"
    # Whether Sales has Microsoft's solution.
    has_solution = True
    # Whether it does not begin with a copy of what another one has come to: its process has stocked P-1 itself.
    begins_anew = False

    def tick(self) -> None:
        """One tick of every flow, and the queues run dry."""
        for flow in FLOWS.names:
            self.service.pull(flow)
        for _ in range(400):
            received = [
                (flow, each) for flow in FLOWS.names for each in self.queues.receive(flow, limit=1, invisible_s=600)
            ]
            for flow, message in received:
                self.service.apply(flow, message.body.encode())
                self.queues.delete(flow, message)
            if not received:
                return
        raise AssertionError("the queues do not run dry")

    def stock(self, *numbers: str) -> None:
        """Products of F&O that are in Sales."""
        self.put(*numbers)
        self.tick()

    def in_finops(self, number: str) -> dict[str, Any] | None:
        """The document of F&O with a number, with its lines by number under `lines`."""
        return self.quotation(number)

    def lines_in_sales(self, header: str) -> list[dict[str, Any]]:
        """The lines of a document in Sales."""
        return self.lines(header)

    def check_same_amounts(self, header: str, number: str) -> None:
        """Every line of a document, and their sum, costs the same in both systems."""
        document = self.in_finops(number)
        assert document is not None
        there = {n: Decimal(str(line["LineAmount"])) for n, line in document["lines"].items()}
        here = {
            line["lineitemnumber"]: Decimal(str(line["baseamount"])) - Decimal(str(line["manualdiscountamount"] or 0))
            for line in self.lines_in_sales(header)
        }
        assert there == here
        found = self.sales.get(f"{self.headers}({header})?$select=totallineitemamount").json()
        assert sum(there.values()) == Decimal(str(found["totallineitemamount"]))

    def cause(self, number: str) -> str:
        """Why a document is listed."""
        failure = self.failure(number)
        assert failure is not None
        return failure.cause

    def rule_of(self, number: str) -> str | None:
        """The rule by which a document is filtered, and not in F&O."""
        assert self.in_finops(number) is None
        link = self.link(number)
        assert link.state is LinkState.FILTERED
        return link.rule

    def contact(self, account: str | None = None, **values: object) -> str:
        """Create a contact; its id."""
        parent = {} if account is None else {"parentcustomerid_account__to": f"/accounts({account})"}
        return self.sales.create("contacts", **{"firstname": "Ana", "lastname": "Trujillo", **parent, **values})

    def contact_number(self, id: str) -> str:
        """The number that the Sales solution gave a contact."""
        return str(self.sales.get(f"contacts({id})?$select=msdynce_contactnumber").json()["msdynce_contactnumber"])

    def persons(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The contact persons of F&O by their number and their customer's."""
        rows = self.finops.rows("CDSContactPersonsV2", {"cross-company": "true"})
        return {(row["ContactPersonPartyNumber"], row["AssociatedContactNumber"]): row for row in rows}

    def quote(
        self,
        account: str | None = None,
        contact: str | None = None,
        *,
        lines: int = 1,
        active: bool = True,
        **values: object,
    ) -> tuple[str, str]:
        """Create a quote with so many lines of P-1; its id and number."""
        customer = (
            {"customerid_account__to": f"/accounts({account})"}
            if contact is None
            else {"customerid_contact__to": f"/contacts({contact})"}
        )
        id = self.sales.create(
            "quotes",
            name="Quote",
            pricelevelid__to=f"/pricelevels({self.catalogue['prices']})",
            transactioncurrencyid__to=f"/transactioncurrencies({self.catalogue['currency']})",
            **customer,
            **values,
        )
        for _ in range(lines):
            self.line(id)
        if active:
            self.set_state(id, ACTIVE)
        return id, str(self.sales.get(f"quotes({id})?$select=quotenumber").json()["quotenumber"])

    def line(self, quote: str, product: str = "P-1", **values: object) -> str:
        """Add a line to a quote in draft; its id."""
        known = self.product(product)
        assert known is not None
        bound = {
            "quoteid__to": f"/quotes({quote})",
            "productid__to": f"/products({known['productid']})",
            "uomid__to": f"/uoms({self.catalogue['unit']})",
            "quantity": 2,
        }
        return self.sales.create("quotedetails", **{**bound, **values})

    def set_state(self, quote: str, state: Mapping[str, int]) -> None:
        """Activate a quote, or set it back to draft."""
        reply = self.sales.patch(f"quotes({quote})", dict(state), If_Match="*")
        assert reply.status_code == 204, reply.text

    def change_draft(self, path: str, **values: object) -> None:
        """Change a quote in draft, or a line of it."""
        reply = self.sales.patch(path, values, If_Match="*")
        assert reply.status_code == 204, reply.text

    def close(self, quote: str, status: int) -> None:
        """Close an active quote."""
        activity = {"subject": "closed", "quoteid@odata.bind": f"/quotes({quote})"}
        reply = self.sales.send("POST", "CloseQuote", {"Status": status, "QuoteClose": activity})
        assert reply.status_code == 204, reply.text

    def revise(self, quote: str) -> str:
        """Close an active quote as revised; the id of its new revision, a draft."""
        self.close(quote, REVISED)
        reply = self.sales.send("POST", "ReviseQuote", {"QuoteId": quote, "ColumnSet": {"AllColumns": True}})
        assert reply.status_code == 200, reply.text
        return str(reply.json()["quoteid"])

    def lines(self, quote: str) -> list[dict[str, Any]]:
        """The lines of a quote in Sales, by their number."""
        return self.sales.rows(f"quotedetails?$filter=_quoteid_value eq {quote}&$orderby=lineitemnumber")

    def quotation(self, number: str) -> dict[str, Any] | None:
        """A quotation of F&O, with its lines by number under `lines`."""
        wanted = {"cross-company": "true", "$filter": f"dataAreaId eq 'usmf' and SalesQuotationNumber eq '{number}'"}
        headers = self.finops.rows("CDSSalesQuotationHeaders", wanted)
        if not headers:
            return None
        lines = {row["LineCreationSequenceNumber"]: row for row in self.finops.rows("CDSSalesQuotationLines", wanted)}
        return {**headers[0], "lines": dict(sorted(lines.items()))}

    def at_finops(self, number: str, **values: object) -> None:
        """Change a quotation as people of F&O, or the service itself, do."""
        reply = self.finops.control("quotations", {"SalesQuotationNumber": number, **values})
        assert reply.status_code == 200, reply.text

    def sent(self, system: System) -> tuple[int, int]:
        """How many reads and writes were sent to a system."""
        counts = self.service.systems[system].requests  # type: ignore[attr-defined]
        return counts.reads, counts.writes


Desk = TypeVar("Desk", bound=Trading)
_STOCKS = Stocks()


@contextmanager
def trading(**settings: str) -> Iterator[Trading]:
    """The product between two fresh simulators; P-1 is in both."""
    with trading_as(Trading, **settings) as world:
        yield world


@contextmanager
def trading_as(
    kind: type[Desk],
    finops: FinopsSettings | None = None,
    sales: SalesSettings | None = None,
    own: Path | None = None,
    /,
    **settings: str,
) -> Iterator[Desk]:
    """The same as a kind of Trading; both systems may be set up in another way, and Sales may have columns of its
    own."""
    setup = finops or FinopsSettings(amount_decimals=_DECIMALS)
    row = {"pricingdecimalprecision": _DECIMALS, "currencydecimalprecision": _DECIMALS}
    alike = (kind, setup, sales, own, tuple(sorted(settings.items())))
    copies = own in (None, dataverse_world.OWN_COLUMNS) and not kind.begins_anew
    stocked = _STOCKS.get(alike) if copies else None
    with (
        dataverse_world.dataverse(
            solution=kind.has_solution,
            settings=sales or SalesSettings(),
            settings_row=row,
            own=own,
            store=stocked.sales if stocked else None,
        ) as organisation,
        finops_environment.environment(settings=setup, tables=stocked.finops if stocked else None) as caller,
    ):
        if stocked is None:
            world = kind(organisation, caller, **settings)
            world.stock("P-1")
            if copies:
                _STOCKS.keep(alike, Stocked.of(world))
        else:
            organisation.made = stocked.catalogue
            world = kind(organisation, caller, **settings)
            stocked.fill(world)
        yield world


def load(world: Trading, folder: Path, files: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
    """Put rows into Sales as if they had always been there."""
    for name, rows in files.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    load_folder(world.sales.organisation, folder, products=True)
