"""The unbound actions of quotes, orders and invoices (dataverse-web-api, sections 11.4 and 11.6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.dataverse import invoices, orders, quotes
from local.dataverse.addresses import target
from local.dataverse.organisation import Organisation
from local.dataverse.payloads import Reference, read_body, row_segment, set_lookup
from local.dataverse.reading import JSON_HEADERS, SERVICE, VERSION
from local.dataverse.refusals import invalid_argument
from local.dataverse.salesdocuments import INVOICE, ORDER, QUOTE, Document, copied, copied_lines
from local.dataverse.showing import Presenter, etag, view
from local.dataverse.values import GUID
from local.dataverse.writing import Writer
from local.simulator.messages import Reply, Request
from local.simulator.store import Row
from shared.records import Json

_DEFAULT = -1


@dataclass(frozen=True, slots=True)
class Action:
    """An action and the table whose privilege it takes."""

    table: str
    run: Callable[[Organisation, Writer, Request], Reply]


def win_quote(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """An active quote is won: 204."""
    quote, status = _closing(organisation, QUOTE, "QuoteClose", request)
    changes = quotes.close(organisation, quote, quotes.WON, _status(status, 4))
    return _closed(organisation, writer, QUOTE, quote, changes)


def close_quote(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """An active quote is lost, canceled or about to be revised: 204."""
    quote, status = _closing(organisation, QUOTE, "QuoteClose", request)
    changes = quotes.close(organisation, quote, quotes.CLOSED, _status(status, 5))
    return _closed(organisation, writer, QUOTE, quote, changes)


def revise_quote(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """A closed quote gets a new revision, a draft with new ids for header and lines: 200 with the new row."""
    quote = _row(organisation, QUOTE, read_body(request.body).get("QuoteId"))
    quotes.check_revisable(organisation, quote)
    quote_of = organisation.entity(QUOTE.header)
    leave = frozenset({"quoteid", "statecode", "statuscode", "closedon", "overriddencreatedon"})
    header = copied(quote_of, quote, quote_of, without=leave)
    header["revisionnumber"] = quotes.revision_of(organisation, quote)
    lines = copied_lines(organisation, QUOTE, quote, QUOTE)
    with organisation.store.transaction():
        made = _made(organisation, writer, QUOTE, header, lines)
    return _shown(organisation, QUOTE, made, request)


def convert_quote(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """A quote becomes an order with the same lines; an active quote is won: 200 with the order."""
    content = read_body(request.body)
    quote = _row(organisation, QUOTE, content.get("QuoteId"))
    status = content.get("QuoteCloseStatus", _DEFAULT)
    if not isinstance(status, int) or isinstance(status, bool):
        raise invalid_argument("QuoteCloseStatus is a whole number.")
    header, lines = orders.from_quote(organisation, quote)
    with organisation.store.transaction():
        if quote["statecode"] == quotes.ACTIVE:
            changes = quotes.close(organisation, quote, quotes.WON, _status(status, 4))
            writer.set_state(organisation.entity(QUOTE.header), quote, changes)
        made = _made(organisation, writer, ORDER, header, lines)
    return _shown(organisation, ORDER, made, request)


def cancel_order(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """An order is canceled: 204."""
    order, status = _closing(organisation, ORDER, "OrderClose", request)
    changes = orders.close(organisation, order, orders.CANCELED, _status(status, 4))
    return _closed(organisation, writer, ORDER, order, changes)


def fulfill_order(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """An order is fulfilled: 204."""
    order, status = _closing(organisation, ORDER, "OrderClose", request)
    changes = orders.close(organisation, order, orders.FULFILLED, _status(status, 100001))
    return _closed(organisation, writer, ORDER, order, changes)


def convert_order(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """An order becomes an invoice with the same lines, and is invoiced: 200 with the invoice."""
    order = _row(organisation, ORDER, read_body(request.body).get("SalesOrderId"))
    header, lines = invoices.from_order(organisation, order)
    with organisation.store.transaction():
        made = _made(organisation, writer, INVOICE, header, lines)
        writer.set_state(organisation.entity(ORDER.header), order, orders.invoiced(organisation))
    return _shown(organisation, INVOICE, made, request)


ACTIONS: Mapping[str, Action] = {
    "WinQuote": Action(QUOTE.header, win_quote),
    "CloseQuote": Action(QUOTE.header, close_quote),
    "ReviseQuote": Action(QUOTE.header, revise_quote),
    "ConvertQuoteToSalesOrder": Action(QUOTE.header, convert_quote),
    "CancelSalesOrder": Action(ORDER.header, cancel_order),
    "FulfillSalesOrder": Action(ORDER.header, fulfill_order),
    "ConvertSalesOrderToInvoice": Action(ORDER.header, convert_order),
}


def _closing(organisation: Organisation, of: Document, activity: str, request: Request) -> tuple[Row, int]:
    """The row that an action closes, and the status that it gets."""
    content = read_body(request.body)
    status, close = content.get("Status"), content.get(activity)
    if not isinstance(status, int) or isinstance(status, bool) or not isinstance(close, dict):
        raise invalid_argument(f"The action takes Status, a whole number, and {activity}, an activity.")
    bound = f"{of.link}@odata.bind"
    address = close.get(bound)
    if not isinstance(address, str):
        raise invalid_argument(f"{activity} needs {bound}, the address of the {of.header}.")
    entity, segment = organisation.entity(of.header), row_segment(address)
    if segment.name != entity.entity_set or segment.key is None:
        raise invalid_argument(f"{bound} is {address!r}; give the address of a {of.header}.")
    return _row(organisation, of, target(entity, segment.key).row_id), status


def _closed(organisation: Organisation, writer: Writer, of: Document, row: Row, changes: Row) -> Reply:
    writer.set_state(organisation.entity(of.header), row, changes)
    return Reply(204, VERSION)


def _status(given: int, usual: int) -> int:
    return usual if given == _DEFAULT else given


def _made(organisation: Organisation, writer: Writer, of: Document, header: Row, lines: list[Row]) -> Row:
    """A new document with its lines."""
    header_of, line_of = organisation.entity(of.header), organisation.entity(of.line)
    made = writer.create(header_of, header)
    bound = set_lookup(line_of.columns[of.link], Reference(of.header, str(made[of.link])))
    for line in lines:
        writer.create(line_of, line | bound)
    return organisation.get(header_of, str(made[of.link]))


def _shown(organisation: Organisation, of: Document, row: Row, request: Request) -> Reply:
    entity = organisation.entity(of.header)
    context = f"{request.base_url}{SERVICE}/$metadata#{entity.entity_set}/$entity"
    text = Presenter(organisation, view(entity, None)).show(row, context=context)
    return Reply(200, {**JSON_HEADERS, "ETag": etag(row)}, text.encode())


def _row(organisation: Organisation, of: Document, row_id: Json) -> Row:
    if not isinstance(row_id, str) or GUID.fullmatch(row_id) is None:
        raise invalid_argument(f"The id of the {of.header} is {row_id!r}; give a GUID.")
    return organisation.get(organisation.entity(of.header), row_id.lower())
