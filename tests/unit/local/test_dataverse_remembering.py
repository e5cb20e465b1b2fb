"""What the simulator of Dataverse remembers of its rows: no client can tell."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from local.dataverse.organisation import ORGANIZATION_ID
from local.dataverse.settings import Settings
from local.simulator.messages import Reply
from local.simulator.store import Store
from shared import exact_json
from tests.support.thinned import few_examples
from tests.unit.local.batch_bodies import Op
from tests.unit.local.dataverse_desk import desk_in
from tests.unit.local.dataverse_world import ADMIN, TOKEN, World, dataverse
from tests.unit.local.twins import Twins

API = "/api/data/v9.2"
ADMINISTRATOR = "x-simulator-admin-token"
MISSING = "11111111-1111-1111-1111-111111111111"
# The number that stands for no row at all.
NOWHERE = 11
SETTINGS = Settings(page_cap=3)
SETS = {
    "account": "accounts",
    "contact": "contacts",
    "product": "products",
    "uom": "uoms",
    "uomschedule": "uomschedules",
    "pricelevel": "pricelevels",
    "productpricelevel": "productpricelevels",
    "transactioncurrency": "transactioncurrencies",
    "quote": "quotes",
    "quotedetail": "quotedetails",
    "salesorder": "salesorders",
    "salesorderdetail": "salesorderdetails",
    "invoice": "invoices",
    "invoicedetail": "invoicedetails",
}
TABLES = tuple(SETS)
NAMED = ("account", "product", "uom", "uomschedule", "pricelevel", "quote", "salesorder", "invoice")
TRACKED = ("account", "contact", "product", "quote", "quotedetail", "salesorder", "salesorderdetail")
Numbers = tuple[int, int, int]


@dataclass
class Salesroom:
    """The twins, and the ids that their rows have or had."""

    twins: Twins
    worlds: tuple[World, World]
    known: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    links: list[str] = field(default_factory=list)
    tag: str = 'W/"1"'

    def look(self) -> None:
        """Note the ids of new rows."""
        for table in TABLES:
            rows = self.twins.asking[1].tuples(f"SELECT {table}id FROM {table} ORDER BY versionnumber")
            self.known[table] += [str(row) for (row,) in rows if row not in self.known[table]]

    def row(self, table: str, at: int) -> str:
        """One of the rows, or one that was deleted or never was; the latest first."""
        known = self.known[table]
        return f"{SETS[table]}({known[-1 - at % len(known)] if known and at != NOWHERE else MISSING})"

    def bound(self, table: str, at: int) -> str:
        return f"/{self.row(table, at)}"


def content(room: Salesroom, table: str, b: int, c: int) -> dict[str, Any]:
    """A new row, or one that breaks a rule."""
    currency = room.bound("transactioncurrency", c // 4)
    header = {
        "name": f"Document {b}",
        "pricelevelid@odata.bind": room.bound("pricelevel", c // 3),
        "transactioncurrencyid@odata.bind": currency,
        **(
            {"customerid_contact@odata.bind": room.bound("contact", b)}
            if c % 2
            else {"customerid_account@odata.bind": room.bound("account", b)}
        ),
    }
    units = {
        "defaultuomid@odata.bind": room.bound("uom", c),
        "defaultuomscheduleid@odata.bind": room.bound("uomschedule", c // 2),
    }
    match table:
        case "account":
            parent = {"parentaccountid@odata.bind": room.bound("account", c)} if c % 2 else {}
            return {"name": f"Account {b}", "creditlimit": b, **parent}
        case "contact":
            company = {"parentcustomerid_account@odata.bind": room.bound("account", c)} if c % 2 else {}
            return {"lastname": f"Contact {b}", **company}
        case "product":
            external = {"msdynce_ismaintainedexternally": bool(b % 2)}
            return {
                "productnumber": f"P-{b}",
                "name": "Bike",
                "quantitydecimal": c % 3,
                "price": 7,
                **units,
                **external,
            }
        case "uomschedule":
            return {"name": f"Units {b}", "baseuomname": "Each"}
        case "uom":
            schedule = {"uomscheduleid@odata.bind": room.bound("uomschedule", c // 2)}
            return {"name": f"Box {b}", "quantity": 2, "baseuom@odata.bind": room.bound("uom", c), **schedule}
        case "pricelevel":
            return {"name": f"List {b}", "transactioncurrencyid@odata.bind": currency}
        case "productpricelevel":
            return {
                "pricelevelid@odata.bind": room.bound("pricelevel", b),
                "productid@odata.bind": room.bound("product", c // 2),
                "uomid@odata.bind": room.bound("uom", c),
                "amount": 11,
            }
        case "transactioncurrency":
            name = ("USD", "EUR", "CHF")[b % 3]
            return {
                "isocurrencycode": name,
                "currencyname": name,
                "currencysymbol": name,
                "currencyprecision": c % 4,
                "exchangerate": 1 + b,
            }
        case "quote" | "salesorder" | "invoice":
            return header
    of = table.removesuffix("detail")
    return {
        f"{of}id@odata.bind": room.bound(of, b),
        "productid@odata.bind": room.bound("product", c // 2),
        "uomid@odata.bind": room.bound("uom", c // 2),
        "quantity": 1 + c % 3,
    }


def changes(room: Salesroom, table: str, b: int, c: int) -> dict[str, Any]:
    """What changes of a row."""
    match table:
        case "account":
            parent = {"parentaccountid@odata.bind": room.bound("account", c)}
            return ({"name": f"Account {c}"}, {"creditlimit": c + 0.126}, parent, {"statecode": b % 2})[c % 4]
        case "contact":
            company = {"parentcustomerid_account@odata.bind": room.bound("account", c)}
            return ({"lastname": f"Contact {c}"}, company, {"msdynce_contactnumber": f"CON-{c}"})[c % 3]
        case "product":
            unit = {"defaultuomid@odata.bind": room.bound("uom", c)}
            return (
                {"price": c + 0.12345},
                {"statecode": b % 4},
                {"name": f"Bike {c}"},
                {"productnumber": f"P-{c}"},
                unit,
                {"pricelevelid@odata.bind": room.bound("pricelevel", b)},
            )[c % 6]
        case "uom":
            return {"name": f"Box {c}"} if c % 2 else {"quantity": c}
        case "pricelevel":
            currency = {"transactioncurrencyid@odata.bind": room.bound("transactioncurrency", c)}
            return ({"name": f"List {c}"}, {"statecode": b % 2}, currency)[c % 3]
        case "productpricelevel":
            return {"amount": c + 0.12345}
        case "transactioncurrency":
            return {"exchangerate": c + 0.5} if c % 2 else {"currencyprecision": c % 5}
        case "quote" | "salesorder" | "invoice":
            prices = {"pricelevelid@odata.bind": room.bound("pricelevel", b)}
            person = {"customerid_contact@odata.bind": room.bound("contact", b)}
            return ({"statecode": 1}, {"name": f"Document {c}"}, {"discountamount": c}, prices, person)[c % 5]
        case "quotedetail" | "salesorderdetail" | "invoicedetail":
            own_price = {"ispriceoverridden": True, "priceperunit": c + 0.12345}
            return ({"quantity": c}, own_price, {"productid@odata.bind": room.bound("product", b)})[c % 3]
    return {"name": f"Named {c}"}


def create(room: Salesroom, table: str, numbers: Numbers) -> Op:
    _, b, c = numbers
    headers = {"Prefer": "return=representation"} if b % 2 else {}
    return Op("POST", f"{API}/{SETS[table]}", content(room, table, b, c), headers=headers)


def update(room: Salesroom, table: str, numbers: Numbers) -> Op:
    a, b, c = numbers
    tags: tuple[dict[str, str], ...] = ({"If-Match": "*"}, {}, {"If-Match": room.tag})
    return Op("PATCH", f"{API}/{room.row(table, a)}", changes(room, table, b, c), headers=tags[(b + c) % 3])


def upsert(room: Salesroom, _table: str, numbers: Numbers) -> Op:
    a, b, c = numbers
    return Op("PATCH", f"{API}/contacts(msdynce_contactnumber='CON-{a % 4}')", content(room, "contact", b, c))


def set_property(room: Salesroom, table: str, numbers: Numbers) -> Op:
    a, b, c = numbers
    if b % 2:
        named = table if table in NAMED else "account"
        return Op("PUT", f"{API}/{room.row(named, a)}/name", {"value": f"Set {c}"})
    account = f"{API}/{room.row('account', a)}"
    match c % 3:
        case 0:
            return Op("DELETE", f"{account}/creditlimit")
        case 1:
            return Op("DELETE", f"{account}/parentaccountid/$ref")
    return Op("PUT", f"{account}/parentaccountid/$ref", {"@odata.id": room.bound("account", c)})


def delete(room: Salesroom, table: str, numbers: Numbers) -> Op:
    return Op("DELETE", f"{API}/{room.row(table, numbers[0])}")


def bulk(room: Salesroom, table: str, numbers: Numbers) -> Op:
    a, b, c = numbers
    message = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")[a % 3]
    targets: list[dict[str, Any]] = []
    for at in range(1 + b % 3):
        row = room.row(table, at + c).split("(")[1].rstrip(")")
        each = changes(room, table, b, c + at) if message == "UpdateMultiple" else content(room, table, b + at, c)
        identity = {} if message == "CreateMultiple" else {f"{table}id": row}
        targets.append({"@odata.type": f"Microsoft.Dynamics.CRM.{table}", **each, **identity})
    return Op("POST", f"{API}/{SETS[table]}/Microsoft.Dynamics.CRM.{message}", {"Targets": targets})


def act(room: Salesroom, _table: str, numbers: Numbers) -> Op:
    a, b, _ = numbers
    quote, order = (room.row(table, b).split("(")[1].rstrip(")") for table in ("quote", "salesorder"))
    every = {"ColumnSet": {"AllColumns": True}}
    closed = {"Status": -1, "QuoteClose": {"quoteid@odata.bind": f"/quotes({quote})"}}
    ended = {"Status": -1, "OrderClose": {"salesorderid@odata.bind": f"/salesorders({order})"}}
    name, body = (
        ("WinQuote", closed),
        ("CloseQuote", closed),
        ("ReviseQuote", {"QuoteId": quote, **every}),
        ("ConvertQuoteToSalesOrder", {"QuoteId": quote, **every}),
        ("CancelSalesOrder", ended),
        ("FulfillSalesOrder", ended),
        ("ConvertSalesOrderToInvoice", {"SalesOrderId": order, **every}),
    )[a % 7]
    return Op("POST", f"{API}/{name}", body)


def set_up(_room: Salesroom, _table: str, numbers: Numbers) -> Op:
    """Change what the whole organisation goes by."""
    a, b, _ = numbers
    changed: dict[str, Any] = (
        {"pricingdecimalprecision": b % 5},
        {"createproductswithoutparentinactivestate": bool(b % 2)},
        {"expirechangetrackingindays": b},
        {"currencydecimalprecision": b % 5},
        {"quoteprefix": f"Q{b}"},
        {"uniquespecifierlength": 4 + b % 3},
        {"pricingdecimalprecision": 99},
    )[a % 7]
    return Op("PATCH", f"{API}/organizations({ORGANIZATION_ID})", changed, headers={"If-Match": "*"})


WRITES: tuple[Callable[[Salesroom, str, Numbers], Op], ...] = (
    create,
    create,
    update,
    update,
    upsert,
    set_property,
    delete,
    bulk,
    act,
    set_up,
)


def read(room: Salesroom, table: str, numbers: Numbers) -> Op:
    a, b, c = numbers
    tag = {"If-None-Match": room.tag} if c % 2 else {}
    expanded = ("quotes", "quotedetails", "products")[c % 3]
    ways = {
        "quotes": "transactioncurrencyid($select=exchangerate),pricelevelid",
        "quotedetails": "quoteid($select=name,totalamount),productid($select=name)",
        "products": "defaultuomid($select=name),defaultuomscheduleid($select=name)",
    }
    address = (
        room.row(table, b),
        f"contacts(msdynce_contactnumber='CON-{b % 4}')",
        f"{SETS[table]}?$filter=createdon gt 2020-01-01&$orderby=modifiedon desc",
        f"{expanded}?$expand={ways[expanded]}",
        f"{room.row(expanded.removesuffix('s'), b)}?$expand={ways[expanded]}",
        f"accounts?$filter=startswith(name,'Account') and creditlimit lt {b}",
        f"organizations({ORGANIZATION_ID})?$select=pricingdecimalprecision,expirechangetrackingindays",
        f"{SETS[table]}/$count",
        f"RetrieveTotalRecordCount(EntityNames=['{table}','{TABLES[c]}'])",
        f"EntityDefinitions(LogicalName='{table}')?$select=LogicalName,ChangeTrackingEnabled",
    )[a % 10]
    return Op("GET", f"{API}/{address}", headers=tag)


def follow(room: Salesroom, table: str, numbers: Numbers) -> Op:
    """Begin to track changes, or go on from a link that was given."""
    a, b, _ = numbers
    if a % 2 and room.links:
        return Op("GET", room.links[-1 - b % len(room.links)])
    tracked = table if table in TRACKED else "contact"
    return Op("GET", f"{API}/{SETS[tracked]}?$select={tracked}id", headers={"Prefer": "odata.track-changes"})


def steer(_room: Salesroom, table: str, numbers: Numbers) -> Op:
    a, b, _ = numbers
    headers = {ADMINISTRATOR: ADMIN}
    if a % 2:
        return Op("DELETE", f"/_simulator/{('privileges', 'links')[b % 2]}", headers=headers)
    if b % 2:
        return Op("POST", "/_simulator/links", {"refuse_delta": True}, headers=headers)
    return Op("POST", "/_simulator/privileges", {table: {"write": False}}, headers=headers)


READS: tuple[Callable[[Salesroom, str, Numbers], Op], ...] = (read, read, read, follow)
DEEDS = (*WRITES, *READS, steer)

NUMBERS = st.tuples(st.integers(0, NOWHERE), st.integers(0, 5), st.integers(0, NOWHERE))
TABLE = st.sampled_from(TABLES)
ALONE = st.tuples(st.just("alone"), st.lists(st.tuples(st.sampled_from(DEEDS), TABLE, NUMBERS), min_size=1, max_size=4))
TOGETHER = st.tuples(
    st.sampled_from(["change set", "batch"]),
    st.lists(st.tuples(st.sampled_from(WRITES), TABLE, NUMBERS), min_size=1, max_size=4),
)
PARTS = st.lists(st.one_of(ALONE, ALONE, TOGETHER), min_size=4, max_size=20)


@cache
def _stocked() -> Store:
    """A catalogue, an account, a contact, and documents with a line each, among them an active quote."""
    with dataverse(settings=SETTINGS) as world:
        desk = desk_in(world)
        desk.line(desk.quote())
        desk.order_line(desk.order())
        desk.invoice_line(desk.invoice())
        active = desk.quote()
        desk.line(active)
        assert desk.set_state(active, {"statecode": 1, "statuscode": 2})[0] == 204
        return world.organisation.store.copied()


@contextmanager
def salesroom() -> Iterator[Salesroom]:
    """Twins that draw the same ids and have the same clock."""
    stock = _stocked()
    with dataverse(settings=SETTINGS, store=stock) as one, dataverse(settings=SETTINGS, store=stock) as other:
        for world in (one, other):
            world.organisation.random.seed(1)
        pair = [(world.simulator, world.organisation.store) for world in (one, other)]
        yield Salesroom(Twins(pair[0], pair[1], {"Authorization": f"Bearer {TOKEN}"}), (one, other))


def note(room: Salesroom, reply: Reply) -> None:
    """What later requests can name: the tag, and the links of a tracked read."""
    room.tag = reply.headers.get("ETag", room.tag)
    if b'Link":' in reply.body and reply.headers.get("Content-Type", "").startswith("application/json"):
        found = exact_json.loads(reply.body)
        assert isinstance(found, dict)
        links = [found.get(f"@odata.{kind}Link") for kind in ("next", "delta")]
        room.links += [str(link).removeprefix("http://twin") for link in links if link]


def play(room: Salesroom, kind: str, steps: list[tuple[Callable[[Salesroom, str, Numbers], Op], str, Numbers]]) -> None:
    if kind == "alone":
        for deed, table, numbers in steps:
            room.look()
            note(room, room.twins.ask(deed(room, table, numbers)))
            for world in room.worlds:
                world.clock.advance(timedelta(hours=numbers[2]))
        return
    room.look()
    ops = [deed(room, table, numbers) for deed, table, numbers in steps]
    room.twins.ask_in_batch(f"{API}/$batch", ops, as_change_set=kind == "change set")


# A setting that a product has asked for, rows of a change set that is undone, a quote that is won as an order, and
# a row that is deleted.
CHANGED_SETTING = (
    "alone",
    [(create, "product", (0, 4, 0)), (set_up, "product", (0, 1, 0)), (read, "quote", (6, 0, 0))],
)
UNDONE = ("change set", [(update, "account", (0, 0, 0)), (delete, "account", (NOWHERE, 0, 0))])
WON = ("alone", [(read, "account", (0, 0, 0)), (act, "quote", (3, 0, 0)), (read, "quotedetail", (4, 0, 1))])

DELETED = ("alone", [(read, "contact", (0, 0, 0)), (delete, "contact", (0, 0, 0)), (read, "contact", (0, 0, 0))])


@few_examples()
@example([CHANGED_SETTING, UNDONE, WON, DELETED])
@given(PARTS)
def test_no_client_of_dataverse_can_tell_what_is_remembered(parts: list[tuple[str, list[Any]]]) -> None:
    with salesroom() as room:
        for kind, steps in parts:
            play(room, kind, steps)
        room.twins.compare()
