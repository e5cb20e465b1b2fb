"""Before go-live: the check list of preflight, and a plan to read and to take along."""

import csv
import io

from starlette.requests import Request
from starlette.responses import Response

from p2c.console.site import Site, asked
from p2c.estimate import estimate_of
from p2c.mistakes import Mistake
from p2c.output import words
from p2c.plans import Found, as_markdown
from p2c.sheets import harmless
from p2c.texts import field_of
from shared.flows.checks import CheckResult
from shared.operations.dry_run import summary_of
from shared.operations.live_types import Lengths, LiveTypes, Types
from shared.operations.map_entries import listed
from shared.operations.map_tables import map_tables
from shared.operations.preflight.run import Preflight

_USUAL, _MOST = 50, 500
_SHOWN = 100
_IN_ORDER = (CheckResult.WRONG, CheckResult.BY_HAND, CheckResult.WELL)


def map_page(site: Site, request: Request) -> Response:
    """The map that counts: every field of a flow's targets with its rule, and the types and lengths that both systems
    give their columns now; and the entries of value maps that are set by hand, which count for every flow."""
    (name,) = site.to.flows(asked(request, "flow") or site.flows[0])
    tables, flow = map_tables(site.to.deployment, name), site.to.service.flows[name]
    live = LiveTypes.of(site.to.service.systems)
    sets = {
        flow.source_system: sorted({table.source_set for table in tables}),
        flow.target_system: sorted({table.target_set for table in tables}),
    }
    types, lengths = dict[str, Types](), dict[str, Lengths]()
    for system, names in sets.items():
        types |= live.of_sets(system, names)
        lengths |= live.lengths_of_sets(system, names)
    return site.page(
        request,
        "map.html",
        flow=name,
        tables=tables,
        types=types,
        lengths=lengths,
        source=flow.source_system.label,
        target=flow.target_system.label,
        entries=listed(site.to.deployment, site.to.service.map_entries.now()),
    )


def preflight(site: Site, request: Request) -> Response:
    """The check list. Unlike the command it blocks and releases no flow. The checks are made if they are asked for."""
    if not asked(request, "run"):
        return site.page(request, "preflight.html", checks=None)
    to = site.to
    found = list(Preflight(to.service.systems, to.deployment, to.service.clock.now()).checks())
    return site.page(request, "preflight.html", checks=sorted(found, key=lambda each: _IN_ORDER.index(each.verdict)))


def plan(site: Site, request: Request) -> Response:
    """A dry run of some records, if it is asked for; it writes nothing."""
    flow = asked(request, "flow")
    if not flow:
        return site.page(request, "plan.html", plan=None, limit=_USUAL, most=_MOST)
    (name,), limit = site.to.flows(flow), _limit(request)
    found = _found(site, name, limit)
    summary = summary_of(found.examined)
    return site.page(
        request,
        "plan.html",
        flow=name,
        plan=found,
        shown=found.told[:_SHOWN],
        more=max(0, len(found.told) - _SHOWN),
        summary=summary,
        fields=found.fields,
        estimate=estimate_of(site.to.service.limits, summary, site.to.service.state.runs.latest(name, 500)),
        target=site.to.service.flows[name].target_system.label,
        limit=limit,
        most=_MOST,
    )


def plan_markdown(site: Site, request: Request) -> Response:
    """The same as a document for a review."""
    (name,) = site.to.flows(asked(request, "flow"))
    found = _found(site, name, _limit(request))
    summary = summary_of(found.examined)
    estimate = estimate_of(site.to.service.limits, summary, site.to.service.state.runs.latest(name, 500))
    return _file(as_markdown(name, summary, found, estimate), f"plan-{name}.md", "text/markdown")


def plan_csv(site: Site, request: Request) -> Response:
    """The same for a spreadsheet: a line for each field that would be written, or that others have changed."""
    (name,) = site.to.flows(asked(request, "flow"))
    text = io.StringIO()
    lines = csv.writer(text)
    lines.writerow(["id", "key", "outcome", "cause", "field", "there", "written", "new"])
    for examined, beside in _found(site, name, _limit(request)).told:
        cause = examined.failure.cause if examined.failure else ""
        of_record = (examined.id, examined.key, examined.kind, cause)
        rows = [(field_of(each), each.there, each.written, each.new) for each in beside.values] or [("", "", "", "")]
        lines.writerows([harmless(words(cell)) for cell in (*of_record, *row)] for row in rows)
    return _file(f"\ufeff{text.getvalue()}", f"plan-{name}.csv", "text/csv")


def _found(site: Site, flow: str, limit: int) -> Found:
    service = site.to.service
    examined = list(service.dry_run(flow).of_all(limit))
    return Found(examined, service.side_by_side(flow, examined))


def _limit(request: Request) -> int:
    text = asked(request, "limit") or str(_USUAL)
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= _MOST):
        raise Mistake(f"the number of records is {text[:20]!r}: give a whole number from 1 to {_MOST}")
    return int(text)


def _file(content: str, name: str, kind: str) -> Response:
    named = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=f"{kind}; charset=utf-8", headers=named)


PAGES = {"/preflight": preflight, "/plan": plan, "/plan.md": plan_markdown, "/plan.csv": plan_csv, "/map": map_page}
