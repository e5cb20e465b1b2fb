"""Quotes, their lines and mappers for the tests of the quotations mapping."""

from collections.abc import Mapping
from decimal import Decimal

from shared.flows.quotations.mapping import DATE_COLUMNS, QuotationChoices, QuotationMapper
from shared.mapping.verdicts import Filtered, Known, Mapped, MappedLine, Parent, Rejected
from shared.records import Json, SourceRow
from tests.support.clock import START
from tests.unit.mapping.samples import maps, metadata

ACCOUNT = "aaaaaaaa-0000-0000-0000-00000000000a"
CONTACT = "cccccccc-0000-0000-0000-00000000000c"
OF_ACCOUNT = Parent("accounts", "customer", ACCOUNT)
OF_CONTACT = Parent("contacts", "customer", CONTACT)
KEYS = {OF_ACCOUNT: "ACC-1", OF_CONTACT: "CON-1"}
NUMBER = "QUO-01000-A1B2C3"

DRAFT, ACTIVE, WON, CLOSED = 0, 1, 2, 3


def line(number: int | None = 1, /, **values: Json) -> dict[str, Json]:
    """A line of a product that comes from F&O; its product number is `product`."""
    product = values.pop("product", "D0001")
    external, kind = values.pop("external", True), values.pop("kind", 1)
    given: dict[str, Json] = {
        "quotedetailid": f"dddddddd-0000-0000-0000-{number or 0:012d}",
        "lineitemnumber": number,
        "isproductoverridden": False,
        "productid": {"productnumber": product, "msdynce_ismaintainedexternally": external, "producttypecode": kind},
        "uomid": {"name": "Piece"},
        "quantity": Decimal("3.0000000000"),
        "priceperunit": Decimal("100.0000"),
    }
    return {**given, **values}


def header(*lines: dict[str, Json], **values: Json) -> dict[str, Json]:
    """An active quote of an account, with a line unless others are given."""
    given: dict[str, Json] = {
        "quoteid": "eeeeeeee-0000-0000-0000-00000000000e",
        "quotenumber": NUMBER,
        "revisionnumber": 0,
        "statecode": ACTIVE,
        "statuscode": 2,
        "name": "Bikes",
        "msdynce_hasexternallymaintainedproductsonly": True,
        "customerid_account": {"accountid": ACCOUNT.upper()},
        "customerid_contact": None,
        "transactioncurrencyid": {"isocurrencycode": "USD"},
        "lines": list(lines) or [line()],
    }
    return {**given, **values}


def quote(*revisions: dict[str, Json]) -> SourceRow:
    """A quote by its number: one active revision unless others are given."""
    return SourceRow(NUMBER, 7, {"quotenumber": NUMBER, "revisions": list(revisions) or [header()]})


def mapper(choices: QuotationChoices | None = None, **parts: Json) -> QuotationMapper:
    """The quotations mapping with choices and with parts of the map document replaced."""
    return QuotationMapper(maps(**parts), choices)


def known(numbers: Mapping[int, str] | None = None) -> Known:
    """Both customers are linked; the date columns behave as Sales is delivered."""
    return Known(START, references=metadata(DATE_COLUMNS), keys=KEYS, numbers=numbers or {})


def mapped(row: SourceRow, mapping: QuotationMapper | None = None, numbers: Mapping[int, str] | None = None) -> Mapped:
    """What a quote becomes."""
    verdict = (mapping or mapper()).evaluate(row, known(numbers))
    assert isinstance(verdict, Mapped), verdict
    return verdict


def mapped_line(mapping: QuotationMapper | None = None, /, **values: Json) -> MappedLine:
    """What the only line of a quote becomes."""
    (only,) = mapped(quote(header(line(**values))), mapping).lines.values()
    return only


def rejected(row: SourceRow, mapping: QuotationMapper | None = None) -> Rejected:
    """Why a quote is refused."""
    verdict = (mapping or mapper()).evaluate(row, known())
    assert isinstance(verdict, Rejected), verdict
    return verdict


def filtered(row: SourceRow, mapping: QuotationMapper | None = None) -> Filtered:
    """Why a quote is not for F&O."""
    verdict = (mapping or mapper()).evaluate(row, known())
    assert isinstance(verdict, Filtered), verdict
    return verdict
