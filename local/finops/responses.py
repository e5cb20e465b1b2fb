"""Replies with the bodies and headers of the service."""

from collections.abc import Mapping

from local.finops.refusals import Declined, Refused
from local.finops.showing import Detail
from local.simulator.server import Reply
from shared import exact_json
from shared.records import Json

JSON = "application/json; odata.metadata=minimal"
# Even without metadata a list says how long it is and where it continues.
_ALWAYS = frozenset({"@odata.count", "@odata.nextLink"})


def body_reply(status: int, body: Mapping[str, Json], headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON body."""
    # An error may quote half of a surrogate pair that a request sent.
    content = exact_json.dumps(dict(body)).encode("utf-8", errors="replace")
    return Reply(status, {"Content-Type": JSON, "OData-Version": "4.0", **(headers or {})}, content)


def detailed_reply(
    status: int, body: Mapping[str, Json], detail: Detail, headers: Mapping[str, str] | None = None
) -> Reply:
    """A body of records with as much metadata as was requested."""
    told = body
    if detail is Detail.NONE:
        told = {name: value for name, value in body.items() if not name.startswith("@") or name in _ALWAYS}
    kind = {"Content-Type": f"application/json; odata.metadata={detail}"}
    return body_reply(status, told, {**kind, **(headers or {})})


def text_reply(text: str) -> Reply:
    """A bare value, such as a count."""
    return Reply(200, {"Content-Type": "text/plain", "OData-Version": "4.0"}, text.encode("utf-8"))


def xml_reply(content: bytes) -> Reply:
    """The CSDL document."""
    return Reply(200, {"Content-Type": "application/xml", "OData-Version": "4.0"}, content)


def empty_reply(status: int) -> Reply:
    """No body at all."""
    return Reply(status, {"OData-Version": "4.0"}, b"")


def refused_reply(refused: Refused) -> Reply:
    """The error body: constant outside, the content inside."""
    inner: dict[str, Json] = {
        "message": refused.detail,
        "type": refused.exception,
        "stacktrace": "   at Microsoft.Dynamics.Platform.Integration.Services.OData",
    }
    error: dict[str, Json] = {"code": "", "message": "An error has occurred.", "innererror": inner}
    return body_reply(refused.status, {"error": error})


def route_unknown_reply(url: str) -> Reply:
    """An unknown collection or action: another shape than every other error."""
    text = f"No HTTP resource was found that matches the request URI '{url}'. No route data was found for this request."
    return Reply(
        404, {"Content-Type": "application/json; charset=utf-8"}, exact_json.dumps({"Message": text}).encode("utf-8")
    )


def declined_reply(declined: Declined) -> Reply:
    """The status, with a page of the web server in front of the service if it has a title: HTML, not OData."""
    title = declined.title
    if not title:
        return empty_reply(declined.status)
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h2>{title}</h2></body></html>"
    return Reply(declined.status, {"Content-Type": "text/html; charset=utf-8"}, page.encode("utf-8"))
