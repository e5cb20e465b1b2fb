"""The states of a quote, and its revisions (dataverse-web-api, section 11.4)."""

from local.dataverse.organisation import Organisation, number
from local.dataverse.refusals import business_rule
from local.dataverse.salesdocuments import QUOTE, check_header, refuse_state, require_status
from local.simulator.store import Row

DRAFT, ACTIVE, WON, CLOSED = 0, 1, 2, 3
REVISED = 7

_ACTION_OF = {WON: "WinQuote", CLOSED: "CloseQuote"}
_STATE_NAMES = {DRAFT: "Draft", ACTIVE: "Active", WON: "Won", CLOSED: "Closed"}


def check_quote(organisation: Organisation, before: Row, after: Row) -> Row:
    """A quote as the platform lets it be stored. Raises Refused (400)."""
    if before:
        if after["statecode"] == ACTIVE and before["statecode"] not in (DRAFT, ACTIVE):
            raise business_rule("0x80100003", "The quote cannot be activated because it is not in draft state.")
        refuse_state(before, after, _ACTION_OF, _STATE_NAMES, "Quote")
        return check_header(organisation, QUOTE, before, after)
    return {
        "revisionnumber": after.get("revisionnumber") or 0,
        **check_header(organisation, QUOTE, before, after),
    }


def close(organisation: Organisation, quote: Row, state: int, status: int) -> Row:
    """The changes that win or close a quote. Raises Refused (400) for one that is not active."""
    if quote["statecode"] != ACTIVE:
        raise business_rule("0x80048408", f"The quote is {_STATE_NAMES[number(quote['statecode'])]}, not Active.")
    require_status(organisation, QUOTE.header, state, status)
    return {"statecode": state, "statuscode": status, "closedon": organisation.clock().date().isoformat()}


def check_revisable(organisation: Organisation, quote: Row) -> None:
    """Only a closed quote can be revised, and only one revision is open at a time. Raises Refused (400)."""
    if quote["statecode"] != CLOSED:
        raise business_rule("0x80048408", "Only a closed quote can be revised.")
    namesakes = organisation.rows(QUOTE.header, quotenumber=quote["quotenumber"])
    if any(other["statecode"] in (DRAFT, ACTIVE) for other in namesakes):
        raise business_rule(
            "0x80048d00", "The quote cannot be revised as there already exists another quote in Draft/Active state."
        )


def revision_of(organisation: Organisation, quote: Row) -> int:
    """The number of the next revision."""
    revisions = organisation.rows(QUOTE.header, quotenumber=quote["quotenumber"])
    return max(number(other["revisionnumber"]) for other in revisions) + 1
