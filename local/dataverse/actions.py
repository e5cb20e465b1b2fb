"""The unbound actions of quotes: WinQuote, CloseQuote and ReviseQuote (dataverse-web-api, section 11.4)."""

from collections.abc import Callable, Mapping

from local.dataverse import quotes
from local.dataverse.addresses import target
from local.dataverse.organisation import Organisation
from local.dataverse.payloads import Reference, read_body, row_segment, set_lookup
from local.dataverse.reading import JSON_HEADERS, SERVICE, VERSION
from local.dataverse.refusals import invalid_argument
from local.dataverse.showing import Presenter, etag, view
from local.dataverse.values import GUID
from local.dataverse.writing import Writer
from local.simulator.messages import Reply, Request
from local.simulator.store import Row
from shared.records import Json

_DEFAULT = -1


def win_quote(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """An active quote is won: 204."""
    return _close(organisation, writer, request, quotes.WON, 4)


def close_quote(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """An active quote is lost, canceled or about to be revised: 204."""
    return _close(organisation, writer, request, quotes.CLOSED, 5)


def revise_quote(organisation: Organisation, writer: Writer, request: Request) -> Reply:
    """A closed quote gets a new revision, a draft with new ids for header and lines: 200 with the new row."""
    content = read_body(request.body)
    quote = _quote(organisation, content.get("QuoteId"))
    quotes.check_revisable(organisation, quote)
    quote_of, line_of = organisation.entity(quotes.QUOTE), organisation.entity(quotes.LINE)
    with organisation.store.transaction():
        leave = frozenset({"quoteid", "statecode", "statuscode", "closedon", "overriddencreatedon"})
        header = quotes.copied(quote_of, quote, without=leave)
        revision = quotes.revision_of(organisation, quote)
        made = writer.create(quote_of, {**header, "revisionnumber": revision})
        bound = set_lookup(line_of.columns["quoteid"], Reference(quotes.QUOTE, str(made["quoteid"])))
        leave = frozenset({"quotedetailid", "quoteid", "baseamount", "extendedamount", "overriddencreatedon"})
        for line in sorted(organisation.rows(quotes.LINE, quoteid=quote["quoteid"]), key=_place):
            writer.create(line_of, quotes.copied(line_of, line, without=leave) | bound)
        made = organisation.get(quote_of, str(made["quoteid"]))
    chosen = view(quote_of, None)
    context = f"{request.base_url}{SERVICE}/$metadata#quotes/$entity"
    text = Presenter(organisation, chosen).show(made, context=context)
    return Reply(200, {**JSON_HEADERS, "ETag": etag(made)}, text.encode())


ACTIONS: Mapping[str, Callable[[Organisation, Writer, Request], Reply]] = {
    "WinQuote": win_quote,
    "CloseQuote": close_quote,
    "ReviseQuote": revise_quote,
}


def _close(organisation: Organisation, writer: Writer, request: Request, state: int, usual: int) -> Reply:
    content = read_body(request.body)
    status, close = content.get("Status"), content.get("QuoteClose")
    if not isinstance(status, int) or isinstance(status, bool) or not isinstance(close, dict):
        raise invalid_argument("The action takes Status, a whole number, and QuoteClose, an activity.")
    quote = _quote(organisation, _bound_quote(organisation, close.get("quoteid@odata.bind")))
    changes = quotes.close(organisation, quote, state, usual if status == _DEFAULT else status)
    writer.set_state(organisation.entity(quotes.QUOTE), quote, changes)
    return Reply(204, VERSION)


def _bound_quote(organisation: Organisation, address: Json) -> Json:
    """The id in the address of the quote that an activity is bound to."""
    if not isinstance(address, str):
        raise invalid_argument("QuoteClose needs quoteid@odata.bind, the address of the quote.")
    segment = row_segment(address)
    if segment.name != "quotes" or segment.key is None:
        raise invalid_argument(f"quoteid@odata.bind is {address!r}; give the address of a quote.")
    return target(organisation.entity(quotes.QUOTE), segment.key).row_id


def _quote(organisation: Organisation, quote_id: Json) -> Row:
    if not isinstance(quote_id, str) or GUID.fullmatch(quote_id) is None:
        raise invalid_argument(f"The id of the quote is {quote_id!r}; give a GUID.")
    return organisation.get(organisation.entity(quotes.QUOTE), quote_id.lower())


def _place(line: Row) -> tuple[int, str]:
    return int(str(line["lineitemnumber"] or 0)), str(line["quotedetailid"])
