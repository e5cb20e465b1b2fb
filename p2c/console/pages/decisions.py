"""What is shown before anybody decides it: values that would be put back, and conflicts between both sides.

A form holds the digest of what was shown. If that has changed meanwhile, nothing is done.
"""

import hashlib
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from p2c.console.site import Site, asked, back_to, given
from p2c.mistakes import Mistake
from shared.operations.resolve import SIDES, Conflict
from shared.operations.undo import UndoPlan
from shared.systems import System


def undo_page(site: Site, request: Request) -> Response:
    """What would be put back of the last write of a record, or of its write by a run."""
    (flow,), id, run = site.to.flows(asked(request, "flow")), asked(request, "id"), asked(request, "run")
    plan = site.to.service.undoing(flow).plan(id, run or None)
    target = site.to.service.flows[flow].target_system.label
    return site.page(request, "undo.html", flow=flow, plan=plan, target=target, shown=_of_plan(plan))


def undo(site: Site, request: Request) -> Response:
    """Put back what was shown, as `p2c undo` does."""
    (flow,), id = site.to.flows(given(request, "flow")), given(request, "id")
    undoing = site.to.service.undoing(flow)
    plan = undoing.plan(id, given(request, "run") or None)
    _require_shown(site, request, _of_plan(plan))
    return back_to("/record", flow=flow, id=id, done="put_back", count=undoing.undo(plan, site.to.audit_log))


def resolve_page(site: Site, request: Request) -> Response:
    """The fields of a record that are in conflict, or in which the target's value stays."""
    (flow,), id = site.to.flows(asked(request, "flow")), asked(request, "id")
    conflict = site.to.service.resolving(flow).look(id)
    is_from_sales = site.to.service.flows[flow].source_system is System.DATAVERSE
    return site.page(
        request,
        "resolve.html",
        flow=flow,
        conflict=conflict,
        shown=_of_conflict(conflict),
        is_from_sales=is_from_sales,
    )


def resolve(site: Site, request: Request) -> Response:
    """Decide for each field whose value counts, as `p2c resolve` does."""
    (flow,), id = site.to.flows(given(request, "flow")), given(request, "id")
    resolving = site.to.service.resolving(flow)
    conflict = resolving.look(id)
    _require_shown(site, request, _of_conflict(conflict))
    taken = {each.field: given(request, f"take {each.field}") for each in conflict.fields}
    if not all(system in SIDES for system in taken.values()):
        raise Mistake(site.language(request).text("decide_each"))
    takes = {field: SIDES[system] for field, system in taken.items()}
    resolving.resolve(conflict, takes, given(request, "reason"), site.to.audit_log)
    return back_to("/record", flow=flow, id=id, done="decided", count=len(takes))


def _require_shown(site: Site, request: Request, now: str) -> None:
    if given(request, "shown") != now:
        raise Mistake(site.language(request).text("changed_since_shown"))


def _of_plan(plan: UndoPlan) -> str:
    return _digest((plan.id, plan.key, plan.entry.run, plan.undone, plan.left))


def _of_conflict(conflict: Conflict) -> str:
    return _digest((conflict.id, conflict.key, conflict.link.etag, conflict.fields))


def _digest(shown: object) -> str:
    return hashlib.sha256(repr(shown).encode("utf-8", "surrogatepass")).hexdigest()


PAGES = {"/undo": undo_page, "/resolve": resolve_page}
ACTS: dict[str, Callable[[Site, Request], Response]] = {"/undo": undo, "/resolve": resolve}
