"""Records: found, listed, and one with both of its sides."""

from starlette.requests import Request
from starlette.responses import Response

from p2c.console.site import Site, all_asked, asked, back_to
from p2c.referred import referred_in
from shared.operations.causers import causers_of
from shared.operations.lines import fields_of_lines
from shared.operations.records_list import STATES, page_of_records, require_state, rule_like
from shared.operations.trace import Child, some_children_of

_AT_A_TIME = 50
_CHILDREN = 20


def find(site: Site, request: Request) -> Response:
    """The record with a number, an id or an address; of several, a choice."""
    text, flow = asked(request, "q"), asked(request, "flow")
    service = site.to.service
    if flow:
        (name,) = site.to.flows(flow)
        return back_to("/record", flow=name, id=service.locate(name, site.to.meant_in(name, text)))
    found = service.locate_everywhere(site.to.meant(text))
    if len(found) == 1:
        ((name, id),) = found
        return back_to("/record", flow=name, id=id)
    return site.page(request, "found.html", status=200 if found else 404, found=found, text=text)


def records(site: Site, request: Request) -> Response:
    """The records of a flow by state and rule, some at a time."""
    flow, state, rule = (asked(request, name) for name in ("flow", "state", "rule"))
    (name,) = site.to.flows(flow or site.flows[0])
    if state:
        require_state(state)
    service = site.to.service
    found, after = page_of_records(
        service.state.links,
        name,
        service.clock,
        state=state or None,
        rule=rule or None,
        after=asked(request, "after"),
        limit=_AT_A_TIME,
    )
    meant = rule_like(service.flows[name], service.failing(), rule) if rule and not found and not after else ""
    return site.page(
        request,
        "records.html",
        records=found,
        after=after,
        flow=name,
        state=state,
        rule=rule,
        states=STATES,
        meant=meant,
    )


def record(site: Site, request: Request) -> Response:
    """One record: why it is, or is not, in step; both sides; what was done with it; what it waits for. The page asks
    for what waits for it, since that takes a read for each flow and route."""
    (flow,), id = site.to.flows(asked(request, "flow")), asked(request, "id")
    service = site.to.service
    told = service.explaining(flow).explain(id)
    failure = told.examined.failure or told.failure
    row = told.examined.row
    return site.page(
        request,
        "record.html",
        told=told,
        referred=[] if row is None else referred_in(row.values, site.to.registry),
        history=zip(told.history, causers_of(service.state.audit, told.history), strict=True),
        line_fields=fields_of_lines(told.lines),
        flow=flow,
        addresses=site.to.addresses(flow, id, told.examined.key, told.examined.row),
        rival=site.to.addresses_of_rival(failure),
    )


def children(site: Site, request: Request) -> Response:
    """The part of a record's page that shows what waits for it. Each answer shows what was found in half a second
    and is not shown yet, and asks for the next one."""
    (flow,), id = site.to.flows(asked(request, "flow")), asked(request, "id")
    service = site.to.service
    after, before = asked(request, "after"), all_asked(request, "shown")
    some, further = some_children_of(service.state, service.flows, flow, id, clock=service.clock, after=after)
    found = [child for child in some if _named(child) not in before]
    shown = found[: max(0, _CHILDREN - len(before))]
    return site.page(
        request,
        "children.html",
        flow=flow,
        id=id,
        children=shown,
        is_first=not before,
        more=len(found) > len(shown),
        shown=[*before, *map(_named, shown)],
        after=further,
    )


def _named(child: Child) -> str:
    return f"{child.flow} {child.id}"


PAGES = {"/find": find, "/records": records, "/record": record, "/children": children}
