"""What is not in step: by cause, and record by record."""

from starlette.requests import Request
from starlette.responses import Response

from p2c.console.site import Site, asked

_AT_A_TIME = 50


def causes(site: Site, request: Request) -> Response:
    """The failures by cause, with the distinct values."""
    flow, dismissed = asked(request, "flow"), bool(asked(request, "dismissed"))
    chosen, counted = site.to.flows(flow or None), site.causes[dismissed].latest()
    found = None if counted is None else [each for each in counted if each.flow in chosen]
    return site.page(request, "causes.html", causes=found, flow=flow, dismissed=dismissed)


def failures(site: Site, request: Request) -> Response:
    """The failures of one cause, some at a time."""
    (flow,), cause = site.to.flows(asked(request, "flow")), asked(request, "cause")
    dismissed = bool(asked(request, "dismissed"))
    found, after = site.to.service.failing().page(
        flow, cause=cause, dismissed=dismissed, after=asked(request, "after"), limit=_AT_A_TIME
    )
    return site.page(request, "failures.html", failures=found, after=after, flow=flow, cause=cause, dismissed=dismissed)


PAGES = {"/causes": causes, "/failures": failures}
