"""Orders, their lines and mappers for the tests of the orders mapping."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from shared.flows.orders.mapping import DATE_COLUMNS, OrderChoices, OrderMapper
from shared.mapping.verdicts import Filtered, Known, Mapped, MappedLine, Parent, Rejected
from shared.records import Json, SourceRow
from tests.support.clock import START
from tests.unit.mapping.quotes import ACCOUNT, OF_ACCOUNT, OF_CONTACT
from tests.unit.mapping.samples import maps, metadata

NUMBER, QUOTE = "ORD-01000-A1B2C3", "QUO-01000-A1B2C3"
OF_QUOTE = Parent("quotations", "quotation", QUOTE)
KEYS = {OF_ACCOUNT: "ACC-1", OF_CONTACT: "CON-1", OF_QUOTE: QUOTE}
ID = "eeeeeeee-0000-0000-0000-00000000000e"

DRAFT, ACTIVE, CONFIRMED = 647390011, 647390000, 647390001


def line(number: int | None = 1, /, **values: Json) -> dict[str, Json]:
    """A line of an activated order, of a product that comes from F&O; its product number is `product`."""
    product, external = values.pop("product", "D0001"), values.pop("external", True)
    given: dict[str, Json] = {
        "salesorderdetailid": f"dddddddd-0000-0000-0000-{number or 0:012d}",
        "lineitemnumber": number,
        "isproductoverridden": False,
        "msdynce_orderissubmitted": True,
        "productid": {"productnumber": product, "msdynce_ismaintainedexternally": external, "producttypecode": 1},
        "uomid": {"name": "Piece"},
        "quantity": Decimal("3.0000000000"),
        "priceperunit": Decimal("100.0000"),
    }
    return {**given, **values}


def header(*lines: dict[str, Json], **values: Json) -> dict[str, Json]:
    """An activated order of an account, with a line unless others are given."""
    given: dict[str, Json] = {
        "salesorderid": ID,
        "ordernumber": NUMBER,
        "name": "Bikes",
        "msdynce_processingstatus": ACTIVE,
        "msdynce_ismaintainedexternally": False,
        "msdynce_hasexternallymaintainedproductsonly": True,
        "customerid_account": {"accountid": ACCOUNT.upper()},
        "customerid_contact": None,
        "quoteid": None,
        "transactioncurrencyid": {"isocurrencycode": "USD"},
        "lines": list(lines) or [line()],
    }
    return {**given, **values}


def order(*headers: dict[str, Json]) -> SourceRow:
    """An order by its number: one that is activated unless others are given."""
    return SourceRow(NUMBER, 7, {"ordernumber": NUMBER, "revisions": list(headers) or [header()]})


def mapper(choices: OrderChoices | None = None, **parts: Json) -> OrderMapper:
    """The orders mapping with choices and with parts of the map document replaced."""
    return OrderMapper(maps(**parts), choices)


def known(numbers: Mapping[int, str] | None = None) -> Known:
    """Customers and quotation are linked, the order is not; the date columns behave as Sales is delivered."""
    return Known(START, references=metadata(DATE_COLUMNS), keys=KEYS, numbers=numbers or {})


def linked(*ids: str) -> Known:
    """The order is in F&O, and was made from the orders with these ids."""
    return replace(known({1: "a.b"}), route="order", revisions=dict.fromkeys(ids or (ID,), 0))


def mapped(row: SourceRow, mapping: OrderMapper | None = None, of: Known | None = None) -> Mapped:
    """What an order becomes."""
    verdict = (mapping or mapper()).evaluate(row, of or known())
    assert isinstance(verdict, Mapped), verdict
    return verdict


def mapped_line(mapping: OrderMapper | None = None, /, **values: Json) -> MappedLine:
    """What the only line of an order becomes."""
    (only,) = mapped(order(header(line(**values))), mapping).lines.values()
    return only


def rejected(row: SourceRow, mapping: OrderMapper | None = None, of: Known | None = None) -> Rejected:
    """Why an order is refused."""
    verdict = (mapping or mapper()).evaluate(row, of or known())
    assert isinstance(verdict, Rejected), verdict
    return verdict


def filtered(row: SourceRow, mapping: OrderMapper | None = None) -> str:
    """The rule by which an order is not for F&O."""
    verdict = (mapping or mapper()).evaluate(row, known())
    assert isinstance(verdict, Filtered), verdict
    return verdict.rule
