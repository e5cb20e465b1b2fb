"""A sales desk in a running Dataverse, for the tests of the simulator: who sells what to whom, by quote or order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.unit.local.dataverse_world import World, code

FLAG = "msdynce_hasexternallymaintainedproductsonly"
WRITE_IN = {
    "productid@odata.bind": None,
    "uomid@odata.bind": None,
    "isproductoverridden": True,
    "productdescription": "Assembly",
    "priceperunit": 1,
}


@dataclass
class Desk:
    """A sales desk with an account, a contact, and an active product that comes from F&O."""

    world: World
    catalogue: Mapping[str, str]
    account: str
    contact: str
    product: str

    def document(self, entity_set: str, **values: object) -> str:
        """The id of a new header."""
        customer = (
            {} if "customerid_contact__to" in values else {"customerid_account__to": f"/accounts({self.account})"}
        )
        given = {
            "name": "Document",
            "pricelevelid__to": f"/pricelevels({self.catalogue['prices']})",
            "transactioncurrencyid__to": f"/transactioncurrencies({self.catalogue['currency']})",
            **customer,
            **values,
        }
        return self.world.create(entity_set, **given)

    def quote(self, **values: object) -> str:
        return self.document("quotes", **values)

    def order(self, **values: object) -> str:
        return self.document("salesorders", **values)

    def line_body(self, header: str, entity_set: str = "quotes", /, **values: object) -> dict[str, object]:
        return {
            f"{entity_set.removesuffix('s')}id@odata.bind": f"/{entity_set}({header})",
            "productid@odata.bind": f"/products({self.product})",
            "uomid@odata.bind": f"/uoms({self.catalogue['unit']})",
            "quantity": 2,
            **values,
        }

    def line(self, header: str, entity_set: str = "quotes", /, **values: object) -> str:
        """The id of a new line."""
        lines = f"{entity_set.removesuffix('s')}details"
        reply = self.world.send("POST", lines, self.line_body(header, entity_set, **values))
        assert reply.status_code == 204, reply.text
        return reply.headers["OData-EntityId"].rsplit("(", 1)[1].rstrip(")")

    def order_line(self, order: str, **values: object) -> str:
        return self.line(order, "salesorders", **values)

    def invoice(self, **values: object) -> str:
        return self.document("invoices", **values)

    def invoice_line(self, invoice: str, **values: object) -> str:
        return self.line(invoice, "invoices", **values)

    def read(self, path: str) -> dict[str, Any]:
        reply = self.world.get(path)
        assert reply.status_code == 200, reply.text
        found: dict[str, Any] = reply.json()
        return found

    def set_state(self, header: str, state: Mapping[str, int], entity_set: str = "quotes") -> tuple[int, str]:
        reply = self.world.patch(f"{entity_set}({header})", dict(state), If_Match="*")
        return (reply.status_code, "") if reply.status_code == 204 else code(reply)

    def act(self, name: str, header: str, status: int) -> tuple[int, str]:
        """What an action that closes a quote or an order answers."""
        table = "quote" if "Quote" in name else "salesorder"
        activity = {"subject": "closed", f"{table}id@odata.bind": f"/{table}s({header})"}
        body = {"Status": status, "QuoteClose" if table == "quote" else "OrderClose": activity}
        reply = self.world.send("POST", name, body)
        return (reply.status_code, "") if reply.status_code == 204 else code(reply)

    def revise(self, quote: str) -> Any:
        return self.world.send("POST", "ReviseQuote", {"QuoteId": quote, "ColumnSet": {"AllColumns": True}})

    def convert(self, quote: str, **values: object) -> Any:
        body = {"QuoteId": quote, "ColumnSet": {"AllColumns": True}, **values}
        return self.world.send("POST", "ConvertQuoteToSalesOrder", body)


def desk_in(world: World) -> Desk:
    catalogue = world.catalogue()
    product = world.product(catalogue, price=10, msdynce_ismaintainedexternally=True)
    world.patch(f"products({product})", {"statecode": 0, "statuscode": 1}, If_Match="*")
    account = world.create("accounts", name="Contoso")
    contact = world.create("contacts", lastname="Trujillo")
    return Desk(world, catalogue, account, contact, product)
